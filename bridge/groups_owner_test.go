package bridge_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestAGroupThatSCIMDidNotMake keeps its name and its roles and is not deleted. Its members and other attributes change
// like those of any group.
func TestAGroupThatSCIMDidNotMake(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for of, b := range c.BothTenants() {
				id := c.ConsoleGroup(t, of, "crew-"+of)
				path := "/Groups/" + id
				user := b.Create(t, "/Users", `{"userName":"`+of+`"}`)
				b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+user+`"}]}`))
				b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"add","path":"externalId","value":"X"}`))
				before, err := c.HeldGroup(t, of, id)
				if err != nil {
					t.Fatal(err)
				}
				for what, refused := range map[string]string{
					"a rename":         b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"displayName","value":"Taken"}`)),
					"a rename by PUT":  b.Refused(t, http.StatusForbidden, http.MethodPut, path, `{"displayName":"Taken","externalId":"X","members":[{"value":"`+user+`"}]}`),
					"another spelling": b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"displayName","value":"CREW-`+of+`"}`)),
					"a DELETE":         b.Refused(t, http.StatusForbidden, http.MethodDelete, path, ""),
				} {
					if !strings.Contains(refused, "group-not-created-here") || !strings.Contains(refused, "let this endpoint take the group over") {
						t.Errorf("%s: %s says %q", of, what, refused)
					}
				}
				after, err := c.HeldGroup(t, of, id)
				if err != nil || after.Name != before.Name || !slices.Equal(after.Roles, before.Roles) || len(after.Attributes["scim.owner"]) != 0 {
					t.Errorf("%s: the group = %+v, %v, before %+v", of, after, err, before)
				}
				b.Refused(t, http.StatusConflict, http.MethodPost, "/Groups", `{"displayName":"crew-`+of+`"}`)
				b.Must(t, http.MethodPut, path, `{"displayName":"crew-`+of+`","externalId":"Y"}`)
				if got := b.Must(t, http.MethodGet, path, ""); got["externalId"] != "Y" || got["members"] != nil {
					t.Errorf("%s: after a PUT the group = %v", of, got)
				}
			}
		})
	}
}

// TestAGroupIsAdopted by a POST with its name or by the first change of its attributes, if the policy allows it. It
// keeps its members, its roles and its name; from then on it belongs to the tenant.
func TestAGroupIsAdopted(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.AdoptUnowned)
			for of, b := range c.BothTenants() {
				old, joins := b.Create(t, "/Users", `{"userName":"old-`+of+`"}`), b.Create(t, "/Users", `{"userName":"new-`+of+`"}`)
				for _, way := range []string{"post", "patch", "put"} {
					name := way + "-" + of
					id := c.ConsoleGroup(t, of, name)
					if err := b.Admin.AddMember(t.Context(), apptest.UserID(t, old), c.GroupID(t, of, id)); err != nil {
						t.Fatal(err)
					}
					before, err := c.HeldGroup(t, of, id)
					if err != nil {
						t.Fatal(err)
					}
					path, members := "/Groups/"+id, 1
					switch way {
					case "post":
						body := fmt.Sprintf(`{"displayName":%q,"externalId":"X","members":[{"value":%q}]}`, name, joins)
						if got := b.Create(t, "/Groups", body); got != id {
							t.Errorf("%s: the POST made the group %s, want %s", name, got, id)
						}
						b.Refused(t, http.StatusConflict, http.MethodPost, "/Groups", body)
						members = 2
					case "patch":
						b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"displayName","value":"Taken"},{"op":"add","path":"externalId","value":"X"}`))
						b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"add","path":"externalId","value":"X"}`))
					case "put":
						b.Must(t, http.MethodPut, path, fmt.Sprintf(`{"displayName":%q,"externalId":"X","members":[{"value":%q}]}`, name, old))
					}
					after, err := c.HeldGroup(t, of, id)
					if err != nil || after.Name != name || !slices.Equal(after.Roles, before.Roles) || len(after.Attributes["scim.owner"]) == 0 {
						t.Errorf("%s: the adopted group = %+v, %v, before %+v", name, after, err, before)
					}
					if got, _ := b.Must(t, http.MethodGet, path, "")["members"].([]any); len(got) != members {
						t.Errorf("%s: the members are %v, want %d", name, got, members)
					}
					b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"displayName","value":"renamed-`+name+`"}`))
					b.Must(t, http.MethodDelete, path, "")
					if _, err := c.HeldGroup(t, of, id); keycloak.KindOf(err) != keycloak.NotFound {
						t.Errorf("%s: the deleted group = %v", name, err)
					}
				}
			}
		})
	}
}

