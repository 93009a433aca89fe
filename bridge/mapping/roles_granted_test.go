package mapping_test

import (
	"net/http"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// roleTenants returns a tenant of a realm and a tenant of an organization, by their kind. Their
// realms have the roles employee, boss, shop/editor and shop/seller.
func roleTenants(t *testing.T, server keycloaktest.Server, file string) map[string]apptest.Bridge {
	t.Helper()
	c := apptest.NewCustomers(t, server, nil)
	apptest.AddRoles(t, server, c.Realm.Realm, c.Realm.Admin)
	shop, err := c.Realm.Admin.FindRole(t.Context(), keycloak.RoleName{Client: "shop", Name: "editor"})
	if err != nil {
		t.Fatal(err)
	}
	apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+c.Realm.Realm+"/clients/"+shop.ContainerID+"/roles", `{"name":"seller"}`)
	apptest.RunSetup(t, server, c.Realm.Realm, "--organization", "acme", "--allow-manage-realm", "--mapping", apptest.MappingFile(t, file))
	out := map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]}
	for name, b := range out {
		b.UseMapping(t, pathOfKind(name, b), file)
	}
	return out
}

func pathOfKind(kind string, b apptest.Bridge) string {
	if kind == "realm" {
		return b.Realm
	}
	return tenant.OrganizationPath(b.Realm, "acme")
}

// grantedRules grant roles to users. The role for a title can be lost. No rule grants one role of
// the realm and one role of a client.
const grantedRules = apptest.ListedRoles + `users:
  roles:
    - when: resource.title == "Clerk"
      grant: [employee, { client: shop, role: editor }]
`

