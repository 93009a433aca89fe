package main

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// demoRun is the command demo in a process of its own, so that the test can kill its bridge.
type demoRun struct {
	cmd    *exec.Cmd
	lines  *bufio.Scanner
	output strings.Builder
}

// newDemoRun starts a demo in a realm of its own.
func newDemoRun(t *testing.T, server keycloaktest.Server, realm string) *demoRun {
	t.Helper()
	d := &demoRun{cmd: exec.CommandContext(t.Context(), apptest.BuildProgram(t), "demo", "--once", "--realm", realm)}
	d.cmd.Env = append(os.Environ(),
		keycloaktest.EnvURL+"="+server.URL, keycloaktest.EnvAdmin+"="+server.Admin, keycloaktest.EnvPassword+"="+server.Password)
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(syscall.SIGTERM) }
	d.cmd.WaitDelay = time.Minute
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.cmd.Stderr = d.cmd.Stdout
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.lines = bufio.NewScanner(out)
	admin, err := app.Administrator{Realm: "master", Name: server.Admin, Password: server.Password}.Client(server.URL, realm)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keycloaktest.RemoveRealm(t, admin) })
	return d
}

var startedAs = regexp.MustCompile(`Bridge started as process (\d+)`)

// bridge reads until the demo prints the process id of its bridge.
func (d *demoRun) bridge(t *testing.T) int {
	t.Helper()
	for d.lines.Scan() {
		d.output.WriteString(d.lines.Text() + "\n")
		if m := startedAs.FindStringSubmatch(d.lines.Text()); m != nil {
			pid, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatalf("the demo started no bridge:\n%s", d.output.String())
	return 0
}

// finish reads to the end and checks that every figure of the table matches.
func (d *demoRun) finish(t *testing.T) {
	t.Helper()
	for d.lines.Scan() {
		d.output.WriteString(d.lines.Text() + "\n")
	}
	err := d.cmd.Wait()
	text := d.output.String()
	if err != nil || !strings.Contains(text, "duplicates") || strings.Contains(text, "NO ") || !strings.Contains(text, "client idp  created User ") || !strings.Contains(text, "client idp  deleted User ") {
		t.Errorf("demo: %v, want a table in which every figure matches, and the history of a deleted user:\n%s", err, text)
	}
}

func TestDemoEndsWithATableInWhichEveryFigureMatches(t *testing.T) {
	t.Parallel()
	d := newDemoRun(t, keycloaktest.Real(t), keycloaktest.RandomRealm())
	d.bridge(t)
	d.finish(t)
}

// TestAKilledBridgeLeavesNoDuplicateAndNoHalfMadeUser kills the bridge with SIGKILL in the middle
// of the sync. The demo starts another bridge, and the providers continue.
func TestAKilledBridgeLeavesNoDuplicateAndNoHalfMadeUser(t *testing.T) {
	t.Parallel()
	server, realm := keycloaktest.Real(t), keycloaktest.RandomRealm()
	d := newDemoRun(t, server, realm)
	admin, err := app.Administrator{Realm: "master", Name: server.Admin, Password: server.Password}.Client(server.URL, realm)
	if err != nil {
		t.Fatal(err)
	}
	for _, users := range []int{30, 120} {
		pid := d.bridge(t)
		for n := 0; n < users; {
			if n, err = admin.CountUsers(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatalf("kill the bridge while %d users are there: %v", users, err)
		}
	}
	d.bridge(t)
	d.finish(t)
}
