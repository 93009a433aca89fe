package guard_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// foreignGroups are groups that do not belong to the first tenant under any mapping.
func foreignGroups(t *testing.T, n apptest.Neighbours) map[string]string {
	t.Helper()
	id := n.Other.Create(t, "/Groups", `{"displayName":"Theirs","externalId":"X"}`)
	theirs, err := keycloak.ParseGroupID(id)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"the group of another tenant": id, "a group below it": n.MakeGroup(t, "nested", theirs).String(),
		"the parent of another tenant": n.Parents["two"].String(), "a group above its own parent": n.Parents["scim"].String(),
	}
}

// TestSecurity_43_GroupsOfAnotherTenantAreAbsent: a tenant without a parent for its groups reaches
// neither another tenant's parent nor the groups below it, by any request that names a group. The
// answers and the calls are the same as for an absent group.
func TestSecurity_43_GroupsOfAnotherTenantAreAbsent(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		for scope, edit := range map[string]func(*config.Tenant){"all": nil, "owned": func(t *config.Tenant) { t.Scope = config.ScopeOwned }} {
			t.Run(name+" "+scope, func(t *testing.T) {
				t.Parallel()
				n := apptest.NewNeighbours(t, start(t), edit)
				own := n.Create(t, "/Users", `{"userName":"own"}`)
				ids := foreignGroups(t, n)
				n.Remap(t, "")
				group := n.Create(t, "/Groups", `{"displayName":"Own","members":[{"value":"`+own+`"}]}`)
				for _, id := range ids {
					g, _ := keycloak.ParseGroupID(id)
					if err := n.Admin.AddMember(t.Context(), apptest.UserID(t, own), g); err != nil {
						t.Fatal(err)
					}
				}
				delete(ids, "a group above its own parent") // which is at the level of a tenant without a parent
				before := tree(t, n.Bridge)
				for _, a := range slices.Concat(pathAttacks("/Groups", "displayName"), valueAttacks()) {
					if a.Path == "/Users" {
						continue // the second time is a conflict
					}
					send := func(id string) string {
						t.Helper()
						in := strings.NewReplacer("$ID", id, "$OWN", own, "$GROUP", group)
						return answerOf(t, n.Bridge, a.Method, in.Replace(a.Path), in.Replace(a.Body), id)
					}
					want := send(apptest.AbsentID)
					for what, id := range ids {
						if got := send(id); got != want {
							t.Errorf("%s in %s %s %s\n = %s\nof nobody\n = %s", what, a.Method, a.Path, a.Body, got, want)
						}
					}
				}
				if diff := cmp.Diff(before, tree(t, n.Bridge)); diff != "" {
					t.Errorf("the attack changed groups (-before +after):\n%s", diff)
				}
				apptest.WantNames(t, "the groups", n.Names(t, "/Groups"), "Own", "scim")
				for _, filter := range []string{`displayName eq "Theirs"`, `externalId eq "X"`, `displayName eq "two"`, `displayName sw "t"`, `members.value eq "` + own + `" and displayName ne "Own" and displayName ne "scim"`} {
					if found, err := n.Find(t.Context(), "/Groups", filter, ""); err != nil || len(found) > 0 {
						t.Errorf("%s finds %v, %v", filter, found, err)
					}
				}
				user := n.Must(t, http.MethodGet, "/Users/"+own+"?attributes=groups", "")
				if groups, _ := user["groups"].([]any); len(groups) != 2 {
					t.Errorf("the user shows the groups %v, want Own and scim", groups)
				}
				body := n.Must(t, http.MethodPost, "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"DELETE","path":"/Groups/`+ids["the group of another tenant"]+`"}]}`)
				if text := fmt.Sprint(body); !strings.Contains(text, "404") {
					t.Errorf("the deletion in a bulk = %s, want 404", text)
				}
			})
		}
	}
}

// tree returns all groups of the realm with their members.
func tree(t *testing.T, b apptest.Bridge) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	var walk func(list []keycloak.Group)
	walk = func(list []keycloak.Group) {
		for _, g := range list {
			id, err := keycloak.ParseGroupID(g.ID)
			if err != nil {
				t.Fatal(err)
			}
			members, err := b.Admin.Members(t.Context(), id, 0, keycloak.MaxPage)
			if err != nil {
				t.Fatal(err)
			}
			of := []string{}
			for _, m := range members {
				of = append(of, m.Username)
			}
			out[g.Path+" "+g.ID] = of
			below, err := b.Admin.Children(t.Context(), id, 0, keycloak.MaxPage)
			if err != nil {
				t.Fatal(err)
			}
			walk(below)
		}
	}
	top, err := b.Admin.TopGroups(t.Context(), 0, keycloak.MaxPage)
	if err != nil {
		t.Fatal(err)
	}
	walk(top)
	return out
}

