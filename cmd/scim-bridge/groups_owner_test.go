package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// bothTenants are a bridge to the tenant of the realm and one to that of an organization.
func (c customers) bothTenants() map[string]testBridge {
	return map[string]testBridge{"realm": c.realm, "organization": c.of["acme"]}
}

// consoleGroup makes a group where a tenant has its groups, as an administrator does, with a role
// where Keycloak gives one any effect.
func (c customers) consoleGroup(t *testing.T, of, name string) string {
	t.Helper()
	b := c.bothTenants()[of]
	found := b.app.Watcher.Tenants.ByPath(b.path(t))
	parent := found.Fitness().Resolved.Groups[found.Mapping.GroupParent]
	if found.Mapping.GroupParent == "" && of == "organization" {
		parent = c.ids["acme"].TopLevel()
	}
	id := b.group(t, name, parent)
	if of == "realm" {
		b.grant(t, id, b.role(t, c.server, "", "role-of-"+name))
	}
	return id.String()
}

// path is that of the bridge's tenant.
func (b testBridge) path(t *testing.T) string {
	t.Helper()
	_, after, ok := strings.Cut(b.Base, "/realms/")
	if !ok {
		t.Fatalf("%s is no tenant's", b.Base)
	}
	return strings.TrimSuffix(after, "/scim/v2")
}

// heldGroup reads a group past the bridge.
func (c customers) heldGroup(t *testing.T, of, id string) (keycloak.Group, error) {
	t.Helper()
	return c.realm.admin.Group(t.Context(), c.groupID(t, of, id))
}

func (c customers) groupID(t *testing.T, of, text string) keycloak.GroupID {
	t.Helper()
	found := c.realm.app.Watcher.Tenants.ByPath(c.bothTenants()[of].path(t))
	parse := keycloak.ParseGroupID
	if of == "organization" && found.Fitness().OrganizationGroups {
		parse = c.ids["acme"].ParseGroupID
	}
	id, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// leaving has every tenant keep to its own users, and do with what it deletes as a policy says.
func leaving(policy config.OnDelete) func(*config.Config) {
	return eachTenant(func(t *config.Tenant) { t.OnDelete, t.Scope = policy, config.ScopeOwned })
}

// TestAGroupThatSCIMDidNotMake keeps its name, its roles and itself. Its members and its other
// attributes change as those of any group.
func TestAGroupThatSCIMDidNotMake(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			for of, b := range c.bothTenants() {
				id := c.consoleGroup(t, of, "crew-"+of)
				path := "/Groups/" + id
				user := b.create(t, "/Users", `{"userName":"`+of+`"}`)
				b.must(t, http.MethodPatch, path, patchBody(`{"op":"add","path":"members","value":[{"value":"`+user+`"}]}`))
				b.must(t, http.MethodPatch, path, patchBody(`{"op":"add","path":"externalId","value":"X"}`))
				before, err := c.heldGroup(t, of, id)
				if err != nil {
					t.Fatal(err)
				}
				for what, refused := range map[string]string{
					"a rename":         b.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(`{"op":"replace","path":"displayName","value":"Taken"}`)),
					"a rename by PUT":  b.refused(t, http.StatusForbidden, http.MethodPut, path, `{"displayName":"Taken","externalId":"X","members":[{"value":"`+user+`"}]}`),
					"another spelling": b.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(`{"op":"replace","path":"displayName","value":"CREW-`+of+`"}`)),
					"a DELETE":         b.refused(t, http.StatusForbidden, http.MethodDelete, path, ""),
				} {
					if !strings.Contains(refused, "group-not-created-here") || !strings.Contains(refused, "let this endpoint take the group over") {
						t.Errorf("%s: %s says %q", of, what, refused)
					}
				}
				after, err := c.heldGroup(t, of, id)
				if err != nil || after.Name != before.Name || !slices.Equal(after.Roles, before.Roles) || len(after.Attributes["scim.owner"]) != 0 {
					t.Errorf("%s: the group = %+v, %v, before %+v", of, after, err, before)
				}
				b.refused(t, http.StatusConflict, http.MethodPost, "/Groups", `{"displayName":"crew-`+of+`"}`)
				b.must(t, http.MethodPut, path, `{"displayName":"crew-`+of+`","externalId":"Y"}`)
				if got := b.must(t, http.MethodGet, path, ""); got["externalId"] != "Y" || got["members"] != nil {
					t.Errorf("%s: after a PUT the group = %v", of, got)
				}
			}
		})
	}
}

