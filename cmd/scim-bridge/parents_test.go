package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// neighbours are two tenants of one realm, with their groups below /scim/one and /scim/two.
type neighbours struct {
	testBridge // of the first

	other   testBridge
	server  keycloaktest.Server
	parents map[string]keycloak.GroupID // "scim", "one" and "two"
}

// newNeighbours makes them as an operator does. edit may change the first tenant.
func newNeighbours(t *testing.T, server keycloaktest.Server, edit func(*config.Tenant)) neighbours {
	t.Helper()
	realm, admin := newEmptyRealm(t, server)
	out := neighbours{server: server, parents: map[string]keycloak.GroupID{}}
	out.testBridge = testBridge{admin: admin, realm: realm}
	out.parents["scim"] = out.group(t, "scim", keycloak.GroupID{})
	files := map[string]string{}
	for _, key := range []string{"one", "two"} {
		out.parents[key] = out.group(t, key, out.parents["scim"])
		files[key] = mappingFile(t, neighbourMapping(key, "parent: /scim/"+key))
		runSetup(t, server, realm, "--mapping", files[key])
	}
	out.testBridge = newBridgeIn(t, server, realm, admin, func(c *config.Config) {
		r := c.Realms[realm]
		two := r.Tenants[0]
		r.Tenants[0].Key, r.Tenants[0].Path, r.Tenants[0].Mapping = "one", "one", files["one"]
		two.Key, two.Path, two.Mapping = "two", "two", files["two"]
		two.Tokens = []config.Token{{Name: "two", SHA256: sha256.Sum256([]byte("token-of-two"))}}
		if edit != nil {
			edit(&r.Tenants[0])
		}
		r.Tenants = append(r.Tenants, two)
		c.Realms[realm] = r
	})
	if problems := app.MappingProblems(out.config); len(problems) > 0 {
		t.Fatalf("the configuration has problems: %v", problems)
	}
	out.other = out.at("two")
	out.other.Token = "token-of-two"
	out.testBridge = out.at("one")
	return out
}

// neighbourMapping is the mapping of one of several tenants of a realm, whose users join groups.
func neighbourMapping(key, groups string, joined ...string) string {
	return "version: 1\nusers: { defaultGroups: [" + strings.Join(joined, ", ") + "], attributes: { externalId: { keycloak: ext_" + key + " } } }\ngroups: { " + groups + " }\n"
}

// remap gives the first tenant another mapping past the check of the configuration, as it may have
// one for a time while a changed configuration is applied, and looks.
func (n neighbours) remap(t *testing.T, groups string, joined ...string) {
	t.Helper()
	file := config.Tenant{Mapping: mappingFile(t, neighbourMapping("one", groups, joined...)), Profile: config.ProfileTolerant}
	m, problems := app.LoadMapping(file)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	old := n.app.Watcher.Tenants.ByPath("one")
	if !n.app.Watcher.Tenants.Swap(old, old.WithMapping(m, old.Fitness())) {
		t.Fatal("the tenant was replaced meanwhile")
	}
	n.app.Watcher.Look(t.Context())
}

// foreignGroups are groups that are not the first tenant's, whatever its mapping is.
func (n neighbours) foreignGroups(t *testing.T) map[string]string {
	t.Helper()
	id := n.other.create(t, "/Groups", `{"displayName":"Theirs","externalId":"X"}`)
	theirs, err := keycloak.ParseGroupID(id)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"the group of another tenant": id, "a group below it": n.group(t, "nested", theirs).String(),
		"the parent of another tenant": n.parents["two"].String(), "a group above its own parent": n.parents["scim"].String(),
	}
}