// TestSecurity_43_AForeignGroupCostsTheSameCalls as an absent group, for a tenant without a parent.
func TestSecurity_43_AForeignGroupCostsTheSameCalls(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	n := apptest.NewNeighbours(t, fake.Server(), nil)
	own := n.Create(t, "/Users", `{"userName":"own"}`)
	ids := foreignGroups(t, n)
	n.Remap(t, "")
	delete(ids, "a group above its own parent")
	calls := func(a apptest.Request, id string) []string {
		in := strings.NewReplacer("$ID", id, "$OWN", own)
		fake.ResetCalls()
		answerOf(t, n.Bridge, a.Method, in.Replace(a.Path), in.Replace(a.Body), id)
		return fake.Calls()
	}
	for _, a := range pathAttacks("/Groups", "displayName") {
		want := calls(a, apptest.AbsentID)
		for what, id := range ids {
			if diff := cmp.Diff(want, calls(a, id), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s in %s %s %s makes other calls than nobody (-nobody +foreign):\n%s", what, a.Method, a.Path, a.Body, diff)
			}
		}
	}
}

// TestSecurity_43_TheParentIsKeptByItsId: somebody who renames the parent and creates another group
// with its name does not redirect the tenant. New groups are created below the old parent, or not
// at all.
func TestSecurity_43_TheParentIsKeptByItsId(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := apptest.NewNeighbours(t, start(t), nil)
			parent := n.Parents["one"]
			n.Rename(t, parent, "was-one")
			n.Check(t)
			below := func(id string) {
				t.Helper()
				parsed, _ := keycloak.ParseGroupID(id)
				if g, err := n.Admin.Group(t.Context(), parsed); err != nil || g.ParentID != parent.String() {
					t.Errorf("the new group is below %q, %v, want %s", g.ParentID, err, parent)
				}
			}
			below(n.Create(t, "/Groups", `{"displayName":"After the rename"}`))
			if got := n.Warnings(t, "one"); !strings.Contains(got, `the group "/scim/one" of the mapping is called "/scim/was-one" now`) {
				t.Errorf("the log warns of %q", got)
			}
			impostor := n.MakeGroup(t, "one", n.Parents["scim"])
			n.App.Watcher.Check(t.Context())
			want := fmt.Sprintf(`the group "/scim/one" of the mapping is now another group, %s: the former group, %s, is called "/scim/was-one" now`, impostor, parent)
			if got := n.App.Watcher.Tenants.ByPath("one").Fitness().Problem; got != want {
				t.Errorf("with another group in its place the look finds %q, want %q", got, want)
			}
			n.Refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Groups", `{"displayName":"Lost"}`)
			if err := n.Admin.DeleteGroup(t.Context(), parent); err != nil {
				t.Fatal(err)
			}
			n.App.Watcher.Check(t.Context())
			n.Refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Groups", `{"displayName":"Lost"}`)
			if list, err := n.Admin.Children(t.Context(), impostor, 0, 10); err != nil || len(list) > 0 {
				t.Errorf("below the group in the parent's place are %v, %v", list, err)
			}
			a := apptest.NewTestApp(t, n.Config) // a restart is no change of the configuration
			a.Watcher.Check(t.Context())
			if got := a.Watcher.Tenants.ByPath("one").Fitness().Problem; !strings.Contains(got, "is now another group") {
				t.Errorf("after a start the look finds %q", got)
			}
			n.Remap(t, "parent: id:"+impostor.String())
			n.Check(t)
			n.Create(t, "/Groups", `{"displayName":"Meant"}`)
			if list, err := n.Admin.Children(t.Context(), impostor, 0, 10); err != nil || len(list) != 1 {
				t.Errorf("below the group that you mean now are %v, %v", list, err)
			}
		})
	}
}

// TestSecurity_43_AParentThatDisappearsBetweenTwoChecks: without the parent no group can be created.
func TestSecurity_43_AParentThatDisappearsBetweenTwoChecks(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := apptest.NewNeighbours(t, start(t), nil)
			if err := n.Admin.DeleteGroup(t.Context(), n.Parents["one"]); err != nil {
				t.Fatal(err)
			}
			n.MakeGroup(t, "one", n.Parents["scim"])
			before := tree(t, n.Bridge)
			n.Refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Groups", `{"displayName":"Lost"}`)
			if diff := cmp.Diff(before, tree(t, n.Bridge)); diff != "" {
				t.Errorf("groups changed:\n%s", diff)
			}
		})
	}
}

