package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// byHand gives a user or a group a role past the bridge, as an administrator does in the console.
func (b testBridge) byHand(t *testing.T, endpoint, id, role string) {
	t.Helper()
	client, name, ofClient := strings.Cut(role, "/")
	if !ofClient {
		client, name = "", role
	}
	found, err := b.admin.FindRole(t.Context(), keycloak.RoleName{Client: client, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	var holder keycloak.RoleHolder
	if endpoint == "/Users" {
		holder, err = keycloak.ParseUserID(id)
	} else {
		holder, err = keycloak.ParseGroupID(id)
	}
	if err == nil {
		err = b.admin.GrantRoles(t.Context(), holder, []keycloak.Role{found})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// roleTenants are tenants of a server's realms that have the roles employee, boss, shop/editor and
// shop/seller: one of a realm, one of an organization, and the path of each.
func roleTenants(t *testing.T, server keycloaktest.Server, file string) map[string]testBridge {
	t.Helper()
	c := newCustomers(t, server, nil)
	addRoles(t, server, c.realm.realm, c.realm.admin)
	shop, err := c.realm.admin.FindRole(t.Context(), keycloak.RoleName{Client: "shop", Name: "editor"})
	if err != nil {
		t.Fatal(err)
	}
	adminSend(t, server, http.MethodPost, "/admin/realms/"+c.realm.realm+"/clients/"+shop.ContainerID+"/roles", `{"name":"seller"}`)
	runSetup(t, server, c.realm.realm, "--organization", "acme", "--allow-manage-realm", "--mapping", mappingFile(t, file))
	out := map[string]testBridge{"realm": c.realm, "organization": c.of["acme"]}
	for name, b := range out {
		b.useMapping(t, pathOfKind(name, b), file)
	}
	return out
}

func pathOfKind(kind string, b testBridge) string {
	if kind == "realm" {
		return b.realm
	}
	return tenant.OrganizationPath(b.realm, "acme")
}

const listedRoles = `version: 1
grantableRoles: [employee, boss, { client: shop, role: editor }, { client: shop, role: seller }]
`

// grantedRules grant to users; what a title grants can be lost, and a role of the realm and one of
// a client are granted by no rule.
const grantedRules = listedRoles + `users:
  roles:
    - when: resource.title == "Clerk"
      grant: [employee, { client: shop, role: editor }]
`

// TestARoleThatAPersonGaveStays with a user, of the realm and of an organization, whatever the
// identity provider writes: be it granted by no rule, by a rule that does not hold, or by one that
// held once.
func TestARoleThatAPersonGaveStays(t *testing.T) {
	t.Parallel()
	for server, start := range bothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			for kind, b := range roleTenants(t, start(t), grantedRules) {
				expect := func(id, when, want string) {
					t.Helper()
					if got := b.rolesOf(t, id); got != want {
						t.Errorf("%s: the roles %s are %q, want %q", kind, when, got, want)
					}
				}
				title := func(id, title string) {
					t.Helper()
					b.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"title","value":"`+title+`"},{"op":"replace","path":"externalId","value":"`+title+`"}`))
				}
				jane := b.create(t, "/Users", `{"userName":"jane-`+kind+`"}`)
				for _, role := range []string{"boss", "employee", "shop/editor", "shop/seller"} {
					b.byHand(t, "/Users", jane, role)
				}
				title(jane, "Chief")
				expect(jane, "by hand", "boss employee shop/editor shop/seller")
				title(jane, "Clerk")
				title(jane, "Chief")
				expect(jane, "by hand, which a rule wanted too", "boss employee shop/editor shop/seller")

				joe := b.create(t, "/Users", `{"userName":"joe-`+kind+`","title":"Clerk"}`)
				b.byHand(t, "/Users", joe, "boss")
				expect(joe, "of the rule and by hand", "boss employee shop/editor")
				title(joe, "Chief")
				expect(joe, "when the rule does not hold any more", "boss")
				b.byHand(t, "/Users", joe, "employee")
				title(joe, "Cook")
				expect(joe, "that the rule gave once, by hand", "boss employee")
				title(joe, "Clerk")
				b.useMapping(t, pathOfKind(kind, b), listedRoles)
				title(joe, "Clerk 2")
				expect(joe, "when the rule is gone", "boss employee")
				b.useMapping(t, pathOfKind(kind, b), "version: 1\n")
				b.must(t, http.MethodPatch, "/Users/"+joe, patchBody(`{"op":"replace","path":"title","value":"Clerk 3"}`))
				expect(joe, "when the list is gone", "boss employee")
			}
		})
	}
}

// TestARoleThatAPersonGaveAGroupStays when the identity provider writes the group's externalId or
// name, and when its rule goes; what the rule gave is taken.
func TestARoleThatAPersonGaveAGroupStays(t *testing.T) {
	t.Parallel()
	const rules = listedRoles + `groups:
  roles:
    Sales: [employee, { client: shop, role: seller }]
`
	for server, start := range bothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			b := newRoleBridge(t, start(t), mappingFile(t, rules))
			expect := func(id, when, want string) {
				t.Helper()
				if got := b.rolesOfGroup(t, id); got != want {
					t.Errorf("the roles %s are %q, want %q", when, got, want)
				}
			}
			write := func(id, name, value string) {
				t.Helper()
				b.must(t, http.MethodPatch, "/Groups/"+id, patchBody(`{"op":"replace","path":"`+name+`","value":"`+value+`"}`))
			}
			made, err := b.admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: "console"})
			if err != nil {
				t.Fatal(err)
			}
			console := made.String()
			b.byHand(t, "/Groups", console, "boss")
			b.byHand(t, "/Groups", console, "shop/seller")
			write(console, "externalId", "g1")
			expect(console, "of a group of the console", "boss shop/seller")
			b.adoptions(t, b.controlled(t), b.realm) // else it keeps its name
			expect(console, "of a group that was taken over", "boss shop/seller")
			write(console, "displayName", "Sales")
			expect(console, "under a name that has a rule", "boss employee shop/seller")
			write(console, "displayName", "console")
			expect(console, "under its own name again", "boss shop/seller")

			sales := b.create(t, "/Groups", `{"displayName":"Sales"}`)
			b.byHand(t, "/Groups", sales, "shop/editor")
			expect(sales, "of a group of SCIM", "employee shop/editor shop/seller")
			b.useMapping(t, b.realm, listedRoles)
			write(sales, "externalId", "g2")
			expect(sales, "when the rule is gone", "shop/editor")
			b.byHand(t, "/Groups", sales, "employee")
			write(sales, "externalId", "g3")
			expect(sales, "that the rule gave once, by hand", "employee shop/editor")
		})
	}
}

// TestRolesThatFollowGroupsAreTakenOnlyWhereTheyWereGranted: of a member who leaves a group what
// its membership gave, and not what a person did.
func TestRolesThatFollowGroupsAreTakenOnlyWhereTheyWereGranted(t *testing.T) {
	t.Parallel()
	for server, start := range bothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			for kind, b := range roleTenants(t, start(t), groupRoleMapping) {
				jane, joe := b.create(t, "/Users", `{"userName":"jane-`+kind+`"}`), b.create(t, "/Users", `{"userName":"joe-`+kind+`"}`)
				b.byHand(t, "/Users", joe, "boss")
				group := b.create(t, "/Groups", `{"displayName":"Admins","members":[{"value":"`+jane+`"},{"value":"`+joe+`"}]}`)
				if one, two := b.rolesOf(t, jane), b.rolesOf(t, joe); one != "boss" || two != "boss" {
					t.Errorf("%s: the roles of the members are %q and %q", kind, one, two)
				}
				b.must(t, http.MethodPut, "/Groups/"+group, `{"displayName":"Admins"}`)
				if one, two := b.rolesOf(t, jane), b.rolesOf(t, joe); one != "" || two != "boss" {
					t.Errorf("%s: the roles afterwards are %q and %q, want the one by hand", kind, one, two)
				}
			}
		})
	}
}

// TestManagedRolesAreTakenWhoeverGaveThem from the users and groups to which no rule grants them.
func TestManagedRolesAreTakenWhoeverGaveThem(t *testing.T) {
	t.Parallel()
	const rules = `version: 1
grantableRoles: [employee]
managedRoles: [boss, { client: shop, role: editor }]
users:
  roles:
    - when: resource.title == "Boss"
      grant: [boss]
`
	for server, start := range bothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			for kind, b := range roleTenants(t, start(t), rules) {
				title := func(id, title, want string) {
					t.Helper()
					b.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"title","value":"`+title+`"}`))
					if got := b.rolesOf(t, id); got != want {
						t.Errorf("%s: the roles of a %s are %q, want %q", kind, title, got, want)
					}
				}
				jane := b.create(t, "/Users", `{"userName":"jane-`+kind+`"}`)
				for _, role := range []string{"boss", "employee", "shop/editor", "shop/seller"} {
					b.byHand(t, "/Users", jane, role)
				}
				title(jane, "Boss", "boss employee shop/seller")
				title(jane, "Clerk", "employee shop/seller")
				if kind != "realm" {
					continue
				}
				group := b.create(t, "/Groups", `{"displayName":"Team"}`)
				for _, role := range []string{"boss", "employee", "shop/editor"} {
					b.byHand(t, "/Groups", group, role)
				}
				b.must(t, http.MethodPatch, "/Groups/"+group, patchBody(`{"op":"replace","path":"externalId","value":"g"}`))
				if got := b.rolesOfGroup(t, group); got != "employee" {
					t.Errorf("the roles of a group are %q, want employee", got)
				}
			}
		})
	}
}

