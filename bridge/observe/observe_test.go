package observe_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	logtest "go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/proto"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// spanCollector is a collector that accepts OTLP over HTTP.
type spanCollector struct {
	mu    sync.Mutex
	spans []*tracepb.Span
	wrong []string
}

// ServeHTTP implements http.Handler.
func (c *spanCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	var data tracepb.TracesData
	if err == nil {
		err = proto.Unmarshal(body, &data)
	}
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.wrong = append(c.wrong, fmt.Sprint(r.Method, r.URL, r.Header, err))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, resource := range data.GetResourceSpans() {
		if !strings.Contains(resource.GetResource().String(), `"scim-bridge"`) {
			c.wrong = append(c.wrong, "no service.name")
		}
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
}

// headersOf puts a proxy before a server that records the header traceparent of every request.
func headersOf(t *testing.T, s keycloaktest.Server) (keycloaktest.Server, func() []string) {
	t.Helper()
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var seen []string
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
		mu.Lock()
		defer mu.Unlock()
		if trace := r.In.Header.Get("Traceparent"); trace != "" {
			seen = append(seen, trace)
		}
	}}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	s.URL = front.URL
	return s, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

const (
	clientTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientSpan   = "00f067aa0ba902b7"
	clientParent = "00-" + clientTrace + "-" + clientSpan + "-01"
)

func tracingTo(collector string) func(*config.Config) {
	return func(c *config.Config) {
		c.Tracing = config.Tracing{Endpoint: config.URL(collector), Sample: config.All}
	}
}

// postTraced sends a request of a client that traces its requests.
func postTraced(t *testing.T, b apptest.Bridge, body string) http.Header {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.Base+"/Users", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.Token)
	req.Header.Set("Content-Type", "application/scim+json")
	req.Header.Set("Traceparent", clientParent)
	status, header, text := apptest.Exchange(t, req)
	if status != http.StatusCreated {
		t.Fatalf("POST = %d %s", status, text)
	}
	return header
}

// TestOneTraceFromTheRequestToEveryCall: the client's trace contains a span of the request and a span of each call of
// Keycloak. Keycloak gets the trace in its headers (W3C Trace Context). No span contains values of the request.
func TestOneTraceFromTheRequestToEveryCall(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collector := &spanCollector{}
			collecting := httptest.NewServer(collector)
			defer collecting.Close()
			server, told := headersOf(t, start(t))
			b := apptest.NewBridgeOn(t, server, tracingTo(collecting.URL))
			before := len(told())
			header := postTraced(t, b, apptest.CreateJane)
			if err := b.App.Tracer.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			line := requestLine(t, b.Lines, header.Get("X-Request-Id"))
			if line["trace_id"] != clientTrace {
				t.Errorf("the line of the request is %v", line)
			}
			if len(collector.wrong) > 0 {
				t.Errorf("the collector got %v", collector.wrong)
			}
			checkTrace(t, collector.spans, told()[before:], line["kc_calls"])
			sent := b.Metric(t, `scim_bridge_trace_spans_total{outcome="sent"}`)
			if sent != fmt.Sprintf(`scim_bridge_trace_spans_total{outcome="sent"} %d`, len(collector.spans)) {
				t.Errorf("metric %q, the collector got %d spans", sent, len(collector.spans))
			}
		})
	}
}

func checkTrace(t *testing.T, spans []*tracepb.Span, told []string, calls any) {
	t.Helper()
	var request string
	ids := map[string]bool{}
	for _, s := range spans {
		if hex.EncodeToString(s.GetTraceId()) != clientTrace {
			t.Errorf("span %s belongs to another trace", s.GetName())
		}
		if text := strings.ToLower(s.String()); strings.Contains(text, "jane") || strings.Contains(text, "/admin/") {
			t.Errorf("a span contains a value: %s", s)
		}
		if s.GetKind() == tracepb.Span_SPAN_KIND_SERVER {
			request = hex.EncodeToString(s.GetSpanId())
			if s.GetName() != "POST /Users" || hex.EncodeToString(s.GetParentSpanId()) != clientSpan {
				t.Errorf("the span of the request is %s", s)
			}
		}
	}
	var names []string
	for _, s := range spans {
		if s.GetKind() == tracepb.Span_SPAN_KIND_CLIENT {
			names = append(names, s.GetName())
			ids[hex.EncodeToString(s.GetSpanId())] = true
			if hex.EncodeToString(s.GetParentSpanId()) != request {
				t.Errorf("the span of a call is not a child of the request's span: %s", s)
			}
		}
	}
	if want := []string{"create user"}; !slices.Equal(names, want) || calls != int64(len(names)) {
		t.Errorf("spans of calls %v, want %v; the log counts %v", names, want, calls)
	}
	for _, header := range told {
		if parts := strings.Split(header, "-"); len(parts) != 4 || parts[1] != clientTrace || !ids[parts[2]] {
			t.Errorf("Keycloak got the header %s", header)
		}
	}
	if len(told) != len(names) {
		t.Errorf("Keycloak got the trace %d times in %d calls", len(told), len(names))
	}
}

