package guard_test

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// TestSecurity_56_TheWallHoldsOverHistories: no tenant changes an account or a group that was
// protected at the last read of the realm or that belongs to another tenant. This holds whatever
// administrators do outside the bridge (groups, parents, renames, moves, roles, grants, permissions
// and revocations) and whatever several tenants send.
//
// The test compares what Keycloak holds before and after each request. It finds the protected users
// by each user's effective roles, which the bridge does not read. A failure prints its seed and the
// shortest history that rapid finds. -rapid.seed repeats the failure, and make walls runs a
// thousand histories.
func TestSecurity_56_TheWallHoldsOverHistories(t *testing.T) { //nolint:paralleltest // the flags of rapid are global
	given := map[string]bool{} // the flags, before this test sets any
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, run := range []struct {
		server        string
		checks, steps string
	}{{"fake", "8", "60"}, {"real", "2", "20"}} {
		t.Run(run.server, func(t *testing.T) { //nolint:paralleltest // as above
			server := apptest.BothServers()[run.server]
			if run.server == "real" {
				keycloaktest.Real(t) // or skips
			}
			rapidFlags(t, given, map[string]string{"rapid.checks": run.checks, "rapid.steps": run.steps, "rapid.nofailfile": "true"})
			rapid.Check(t, func(rt *rapid.T) {
				kind := rapid.SampledFrom(slices.Sorted(maps.Keys(wallKinds()))).Draw(rt, "tenants")
				w := newWallWorld(t, server(t), kind)
				w.rt = rt
				rt.Repeat(w.actions())
			})
		})
	}
}

// rapidFlags sets the flags that were not given, until the test ends.
func rapidFlags(t *testing.T, given map[string]bool, values map[string]string) {
	t.Helper()
	for name, value := range values {
		if given[name] {
			continue
		}
		before := flag.Lookup(name).Value.String()
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = flag.Set(name, before) })
	}
}

// wallKinds are the tenants that share a realm, besides two organizations.
func wallKinds() map[string][]wallTenant {
	return map[string][]wallTenant{
		"a tenant of the whole realm":            {{key: "all"}},
		"a tenant of what it owns":               {{key: "all", owned: true}},
		"two tenants with parents":               {{key: "one", parent: "/scim/one"}, {key: "two", parent: "/scim/two", owned: true}},
		"two tenants, of which one has a parent": {{key: "one", parent: "/scim/one", bare: true}, {key: "two", parent: "/two", owned: true}},
	}
}

// wallTenant is a tenant as the model knows it.
type wallTenant struct {
	key    string
	owned  bool
	parent string // path of the parent of its groups
	bare   bool   // its parent is removed from the mapping while the bridge runs, and config does not check this

	bridge       apptest.Bridge
	organization keycloak.OrganizationID
	below        string // the id of the parent, "" for the top level
}

// wallWorld is a realm, its bridge, and what must not change.
type wallWorld struct {
	t  *testing.T
	rt *rapid.T
	apptest.Bridge

	server  keycloaktest.Server
	parents map[string]keycloak.GroupID
	tenants []*wallTenant

	listed       map[string]string // ids of the users and groups that the configuration protects, by kind
	named        []string          // ids of the groups that mappings name
	account      string            // the bridge's account
	management   keycloak.ClientUUID
	super        keycloak.Role
	now          wallState // the state after the last change
	lastUsers    map[string]bool
	lastGroups   map[string]bool
	lastKept     map[string]bool
	lastAble     map[string]bool // users who administered only by a permission, and may be deactivated
	permits      []wallPermit
	permitted    int      // number of permissions created
	knownGroups  []string // ids, in the order of their creation
	knownUsers   []string
	organization map[string]keycloak.OrganizationID
}

// newWallWorld sets up the realm as an operator does.
func newWallWorld(t *testing.T, server keycloaktest.Server, kind string) *wallWorld {
	t.Helper()
	realm, admin := apptest.NewEmptyRealm(t, server)
	apptest.AdminSend(t, server, http.MethodPut, "/admin/realms/"+realm, `{"organizationsEnabled":true}`)
	w := &wallWorld{t: t, server: server, listed: map[string]string{}, organization: map[string]keycloak.OrganizationID{}}
	w.Bridge = apptest.Bridge{Server: server, Admin: admin, Realm: realm}
	top := keycloak.GroupID{}
	w.listed["group"] = w.MakeGroup(t, "admins", w.MakeGroup(t, "ops", top)).String()
	w.listed["user"] = w.wallUser("glass").String()
	everyone := w.MakeGroup(t, "everyone", top)
	w.named = []string{everyone.String()}
	scim := w.MakeGroup(t, "scim", top)
	w.parents = map[string]keycloak.GroupID{}
	for _, name := range []string{"one", "two", "acme", "globex"} {
		w.parents["/scim/"+name] = w.MakeGroup(t, name, scim)
	}
	w.parents["/two"] = w.MakeGroup(t, "two", top)
	for _, alias := range []string{"acme", "globex"} {
		id, err := admin.CreateOrganization(t.Context(), keycloak.NewOrganization{Name: alias, Alias: alias, Domains: []keycloak.Domain{{Name: alias + ".test", Verified: true}}})
		if err != nil {
			t.Fatal(err)
		}
		w.organization[alias] = id
	}
	_, err := admin.OrganizationGroups(t.Context(), w.organization["acme"], 0, 1)
	older := err != nil
	if older && kind != "two tenants with parents" { // a tenant with a parent beside a tenant without a parent is an error of the configuration
		kind = "two tenants with parents"
	}
	for _, made := range wallKinds()[kind] {
		w.tenants = append(w.tenants, &made)
	}
	for _, alias := range []string{"acme", "globex"} {
		o := &wallTenant{key: alias, organization: w.organization[alias]}
		if older {
			o.parent = "/scim/" + alias
		}
		w.tenants = append(w.tenants, o)
	}
	w.serve()
	return w
}

