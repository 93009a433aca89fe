package observe

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

// TracerOptions are what a Tracer needs.
type TracerOptions struct {
	// Endpoint is the URL of a collector that takes OTLP over HTTP, as "http://collector:4318"; ""
	// sends nothing.
	Endpoint string
	// Sample is the share of the traces that begin here which are sent, from 0 to 1. Those that
	// began at a client with a good credential are sent as it says.
	Sample  float64
	Version string // of the bridge
	Log     *zap.Logger
	Metrics *Metrics
	// Transport reaches the collector.
	Transport http.RoundTripper
}

// Tracer makes one trace of a SCIM request and the calls of Keycloak that it takes (OpenTelemetry).
// Without an endpoint it passes the headers of W3C Trace Context on, as they came. A span has no
// personal data: no URL, as there are names in queries, and no value.
type Tracer struct {
	tracer trace.Tracer
	stop   func(context.Context) error
}

// NewTracer makes a Tracer. Stop has to be called in the end.
func NewTracer(o TracerOptions) (*Tracer, error) {
	if o.Endpoint == "" {
		return &Tracer{noop.NewTracerProvider().Tracer(""), func(context.Context) error { return nil }}, nil
	}
	client := &collectorClient{url: strings.TrimRight(o.Endpoint, "/") + "/v1/traces", log: o.Log, metrics: o.Metrics, transport: o.Transport}
	about, err := resource.New(context.Background(), resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "scim-bridge"), attribute.String("service.version", o.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) // the exporter's client tells of them once
	provider := sdk.NewTracerProvider(sdk.WithResource(about), sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Sample))), sdk.WithSpanProcessor(queue{sdk.NewBatchSpanProcessor(otlptrace.NewUnstarted(client), sdk.WithMaxQueueSize(sdk.DefaultMaxQueueSize)), client}))
	return &Tracer{provider.Tracer("scim-bridge"), provider.Shutdown}, nil
}

// Stop sends what is left, until the context ends.
func (t *Tracer) Stop(ctx context.Context) error { return t.stop(ctx) }

// maxState is how much of a client's tracestate is passed on, in bytes: what W3C Trace Context
// asks for. Keycloak refuses headers that are much longer.
const maxState = 512

// Request prepares the span of a SCIM request that began at start, whose route is a pattern. It
// belongs to the client's trace, and is sent as that says, once the client is known (see
// Request.Traced); that of anybody else is a trace of its own, of which Sample decides. The
// function ends the span, with the status and the code of the error, "" for none.
func (t *Tracer) Request(r *Request, header http.Header, method, route string, start time.Time) (end func(status int, code string)) {
	var span trace.Span
	begin := func(ctx context.Context) context.Context {
		ctx, span = t.tracer.Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(start))
		if span.SpanContext().IsValid() {
			r.TraceID = span.SpanContext().TraceID().String()
		}
		return ctx
	}
	r.traced = func(ctx context.Context) context.Context {
		of := propagation.MapCarrier{traceParent: header.Get(traceParent)}
		if state := header.Get(traceState); len(state) <= maxState {
			of[traceState] = state
		}
		return begin(propagation.TraceContext{}.Extract(ctx, of))
	}
	return func(status int, code string) {
		if span == nil {
			begin(context.Background())
		}
		if span.IsRecording() {
			span.SetAttributes(
				attribute.String("http.request.method", method), attribute.String("http.route", route), attribute.Int("http.response.status_code", status),
				attribute.String("scim.tenant", r.Tenant), attribute.String("scim.client", r.Client), attribute.String("scim.request_id", r.ID), attribute.Int64("keycloak.calls", r.Calls()),
			)
			fault(span, status, code)
		}
		span.End()
	}
}

// The headers of W3C Trace Context.
const (
	traceParent = "traceparent"
	traceState  = "tracestate"
)

// fault says why a span is none of a success; only what is the server's is an error of its span.
func fault(span trace.Span, status int, code string) {
	if code != "" {
		span.SetAttributes(attribute.String("error.type", code))
	}
	if status == 0 || status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, code)
	}
}

// Calls makes a span of every call that goes through next and belongs to a traced request, and
// tells Keycloak of the trace. name says what a call is for, and failure the status, 0 for none,
// and the kind of an error of next.
func (t *Tracer) Calls(next http.RoundTripper, name func(context.Context) string, failure func(error) (status int, kind string)) http.RoundTripper {
	return tracedCalls{t.tracer, next, name, failure}
}

type tracedCalls struct {
	tracer  trace.Tracer
	next    http.RoundTripper
	name    func(context.Context) string
	failure func(error) (status int, kind string)
}

// RoundTrip implements http.RoundTripper.
func (t tracedCalls) RoundTrip(req *http.Request) (*http.Response, error) {
	if !trace.SpanContextFromContext(req.Context()).IsValid() {
		return t.next.RoundTrip(req)
	}
	ctx, span := t.tracer.Start(req.Context(), t.name(req.Context()), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", req.Method), attribute.String("server.address", req.URL.Host)))
	defer span.End()
	req = req.Clone(ctx)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
	res, err := t.next.RoundTrip(req)
	switch {
	case !span.IsRecording():
	case err != nil:
		status, kind := t.failure(err)
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		fault(span, status, kind)
	default:
		span.SetAttributes(attribute.Int("http.response.status_code", res.StatusCode))
	}
	return res, err
}
