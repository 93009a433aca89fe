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
	// Endpoint is the URL of a collector that accepts OTLP over HTTP, such as "http://collector:4318"; with "" no
	// traces are sent.
	Endpoint string
	// Sample is the share of the bridge's own traces that are sent, from 0 to 1. For a trace that a client with a
	// valid credential began, the client's sampling flag decides.
	Sample  float64
	Version string // of the bridge
	Log     *zap.Logger
	Metrics *Metrics
	// Transport is the transport to the collector.
	Transport http.RoundTripper
}

// Tracer makes a trace for a SCIM request, with its calls to Keycloak (OpenTelemetry). Without an endpoint it only
// passes on the headers of W3C Trace Context unchanged. A span has no personal data: it has no value, and no URL,
// because queries can contain names.
type Tracer struct {
	tracer trace.Tracer
	stop   func(context.Context) error
}

// NewTracer makes a Tracer. The caller has to call Stop at the end.
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
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) // collectorClient logs the errors, once
	provider := sdk.NewTracerProvider(sdk.WithResource(about), sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(o.Sample))), sdk.WithSpanProcessor(queue{sdk.NewBatchSpanProcessor(otlptrace.NewUnstarted(client), sdk.WithMaxQueueSize(sdk.DefaultMaxQueueSize)), client}))
	return &Tracer{provider.Tracer("scim-bridge"), provider.Shutdown}, nil
}

// Stop sends the remaining spans, until the context ends.
func (t *Tracer) Stop(ctx context.Context) error { return t.stop(ctx) }

// maxState is how much of a client's tracestate is passed on, in bytes. W3C Trace Context requires this size, and
// Keycloak refuses headers that are much longer.
const maxState = 512

// Request prepares the span of a SCIM request that began at start. route is a pattern. When the client is known (see
// Request.Traced), the span belongs to the client's trace, and the client's sampling flag decides whether it is sent.
// Otherwise the span is a trace of its own, and Sample decides. The returned function ends the span, with the status
// and the error code, "" for no error.
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

// fault records why a request failed. Only a fault of the server makes its span an error.
func fault(span trace.Span, status int, code string) {
	if code != "" {
		span.SetAttributes(attribute.String("error.type", code))
	}
	if status == 0 || status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, code)
	}
}

// Calls makes a span for every call through next that belongs to a traced request, and passes the trace to Keycloak.
// name returns the purpose of a call. failure returns the status of an error of next, 0 for no status, and the kind
// of the error.
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
