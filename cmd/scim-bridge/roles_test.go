package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// newRoleBridge is a tenant with a mapping file, in a realm that has the roles employee,
// boss, shop/editor and shop/seller and the identity provider corp.
func newRoleBridge(t *testing.T, server keycloaktest.Server, file string, edits ...func(*config.Config)) testBridge {
	t.Helper()
	realm, admin := newEmptyRealm(t, server)
	shop, err := admin.CreateClient(t.Context(), "shop", "")
	if err != nil {
		t.Fatal(err)
	}
	at := "/admin/realms/" + realm
	for path, names := range map[string][]string{"/roles": {"employee", "boss"}, "/clients/" + shop.String() + "/roles": {"editor", "seller"}} {
		for _, name := range names {
			adminSend(t, server, http.MethodPost, at+path, `{"name":"`+name+`"}`)
		}
	}
	addProvider(t, server, realm, "corp")
	edit := func(c *config.Config) {
		for _, edit := range edits {
			edit(c)
		}
	}
	return newBridgeIn(t, server, realm, admin, edit, "--mapping", file)
}

// addProvider makes an identity provider that nobody can log in with.
func addProvider(t *testing.T, server keycloaktest.Server, realm, alias string) {
	t.Helper()
	adminSend(t, server, http.MethodPost, "/admin/realms/"+realm+"/identity-provider/instances", `{"alias":"`+alias+`","providerId":"oidc","enabled":true,
		"config":{"clientId":"a","clientSecret":"b","tokenUrl":"http://127.0.0.1:1/t","authorizationUrl":"http://127.0.0.1:1/a"}}`)
}

// rolesOf are the roles that a user has beside those of every user.
func (b testBridge) rolesOf(t *testing.T, id string) string {
	t.Helper()
	parsed, err := keycloak.ParseUserID(id)
	if err != nil {
		t.Fatal(err)
	}
	roles, err := b.admin.UserRoles(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range roles {
		if !strings.HasPrefix(r.Name, "default-roles-") {
			out = append(out, r.String())
		}
	}
	return strings.Join(out, " ")
}

// rolesOfGroup are the roles that a group has itself.
func (b testBridge) rolesOfGroup(t *testing.T, id string) string {
	t.Helper()
	parsed, err := keycloak.ParseGroupID(id)
	if err != nil {
		t.Fatal(err)
	}
	g, err := b.admin.Group(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(fmt.Sprint(g.Roles), "[]")
}

const roleMapping = `version: 1
grantableRoles: [employee, boss, { client: shop, role: editor }, { client: shop, role: seller }]
users:
  roles:
    - grant: [employee]
    - when: resource.title == "Boss"
      grant: [boss, { client: shop, role: editor }]
groups:
  roles:
    Sales: [{ client: shop, role: seller }]
    Bosses: [boss, { client: shop, role: seller }]
`

// TestRolesOfUsers: users have the roles of the rules that hold for them, from their
// creation on and after every write, and roles that no rule speaks of are left alone.
func TestRolesOfUsers(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newRoleBridge(t, server, mappingFile(t, roleMapping))
			jane, err := b.send(t, http.MethodPost, "/Users", `{"userName":"jane","title":"Boss"}`)
			if err != nil {
				t.Fatal(err)
			}
			id := jane["id"].(string)
			user, err := keycloak.ParseUserID(id)
			if err != nil {
				t.Fatal(err)
			}
			expect := func(when, want string) {
				t.Helper()
				if got := b.rolesOf(t, id); got != want {
					t.Errorf("roles %s = %s, want %s", when, got, want)
				}
			}
			expect("after the creation", "boss employee shop/editor")
			grant := func(n keycloak.RoleName, change func(*keycloak.Client, keycloak.Role) error) {
				t.Helper()
				r, err := b.admin.FindRole(t.Context(), n)
				if err == nil {
					err = change(b.admin, r)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			give := func(c *keycloak.Client, r keycloak.Role) error {
				return c.GrantRoles(t.Context(), user, []keycloak.Role{r})
			}
			grant(keycloak.RoleName{Client: "shop", Name: "seller"}, give)
			if _, err := b.send(t, http.MethodPatch, "/Users/"+id, `{"Operations":[{"op":"replace","path":"title","value":"Clerk"}]}`); err != nil {
				t.Fatal(err)
			}
			expect("when the title is another, with one given by hand", "employee shop/seller")
			grant(keycloak.RoleName{Name: "boss"}, give)
			grant(keycloak.RoleName{Name: "employee"}, func(c *keycloak.Client, r keycloak.Role) error {
				return c.RevokeRoles(t.Context(), user, []keycloak.Role{r})
			})
			if _, err := b.send(t, http.MethodPut, "/Users/"+id, `{"userName":"jane","title":"Clerk"}`); err != nil {
				t.Fatal(err)
			}
			expect("after a PUT of the same, which gives what was taken by hand and leaves what was given", "boss employee shop/seller")
		})
	}
}

// TestRolesOfGroups follow the displayName.
func TestRolesOfGroups(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newRoleBridge(t, server, mappingFile(t, roleMapping))
			group, err := b.send(t, http.MethodPost, "/Groups", `{"displayName":"Sales"}`)
			if err != nil {
				t.Fatal(err)
			}
			id := group["id"].(string)
			for _, c := range []struct{ displayName, want string }{
				{"Sales", "shop/seller"}, {"Bosses", "boss shop/seller"}, {"sales", ""}, {"Bosses", "boss shop/seller"}, {"Team", ""},
			} {
				if _, err := b.send(t, http.MethodPatch, "/Groups/"+id, `{"Operations":[{"op":"replace","path":"displayName","value":"`+c.displayName+`"}]}`); err != nil {
					t.Fatal(err)
				}
				if got := b.rolesOfGroup(t, id); got != c.want {
					t.Errorf("roles of %s = %s, want %s", c.displayName, got, c.want)
				}
			}
		})
	}
}

