package app_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestAnOverridesMappingNamesWhatIsItsOwn: the mapping of an override has its own default groups and roles. A changed
// file is applied while the bridge runs.
func TestAnOverridesMappingNamesWhatIsItsOwn(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewEvery(t, start(t))
			acme := c.NewToken(t, "acme")
			apptest.AdminSend(t, c.Server, http.MethodPost, "/admin/realms/"+c.Realm.Realm+"/roles", `{"name":"staff"}`)
			group := c.Realm.MakeGroup(t, "everyone", keycloak.GroupID{})
			file := apptest.MappingFile(t, "version: 1\nusers: { defaultGroups: [/everyone] }\n")
			c.Realm.ApplyFile(t, "config.yaml", apptest.Replaced(t, `organizations: "*"`, c.Override("acme", ", mapping: "+file)))
			c.Check(t)
			jane := acme.Create(t, "/Users", `{"userName":"jane@acme.test"}`)
			members, err := c.Realm.Admin.Members(t.Context(), group, 0, 10)
			if err != nil || len(members) != 1 || members[0].ID != jane {
				t.Errorf("the default group of the organization's mapping has %v, %v", members, err)
			}
			if err := os.WriteFile(file, []byte("version: 1\ngrantableRoles: [staff]\nusers: { roles: [{ grant: [staff] }] }\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			c.Realm.App.Reload()
			c.Check(t)
			joe := acme.Create(t, "/Users", `{"userName":"joe@acme.test"}`)
			if got := c.Realm.RolesOf(t, joe); got != "staff" {
				t.Errorf("the roles of the changed mapping are %q, want staff", got)
			}
		})
	}
}

// TestAnOverridesGroups: before Keycloak 26.6 organizations have no groups. Then the groups of an override are below
// the group that its own mapping names. A tenant of an override without a mapping of its own cannot have groups.
func TestAnOverridesGroups(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewEvery(t, start(t))
			acme, globex := c.NewToken(t, "acme"), c.NewToken(t, "globex")
			parent := c.Realm.MakeGroup(t, "of-acme", keycloak.GroupID{})
			all := "organizations: { overrides: [{ organization: globex, organizationID: " + c.IDs["globex"].String() + ", adopt: unowned }, "
			c.Realm.ApplyFile(t, "config.yaml", apptest.Replaced(t, `organizations: "*"`, strings.Replace(c.Override("acme", ", mapping: "+apptest.MappingFile(t, "version: 1\ngroups: { parent: /of-acme }\n")), "organizations: { overrides: [", all, 1)))
			c.Check(t)
			acme.Create(t, "/Groups", `{"displayName":"Sales"}`)
			_, err := c.Realm.Admin.OrganizationGroups(t.Context(), c.IDs["acme"], 0, 1)
			children, failed := c.Realm.Admin.Children(t.Context(), parent, 0, 10)
			if failed != nil || (err != nil) != (len(children) == 1) {
				t.Errorf("below the parent are %v, %v; groups of organizations: %v", children, failed, err)
			}
			if err != nil {
				globex.Refused(t, http.StatusForbidden, http.MethodPost, "/Groups", `{"displayName":"Sales"}`)
			}
		})
	}
}

// TestWhatIsWrongWithAnOverride: a bad mapping, or the id of another organization, only affects this override.
func TestWhatIsWrongWithAnOverride(t *testing.T) {
	t.Parallel()
	c := apptest.NewEvery(t, keycloaktest.NewFake(t).Server())
	acme, globex := c.NewToken(t, "acme"), c.NewToken(t, "globex")
	c.Check(t)
	bad := c.Override("acme", ", mapping: "+apptest.MappingFile(t, "version: 1\nusers: { nope: 1 }\n"))
	c.Realm.ApplyFile(t, "config.yaml", apptest.Replaced(t, `organizations: "*"`, bad))
	if said := c.Realm.Statusz(t); !strings.Contains(said, "organizations/acme cannot be added") {
		t.Errorf("/statusz says %q", said)
	}
	c.Check(t)
	acme.Must(t, http.MethodGet, "/Users", "") // as before
	c.Realm.ApplyFile(t, "config.yaml", apptest.Replaced(t, bad, c.Override("acme", ", access: paused")))
	c.Check(t)
	acme.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
	globex.Must(t, http.MethodGet, "/Users", "")
	swapped := strings.ReplaceAll(c.Override("globex", ""), "organization: globex", "organization: acme")
	c.Realm.ApplyFile(t, "config.yaml", apptest.Replaced(t, c.Override("acme", ", access: paused"), swapped))
	c.Realm.App.Watcher.Check(t.Context())
	acme.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "") // the tokens of the id are globex's
	acme.Token = globex.Token
	acme.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
	got := c.Realm.App.Watcher.Tenants.ByPath(tenant.OrganizationPath(c.Realm.Realm, "acme")).Fitness().Problem
	if !strings.Contains(got, `has the alias "globex" and not "acme"`) {
		t.Errorf("the tenant is unfit for %q", got)
	}
}

// TestTheStatusPageHasNoRowForAllOrganizations: a problem of all organizations is shown in the row of their realm,
// with its remedy.
func TestTheStatusPageHasNoRowForAllOrganizations(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := apptest.NewEvery(t, fake.Server())
	c.NewToken(t, "acme")
	c.Check(t)
	if got := apptest.HTMLPage(t, c.Realm.App, "/statusz"); strings.Contains(got, "organizations/*") || strings.Contains(got, `class="bad"`) || !strings.Contains(got, "organizations/acme") {
		t.Errorf("/statusz is\n%s", got)
	}
	c.Realm.ApplyFile(t, "config.yaml", apptest.Replaced(t, `organizations: "*"`, "organizations: { mapping: "+apptest.MappingFile(t, "version: 1\nusers: { defaultGroups: [/gone] }\n")+" }"))
	c.Realm.App.Watcher.Check(context.WithoutCancel(t.Context()))
	got := apptest.HTMLPage(t, c.Realm.App, "/statusz")
	realms, tenants, _ := strings.Cut(got, "<h2>Tenants</h2>")
	doctor := "scim-bridge doctor --config " + c.Realm.File + " --tenant '" + c.Realm.Realm + "/organizations/*'"
	if !strings.Contains(realms, "the changed mapping file is not applied") || !strings.Contains(realms, "fix: "+doctor) || strings.Contains(tenants, "organizations/*") {
		t.Errorf("/statusz does not show the problem of all organizations in the row of their realm:\n%s", got)
	}
}
