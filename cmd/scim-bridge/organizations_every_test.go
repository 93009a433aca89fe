package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// newEvery is a bridge that serves every organization of a realm with a credential; the
// realm has the organizations acme and globex.
func newEvery(t *testing.T, server keycloaktest.Server) customers {
	t.Helper()
	realm, admin := newEmptyRealm(t, server)
	adminSend(t, server, http.MethodPut, "/admin/realms/"+realm, `{"organizationsEnabled":true}`)
	out := customers{server: server, of: map[string]testBridge{}, ids: map[string]keycloak.OrganizationID{}}
	for _, alias := range []string{"acme", "globex"} {
		out.add(t, admin, alias)
	}
	made := runSetup(t, server, realm, "--all-organizations", "--allow-manage-realm")
	c, problems := config.Load(made.Config)
	if len(problems) > 0 {
		t.Fatalf("the configuration that setup wrote has problems: %v", problems)
	}
	listener, file := newListener(), c
	c.Server.PublicURL = config.URL("http://" + listener.Listener.Addr().String())
	a := newTestAppOf(t, c, &file)
	out.realm = testBridge{admin: admin, realm: realm, config: c, file: made.Config, app: a, Client: &client.Client{Base: string(c.Server.PublicURL) + "/realms/x", HTTP: http.DefaultClient}}
	serveHandler(t, listener, a.Handler, out.realm)
	return out
}

// add makes an organization.
func (c customers) add(t *testing.T, admin *keycloak.Client, alias string) {
	t.Helper()
	id, err := admin.CreateOrganization(t.Context(), keycloak.NewOrganization{
		Name: alias, Alias: alias, Domains: []keycloak.Domain{{Name: alias + ".test", Verified: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.ids[alias] = id
}

// token gives an organization another token, as the command tokens new does.
func (c customers) token(t *testing.T, alias string) testBridge {
	t.Helper()
	o, err := c.realm.admin.Organization(t.Context(), c.ids[alias])
	if err != nil {
		t.Fatal(err)
	}
	entries := o.Attributes[auth.AttrCredentials]
	text, keyID, sum := auth.NewToken()
	token := tenant.Token{Name: fmt.Sprintf("%s-%d", app.TokenName, len(entries)+1), KeyID: keyID, SHA256: sum, Scopes: tenant.AllScopes, Expires: time.Now().UTC().AddDate(1, 0, 0).Truncate(time.Second)}
	entry, err := auth.Entry([]byte(c.realm.config.Realms[c.realm.realm].CredentialKey.Reveal()), o.ID, token)
	if err == nil {
		err = c.realm.admin.SetOrganizationAttribute(t.Context(), c.ids[alias], auth.AttrCredentials, append(slices.Clone(entries), entry))
	}
	if err != nil {
		t.Fatal(err)
	}
	b := c.realm.at(c.realm.realm + "/organizations/" + alias)
	b.Token = text
	return b
}

func (c customers) look(t *testing.T) {
	t.Helper()
	if !c.realm.app.Watcher.Look(t.Context()) {
		t.Errorf("the realm is not fit: %v", c.realm.app.Watcher.Tenants.All()[0].Fitness())
	}
}

// TestEveryOrganizationWithACredential is served, without a restart when it gets one, and no
// other: who edits organizations makes no credential.
func TestEveryOrganizationWithACredential(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newEvery(t, start(t))
			admin := c.realm.admin
			acme := c.token(t, "acme")
			acme.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "") // nobody looked yet
			c.look(t)
			acme.create(t, "/Users", `{"userName":"jane@acme.test"}`)
			wantNames(t, "acme's groups", acme.names(t, "/Groups"))
			if _, err := admin.OrganizationGroups(t.Context(), c.ids["acme"], 0, 1); err != nil { // before 26.6 there is no place for them
				acme.refused(t, http.StatusForbidden, http.MethodPost, "/Groups", `{"displayName":"G"}`)
				acme.refused(t, http.StatusNotFound, http.MethodGet, "/Groups/"+absentID, "")
			}
			globex := acme.at(c.realm.realm + "/organizations/globex")
			globex.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			acme.at(c.realm.realm+"/organizations/*").refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			organization, err := admin.Organization(t.Context(), c.ids["acme"])
			if err != nil {
				t.Fatal(err)
			}
			entries := organization.Attributes[auth.AttrCredentials]
			set := func(alias string, values ...string) {
				t.Helper()
				if err := admin.SetOrganizationAttribute(t.Context(), c.ids[alias], auth.AttrCredentials, values); err != nil {
					t.Fatal(err)
				}
				c.look(t)
			}
			set("globex", append(entries, "forged|"+strings.Repeat("0", 64)+"||"+strings.Repeat("0", 64), "x")...)
			globex.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			set("globex")
			globex = c.token(t, "globex")
			second := c.token(t, "globex")
			c.look(t)
			wantNames(t, "globex's users", globex.names(t, "/Users"))
			wantNames(t, "globex's users, by its other token", second.names(t, "/Users"))
			wantNames(t, "acme's users", acme.names(t, "/Users"), "jane@acme.test")
			globex.Token = acme.Token
			globex.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			set("globex")
			second.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")

			if err := admin.DeleteOrganization(t.Context(), c.ids["acme"]); err != nil {
				t.Fatal(err)
			}
			acme.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "") // before the next look
			c.add(t, admin, "acme")
			set("acme", entries...)
			acme.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			again := c.token(t, "acme")
			c.look(t)
			wantNames(t, "the users of another organization under the alias", again.names(t, "/Users"))
		})
	}
}