// TestSecurity_16_NobodyBecomesAnAdministrator: a role that contains rights of the Admin API is not
// granted, be they put into it before the bridge looked or later, however deep.
func TestSecurity_16_NobodyBecomesAnAdministrator(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newRoleBridge(t, server, mappingFile(t, roleMapping))
			jane, err := b.send(t, http.MethodPost, "/Users", `{"userName":"jane"}`)
			if err != nil {
				t.Fatal(err)
			}
			role := func(n keycloak.RoleName) keycloak.Role {
				t.Helper()
				r, err := b.admin.FindRole(t.Context(), n)
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			compose := func(into keycloak.Role, what keycloak.RoleName) {
				t.Helper()
				data, err := json.Marshal([]keycloak.Role{role(what)})
				if err != nil {
					t.Fatal(err)
				}
				adminSend(t, server, http.MethodPost, "/admin/realms/"+b.realm+"/roles-by-id/"+into.ID+"/composites", string(data))
			}
			adminSend(t, server, http.MethodPost, "/admin/realms/"+b.realm+"/roles", `{"name":"inner"}`)
			compose(role(keycloak.RoleName{Name: "inner"}), keycloak.RoleName{Client: "realm-management", Name: "manage-users"})
			compose(role(keycloak.RoleName{Name: "boss"}), keycloak.RoleName{Name: "inner"})
			for method, path := range map[string]string{http.MethodPost: "/Users", http.MethodPut: "/Users/" + jane["id"].(string)} {
				if _, err := b.send(t, method, path, `{"userName":"jane2","title":"Boss"}`); client.StatusOf(err) != http.StatusServiceUnavailable {
					t.Errorf("%s = %v, want 503", method, err)
				}
			}
			if _, err := b.send(t, http.MethodPost, "/Groups", `{"displayName":"Bosses"}`); client.StatusOf(err) != http.StatusServiceUnavailable {
				t.Errorf("POST of a group = %v, want 503", err)
			}
			if got := b.rolesOf(t, jane["id"].(string)); got != "employee" {
				t.Errorf("roles = %s, want nothing changed", got)
			}
			for endpoint, filter := range map[string]string{"/Users": `userName eq "jane2"`, "/Groups": `displayName eq "Bosses"`} {
				if found, err := b.Find(t.Context(), endpoint, filter, ""); err != nil || len(found) != 0 {
					t.Errorf("%s finds %v, %v, want nothing changed", endpoint, found, err)
				}
			}
			b.app.Watcher.Look(t.Context())
			if problem := b.app.Watcher.Tenants.All()[0].Fitness().Problem; !strings.Contains(problem, `the role "boss" of the mapping contains the right manage-users of realm-management`) {
				t.Errorf("the next look finds %q", problem)
			}
		})
	}
}

