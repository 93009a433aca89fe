package mapping_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

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

// TestRolesOfUsers: users have the roles of the rules that apply to them, from their creation and
// after every write. Roles that no rule names are not touched.
func TestRolesOfUsers(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewRoleBridge(t, server, apptest.MappingFile(t, roleMapping))
			jane, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"jane","title":"Boss"}`)
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
				if got := b.RolesOf(t, id); got != want {
					t.Errorf("roles %s = %s, want %s", when, got, want)
				}
			}
			expect("after the creation", "boss employee shop/editor")
			grant := func(n keycloak.RoleName, change func(*keycloak.Client, keycloak.Role) error) {
				t.Helper()
				r, err := b.Admin.FindRole(t.Context(), n)
				if err == nil {
					err = change(b.Admin, r)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			give := func(c *keycloak.Client, r keycloak.Role) error {
				return c.GrantRoles(t.Context(), user, []keycloak.Role{r})
			}
			grant(keycloak.RoleName{Client: "shop", Name: "seller"}, give)
			if _, err := b.Send(t, http.MethodPatch, "/Users/"+id, `{"Operations":[{"op":"replace","path":"title","value":"Clerk"}]}`); err != nil {
				t.Fatal(err)
			}
			expect("when the title is another, with one given by hand", "employee shop/seller")
			grant(keycloak.RoleName{Name: "boss"}, give)
			grant(keycloak.RoleName{Name: "employee"}, func(c *keycloak.Client, r keycloak.Role) error {
				return c.RevokeRoles(t.Context(), user, []keycloak.Role{r})
			})
			if _, err := b.Send(t, http.MethodPut, "/Users/"+id, `{"userName":"jane","title":"Clerk"}`); err != nil {
				t.Fatal(err)
			}
			expect("after a PUT of the same, which gives what was taken by hand and leaves what was given", "boss employee shop/seller")
		})
	}
}

// TestRolesOfGroups follow the displayName.
func TestRolesOfGroups(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewRoleBridge(t, server, apptest.MappingFile(t, roleMapping))
			group, err := b.Send(t, http.MethodPost, "/Groups", `{"displayName":"Sales"}`)
			if err != nil {
				t.Fatal(err)
			}
			id := group["id"].(string)
			for _, c := range []struct{ displayName, want string }{
				{"Sales", "shop/seller"}, {"Bosses", "boss shop/seller"}, {"sales", ""}, {"Bosses", "boss shop/seller"}, {"Team", ""},
			} {
				if _, err := b.Send(t, http.MethodPatch, "/Groups/"+id, `{"Operations":[{"op":"replace","path":"displayName","value":"`+c.displayName+`"}]}`); err != nil {
					t.Fatal(err)
				}
				if got := b.RolesOfGroup(t, id); got != c.want {
					t.Errorf("roles of %s = %s, want %s", c.displayName, got, c.want)
				}
			}
		})
	}
}

// TestSecurity_16_NobodyBecomesAnAdministrator: a role that contains rights of the Admin API at any
// depth is not granted, whether it got the rights before the bridge read it or later.
func TestSecurity_16_NobodyBecomesAnAdministrator(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewRoleBridge(t, server, apptest.MappingFile(t, roleMapping))
			jane, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"jane"}`)
			if err != nil {
				t.Fatal(err)
			}
			role := func(n keycloak.RoleName) keycloak.Role {
				t.Helper()
				r, err := b.Admin.FindRole(t.Context(), n)
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
				apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+b.Realm+"/roles-by-id/"+into.ID+"/composites", string(data))
			}
			apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+b.Realm+"/roles", `{"name":"inner"}`)
			compose(role(keycloak.RoleName{Name: "inner"}), keycloak.RoleName{Client: "realm-management", Name: "manage-users"})
			compose(role(keycloak.RoleName{Name: "boss"}), keycloak.RoleName{Name: "inner"})
			for method, path := range map[string]string{http.MethodPost: "/Users", http.MethodPut: "/Users/" + jane["id"].(string)} {
				if _, err := b.Send(t, method, path, `{"userName":"jane2","title":"Boss"}`); client.StatusOf(err) != http.StatusServiceUnavailable {
					t.Errorf("%s = %v, want 503", method, err)
				}
			}
			if _, err := b.Send(t, http.MethodPost, "/Groups", `{"displayName":"Bosses"}`); client.StatusOf(err) != http.StatusServiceUnavailable {
				t.Errorf("POST of a group = %v, want 503", err)
			}
			if got := b.RolesOf(t, jane["id"].(string)); got != "employee" {
				t.Errorf("roles = %s, want nothing changed", got)
			}
			for endpoint, filter := range map[string]string{"/Users": `userName eq "jane2"`, "/Groups": `displayName eq "Bosses"`} {
				if found, err := b.Find(t.Context(), endpoint, filter, ""); err != nil || len(found) != 0 {
					t.Errorf("%s finds %v, %v, want nothing changed", endpoint, found, err)
				}
			}
			b.App.Watcher.Check(t.Context())
			if problem := b.App.Watcher.Tenants.All()[0].Fitness().Problem; !strings.Contains(problem, `the role "boss" of the mapping contains the right manage-users of realm-management`) {
				t.Errorf("the next look finds %q", problem)
			}
		})
	}
}

