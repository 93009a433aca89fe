package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// served is "scim-bridge serve" as a process.
type served struct {
	testBridge

	program  string
	cmd      *exec.Cmd
	listener string // URL of the admin one
	log      *logLines
}

// logLines is a log that is read as it comes: one that nobody reads would stop the program.
type logLines struct {
	mu    sync.Mutex
	more  *sync.Cond
	lines []string
	next  int // of those that nobody awaited yet
	ended bool
}

func newLogLines(from io.Reader) *logLines {
	l := &logLines{}
	l.more = sync.NewCond(&l.mu)
	go func() {
		for scanner := bufio.NewScanner(from); scanner.Scan(); {
			_, _ = fmt.Fprintln(&wrote, scanner.Text())
			l.add(scanner.Text()+"\n", false)
		}
		l.add("", true)
	}()
	return l
}

func (l *logLines) add(line string, end bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines, l.ended = append(l.lines, line), end
	l.more.Broadcast()
}

// freeAddresses are those of the two listeners.
func freeAddresses(t *testing.T) (listen, adminListen string) {
	t.Helper()
	var out [2]string
	for i := range out {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err == nil {
			out[i] = l.Addr().String()
			err = l.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out[0], out[1]
}

// newServed sets a realm up, starts the program on the configuration that setup wrote, and
// waits until it says that it is ready.
func newServed(t *testing.T, server keycloaktest.Server, edits ...func(string) string) *served {
	t.Helper()
	realm, admin := newEmptyRealm(t, server)
	listen, adminListen := freeAddresses(t)
	made := runSetup(t, server, realm, "--listen", listen, "--admin-listen", adminListen, "--change-feed")
	s := &served{
		testBridge: testBridge{Client: &client.Client{Base: made.BaseURL, Token: made.Token, HTTP: http.DefaultClient}, admin: admin, realm: realm, file: made.Config},
		program:    buildProgram(t),
		listener:   "http://" + adminListen,
	}
	wrote.secret(made.Token)
	for _, edit := range edits {
		s.write(t, "config.yaml", edit)
	}
	s.start(t)
	return s
}

// start starts the program and waits until it says that it is ready.
func (s *served) start(t *testing.T) {
	t.Helper()
	s.cmd = exec.CommandContext(t.Context(), s.program, "serve", "--config", s.file)
	pipe, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.log = newLogLines(pipe)
	s.await(t, `"ready"`)
}

// await reads the log up to a line that holds the text.
func (s *served) await(t *testing.T, text string) {
	t.Helper()
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	for {
		for s.log.next < len(s.log.lines) {
			s.log.next++
			if strings.Contains(s.log.lines[s.log.next-1], text) {
				return
			}
		}
		if s.log.ended {
			t.Fatalf("the log ended without %s:\n%s", text, strings.Join(s.log.lines, ""))
		}
		s.log.more.Wait()
	}
}

// rest reads the log to its end.
func (s *served) rest() string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	for !s.log.ended {
		s.log.more.Wait()
	}
	return strings.Join(s.log.lines, "")
}

// look reads a page of the admin listener.
func (s *served) look(t *testing.T, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.listener+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, _, body := exchange(t, req)
	_, _ = wrote.Write([]byte(body))
	return status, body
}

// TestServeDrainsOnSIGTERM: the request in flight is answered, /readyz turns to 503
// meanwhile, and the process ends with 0.
func TestServeDrainsOnSIGTERM(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	s := newServed(t, fake.Server())
	release := make(chan struct{})
	reached := fake.Inject(keycloaktest.Fault{Op: "POST /users", Hold: release})
	answered := make(chan error, 1)
	go func() {
		_, err := s.Do(context.WithoutCancel(t.Context()), http.MethodPost, "/Users", json.RawMessage(createJane))
		answered <- err
	}()
	<-reached
	if status, _ := s.look(t, "/readyz"); status != 200 {
		t.Errorf("/readyz = %d before SIGTERM, want 200", status)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.await(t, `"draining"`)
	if status, _ := s.look(t, "/readyz"); status != 503 {
		t.Errorf("/readyz = %d while draining, want 503", status)
	}
	if status, _ := s.look(t, "/livez"); status != 200 {
		t.Errorf("/livez = %d while draining, want 200", status)
	}
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	log := s.rest()
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("serve ended with %v:\n%s", err, log)
	}
}

// TestTheLogHoldsNoPersonalDataAndNoSecret, one line a request.
func TestTheLogHoldsNoPersonalDataAndNoSecret(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	s := newServed(t, fake.Server())
	body := `{"userName":"secretjane","externalId":"secretext","name":{"givenName":"Secretname"},"emails":[{"value":"secret@mail.test","primary":true}],"password":"secretpassword"}`
	for range 2 { // the second is a conflict
		_, _ = s.Do(t.Context(), http.MethodPost, "/Users", json.RawMessage(body))
	}
	if _, err := s.Find(t.Context(), "/Users", `userName eq "secretjane"`, ""); err != nil {
		t.Error(err)
	}
	_, _ = s.Do(t.Context(), http.MethodGet, "/Users/secret@mail.test", nil)
	fake.Inject(keycloaktest.Fault{Op: "GET /users", Drop: true})
	_, _ = s.Find(t.Context(), "/Users", `emails eq "secret@mail.test"`, "")
	_, metrics := s.look(t, "/metrics")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	log := s.rest()
	if err := s.cmd.Wait(); err != nil {
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

// TestEveryMetricIsDocumented compares the page with what is registered.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	s := newServed(t, keycloaktest.NewFake(t).Server())
	if _, err := s.Do(t.Context(), http.MethodPost, "/Users", json.RawMessage(`{"userName":"jane","password":"x"}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Do(t.Context(), http.MethodGet, "/Users?sortBy=userName", nil); err != nil {
		t.Fatal(err)
	}
	_, metrics := s.look(t, "/metrics")
	page := readPage(t, "../../docs/reference/metrics.md")
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
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.rest()
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
}