// TestARoleThatIsMissing makes the tenant unfit, and a user is not left without its role.
func TestARoleThatIsMissing(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newRoleBridge(t, server, mappingFile(t, roleMapping))
			adminSend(t, server, http.MethodDelete, "/admin/realms/"+b.realm+"/roles/boss", "")
			if _, err := b.send(t, http.MethodPost, "/Users", `{"userName":"jane","title":"Boss"}`); client.StatusOf(err) != http.StatusServiceUnavailable {
				t.Errorf("a create with a role that is gone = %v, want 503", err)
			}
			if found, err := b.Find(t.Context(), "/Users", `userName eq "jane"`, ""); err != nil || len(found) != 0 {
				t.Errorf("the user is left behind: %v, %v", found, err)
			}
			b.app.Watcher.Look(t.Context())
			if problem := b.app.Watcher.Tenants.All()[0].Fitness().Problem; problem != `the role "boss" of the mapping does not exist` {
				t.Errorf("the next look finds %q", problem)
			}
		})
	}
}

// TestARoleThatWasMadeAnew is not revoked by its old id: the client hears that to try again
// and not that the user does not exist, and after the next look it is revoked.
func TestARoleThatWasMadeAnew(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newRoleBridge(t, server, mappingFile(t, roleMapping))
			jane, err := b.send(t, http.MethodPost, "/Users", `{"userName":"jane","title":"Boss"}`)
			if err != nil {
				t.Fatal(err)
			}
			id := jane["id"].(string)
			user, err := keycloak.ParseUserID(id)
			if err != nil {
				t.Fatal(err)
			}
			adminSend(t, server, http.MethodDelete, "/admin/realms/"+b.realm+"/roles/boss", "")
			adminSend(t, server, http.MethodPost, "/admin/realms/"+b.realm+"/roles", `{"name":"boss"}`)
			role, err := b.admin.FindRole(t.Context(), keycloak.RoleName{Name: "boss"})
			if err != nil {
				t.Fatal(err)
			}
			if err := b.admin.GrantRoles(t.Context(), user, []keycloak.Role{role}); err != nil {
				t.Fatal(err)
			}
			clerk := `{"userName":"jane","title":"Clerk"}`
			if _, err := b.send(t, http.MethodPut, "/Users/"+id, clerk); client.StatusOf(err) != http.StatusServiceUnavailable {
				t.Errorf("a change that revokes the role = %v, want 503", err)
			}
			b.app.Watcher.Look(t.Context())
			if _, err := b.send(t, http.MethodPut, "/Users/"+id, clerk); err != nil {
				t.Error(err)
			}
			if got := b.rolesOf(t, id); got != "employee" {
				t.Errorf("roles = %s, want employee", got)
			}
		})
	}
}

// TestSetupTellsWhatItCannotMake: roles and identity providers that a mapping names.
func TestSetupTellsWhatItCannotMake(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	realm, _ := newEmptyRealm(t, server)
	_, told, code := command(t, "", "setup", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password,
		"--yes", "--mapping", "testdata/mapping.yaml")
	for _, want := range []string{
		"manage-users and view-realm and view-clients and view-identity-providers; the bridge never changes who administers the realm, and needs view-clients to see who that is; the role also shows it the secrets of the realm's clients",
		`left for you: the role "employee" of the mapping does not exist`, `left for you: the role "shop/editor" of the mapping does not exist`,
		`left for you: the identity provider "corp" of the mapping does not exist`,
	} {
		if code != 0 || !strings.Contains(told, want) {
			t.Errorf("setup ended with %d and does not say %q:\n%s", code, want, told)
		}
	}
}

const linkMapping = "version: 1\nusers: { link: { identityProvider: corp, userId: externalId } }\n"