// TestARoleThatIsMissing makes the tenant unfit, and no user is left without the role.
func TestARoleThatIsMissing(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewRoleBridge(t, server, apptest.MappingFile(t, roleMapping))
			apptest.AdminSend(t, server, http.MethodDelete, "/admin/realms/"+b.Realm+"/roles/boss", "")
			if _, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"jane","title":"Boss"}`); client.StatusOf(err) != http.StatusServiceUnavailable {
				t.Errorf("a create with a role that is gone = %v, want 503", err)
			}
			if found, err := b.Find(t.Context(), "/Users", `userName eq "jane"`, ""); err != nil || len(found) != 0 {
				t.Errorf("the user is left behind: %v, %v", found, err)
			}
			b.App.Watcher.Check(t.Context())
			if problem := b.App.Watcher.Tenants.All()[0].Fitness().Problem; problem != `the role "boss" of the mapping does not exist` {
				t.Errorf("the next look finds %q", problem)
			}
		})
	}
}

// TestARoleThatWasCreatedAgain is not revoked by its old id. The answer asks the client to try again,
// and does not say that the user is absent. After the next read of the realm the role is revoked.
func TestARoleThatWasCreatedAgain(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewRoleBridge(t, server, apptest.MappingFile(t, roleMapping))
			jane, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"jane","title":"Boss"}`)
			if err != nil {
				t.Fatal(err)
			}
			id := jane["id"].(string)
			user, err := keycloak.ParseUserID(id)
			if err != nil {
				t.Fatal(err)
			}
			apptest.AdminSend(t, server, http.MethodDelete, "/admin/realms/"+b.Realm+"/roles/boss", "")
			apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+b.Realm+"/roles", `{"name":"boss"}`)
			role, err := b.Admin.FindRole(t.Context(), keycloak.RoleName{Name: "boss"})
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Admin.GrantRoles(t.Context(), user, []keycloak.Role{role}); err != nil {
				t.Fatal(err)
			}
			clerk := `{"userName":"jane","title":"Clerk"}`
			if _, err := b.Send(t, http.MethodPut, "/Users/"+id, clerk); client.StatusOf(err) != http.StatusServiceUnavailable {
				t.Errorf("a change that revokes the role = %v, want 503", err)
			}
			b.App.Watcher.Check(t.Context())
			if _, err := b.Send(t, http.MethodPut, "/Users/"+id, clerk); err != nil {
				t.Error(err)
			}
			if got := b.RolesOf(t, id); got != "employee" {
				t.Errorf("roles = %s, want employee", got)
			}
		})
	}
}

