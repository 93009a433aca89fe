package bridge_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

type (
	prepares = func(t *testing.T, b apptest.Bridge, name string) string
	runs     = func(ctx context.Context, call bridge.Call, name string) error
)

func nothing(*testing.T, apptest.Bridge, string) string { return "" }

// posts makes a creation.
func (k *kill) posts(body func(name string) map[string]any) runs {
	return func(ctx context.Context, call bridge.Call, name string) error {
		_, err := k.service.Create(ctx, call, body(name))
		return err
	}
}

func (k *kill) patches(operations ...any) runs {
	return k.patchesWith(func() []any { return operations })
}

func (k *kill) patchesWith(operations func() []any) runs {
	return func(ctx context.Context, call bridge.Call, _ string) error {
		_, err := k.service.Patch(ctx, call, map[string]any{"Operations": operations()})
		return err
	}
}

func (k *kill) deletes(ctx context.Context, call bridge.Call, _ string) error {
	_, err := k.service.Delete(ctx, call)
	return err
}

func op(verb, path string, value any) any {
	return map[string]any{"op": verb, "path": path, "value": value}
}

func membersOf(ids ...string) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = map[string]any{"value": id}
	}
	return out
}

// userWith makes a user with JSON of further attributes, who is logged in twice when active.
func (k *kill) userWith(more string, logsIn bool) prepares {
	return func(t *testing.T, b apptest.Bridge, name string) string {
		t.Helper()
		id := b.Create(t, "/Users", `{"userName":"`+name+`@acme.test","name":{"givenName":"N","familyName":"L"},"emails":[{"value":"`+name+`@acme.test","primary":true}],"password":"Correct-horse-1"`+more+`}`)
		if logsIn {
			for _, scope := range []string{"openid", "openid offline_access"} {
				apptest.AskToken(t, k.Server, b.Realm, map[string][]string{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {name + "@acme.test"}, "password": {"Correct-horse-1"}, "scope": {scope}})
			}
		}
		return id
	}
}

// groupWith makes a group with some of the people.
func (k *kill) groupWith(members ...int) prepares {
	return func(t *testing.T, b apptest.Bridge, name string) string {
		t.Helper()
		text := ""
		for i, n := range members {
			if i > 0 {
				text += ","
			}
			text += `{"value":"` + k.people[n] + `"}`
		}
		return b.Create(t, "/Groups", `{"displayName":"`+name+`","members":[`+text+`]}`)
	}
}

// usersOf are the probes about users.
func (k *kill) usersOf() map[string]killProbe {
	user := func(name string) map[string]any {
		return map[string]any{"userName": name + "@acme.test", "title": "Clerk", "emails": []any{map[string]any{"value": name + "@acme.test", "primary": true}}}
	}
	put := func(title string) runs {
		return func(ctx context.Context, call bridge.Call, name string) error {
			body := user(name)
			body["title"], body["password"], body["name"] = title, killPassword, map[string]any{"givenName": "N", "familyName": "L"}
			_, err := k.service.Replace(ctx, call, body)
			return err
		}
	}
	return map[string]killProbe{
		"creates":     {endpoint: "/Users", prepare: nothing, run: k.posts(user)},
		"changes":     {endpoint: "/Users", prepare: k.userWith(`,"title":"Clerk"`, false), run: k.patches(op("replace", "title", "Editor"))},
		"deactivates": {endpoint: "/Users", prepare: k.userWith("", true), run: k.patches(op("replace", "active", false))},
		"reactivates": {endpoint: "/Users", prepare: k.userWith(`,"active":false`, false), run: k.patches(op("replace", "active", true), op("replace", "title", "Clerk"))},
		"deletes":     {endpoint: "/Users", prepare: k.userWith("", true), run: k.deletes},
		"passes":      {endpoint: "/Users", prepare: k.userWith(`,"title":"Clerk"`, false), run: put("Clerk"), hidden: true, password: true},
		"titles":      {endpoint: "/Users", prepare: k.userWith(`,"title":"Clerk"`, false), run: put("Editor"), password: true},
	}
}