// TestSecurity_43_GroupsOfAnotherTenantAreAbsent: a tenant that has no parent for its groups reaches
// neither the parent of another one nor what is below it, by no way that names a group: the
// answer and the calls are those about nobody's.
func TestSecurity_43_GroupsOfAnotherTenantAreAbsent(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		for scope, edit := range map[string]func(*config.Tenant){"all": nil, "owned": func(t *config.Tenant) { t.Scope = config.ScopeOwned }} {
			t.Run(name+" "+scope, func(t *testing.T) {
				t.Parallel()
				n := newNeighbours(t, start(t), edit)
				own := n.create(t, "/Users", `{"userName":"own"}`)
				ids := n.foreignGroups(t)
				n.remap(t, "")
				group := n.create(t, "/Groups", `{"displayName":"Own","members":[{"value":"`+own+`"}]}`)
				for _, id := range ids {
					g, _ := keycloak.ParseGroupID(id)
					if err := n.admin.AddMember(t.Context(), userID(t, own), g); err != nil {
						t.Fatal(err)
					}
				}
				delete(ids, "a group above its own parent") // which stands at the level of who has no parent
				before := n.tree(t)
				for _, a := range slices.Concat(pathAttacks("/Groups", "displayName"), valueAttacks()) {
					if a.path == "/Users" {
						continue // its second time is a conflict
					}
					send := func(id string) string {
						t.Helper()
						in := strings.NewReplacer("$ID", id, "$OWN", own, "$GROUP", group)
						return answerOf(t, n.testBridge, a.method, in.Replace(a.path), in.Replace(a.body), id)
					}
					want := send(absentID)
					for what, id := range ids {
						if got := send(id); got != want {
							t.Errorf("%s in %s %s %s\n = %s\nof nobody\n = %s", what, a.method, a.path, a.body, got, want)
						}
					}
				}
				if diff := cmp.Diff(before, n.tree(t)); diff != "" {
					t.Errorf("the attack changed groups (-before +after):\n%s", diff)
				}
				wantNames(t, "the groups", n.names(t, "/Groups"), "Own", "scim")
				for _, filter := range []string{`displayName eq "Theirs"`, `externalId eq "X"`, `displayName eq "two"`, `displayName sw "t"`, `members.value eq "` + own + `" and displayName ne "Own" and displayName ne "scim"`} {
					if found, err := n.Find(t.Context(), "/Groups", filter, ""); err != nil || len(found) > 0 {
						t.Errorf("%s finds %v, %v", filter, found, err)
					}
				}
				user := n.must(t, http.MethodGet, "/Users/"+own+"?attributes=groups", "")
				if groups, _ := user["groups"].([]any); len(groups) != 2 {
					t.Errorf("the user shows the groups %v, want Own and scim", groups)
				}
				body := n.must(t, http.MethodPost, "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"DELETE","path":"/Groups/`+ids["the group of another tenant"]+`"}]}`)
				if text := fmt.Sprint(body); !strings.Contains(text, "404") {
					t.Errorf("the deletion in a bulk = %s, want 404", text)
				}
			})
		}
	}
}

// tree are all groups of the realm with their members.
func (b testBridge) tree(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	var walk func(list []keycloak.Group)
	walk = func(list []keycloak.Group) {
		for _, g := range list {
			id, err := keycloak.ParseGroupID(g.ID)
			if err != nil {
				t.Fatal(err)
			}
			members, err := b.admin.Members(t.Context(), id, 0, keycloak.MaxPage)
			if err != nil {
				t.Fatal(err)
			}
			of := []string{}
			for _, m := range members {
				of = append(of, m.Username)
			}
			out[g.Path+" "+g.ID] = of
			below, err := b.admin.Children(t.Context(), id, 0, keycloak.MaxPage)
			if err != nil {
				t.Fatal(err)
			}
			walk(below)
		}
	}
	top, err := b.admin.TopGroups(t.Context(), 0, keycloak.MaxPage)
	if err != nil {
		t.Fatal(err)
	}
	walk(top)
	return out
}

// TestSecurity_43_AForeignGroupCostsTheSameCalls as nobody's, for a tenant without a parent.
func TestSecurity_43_AForeignGroupCostsTheSameCalls(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	n := newNeighbours(t, fake.Server(), nil)
	own := n.create(t, "/Users", `{"userName":"own"}`)
	ids := n.foreignGroups(t)
	n.remap(t, "")
	delete(ids, "a group above its own parent")
	calls := func(a attack, id string) []string {
		in := strings.NewReplacer("$ID", id, "$OWN", own)
		fake.ResetCalls()
		answerOf(t, n.testBridge, a.method, in.Replace(a.path), in.Replace(a.body), id)
		return fake.Calls()
	}
	for _, a := range pathAttacks("/Groups", "displayName") {
		want := calls(a, absentID)
		for what, id := range ids {
			if diff := cmp.Diff(want, calls(a, id), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s in %s %s %s makes other calls than nobody (-nobody +foreign):\n%s", what, a.method, a.path, a.body, diff)
			}
		}
	}
}

