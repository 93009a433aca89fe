package observe_test

import (
	"encoding/hex"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestSecurity_54_MetricsAnswerOnlyUnderTheirOwnNames: a web page whose host name points to this address cannot read
// /metrics and /statusz. Probes may use any host name.
func TestSecurity_54_MetricsAnswerOnlyUnderTheirOwnNames(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
		c.Admin.Listen, c.Admin.Hosts = "Bridge.internal:9091", []config.HostName{"scim-bridge.scim.svc"}
	})
	for host, known := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:9091": true, "10.1.2.3:9091": true, "[::1]:9091": true, "[fd00::1]": true, "localhost": true, "LocalHost:9091": true, "a.localhost": true,
		"bridge.internal": true, "BRIDGE.internal.:9091": true, "scim-bridge.scim.svc:9091": true, "scim-bridge.scim.svc": true,
		"evil.example": false, "evil.example:9091": false, "scim-bridge.scim.svc.evil.example": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false, "xlocalhost": false,
		"127.0.0.1.nip.io:9091": false, "": false, "evil.example:localhost": false, "x@localhost": false, "1": false, "0x7f.1": false, ".": false, ".localhost": true,
	} {
		for _, page := range []string{"/metrics", "/statusz", "/livez", "/readyz"} {
			r := httptest.NewRequest(http.MethodGet, page, nil)
			r.Host = host
			w := httptest.NewRecorder()
			b.App.Health.Handler().ServeHTTP(w, r)
			want := http.StatusOK
			if !known && (page == "/metrics" || page == "/statusz") {
				want = http.StatusMisdirectedRequest
			}
			if w.Code != want || w.Code != http.StatusOK && strings.Contains(w.Body.String(), b.Realm) {
				t.Errorf("%s by the name %q = %d %.200s, want %d", page, host, w.Code, w.Body, want)
			}
		}
	}
}

// TestSecurity_54_OnlyItsUserOpensTheControlSocket: other users can never open the socket, and cannot replace it.
func TestSecurity_54_OnlyItsUserOpensTheControlSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "own", "s")
	// A parallel check of the directory must never see the socket with another mode.
	stop, seen := make(chan struct{}), make(chan string, 1)
	go func() {
		defer close(seen)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if info, err := os.Stat(path); err == nil && info.Mode().Perm() != 0o600 {
				seen <- info.Mode().String()
				return
			}
		}
	}()
	for range 200 {
		listener, err := control.Listen(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := new(net.Dialer).DialContext(t.Context(), "unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if mode := <-seen; mode != "" {
		t.Errorf("the socket was there with mode %s", mode)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory of the socket is %v, %v, want mode 0700", info, err)
	}
	for _, mode := range []os.FileMode{0o777, 0o777 | os.ModeSticky, 0o703} {
		public := filepath.Join(t.TempDir(), "public")
		if err := os.Mkdir(public, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(public, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := control.Listen(t.Context(), filepath.Join(public, "s")); err == nil || !strings.Contains(err.Error(), "every user of this machine may write into") {
			t.Errorf("in a directory of mode %s: %v", mode, err)
		}
		listener, err := control.Listen(t.Context(), filepath.Join(public, "own", "s"))
		if err != nil {
			t.Fatal(err)
		}
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSecurity_54_AnUnknownClientsTraceDoesNotDecideWhatIsSent: only the trace of a client with a valid credential
// decides whether a trace is sent.
func TestSecurity_54_AnUnknownClientsTraceDoesNotDecideWhatIsSent(t *testing.T) {
	t.Parallel()
	for _, sample := range []config.Percent{0, config.All} {
		collector := &spanCollector{}
		collecting := httptest.NewServer(collector)
		defer collecting.Close()
		server, told := headersOf(t, keycloaktest.NewFake(t).Server())
		b := apptest.NewBridgeOn(t, server, func(c *config.Config) {
			tracingTo(collecting.URL)(c)
			c.Tracing.Sample = sample
		})
		before := len(told())
		for _, credential := range []string{"", "Bearer x", "Bearer " + b.Token} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.Base+"/Users", strings.NewReader(`{"userName":"jane"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Traceparent", clientParent)
			req.Header.Set("Tracestate", "a="+strings.Repeat("x", 200)+",b="+strings.Repeat("x", 200)+",c="+strings.Repeat("x", 200))
			if credential != "" {
				req.Header.Set("Authorization", credential)
			}
			status, header, body := apptest.Exchange(t, req)
			good := strings.Contains(credential, b.Token)
			if good != (status == http.StatusCreated) {
				t.Fatalf("with %.10q: %d %s", credential, status, body)
			}
			if line := requestLine(t, b.Lines, header.Get("X-Request-Id")); (line["trace_id"] == clientTrace) != good {
				t.Errorf("with %.10q the line is %v", credential, line)
			}
		}
		if err := b.App.Tracer.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		clients, others := 0, 0
		for _, span := range collector.spans {
			if hex.EncodeToString(span.GetTraceId()) == clientTrace {
				clients++
			} else {
				others++
			}
			if span.GetTraceState() != "" {
				t.Errorf("a span has the state %s", span.GetTraceState())
			}
		}
		if want := map[bool]int{true: 0, false: 2}[sample == 0]; clients != 2 || others != want { // the request and its call; the two refused requests
			t.Errorf("of %v sampled, %d spans of the client's trace were sent and %d others, want 2 and %d", sample, clients, others, want)
		}
		if got := told()[before:]; len(got) != 1 || !strings.Contains(got[0], clientTrace) {
			t.Errorf("Keycloak got %v", got)
		}
	}
}
