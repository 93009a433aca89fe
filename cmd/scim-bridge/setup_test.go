package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// command runs the command line in this process, with answers to its questions.
func command(t *testing.T, answers string, args ...string) (out, told string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := newRoot()
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetIn(strings.NewReader(answers))
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(t.Context())
	code = ended(&stderr, cmd, err)
	_, _ = apptest.Wrote.Write(stderr.Bytes())
	return stdout.String(), stderr.String(), code
}

// setupCommand runs setup as an operator would.
func setupCommand(t *testing.T, server keycloaktest.Server, realm string, more ...string) app.Installed {
	t.Helper()
	out, told, code := command(t, "", append([]string{
		"setup", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password,
		"--yes", "--relax-validators", "--allow-username-changes", "--out", t.TempDir(), "--output", "json",
	}, more...)...)
	if code != 0 {
		t.Fatalf("setup ended with %d:\n%s", code, told)
	}
	var made app.Installed
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatalf("setup printed %q: %v", out, err)
	}
	return made
}

// TestSetupAsksAndIsIdempotent: setup changes nothing without a yes, and nothing in a second run.
func TestSetupAsksAndIsIdempotent(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	realm, _ := apptest.NewEmptyRealm(t, server)
	args := []string{"setup", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password}
	for _, answers := range []string{"", "n\nn\nn\nn\nn\n", "no\nno\nno\nno\nnonsense\n"} {
		if _, told, code := command(t, answers, args...); code != exitFailure || !strings.Contains(told, "nothing was changed") {
			t.Errorf("setup answered %q = %d, %s, want 1 and nothing changed", answers, code, told)
		}
	}
	_, told, code := command(t, "n\nn\nn\nn\ny\n", args...)
	if code != 0 || !strings.Contains(told, `create the confidential client "scim-bridge"`) || strings.Contains(told, "validator username") || strings.Contains(told, "admin events (") {
		t.Errorf("setup = %d, %s, want the client made and the validators kept", code, told)
	}
	_, told, code = command(t, "y\ny\ny\ny\nyes\n", args...)
	if code != 0 || strings.Contains(told, "confidential client") || !strings.Contains(told, "remove the validator username-prohibited-characters") ||
		!strings.Contains(told, "view-events") || !strings.Contains(told, "store admin events") {
		t.Errorf("setup that was offered to relax = %d, %s, want that alone", code, told)
	}
	if _, told, code = command(t, "", append(args, "--yes", "--relax-validators", "--allow-all-scripts", "--allow-username-changes", "--change-feed")...); code != 0 || !strings.Contains(told, "nothing to change") {
		t.Errorf("setup again = %d, %s, want nothing to change", code, told)
	}
}

// TestSetupAsksForTheAdministrator is not parallel: it changes the environment of the
// process, which setup reads before it asks.
func TestSetupAsksForTheAdministrator(t *testing.T) {
	t.Setenv(keycloaktest.EnvAdmin, "")
	t.Setenv(keycloaktest.EnvPassword, "")
	server := keycloaktest.NewFake(t).Server()
	realm, _ := apptest.NewEmptyRealm(t, server)
	answers := server.Admin + "\n" + server.Password + "\n"
	if _, told, code := command(t, answers, "setup", "--url", server.URL, "--realm", realm, "--yes"); code != 0 {
		t.Errorf("setup = %d, %s", code, told)
	}
}

func TestSetupRefusesWithAReason(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	public := t.TempDir()
	if err := os.Chmod(public, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		text string
	}{
		"a public place":   {[]string{"--realm", "x", "--out", public}, exitUsage, "every user of this machine may write into it"},
		"no realm":         {nil, exitUsage, "--realm"},
		"master":           {[]string{"--realm", "master"}, exitUsage, "master"},
		"a wrong output":   {[]string{"--realm", "x", "--output", "xml"}, exitUsage, "--output"},
		"an unknown flag":  {[]string{"--nope"}, exitUsage, "nope"},
		"a wrong password": {[]string{"--realm", "x", "--admin-user", server.Admin, "--admin-password", "nope"}, exitFailure, "denied"},
		"no such realm":    {[]string{"--realm", "nobody", "--admin-user", server.Admin, "--admin-password", server.Password, "--yes"}, exitFailure, "not_found"},
		"nobody there":     {[]string{"--realm", "x", "--admin-user", "a", "--admin-password", "b", "--url", "http://127.0.0.1:1"}, exitFailure, "unavailable"},
	} {
		args := append([]string{"setup", "--url", server.URL}, c.args...)
		if _, told, code := command(t, "", args...); code != c.code || !strings.Contains(told, c.text) {
			t.Errorf("%s = %d, %s, want %d and %q", name, code, told, c.code, c.text)
		}
	}
}