// TestSecurity_43_TheParentIsKeptByItsId: who renames it, and puts another group in its place, leads
// the tenant nowhere: new groups are made below the parent that it was, or not at all.
func TestSecurity_43_TheParentIsKeptByItsId(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNeighbours(t, start(t), nil)
			parent := n.parents["one"]
			n.rename(t, parent, "was-one")
			n.look(t)
			below := func(id string) {
				t.Helper()
				parsed, _ := keycloak.ParseGroupID(id)
				if g, err := n.admin.Group(t.Context(), parsed); err != nil || g.ParentID != parent.String() {
					t.Errorf("the new group is below %q, %v, want %s", g.ParentID, err, parent)
				}
			}
			below(n.create(t, "/Groups", `{"displayName":"After the rename"}`))
			if got := n.warnings(t, "one"); !strings.Contains(got, `the group "/scim/one" of the mapping is called "/scim/was-one" now`) {
				t.Errorf("the log warns of %q", got)
			}
			impostor := n.group(t, "one", n.parents["scim"])
			n.app.Watcher.Look(t.Context())
			want := fmt.Sprintf(`the group "/scim/one" of the mapping is another group now, %s: the one that it was, %s, is called "/scim/was-one" now`, impostor, parent)
			if got := n.app.Watcher.Tenants.ByPath("one").Fitness().Problem; got != want {
				t.Errorf("with another group in its place the look finds %q, want %q", got, want)
			}
			n.refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Groups", `{"displayName":"Lost"}`)
			if err := n.admin.DeleteGroup(t.Context(), parent); err != nil {
				t.Fatal(err)
			}
			n.app.Watcher.Look(t.Context())
			n.refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Groups", `{"displayName":"Lost"}`)
			if list, err := n.admin.Children(t.Context(), impostor, 0, 10); err != nil || len(list) > 0 {
				t.Errorf("below the group in the parent's place are %v, %v", list, err)
			}
			a := newTestApp(t, n.config) // a start is no change of the configuration
			a.Watcher.Look(t.Context())
			if got := a.Watcher.Tenants.ByPath("one").Fitness().Problem; !strings.Contains(got, "is another group now") {
				t.Errorf("after a start the look finds %q", got)
			}
			n.remap(t, "parent: id:"+impostor.String())
			n.look(t)
			n.create(t, "/Groups", `{"displayName":"Meant"}`)
			if list, err := n.admin.Children(t.Context(), impostor, 0, 10); err != nil || len(list) != 1 {
				t.Errorf("below the group that is meant now are %v, %v", list, err)
			}
		})
	}
}

// TestSecurity_43_AParentThatGoesBetweenTwoLooks leaves no place for new groups.
func TestSecurity_43_AParentThatGoesBetweenTwoLooks(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNeighbours(t, start(t), nil)
			if err := n.admin.DeleteGroup(t.Context(), n.parents["one"]); err != nil {
				t.Fatal(err)
			}
			n.group(t, "one", n.parents["scim"])
			before := n.tree(t)
			n.refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Groups", `{"displayName":"Lost"}`)
			if diff := cmp.Diff(before, n.tree(t)); diff != "" {
				t.Errorf("groups changed:\n%s", diff)
			}
		})
	}
}

func (b testBridge) rename(t *testing.T, id keycloak.GroupID, name string) {
	t.Helper()
	g, err := b.admin.Group(t.Context(), id)
	if err == nil {
		err = b.admin.UpdateGroup(t.Context(), g, keycloak.GroupUpdate{Name: &name})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// warnings are those of the last line about a tenant that has some.
func (b testBridge) warnings(t *testing.T, path string) string {
	t.Helper()
	out := ""
	for _, e := range b.lines.FilterMessage("the realm is fit").All() {
		if e.ContextMap()["tenant"] == path && e.Level.String() == "warn" {
			out = fmt.Sprint(e.ContextMap()["warnings"])
		}
	}
	return out
}

// TestSecurity_43_AMappingThatIsAppliedIsKnownToAll: from the look on that gives a tenant another
// parent, in the place of a group that another tenant had, the group is none of that one's.
func TestSecurity_43_AMappingThatIsAppliedIsKnownToAll(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNeighbours(t, start(t), nil)
			for _, of := range []struct{ tenant, other testBridge }{{n.testBridge, n.other}, {n.other, n.testBridge}} { // they are looked at in the order of their paths
				key, others := "one", "two"
				if of.tenant.Base == n.other.Base {
					key, others = others, key
				}
				parent := n.group(t, "new parent", n.parents[others])
				path := "/Groups/" + parent.String()
				of.other.must(t, http.MethodGet, path, "")
				m, problems := app.LoadMapping(config.Tenant{Mapping: mappingFile(t, neighbourMapping(key, "parent: id:"+parent.String())), Profile: config.ProfileTolerant})
				if len(problems) > 0 {
					t.Fatal(problems)
				}
				proposeMapping(n.app.Watcher, key, m)
				if !n.app.Watcher.Look(t.Context()) || n.app.Watcher.Tenants.ByPath(key).Mapping != m {
					t.Fatalf("%s has not the new mapping", key)
				}
				for method, body := range map[string]string{http.MethodGet: "", http.MethodPatch: patchBody(`{"op":"replace","path":"displayName","value":"mine"}`), http.MethodDelete: ""} {
					of.other.refused(t, http.StatusNotFound, method, path, body)
				}
				of.tenant.create(t, "/Groups", `{"displayName":"Own"}`)
				n.parents[key] = parent
			}
		})
	}
}

