package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestSetupAsksWhatShallHoldForWhoIsThere, in words that say what the client may do, and writes the
// answer. Nobody who agreed to everything is asked, and nobody in an empty realm.
func TestSetupAsksWhatShallHoldForWhoIsThere(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	name, admin := newEmptyRealm(t, server)
	args := func(more ...string) []string {
		return append([]string{
			"setup", "--url", server.URL, "--realm", name, "--admin-user", server.Admin, "--admin-password", server.Password,
			"--relax-validators", "--allow-all-scripts", "--allow-username-changes", "--change-feed", "--out", t.TempDir(),
		}, more...)
	}
	if _, told, code := command(t, "y\n", args()...); code != 0 || strings.Contains(told, "already") {
		t.Errorf("setup of an empty realm = %d, %s", code, told)
	}
	b := testBridge{admin: admin, realm: name}
	b.account(t, "jane", true)
	b.account(t, "joe", true)
	b.group(t, "crew", keycloak.GroupID{})
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
	if _, told, code := command(t, "", list...); code != 0 || !strings.Contains(told, "Written is manage; --existing chooses another one.") {
		t.Errorf("setup --yes = %d, %s", code, told)
	}
	wantPolicy(t, list, [2]string{"all", "never"})
	list = args("--yes", "--existing", "leave")
	if _, told, code := command(t, "", list...); code != 0 || strings.Contains(told, "Written is") {
		t.Errorf("setup --existing leave = %d, %s", code, told)
	}
	wantPolicy(t, list, [2]string{"owned", "never"})
	for _, wrong := range [][]string{{"--existing", "delete"}, {"--existing", "leave", "--organization", "acme"}, {"--existing", "leave", "--all-organizations"}} {
		if _, told, code := command(t, "", args(wrong...)...); code != exitUsage || !strings.Contains(told, "--existing must be ") {
			t.Errorf("setup %v = %d, %s", wrong, code, told)
		}
	}
}

// TestSetupOfAllOrganizationsAsksToo: of the members and groups of all of them.
func TestSetupOfAllOrganizationsAsksToo(t *testing.T) {
	t.Parallel()
	c := newEvery(t, keycloaktest.NewFake(t).Server())
	b := c.realm
	for _, name := range []string{"jane", "joe", "stranger"} {
		id := b.account(t, name, true)
		if name != "stranger" {
			c.admit(t, id.String(), map[string]string{"jane": "acme", "joe": "globex"}[name])
		}
	}
	b.group(t, "crew", c.ids["acme"].TopLevel())
	dir := t.TempDir()
	args := []string{
		"setup", "--url", c.server.URL, "--realm", b.realm, "--admin-user", c.server.Admin, "--admin-password", c.server.Password,
		"--relax-validators", "--allow-all-scripts", "--allow-username-changes", "--change-feed", "--all-organizations", "--out", dir,
	}
	_, told, code := command(t, "adopt\ny\n", args...)
	if code != 0 || !strings.Contains(told, "There are 2 users and 1 group already, of all organizations together.") || strings.Contains(told, "leave") {
		t.Fatalf("setup = %d:\n%s", code, told)
	}
	written, problems := config.Load(filepath.Join(dir, app.ConfigName))
	if len(problems) > 0 || written.Realms[b.realm].Organizations.Adopt != config.AdoptUnowned {
		t.Errorf("setup wrote %+v, %v", written.Realms[b.realm], problems)
	}
	if _, told, code := command(t, "", append(args, "--existing", "leave")...); code != exitUsage || !strings.Contains(told, "nobody whom it could leave out") {
		t.Errorf("setup --existing leave = %d, %s", code, told)
	}
}

// wantPolicy compares what setup wrote.
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

// TestDoctorTellsOfWhoIsThere: how many there are whom no endpoint made, and what the client may do with
// them; the remedies of its warnings end them.
func TestDoctorTellsOfWhoIsThere(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			for of, b := range c.bothTenants() {
				b.create(t, "/Users", `{"userName":"made-`+of+`"}`)
				b.create(t, "/Groups", `{"displayName":"made-`+of+`"}`)
				c.member(t, of, b.account(t, "there-"+of, true).String())
				c.consoleGroup(t, of, "crew-"+of)
			}
			c.admit(t, c.of["globex"].create(t, "/Users", `{"userName":"of-globex"}`), "acme") // whom an endpoint made
			for of, b := range c.bothTenants() {
				text := map[string]string{"realm": "2 users and 1 group that no endpoint made", "organization": "1 user and 1 group that no endpoint made"}[of]
				if of == "realm" && !c.of["acme"].organizationGroups(t) {
					text = "2 users and 1 group that no endpoint made"
				}
				found := c.finding(t, b, "existing")
				if found.Severity != realm.Warn || !strings.HasPrefix(found.Text, text) || !strings.Contains(found.Fix, "\nscim-bridge adopt ") || !strings.Contains(found.Fix, "--tenant "+b.path(t)+" --dry-run\n") {
					t.Errorf("%s: doctor finds %+v, want %q", of, found, text)
				}
			}
			if found, err := realm.FindExisting(t.Context(), c.realm.admin, c.ids["acme"]); err != nil || found.Users != 3 || (found.Groups > 0) != c.of["acme"].organizationGroups(t) {
				t.Errorf("setup finds %+v, %v in the organization", found, err)
			}
			for _, of := range []string{"organization", "realm"} {
				b := c.bothTenants()[of]
				b.adoptions(t, b.controlled(t), b.path(t))
			}
			for of, b := range c.bothTenants() {
				if found := c.finding(t, b, "existing"); found.Severity != realm.Pass {
					t.Errorf("%s: after the adoption doctor finds %+v", of, found)
				}
			}
		})
	}
}

// finding is what a check of doctor finds about a tenant.
func (c customers) finding(t *testing.T, b testBridge, check string) realm.Finding {
	t.Helper()
	mine := b.app.Watcher.Tenants.ByPath(b.path(t))
	others := slices.DeleteFunc(slices.Clone(b.app.Watcher.Tenants.All()), func(other *tenant.Tenant) bool { return other == mine })
	found := realm.Doctor(t.Context(), b.app.Watcher.Realms.Client(b.realm), mine, others...)
	i := slices.IndexFunc(found, func(f realm.Finding) bool { return f.Check == check })
	if i < 0 {
		t.Fatalf("doctor finds %v", found)
	}
	return found[i]
}