// TestLinks: a new user is linked to the identity provider, once; a later change of the
// attribute moves nothing, and no second user gets the same identity.
func TestLinks(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newRoleBridge(t, server, mappingFile(t, linkMapping))
			linked := func(id string) string {
				t.Helper()
				users, err := b.admin.Users(t.Context(), keycloak.UserQuery{Link: &keycloak.Link{IdentityProvider: "corp", UserID: id}})
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, u := range users {
					names = append(names, u.Username)
				}
				return strings.Join(names, " ")
			}
			jane, err := b.send(t, http.MethodPost, "/Users", `{"userName":"jane","externalId":"0aA & b"}`)
			if err != nil {
				t.Fatal(err)
			}
			if got := linked("0aA & b"); got != "jane" {
				t.Errorf("linked is %q, want jane", got)
			}
			_, err = b.send(t, http.MethodPost, "/Users", `{"userName":"joe"}`)
			if err == nil || !strings.Contains(err.Error(), "400 invalidValue: externalId is required") {
				t.Errorf("a user without the id = %v", err)
			}
			if _, err := b.send(t, http.MethodPut, "/Users/"+jane["id"].(string), `{"userName":"jane","externalId":"other"}`); err != nil {
				t.Fatal(err)
			}
			if was, is := linked("0aA & b"), linked("other"); was != "jane" || is != "" {
				t.Errorf("after a change of externalId linked are %q and %q, want the first link alone", was, is)
			}
			_, err = b.send(t, http.MethodPost, "/Users", `{"userName":"joe","externalId":"0aA & b"}`)
			if err == nil || !strings.Contains(err.Error(), "409 uniqueness: another user is linked to the identity provider with this value of externalId") {
				t.Errorf("a second user with the identity = %v", err)
			}
			var g errgroup.Group
			for i := range 8 {
				g.Go(func() error {
					_, err := b.Do(t.Context(), http.MethodPost, "/Users", json.RawMessage(fmt.Sprintf(`{"userName":"user%d","externalId":"same"}`, i)))
					if err != nil && client.StatusOf(err) != http.StatusConflict {
						return err
					}
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				t.Error(err)
			}
			if got := linked("same"); got == "" || strings.Contains(got, " ") {
				t.Errorf("of eight creates at once linked are %q, want one", got)
			}
		})
	}
}

// TestALinkToAnUnknownProvider makes the tenant unfit: Keycloak would drop the link.
func TestALinkToAnUnknownProvider(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newUnfitBridge(t, server, linkMapping)
			if problem := b.app.Watcher.Tenants.All()[0].Fitness().Problem; problem != "the service account lacks the realm-management roles view-identity-providers" {
				t.Errorf("the look without the right finds %q", problem)
			}
			runSetup(t, server, b.realm, "--mapping", mappingFile(t, linkMapping))
			b.app.Watcher.Look(t.Context())
			if problem := b.app.Watcher.Tenants.All()[0].Fitness().Problem; problem != `the identity provider "corp" of the mapping does not exist` {
				t.Errorf("the look with the right finds %q", problem)
			}
		})
	}
}

// TestCallsForRolesAndLinks: what they add to the calls of a request.
func TestCallsForRolesAndLinks(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := callBridge{testBridge: newMappedBridge(t, fake.Server()), fake: fake}
	const composites, grant, mappings = "GET /roles-by-id/{byID}/composites", "POST /users/{id}/role-mappings/realm", "GET /users/{id}/role-mappings"
	id := ""
	for _, c := range []struct {
		name string
		work func()
		want string
	}{
		{"create a user with a link and two roles", func() {
			id = b.create(t, "/Users", `{"userName":"jane","`+hrURN+`":{"level":7}}`)
		}, strings.Join([]string{composites, composites, "GET /users", "POST /users", "POST /users/{id}/role-mappings/clients/{client}", grant, "PUT /users/{id}"}, "; ")},
		{
			"change nothing", func() { b.must(t, http.MethodPut, "/Users/"+id, `{"userName":"jane","`+hrURN+`":{"level":7}}`) },
			"GET /users/{id}; " + mappings,
		},
		{
			"lose a role", func() { b.must(t, http.MethodPut, "/Users/"+id, `{"userName":"jane"}`) },
			"DELETE /users/{id}/role-mappings/clients/{client}; GET /users/{id}; " + mappings + "; PUT /users/{id}; PUT /users/{id}", // the second forgets that the role was granted
		},
		{
			"create a group with a role", func() { id = b.create(t, "/Groups", `{"displayName":"Sales"}`) },
			composites + "; POST /groups; POST /groups/{id}/role-mappings/clients/{client}; PUT /groups/{id}",
		},
		{
			"change nothing of a group", func() { b.must(t, http.MethodPut, "/Groups/"+id, `{"displayName":"Sales"}`) },
			"GET /groups/{id}; GET /groups/{id}/members",
		},
	} {
		if got := strings.Join(b.calls(c.work), "; "); got != c.want {
			t.Errorf("%s: calls %s, want %s", c.name, got, c.want)
		}
	}
}

