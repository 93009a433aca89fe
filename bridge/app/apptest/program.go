package apptest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// BuildProgram builds the command for a test that runs it as a process.
func BuildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "scim-bridge")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/keycloak-scim-bridge/keycloak-scim-bridge/cmd/scim-bridge").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// Served is "scim-bridge serve" as a process.
type Served struct {
	Bridge

	Program  string
	Cmd      *exec.Cmd
	Listener string          // the URL of the admin listener
	Prepare  func(*exec.Cmd) // changes the command before its start; may be nil
	log      *logLines
}

// logLines reads a log while the program writes it. A pipe that is not read would stop the program.
type logLines struct {
	mu    sync.Mutex
	more  *sync.Cond
	lines []string
	next  int // the first line that Await has not read
	ended bool
}

func newLogLines(from io.Reader) *logLines {
	l := &logLines{}
	l.more = sync.NewCond(&l.mu)
	go func() {
		for scanner := bufio.NewScanner(from); scanner.Scan(); {
			_, _ = fmt.Fprintln(&Wrote, scanner.Text())
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

// FreeAddresses returns free addresses for the two listeners.
func FreeAddresses(t *testing.T) (listen, adminListen string) {
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

// NewServed sets up a realm, starts the program with the configuration that setup wrote, and waits until the program
// logs that it is ready.
func NewServed(t *testing.T, server keycloaktest.Server, edits ...func(string) string) *Served {
	t.Helper()
	realm, admin := NewEmptyRealm(t, server)
	listen, adminListen := FreeAddresses(t)
	made := RunSetup(t, server, realm, "--listen", listen, "--admin-listen", adminListen, "--change-feed")
	s := &Served{
		Bridge:   Bridge{Server: server, Client: &client.Client{Base: made.BaseURL, Token: made.Token, HTTP: http.DefaultClient}, Admin: admin, Realm: realm, File: made.Config},
		Program:  BuildProgram(t),
		Listener: "http://" + adminListen,
	}
	Wrote.Secret(made.Token)
	for _, edit := range edits {
		s.EditFile(t, "config.yaml", edit)
	}
	s.Start(t)
	return s
}

// Start starts the program and waits until the program logs that it is ready.
func (s *Served) Start(t *testing.T) {
	t.Helper()
	s.Cmd = exec.CommandContext(t.Context(), s.Program, "serve", "--config", s.File)
	if s.Prepare != nil {
		s.Prepare(s.Cmd)
	}
	pipe, err := s.Cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.log = newLogLines(pipe)
	s.Await(t, `"ready"`)
}

// Await reads the log up to a line that contains the text.
func (s *Served) Await(t *testing.T, text string) {
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

// Rest reads the log to its end, and returns all of it.
func (s *Served) Rest() string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	for !s.log.ended {
		s.log.more.Wait()
	}
	return strings.Join(s.log.lines, "")
}