// TestSecurity_58_AGroupWithAdministratorsIn is not deleted or emptied, because that would end memberships that SCIM
// may not end. It does not matter whether the client can see the administrators.
func TestSecurity_58_AGroupWithAdministratorsIn(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		for _, policy := range []config.OnDelete{config.OnDeleteDelete, config.OnDeleteDisable} {
			t.Run(name+" "+string(policy), func(t *testing.T) {
				t.Parallel()
				c := apptest.NewCustomers(t, start(t), apptest.LeavingOnDelete(policy))
				for of, b := range c.BothTenants() {
					id := b.Create(t, "/Groups", `{"displayName":"team-`+of+`"}`)
					seen := b.Create(t, "/Users", `{"userName":"seen-`+of+`"}`)
					unseen := b.MakeAccount(t, "unseen-"+of, true).String()
					for _, admin := range []string{seen, unseen} {
						b.Grant(t, apptest.UserID(t, admin), b.KnownRole(t, apptest.ManagementRole("view-users")))
						if of == "organization" && admin == unseen && b.OrganizationGroups(t) { // such a group can only have members of the organization
							c.Admit(t, unseen, "acme")
						}
						if err := b.Admin.AddMember(t.Context(), apptest.UserID(t, admin), c.GroupID(t, of, id)); err != nil {
							t.Fatal(err)
						}
						b.Check(t)
						path := "/Groups/" + id
						got := b.Refused(t, http.StatusForbidden, http.MethodDelete, path, "")
						if !strings.Contains(got, "account-protected") || strings.Contains(got, seen) != (admin == seen) {
							t.Errorf("%s: DELETE says %q", of, got)
						}
						if admin == seen {
							b.Refused(t, http.StatusForbidden, http.MethodPut, path, `{"displayName":"team-`+of+`"}`)
							b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"members","value":[]}`))
							b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(`{"op":"remove","path":"members"}`))
						}
						groups, err := b.Admin.Members(t.Context(), c.GroupID(t, of, id), 0, 100)
						if err != nil || !slices.ContainsFunc(groups, func(u keycloak.User) bool { return u.ID == admin }) {
							t.Errorf("%s: the members are %v, %v", of, groups, err)
						}
						if err := b.Admin.RemoveMember(t.Context(), apptest.UserID(t, admin), c.GroupID(t, of, id)); err != nil {
							t.Fatal(err)
						}
					}
					b.Must(t, http.MethodDelete, "/Groups/"+id, "")
				}
			})
		}
	}
}

// TestOnDeleteOfGroups: a group that leaves the tenant stays in Keycloak, without members or unchanged. For the client
// it is gone, and it comes back under its id.
func TestOnDeleteOfGroups(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		for _, policy := range []config.OnDelete{config.OnDeleteDisable, config.OnDeleteLeave} {
			t.Run(name+" "+string(policy), func(t *testing.T) {
				t.Parallel()
				c := apptest.NewCustomers(t, start(t), apptest.LeavingOnDelete(policy))
				for of, b := range c.BothTenants() {
					user := b.Create(t, "/Users", `{"userName":"`+of+`"}`)
					body := `{"displayName":"team-` + of + `","externalId":"X","members":[{"value":"` + user + `"}]}`
					id := b.Create(t, "/Groups", body)
					other := b.Create(t, "/Groups", `{"displayName":"other-`+of+`"}`)
					path := "/Groups/" + id
					b.Must(t, http.MethodDelete, path, "")
					for _, r := range [][2]string{{http.MethodGet, ""}, {http.MethodDelete, ""}, {http.MethodPut, body}, {http.MethodPatch, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"` + user + `"}]}`)}} {
						b.Refused(t, http.StatusNotFound, r[0], path, r[1])
					}
					for _, filter := range []string{`displayName eq "team-` + of + `"`, `externalId eq "X"`, `id eq "` + id + `"`, `members.value eq "` + user + `"`, `displayName sw "team"`} {
						if found, err := b.Find(t.Context(), "/Groups", filter, ""); err != nil || len(found) != 0 {
							t.Errorf("%s: %s finds %v, %v", of, filter, found, err)
						}
					}
					if list := b.Must(t, http.MethodGet, "/Groups", ""); fmt.Sprint(list["totalResults"]) != "1" || len(list["Resources"].([]any)) != 1 {
						t.Errorf("%s: the groups are %v", of, list)
					}
					if groups, _ := b.Must(t, http.MethodGet, "/Users/"+user, "")["groups"].([]any); len(groups) != 0 {
						t.Errorf("%s: the user's groups are %v", of, groups)
					}
					held, err := b.Admin.Members(t.Context(), c.GroupID(t, of, id), 0, 10)
					if want := map[config.OnDelete]int{config.OnDeleteDisable: 0, config.OnDeleteLeave: 1}[policy]; err != nil || len(held) != want {
						t.Errorf("%s: in Keycloak the members are %v, %v, want %d", of, held, err, want)
					}
					if got := b.Create(t, "/Groups", `{"displayName":"team-`+of+`","externalId":"Z"}`); got != id {
						t.Errorf("%s: the group comes back as %s, want %s", of, got, id)
					}
					if got := b.Must(t, http.MethodGet, path, ""); got["externalId"] != "Z" || got["members"] != nil {
						t.Errorf("%s: the group that came back = %v", of, got)
					}
					b.Must(t, http.MethodDelete, "/Groups/"+other, "")
				}
			})
		}
	}
}