// TestARoleThatAPersonGaveStays with a user of the realm and of an organization, whatever the
// identity provider writes: a role that no rule grants, that a rule grants to other users, or that
// a rule granted earlier.
func TestARoleThatAPersonGaveStays(t *testing.T) {
	t.Parallel()
	for server, start := range apptest.BothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			for kind, b := range roleTenants(t, start(t), grantedRules) {
				expect := func(id, when, want string) {
					t.Helper()
					if got := b.RolesOf(t, id); got != want {
						t.Errorf("%s: the roles %s are %q, want %q", kind, when, got, want)
					}
				}
				title := func(id, title string) {
					t.Helper()
					b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"title","value":"`+title+`"},{"op":"replace","path":"externalId","value":"`+title+`"}`))
				}
				jane := b.Create(t, "/Users", `{"userName":"jane-`+kind+`"}`)
				for _, role := range []string{"boss", "employee", "shop/editor", "shop/seller"} {
					b.ByHand(t, "/Users", jane, role)
				}
				title(jane, "Chief")
				expect(jane, "by hand", "boss employee shop/editor shop/seller")
				title(jane, "Clerk")
				title(jane, "Chief")
				expect(jane, "by hand, which a rule wanted too", "boss employee shop/editor shop/seller")

				joe := b.Create(t, "/Users", `{"userName":"joe-`+kind+`","title":"Clerk"}`)
				b.ByHand(t, "/Users", joe, "boss")
				expect(joe, "of the rule and by hand", "boss employee shop/editor")
				title(joe, "Chief")
				expect(joe, "when the rule does not hold any more", "boss")
				b.ByHand(t, "/Users", joe, "employee")
				title(joe, "Cook")
				expect(joe, "that the rule gave once, by hand", "boss employee")
				title(joe, "Clerk")
				b.UseMapping(t, pathOfKind(kind, b), apptest.ListedRoles)
				title(joe, "Clerk 2")
				expect(joe, "when the rule is gone", "boss employee")
				b.UseMapping(t, pathOfKind(kind, b), "version: 1\n")
				b.Must(t, http.MethodPatch, "/Users/"+joe, apptest.PatchBody(`{"op":"replace","path":"title","value":"Clerk 3"}`))
				expect(joe, "when the list is gone", "boss employee")
			}
		})
	}
}

// TestARoleThatAPersonGaveAGroupStays when the identity provider writes the group's externalId or
// name, and when its rule is removed. The role from the rule is revoked.
func TestARoleThatAPersonGaveAGroupStays(t *testing.T) {
	t.Parallel()
	const rules = apptest.ListedRoles + `groups:
  roles:
    Sales: [employee, { client: shop, role: seller }]
`
	for server, start := range apptest.BothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewRoleBridge(t, start(t), apptest.MappingFile(t, rules))
			expect := func(id, when, want string) {
				t.Helper()
				if got := b.RolesOfGroup(t, id); got != want {
					t.Errorf("the roles %s are %q, want %q", when, got, want)
				}
			}
			write := func(id, name, value string) {
				t.Helper()
				b.Must(t, http.MethodPatch, "/Groups/"+id, apptest.PatchBody(`{"op":"replace","path":"`+name+`","value":"`+value+`"}`))
			}
			made, err := b.Admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: "console"})
			if err != nil {
				t.Fatal(err)
			}
			console := made.String()
			b.ByHand(t, "/Groups", console, "boss")
			b.ByHand(t, "/Groups", console, "shop/seller")
			write(console, "externalId", "g1")
			expect(console, "of a group of the console", "boss shop/seller")
			b.Adoptions(t, b.Controlled(t), b.Realm) // otherwise the group keeps its name
			expect(console, "of a group that was taken over", "boss shop/seller")
			write(console, "displayName", "Sales")
			expect(console, "under a name that has a rule", "boss employee shop/seller")
			write(console, "displayName", "console")
			expect(console, "under its own name again", "boss shop/seller")

			sales := b.Create(t, "/Groups", `{"displayName":"Sales"}`)
			b.ByHand(t, "/Groups", sales, "shop/editor")
			expect(sales, "of a group of SCIM", "employee shop/editor shop/seller")
			b.UseMapping(t, b.Realm, apptest.ListedRoles)
			write(sales, "externalId", "g2")
			expect(sales, "when the rule is gone", "shop/editor")
			b.ByHand(t, "/Groups", sales, "employee")
			write(sales, "externalId", "g3")
			expect(sales, "that the rule gave once, by hand", "employee shop/editor")
		})
	}
}

// TestRolesThatFollowGroupsAreTakenOnlyWhereTheyWereGranted: a member who leaves a group loses the
// roles from the membership, and keeps roles from a person.
func TestRolesThatFollowGroupsAreTakenOnlyWhereTheyWereGranted(t *testing.T) {
	t.Parallel()
	for server, start := range apptest.BothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			for kind, b := range roleTenants(t, start(t), apptest.GroupRoleMapping) {
				jane, joe := b.Create(t, "/Users", `{"userName":"jane-`+kind+`"}`), b.Create(t, "/Users", `{"userName":"joe-`+kind+`"}`)
				b.ByHand(t, "/Users", joe, "boss")
				group := b.Create(t, "/Groups", `{"displayName":"Admins","members":[{"value":"`+jane+`"},{"value":"`+joe+`"}]}`)
				if one, two := b.RolesOf(t, jane), b.RolesOf(t, joe); one != "boss" || two != "boss" {
					t.Errorf("%s: the roles of the members are %q and %q", kind, one, two)
				}
				b.Must(t, http.MethodPut, "/Groups/"+group, `{"displayName":"Admins"}`)
				if one, two := b.RolesOf(t, jane), b.RolesOf(t, joe); one != "" || two != "boss" {
					t.Errorf("%s: the roles afterwards are %q and %q, want the one by hand", kind, one, two)
				}
			}
		})
	}
}

// TestManagedRolesAreRevokedWhoeverGrantedThem: each user and group to which no rule grants a managed
// role loses the role.
func TestManagedRolesAreRevokedWhoeverGrantedThem(t *testing.T) {
	t.Parallel()
	const rules = `version: 1
grantableRoles: [employee]
managedRoles: [boss, { client: shop, role: editor }]
users:
  roles:
    - when: resource.title == "Boss"
      grant: [boss]
`
	for server, start := range apptest.BothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			for kind, b := range roleTenants(t, start(t), rules) {
				title := func(id, title, want string) {
					t.Helper()
					b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"title","value":"`+title+`"}`))
					if got := b.RolesOf(t, id); got != want {
						t.Errorf("%s: the roles of a %s are %q, want %q", kind, title, got, want)
					}
				}
				jane := b.Create(t, "/Users", `{"userName":"jane-`+kind+`"}`)
				for _, role := range []string{"boss", "employee", "shop/editor", "shop/seller"} {
					b.ByHand(t, "/Users", jane, role)
				}
				title(jane, "Boss", "boss employee shop/seller")
				title(jane, "Clerk", "employee shop/seller")
				if kind != "realm" {
					continue
				}
				group := b.Create(t, "/Groups", `{"displayName":"Team"}`)
				for _, role := range []string{"boss", "employee", "shop/editor"} {
					b.ByHand(t, "/Groups", group, role)
				}
				b.Must(t, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"replace","path":"externalId","value":"g"}`))
				if got := b.RolesOfGroup(t, group); got != "employee" {
					t.Errorf("the roles of a group are %q, want employee", got)
				}
			}
		})
	}
}
