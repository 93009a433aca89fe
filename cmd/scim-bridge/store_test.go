package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestTheStoreOfARunningBridge is checked, copied, sealed with a new key and restored from the copy.
func TestTheStoreOfARunningBridge(t *testing.T) {
	t.Parallel()
	s := apptest.NewServed(t, keycloaktest.NewFake(t).Server())
	dir := filepath.Dir(s.File)
	at := func(args ...string) []string { return append(args, "--config", s.File) }
	jane := s.Create(t, "/Users", `{"userName":"jane@acme.example"}`)
	s.Must(t, http.MethodPatch, "/Users/"+jane, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))

	checked := succeeds(t, at("store", "check")...)
	if !regexp.MustCompile(`(?m)^journal       as it was written\nbytes         \d+\nopen changes  0\nwaiting       0\nrequests      2\ndropped       0\nentries       2\nerased        0 of .*\npruned        0 .*\nhead          .+/1-2/[0-9a-f]{64}$`).MatchString(checked) {
		t.Errorf("store check = %s", checked)
	}
	var v admin.Verified
	if err := json.Unmarshal([]byte(succeeds(t, at("audit", "verify", "--output", "json")...)), &v); err != nil || v.Entries != 2 {
		t.Errorf("audit verify as JSON = %+v, %v", v, err)
	}
	head := v.Head.String()
	if out := succeeds(t, at("audit", "verify", "--head", head, "--head", head)...); !strings.Contains(out, "heads    2 given, each is a link of this journal\n") {
		t.Errorf("audit verify = %s", out)
	}
	v.Head.Link[3]++
	for _, output := range []string{"text", "json"} {
		out, told, code := command(t, "", at("audit", "verify", "--head", v.Head.String(), "--output", output)...)
		if code != exitFailure || !strings.Contains(told, "the journal was altered") || !strings.Contains(told, "compare the entries with a backup") || (output == "json") != strings.HasPrefix(out, `{"altered":{"entry":`) {
			t.Errorf("audit verify of another head = %d, %s%s", code, out, told)
		}
	}

	backup := filepath.Join(dir, "backup.db")
	if out := succeeds(t, at("store", "backup", backup)...); !strings.Contains(out, "the store is copied to "+backup) {
		t.Errorf("store backup = %s", out)
	}
	if out, told, code := command(t, "", at("store", "backup", backup)...); code != exitFailure || !strings.Contains(told, "exists") {
		t.Errorf("store backup to a file that exists = %d, %s%s", code, out, told)
	}
	if out, told, code := command(t, "", at("store", "restore", backup)...); code != exitFailure || !strings.Contains(told, "a bridge runs with this configuration and uses the store; stop it first") {
		t.Errorf("store restore while the bridge runs = %d, %s%s", code, out, told)
	}

	first, err := os.ReadFile(filepath.Join(dir, "store-key"))
	if err != nil {
		t.Fatal(err)
	}
	second := succeeds(t, "store", "newkey")
	apptest.Wrote.Secret(strings.TrimSpace(string(first)), strings.TrimSpace(second))
	s.EditFile(t, "store-key", func(text string) string { return text + second })
	if out := succeeds(t, at("store", "rekey")...); !strings.HasPrefix(out, "everything is sealed with the newest key") {
		t.Errorf("store rekey = %s", out)
	}
	s.EditFile(t, "store-key", func(string) string { return "not a key\n" })
	if out, told, code := command(t, "", "store", "rekey", "--config", s.File); code != exitFailure || !strings.Contains(told, "nothing is sealed again") || !strings.Contains(told, "has no key in line 1") {
		t.Errorf("store rekey with a broken file = %d, %s%s", code, out, told)
	}
	s.EditFile(t, "store-key", func(string) string { return second })
	restart(t, s)
	if out := succeeds(t, at("history", "jane@acme.example")...); !strings.Contains(out, "active: true -> false") {
		t.Errorf("history with only the newest key = %s", out)
	}

	stop(t, s)
	for _, name := range []string{"store.db", "store.db-wal", "store.db-shm"} {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, "old-"+name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if out, told, code := command(t, "", at("store", "restore", backup)...); code != exitFailure || !strings.Contains(told, "the backup cannot be used") {
		t.Errorf("store restore without the key of the backup = %d, %s%s", code, out, told)
	}
	s.EditFile(t, "store-key", func(string) string { return string(first) + second })
	if out := succeeds(t, at("store", "restore", backup)...); !strings.Contains(out, "store.db is the store of the backup") || !strings.Contains(out, "scim-bridge tokens accept") {
		t.Errorf("store restore = %s", out)
	}
	s.Start(t)
	s.Create(t, "/Users", `{"userName":"joe@acme.example"}`)
	if out := succeeds(t, at("audit", "verify", "--head", head)...); !strings.Contains(out, "/2-3/") {
		t.Errorf("audit verify of the restored store = %s", out)
	}
}