// mappingOf is the mapping file of a tenant. The first tenant has default groups.
func (w *wallWorld) mappingOf(of *wallTenant, parent string) string {
	text := "version: 1\n"
	if of.organization.IsZero() {
		text += "users: { attributes: { externalId: { keycloak: ext_" + of.key + " } }"
		if of == w.tenants[0] {
			text += ", defaultGroups: [/everyone]"
		}
		text += " }\n"
	}
	if parent != "" {
		text += "groups: { parent: " + parent + " }\n"
	}
	return apptest.MappingFile(w.t, text)
}

// serve sets the realm up and starts the bridge.
func (w *wallWorld) serve() {
	t := w.t
	files := map[string]string{}
	for _, of := range w.tenants {
		files[of.key] = w.mappingOf(of, of.parent)
		if of.parent != "" {
			of.below = w.parents[of.parent].String()
			w.named = append(w.named, of.below)
		}
		apptest.RunSetup(t, w.server, w.Realm, "--organization", "acme", "--allow-manage-realm", "--mapping", files[of.key])
	}
	w.Bridge = apptest.NewBridgeIn(t, w.server, w.Realm, w.Admin, func(c *config.Config) {
		r := c.Realms[w.Realm]
		like := r.Tenants[0]
		r.Tenants = nil
		for _, of := range w.tenants {
			made := like
			made.Key, made.Path, made.Mapping = of.key, of.key, files[of.key]
			made.Organization, made.OrganizationID = "", ""
			if of.owned {
				made.Scope = config.ScopeOwned
			}
			if !of.organization.IsZero() {
				made.Organization, made.OrganizationID, made.Key = of.key, of.organization.String(), of.organization.String()
				made.Path = w.Realm + "/organizations/" + of.key
				made.Domains = config.DomainsAny
			}
			made.RemovalBrake.Max = config.All
			made.Tokens = []config.Token{{Name: "idp", SHA256: sha256.Sum256([]byte("token-of-" + of.key))}}
			r.Tenants = append(r.Tenants, made)
		}
		r.Protected = config.Protected{Users: []string{"glass"}, Groups: []config.GroupPath{"/ops/admins"}}
		c.Realms[w.Realm] = r
	}, "--organization", "acme", "--allow-manage-realm", "--mapping", files[w.tenants[0].key])
	if problems := app.MappingProblems(w.Config); len(problems) > 0 {
		t.Fatalf("the configuration has problems: %v", problems)
	}
	w.management = w.ManagementClient(t)
	w.super = w.MakeRole(t, w.server, "", "super", apptest.ManagementRole("manage-users"))
	account, err := w.App.Watcher.Realms.Client(w.Realm).OwnAccount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.account = account.String()
	w.state()
	w.start()
	w.check()
	for _, of := range w.tenants { // each gets a group of its own with a member of another tenant
		own := of.bridge.Create(t, "/Users", `{"userName":"of-`+of.key+`"}`)
		team := of.bridge.Create(t, "/Groups", `{"displayName":"team","members":`+wallMembers(own)+`}`)
		if of.organization.IsZero() || of.parent != "" {
			id, err := keycloak.ParseGroupID(team)
			if err == nil {
				err = w.Admin.AddMember(t.Context(), w.wallUser("guest-of-"+of.key), id)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	w.state()
	w.check()
}

// start restarts the bridge, as after a crash, and gives bare tenants their mapping.
func (w *wallWorld) start() {
	w.App = apptest.NewTestApp(w.t, w.Config)
	w.Client = apptest.ServeHandler(w.t, apptest.NewListener(), w.App.Handler, w.Bridge)
	root := strings.TrimSuffix(w.Base, "/realms/"+w.Realm+"/scim/v2")
	w.App.Watcher.Check(w.t.Context())
	for _, of := range w.tenants {
		path := of.key
		if !of.organization.IsZero() {
			path = w.Realm + "/organizations/" + of.key
		}
		if of.bare {
			m, problems := app.LoadMapping(config.Tenant{Mapping: w.mappingOf(of, ""), Profile: config.ProfileTolerant})
			if len(problems) > 0 {
				w.t.Fatal(problems)
			}
			old := w.App.Watcher.Tenants.ByPath(path)
			w.App.Watcher.Tenants.Swap(old, old.WithMapping(m, old.Fitness()))
			of.below = ""
			w.named = slices.DeleteFunc(w.named, func(id string) bool { return id == w.parents[of.parent].String() })
		}
		of.bridge = w.Bridge
		of.bridge.Client = &client.Client{Base: root + "/realms/" + path + "/scim/v2", Token: "token-of-" + of.key, HTTP: http.DefaultClient}
	}
}

func (w *wallWorld) wallUser(name string) keycloak.UserID {
	id, err := w.Admin.CreateUser(w.t.Context(), keycloak.NewUser{Username: name, Email: name + "@acme.test", FirstName: "F", LastName: "L", Enabled: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// wallState is what Keycloak holds.
type wallState struct {
	groups map[string]wallGroup
	users  map[string]keycloak.User
	of     map[string]map[string]bool // members of organizations, by the id of the organization
}

type wallGroup struct {
	keycloak.Group

	members map[string]bool
}

// state reads everything directly from Keycloak.
func (w *wallWorld) state() wallState {
	ctx, t := w.t.Context(), w.t
	out := wallState{groups: map[string]wallGroup{}, users: map[string]keycloak.User{}, of: map[string]map[string]bool{}}
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var walk func(list []keycloak.Group)
	walk = func(list []keycloak.Group) {
		for _, g := range list {
			id, err := g.Organization.ParseGroupID(g.ID)
			fail(err)
			members, err := w.Admin.Members(ctx, id, 0, keycloak.MaxPage)
			fail(err)
			in := map[string]bool{}
			for _, m := range members {
				in[m.ID] = true
			}
			out.groups[g.ID] = wallGroup{g, in}
			if g.Organization.IsZero() && g.SubGroupCount > 0 {
				below, err := w.Admin.Children(ctx, id, 0, keycloak.MaxPage)
				fail(err)
				walk(below)
			}
		}
	}
	top, err := w.Admin.TopGroups(ctx, 0, keycloak.MaxPage)
	fail(err)
	walk(top)
	for _, of := range w.tenants {
		if of.organization.IsZero() {
			continue
		}
		if of.parent == "" {
			list, err := w.Admin.OrganizationGroups(ctx, of.organization, 0, keycloak.MaxPage)
			fail(err)
			walk(list)
		}
		members, err := w.Admin.OrganizationMembers(ctx, of.organization, 0, keycloak.MaxPage)
		fail(err)
		out.of[of.organization.String()] = map[string]bool{}
		for _, m := range members {
			out.of[of.organization.String()][m.ID] = true
		}
	}
	users, err := w.Admin.Users(ctx, keycloak.UserQuery{Max: keycloak.MaxPage})
	fail(err)
	for _, u := range users {
		out.users[u.ID] = u
	}
	w.learn(out)
	w.now = out
	return out
}

// learn adds new users and groups to the lists to draw from, in an order that does not depend on
// ids.
func (w *wallWorld) learn(s wallState) {
	gone := func(id string) bool { _, is := s.groups[id]; return !is }
	w.knownGroups = slices.DeleteFunc(w.knownGroups, gone)
	w.knownUsers = slices.DeleteFunc(w.knownUsers, func(id string) bool { _, is := s.users[id]; return !is })
	var groups, users []string
	for id := range s.groups {
		if !slices.Contains(w.knownGroups, id) {
			groups = append(groups, id)
		}
	}
	for id := range s.users {
		if !slices.Contains(w.knownUsers, id) {
			users = append(users, id)
		}
	}
	slices.SortFunc(groups, func(a, b string) int { return strings.Compare(w.readable(s, a), w.readable(s, b)) })
	slices.SortFunc(users, func(a, b string) int { return strings.Compare(s.users[a].Username, s.users[b].Username) })
	w.knownGroups, w.knownUsers = append(w.knownGroups, groups...), append(w.knownUsers, users...)
}

// above returns the groups above a group.
func (s wallState) above(id string) []string {
	var out []string
	for id = s.groups[id].ParentID; id != ""; id = s.groups[id].ParentID {
		out = append(out, id)
	}
	return out
}

// check lets the bridge read the realm, and computes by the model what is protected now.
func (w *wallWorld) check() {
	s := w.now
	w.lastUsers, w.lastGroups, w.lastKept = map[string]bool{w.account: true, w.listed["user"]: true}, map[string]bool{}, map[string]bool{}
	for id, g := range s.groups {
		for _, r := range g.Roles {
			if r.Client == keycloak.RealmManagement || r.Name == w.super.Name {
				w.lastGroups[id] = true
			}
		}
	}
	w.lastGroups[w.listed["group"]] = true
	for id := range s.groups {
		for _, higher := range s.above(id) {
			if w.lastGroups[higher] && s.groups[id].Organization.IsZero() {
				w.lastGroups[id] = true
			}
		}
	}
	for id := range s.users {
		parsed := apptest.UserID(w.t, id)
		rights, err := w.Admin.EffectiveRoles(w.t.Context(), parsed, w.management)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(rights) > 0 {
			w.lastUsers[id] = true
		}
	}
	for id := range w.lastGroups {
		for member := range s.groups[id].members {
			w.lastUsers[member] = true
		}
	}
	w.checkPermits(s)
	for _, id := range slices.Concat(slices.Collect(maps.Keys(w.lastGroups)), w.named) {
		if slices.Contains(w.named, id) {
			w.lastKept[id] = true
		}
		for _, higher := range s.above(id) {
			w.lastKept[higher] = true
		}
	}
	w.App.Watcher.Check(w.t.Context())
}

// wallPermit is a permission to manage users, and what its policy names.
type wallPermit struct {
	permission, id string
	group, below   bool // a group, and also the groups below it
}

// permit gives a user, or the members of a group, a fine-grained permission. It leaves out groups
// that mappings name: a user who joins such a group by a mapping would be an administrator, so
// nothing could be written any longer.
func (w *wallWorld) permit() {
	p := wallPermit{id: w.drawUser("user"), group: rapid.Bool().Draw(w.rt, "of a group")}
	kind, members := "user", `"users":["`+p.id+`"]`
	if p.group {
		p.id, p.below = w.drawPlace("group"), rapid.Bool().Draw(w.rt, "those below too")
		kind, members = "group", fmt.Sprintf(`"groups":[{"id":%q,"extendChildren":%t}]`, p.id, p.below)
		for _, named := range w.named {
			if p.id == named || slices.Contains(w.now.above(named), p.id) {
				return
			}
		}
	}
	if p.id == "" || p.id == w.account {
		return
	}
	if w.permitted == 0 {
		apptest.AdminSend(w.t, w.server, http.MethodPut, "/admin/realms/"+w.Realm, `{"adminPermissionsEnabled":true}`)
	}
	w.permitted++
	policy := w.Policy(w.t, w.server, kind, fmt.Sprintf(`"name":"policy %d",%s`, w.permitted, members))
	p.permission = w.Permission(w.t, w.server, fmt.Sprintf(`"name":"permission %d","resourceType":"Users","scopes":["manage"]`, w.permitted), policy)
	w.permits = append(w.permits, p)
	w.beside("permit "+p.id, nil)
}

// checkPermits finds out which users administer by a permission, and by which groups.
func (w *wallWorld) checkPermits(s wallState) {
	w.lastAble = map[string]bool{}
	for _, p := range w.permits {
		if !p.group {
			w.lastAble[p.id] = true
			continue
		}
		for id, g := range s.groups {
			if id == p.id || p.below && slices.Contains(s.above(id), p.id) {
				w.lastGroups[id] = true
				maps.Copy(w.lastAble, g.members)
			}
		}
	}
	maps.DeleteFunc(w.lastAble, func(id string, _ bool) bool { return w.lastUsers[id] })
}

// territory reports whether a group is where only this tenant's groups live.
func (w *wallWorld) territory(of *wallTenant, g wallGroup) bool {
	if !of.organization.IsZero() && of.parent == "" {
		return g.Organization == of.organization
	}
	if !g.Organization.IsZero() {
		return false
	}
	alone := true
	for _, other := range w.tenants {
		if other != of && other.below != "" {
			alone = false
			if g.ID == other.below {
				return false
			}
		}
	}
	return g.ParentID == of.below || alone && of.below == ""
}

// sees reports whether a tenant may see a user.
func (w *wallWorld) sees(of *wallTenant, s wallState, id string) bool {
	switch {
	case !of.organization.IsZero():
		return s.of[of.organization.String()][id]
	case of.owned:
		return slices.Contains(s.users[id].Attributes[mapping.AttrOwner], of.key)
	}
	return true
}

// ownerKey is the value that marks a tenant's accounts.
func (of *wallTenant) ownerKey() string {
	if of.organization.IsZero() {
		return of.key
	}
	return of.organization.String()
}

// scim sends a request as a tenant, and compares the states.
func (w *wallWorld) scim(of *wallTenant, method, path, body string) {
	before := w.now
	_, err := of.bridge.Send(w.t, method, path, body)
	after := w.state()
	w.rt.Logf("%s: %s %s %s = %v", of.key, method, w.readable(before, path), w.readable(before, body), err)
	for _, wrong := range w.compare(of, before, after) {
		w.rt.Errorf("%s: %s %s %s: %s", of.key, method, w.readable(before, path), w.readable(before, body), wrong)
	}
}

// readable replaces ids by names, so that two runs of a history give the same text.
func (w *wallWorld) readable(s wallState, text string) string {
	for id, g := range s.groups {
		text = strings.ReplaceAll(text, id, "<"+g.Organization.String()+g.Path+">")
	}
	for id, u := range s.users {
		text = strings.ReplaceAll(text, id, "<"+u.Username+">")
	}
	for alias, id := range w.organization {
		text = strings.ReplaceAll(text, id.String(), alias+":")
	}
	return text
}

// compare lists the changes that the tenant must not make.
func (w *wallWorld) compare(of *wallTenant, before, after wallState) (wrong []string) {
	say := func(format string, args ...any) {
		wrong = append(wrong, w.readable(before, fmt.Sprintf(format, args...)))
	}
	for id, was := range before.groups {
		is, stays := after.groups[id]
		mine, protected, kept := w.territory(of, was), w.lastGroups[id], w.lastKept[id]
		switch {
		case !stays && (!mine || protected || kept):
			say("deleted the group %s (its own: %t, protected: %t, kept: %t)", id, mine, protected, kept)
			continue
		case !stays:
			continue
		case (was.Name != is.Name || was.ParentID != is.ParentID) && (!mine || protected || kept):
			say("renamed or moved the group %s to %s (its own: %t, protected: %t, kept: %t)", id, is.Path, mine, protected, kept)
		case fmt.Sprint(was.Attributes, was.Roles) != fmt.Sprint(is.Attributes, is.Roles) && (!mine || protected):
			say("changed the group %s (its own: %t, protected: %t)", id, mine, protected)
		}
		for user := range symmetric(was.members, is.members) {
			_, lived := before.users[user]
			_, lives := after.users[user]
			switch {
			case !lives: // judged below
			case !lived:
				if !mine && !slices.Contains(w.named, id) {
					say("made a user who is in the group %s", id)
				}
			case !mine || protected || w.lastUsers[user] || w.lastAble[user] || !w.sees(of, before, user) && !w.sees(of, after, user):
				say("changed the membership of %s in %s (its own: %t, group protected: %t, user protected: %t, seen: %t)", user, id, mine, protected, w.lastUsers[user] || w.lastAble[user], w.sees(of, before, user))
			}
		}
	}
	for id, is := range after.groups {
		if _, there := before.groups[id]; !there && !w.territory(of, is) || !there && w.lastGroups[is.ParentID] {
			say("made a group at %s", is.Path)
		}
	}
	for id, was := range before.users {
		is, stays := after.users[id]
		owner := was.Attributes[mapping.AttrOwner]
		owns := slices.Contains(owner, of.ownerKey()) || len(owner) == 0
		seen, protected := w.sees(of, before, id) || w.sees(of, after, id), w.lastUsers[id] || w.lastAble[id]
		identity := func(u keycloak.User) string {
			return fmt.Sprint(u.Username, u.Email, u.FirstName, u.LastName, u.Enabled)
		}
		switch {
		case !stays && (!slices.Contains(owner, of.ownerKey()) || protected):
			say("deleted the user %s (owner %v, protected: %t)", id, owner, protected)
		case stays && w.lastAble[id] && seen && owns && fmt.Sprint(was.Attributes) == fmt.Sprint(is.Attributes) && !is.Enabled && identity(disabled(was)) == identity(is): // a leaver
		case stays && identity(was) != identity(is) && (!seen || !owns || protected):
			say("changed who %s is (seen: %t, owner %v, protected: %t)", id, seen, owner, protected)
		case stays && fmt.Sprint(was.Attributes) != fmt.Sprint(is.Attributes) && (!seen || protected):
			say("changed the user %s (seen: %t, protected: %t)", id, seen, protected)
		}
	}
	for organization, was := range before.of {
		for user := range symmetric(was, after.of[organization]) {
			if _, lives := after.users[user]; lives && organization != of.organization.String() && len(before.users[user].ID) > 0 {
				say("changed the membership of %s in the organization %s", user, organization)
			}
		}
	}
	slices.Sort(wrong)
	return wrong
}

// disabled returns a user without access.
func disabled(u keycloak.User) keycloak.User {
	u.Enabled = false
	return u
}

// symmetric returns the symmetric difference of two sets.
func symmetric(a, b map[string]bool) map[string]bool {
	out := map[string]bool{}
	for _, pair := range [][2]map[string]bool{{a, b}, {b, a}} {
		for id := range pair[0] {
			if !pair[1][id] {
				out[id] = true
			}
		}
	}
	return out
}

// wallNames are names of groups. They are few, so that a new group often gets the name of another
// group.
func wallNames() []string { return []string{"ops", "admins", "scim", "one", "two", "team"} }

// drawGroup draws any group, and often an important group.
func (w *wallWorld) drawGroup(label string) string {
	matter := append(w.now.above(w.listed["group"]), w.listed["group"])
	return rapid.OneOf(rapid.SampledFrom(w.knownGroups), rapid.SampledFrom(append(matter, w.named...))).Draw(w.rt, label)
}

// target draws a group for a tenant's request: any group, the tenant's own group, or an important
// group.
func (w *wallWorld) target(of *wallTenant) string {
	var own []string
	for _, id := range w.knownGroups {
		if w.territory(of, w.now.groups[id]) {
			own = append(own, id)
		}
	}
	if len(own) > 0 && rapid.Bool().Draw(w.rt, "its own") {
		return rapid.SampledFrom(own).Draw(w.rt, "group")
	}
	return w.drawGroup("group")
}

// drawUser draws any user.
func (w *wallWorld) drawUser(label string) string {
	return rapid.SampledFrom(append(slices.Clone(w.knownUsers), w.listed["user"], w.account)).Draw(w.rt, label)
}

// drawMember draws any user, or a member of a group.
func (w *wallWorld) drawMember(group string) string {
	in := slices.DeleteFunc(slices.Clone(w.knownUsers), func(id string) bool { return !w.now.groups[group].members[id] })
	if len(in) > 0 && rapid.Bool().Draw(w.rt, "of the group") {
		return rapid.SampledFrom(in).Draw(w.rt, "member")
	}
	return w.drawUser("member")
}

func (w *wallWorld) drawName() string { return rapid.SampledFrom(wallNames()).Draw(w.rt, "name") }

// drawTenant draws any tenant. It draws tenants of the realm more often, because they reach more.
func (w *wallWorld) drawTenant() *wallTenant {
	of := slices.Clone(w.tenants)
	for _, t := range w.tenants {
		if t.organization.IsZero() {
			of = append(of, t, t)
		}
	}
	return of[rapid.IntRange(0, len(of)-1).Draw(w.rt, "tenant")]
}

// drawPlace draws the id of a group of the realm, "" for the top level.
func (w *wallWorld) drawPlace(label string) string {
	s := w.now
	places := []string{""}
	for _, id := range w.knownGroups {
		if s.groups[id].Organization.IsZero() {
			places = append(places, id)
		}
	}
	return rapid.SampledFrom(places).Draw(w.rt, label)
}

// beside records a call that does not go through the bridge, and that may have failed. The bridge
// may read the realm at once.
func (w *wallWorld) beside(what string, err error) {
	w.rt.Logf("beside: %s = %v", w.readable(w.now, what), err)
	w.state()
	if rapid.Bool().Draw(w.rt, "look") {
		w.check()
		w.rt.Logf("look: %s", w.fitness())
	}
}

// adminTry is AdminSend that may fail.
func (w *wallWorld) adminTry(method, path, body string) error {
	_, admin := apptest.AskToken(w.t, w.server, "master", url.Values{
		"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {w.server.Admin}, "password": {w.server.Password},
	})
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+"/admin/realms/"+w.Realm+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", fmt.Sprint("Bearer ", admin["access_token"]))
	req.Header.Set("Content-Type", "application/json")
	if status, _, answer := apptest.Exchange(w.t, req); status >= http.StatusMultipleChoices {
		return fmt.Errorf("%d %s", status, answer)
	}
	return nil
}

func (w *wallWorld) groupIDOf(id string) keycloak.GroupID {
	g := w.now.groups[id]
	out, err := g.Organization.ParseGroupID(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// actions are what may happen. An action that is listed twice happens twice as often.
func (w *wallWorld) actions() map[string]func(*rapid.T) {
	ctx, admin := w.t.Context(), w.Admin
	acts := map[string]func(){
		"beside: rename": func() {
			id, name := w.drawGroup("group"), w.drawName()
			g, err := admin.Group(ctx, w.groupIDOf(id))
			if err == nil {
				err = admin.UpdateGroup(ctx, g, keycloak.GroupUpdate{Name: &name})
			}
			w.beside("rename "+id+" to "+name, err)
		},
		"beside: move": func() {
			what, place := w.drawPlace("group"), w.drawPlace("place")
			if what == "" || what == place || slices.Contains(w.now.above(place), what) {
				return
			}
			path := "/groups"
			if place != "" {
				path += "/" + place + "/children"
			}
			w.beside("move "+what+" to "+place, w.adminTry(http.MethodPost, path, fmt.Sprintf(`{"id":%q,"name":%q}`, what, w.now.groups[what].Name)))
		},
		"beside: create": func() {
			place, name := w.drawPlace("place"), w.drawName()
			parent := keycloak.GroupID{}
			if place != "" {
				parent = w.groupIDOf(place)
			}
			_, err := admin.CreateGroup(ctx, keycloak.NewGroup{Name: name, Parent: parent})
			w.beside("create "+name+" below "+place, err)
		},
		"beside: delete": func() {
			id := w.drawGroup("group")
			for _, needed := range append(w.named, w.listed["group"]) {
				if id == needed || slices.Contains(w.now.above(needed), id) {
					return // nothing could be written any longer
				}
			}
			w.beside("delete "+id, admin.DeleteGroup(ctx, w.groupIDOf(id)))
		},
		"beside: replace": func() { // creates another group in place of a group that the configuration names
			id := rapid.SampledFrom(append(slices.Clone(w.named), w.listed["group"])).Draw(w.rt, "group")
			g, name := w.now.groups[id], "was "+w.drawName()
			parent := keycloak.GroupID{}
			if g.ParentID != "" {
				parent = w.groupIDOf(g.ParentID)
			}
			err := admin.UpdateGroup(ctx, g.Group, keycloak.GroupUpdate{Name: &name})
			if err == nil {
				_, err = admin.CreateGroup(ctx, keycloak.NewGroup{Name: g.Name, Parent: parent})
			}
			w.beside("replace "+id, err)
		},
		"beside: join": func() {
			user, group := w.drawUser("user"), w.drawGroup("group")
			w.beside(user+" joins "+group, admin.AddMember(ctx, apptest.UserID(w.t, user), w.groupIDOf(group)))
		},
		"beside: leave": func() {
			user, group := w.drawUser("user"), w.drawGroup("group")
			w.beside(user+" leaves "+group, admin.RemoveMember(ctx, apptest.UserID(w.t, user), w.groupIDOf(group)))
		},
		"beside: permit": func() { w.permit() },
		"beside: forbid": func() {
			if len(w.permits) == 0 {
				return
			}
			i := rapid.IntRange(0, len(w.permits)-1).Draw(w.rt, "permission")
			apptest.AdminSend(w.t, w.server, http.MethodDelete, w.Authorization(w.t)+"/permission/scope/"+w.permits[i].permission, "")
			id := w.permits[i].id
			w.permits = slices.Delete(w.permits, i, i+1)
			w.beside("forbid "+id, nil)
		},
		"beside: grant":  func() { w.changeRights("grant", admin.GrantRoles) },
		"beside: revoke": func() { w.changeRights("revoke", admin.RevokeRoles) },
		"beside: new user": func() {
			name := rapid.SampledFrom([]string{"ann", "bob", "cid"}).Draw(w.rt, "user name")
			_, err := admin.CreateUser(ctx, keycloak.NewUser{Username: name, Email: name + "@acme.test", EmailVerified: true, FirstName: "F", LastName: "L", Enabled: true})
			w.beside("create "+name, err)
		},
		"beside: new name": func() {
			user, name := w.drawUser("user"), rapid.SampledFrom([]string{"glass", "glass2", "dan"}).Draw(w.rt, "user name")
			if user != w.account {
				w.beside("rename "+user+" to "+name, admin.UpdateUser(ctx, apptest.UserID(w.t, user), keycloak.UserUpdate{Username: &name}))
			}
		},
		"beside: admit": func() {
			user, alias := w.drawUser("user"), rapid.SampledFrom([]string{"acme", "globex"}).Draw(w.rt, "organization")
			if user != w.account {
				w.beside("admit "+user+" to "+alias, admin.AddOrganizationMember(ctx, w.organization[alias], apptest.UserID(w.t, user)))
			}
		},
		"look":  func() { w.check(); w.rt.Logf("look: %s", w.fitness()) },
		"start": func() { w.start(); w.check(); w.rt.Logf("start: %s", w.fitness()) },

		"scim: new group": func() {
			members := []string{}
			for range rapid.IntRange(0, 2).Draw(w.rt, "members") {
				members = append(members, w.drawUser("member"))
			}
			w.scim(w.drawTenant(), http.MethodPost, "/Groups", `{"displayName":"`+w.drawName()+`","members":`+wallMembers(members...)+`}`)
		},
		"scim: put group": func() {
			of := w.drawTenant()
			w.scim(of, http.MethodPut, "/Groups/"+w.target(of), `{"displayName":"`+w.drawName()+`","members":`+wallMembers(w.drawUser("member"))+`}`)
		},
		"scim: rename group": func() {
			of := w.drawTenant()
			w.scim(of, http.MethodPatch, "/Groups/"+w.target(of), apptest.PatchBody(`{"op":"replace","path":"displayName","value":"`+w.drawName()+`"}`))
		},
		"scim: change group": func() {
			of := w.drawTenant()
			w.scim(of, http.MethodPatch, "/Groups/"+w.target(of), apptest.PatchBody(`{"op":"replace","path":"externalId","value":"`+w.drawName()+`"}`))
		},
		"scim: add member": func() {
			of := w.drawTenant()
			w.scim(of, http.MethodPatch, "/Groups/"+w.target(of), apptest.PatchBody(`{"op":"add","path":"members","value":`+wallMembers(w.drawUser("member"))+`}`))
		},
		"scim: remove member": func() {
			of := w.drawTenant()
			group := w.target(of)
			w.scim(of, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"remove","path":"members[value eq \"`+w.drawMember(group)+`\"]"}`))
		},
		"scim: remove members": func() {
			of := w.drawTenant()
			group := w.target(of)
			w.scim(of, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"remove","path":"members","value":`+wallMembers(w.drawMember(group))+`}`))
		},
		"scim: replace members": func() {
			of := w.drawTenant()
			w.scim(of, http.MethodPatch, "/Groups/"+w.target(of), apptest.PatchBody(`{"op":"replace","path":"members","value":`+wallMembers(w.drawUser("member"))+`}`))
		},
		"scim: delete group": func() {
			of := w.drawTenant()
			w.scim(of, http.MethodDelete, "/Groups/"+w.target(of), "")
		},
		"scim: bulk": func() {
			w.scim(w.drawTenant(), http.MethodPost, "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`+
				`{"method":"POST","bulkId":"u","path":"/Users","data":{"userName":"`+rapid.SampledFrom([]string{"eve", "glass", "ann"}).Draw(w.rt, "user name")+`"}},`+
				`{"method":"PATCH","path":"/Groups/`+w.drawGroup("group")+`","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:u"}]}]}},`+
				`{"method":"DELETE","path":"/Groups/`+w.drawGroup("second group")+`"}]}`)
		},
		"scim: new user": func() {
			w.scim(w.drawTenant(), http.MethodPost, "/Users", `{"userName":"`+rapid.SampledFrom([]string{"ann", "fay", "gil", "glass"}).Draw(w.rt, "user name")+`","active":true}`)
		},
		"scim: deactivate": func() {
			w.scim(w.drawTenant(), http.MethodPatch, "/Users/"+w.drawUser("user"), apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
		},
		"scim: change user": func() {
			w.scim(w.drawTenant(), http.MethodPatch, "/Users/"+w.drawUser("user"), apptest.PatchBody(`{"op":"replace","path":"title","value":"`+w.drawName()+`"}`))
		},
		"scim: put user": func() {
			w.scim(w.drawTenant(), http.MethodPut, "/Users/"+w.drawUser("user"), `{"userName":"`+rapid.SampledFrom([]string{"hal", "ann"}).Draw(w.rt, "user name")+`"}`)
		},
		"scim: delete user": func() { w.scim(w.drawTenant(), http.MethodDelete, "/Users/"+w.drawUser("user"), "") },
	}
	out := map[string]func(*rapid.T){}
	for name, act := range acts {
		do := func(rt *rapid.T) {
			w.rt = rt
			if w.fitness() != "" && rapid.IntRange(0, 2).Draw(rt, "mend") == 0 {
				w.mend()
			}
			act()
		}
		out[name] = do
		if strings.HasPrefix(name, "scim: ") { // twice as often
			out["again "+name] = do
		}
	}
	return out
}

// mend deletes groups that took the place of a group that the configuration names, so that the
// tenants answer again.
func (w *wallWorld) mend() {
	for _, path := range append(slices.Sorted(maps.Keys(w.parents)), "/everyone", "/ops/admins") {
		if other, err := w.Admin.GroupByPath(w.t.Context(), path); err == nil && !slices.Contains(w.named, other.ID) && other.ID != w.listed["group"] {
			w.rt.Logf("beside: delete %s = %v", path, w.Admin.DeleteGroup(w.t.Context(), w.groupIDOf(other.ID)))
			w.state()
		}
	}
	for id, u := range w.now.users {
		if u.Username == "glass" && id != w.listed["user"] {
			name := "was-glass"
			w.rt.Logf("beside: rename <glass> = %v", w.Admin.UpdateUser(w.t.Context(), apptest.UserID(w.t, id), keycloak.UserUpdate{Username: &name}))
		}
	}
	w.state()
	w.check()
	w.rt.Logf("look: %s", w.fitness())
}

// changeRights grants or revokes a right of a user or a group of the realm.
func (w *wallWorld) changeRights(verb string, do func(ctx context.Context, h keycloak.RoleHolder, roles []keycloak.Role) error) {
	role := w.super
	if rapid.Bool().Draw(w.rt, "directly") {
		role = w.KnownRole(w.t, apptest.ManagementRole("view-users"))
	}
	user, place := w.drawUser("user"), w.drawPlace("group")
	if rapid.Bool().Draw(w.rt, "of a group") {
		if place == "" {
			return
		}
		w.beside(verb+" "+role.Name+" "+place, do(w.t.Context(), w.groupIDOf(place), []keycloak.Role{role}))
		return
	}
	if user != w.account {
		w.beside(verb+" "+role.Name+" "+user, do(w.t.Context(), apptest.UserID(w.t, user), []keycloak.Role{role}))
	}
}

// fitness is the answer of the tenants, for the history.
func (w *wallWorld) fitness() string {
	var out []string
	for _, of := range w.App.Watcher.Tenants.All() {
		if problem := of.Fitness().Problem; problem != "" {
			out = append(out, problem)
		}
	}
	return w.readable(w.now, strings.Join(slices.Compact(out), "; "))
}

// wallMembers is a value of the attribute members.
func wallMembers(ids ...string) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = `{"value":"` + id + `"}`
	}
	return "[" + strings.Join(list, ",") + "]"
}