// TestAGroupIsAdopted by a POST of its name or by the first change of its attributes, where the policy
// says so. It keeps its members, its roles and its name; from then on it is the tenant's.
func TestAGroupIsAdopted(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), adoptUnowned)
			for of, b := range c.bothTenants() {
				old, joins := b.create(t, "/Users", `{"userName":"old-`+of+`"}`), b.create(t, "/Users", `{"userName":"new-`+of+`"}`)
				for _, way := range []string{"post", "patch", "put"} {
					name := way + "-" + of
					id := c.consoleGroup(t, of, name)
					if err := b.admin.AddMember(t.Context(), userID(t, old), c.groupID(t, of, id)); err != nil {
						t.Fatal(err)
					}
					before, err := c.heldGroup(t, of, id)
					if err != nil {
						t.Fatal(err)
					}
					path, members := "/Groups/"+id, 1
					switch way {
					case "post":
						body := fmt.Sprintf(`{"displayName":%q,"externalId":"X","members":[{"value":%q}]}`, name, joins)
						if got := b.create(t, "/Groups", body); got != id {
							t.Errorf("%s: the POST made the group %s, want %s", name, got, id)
						}
						b.refused(t, http.StatusConflict, http.MethodPost, "/Groups", body)
						members = 2
					case "patch":
						b.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(`{"op":"replace","path":"displayName","value":"Taken"},{"op":"add","path":"externalId","value":"X"}`))
						b.must(t, http.MethodPatch, path, patchBody(`{"op":"add","path":"externalId","value":"X"}`))
					case "put":
						b.must(t, http.MethodPut, path, fmt.Sprintf(`{"displayName":%q,"externalId":"X","members":[{"value":%q}]}`, name, old))
					}
					after, err := c.heldGroup(t, of, id)
					if err != nil || after.Name != name || !slices.Equal(after.Roles, before.Roles) || len(after.Attributes["scim.owner"]) == 0 {
						t.Errorf("%s: the adopted group = %+v, %v, before %+v", name, after, err, before)
					}
					if got, _ := b.must(t, http.MethodGet, path, "")["members"].([]any); len(got) != members {
						t.Errorf("%s: the members are %v, want %d", name, got, members)
					}
					b.must(t, http.MethodPatch, path, patchBody(`{"op":"replace","path":"displayName","value":"renamed-`+name+`"}`))
					b.must(t, http.MethodDelete, path, "")
					if _, err := c.heldGroup(t, of, id); keycloak.KindOf(err) != keycloak.NotFound {
						t.Errorf("%s: the deleted group = %v", name, err)
					}
				}
			}
		})
	}
}

// TestSecurity_58_AGroupWithAdministratorsIn is not deleted, nor emptied: it would end memberships that
// SCIM may not end. It does not matter whether the client can see them.
func TestSecurity_58_AGroupWithAdministratorsIn(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		for _, policy := range []config.OnDelete{config.OnDeleteDelete, config.OnDeleteDisable} {
			t.Run(name+" "+string(policy), func(t *testing.T) {
				t.Parallel()
				c := newCustomers(t, start(t), leaving(policy))
				for of, b := range c.bothTenants() {
					id := b.create(t, "/Groups", `{"displayName":"team-`+of+`"}`)
					seen := b.create(t, "/Users", `{"userName":"seen-`+of+`"}`)
					unseen := b.account(t, "unseen-"+of, true).String()
					for _, admin := range []string{seen, unseen} {
						b.grant(t, userID(t, admin), b.known(t, right("view-users")))
						if of == "organization" && admin == unseen && b.organizationGroups(t) { // only members can be in such a group
							c.admit(t, unseen, "acme")
						}
						if err := b.admin.AddMember(t.Context(), userID(t, admin), c.groupID(t, of, id)); err != nil {
							t.Fatal(err)
						}
						b.look(t)
						path := "/Groups/" + id
						got := b.refused(t, http.StatusForbidden, http.MethodDelete, path, "")
						if !strings.Contains(got, "account-protected") || strings.Contains(got, seen) != (admin == seen) {
							t.Errorf("%s: DELETE says %q", of, got)
						}
						if admin == seen {
							b.refused(t, http.StatusForbidden, http.MethodPut, path, `{"displayName":"team-`+of+`"}`)
							b.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(`{"op":"replace","path":"members","value":[]}`))
							b.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(`{"op":"remove","path":"members"}`))
						}
						groups, err := b.admin.Members(t.Context(), c.groupID(t, of, id), 0, 100)
						if err != nil || !slices.ContainsFunc(groups, func(u keycloak.User) bool { return u.ID == admin }) {
							t.Errorf("%s: the members are %v, %v", of, groups, err)
						}
						if err := b.admin.RemoveMember(t.Context(), userID(t, admin), c.groupID(t, of, id)); err != nil {
							t.Fatal(err)
						}
					}
					b.must(t, http.MethodDelete, "/Groups/"+id, "")
				}
			})
		}
	}
}