// TestSecurity_43_OneParentForTwo makes both tenants unfit, and one above the other hides what is
// the other's.
func TestSecurity_43_OneParentForTwo(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNeighbours(t, start(t), nil)
			ids := n.foreignGroups(t)
			n.remap(t, "parent: id:"+n.parents["two"].String())
			for path, other := range map[string]string{"one": "two", "two": "one"} {
				if got := n.app.Watcher.Tenants.ByPath(path).Fitness().Problem; !strings.Contains(got, "the groups of the tenant and of "+other+" live below the same group") {
					t.Errorf("%s: the look finds %q", path, got)
				}
			}
			n.remap(t, "parent: /scim")
			n.look(t)
			wantNames(t, "the groups below /scim", n.names(t, "/Groups"), "one")
			if list, err := n.Find(t.Context(), "/Groups", "", "displayName"); err != nil || len(list) != 1 {
				t.Errorf("sorted they are %v, %v", list, err)
			}
			for what, id := range ids {
				if got, want := answerOf(t, n.testBridge, http.MethodGet, "/Groups/"+id, "", id), answerOf(t, n.testBridge, http.MethodGet, "/Groups/"+absentID, "", absentID); got != want {
					t.Errorf("%s = %s, want %s", what, got, want)
				}
			}
			if got := n.warnings(t, "two"); !strings.Contains(got, "below groups of which one stands above the other") {
				t.Errorf("the log warns of %q", got)
			}
		})
	}
}

// TestSecurity_43_ADefaultGroupAmongThoseOfAnother makes the tenant unfit, by whatever name or id the
// mapping has it.
func TestSecurity_43_ADefaultGroupAmongThoseOfAnother(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNeighbours(t, start(t), nil)
			team := n.other.create(t, "/Groups", `{"displayName":"Team"}`)
			id, _ := keycloak.ParseGroupID(team)
			deeper := n.group(t, "deeper", id)
			for what, group := range map[string]string{"the parent": n.parents["two"].String(), "a group": team, "one below it": deeper.String()} {
				n.remap(t, "parent: /scim/one", strconv.Quote("id:"+group))
				if got := n.app.Watcher.Tenants.ByPath("one").Fitness().Problem; !strings.Contains(got, `which every new user joins, is among the groups of two`) {
					t.Errorf("%s: the look finds %q", what, got)
				}
			}
			own := n.group(t, "own", n.parents["one"])
			n.remap(t, "parent: /scim/one", strconv.Quote("id:"+own.String()))
			if got := n.app.Watcher.Tenants.ByPath("one").Fitness().Problem; got != "" {
				t.Errorf("with one of its own the look finds %q", got)
			}
		})
	}
}