// stop ends the program, and waits.
func stop(t *testing.T, s *apptest.Served) {
	t.Helper()
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.Rest()
	if err := s.Cmd.Wait(); err != nil {
		t.Errorf("the bridge ended with %v", err)
	}
}

func restart(t *testing.T, s *apptest.Served) {
	t.Helper()
	stop(t, s)
	s.Start(t)
}

// TestAConfigurationWithoutAStoreHasNothingToRestore.
func TestAConfigurationWithoutAStoreHasNothingToRestore(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	b.EditFile(t, "config.yaml", func(text string) string {
		return regexp.MustCompile(`(?m)^store:.*\n(  .*\n)*`).ReplaceAllString(text, "")
	})
	if out, told, code := command(t, "", "store", "restore", "--config", b.File, "backup.db"); code != exitUsage || !strings.Contains(told, "the configuration has no store") {
		t.Errorf("store restore = %d, %s%s", code, out, told)
	}
}

// TestCommandsNeedNoKeyOfTheStore: the bridge has it. An operator without the key file still exports
// the journal and lists tokens.
func TestCommandsNeedNoKeyOfTheStore(t *testing.T) {
	t.Parallel()
	s := apptest.NewServed(t, keycloaktest.NewFake(t).Server())
	s.Create(t, "/Users", `{"userName":"jane@acme.example"}`)
	if err := os.Remove(filepath.Join(filepath.Dir(s.File), "store-key")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"audit", "export"}, {"export", "--user", "jane@acme.example"}, {"history", "jane@acme.example"}, {"store", "check"}, {"tenants", "list"}, {"tokens", "list"}, {"tokens", "new", "--name", "late"}, {"users", "get", "jane@acme.example"},
	} {
		if out := succeeds(t, append(args, "--config", s.File)...); out == "" {
			t.Errorf("%v prints nothing", args)
		}
	}
	for _, args := range [][]string{{"check"}, {"store", "restore", "backup.db"}} {
		if out, told, code := command(t, "", append(args, "--config", s.File)...); code != exitProblems || !strings.Contains(told, "store.keyFile: ") {
			t.Errorf("%v without the key = %d, %s%s", args, code, out, told)
		}
	}
}

// TestAfterTheKeyIsLostABridgeBeginsWithANewStore: users and the tokens of files stay, the tokens of the store are gone,
// and the old database is refused with a text that says why.
func TestAfterTheKeyIsLostABridgeBeginsWithANewStore(t *testing.T) {
	t.Parallel()
	s := apptest.NewServed(t, keycloaktest.NewFake(t).Server())
	dir := filepath.Dir(s.File)
	s.Create(t, "/Users", `{"userName":"jane@acme.example"}`)
	var made struct{ Token, Place string }
	if err := json.Unmarshal([]byte(succeeds(t, "tokens", "new", "--config", s.File, "--name", "stored", "--output", "json")), &made); err != nil || made.Place != admin.InStore {
		t.Fatalf("tokens new = %+v, %v", made, err)
	}
	apptest.Wrote.Secret(made.Token)
	stop(t, s)
	key := succeeds(t, "store", "newkey")
	apptest.Wrote.Secret(strings.TrimSpace(key))
	s.EditFile(t, "store-key", func(string) string { return key })
	if out, told, code := command(t, "", "serve", "--config", s.File); code != exitFailure || !strings.Contains(told, "the key file does not have the key of this store") {
		t.Errorf("serve with another key = %d, %s%s", code, out, told)
	}
	for _, name := range []string{"store.db", "store.db-wal", "store.db-shm"} {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, "old-"+name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	s.Start(t)
	if got := s.Names(t, "/Users"); len(got) != 1 {
		t.Errorf("the users are %v", got)
	}
	s.With(made.Token).Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	if out := succeeds(t, "audit", "export", "--config", s.File); out != "" {
		t.Errorf("the new journal has %s", out)
	}
}

// TestANewKeyIsALineOfAKeyFile, and never the same.
func TestANewKeyIsALineOfAKeyFile(t *testing.T) {
	t.Parallel()
	one, two := succeeds(t, "store", "newkey"), succeeds(t, "store", "newkey")
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}\n$`).MatchString(one) || one == two {
		t.Errorf("two keys are %q and %q", one, two)
	}
}