// TestLinks: a new user is linked to the identity provider once. A later change of the attribute
// changes no link, and no second user gets the same identity.
func TestLinks(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewRoleBridge(t, server, apptest.MappingFile(t, apptest.LinkMapping))
			linked := func(id string) string {
				t.Helper()
				users, err := b.Admin.Users(t.Context(), keycloak.UserQuery{Link: &keycloak.Link{IdentityProvider: "corp", UserID: id}})
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, u := range users {
					names = append(names, u.Username)
				}
				return strings.Join(names, " ")
			}
			jane, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"jane","externalId":"0aA & b"}`)
			if err != nil {
				t.Fatal(err)
			}
			if got := linked("0aA & b"); got != "jane" {
				t.Errorf("linked is %q, want jane", got)
			}
			_, err = b.Send(t, http.MethodPost, "/Users", `{"userName":"joe"}`)
			if err == nil || !strings.Contains(err.Error(), "400 invalidValue: externalId is required") {
				t.Errorf("a user without the id = %v", err)
			}
			if _, err := b.Send(t, http.MethodPut, "/Users/"+jane["id"].(string), `{"userName":"jane","externalId":"other"}`); err != nil {
				t.Fatal(err)
			}
			if was, is := linked("0aA & b"), linked("other"); was != "jane" || is != "" {
				t.Errorf("after a change of externalId linked are %q and %q, want the first link alone", was, is)
			}
			_, err = b.Send(t, http.MethodPost, "/Users", `{"userName":"joe","externalId":"0aA & b"}`)
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

// TestALinkToAnUnknownProvider makes the tenant unfit, because Keycloak would drop the link.
func TestALinkToAnUnknownProvider(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewUnfitBridge(t, server, apptest.LinkMapping)
			if problem := b.App.Watcher.Tenants.All()[0].Fitness().Problem; problem != "the service account lacks the realm-management roles view-identity-providers" {
				t.Errorf("the look without the right finds %q", problem)
			}
			apptest.RunSetup(t, server, b.Realm, "--mapping", apptest.MappingFile(t, apptest.LinkMapping))
			b.App.Watcher.Check(t.Context())
			if problem := b.App.Watcher.Tenants.All()[0].Fitness().Problem; problem != `the identity provider "corp" of the mapping does not exist` {
				t.Errorf("the look with the right finds %q", problem)
			}
		})
	}
}

// TestCallsForRolesAndLinks: the calls that they add to a request.
func TestCallsForRolesAndLinks(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.CallBridge{Bridge: apptest.NewMappedBridge(t, fake.Server()), Fake: fake}
	const composites, grant, mappings = "GET /roles-by-id/{byID}/composites", "POST /users/{id}/role-mappings/realm", "GET /users/{id}/role-mappings"
	id := ""
	for _, c := range []struct {
		name string
		work func()
		want string
	}{
		{"create a user with a link and two roles", func() {
			id = b.Create(t, "/Users", `{"userName":"jane","`+apptest.HRURN+`":{"level":7}}`)
		}, strings.Join([]string{composites, composites, "GET /users", "POST /users", "POST /users/{id}/role-mappings/clients/{client}", grant, "PUT /users/{id}"}, "; ")},
		{
			"change nothing", func() { b.Must(t, http.MethodPut, "/Users/"+id, `{"userName":"jane","`+apptest.HRURN+`":{"level":7}}`) },
			"GET /users/{id}; " + mappings,
		},
		{
			"lose a role", func() { b.Must(t, http.MethodPut, "/Users/"+id, `{"userName":"jane"}`) },
			"DELETE /users/{id}/role-mappings/clients/{client}; GET /users/{id}; " + mappings + "; PUT /users/{id}; PUT /users/{id}", // the second PUT removes the record of the grant
		},
		{
			"create a group with a role", func() { id = b.Create(t, "/Groups", `{"displayName":"Sales"}`) },
			composites + "; POST /groups; POST /groups/{id}/role-mappings/clients/{client}; PUT /groups/{id}",
		},
		{
			"change nothing of a group", func() { b.Must(t, http.MethodPut, "/Groups/"+id, `{"displayName":"Sales"}`) },
			"GET /groups/{id}; GET /groups/{id}/members",
		},
	} {
		if got := strings.Join(b.Calls(c.work), "; "); got != c.want {
			t.Errorf("%s: calls %s, want %s", c.name, got, c.want)
		}
	}
}

// TestSecurity_18_RolesFollowTheGroupsOfAUser: roles change with a membership, the name of a group,
// the deletion of a group, and the rules. This holds at a tenant of the realm and at a tenant of an
// organization, whose groups can have no roles themselves.
func TestSecurity_18_RolesFollowTheGroupsOfAUser(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			t.Run("realm", func(t *testing.T) {
				t.Parallel()
				probeRolesOfGroups(t, apptest.NewRoleBridge(t, server, apptest.MappingFile(t, apptest.GroupRoleMapping)))
			})
			t.Run("organization", func(t *testing.T) {
				t.Parallel()
				c := apptest.NewCustomers(t, server, nil)
				apptest.AddRoles(t, server, c.Realm.Realm, c.Realm.Admin)
				b := c.Of["acme"]
				b.UseMapping(t, tenant.OrganizationPath(b.Realm, "acme"), apptest.GroupRoleMapping)
				probeRolesOfGroups(t, b)
			})
		})
	}
}

func probeRolesOfGroups(t *testing.T, b apptest.Bridge) {
	t.Helper()
	jane, joe := b.Create(t, "/Users", `{"userName":"jane","title":"Editor"}`), b.Create(t, "/Users", `{"userName":"joe"}`)
	expect := func(when, ofJane, ofJoe string) {
		t.Helper()
		if one, two := b.RolesOf(t, jane), b.RolesOf(t, joe); one != ofJane || two != ofJoe {
			t.Errorf("%s the roles are %q and %q, want %q and %q", when, one, two, ofJane, ofJoe)
		}
	}
	list := func(ids ...string) string { return `[{"value":"` + strings.Join(ids, `"},{"value":"`) + `"}]` }
	admins := "/Groups/" + b.Create(t, "/Groups", `{"displayName":"Admins","members":`+list(jane)+`}`)
	press := "/Groups/" + b.Create(t, "/Groups", `{"displayName":"Press"}`)
	expect("after the creation", "boss", "")
	b.Must(t, http.MethodPatch, admins, apptest.PatchBody(`{"op":"add","path":"members","value":`+list(joe)+`}`))
	b.Must(t, http.MethodPatch, press, apptest.PatchBody(`{"op":"add","path":"members","value":`+list(jane, joe)+`}`))
	expect("after additions", "boss shop/editor", "boss")
	b.Must(t, http.MethodPatch, "/Users/"+joe, apptest.PatchBody(`{"op":"add","path":"title","value":"Editor"}`))
	b.Must(t, http.MethodPatch, "/Users/"+jane, apptest.PatchBody(`{"op":"add","path":"title","value":"Chief"}`))
	expect("after a change of titles", "boss", "boss shop/editor")
	b.Must(t, http.MethodPatch, admins, apptest.PatchBody(`{"op":"remove","path":"members[value eq \"`+joe+`\"]"}`))
	expect("after a removal", "boss", "shop/editor")
	b.Must(t, http.MethodPut, admins, `{"displayName":"Admins","members":`+list(joe)+`}`)
	expect("after a PUT of others", "", "boss shop/editor")
	b.Must(t, http.MethodPatch, admins, apptest.PatchBody(`{"op":"replace","path":"displayName","value":"Others"}`))
	expect("after a rename", "", "shop/editor")
	b.Must(t, http.MethodPatch, admins, apptest.PatchBody(`{"op":"replace","value":{"displayName":"Admins"}},{"op":"add","path":"members","value":`+list(jane)+`}`))
	expect("after a rename back with an addition", "boss", "boss shop/editor")
	b.Must(t, http.MethodDelete, admins, "")
	expect("after the deletion of the group", "", "shop/editor")
	b.Must(t, http.MethodDelete, press, "")
	expect("after the deletion of the other", "", "")
}

// TestSecurity_18_ARuleThatGoes: the next write of a user revokes the roles of the rule, as long as
// the allow-list contains them.
func TestSecurity_18_ARuleThatGoes(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewRoleBridge(t, start(t), apptest.MappingFile(t, roleMapping))
			jane := b.Create(t, "/Users", `{"userName":"jane","title":"Boss"}`)
			group := b.Create(t, "/Groups", `{"displayName":"Sales"}`)
			m, problems := app.LoadMapping(config.Tenant{Profile: config.ProfileTolerant, Mapping: apptest.MappingFile(t, "version: 1\ngrantableRoles: [employee, boss, { client: shop, role: editor }, { client: shop, role: seller }]\nusers: { roles: [{ grant: [employee] }] }\n")})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			apptest.ProposeMapping(b.App.Watcher, b.Realm, m)
			b.Check(t)
			b.Must(t, http.MethodPatch, "/Users/"+jane, apptest.PatchBody(`{"op":"add","path":"nickName","value":"J"}`))
			b.Must(t, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"replace","path":"displayName","value":"Sales 2"}`))
			if users, groups := b.RolesOf(t, jane), b.RolesOfGroup(t, group); users != "employee" || groups != "" {
				t.Errorf("the roles are %q and, of the group, %q", users, groups)
			}
		})
	}
}

// TestCallsForRolesThatFollowGroups are made only where rules use groups, and only for users who
// join or leave.
func TestCallsForRolesThatFollowGroups(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.CallBridge{Bridge: apptest.NewRoleBridge(t, fake.Server(), apptest.MappingFile(t, apptest.GroupRoleMapping)), Fake: fake}
	jane := b.Create(t, "/Users", `{"userName":"jane"}`)
	var others []string
	for i := range 30 {
		others = append(others, b.Create(t, "/Users", fmt.Sprintf(`{"userName":"user%d"}`, i)))
	}
	group := b.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+strings.Join(others, `"},{"value":"`)+`"}]}`)
	got := b.Calls(func() {
		b.Must(t, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+jane+`"}]}`))
	})
	want := []string{"GET /groups/{id}", "GET /users/{id}", "GET /users/{id}/groups", "GET /users/{id}/role-mappings", "PUT /users/{id}/groups/{group}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("adding one member makes other calls (-want +got):\n%s", diff)
	}
}