// TestSecurity_43_RemovedMembersAreProved where the tenant does not see everybody: one who is not
// its user stays in the group, and the answer is that about nobody.
func TestSecurity_43_RemovedMembersAreProved(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNeighbours(t, start(t), func(t *config.Tenant) { t.Scope = config.ScopeOwned })
			own, foreign := n.create(t, "/Users", `{"userName":"own"}`), n.other.create(t, "/Users", `{"userName":"foreign"}`)
			group := n.create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+own+`"}]}`)
			id, _ := keycloak.ParseGroupID(group)
			if err := n.admin.AddMember(t.Context(), userID(t, foreign), id); err != nil {
				t.Fatal(err)
			}
			for _, op := range []string{
				`{"op":"remove","path":"members[value eq \"$ID\"]"}`, `{"op":"remove","path":"members","value":[{"value":"$ID"}]}`,
				`{"op":"remove","path":"members[value eq \"$ID\"]"},{"op":"replace","path":"externalId","value":"x"}`, `{"op":"replace","path":"members","value":[{"value":"` + own + `"}]}`,
				`{"op":"remove","path":"members[value eq \"$ID\"]"},{"op":"add","path":"members","value":[{"value":"` + own + `"}]}`,
				`{"op":"remove","path":"members"}`,
			} {
				want := answerOf(t, n.testBridge, http.MethodPatch, "/Groups/"+group, patchBody(strings.ReplaceAll(op, "$ID", absentID)), absentID)
				if got := answerOf(t, n.testBridge, http.MethodPatch, "/Groups/"+group, patchBody(strings.ReplaceAll(op, "$ID", foreign)), foreign); got != want {
					t.Errorf("%s = %s, of nobody %s", op, got, want)
				}
				members, err := n.admin.Members(t.Context(), id, 0, 10)
				if err != nil || !slices.ContainsFunc(members, func(u keycloak.User) bool { return u.ID == foreign }) {
					t.Errorf("%s removed the member of another tenant: %v, %v", op, members, err)
				}
			}
			n.must(t, http.MethodPut, "/Groups/"+group, `{"displayName":"Team"}`)
			if members, err := n.admin.Members(t.Context(), id, 0, 10); err != nil || len(members) != 1 {
				t.Errorf("after a PUT without members they are %v, %v, want the other tenant's", members, err)
			}
		})
	}
}

