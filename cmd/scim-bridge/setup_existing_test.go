package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestSetupAsksWhatShallHoldForWhoIsThere: setup says what the client may do with existing users,
// asks, and writes the answer. It does not ask with --yes, and not in an empty realm.
func TestSetupAsksWhatShallHoldForWhoIsThere(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	name, admin := apptest.NewEmptyRealm(t, server)
	args := func(more ...string) []string {
		return append([]string{
			"setup", "--url", server.URL, "--realm", name, "--admin-user", server.Admin, "--admin-password", server.Password,
			"--relax-validators", "--allow-all-scripts", "--allow-username-changes", "--change-feed", "--out", t.TempDir(),
		}, more...)
	}
	if _, told, code := command(t, "y\n", args()...); code != 0 || strings.Contains(told, "already") {
		t.Errorf("setup of an empty realm = %d, %s", code, told)
	}
	b := apptest.Bridge{Server: server, Admin: admin, Realm: name}
	b.MakeAccount(t, "jane", true)
	b.MakeAccount(t, "joe", true)
	b.MakeGroup(t, "crew", keycloak.GroupID{})
	for answers, want := range map[string][2]string{
		"\n": {"all", "never"}, "manage\n": {"all", "never"}, "leave\n": {"owned", "never"}, "nonsense\nADOPT\n": {"all", "unowned"},
	} {
		list := args()
		_, told, code := command(t, answers, list...)
		if code != 0 || !strings.Contains(told, "There are 2 users and 1 group already.") || !strings.Contains(told, "changes and disables these users") {
			t.Fatalf("setup answered %q = %d:\n%s", answers, code, told)
		}
		wantPolicy(t, list, want)
	}
	for _, answers := range []string{"", "nonsense"} {
		if _, told, code := command(t, answers, args()...); code == 0 || !strings.Contains(told, "nothing was changed") {
			t.Errorf("setup answered %q = %d, %s", answers, code, told)
		}
	}
	list := args("--yes")
	if _, told, code := command(t, "", list...); code != 0 || !strings.Contains(told, "The command writes manage; --existing chooses differently.") {
		t.Errorf("setup --yes = %d, %s", code, told)
	}
	wantPolicy(t, list, [2]string{"all", "never"})
	list = args("--yes", "--existing", "leave")
	if _, told, code := command(t, "", list...); code != 0 || strings.Contains(told, "The command writes") {
		t.Errorf("setup --existing leave = %d, %s", code, told)
	}
	wantPolicy(t, list, [2]string{"owned", "never"})
	for _, wrong := range [][]string{{"--existing", "delete"}, {"--existing", "leave", "--organization", "acme"}, {"--existing", "leave", "--all-organizations"}} {
		if _, told, code := command(t, "", args(wrong...)...); code != exitUsage || !strings.Contains(told, "--existing must be ") {
			t.Errorf("setup %v = %d, %s", wrong, code, told)
		}
	}
}

// TestSetupOfAllOrganizationsAsksToo, about the members and groups of all organizations.
func TestSetupOfAllOrganizationsAsksToo(t *testing.T) {
	t.Parallel()
	c := apptest.NewEvery(t, keycloaktest.NewFake(t).Server())
	b := c.Realm
	for _, name := range []string{"jane", "joe", "stranger"} {
		id := b.MakeAccount(t, name, true)
		if name != "stranger" {
			c.Admit(t, id.String(), map[string]string{"jane": "acme", "joe": "globex"}[name])
		}
	}
	b.MakeGroup(t, "crew", c.IDs["acme"].TopLevel())
	dir := t.TempDir()
	args := []string{
		"setup", "--url", c.Server.URL, "--realm", b.Realm, "--admin-user", c.Server.Admin, "--admin-password", c.Server.Password,
		"--relax-validators", "--allow-all-scripts", "--allow-username-changes", "--change-feed", "--all-organizations", "--out", dir,
	}
	_, told, code := command(t, "adopt\ny\n", args...)
	if code != 0 || !strings.Contains(told, "There are 2 users and 1 group already, of all organizations together.") || strings.Contains(told, "leave") {
		t.Fatalf("setup = %d:\n%s", code, told)
	}
	written, problems := config.Load(filepath.Join(dir, app.ConfigName))
	if len(problems) > 0 || written.Realms[b.Realm].Organizations.Adopt != config.AdoptUnowned {
		t.Errorf("setup wrote %+v, %v", written.Realms[b.Realm], problems)
	}
	if _, told, code := command(t, "", append(args, "--existing", "leave")...); code != exitUsage || !strings.Contains(told, "--existing must be adopt or manage. An organization's endpoint shows all of its members") {
		t.Errorf("setup --existing leave = %d, %s", code, told)
	}
}

// wantPolicy compares the configuration that setup wrote.
func wantPolicy(t *testing.T, args []string, want [2]string) {
	t.Helper()
	c, problems := config.Load(filepath.Join(args[slices.Index(args, "--out")+1], app.ConfigName))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, r := range c.Realms {
		if got := [2]string{string(r.Tenants[0].Scope), string(r.Tenants[0].Adopt)}; got != want {
			t.Errorf("scope and adopt are %v, want %v", got, want)
		}
	}
}
