package bridge_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// foundGroup is a group that exists before the client asks for it, with a member that belongs to the tenant.
type foundGroup struct {
	id     keycloak.GroupID
	name   string
	member string // id
}

// The origins that only groups have.
const (
	inConsole  = "an administrator made in the console"
	aboveOther = "is above another group"
	ofLDAP     = "a directory (LDAP) has"
	withAdmin  = "this endpoint made, and that has an administrator of the realm as a member"
	foundAdmin = "an administrator made in the console, and that has an administrator of the realm as a member"
)

// newGroup makes a group of an origin.
func (w *walk) newGroup(t *testing.T, origin string) foundGroup {
	t.Helper()
	switch origin {
	case inConsole:
		return w.consoleGroup(t)
	case aboveOther:
		g := w.consoleGroup(t)
		w.b.MakeGroup(t, w.name("below"), g.id)
		return g
	case withAdmin:
		return w.withAdministrator(t, w.scimGroup(t))
	case foundAdmin:
		return w.withAdministrator(t, w.consoleGroup(t))
	case ofLDAP:
		if w.column.of == "organization" { // such groups belong to the realm
			return foundGroup{}
		}
		return w.directoryGroup(t)
	case byOther:
		return w.foreignGroup(t)
	}
	return w.scimGroup(t)
}

// withAdministrator makes an administrator a member of a group.
func (w *walk) withAdministrator(t *testing.T, g foundGroup) foundGroup {
	t.Helper()
	admin := w.scimAccount(t, w.b)
	w.b.Grant(t, apptest.UserID(t, admin.id), w.b.KnownRole(t, apptest.ManagementRole("view-users")))
	w.b.Check(t)
	if err := w.b.Admin.AddMember(t.Context(), apptest.UserID(t, admin.id), g.id); err != nil {
		t.Fatal(err)
	}
	return g
}

// consoleGroup has a role, when roles of groups have an effect in Keycloak.
func (w *walk) consoleGroup(t *testing.T) foundGroup {
	t.Helper()
	g := foundGroup{name: w.name("console")}
	g.id = w.GroupID(t, w.column.of, w.ConsoleGroup(t, w.column.of, g.name))
	return w.withMember(t, g)
}

func (w *walk) withMember(t *testing.T, g foundGroup) foundGroup {
	t.Helper()
	g.member = w.scimAccount(t, w.b).id
	if err := w.b.Admin.AddMember(t.Context(), apptest.UserID(t, g.member), g.id); err != nil {
		t.Fatal(err)
	}
	return g
}

func (w *walk) scimGroup(t *testing.T) foundGroup {
	t.Helper()
	g := foundGroup{name: w.name("scim")}
	g.id = w.GroupID(t, w.column.of, w.b.Create(t, "/Groups", `{"displayName":"`+g.name+`"}`))
	return w.withMember(t, g)
}

// directoryGroup is a group that Keycloak reads from a directory. The first call makes all such groups of a walk.
func (w *walk) directoryGroup(t *testing.T) foundGroup {
	t.Helper()
	parent := w.b.App.Watcher.Tenants.ByPath(w.b.Path(t)).Mapping.GroupParent
	if w.directories[true] == 0 {
		groups := map[string][]string{}
		for i := range directoryPeople {
			groups[fmt.Sprintf("directory-%02d", i)] = []string{"nobody"} // a group of names must have a member
		}
		keycloaktest.StartLDAP(t, apptest.Persons("ann"), groups).Federate(t, w.Server, w.b.Realm, keycloaktest.FederationOptions{Name: "groups", EditMode: keycloak.EditReadOnly, Imports: true, Groups: "READ_ONLY", GroupsPath: parent}).Sync()
	}
	g := foundGroup{name: fmt.Sprintf("directory-%02d", w.directories[true])}
	w.directories[true]++
	held, err := w.b.Admin.GroupByPath(t.Context(), parent+"/"+g.name)
	if err != nil {
		t.Fatal(err)
	}
	g.id = w.GroupID(t, w.column.of, held.ID)
	return w.withMember(t, g)
}