// TestSecurity_43_AMappingThatIsAppliedIsKnownToAll: a read of the realm gives a tenant a new
// parent that was a group of another tenant. From that read on the other tenant does not have the
// group.
func TestSecurity_43_AMappingThatIsAppliedIsKnownToAll(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := apptest.NewNeighbours(t, start(t), nil)
			for _, of := range []struct{ tenant, other apptest.Bridge }{{n.Bridge, n.Other}, {n.Other, n.Bridge}} { // the tenants are read in the order of their paths
				key, others := "one", "two"
				if of.tenant.Base == n.Other.Base {
					key, others = others, key
				}
				parent := n.MakeGroup(t, "new parent", n.Parents[others])
				path := "/Groups/" + parent.String()
				of.other.Must(t, http.MethodGet, path, "")
				m, problems := app.LoadMapping(config.Tenant{Mapping: apptest.MappingFile(t, apptest.NeighbourMapping(key, "parent: id:"+parent.String())), Profile: config.ProfileTolerant})
				if len(problems) > 0 {
					t.Fatal(problems)
				}
				apptest.ProposeMapping(n.App.Watcher, key, m)
				if !n.App.Watcher.Check(t.Context()) || n.App.Watcher.Tenants.ByPath(key).Mapping != m {
					t.Fatalf("%s has not the new mapping", key)
				}
				for method, body := range map[string]string{http.MethodGet: "", http.MethodPatch: apptest.PatchBody(`{"op":"replace","path":"displayName","value":"mine"}`), http.MethodDelete: ""} {
					of.other.Refused(t, http.StatusNotFound, method, path, body)
				}
				of.tenant.Create(t, "/Groups", `{"displayName":"Own"}`)
				n.Parents[key] = parent
			}
		})
	}
}

// TestSecurity_43_OneParentForTwo makes both tenants unfit. A parent above another tenant's parent
// hides the other tenant's groups.
func TestSecurity_43_OneParentForTwo(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := apptest.NewNeighbours(t, start(t), nil)
			ids := foreignGroups(t, n)
			n.Remap(t, "parent: id:"+n.Parents["two"].String())
			for path, other := range map[string]string{"one": "two", "two": "one"} {
				if got := n.App.Watcher.Tenants.ByPath(path).Fitness().Problem; !strings.Contains(got, "the groups of the tenant and the groups of "+other+" are below the same group") {
					t.Errorf("%s: the look finds %q", path, got)
				}
			}
			n.Remap(t, "parent: /scim")
			n.Check(t)
			apptest.WantNames(t, "the groups below /scim", n.Names(t, "/Groups"), "one")
			if list, err := n.Find(t.Context(), "/Groups", "", "displayName"); err != nil || len(list) != 1 {
				t.Errorf("sorted they are %v, %v", list, err)
			}
			for what, id := range ids {
				if got, want := answerOf(t, n.Bridge, http.MethodGet, "/Groups/"+id, "", id), answerOf(t, n.Bridge, http.MethodGet, "/Groups/"+apptest.AbsentID, "", apptest.AbsentID); got != want {
					t.Errorf("%s = %s, want %s", what, got, want)
				}
			}
			if got := n.Warnings(t, "two"); !strings.Contains(got, "is below the other") {
				t.Errorf("the log warns of %q", got)
			}
		})
	}
}

// TestSecurity_43_ADefaultGroupAmongTheGroupsOfAnotherTenant makes the tenant unfit, whether the
// mapping names the group by its path or by its id.
func TestSecurity_43_ADefaultGroupAmongTheGroupsOfAnotherTenant(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := apptest.NewNeighbours(t, start(t), nil)
			team := n.Other.Create(t, "/Groups", `{"displayName":"Team"}`)
			id, _ := keycloak.ParseGroupID(team)
			deeper := n.MakeGroup(t, "deeper", id)
			for what, group := range map[string]string{"the parent": n.Parents["two"].String(), "a group": team, "one below it": deeper.String()} {
				n.Remap(t, "parent: /scim/one", strconv.Quote("id:"+group))
				if got := n.App.Watcher.Tenants.ByPath("one").Fitness().Problem; !strings.Contains(got, `which every new user joins, is among the groups of two`) {
					t.Errorf("%s: the look finds %q", what, got)
				}
			}
			own := n.MakeGroup(t, "own", n.Parents["one"])
			n.Remap(t, "parent: /scim/one", strconv.Quote("id:"+own.String()))
			if got := n.App.Watcher.Tenants.ByPath("one").Fitness().Problem; got != "" {
				t.Errorf("with one of its own the look finds %q", got)
			}
		})
	}
}

