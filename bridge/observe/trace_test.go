package observe

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"
)

// TestSpansBeyondTheQueueAreCounted: while a collector does not answer, the spans beyond the queue are lost and
// counted. All other spans arrive.
func TestSpansBeyondTheQueueAreCounted(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-answer }))
	defer collector.Close()
	metrics := prometheus.NewRegistry()
	tracer, err := NewTracer(TracerOptions{Endpoint: collector.URL, Sample: 1, Log: zap.NewNop(), Metrics: NewMetrics(metrics, "test", EveryTenant), Transport: http.DefaultTransport})
	if err != nil {
		t.Fatal(err)
	}
	const most = sdk.DefaultMaxQueueSize + sdk.DefaultMaxExportBatchSize // spans that wait or are being sent
	const ended, beyond = most + 100, 100
	for range ended {
		tracer.Request(&Request{}, http.Header{}, http.MethodGet, "/Users", time.Now())(http.StatusOK, "")
	}
	close(answer)
	if err := tracer.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := counts(t, metrics, "scim_bridge_trace_spans_total")
	if spans["lost"] < beyond || spans["sent"]+spans["lost"] != ended {
		t.Errorf("spans %v, of %d at least %d are lost", spans, ended, beyond)
	}
}

// counts returns the values of a counter by its only label.
func counts(t *testing.T, metrics prometheus.Gatherer, name string) map[string]int {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			out[m.GetLabel()[0].GetValue()] = int(m.GetCounter().GetValue())
		}
	}
	return out
}
