package main

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// foundGroup is a group that is there before the client asks for it, with a member of the tenant's own.
type foundGroup struct {
	id     keycloak.GroupID
	name   string
	member string // id
}

// groupOrigins are as accountOrigins.
func groupOrigins() ([]string, map[string]func(*testing.T, *walk) foundGroup) {
	names := []string{"an administrator made in the console", "stands above another one", "has an administrator of the realm as a member", "another endpoint made", "this endpoint made"}
	return names, map[string]func(*testing.T, *walk) foundGroup{
		names[0]: func(t *testing.T, w *walk) foundGroup { return w.consoleGroup(t) },
		names[1]: func(t *testing.T, w *walk) foundGroup {
			g := w.consoleGroup(t)
			w.b.group(t, w.name("below"), g.id)
			return g
		},
		names[2]: func(t *testing.T, w *walk) foundGroup {
			g := w.scimGroup(t, w.b)
			admin := w.scimAccount(t, w.b)
			w.b.grant(t, userID(t, admin.id), w.b.known(t, right("view-users")))
			w.b.look(t)
			if err := w.b.admin.AddMember(t.Context(), userID(t, admin.id), g.id); err != nil {
				t.Fatal(err)
			}
			return g
		},
		names[3]: func(t *testing.T, w *walk) foundGroup { return w.foreignGroup(t) },
		names[4]: func(t *testing.T, w *walk) foundGroup { return w.scimGroup(t, w.b) },
	}
}

// consoleGroup has a role, where a role of a group has an effect in Keycloak.
func (w *walk) consoleGroup(t *testing.T) foundGroup {
	t.Helper()
	g := foundGroup{name: w.name("console")}
	g.id = w.groupID(t, w.column.of, w.customers.consoleGroup(t, w.column.of, g.name))
	return w.withMember(t, g)
}

func (w *walk) withMember(t *testing.T, g foundGroup) foundGroup {
	t.Helper()
	g.member = w.scimAccount(t, w.b).id
	if err := w.b.admin.AddMember(t.Context(), userID(t, g.member), g.id); err != nil {
		t.Fatal(err)
	}
	return g
}

func (w *walk) scimGroup(t *testing.T, b testBridge) foundGroup {
	t.Helper()
	g := foundGroup{name: w.name("scim")}
	g.id = w.groupID(t, w.column.of, b.create(t, "/Groups", `{"displayName":"`+g.name+`"}`))
	return w.withMember(t, g)
}