// TestSecurity_43_RemovedMembersAreProved where the tenant does not see all users: a user of
// another tenant stays in the group, and the answer is the same as for an absent user.
func TestSecurity_43_RemovedMembersAreProved(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := apptest.NewNeighbours(t, start(t), func(t *config.Tenant) { t.Scope = config.ScopeOwned })
			own, foreign := n.Create(t, "/Users", `{"userName":"own"}`), n.Other.Create(t, "/Users", `{"userName":"foreign"}`)
			group := n.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+own+`"}]}`)
			id, _ := keycloak.ParseGroupID(group)
			if err := n.Admin.AddMember(t.Context(), apptest.UserID(t, foreign), id); err != nil {
				t.Fatal(err)
			}
			for _, op := range []string{
				`{"op":"remove","path":"members[value eq \"$ID\"]"}`, `{"op":"remove","path":"members","value":[{"value":"$ID"}]}`,
				`{"op":"remove","path":"members[value eq \"$ID\"]"},{"op":"replace","path":"externalId","value":"x"}`, `{"op":"replace","path":"members","value":[{"value":"` + own + `"}]}`,
				`{"op":"remove","path":"members[value eq \"$ID\"]"},{"op":"add","path":"members","value":[{"value":"` + own + `"}]}`,
				`{"op":"remove","path":"members"}`,
			} {
				want := answerOf(t, n.Bridge, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(strings.ReplaceAll(op, "$ID", apptest.AbsentID)), apptest.AbsentID)
				if got := answerOf(t, n.Bridge, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(strings.ReplaceAll(op, "$ID", foreign)), foreign); got != want {
					t.Errorf("%s = %s, of nobody %s", op, got, want)
				}
				members, err := n.Admin.Members(t.Context(), id, 0, 10)
				if err != nil || !slices.ContainsFunc(members, func(u keycloak.User) bool { return u.ID == foreign }) {
					t.Errorf("%s removed the member of another tenant: %v, %v", op, members, err)
				}
			}
			n.Must(t, http.MethodPut, "/Groups/"+group, `{"displayName":"Team"}`)
			if members, err := n.Admin.Members(t.Context(), id, 0, 10); err != nil || len(members) != 1 {
				t.Errorf("after a PUT without members they are %v, %v, want the other tenant's", members, err)
			}
		})
	}
}

// TestSecurity_43_AnOrganizationWithGroupsOfTheRealm: on a Keycloak without groups of organizations,
// the tenant of an organization removes only its own members from its groups.
func TestSecurity_43_AnOrganizationWithGroupsOfTheRealm(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) keycloaktest.Server{
		"fake": func(t *testing.T) keycloaktest.Server {
			t.Helper()
			fake := keycloaktest.NewFake(t)
			fake.Inject(keycloaktest.Fault{Op: "GET /organizations/{id}/groups", Status: http.StatusNotFound})
			return fake.Server()
		},
		"real": apptest.BothServers()["real"],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			acme := c.Of["acme"]
			if acme.App.Watcher.Tenants.ByPath(acme.Realm + "/organizations/acme").Fitness().OrganizationGroups {
				t.Skip("this Keycloak has groups of organizations")
			}
			own, foreign := acme.Create(t, "/Users", `{"userName":"own@acme.test"}`), c.Of["globex"].Create(t, "/Users", `{"userName":"foreign@globex.test"}`)
			group := acme.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+own+`"}]}`)
			id, _ := keycloak.ParseGroupID(group)
			if err := acme.Admin.AddMember(t.Context(), apptest.UserID(t, foreign), id); err != nil {
				t.Fatal(err)
			}
			remove := func(who string) string {
				return answerOf(t, acme, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"remove","path":"members[value eq \"`+who+`\"]"}`), who)
			}
			if got, want := remove(foreign), remove(apptest.AbsentID); got != want {
				t.Errorf("the removal of another organization's member = %s, of nobody %s", got, want)
			}
			acme.Must(t, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"remove","path":"members[value eq \"`+own+`\"]"}`))
			if members, err := acme.Admin.Members(t.Context(), id, 0, 10); err != nil || len(members) != 1 || members[0].ID != foreign {
				t.Errorf("the members are %v, %v, want the one whom another organization has", members, err)
			}
			for what, at := range map[string]apptest.Bridge{"another organization": c.Of["globex"], "the realm": c.Realm} {
				at.Refused(t, http.StatusNotFound, http.MethodGet, "/Groups/"+group, "")
				if found, err := at.Find(t.Context(), "/Groups", `displayName eq "Team"`, ""); err != nil || len(found) > 0 {
					t.Errorf("%s finds %v, %v", what, found, err)
				}
			}
		})
	}
}