// groupsOf are the probes about groups.
func (k *kill) groupsOf() map[string]killProbe {
	return map[string]killProbe{
		"makes": {endpoint: "/Groups", prepare: nothing, run: k.posts(func(name string) map[string]any {
			return map[string]any{"displayName": name, "members": membersOf(k.people...)}
		})},
		"joins": {endpoint: "/Groups", prepare: k.groupWith(0), run: k.patchesWith(func() []any {
			return []any{op("add", "members", membersOf(k.people[1:]...))}
		})},
		"leaves": {endpoint: "/Groups", prepare: k.groupWith(0, 1, 2), run: k.patchesWith(func() []any {
			return []any{op("remove", "members", membersOf(k.people[1:]...))}
		})},
		"replaces": {endpoint: "/Groups", prepare: k.groupWith(0, 1), run: k.patchesWith(func() []any {
			return []any{op("replace", "members", membersOf(k.people[1:]...)), op("replace", "externalId", "X")}
		})},
		"removes": {endpoint: "/Groups", prepare: k.groupWith(0), run: k.deletes},
	}
}

// onBoth runs a test on both servers and for both kinds of tenants, each in its own realm.
func onBoth(t *testing.T, rules string, edit func(*config.Config), run func(t *testing.T, k *kill, b apptest.Bridge)) {
	t.Helper()
	for name, start := range apptest.BothServers() {
		for _, of := range []string{"realm", "organization"} {
			t.Run(name+" "+of, func(t *testing.T) {
				t.Parallel()
				k := newKill(t, start(t), rules, edit)
				run(t, k, k.BothTenants()[of])
			})
		}
	}
}

// TestAChangeOfAUserThatIsKilledAnywhereIsRecovered: the bridge is cut off before or after any of its calls, and
// recovers the change. The change is done exactly when Keycloak has all of it, and failed exactly when Keycloak has
// nothing of it.
func TestAChangeOfAUserThatIsKilledAnywhereIsRecovered(t *testing.T) {
	t.Parallel()
	onBoth(t, killRules, apptest.AdoptUnowned, func(t *testing.T, k *kill, b apptest.Bridge) {
		t.Helper()
		for verb, p := range k.usersOf() {
			k.everywhere(t, b, verb, p)
		}
		if b.Base == k.Realm.Base { // it shares the accounts without owner
			return
		}
		k.everywhere(t, b, "adopts", killProbe{endpoint: "/Users", run: k.usersOf()["creates"].run, prepare: func(t *testing.T, b apptest.Bridge, name string) string {
			t.Helper()
			id, err := b.Admin.CreateUser(t.Context(), keycloak.NewUser{Username: name + "@acme.test", Email: name + "@acme.test", EmailVerified: true, Enabled: true})
			if err != nil {
				t.Fatal(err)
			}
			return id.String()
		}})
		k.everywhere(t, b, "parts", killProbe{endpoint: "/Users", run: k.patches(op("replace", "active", false)), prepare: func(t *testing.T, b apptest.Bridge, name string) string {
			t.Helper()
			id := k.Realm.Create(t, "/Users", `{"userName":"`+name+`@acme.test"}`) // of another tenant
			k.Admit(t, id, "acme")
			for _, group := range []string{"a-", "b-"} {
				b.Create(t, "/Groups", `{"displayName":"`+group+name+`","members":[{"value":"`+id+`"}]}`)
			}
			return id
		}})
	})
}

