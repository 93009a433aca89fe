package realm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// world is a Keycloak in memory with a realm that setup prepared for a healthy tenant.
type world struct {
	*keycloaktest.Realm

	t      *testing.T
	fake   *keycloaktest.Fake
	c      *keycloak.Client // with the bridge's account
	tenant *tenant.Tenant
	others []*tenant.Tenant
}

// newWorld prepares a realm for a mapping file, "" for the built-in mapping.
func newWorld(t *testing.T, text string) *world {
	t.Helper()
	fake := keycloaktest.NewFake(t)
	w := &world{Realm: keycloaktest.NewRealm(t, fake.Server(), keycloaktest.RealmOptions{}), t: t, fake: fake}
	w.Send(t, http.MethodPut, "", `{"organizationsEnabled":true}`)
	m := w.mapping(text)
	w.tenant = w.newTenant("acme", m)
	w.setUp(m, realm.Options{ClientID: "bridge", Relax: true, Scripts: true, Usernames: true, Feed: true})
	return w
}

func (w *world) mapping(text string) *mapping.Mapping {
	w.t.Helper()
	file, src := config.ParseMapping("mapping.yaml", []byte("version: 1\n"+text))
	m, problems := mapping.Compile(file, src, scim.Tolerant)
	if len(problems) > 0 {
		w.t.Fatalf("the mapping has problems: %v", problems)
	}
	return m
}

func (w *world) newTenant(path string, m *mapping.Mapping) *tenant.Tenant {
	return &tenant.Tenant{
		Path: path, Realm: w.Name.String(), Mapping: m, Owner: mapping.Owner{Key: path}, BaseURL: "https://bridge.test/realms/" + path + "/scim/v2",
		Tokens: []tenant.Token{{Name: "idp"}}, Entry: tenant.Entry{File: "config.yaml", ClientID: "bridge"},
	}
}

