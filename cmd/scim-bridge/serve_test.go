package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// look reads a page of the admin listener.
func look(t *testing.T, s *apptest.Served, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Listener+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, _, body := apptest.Exchange(t, req)
	_, _ = apptest.Wrote.Write([]byte(body))
	return status, body
}

// TestServeDrainsOnSIGTERM: the bridge answers the request in flight, /readyz answers 503
// meanwhile, and the process exits with 0.
func TestServeDrainsOnSIGTERM(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	s := apptest.NewServed(t, fake.Server())
	release := make(chan struct{})
	reached := fake.Inject(keycloaktest.Fault{Op: "POST /users", Hold: release})
	answered := make(chan error, 1)
	go func() {
		_, err := s.Do(context.WithoutCancel(t.Context()), http.MethodPost, "/Users", json.RawMessage(apptest.CreateJane))
		answered <- err
	}()
	<-reached
	if status, _ := look(t, s, "/readyz"); status != 200 {
		t.Errorf("/readyz = %d before SIGTERM, want 200", status)
	}
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.Await(t, `"draining"`)
	if status, _ := look(t, s, "/readyz"); status != 503 {
		t.Errorf("/readyz = %d while draining, want 503", status)
	}
	if status, _ := look(t, s, "/livez"); status != 200 {
		t.Errorf("/livez = %d while draining, want 200", status)
	}
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	log := s.Rest()
	if err := s.Cmd.Wait(); err != nil {
		t.Errorf("serve ended with %v:\n%s", err, log)
	}
}

// TestTheLogHoldsNoPersonalDataAndNoSecret, and has one line for each request.
func TestTheLogHoldsNoPersonalDataAndNoSecret(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	s := apptest.NewServed(t, fake.Server())
	body := `{"userName":"secretjane","externalId":"secretext","name":{"givenName":"Secretname"},"emails":[{"value":"secret@mail.test","primary":true}],"password":"secretpassword"}`
	for range 2 { // the second request is a conflict
		_, _ = s.Do(t.Context(), http.MethodPost, "/Users", json.RawMessage(body))
	}
	if _, err := s.Find(t.Context(), "/Users", `userName eq "secretjane"`, ""); err != nil {
		t.Error(err)
	}
	_, _ = s.Do(t.Context(), http.MethodGet, "/Users/secret@mail.test", nil)
	fake.Inject(keycloaktest.Fault{Op: "GET /users", Drop: true})
	_, _ = s.Find(t.Context(), "/Users", `emails eq "secret@mail.test"`, "")
	_, metrics := look(t, s, "/metrics")
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	log := s.Rest()
	if err := s.Cmd.Wait(); err != nil {
		t.Error(err)
	}
	for where, text := range map[string]string{"the log": log, "the metrics": metrics} {
		for _, secret := range []string{"secret", s.Token, "Secretname"} {
			if strings.Contains(strings.ReplaceAll(text, "client_secret", ""), secret) {
				t.Errorf("%s holds %q:\n%s", where, secret, text)
			}
		}
	}
	requests := 0
	for line := range strings.Lines(log) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("a line of the log is no JSON: %s", line)
		}
		if fields["msg"] == "request" {
			requests++
			for _, key := range []string{"req_id", "tenant", "client", "key_id", "method", "route", "status", "kc_calls", "dur_ms"} {
				if _, ok := fields[key]; !ok {
					t.Errorf("a line lacks %s: %s", key, line)
				}
			}
		}
	}
	if requests != 5 {
		t.Errorf("%d lines for 5 requests", requests)
	}
	if want := `scim_bridge_ignored_values_total{attribute="password"} 2`; !strings.Contains(metrics, want) {
		t.Errorf("the metrics lack %s", want)
	}
}

// TestEveryMetricIsDocumented compares the page with the registered metrics.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	s := apptest.NewServed(t, keycloaktest.NewFake(t).Server())
	if _, err := s.Do(t.Context(), http.MethodPost, "/Users", json.RawMessage(`{"userName":"jane","password":"x"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Do(t.Context(), http.MethodGet, "/Users?sortBy=userName", nil); err != nil {
		t.Fatal(err)
	}
	_, metrics := look(t, s, "/metrics")
	page := apptest.ReadPage(t, "../../docs/reference/metrics.md")
	seen := 0
	for line := range strings.Lines(metrics) {
		if name, ok := strings.CutPrefix(line, "# TYPE scim_bridge_"); ok {
			seen++
			name = "scim_bridge_" + strings.Fields(name)[0]
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("docs/reference/metrics.md lacks %s", name)
			}
		}
	}
	if documented := strings.Count(page, "| `scim_bridge_"); seen != documented {
		t.Errorf("%d metrics are there, %d are documented", seen, documented)
	}
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.Rest()
	if err := s.Cmd.Wait(); err != nil {
		t.Error(err)
	}
}
