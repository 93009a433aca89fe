package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// nobodyKnown is an account like those that OpenShift gives to pods: an unknown user, the group
// root, and the group of the files of Secrets. The zero account is the account of the test, for a
// test that may not run programs as another user.
type nobodyKnown struct{ user, files int }

func newNobodyKnown() nobodyKnown {
	if os.Getuid() != 0 {
		return nobodyKnown{}
	}
	const first, count = 1_000_000_000, 1_000_000
	return nobodyKnown{user: first + rand.IntN(count), files: first + rand.IntN(count)}
}

// start runs a program as the account, without environment variables and in a directory that the
// account cannot write to.
func (n nobodyKnown) start(cmd *exec.Cmd) {
	cmd.Env, cmd.Dir = []string{}, "/"
	if n.user != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(n.user), Groups: []uint32{uint32(n.files)}}}
	}
}

// mount gives files the mode and the group that they have in a pod of Kubernetes.
func (n nobodyKnown) mount(t *testing.T, mode os.FileMode, files ...string) {
	t.Helper()
	for _, file := range files {
		err := os.Chmod(file, mode)
		if n.files != 0 {
			err = errors.Join(os.Chown(file, 0, n.files), os.Chmod(file, mode))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheProgramRunsAsAnyUser: the user is unknown to the machine and has no home, and only a group
// may read the files. The program serves, applies a changed file, and answers the commands of the
// same user.
func TestTheProgramRunsAsAnyUser(t *testing.T) {
	t.Parallel()
	account := newNobodyKnown()
	root, err := os.MkdirTemp("", "scim") //nolint:usetesting // every user must reach the directory, and the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	files, run, program := filepath.Join(root, "etc"), filepath.Join(root, "run"), filepath.Join(root, "scim-bridge")
	if err := errors.Join(os.Chmod(root, 0o711), os.Mkdir(run, 0o700), os.Rename(apptest.BuildProgram(t), program)); err != nil {
		t.Fatal(err)
	}
	server := keycloaktest.NewFake(t).Server()
	realm, admin := apptest.NewEmptyRealm(t, server)
	listen, adminListen := apptest.FreeAddresses(t)
	made := apptest.RunSetup(t, server, realm, "--listen", listen, "--admin-listen", adminListen, "--out", files)
	s := &apptest.Served{
		Bridge:  apptest.Bridge{Server: server, Client: &client.Client{Base: made.BaseURL, Token: made.Token, HTTP: http.DefaultClient}, Admin: admin, Realm: realm, File: made.Config},
		Program: program, Listener: "http://" + adminListen, Prepare: account.start,
	}
	s.EditFile(t, "config.yaml", apptest.Replaced(t, `socket: "control.sock"`, "socket: "+filepath.Join(run, "own", "control.sock")))
	database := filepath.Join(run, "store.db")
	entries, err := filepath.Glob(filepath.Join(files, "*"))
	if err != nil {
		t.Fatal(err)
	}
	account.mount(t, 0o440, entries...)
	account.mount(t, 0o755, files)
	account.mount(t, 0o777|os.ModeSetgid, run) // like an emptyDir
	check := exec.CommandContext(t.Context(), program, "check", "--config", made.Config)
	account.start(check)
	if out, err := check.CombinedOutput(); account.user != 0 && (err == nil || !strings.Contains(string(out), "store.sqlite.file: cannot be made or changed, because the directory")) {
		t.Errorf("scim-bridge check, where the account may not write the database: %v\n%s", err, out)
	}
	s.EditFile(t, "config.yaml", apptest.Replaced(t, `file: "store.db"`, "file: "+database))

	s.Start(t)
	s.Create(t, "/Users", `{"userName":"jane@acme.test"}`)
	if account.user != 0 {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Cmd.Process.Pid))
		if err != nil || !strings.Contains(string(status), fmt.Sprintf("\nUid:\t%d\t", account.user)) {
			t.Errorf("the program runs as another user: %v\n%s", err, status)
		}
	}
	for _, args := range [][]string{{"check"}, {"tenants", "list"}, {"users", "list"}, {"doctor"}} {
		cmd := exec.CommandContext(t.Context(), program, append(args, "--config", made.Config)...)
		account.start(cmd)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("scim-bridge %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	other := s.With("a-token-that-is-new")
	other.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	tokens := filepath.Join(files, "tokens.yaml")
	if err := config.ChangeTokens(tokens, func(list []config.Token) []config.Token {
		var sum config.Digest
		if err := sum.UnmarshalText([]byte(apptest.SHA256Of(other.Token))); err != nil {
			t.Error(err)
		}
		return append(list, config.Token{Name: "other", SHA256: sum})
	}); err != nil {
		t.Fatal(err)
	}
	account.mount(t, 0o440, tokens)
	s.Await(t, "is applied")
	other.Must(t, http.MethodGet, "/Users", "")
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	log := s.Rest()
	if err := s.Cmd.Wait(); err != nil {
		t.Errorf("serve ended with %v:\n%s", err, log)
	}
}