// TestWhatAMappingWouldTakeIsSaid by validate, by doctor, and in the log of the start.
func TestWhatAMappingWouldTakeIsSaid(t *testing.T) {
	t.Parallel()
	const file = `version: 1
managedRoles: [employee, boss, { client: shop, role: editor }, { client: shop, role: seller }]
users: { roles: [{ grant: [boss, { client: shop, role: editor }] }] }
groups: { roles: { Sales: [{ client: shop, role: seller }, { client: shop, role: editor }] } }
`
	b := newRoleBridge(t, keycloaktest.NewFake(t).Server(), mappingFile(t, file))
	said := map[string]string{"the log": b.warnings(t, b.realm)}
	said["doctor"], _, _ = command(t, "", "doctor", "--config", b.file)
	said["validate"], _, _ = command(t, "", "validate", "--file", mappingFile(t, file))
	for who, text := range said {
		for _, want := range []string{
			"managedRoles has employee, which no rule grants: it is taken from every group and user at the next write",
			"managedRoles has boss, which no rule grants to a group: it is taken from every group at the next write",
			"managedRoles has shop/seller, which no rule grants to a user: it is taken from every user at the next write",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q:\n%s", who, want, text)
			}
		}
		if strings.Contains(text, "managedRoles has shop/editor") {
			t.Errorf("%s speaks of a role that rules grant to both:\n%s", who, text)
		}
	}
	if out, _, code := command(t, "", "validate", "--file", mappingFile(t, listedRoles)); code != 0 || !strings.Contains(out, "no problem") || strings.Contains(out, "taken") {
		t.Errorf("validate of a file that takes nothing ends with %d: %s", code, out)
	}
}