const groupRoleMapping = `version: 1
grantableRoles: [employee, boss, { client: shop, role: editor }]
users:
  roles:
    - when: '"Admins" in groups'
      grant: [boss]
    - when: '"Press" in groups && resource.title == "Editor"'
      grant: [{ client: shop, role: editor }]
`

// addRoles makes the roles that groupRoleMapping names, in the realm of a bridge.
func addRoles(t *testing.T, server keycloaktest.Server, realm string, admin *keycloak.Client) {
	t.Helper()
	shop, err := admin.CreateClient(t.Context(), "shop", "")
	if err != nil {
		t.Fatal(err)
	}
	at := "/admin/realms/" + realm
	for _, name := range []string{"employee", "boss"} {
		adminSend(t, server, http.MethodPost, at+"/roles", `{"name":"`+name+`"}`)
	}
	adminSend(t, server, http.MethodPost, at+"/clients/"+shop.String()+"/roles", `{"name":"editor"}`)
}

// TestSecurity_18_RolesFollowTheGroupsOfAUser: they come and go with a membership, the name of
// a group, a group, and the rules, at a tenant of the realm and at one of an organization,
// whose groups can have no roles themselves.
func TestSecurity_18_RolesFollowTheGroupsOfAUser(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			t.Run("realm", func(t *testing.T) {
				t.Parallel()
				newRoleBridge(t, server, mappingFile(t, groupRoleMapping)).probeRolesOfGroups(t)
			})
			t.Run("organization", func(t *testing.T) {
				t.Parallel()
				c := newCustomers(t, server, nil)
				addRoles(t, server, c.realm.realm, c.realm.admin)
				b := c.of["acme"]
				b.useMapping(t, tenant.OrganizationPath(b.realm, "acme"), groupRoleMapping)
				b.probeRolesOfGroups(t)
			})
		})
	}
}

// useMapping gives the tenant at a path other rules, and keeps where its groups live, for
// servers without groups of organizations.
func (b testBridge) useMapping(t *testing.T, path, text string) {
	t.Helper()
	if why := b.propose(t, path, text); why != "" {
		t.Fatalf("the mapping is not applied: %s", why)
	}
}

// propose is useMapping that may fail, and returns why.
func (b testBridge) propose(t *testing.T, path, text string) string {
	t.Helper()
	if parent := b.app.Watcher.Tenants.ByPath(path).Mapping.GroupParent; parent != "" {
		before, more, _ := strings.Cut(text, "groups:\n")
		text = before + "groups:\n  parent: " + parent + "\n" + more
	}
	m, problems := app.LoadMapping(config.Tenant{Mapping: mappingFile(t, text), Profile: config.ProfileTolerant})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	proposeMapping(b.app.Watcher, path, m)
	b.app.Watcher.Look(t.Context())
	return b.app.Watcher.Tenants.ByPath(path).Unapplied()
}

// proposeMapping gives a tenant another mapping, as a change of its file does.
func proposeMapping(w *realm.Watcher, path string, m *mapping.Mapping) {
	var list []*tenant.Tenant
	for _, t := range w.Tenants.All() {
		switch {
		case t.Found:
		case t.Path == path:
			list = append(list, t.WithMapping(m, t.Fitness()))
		default:
			list = append(list, t)
		}
	}
	w.Replace(list, w.Organizations)
}