// setUp runs setup, and checks that a second run has nothing to do.
func (w *world) setUp(m *mapping.Mapping, o realm.Options) []string {
	w.t.Helper()
	ctx := w.t.Context()
	s := realm.NewSetup(w.Admin, m, o)
	changes, err := s.Plan(ctx)
	w.must(err)
	w.must(realm.Apply(ctx, changes))
	secret, err := s.Secret(ctx)
	w.must(err)
	w.c = w.As(w.t, keycloak.ClientSecret(o.ClientID, secret))
	again, err := realm.NewSetup(w.Admin, m, o).Plan(ctx)
	if err != nil || len(again) > 0 {
		w.t.Errorf("setup that runs again would do %v, %v", again, err)
	}
	var texts []string
	for _, c := range changes {
		texts = append(texts, c.Text)
	}
	return texts
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// doctor returns the warnings and failures of doctor, without the warning about accounts that exist
// from the start.
func (w *world) doctor() []realm.Finding {
	w.t.Helper()
	return slices.DeleteFunc(realm.Doctor(w.t.Context(), w.c, w.tenant, w.others...), func(f realm.Finding) bool {
		return f.OK() || f.Check == "existing" && strings.HasPrefix(f.Text, "1 user that no endpoint made")
	})
}

// right grants a role of realm-management to the bridge's account, or revokes it.
func (w *world) right(name string, given bool) {
	w.t.Helper()
	ctx := w.t.Context()
	role, err := w.Admin.FindRole(ctx, keycloak.RoleName{Client: "realm-management", Name: name})
	w.must(err)
	change := w.Admin.RevokeRoles
	if given {
		change = w.Admin.GrantRoles
	}
	w.must(change(ctx, w.account("bridge"), []keycloak.Role{role}))
}

// account returns the service account of a client.
func (w *world) account(clientID string) keycloak.UserID {
	w.t.Helper()
	id, _, err := w.Admin.FindClient(w.t.Context(), clientID)
	w.must(err)
	account, err := w.Admin.ServiceAccount(w.t.Context(), id)
	w.must(err)
	return account
}

// profile changes the user profile.
func (w *world) profile(change func(*keycloak.UserProfile)) {
	w.t.Helper()
	p, err := w.Admin.UserProfile(w.t.Context())
	w.must(err)
	change(&p)
	w.must(w.Admin.UpdateUserProfile(w.t.Context(), p))
}

func (w *world) user(u keycloak.NewUser) keycloak.UserID {
	w.t.Helper()
	u.Enabled = true
	id, err := w.Admin.CreateUser(w.t.Context(), u)
	w.must(err)
	return id
}

func (w *world) group(name string, parent keycloak.GroupID) keycloak.GroupID {
	w.t.Helper()
	id, err := w.Admin.CreateGroup(w.t.Context(), keycloak.NewGroup{Name: name, Parent: parent})
	w.must(err)
	return id
}

// role creates a role of the realm that contains others.
func (w *world) role(name string, within ...keycloak.Role) keycloak.Role {
	w.t.Helper()
	w.Send(w.t, http.MethodPost, "/roles", fmt.Sprintf(`{"name":%q}`, name))
	all, err := w.Admin.Roles(w.t.Context(), keycloak.ClientInfo{}) // a role with certain names cannot be looked up
	w.must(err)
	role := all[slices.IndexFunc(all, func(r keycloak.Role) bool { return r.Name == name })]
	for _, r := range within {
		w.contain(role, r)
	}
	return role
}

func (w *world) contain(outer, inner keycloak.Role) {
	w.t.Helper()
	w.Send(w.t, http.MethodPost, "/roles-by-id/"+outer.ID+"/composites", fmt.Sprintf(`[{"id":%q,"name":%q}]`, inner.ID, inner.Name))
}

func (w *world) find(n keycloak.RoleName) keycloak.Role {
	w.t.Helper()
	r, err := w.Admin.FindRole(w.t.Context(), n)
	w.must(err)
	return r
}

func (w *world) management(name string) keycloak.Role {
	w.t.Helper()
	return w.find(keycloak.RoleName{Client: "realm-management", Name: name})
}

func (w *world) grant(to keycloak.RoleHolder, r keycloak.Role) {
	w.t.Helper()
	w.must(w.Admin.GrantRoles(w.t.Context(), to, []keycloak.Role{r}))
}

// organization creates an organization and a tenant for it.
func (w *world) organization(alias string, o keycloak.NewOrganization) *tenant.Tenant {
	w.t.Helper()
	o.Name, o.Alias = alias, alias
	id, err := w.Admin.CreateOrganization(w.t.Context(), o)
	w.must(err)
	out := w.newTenant(tenant.OrganizationPath("acme", alias), w.tenant.Mapping)
	out.Owner, out.Organization = mapping.Owner{Key: id.String(), Organization: true}, tenant.Organization{ID: id, Alias: alias}
	return out
}

// authorize creates a policy or a permission, and returns its id.
func (w *world) authorize(path, body string) string {
	w.t.Helper()
	client, _, err := w.Admin.FindClient(w.t.Context(), "admin-permissions")
	w.must(err)
	answer := w.Send(w.t, http.MethodPost, "/clients/"+client.String()+"/authz/resource-server"+path, body)
	var made struct{ ID string }
	if json.Unmarshal([]byte(answer), &made) != nil {
		return answer
	}
	return made.ID
}

// permission creates a permission with policies, each written as "type members".
func (w *world) permission(members string, policies ...string) {
	w.t.Helper()
	ids := []string{}
	for i, p := range policies {
		kind, rest, _ := strings.Cut(p, " ")
		ids = append(ids, w.authorize("/policy/"+kind, fmt.Sprintf(`{"name":"policy %d",%s}`, i, rest)))
	}
	data, err := json.Marshal(ids)
	w.must(err)
	w.authorize("/permission/scope", "{"+members+`,"policies":`+string(data)+"}")
}