// TestTraceHeadersArePassedOnWithoutACollector: the headers are unchanged, and the bridge begins no trace of its own.
func TestTraceHeadersArePassedOnWithoutACollector(t *testing.T) {
	t.Parallel()
	server, told := headersOf(t, keycloaktest.NewFake(t).Server())
	b := apptest.NewBridgeOn(t, server, nil)
	if _, err := b.Send(t, http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"untraced"}`); err != nil {
		t.Fatal(err)
	}
	if seen := told(); len(seen) != 0 {
		t.Errorf("Keycloak got the traces %v, but the client began no trace", seen)
	}
	postTraced(t, b, apptest.CreateJane)
	seen := told()
	if len(seen) == 0 || slices.ContainsFunc(seen, func(h string) bool { return h != clientParent }) {
		t.Errorf("Keycloak got %v, want %s", seen, clientParent)
	}
}

// TestACollectorThatIsAwayIsNotAFault: the request succeeds, the spans are counted as lost, and the log reports the
// loss once.
func TestACollectorThatIsAwayIsNotAFault(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.NotFoundHandler())
	defer refusing.Close()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), tracingTo(refusing.URL))
	postTraced(t, b, apptest.CreateJane)
	if err := b.App.Tracer.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lost := b.Metric(t, `scim_bridge_trace_spans_total{outcome="lost"}`); !strings.HasSuffix(lost, "} 2") {
		t.Errorf("metric %q, want 2 spans", lost)
	}
	if said := b.Lines.FilterMessage("traces are lost: tracing.endpoint does not accept them").Len(); said != 1 {
		t.Errorf("the log says %d times that traces are lost", said)
	}
}

// requestLine returns the fields of the log line of a request.
func requestLine(t *testing.T, lines *logtest.ObservedLogs, id string) map[string]any {
	t.Helper()
	for _, entry := range lines.FilterMessage("request").All() {
		if fields := entry.ContextMap(); fields["req_id"] == id {
			return fields
		}
	}
	t.Fatalf("no line for the request %s", id)
	return nil
}

// TestEveryWriteHasAnAuditRecord: a record says who changed what, where, and how the change ended. Each operation of
// a bulk request has its own record. No record contains a value.
func TestEveryWriteHasAnAuditRecord(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	jane, err := b.Send(t, http.MethodPost, "/Users", apptest.CreateJane)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := jane["id"].(string)
	b.Must(t, http.MethodPatch, "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`)
	b.Must(t, http.MethodGet, "/Users/"+id, "")
	b.Must(t, http.MethodPost, "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
		{"method":"POST","path":"/Groups","bulkId":"g","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Sales","members":[{"value":"`+id+`"}]}},
		{"method":"DELETE","path":"/Users/`+id+`"}]}`)
	var got []string
	for _, entry := range b.Lines.All() {
		if entry.LoggerName != "audit" {
			continue
		}
		fields := entry.ContextMap()
		text, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		if lower := strings.ToLower(string(text)); strings.Contains(lower, "jane") || strings.Contains(lower, "sales") {
			t.Errorf("a record holds a value: %s", text)
		}
		if fields["tenant"] != b.Realm || fields["client"] == "" || fields["key_id"] == "" || fields["req_id"] == "" || fields["id"] == "" {
			t.Errorf("a record lacks who or where: %s", text)
		}
		steps, _ := fields["plan"].([]any)
		line := fmt.Sprint(fields["resource"], " ", fields["result"], " ", fields["done"])
		for _, step := range steps {
			kind, _, _ := strings.Cut(fmt.Sprint(step), " ")
			line += " " + kind
		}
		got = append(got, line)
	}
	want := []string{
		"User done 1 create_user",
		"User done 2 update_user end_sessions",
		"Group done 3 create_group add_member update_group",
		"User done 1 delete_user",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit records (-want +got):\n%s", diff)
	}
}