// TestSetupWritesFilesThatOnlyTheOwnerReads: the secret, the key of the store and the configuration have the mode 0600,
// and no file has the token.
func TestSetupWritesFilesThatOnlyTheOwnerReads(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	realm, _ := apptest.NewEmptyRealm(t, server)
	made := setupCommand(t, server, realm)
	for _, file := range []string{made.Config, filepath.Join(filepath.Dir(made.Config), app.SecretName), filepath.Join(filepath.Dir(made.Config), app.StoreKeyName)} {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", filepath.Base(file), info.Mode(), err)
		}
		if strings.Contains(apptest.ReadPage(t, file), made.Token) {
			t.Errorf("%s holds the token", filepath.Base(file))
		}
	}
	if out, told, code := command(t, "", "check", "--config", made.Config); code != 0 || !strings.Contains(out, "no problem") {
		t.Errorf("check = %d, %s%s", code, out, told)
	}
}

func TestCheckPrintsEveryProblemAndExitsWith3(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("version: 1\nservr: {}\nkeycloak: { url: nope }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, told, code := command(t, "", "check", "--config", file)
	for _, want := range []string{file + ":2:", file + ":3:", "realms"} {
		if code != exitProblems || !strings.Contains(told, want) {
			t.Errorf("check = %d, %s, want 3 and %s", code, told, want)
		}
	}
	if _, _, code := command(t, "", "serve", "--config", filepath.Join(t.TempDir(), "absent.yaml")); code != exitProblems {
		t.Errorf("serve without a file = %d, want 3", code)
	}
}

// TestSetupByAnAdministratorOfTheRealm: on a managed Keycloak, nobody has an account of the realm
// master.
func TestSetupByAnAdministratorOfTheRealm(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, admin := apptest.NewEmptyRealm(t, server)
			apptest.AdminSend(t, server, http.MethodPut, "/admin/realms/"+realm, `{"organizationsEnabled":true}`)
			id, err := admin.CreateUser(t.Context(), keycloak.NewUser{
				Username: "owner", Email: "owner@acme.test", FirstName: "O", LastName: "W", Enabled: true, EmailVerified: true, Password: keycloak.NewUserPassword("Own-the-realm-1", false),
			})
			if err != nil {
				t.Fatal(err)
			}
			right, err := admin.FindRole(t.Context(), apptest.ManagementRole("realm-admin"))
			if err != nil {
				t.Fatal(err)
			}
			apptest.Bridge{Server: server, Realm: realm}.Grant(t, id, right)
			if _, err := admin.CreateOrganization(t.Context(), keycloak.NewOrganization{Name: "acme", Alias: "acme", Domains: []keycloak.Domain{{Name: "acme.test", Verified: true}}}); err != nil {
				t.Fatal(err)
			}
			for _, of := range [][]string{nil, {"--organization", "acme", "--allow-manage-realm"}} {
				out, told, code := command(t, "", append([]string{
					"setup", "--url", server.URL, "--realm", realm, "--admin-realm", realm, "--admin-user", "owner", "--admin-password", "Own-the-realm-1",
					"--yes", "--relax-validators", "--allow-username-changes", "--out", t.TempDir(), "--output", "json",
				}, of...)...)
				var made app.Installed
				if err := json.Unmarshal([]byte(out), &made); err != nil {
					t.Fatalf("setup ended with %d: %s", code, told)
				}
				out, told, code = command(t, "", "doctor", "--config", made.Config)
				if code != 0 || !strings.Contains(out, " 0 warnings, 0 failed") && len(of) == 0 {
					t.Errorf("doctor ended with %d:\n%s%s", code, out, told)
				}
			}
		})
	}
}