// TestAChangeOfRolesThatBreaksOffAnywhere: the bridge is cut off before or after any of its calls. A
// repetition leaves the roles and the record of an undisturbed change, and what a person gave.
func TestAChangeOfRolesThatBreaksOffAnywhere(t *testing.T) {
	t.Parallel()
	const rules = `version: 1
grantableRoles: [employee, extra, { client: shop, role: editor }]
users:
  roles:
    - when: '"Editor" in groups'
      grant: [extra]
    - when: resource.title == "Clerk"
      grant: [employee]
    - when: resource.title == "Editor"
      grant: [{ client: shop, role: editor }]
groups:
  roles:
    Clerk: [employee]
    Editor: [{ client: shop, role: editor }]
`
	for server, start := range bothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			c := newCrash(t, start(t))
			b := c.realm
			b.addRole(t, c.server, "boss")
			b.addRole(t, c.server, "extra")
			b.useMapping(t, b.realm, rules)
			for endpoint, attribute := range map[string]string{"/Users": "title", "/Groups": "displayName"} {
				held := func(id string) (roles string, record []string) {
					if endpoint == "/Users" {
						return b.rolesOf(t, id), b.user(t, id).Attributes[mapping.AttrRoles]
					}
					parsed, err := keycloak.ParseGroupID(id)
					if err != nil {
						t.Fatal(err)
					}
					group, err := b.admin.Group(t.Context(), parsed)
					if err != nil {
						t.Fatal(err)
					}
					return b.rolesOfGroup(t, id), group.Attributes[mapping.AttrRoles]
				}
				cut := 0
				for _, stage := range []keycloaktest.Stage{keycloaktest.Before, keycloaktest.After} {
					for n := 1; ; n++ {
						name := strings.Join([]string{endpoint[1:], fmt.Sprint(stage), fmt.Sprint(n)}, "-")
						user := b.create(t, "/Users", `{"userName":"`+name+`@acme.test","title":"Clerk"}`)
						id := user
						if endpoint == "/Groups" {
							id = b.create(t, endpoint, `{"displayName":"Clerk","members":[{"value":"`+user+`"}]}`)
						}
						b.byHand(t, endpoint, id, "boss")
						change := patchBody(`{"op":"replace","path":"` + attribute + `","value":"Editor"}`)
						c.proxy.Inject(keycloaktest.Fault{Nth: n, Stage: stage, Drop: true})
						c.proxy.Inject(keycloaktest.Fault{From: n + 1, Drop: true})
						_, err := b.send(t, http.MethodPatch, endpoint+"/"+id, change)
						c.proxy.ClearFaults()
						if err != nil {
							cut++
							b.must(t, http.MethodPatch, endpoint+"/"+id, change)
						}
						roles, record := held(id)
						if diff := cmp.Diff([]string{"realm|shop/editor"}, record); diff != "" || roles != "boss shop/editor" {
							t.Errorf("%s, cut off at call %d (%v): the roles are %q, and recorded is another (-want +got):\n%s", endpoint, n, stage, roles, diff)
						}
						if endpoint == "/Groups" { // the next one has its name
							if got := b.rolesOf(t, user); got != "employee extra" {
								t.Errorf("cut off at call %d (%v): the roles of its member are %q", n, stage, got)
							}
							b.must(t, http.MethodDelete, endpoint+"/"+id, "")
						}
						if err == nil {
							break
						}
					}
				}
				if cut < 8 {
					t.Errorf("%s was cut off %d times, which proves little", endpoint, cut)
				}
			}
		})
	}
}

// addRole makes a role of the realm.
func (b testBridge) addRole(t *testing.T, server keycloaktest.Server, name string) {
	t.Helper()
	adminSend(t, server, http.MethodPost, "/admin/realms/"+b.realm+"/roles", `{"name":"`+name+`"}`)
}