// foreignGroup is one where the tenant has its groups that carries the mark of another tenant.
func (w *walk) foreignGroup(t *testing.T) foundGroup {
	t.Helper()
	g := w.consoleGroup(t)
	held, err := w.b.admin.Group(t.Context(), g.id)
	if err == nil {
		err = w.b.admin.UpdateGroup(t.Context(), held, keycloak.GroupUpdate{Attributes: map[string][]string{"scim.owner": {w.ids["globex"].String()}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// groupVerbs are as accountVerbs.
func groupVerbs() ([]string, map[string]func(*testing.T, *walk, foundGroup) (cell string, changed bool)) {
	names := []string{
		"reads it", "finds it by `displayName`", "creates it again (POST)", "changes an attribute", "renames it", "adds a member", "removes a member", "replaces it with no members (PUT)", "deletes it",
	}
	type verb = func(*testing.T, *walk, foundGroup) (string, bool)
	patched := func(op string, effect func(before, after keycloak.Group) bool) verb {
		return func(t *testing.T, w *walk, g foundGroup) (string, bool) {
			t.Helper()
			return w.changesGroup(t, g, http.MethodPatch, patchBody(fmt.Sprintf(op, w.name("new"))), effect)
		}
	}
	return names, map[string]verb{
		names[0]: func(t *testing.T, w *walk, g foundGroup) (string, bool) {
			status, got := w.answer(t, http.MethodGet, "/Groups/"+g.id.String(), "")
			if got == nil {
				return refusal(status), false
			}
			return "yes", false
		},
		names[1]: func(t *testing.T, w *walk, g foundGroup) (string, bool) {
			found, err := w.b.Find(t.Context(), "/Groups", `displayName eq "`+g.name+`"`, "")
			if err != nil || len(found) != 1 || found[0]["id"] != g.id.String() {
				t.Errorf("%v: %s is found as %v, %v", w.column, g.name, found, err)
			}
			return "yes", false
		},
		names[2]: func(t *testing.T, w *walk, g foundGroup) (string, bool) { return w.postsGroupAgain(t, g) },
		names[3]: patched(`{"op":"add","path":"externalId","value":"%s"}`, func(before, after keycloak.Group) bool {
			return !slices.Equal(before.Attributes["externalId"], after.Attributes["externalId"])
		}),
		names[4]: patched(`{"op":"replace","path":"displayName","value":"%s"}`, func(before, after keycloak.Group) bool { return before.Name != after.Name }),
		names[5]: func(t *testing.T, w *walk, g foundGroup) (string, bool) {
			joins := w.scimAccount(t, w.b)
			return w.changesMembers(t, g, http.MethodPatch, patchBody(`{"op":"add","path":"members","value":[{"value":"`+joins.id+`"}]}`), joins.id, true)
		},
		names[6]: func(t *testing.T, w *walk, g foundGroup) (string, bool) {
			return w.changesMembers(t, g, http.MethodPatch, patchBody(`{"op":"remove","path":"members[value eq \"`+g.member+`\"]"}`), g.member, false)
		},
		names[7]: func(t *testing.T, w *walk, g foundGroup) (string, bool) {
			w.withMember(t, g)
			return w.changesMembers(t, g, http.MethodPut, `{"displayName":"`+g.name+`"}`, g.member, false)
		},
		names[8]: func(t *testing.T, w *walk, g foundGroup) (string, bool) { return w.deletesGroup(t, g) },
	}
}

// heldGroup reads a group past the bridge.
func (w *walk) heldGroup(t *testing.T, g foundGroup) keycloak.Group {
	t.Helper()
	held, err := w.b.admin.Group(t.Context(), g.id)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// unchanged compares a group with what it was before a request that was refused.
func (w *walk) unchanged(t *testing.T, g foundGroup, before keycloak.Group) {
	t.Helper()
	if diff := cmp.Diff(before, w.heldGroup(t, g), cmpopts.IgnoreUnexported(keycloak.Group{}), cmp.Comparer(func(a, b keycloak.OrganizationID) bool { return a == b })); diff != "" {
		t.Errorf("%v: a request that was refused changed the group:\n%s", w.column, diff)
	}
}

func (w *walk) changesGroup(t *testing.T, g foundGroup, method, body string, effect func(before, after keycloak.Group) bool) (string, bool) {
	t.Helper()
	before := w.heldGroup(t, g)
	if _, err := w.b.send(t, method, "/Groups/"+g.id.String(), body); err != nil {
		w.unchanged(t, g, before)
		return refusal(client.StatusOf(err)), false
	}
	after := w.heldGroup(t, g)
	if !effect(before, after) || !slices.Equal(before.Roles, after.Roles) {
		t.Errorf("%v: %s %s succeeds and Keycloak has %+v, before %+v", w.column, method, body, after, before)
	}
	return "yes" + tookOver(before.Attributes, after.Attributes), true
}

// changesMembers sends a change of members, and looks whether a user is one.
func (w *walk) changesMembers(t *testing.T, g foundGroup, method, body, user string, want bool) (string, bool) {
	t.Helper()
	before := w.heldGroup(t, g)
	_, err := w.b.send(t, method, "/Groups/"+g.id.String(), body)
	if in := w.isIn(t, g.id, foundAccount{id: user}); (in == want) == (err != nil) {
		t.Errorf("%v: %s %s ends with %v, and the user is a member: %t", w.column, method, body, err, in)
	}
	if err != nil {
		w.unchanged(t, g, before)
		return refusal(client.StatusOf(err)), false
	}
	return "yes" + tookOver(before.Attributes, w.heldGroup(t, g).Attributes), true
}

func (w *walk) postsGroupAgain(t *testing.T, g foundGroup) (string, bool) {
	t.Helper()
	before := w.heldGroup(t, g)
	external := w.name("again")
	got, err := w.b.send(t, http.MethodPost, "/Groups", fmt.Sprintf(`{"displayName":%q,"externalId":%q}`, g.name, external))
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
	if _, err := w.b.send(t, http.MethodDelete, "/Groups/"+g.id.String(), ""); err != nil {
		w.unchanged(t, g, before)
		if !w.isIn(t, g.id, foundAccount{id: g.member}) {
			t.Errorf("%v: a DELETE that was refused ended a membership", w.column)
		}
		return refusal(client.StatusOf(err)), false
	}
	if _, err := w.b.admin.Group(t.Context(), g.id); keycloak.KindOf(err) != keycloak.NotFound {
		t.Errorf("%v: DELETE succeeds and the group is there: %v", w.column, err)
	}
	return "yes", true
}

const groupsCommand = "go test ./cmd/scim-bridge -update -run TestWhatHoldsForGroups"

// TestWhatHoldsForGroups is TestWhatHoldsForAccounts for groups.
func TestWhatHoldsForGroups(t *testing.T) {
	t.Parallel()
	origins, makes := groupOrigins()
	verbs, does := groupVerbs()
	walkTable(t, groupsCommand, "A group", origins, verbs, func(t *testing.T, w *walk) cells {
		t.Helper()
		found := cells{}
		for _, origin := range origins {
			var g foundGroup
			for _, verb := range verbs {
				if g.name == "" {
					g = makes[origin](t, w)
				}
				cell, changed := does[verb](t, w, g)
				found.set(origin, verb, cell)
				if changed {
					g = foundGroup{}
				}
			}
		}
		return found
	})
}