// TestSetupAgainKeepsWhatIsThere, because a bridge may use the files.
func TestSetupAgainKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.NewBridgeOn(t, fake.Server(), nil)
	b.EditFile(t, "config.yaml", func(s string) string { return s + "# of the operator\n" })
	dir := filepath.Dir(b.File)
	b.EditFile(t, app.SecretName, func(string) string { return "the-secret-of-another-realm" })
	there := func() []string {
		return []string{apptest.ReadPage(t, b.File), apptest.ReadPage(t, filepath.Join(dir, app.TokensName)), apptest.ReadPage(t, filepath.Join(dir, app.SecretName))}
	}
	before := there()
	out, told, code := command(t, "", "setup", "--url", fake.Server().URL, "--realm", b.Realm, "--admin-user", fake.Server().Admin, "--admin-password", fake.Server().Password, "--yes", "--out", dir)
	if code != 0 || !strings.Contains(out, "Kept      "+b.File+" exists already") || strings.Contains(out, "ksb_") {
		t.Errorf("setup again ended with %d: %s%s", code, out, told)
	}
	if after := there(); !slices.Equal(after, before) {
		t.Errorf("setup again changed %v", after)
	}
	if c, problems := config.Load(b.File + ".new"); len(problems) > 0 || c.Realms[b.Realm].Credentials.Secret.Reveal() != b.Config.Realms[b.Realm].Credentials.Secret.Reveal() {
		t.Errorf("config.yaml.new is %+v, %v", c, problems)
	}
}

// TestSetupAgainSaysWhatItWouldWrite into an existing configuration. A bridge uses another mapping
// file only when the configuration names it.
func TestSetupAgainSaysWhatItWouldWrite(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	name, _ := apptest.NewEmptyRealm(t, server)
	dir, mapping := t.TempDir(), apptest.MappingFile(t, "version: 1\n")
	args := []string{"setup", "--url", server.URL, "--realm", name, "--admin-user", server.Admin, "--admin-password", server.Password, "--yes", "--out", dir}
	for _, c := range []struct {
		flags []string
		next  string
	}{
		{nil, ""},
		{[]string{"--mapping", mapping}, "a running bridge applies them, except server, admin, store and keycloak, which need a restart. The lines are:\n        # below realms." + name + ".tenants[0]\n        mapping: "},
		{nil, "Next      scim-bridge serve --config "},
	} {
		out, told, code := command(t, "", append(slices.Clone(args), c.flags...)...)
		if code != 0 || !strings.Contains(out, c.next) || strings.Contains(out, "tokens new") || strings.Contains(out, `        mapping: "`+mapping+"\"\n") != (c.flags != nil) {
			t.Errorf("setup %v ends with %d and prints\n%s%s", c.flags, code, out, told)
		}
		if _, err := os.Stat(filepath.Join(dir, app.SecretName+".new")); err == nil {
			t.Error("setup left a second file with the secret that is there already")
		}
	}
}

