package observe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// collectorClient sends spans as OTLP over HTTP. The client of OpenTelemetry is not used: it brings gRPC into the program,
// which would grow by a third (docs/adr/0008-tracing.md). Spans that a collector does not accept are lost: they are
// counted, and the log reports the loss once. Spans beyond the queue are also lost, see queue.
type collectorClient struct {
	url       string
	log       *zap.Logger
	metrics   *Metrics
	failing   atomic.Bool
	waiting   atomic.Int64 // spans
	transport http.RoundTripper
}

// Start implements otlptrace.Client.
func (c *collectorClient) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *collectorClient) Stop(context.Context) error { return nil }

// UploadTraces implements otlptrace.Client.
func (c *collectorClient) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	n := 0
	for _, resource := range spans {
		for _, scope := range resource.GetScopeSpans() {
			n += len(scope.GetSpans())
		}
	}
	c.waiting.Add(-int64(n))
	err := c.send(ctx, spans)
	outcome := "sent"
	if err != nil {
		outcome = "lost"
	}
	c.metrics.Spans(outcome, n)
	switch was := c.failing.Swap(err != nil); {
	case err != nil && !was:
		c.log.Warn("traces are lost: tracing.endpoint does not accept them", zap.Error(err))
	case err == nil && was:
		c.log.Info("traces are accepted again")
	}
	return err
}

// queue holds at most sdk.DefaultMaxQueueSize spans for a collector, and counts the spans that it drops. The queue of
// the SDK drops spans without counting them.
type queue struct {
	sdk.SpanProcessor

	client *collectorClient
}

// OnEnd implements sdk.SpanProcessor.
func (q queue) OnEnd(s sdk.ReadOnlySpan) {
	if q.client.waiting.Add(1) > sdk.DefaultMaxQueueSize {
		q.client.waiting.Add(-1)
		q.client.metrics.Spans("lost", 1)
		return
	}
	q.SpanProcessor.OnEnd(s)
}

// collectorTimeout is the time limit for sending one batch.
const collectorTimeout = 10 * time.Second

func (c *collectorClient) send(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	ctx, cancel := context.WithTimeout(ctx, collectorTimeout)
	defer cancel()
	// TracesData has the same wire format as ExportTraceServiceRequest (opentelemetry/proto/trace/v1).
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("send spans: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("send spans: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // the body was read
	const most = 64 << 10  // reading the body keeps the connection usable
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, most))
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("send spans: the collector answers %s", res.Status)
	}
	return nil
}
