package observe_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap/zapcore"
	"google.golang.org/protobuf/proto"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// marker is the text that TestSecurity_48 repeats.
const marker = "zzzz"

// TestSecurity_48_EveryTextOfAClientIsBounded: texts of any length from a client are shortened in the log, in metrics
// and traces, on the status page and in errors. This holds with and without a credential.
func TestSecurity_48_EveryTextOfAClientIsBounded(t *testing.T) {
	t.Parallel()
	collector := &spanCollector{}
	collecting := httptest.NewServer(collector)
	defer collecting.Close()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), tracingTo(collecting.URL))
	jane := b.Create(t, "/Users", apptest.CreateJane)
	team := b.Create(t, "/Groups", `{"displayName":"Team"}`)
	b.Lines.TakeAll()
	long, longer := strings.Repeat(marker, 200<<8), strings.Repeat(marker, 1<<18) // 200 kB, 1 MB
	root := strings.TrimPrefix(b.Base, "http://"+host(b))
	for name, request := range map[string]string{
		"method":      long + " " + root + "/Users HTTP/1.1\r\nHost: x\r\n",
		"path":        "GET /" + long + " HTTP/1.1\r\nHost: x\r\n",
		"tenant":      "GET /realms/" + long + "/scim/v2/Users HTTP/1.1\r\nHost: x\r\n",
		"endpoint":    "GET " + root + "/" + long + " HTTP/1.1\r\nHost: x\r\n",
		"id":          "GET " + root + "/Users/" + long + " HTTP/1.1\r\nHost: x\r\n",
		"query":       "GET " + root + "/Users?" + long + " HTTP/1.1\r\nHost: x\r\n",
		"query name":  "GET " + root + "/Users?" + long + "=1 HTTP/1.1\r\nHost: x\r\n",
		"filter":      "GET " + root + "/Users?filter=" + long + " HTTP/1.1\r\nHost: x\r\n",
		"filter name": "GET " + root + "/Users?filter=" + long[:8000] + "%20pr HTTP/1.1\r\nHost: x\r\n",
		"sortBy":      "GET " + root + "/Users?sortBy=" + long + " HTTP/1.1\r\nHost: x\r\n",
		"attributes":  "GET " + root + "/Users?attributes=" + long + " HTTP/1.1\r\nHost: x\r\n",
		"cursor":      "GET " + root + "/Users?cursor=" + long + " HTTP/1.1\r\nHost: x\r\n",
		"count":       "GET " + root + "/Users?count=" + strings.ReplaceAll(long, "z", "9") + " HTTP/1.1\r\nHost: x\r\n",
		"schema":      "GET " + root + "/Schemas/" + long + " HTTP/1.1\r\nHost: x\r\n",
		"Host":        "GET " + root + "/Users HTTP/1.1\r\nHost: " + long + "\r\n",
		"User-Agent":  header("User-Agent", long, root), "X-Request-Id": header("X-Request-Id", long, root), "traceparent": header("traceparent", long, root),
		"tracestate": header("traceparent", clientParent+"\r\ntracestate: a="+long, root), "many tracestates": header("traceparent", clientParent+"\r\ntracestate: "+strings.Repeat(marker+"=1,", 2000), root),
		"X-Forwarded-For": header("X-Forwarded-For", long, root), "Content-Type": header("Content-Type", long, root), "Content-Encoding": header("Content-Encoding", long, root),
		"If-Match": header("If-Match", long, root), "a header of no meaning": header(marker, long, root), "Accept": header("Accept", long, root),
	} {
		for _, credential := range []string{"", "Authorization: Bearer " + b.Token + "\r\n", "Authorization: Bearer eyJ" + long[:100_000] + ".e30.x\r\n", "Authorization: " + long[:100_000] + "\r\n"} {
			size := len(exchangeRaw(t, host(b), request+credential+"Connection: close\r\n\r\n"))
			lines := written(t, b)
			if size > 8<<10 || slices.Max(append(lines, 0)) > 2<<10 {
				t.Errorf("%s, %.30q: an answer of %d bytes, lines of %v", name, credential, size, lines)
			}
		}
	}
	patch := func(op string) string {
		return `{"schemas":["` + scim.PatchOpURN + `"],"Operations":[` + op + `]}`
	}
	bulkOf := func(operations string) string {
		return `{"schemas":["` + scim.BulkRequestURN + `"],"Operations":[` + operations + `]}`
	}
	text := `"` + longer + `"`
	for name, c := range map[string][3]string{
		"userName":                 {"POST", "/Users", `{"userName":` + text + `}`},
		"the name of an attribute": {"POST", "/Users", `{"userName":"a",` + text + `:1}`},
		"a value of another type":  {"POST", "/Users", `{"userName":"b","active":` + text + `}`},
		"a schema":                 {"POST", "/Users", `{"schemas":[` + text + `],"userName":"c"}`},
		"an extension":             {"POST", "/Users", `{"schemas":["` + scim.UserURN + `"],"userName":"d","urn:` + longer + `":{"a":1}}`},
		"an address":               {"POST", "/Users", `{"userName":"e","emails":[{"value":` + text + `}]}`},
		"a manager":                {"POST", "/Users", `{"userName":"f","` + scim.EnterpriseUserURN + `":{"manager":{"value":` + text + `}}}`},
		"externalId":               {"PATCH", "/Users/" + jane, patch(`{"op":"replace","path":"externalId","value":` + text + `}`)},
		"op":                       {"PATCH", "/Users/" + jane, patch(`{"op":` + text + `,"path":"title","value":"x"}`)},
		"the path of an operation": {"PATCH", "/Users/" + jane, patch(`{"op":"replace","path":` + text + `,"value":"x"}`)},
		"a value filter":           {"PATCH", "/Users/" + jane, patch(`{"op":"replace","path":"emails[type eq \"` + longer + `\"].value","value":"x@y.test"}`)},
		"a member of an operation": {"PATCH", "/Users/" + jane, patch(`{"op":"replace",` + text + `:1,"value":{` + text + `:1}}`)},
		"displayName":              {"POST", "/Groups", `{"displayName":` + text + `}`},
		"a member":                 {"PATCH", "/Groups/" + team, patch(`{"op":"add","path":"members","value":[{"value":` + text + `}]}`)},
		"many members":             {"PATCH", "/Groups/" + team, patch(`{"op":"add","path":"members","value":[` + strings.Join(apptest.Numbered(4000, `{"value":"`+long[:200]+`-%d"}`), ",") + `]}`)},
		"members that go":          {"PATCH", "/Groups/" + team, patch(`{"op":"remove","path":"members","value":[` + strings.Join(apptest.Numbered(4000, `{"value":"`+long[:200]+`-%d"}`), ",") + `]}`)},
		"a filter of a search":     {"POST", "/Users/.search", `{"schemas":["` + scim.SearchRequestURN + `"],"filter":` + text + `}`},
		"sortBy of a search":       {"POST", "/Users/.search", `{"schemas":["` + scim.SearchRequestURN + `"],"sortBy":` + text + `}`},
		"the method of a bulk":     {"POST", "/Bulk", bulkOf(`{"method":` + text + `,"path":"/Users","bulkId":"a","data":{}}`)},
		"the path of a bulk":       {"POST", "/Bulk", bulkOf(`{"method":"DELETE","path":"/Users/` + longer + `"},{"method":"DELETE","path":"/` + longer + `/x"}`)},
		"no JSON":                  {"POST", "/Users", longer},
		"a number":                 {"POST", "/Users", `{"userName":"g","active":` + strings.ReplaceAll(longer, "z", "9") + `}`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c[0], b.Base+c[1], strings.NewReader(c[2]))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+b.Token)
		req.Header.Set("Content-Type", scim.MediaType)
		status, _, body := apptest.Exchange(t, req)
		lines := written(t, b)
		if status >= http.StatusBadRequest && len(body) > 8<<10 || strings.Contains(c[1], "Bulk") && len(body) > 2*len(longer) || slices.Max(append(lines, 0)) > 64<<10 || status == http.StatusInternalServerError {
			t.Errorf("%s: %d, an answer of %d bytes, lines of %v", name, status, len(body), lines)
		}
	}
	for _, page := range []string{"/metrics", "/statusz"} {
		w := httptest.NewRecorder()
		b.App.Health.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+page, nil))
		if strings.Contains(w.Body.String(), marker) {
			t.Errorf("%s shows what a client chose", page)
		}
	}
	if err := b.App.Tracer.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, span := range collector.spans {
		if proto.Size(span) > 2<<10 || strings.Contains(span.String(), strings.Repeat(marker, 20)) {
			t.Errorf("a span is %.500s", span)
		}
	}
	if len(collector.spans) == 0 {
		t.Error("there are no spans")
	}
}

// header is the beginning of a request with a header.
func header(name, value, root string) string {
	return "POST " + root + "/Users HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + name + ": " + value + "\r\n"
}

// host is the address of the bridge.
func host(b apptest.Bridge) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(b.Base, "http://"), "/")
	return host
}

// exchangeRaw sends bytes and reads the whole answer.
func exchangeRaw(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, request) // a text that is too long is refused before its end
	answer, _ := io.ReadAll(bufio.NewReader(conn))
	return string(answer)
}

// written returns the lengths of the log lines since the last call.
func written(t *testing.T, b apptest.Bridge) []int {
	t.Helper()
	var out []int
	for _, e := range b.Lines.TakeAll() {
		line, err := zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"}).EncodeEntry(e.Entry, e.Context)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, line.Len())
	}
	return out
}