// foreignGroup is a group in the place of the tenant's groups, with the mark of another tenant.
func (w *walk) foreignGroup(t *testing.T) foundGroup {
	t.Helper()
	g := w.consoleGroup(t)
	held, err := w.b.Admin.Group(t.Context(), g.id)
	if err == nil {
		err = w.b.Admin.UpdateGroup(t.Context(), held, keycloak.GroupUpdate{Attributes: map[string][]string{"scim.owner": {w.IDs["globex"].String()}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// The actions of a client that only groups have.
const (
	findsByDisplay = "finds it by `displayName`"
	renames        = "renames it"
	addsMember     = "adds a member"
	removesMember  = "removes a member"
	empties        = "replaces it with no members (PUT)"
)

// doesGroup is does for a group.
func (w *walk) doesGroup(t *testing.T, verb string, g foundGroup) (cell string, changed bool) {
	t.Helper()
	if g.name == "" {
		return "Keycloak has no such group", false
	}
	switch verb {
	case reads:
		if status, got := w.answer(t, http.MethodGet, "/Groups/"+g.id.String(), ""); got == nil {
			return refusal(status), false
		}
		return "yes", false
	case findsByDisplay:
		found, err := w.b.Find(t.Context(), "/Groups", `displayName eq "`+g.name+`"`, "")
		if err != nil || len(found) != 1 || found[0]["id"] != g.id.String() {
			t.Errorf("%v: %s is found as %v, %v", w.column, g.name, found, err)
		}
		return "yes", false
	case creates:
		return w.postsGroupAgain(t, g)
	case changesTitle:
		return w.changesGroup(t, g, "externalId", func(before, after keycloak.Group) bool {
			return !slices.Equal(before.Attributes["externalId"], after.Attributes["externalId"])
		})
	case renames:
		return w.changesGroup(t, g, "displayName", func(before, after keycloak.Group) bool { return before.Name != after.Name })
	case addsMember:
		joins := w.scimAccount(t, w.b)
		return w.changesMembers(t, g, http.MethodPatch, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+joins.id+`"}]}`), joins.id, true)
	case removesMember:
		return w.changesMembers(t, g, http.MethodPatch, apptest.PatchBody(`{"op":"remove","path":"members[value eq \"`+g.member+`\"]"}`), g.member, false)
	case empties:
		w.withMember(t, g)
		return w.empties(t, g)
	}
	return w.deletesGroup(t, g)
}

// heldGroup reads a group without the bridge.
func (w *walk) heldGroup(t *testing.T, g foundGroup) keycloak.Group {
	t.Helper()
	held, err := w.b.Admin.Group(t.Context(), g.id)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// unchanged compares a group with its state before a refused request.
func (w *walk) unchanged(t *testing.T, g foundGroup, before keycloak.Group) {
	t.Helper()
	if diff := cmp.Diff(before, w.heldGroup(t, g), cmpopts.IgnoreUnexported(keycloak.Group{}), cmp.Comparer(func(a, b keycloak.OrganizationID) bool { return a == b })); diff != "" {
		t.Errorf("%v: a request that was refused changed the group:\n%s", w.column, diff)
	}
}

func (w *walk) changesGroup(t *testing.T, g foundGroup, attribute string, effect func(before, after keycloak.Group) bool) (string, bool) {
	t.Helper()
	before := w.heldGroup(t, g)
	body := apptest.PatchBody(`{"op":"replace","path":"` + attribute + `","value":"` + w.name("new") + `"}`)
	if _, err := w.b.Send(t, http.MethodPatch, "/Groups/"+g.id.String(), body); err != nil {
		w.unchanged(t, g, before)
		return refusal(client.StatusOf(err)), false
	}
	after := w.heldGroup(t, g)
	if !effect(before, after) || !slices.Equal(before.Roles, after.Roles) {
		t.Errorf("%v: PATCH %s succeeds and Keycloak has %+v, before %+v", w.column, body, after, before)
	}
	return "yes" + tookOver(before.Attributes, after.Attributes), true
}

// changesMembers sends a change of members, and checks whether a user is a member.
func (w *walk) changesMembers(t *testing.T, g foundGroup, method, body, user string, want bool) (string, bool) {
	t.Helper()
	before := w.heldGroup(t, g)
	_, err := w.b.Send(t, method, "/Groups/"+g.id.String(), body)
	if in := w.isIn(t, g.id, foundAccount{id: user}); (in == want) == (err != nil) {
		t.Errorf("%v: %s %s ends with %v, and the user is a member: %t", w.column, method, body, err, in)
	}
	if err != nil {
		w.unchanged(t, g, before)
		return refusal(client.StatusOf(err)), false
	}
	return "yes" + tookOver(before.Attributes, w.heldGroup(t, g).Attributes), true
}

// empties sends a PUT without members. It ends the memberships of a group, unless the PUT adopts the group.
func (w *walk) empties(t *testing.T, g foundGroup) (string, bool) {
	t.Helper()
	before := w.heldGroup(t, g)
	if _, err := w.b.Send(t, http.MethodPut, "/Groups/"+g.id.String(), `{"displayName":"`+g.name+`"}`); err != nil {
		w.unchanged(t, g, before)
		return refusal(client.StatusOf(err)), false
	}
	taken := tookOver(before.Attributes, w.heldGroup(t, g).Attributes)
	if in := w.isIn(t, g.id, foundAccount{id: g.member}); in != (taken != "") {
		t.Errorf("%v: a PUT without members ends well%s, and the member is one: %t", w.column, taken, in)
	}
	if taken != "" {
		return "takes it over, nobody leaves", true
	}
	return "yes", true
}

func (w *walk) postsGroupAgain(t *testing.T, g foundGroup) (string, bool) {
	t.Helper()
	before := w.heldGroup(t, g)
	external := w.name("again")
	got, err := w.b.Send(t, http.MethodPost, "/Groups", fmt.Sprintf(`{"displayName":%q,"externalId":%q}`, g.name, external))
	if err != nil {
		w.unchanged(t, g, before)
		return refusal(client.StatusOf(err)), false
	}
	after := w.heldGroup(t, g)
	if got["id"] != g.id.String() || !slices.Equal(after.Attributes["externalId"], []string{external}) || !slices.Equal(before.Roles, after.Roles) || !w.isIn(t, g.id, foundAccount{id: g.member}) {
		t.Errorf("%v: POST answers %v and the group is %+v, before %+v", w.column, got, after, before)
	}
	return "takes it over", true
}

func (w *walk) deletesGroup(t *testing.T, g foundGroup) (string, bool) {
	t.Helper()
	before := w.heldGroup(t, g)
	if _, err := w.b.Send(t, http.MethodDelete, "/Groups/"+g.id.String(), ""); err != nil {
		w.unchanged(t, g, before)
		if !w.isIn(t, g.id, foundAccount{id: g.member}) {
			t.Errorf("%v: a DELETE that was refused ended a membership", w.column)
		}
		return refusal(client.StatusOf(err)), false
	}
	if _, err := w.b.Admin.Group(t.Context(), g.id); keycloak.KindOf(err) != keycloak.NotFound {
		t.Errorf("%v: DELETE succeeds and the group is there: %v", w.column, err)
	}
	return "yes", true
}

const groupsCommand = "go test ./bridge -update -run TestWhatHoldsForGroups"

// TestWhatHoldsForGroups is TestWhatHoldsForAccounts for groups.
func TestWhatHoldsForGroups(t *testing.T) {
	t.Parallel()
	origins := []string{inConsole, aboveOther, foundAdmin, withAdmin, byOther, byThis, ofLDAP}
	verbs := []string{reads, findsByDisplay, creates, changesTitle, renames, addsMember, removesMember, empties, deletesIt}
	walkTable(t, groupsCommand, "A group", origins, verbs, func(t *testing.T, w *walk) cells {
		t.Helper()
		return walkDown(origins, verbs,
			func(origin string) foundGroup { return w.newGroup(t, origin) },
			func(verb string, g foundGroup) (string, bool) { return w.doesGroup(t, verb, g) })
	})
}
