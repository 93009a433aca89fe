package app_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestEveryOrganizationWithACredential: the bridge serves an organization that has a credential, without a restart. It
// serves no other organization. A person who edits organizations cannot make a credential.
func TestEveryOrganizationWithACredential(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewEvery(t, start(t))
			admin := c.Realm.Admin
			acme := c.NewToken(t, "acme")
			acme.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "") // the organization was not checked yet
			c.Check(t)
			acme.Create(t, "/Users", `{"userName":"jane@acme.test"}`)
			apptest.WantNames(t, "acme's groups", acme.Names(t, "/Groups"))
			if _, err := admin.OrganizationGroups(t.Context(), c.IDs["acme"], 0, 1); err != nil { // before 26.6 Keycloak has no groups of organizations
				acme.Refused(t, http.StatusForbidden, http.MethodPost, "/Groups", `{"displayName":"G"}`)
				acme.Refused(t, http.StatusNotFound, http.MethodGet, "/Groups/"+apptest.AbsentID, "")
			}
			globex := acme.At(c.Realm.Realm + "/organizations/globex")
			globex.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			acme.At(c.Realm.Realm+"/organizations/*").Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			organization, err := admin.Organization(t.Context(), c.IDs["acme"])
			if err != nil {
				t.Fatal(err)
			}
			entries := organization.Attributes[auth.AttrCredentials]
			set := func(alias string, values ...string) {
				t.Helper()
				if err := admin.SetOrganizationAttribute(t.Context(), c.IDs[alias], auth.AttrCredentials, values); err != nil {
					t.Fatal(err)
				}
				c.Check(t)
			}
			set("globex", append(entries, "forged|"+strings.Repeat("0", 64)+"||"+strings.Repeat("0", 64), "x")...)
			globex.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			set("globex")
			globex = c.NewToken(t, "globex")
			second := c.NewToken(t, "globex")
			c.Check(t)
			apptest.WantNames(t, "globex's users", globex.Names(t, "/Users"))
			apptest.WantNames(t, "globex's users, by its other token", second.Names(t, "/Users"))
			apptest.WantNames(t, "acme's users", acme.Names(t, "/Users"), "jane@acme.test")
			globex.Token = acme.Token
			globex.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			set("globex")
			second.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")

			if err := admin.DeleteOrganization(t.Context(), c.IDs["acme"]); err != nil {
				t.Fatal(err)
			}
			acme.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "") // before the next check
			c.AddOrganization(t, admin, "acme")
			set("acme", entries...)
			acme.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			again := c.NewToken(t, "acme")
			c.Check(t)
			apptest.WantNames(t, "the users of another organization under the alias", again.Names(t, "/Users"))
		})
	}
}

// TestOneMappingForEveryOrganization: a change of the file is applied to all of them at once.
func TestOneMappingForEveryOrganization(t *testing.T) {
	t.Parallel()
	c := apptest.NewEvery(t, keycloaktest.NewFake(t).Server())
	acme := c.NewToken(t, "acme")
	c.Check(t)
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, []byte("version: 1\nusers: { unmapped: refuse }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, problems := app.LoadMapping(config.Tenant{Mapping: file, Profile: config.ProfileTolerant})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	acme.Create(t, "/Users", `{"userName":"a@acme.test","title":"kept"}`)
	apptest.ProposeMapping(c.Realm.App.Watcher, tenant.OrganizationPath(c.Realm.Realm, tenant.EveryOrganization), m)
	c.Check(t)
	acme.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{"userName":"b@acme.test","title":"refused"}`)
}

// TestAThousandOrganizations: an organization needs no goroutine and no call of its own, and almost no memory.
func TestAThousandOrganizations(t *testing.T) { //nolint:paralleltest // it counts goroutines
	fake := keycloaktest.NewFake(t)
	c := newThousand(t, fake)
	c.Check(t) // makes clients and connections
	before := runtime.NumGoroutine()
	fake.ResetCalls()
	c.Check(t)
	calls := slices.DeleteFunc(fake.Calls(), func(call string) bool { return !strings.Contains(call, "/organizations") })
	if len(calls) > 15 {
		t.Errorf("a check of 1,000 organizations makes %d calls for organizations, want 11 pages and one call for groups: %v", len(calls), calls)
	}
	if n := len(c.Realm.App.Watcher.Tenants.All()); n != 1001 {
		t.Errorf("there are %d tenants, want 1,000 and the tenant that represents all", n)
	}
	if after := runtime.NumGoroutine(); after > before+5 {
		t.Errorf("there are %d goroutines, before %d", after, before)
	}
	var with, without runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&with)
	for _, t := range c.Realm.App.Watcher.Tenants.All() {
		c.Realm.App.Watcher.Tenants.Remove(t.Path)
	}
	runtime.GC()
	runtime.ReadMemStats(&without)
	if used := int64(with.HeapAlloc) - int64(without.HeapAlloc); used > 5<<20 {
		t.Errorf("1,000 tenants take %d bytes, want at most 5 MB", used)
	}
}

// newThousand is NewEvery with 1,000 more organizations, each with a credential.
func newThousand(t *testing.T, fake *keycloaktest.Fake) apptest.Customers {
	t.Helper()
	c := apptest.NewEvery(t, fake.Server())
	key := []byte(c.Realm.Config.Realms[c.Realm.Realm].CredentialKey.Reveal())
	for i := range 1000 {
		alias := fmt.Sprintf("org%04d", i)
		c.AddOrganization(t, c.Realm.Admin, alias)
		entry, err := auth.Entry(key, c.IDs[alias].String(), tenant.Token{Name: "idp", SHA256: [32]byte{byte(i), byte(i >> 8)}})
		if err == nil {
			err = c.Realm.Admin.SetOrganizationAttribute(t.Context(), c.IDs[alias], auth.AttrCredentials, []string{entry})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// TestANamedOrganizationIsNotReplaced: another organization with a credential got the alias of an organization that
// the configuration names.
func TestANamedOrganizationIsNotReplaced(t *testing.T) {
	t.Parallel()
	c := apptest.NewEvery(t, keycloaktest.NewFake(t).Server())
	c.NewToken(t, "acme")
	both := c.Realm.Config
	r := both.Realms[c.Realm.Realm]
	r.Tenants = []config.Tenant{{
		Organization: "acme", OrganizationID: "5f6f6a3e-gone", Key: "5f6f6a3e-gone", Path: tenant.OrganizationPath(c.Realm.Realm, "acme"), Profile: config.ProfileTolerant,
	}}
	both.Realms = map[string]config.Realm{c.Realm.Realm: r}
	a := apptest.NewTestApp(t, both)
	a.Watcher.Check(t.Context())
	got := a.Watcher.Tenants.ByPath(r.Tenants[0].Path)
	if got.Found || got.Organization.ID.String() != "5f6f6a3e-gone" || !strings.Contains(got.Fitness().Problem, "is now another organization") {
		t.Errorf("the tenant = %+v, fit %q, want the named one, unfit", got.Organization, got.Fitness().Problem)
	}
}