// TestSecurity_43_CheckRefusesTenantsThatReachEachOther names both entries and what to do.
func TestSecurity_43_CheckRefusesTenantsThatReachEachOther(t *testing.T) {
	t.Parallel()
	text := func(one, two string, more ...string) string {
		dir := t.TempDir()
		out := "version: 1\nkeycloak: { url: https://keycloak.example.com }\nserver: { publicURL: https://scim.example.com }\nrealms:\n  acme:\n" +
			"    credentials: { clientID: scim-bridge, clientSecretEnv: PATH }\n    tenants:\n"
		for i, rules := range append([]string{one, two}, more...) {
			key := fmt.Sprint("t", i)
			if err := os.WriteFile(filepath.Join(dir, key+".yaml"), []byte("version: 1\n"+strings.ReplaceAll(rules, "$KEY", key)+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			out += "      - { path: " + key + ", key: " + key + ", mapping: " + key + ".yaml, tokens: [{ name: idp, sha256: " + fmt.Sprintf("%064d", i+1) + " }] }\n"
		}
		file := filepath.Join(dir, "config.yaml")
		if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const users = "users: { attributes: { externalId: { keycloak: ext_$KEY } } }\n"
	const joins = "users: { defaultGroups: [%s], attributes: { externalId: { keycloak: ext_$KEY } } }\n"
	below := func(parent string) string { return users + "groups: { parent: " + parent + " }" }
	for what, c := range map[string]struct {
		file string
		want []string
	}{
		"no parent beside one":  {text(users, below("/scim/b")), []string{":8: realms.acme.tenants[0]: has no groups.parent, so that it would reach the groups of realms.acme.tenants[1], which live below /scim/b"}},
		"one beside no parent":  {text(below("/scim/b"), users), []string{":9: realms.acme.tenants[1]: has no groups.parent"}},
		"no parents":            {text(users, users), []string{":9: realms.acme.tenants[1]: has its groups at the top level of the realm, as realms.acme.tenants[0] has. Name a group in groups.parent of the mapping of each"}},
		"the same":              {text(below("/scim"), below("/scim")), []string{":9: realms.acme.tenants[1]: has its groups below /scim, as realms.acme.tenants[0] has"}},
		"the same by its id":    {text(below("id:7"), below("id:7")), []string{":9: realms.acme.tenants[1]: has its groups below id:7, as"}},
		"above":                 {text(below("/scim"), below("/scim/b")), []string{":9: realms.acme.tenants[1]: has its groups below /scim/b, which is among the groups of realms.acme.tenants[0], below /scim"}},
		"below":                 {text(below("/scim/a/b/c"), below("/scim/a")), []string{":8: realms.acme.tenants[0]: has its groups below /scim/a/b/c"}},
		"a name that begins so": {text(below("/scim"), below("/scim2")), nil},
		"apart":                 {text(below("/scim/a"), below("/scim/b")), nil},
		"joins":                 {text(fmt.Sprintf(joins, "/scim/b/team")+"groups: { parent: /scim/a }", below("/scim/b")), []string{":8: realms.acme.tenants[0]: has the default group /scim/b/team, which is among the groups of realms.acme.tenants[1], at or below /scim/b"}},
		"joins the parent":      {text(below("/scim/a"), fmt.Sprintf(joins, "/scim/a")+"groups: { parent: /scim/b }"), []string{":9: realms.acme.tenants[1]: has the default group /scim/a"}},
		"joins its own":         {text(fmt.Sprintf(joins, "/scim/a/team, /everyone")+"groups: { parent: /scim/a }", fmt.Sprintf(joins, "/everyone")+"groups: { parent: /scim/b }"), nil},
		"two of three":          {text(users, below("/scim/a"), below("/scim/b")), []string{"tenants[0]: has no groups.parent, so that it would reach the groups of realms.acme.tenants[1]", "tenants[0]: has no groups.parent, so that it would reach the groups of realms.acme.tenants[2]"}},
	} {
		for _, args := range [][]string{{"check", "--config", c.file}, {"doctor", "--config", c.file}} {
			_, told, code := command(t, "", args...)
			if args[0] == "doctor" && c.want == nil {
				continue // it would ask Keycloak
			}
			if (code == exitProblems) != (c.want != nil) {
				t.Errorf("%s: %s ends with %d:\n%s", what, args[0], code, told)
			}
			for _, want := range c.want {
				if !strings.Contains(told, want) {
					t.Errorf("%s: %s says\n%s\nwant %s", what, args[0], told, want)
				}
			}
		}
	}
}

// TestSecurity_43_AnOrganizationWithGroupsOfTheRealm removes its own members alone from them, before
// Keycloak has groups of organizations.
func TestSecurity_43_AnOrganizationWithGroupsOfTheRealm(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) keycloaktest.Server{
		"fake": func(t *testing.T) keycloaktest.Server {
			t.Helper()
			fake := keycloaktest.NewFake(t)
			fake.Inject(keycloaktest.Fault{Op: "GET /organizations/{id}/groups", Status: http.StatusNotFound})
			return fake.Server()
		},
		"real": bothServers()["real"],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			acme := c.of["acme"]
			if acme.app.Watcher.Tenants.ByPath(acme.realm + "/organizations/acme").Fitness().OrganizationGroups {
				t.Skip("this Keycloak has groups of organizations")
			}
			own, foreign := acme.create(t, "/Users", `{"userName":"own@acme.test"}`), c.of["globex"].create(t, "/Users", `{"userName":"foreign@globex.test"}`)
			group := acme.create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+own+`"}]}`)
			id, _ := keycloak.ParseGroupID(group)
			if err := acme.admin.AddMember(t.Context(), userID(t, foreign), id); err != nil {
				t.Fatal(err)
			}
			remove := func(who string) string {
				return answerOf(t, acme, http.MethodPatch, "/Groups/"+group, patchBody(`{"op":"remove","path":"members[value eq \"`+who+`\"]"}`), who)
			}
			if got, want := remove(foreign), remove(absentID); got != want {
				t.Errorf("the removal of another organization's member = %s, of nobody %s", got, want)
			}
			acme.must(t, http.MethodPatch, "/Groups/"+group, patchBody(`{"op":"remove","path":"members[value eq \"`+own+`\"]"}`))
			if members, err := acme.admin.Members(t.Context(), id, 0, 10); err != nil || len(members) != 1 || members[0].ID != foreign {
				t.Errorf("the members are %v, %v, want the one whom another organization has", members, err)
			}
			for what, at := range map[string]testBridge{"another organization": c.of["globex"], "the realm": c.realm} {
				at.refused(t, http.StatusNotFound, http.MethodGet, "/Groups/"+group, "")
				if found, err := at.Find(t.Context(), "/Groups", `displayName eq "Team"`, ""); err != nil || len(found) > 0 {
					t.Errorf("%s finds %v, %v", what, found, err)
				}
			}
		})
	}
}