// TestSetupAddsAStoreAndKeepsAnExistingOne: the key of a store is never made anew, and a configuration without a store
// gets the lines for a store. Setup offers no second store to a configuration that has a store elsewhere.
func TestSetupAddsAStoreAndKeepsAnExistingOne(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	name, _ := apptest.NewEmptyRealm(t, server)
	dir := t.TempDir()
	setup := func() string {
		t.Helper()
		out, told, code := command(t, "", "setup", "--url", server.URL, "--realm", name, "--admin-user", server.Admin, "--admin-password", server.Password, "--yes", "--out", dir, "--helm")
		if code != 0 {
			t.Fatalf("setup ended with %d: %s", code, told)
		}
		return out
	}
	b := apptest.Bridge{File: filepath.Join(dir, "config.yaml")}
	made := setup()
	if out := made; !strings.Contains(out, "\n          kubectl create secret generic scim-bridge-store --from-file="+filepath.Join(dir, app.StoreKeyName)+"\n          then install the chart") {
		t.Errorf("setup does not say how the chart gets the key:\n%s", out)
	}
	key := apptest.ReadPage(t, filepath.Join(dir, app.StoreKeyName))
	backup := "\nBack up   " + filepath.Join(dir, app.StoreKeyName) + ", apart from the database of the store: nobody can read the store without this key\nNext  "
	const store = "store: # what the bridge did; without this section it remembers nothing of it\n  sqlite:\n    file: \"store.db\"\n  keyFile: \"store-key\"\n"
	b.EditFile(t, "config.yaml", apptest.Replaced(t, store, ""))
	if !strings.Contains(made, backup) {
		t.Errorf("setup does not say that the key must be copied:\n%s", made)
	}
	const lines = "store:\n  sqlite:\n    file: \"store.db\"\n  keyFile: \"store-key\"\n"
	out := setup()
	if !strings.HasSuffix(out, "The lines are:\n"+lines) || !strings.Contains(out, backup) {
		t.Errorf("setup does not print the lines of a store:\n%s", out)
	}
	_, pasted, _ := strings.Cut(out, "The lines are:\n")
	before := apptest.ReadPage(t, b.File)
	b.EditFile(t, "config.yaml", func(s string) string { return s + pasted })
	if c, problems := config.Load(b.File); len(problems) > 0 || c.Store.Keys.Reveal() != key {
		t.Errorf("with the lines that setup printed, the configuration has %v", problems)
	}
	b.EditFile(t, "config.yaml", func(string) string { return before })
	if c, problems := config.Load(b.File + ".new"); len(problems) > 0 || c.Store.Keys.Reveal() != key || c.Store.SQLite.File != filepath.Join(dir, app.StoreName) {
		t.Errorf("config.yaml.new has the store %+v: %v", c.Store, problems)
	}
	other := filepath.Join(t.TempDir(), "elsewhere.db")
	b.EditFile(t, "config.yaml", func(s string) string {
		return s + "store:\n  sqlite:\n    file: \"" + other + "\"\n  keyFile: \"store-key\"\n"
	})
	if out := setup(); strings.Contains(out, "sqlite") || strings.Contains(out, app.StoreName) || strings.Contains(out, app.StoreKeyName) {
		t.Errorf("setup offers a second store:\n%s", out)
	}
	if c, problems := config.Load(b.File + ".new"); len(problems) > 0 || c.Store.SQLite.File != other {
		t.Errorf("config.yaml.new has the store %+v: %v", c.Store, problems)
	}
	if values := apptest.ReadPage(t, filepath.Join(dir, app.ValuesName+".new")); !strings.Contains(values, "store:\n  enabled: true\n  keySecret: scim-bridge-store #") {
		t.Errorf("the values have no store:\n%s", values)
	}
	if after := apptest.ReadPage(t, filepath.Join(dir, app.StoreKeyName)); after != key {
		t.Error("setup made another key of the store")
	}
}

// TestSetupProtectsByIds: the configuration has the id of each user and group that the operator
// named, with the name beside it.
func TestSetupProtectsByIds(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, admin := apptest.NewEmptyRealm(t, server)
			b := apptest.Bridge{Server: server, Admin: admin, Realm: realm}
			glass, admins := b.MakeAccount(t, "break-glass", true), b.MakeGroup(t, "admins", b.MakeGroup(t, "ops", keycloak.GroupID{}))
			flags := []string{"--protect-user", "Break-Glass", "--protect-group", "/ops/admins"}
			b = apptest.NewBridgeOf(t, server, setupCommand(t, server, realm, flags...), realm, admin, nil)
			want := config.Protected{Users: []string{"id:" + glass.String()}, Groups: []config.GroupPath{config.GroupPath("id:" + admins.String())}}
			if diff := cmp.Diff(want, b.Config.Realms[realm].Protected); diff != "" {
				t.Errorf("the configuration protects (-want +got):\n%s", diff)
			}
			for _, path := range []string{"/Users/" + glass.String(), "/Groups/" + admins.String()} {
				b.Refused(t, http.StatusForbidden, http.MethodDelete, path, "")
			}
			args := []string{"setup", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password, "--yes"}
			for _, c := range []struct {
				flags []string
				code  int
				want  string
			}{
				{[]string{"--protect-group", "/ops/none", "--out", t.TempDir()}, exitFailure, `the group "/ops/none" does not exist`},
				{[]string{"--protect-user", "none", "--out", t.TempDir()}, exitFailure, `the user "none" does not exist`},
				{flags, exitUsage, "--protect-user and --protect-group need --out"},
			} {
				if _, told, code := command(t, "", append(args, c.flags...)...); code != c.code || !strings.Contains(told, c.want) {
					t.Errorf("setup %v ends with %d: %s", c.flags, code, told)
				}
			}
		})
	}
}