// organizationGroups reports whether the server has groups of organizations.
func (b testBridge) organizationGroups(t *testing.T) bool {
	t.Helper()
	return b.app.Watcher.Tenants.ByPath(b.path(t)).Fitness().OrganizationGroups
}

// TestOnDeleteOfGroups: a group that leaves stays in Keycloak, without members or as it is, is gone
// for the client, and comes back under its id.
func TestOnDeleteOfGroups(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		for _, policy := range []config.OnDelete{config.OnDeleteDisable, config.OnDeleteLeave} {
			t.Run(name+" "+string(policy), func(t *testing.T) {
				t.Parallel()
				c := newCustomers(t, start(t), leaving(policy))
				for of, b := range c.bothTenants() {
					user := b.create(t, "/Users", `{"userName":"`+of+`"}`)
					body := `{"displayName":"team-` + of + `","externalId":"X","members":[{"value":"` + user + `"}]}`
					id := b.create(t, "/Groups", body)
					other := b.create(t, "/Groups", `{"displayName":"other-`+of+`"}`)
					path := "/Groups/" + id
					b.must(t, http.MethodDelete, path, "")
					for _, r := range [][2]string{{http.MethodGet, ""}, {http.MethodDelete, ""}, {http.MethodPut, body}, {http.MethodPatch, patchBody(`{"op":"add","path":"members","value":[{"value":"` + user + `"}]}`)}} {
						b.refused(t, http.StatusNotFound, r[0], path, r[1])
					}
					for _, filter := range []string{`displayName eq "team-` + of + `"`, `externalId eq "X"`, `id eq "` + id + `"`, `members.value eq "` + user + `"`, `displayName sw "team"`} {
						if found, err := b.Find(t.Context(), "/Groups", filter, ""); err != nil || len(found) != 0 {
							t.Errorf("%s: %s finds %v, %v", of, filter, found, err)
						}
					}
					if list := b.must(t, http.MethodGet, "/Groups", ""); fmt.Sprint(list["totalResults"]) != "1" || len(list["Resources"].([]any)) != 1 {
						t.Errorf("%s: the groups are %v", of, list)
					}
					if groups, _ := b.must(t, http.MethodGet, "/Users/"+user, "")["groups"].([]any); len(groups) != 0 {
						t.Errorf("%s: the user's groups are %v", of, groups)
					}
					held, err := b.admin.Members(t.Context(), c.groupID(t, of, id), 0, 10)
					if want := map[config.OnDelete]int{config.OnDeleteDisable: 0, config.OnDeleteLeave: 1}[policy]; err != nil || len(held) != want {
						t.Errorf("%s: in Keycloak the members are %v, %v, want %d", of, held, err, want)
					}
					if got := b.create(t, "/Groups", `{"displayName":"team-`+of+`","externalId":"Z"}`); got != id {
						t.Errorf("%s: the group comes back as %s, want %s", of, got, id)
					}
					if got := b.must(t, http.MethodGet, path, ""); got["externalId"] != "Z" || got["members"] != nil {
						t.Errorf("%s: the group that came back = %v", of, got)
					}
					b.must(t, http.MethodDelete, "/Groups/"+other, "")
				}
			})
		}
	}
}

// TestAdoptTakesGroupsOver: the command has the groups of the tenant too.
func TestAdoptTakesGroupsOver(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.NewFake(t).Server(), nil)
	for of, b := range c.bothTenants() {
		id := c.consoleGroup(t, of, "crew-"+of)
		path := tenant.OrganizationPath(b.realm, "acme")
		if of == "realm" {
			path = b.realm
		}
		file := b.controlled(t)
		if got := b.adoptions(t, file, path, "--dry-run")["crew-"+of]; got.Outcome != "adopted" || got.ID != id {
			t.Errorf("%s: the dry run says %+v", of, got)
		}
		b.refused(t, http.StatusForbidden, http.MethodDelete, "/Groups/"+id, "")
		b.adoptions(t, file, path)
		b.must(t, http.MethodDelete, "/Groups/"+id, "")
	}
}