func (b testBridge) probeRolesOfGroups(t *testing.T) {
	t.Helper()
	jane, joe := b.create(t, "/Users", `{"userName":"jane","title":"Editor"}`), b.create(t, "/Users", `{"userName":"joe"}`)
	expect := func(when, ofJane, ofJoe string) {
		t.Helper()
		if one, two := b.rolesOf(t, jane), b.rolesOf(t, joe); one != ofJane || two != ofJoe {
			t.Errorf("%s the roles are %q and %q, want %q and %q", when, one, two, ofJane, ofJoe)
		}
	}
	list := func(ids ...string) string { return `[{"value":"` + strings.Join(ids, `"},{"value":"`) + `"}]` }
	admins := "/Groups/" + b.create(t, "/Groups", `{"displayName":"Admins","members":`+list(jane)+`}`)
	press := "/Groups/" + b.create(t, "/Groups", `{"displayName":"Press"}`)
	expect("after the creation", "boss", "")
	b.must(t, http.MethodPatch, admins, patchBody(`{"op":"add","path":"members","value":`+list(joe)+`}`))
	b.must(t, http.MethodPatch, press, patchBody(`{"op":"add","path":"members","value":`+list(jane, joe)+`}`))
	expect("after additions", "boss shop/editor", "boss")
	b.must(t, http.MethodPatch, "/Users/"+joe, patchBody(`{"op":"add","path":"title","value":"Editor"}`))
	b.must(t, http.MethodPatch, "/Users/"+jane, patchBody(`{"op":"add","path":"title","value":"Chief"}`))
	expect("after a change of titles", "boss", "boss shop/editor")
	b.must(t, http.MethodPatch, admins, patchBody(`{"op":"remove","path":"members[value eq \"`+joe+`\"]"}`))
	expect("after a removal", "boss", "shop/editor")
	b.must(t, http.MethodPut, admins, `{"displayName":"Admins","members":`+list(joe)+`}`)
	expect("after a PUT of others", "", "boss shop/editor")
	b.must(t, http.MethodPatch, admins, patchBody(`{"op":"replace","path":"displayName","value":"Others"}`))
	expect("after a rename", "", "shop/editor")
	b.must(t, http.MethodPatch, admins, patchBody(`{"op":"replace","value":{"displayName":"Admins"}},{"op":"add","path":"members","value":`+list(jane)+`}`))
	expect("after a rename back with an addition", "boss", "boss shop/editor")
	b.must(t, http.MethodDelete, admins, "")
	expect("after the deletion of the group", "", "shop/editor")
	b.must(t, http.MethodDelete, press, "")
	expect("after the deletion of the other", "", "")
}

// TestSecurity_18_ARuleThatGoes takes its roles with it at the next write of a user, while the
// allow-list has them.
func TestSecurity_18_ARuleThatGoes(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newRoleBridge(t, start(t), mappingFile(t, roleMapping))
			jane := b.create(t, "/Users", `{"userName":"jane","title":"Boss"}`)
			group := b.create(t, "/Groups", `{"displayName":"Sales"}`)
			m, problems := app.LoadMapping(config.Tenant{Profile: config.ProfileTolerant, Mapping: mappingFile(t, "version: 1\ngrantableRoles: [employee, boss, { client: shop, role: editor }, { client: shop, role: seller }]\nusers: { roles: [{ grant: [employee] }] }\n")})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			proposeMapping(b.app.Watcher, b.realm, m)
			b.look(t)
			b.must(t, http.MethodPatch, "/Users/"+jane, patchBody(`{"op":"add","path":"nickName","value":"J"}`))
			b.must(t, http.MethodPatch, "/Groups/"+group, patchBody(`{"op":"replace","path":"displayName","value":"Sales 2"}`))
			if users, groups := b.rolesOf(t, jane), b.rolesOfGroup(t, group); users != "employee" || groups != "" {
				t.Errorf("the roles are %q and, of the group, %q", users, groups)
			}
		})
	}
}

// TestCallsForRolesThatFollowGroups are made where rules speak of groups, for those alone who
// come or go.
func TestCallsForRolesThatFollowGroups(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := callBridge{testBridge: newRoleBridge(t, fake.Server(), mappingFile(t, groupRoleMapping)), fake: fake}
	jane := b.create(t, "/Users", `{"userName":"jane"}`)
	var others []string
	for i := range 30 {
		others = append(others, b.create(t, "/Users", fmt.Sprintf(`{"userName":"user%d"}`, i)))
	}
	group := b.create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+strings.Join(others, `"},{"value":"`)+`"}]}`)
	got := b.calls(func() {
		b.must(t, http.MethodPatch, "/Groups/"+group, patchBody(`{"op":"add","path":"members","value":[{"value":"`+jane+`"}]}`))
	})
	want := []string{"GET /groups/{id}", "GET /users/{id}", "GET /users/{id}/groups", "GET /users/{id}/role-mappings", "PUT /users/{id}/groups/{group}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("adding one member makes other calls (-want +got):\n%s", diff)
	}
}