// TestAChangeOfAGroupThatIsKilledAnywhereIsRecovered, and the members are exactly those that Keycloak has.
func TestAChangeOfAGroupThatIsKilledAnywhereIsRecovered(t *testing.T) {
	t.Parallel()
	onBoth(t, killRules, nil, func(t *testing.T, k *kill, b apptest.Bridge) {
		t.Helper()
		for verb, p := range k.groupsOf() {
			k.everywhere(t, b, verb, p)
		}
		if b.Base == k.Realm.Base { // where groups have roles
			k.everywhere(t, b, "renames", killProbe{endpoint: "/Groups", run: k.patches(op("replace", "displayName", "Staff")), prepare: func(t *testing.T, b apptest.Bridge, name string) string {
				t.Helper()
				list, err := b.Admin.Groups(t.Context(), keycloak.GroupQuery{Search: "Staff"})
				if err != nil {
					t.Fatal(err)
				}
				for _, g := range list { // the name is free again
					b.Must(t, http.MethodDelete, "/Groups/"+g.ID, "")
				}
				return k.groupWith(0)(t, b, name)
			}})
		}
	})
}

// TestRolesThatFollowAGroupAreRecovered: changes of members change the roles of users.
func TestRolesThatFollowAGroupAreRecovered(t *testing.T) {
	t.Parallel()
	onBoth(t, killRules+killFollowing, nil, func(t *testing.T, k *kill, b apptest.Bridge) {
		t.Helper()
		if b.Base == k.Realm.Base { // the users are of the organization's tenant, which decides about their roles
			return
		}
		for verb, p := range k.groupsOf() {
			prepare := p.prepare
			p.prepare = func(t *testing.T, b apptest.Bridge, name string) string {
				t.Helper()
				k.newPeople(t, b) // who are in no other group, so that their roles depend on this group
				return prepare(t, b, name)
			}
			k.everywhere(t, b, "follows-"+verb, p)
		}
	})
}

// TestALeaverWhoIsKilledAnywhereIsRecovered: users and groups that leave their tenant, and come back.
func TestALeaverWhoIsKilledAnywhereIsRecovered(t *testing.T) {
	t.Parallel()
	owned := apptest.EachTenant(func(t *config.Tenant) {
		t.OnDelete, t.Scope = config.OnDeleteDisable, config.ScopeOwned
		apptest.Reviving(t)
	})
	leaves := func(endpoint string, made prepares) prepares {
		return func(t *testing.T, b apptest.Bridge, name string) string {
			t.Helper()
			id := made(t, b, name)
			b.Must(t, http.MethodDelete, endpoint+"/"+id, "")
			return id
		}
	}
	group := func(t *testing.T, b apptest.Bridge, name string) string {
		t.Helper()
		id := b.Create(t, "/Users", `{"userName":"in-`+name+`@acme.test"}`)
		return b.Create(t, "/Groups", `{"displayName":"`+name+`","members":[{"value":"`+id+`"}]}`)
	}
	deactivated := func(t *testing.T, b apptest.Bridge, name string) string {
		t.Helper()
		id := b.Create(t, "/Users", `{"userName":"before-`+name+`@acme.test","externalId":"X-`+name+`"}`)
		b.Create(t, "/Groups", `{"displayName":"team-`+name+`","members":[{"value":"`+id+`"}]}`)
		b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
		return id
	}
	onBoth(t, killRules, owned, func(t *testing.T, k *kill, b apptest.Bridge) {
		t.Helper()
		comes := k.posts(func(name string) map[string]any {
			return map[string]any{"userName": name + "@acme.test", "externalId": "X-" + name, "title": "Clerk"}
		})
		k.everywhere(t, b, "leaves", killProbe{endpoint: "/Users", prepare: k.userWith("", true), run: k.deletes})
		k.everywhere(t, b, "ends", killProbe{endpoint: "/Groups", prepare: group, run: k.deletes})
		k.everywhere(t, b, "revives", killProbe{endpoint: "/Users", prepare: deactivated, run: comes})
		k.everywhere(t, b, "returns", killProbe{endpoint: "/Users", prepare: leaves("/Users", deactivated), run: comes})
		k.everywhere(t, b, "group-returns", killProbe{endpoint: "/Groups", prepare: leaves("/Groups", group), run: k.posts(func(name string) map[string]any {
			return map[string]any{"displayName": name, "externalId": "X"}
		})})
	})
}