// TestTheCommandAdoptsGroups: the command also adopts the groups of the tenant.
func TestTheCommandAdoptsGroups(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), nil)
	for of, b := range c.BothTenants() {
		id := c.ConsoleGroup(t, of, "crew-"+of)
		path := tenant.OrganizationPath(b.Realm, "acme")
		if of == "realm" {
			path = b.Realm
		}
		file := b.Controlled(t)
		if got := b.Adoptions(t, file, path, "--dry-run")["crew-"+of]; got.Outcome != "adopted" || got.ID != id {
			t.Errorf("%s: the dry run says %+v", of, got)
		}
		b.Refused(t, http.StatusForbidden, http.MethodDelete, "/Groups/"+id, "")
		b.Adoptions(t, file, path)
		b.Must(t, http.MethodDelete, "/Groups/"+id, "")
	}
}

// TestACreationThatComesBackIsMappedOnce: what the mapping leaves out of it is counted once.
func TestACreationThatComesBackIsMappedOnce(t *testing.T) {
	t.Parallel()
	file := apptest.MappingFile(t, "version: 1\nusers: { unmapped: drop }\ngroups: { unmapped: drop }\n")
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), apptest.LeavingOnDelete(config.OnDeleteLeave), "--mapping", file)
	for endpoint, c := range map[string]struct{ body, dropped string }{
		"/Users":  {`{"userName":"jane","nickName":"J"}`, "nickName"},
		"/Groups": {`{"displayName":"team","urn:acme:Group":{"cost":"C"}}`, "other"},
	} {
		id := b.Create(t, endpoint, c.body)
		b.Must(t, http.MethodDelete, endpoint+"/"+id, "")
		if again := b.Create(t, endpoint, c.body); again != id {
			t.Errorf("%s: the id is %s, want %s", endpoint, again, id)
		}
		line := `scim_bridge_ignored_values_total{attribute="` + c.dropped + `"}`
		if got := b.Metric(t, line); got != line+" 2" {
			t.Errorf("%s: after two creations %q, want %s 2", endpoint, got, line)
		}
	}
}