// TestTokensNewRefuses what it cannot do, and says why.
func TestTokensNewRefuses(t *testing.T) {
	t.Parallel()
	c := newEvery(t, keycloaktest.NewFake(t).Server())
	args := []string{"tokens", "new", "--config", c.realm.file}
	for _, bad := range []struct {
		more []string
		code int
		text string
	}{
		{nil, exitUsage, "--organization says which organization is meant"},
		{[]string{"--organization", "nope"}, exitFailure, `no organization has the alias "nope"`},
		{[]string{"--organization", "acme", "--name", "a|b"}, exitUsage, "1 to 40 letters"},
		{[]string{"--organization", "acme", "--realm", "other"}, exitUsage, "no such realm serves every organization"},
		{[]string{"--organization", "acme", "--months", "-1"}, exitUsage, "--months is 0 or more"},
		{[]string{"--organization", "acme", "--output", "xml"}, exitUsage, "--output is text or json"},
	} {
		if out, told, code := command(t, "", append(slices.Clone(args), bad.more...)...); code != bad.code || !strings.Contains(told, bad.text) || out != "" {
			t.Errorf("tokens new %v = %d, %s%s, want %d %q", bad.more, code, out, told, bad.code, bad.text)
		}
	}
	out, _, code := command(t, "", append(args, "--organization", "acme", "--months", "0")...)
	if code != 0 || !strings.Contains(out, "/organizations/acme/scim/v2\nToken     ksb_") {
		t.Errorf("tokens new = %d, %s", code, out)
	}
	dir := filepath.Dir(c.realm.file)
	before, err := os.ReadFile(filepath.Join(dir, app.CredentialKeyName))
	if err != nil {
		t.Fatal(err)
	}
	if _, told, code := command(t, "", "setup", "--url", c.server.URL, "--realm", c.realm.realm, "--admin-user", c.server.Admin, "--admin-password", c.server.Password, "--yes", "--all-organizations", "--out", dir); code != 0 {
		t.Fatalf("setup again = %d, %s", code, told)
	}
	if after, err := os.ReadFile(filepath.Join(dir, app.CredentialKeyName)); err != nil || string(after) != string(before) {
		t.Errorf("setup again made another key, which voids all credentials: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, app.SecretName), []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, told, code := command(t, "", append(args, "--organization", "acme")...); code != exitFailure || !strings.Contains(told, "the bridge's own account") {
		t.Errorf("tokens new with a wrong secret = %d, %s", code, told)
	}
}

// TestOneMappingForEveryOrganization: a change of the file is applied to all of them at once.
func TestOneMappingForEveryOrganization(t *testing.T) {
	t.Parallel()
	c := newEvery(t, keycloaktest.NewFake(t).Server())
	acme := c.token(t, "acme")
	c.look(t)
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, []byte("version: 1\nusers: { unmapped: refuse }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, problems := app.LoadMapping(config.Tenant{Mapping: file, Profile: config.ProfileTolerant})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	acme.create(t, "/Users", `{"userName":"a@acme.test","title":"kept"}`)
	proposeMapping(c.realm.app.Watcher, tenant.OrganizationPath(c.realm.realm, tenant.EveryOrganization), m)
	c.look(t)
	acme.refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{"userName":"b@acme.test","title":"refused"}`)
}

// TestAThousandOrganizations cost neither a goroutine nor a call each, and no memory to speak
// of.
func TestAThousandOrganizations(t *testing.T) { //nolint:paralleltest // it counts goroutines
	fake := keycloaktest.NewFake(t)
	c := newThousand(t, fake)
	c.look(t) // clients and connections are made
	before := runtime.NumGoroutine()
	fake.ResetCalls()
	c.look(t)
	calls := slices.DeleteFunc(fake.Calls(), func(call string) bool { return !strings.Contains(call, "/organizations") })
	if len(calls) > 15 {
		t.Errorf("a look at 1,000 organizations is %d calls about them, want 11 pages and one of groups: %v", len(calls), calls)
	}
	if n := len(c.realm.app.Watcher.Tenants.All()); n != 1001 {
		t.Errorf("there are %d tenants, want 1,000 and what holds for all", n)
	}
	if after := runtime.NumGoroutine(); after > before+5 {
		t.Errorf("there are %d goroutines, before %d", after, before)
	}
	var with, without runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&with)
	for _, t := range c.realm.app.Watcher.Tenants.All() {
		c.realm.app.Watcher.Tenants.Remove(t.Path)
	}
	runtime.GC()
	runtime.ReadMemStats(&without)
	if used := int64(with.HeapAlloc) - int64(without.HeapAlloc); used > 5<<20 {
		t.Errorf("1,000 tenants take %d bytes, want at most 5 MB", used)
	}
}

// newThousand is newEvery with 1,000 organizations that have a credential.
func newThousand(t *testing.T, fake *keycloaktest.Fake) customers {
	t.Helper()
	c := newEvery(t, fake.Server())
	key := []byte(c.realm.config.Realms[c.realm.realm].CredentialKey.Reveal())
	for i := range 1000 {
		alias := fmt.Sprintf("org%04d", i)
		c.add(t, c.realm.admin, alias)
		entry, err := auth.Entry(key, c.ids[alias].String(), tenant.Token{Name: "idp", SHA256: [32]byte{byte(i), byte(i >> 8)}})
		if err == nil {
			err = c.realm.admin.SetOrganizationAttribute(t.Context(), c.ids[alias], auth.AttrCredentials, []string{entry})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// TestANamedOrganizationIsNotReplaced by another one that got its alias and has a credential.
func TestANamedOrganizationIsNotReplaced(t *testing.T) {
	t.Parallel()
	c := newEvery(t, keycloaktest.NewFake(t).Server())
	c.token(t, "acme")
	both := c.realm.config
	r := both.Realms[c.realm.realm]
	r.Tenants = []config.Tenant{{
		Organization: "acme", OrganizationID: "5f6f6a3e-gone", Key: "5f6f6a3e-gone", Path: tenant.OrganizationPath(c.realm.realm, "acme"), Profile: config.ProfileTolerant,
	}}
	both.Realms = map[string]config.Realm{c.realm.realm: r}
	a := newTestApp(t, both)
	a.Watcher.Look(t.Context())
	got := a.Watcher.Tenants.ByPath(r.Tenants[0].Path)
	if got.Found || got.Organization.ID.String() != "5f6f6a3e-gone" || !strings.Contains(got.Fitness().Problem, "is another one now") {
		t.Errorf("the tenant = %+v, fit %q, want the named one, unfit", got.Organization, got.Fitness().Problem)
	}
}
