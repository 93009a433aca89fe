package main

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// inMapping changes the mapping file of a tenant.
func inMapping(file, pattern, with string) func(*testing.T, apptest.Patient) {
	return func(t *testing.T, _ apptest.Patient) {
		t.Helper()
		text := apptest.ReadPage(t, file)
		out := regexp.MustCompile(pattern).ReplaceAllString(text, with)
		if out == text {
			t.Fatalf("%s has no %s:\n%s", file, pattern, text)
		}
		if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// call is a call of the Admin API below the realm.
func adminDoes(method, path, body string) func(*testing.T, apptest.Patient) {
	return func(t *testing.T, p apptest.Patient) {
		t.Helper()
		apptest.AdminSend(t, p.Server, method, "/admin/realms/"+p.Realm+path, body)
	}
}

// TestTheRemediesOfNames: a group or user name in the configuration or the mapping now means
// another group or user, or means nothing.
func TestTheRemediesOfNames(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	realm, admin := apptest.NewEmptyRealm(t, server)
	b := apptest.Bridge{Server: server, Admin: admin, Realm: realm}
	groups := map[string]keycloak.GroupID{}
	for _, name := range []string{"everyone", "scim", "ops", "harmless"} {
		groups[name] = b.MakeGroup(t, name, keycloak.GroupID{})
	}
	boss := b.MakeAccount(t, "boss", true)
	file := apptest.MappingFile(t, "version: 1\nusers: { defaultGroups: [/everyone] }\ngroups: { parent: /scim }\n")
	made := apptest.RunSetup(t, server, realm, "--mapping", file)
	p := apptest.Patient{Bridge: apptest.Bridge{File: made.Config, Realm: realm}, Server: server}
	p.EditFile(t, "config.yaml", func(s string) string {
		return strings.Replace(s, "    tenants:", "    protected: { users: [boss], groups: [/ops] }\n    tenants:", 1)
	})
	p.Bridge = apptest.NewBridgeOf(t, server, made, realm, admin, nil)
	id := func(group string) string { return `"id:` + groups[group].String() + `"` }
	tryRemedies(t, p, "", []remedy{
		{name: "a group of the mapping that another one replaced", provoke: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.Rename(t, groups["everyone"], "nobody")
			groups["another"] = p.MakeGroup(t, "everyone", keycloak.GroupID{})
		}, check: "groups", text: "is now another group", says: []string{"write the id of the group that you mean in place of its name", id("everyone")}, byHand: inMapping(file, "/everyone", id("everyone"))},
		{name: "a parent of another name", provoke: func(t *testing.T, p apptest.Patient) { t.Helper(); p.Rename(t, groups["scim"], "scim2") }, check: "groups", text: "is called", says: []string{"write its id in place of its name, " + id("scim")}, byHand: inMapping(file, "/scim", id("scim"))},
		{name: "a group of the mapping with a right", provoke: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.Grant(t, groups["everyone"], p.KnownRole(t, apptest.ManagementRole("view-users")))
		}, check: "groups", text: "has a right of realm-management", says: []string{"name another group, or remove the right, the permission or the protection from this group"}, byHand: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			if err := p.Admin.RevokeRoles(t.Context(), groups["everyone"], []keycloak.Role{p.KnownRole(t, apptest.ManagementRole("view-users"))}); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a default group of the realm with a right", provoke: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.Grant(t, groups["another"], p.KnownRole(t, apptest.ManagementRole("view-users")))
			apptest.AdminSend(t, p.Server, http.MethodPut, "/admin/realms/"+p.Realm+"/default-groups/"+groups["another"].String(), "")
		}, check: "protected", text: "every new user of the realm becomes an administrator", says: []string{"remove it from the default groups"}, byHand: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			apptest.AdminSend(t, p.Server, http.MethodDelete, "/admin/realms/"+p.Realm+"/default-groups/"+groups["another"].String(), "")
		}},
		{name: "a protected group of another name", provoke: func(t *testing.T, p apptest.Patient) { t.Helper(); p.Rename(t, groups["ops"], "ops2") }, check: "protected", text: "is called", says: []string{"write its id in place of its name, " + id("ops")}, byHand: inFile("config.yaml", "groups: \\[/ops\\]", "groups: ["+id("ops")+"]")},
		{name: "a protected user that is gone", provoke: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			if err := p.Admin.DeleteUser(t.Context(), boss); err != nil {
				t.Fatal(err)
			}
		}, check: "protected", text: "no longer exists", says: []string{"remove the name", "write the id of its replacement as \"id:ID\""}, byHand: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			again := p.MakeAccount(t, "boss", true)
			inFile("config.yaml", "users: \\[boss\\]", `users: ["id:`+again.String()+`"]`)(t, p)
		}},
		{name: "a protected user whom nobody knew", provoke: inFile("config.yaml", "users: \\[", "users: [typo, "), check: "protected", text: "does not exist", says: []string{"correct the entry of protected.users, or remove it"}, byHand: inFile("config.yaml", "users: \\[typo, ", "users: [")},
		{name: "a group of the mapping that nobody knew", provoke: inMapping(file, "defaultGroups: \\[", "defaultGroups: [/typo, "), check: "groups", text: "does not exist", says: []string{"create it in Keycloak, or change the mapping"}, byHand: func(t *testing.T, p apptest.Patient) { t.Helper(); p.MakeGroup(t, "typo", keycloak.GroupID{}) }},
	})
}

// TestTheRemediesOfPermissions that give the realm to people that the bridge cannot identify.
func TestTheRemediesOfPermissions(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	p := apptest.Patient{Bridge: apptest.NewBridgeOn(t, server, nil), Server: server}
	p.Permitting(t, server)
	helper := p.MakeAccount(t, "helper", true).String()
	nobody := p.MakeRole(t, server, "", "nobody")
	named := p.UserPolicy(t, server, "helpers", helper)
	var broken, policy string
	mended := func(policies ...string) func(*testing.T, apptest.Patient) {
		return func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.Drop(t, server, broken)
			p.Permission(t, server, `"name":"mended-`+policy+`","resourceType":"Users","scopes":["view","reset-password"]`, policies...)
		}
	}
	gives := func(kind, members string, beside ...string) func(*testing.T, apptest.Patient) {
		return func(t *testing.T, p apptest.Patient) {
			t.Helper()
			policy = p.Policy(t, server, kind, members)
			broken = p.Permission(t, server, `"name":"q","resourceType":"Users","scopes":["view","reset-password"]`, append(beside, policy)...)
		}
	}
	tryRemedies(t, p, "", []remedy{
		{name: "a policy that names nobody", provoke: gives("time", `"name":"until 2099","notOnOrAfter":"2099-01-01 00:00:00"`), check: "permissions", text: "the bridge cannot tell who has it", says: []string{"use policies of the types user, group and role, with the logic Positive, to say who gets the permission"}, byHand: mended(named)},
		{name: "a policy for everybody else", provoke: gives("user", `"name":"not helper","logic":"NEGATIVE","users":["`+helper+`"]`), check: "permissions", text: "is for every user of the realm except", says: []string{"remove the policy from the permission", "a role policy of a realm role that nobody has", "then delete the policy"}, byHand: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			isNobody := p.RolePolicy(t, server, "nobody", nobody.ID)
			mended(isNobody)(t, p)
			apptest.AdminSend(t, server, http.MethodDelete, p.Authorization(t)+"/policy/"+policy, "")
		}},
		{name: "a policy for everybody else that no permission has", provoke: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			policy = p.Policy(t, server, "user", `"name":"not helper again","logic":"NEGATIVE","users":["`+helper+`"]`)
		}, check: "permissions", text: "has the logic Negative", says: []string{"then delete the policy"}, byHand: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			apptest.AdminSend(t, server, http.MethodDelete, p.Authorization(t)+"/policy/"+policy, "")
		}},
		{name: "a policy that names nobody beside one that names people", provoke: gives("time", `"name":"until 2098","notOnOrAfter":"2098-01-01 00:00:00"`, named), check: "permissions", text: "all users that its other policies name count as administrators", says: []string{"use policies of the types user, group and role, with the logic Positive, to say who gets the permission"}, byHand: mended(named)},
		{name: "a permission for those whom its policy does not name", provoke: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			policy = "negative"
			broken = p.Permission(t, server, `"name":"negative","resourceType":"Users","scopes":["view","reset-password"],"logic":"NEGATIVE"`, named)
		}, check: "permissions", text: "it has the logic Negative itself", says: []string{"use policies of the types user, group and role, with the logic Positive, to say who gets the permission"}, byHand: mended(named)},
	})
}

// TestTheRemediesOfTooManyPolicies runs on a fake: a real Keycloak takes a minute to create them.
func TestTheRemediesOfTooManyPolicies(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	p := apptest.Patient{Bridge: apptest.NewBridgeOn(t, server, nil), Server: server}
	p.Permitting(t, server)
	helper := p.MakeAccount(t, "helper", true).String()
	var many []string
	tryRemedies(t, p, "", []remedy{{name: "too many policies", provoke: func(t *testing.T, p apptest.Patient) {
		t.Helper()
		for i := range 201 {
			many = append(many, p.UserPolicy(t, server, fmt.Sprintf("one of many %d", i), helper))
		}
	}, check: "permissions", text: "more than 200 fine-grained permissions or policies", says: []string{"remove those that nobody needs"}, byHand: func(t *testing.T, p apptest.Patient) {
		t.Helper()
		for _, id := range many {
			apptest.AdminSend(t, server, http.MethodDelete, p.Authorization(t)+"/policy/user/"+id, "")
		}
	}}})
}

// TestTheRemediesOfNeighbours: the groups of two tenants overlap in Keycloak, and the files do not
// show it.
func TestTheRemediesOfNeighbours(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	realm, admin := apptest.NewEmptyRealm(t, server)
	b := apptest.Bridge{Server: server, Admin: admin, Realm: realm}
	scim := b.MakeGroup(t, "scim", keycloak.GroupID{})
	one, two := b.MakeGroup(t, "one", scim), b.MakeGroup(t, "two", scim)
	nested := b.MakeGroup(t, "nested", two)
	first, second := apptest.MappingFile(t, apptest.NeighbourMapping("one", "parent: /scim/one")), apptest.MappingFile(t, apptest.NeighbourMapping("two", "parent: id:"+two.String()))
	apptest.RunSetup(t, server, realm, "--mapping", first)
	made := apptest.RunSetup(t, server, realm, "--mapping", second)
	p := apptest.Patient{Bridge: apptest.Bridge{File: made.Config, Realm: realm, Admin: admin}, Server: server}
	entry := func(key, file, sum string) string {
		return fmt.Sprintf("      - { path: %s, key: %s, mapping: %q, tokens: [{ name: idp, sha256: %s }] }\n", key, key, file, strings.Repeat(sum, 32))
	}
	p.EditFile(t, "config.yaml", func(s string) string {
		head, _, _ := strings.Cut(s, "    tenants:\n")
		return head + "    tenants:\n" + entry("one", first, "ab") + entry("two", second, "cd")
	})
	parent := func(id keycloak.GroupID) func(*testing.T, apptest.Patient) {
		return inMapping(second, "parent: id:[0-9a-f-]+", "parent: id:"+id.String())
	}
	const fix = "name another group in groups.parent of the mapping"
	tryRemedies(t, p, "", []remedy{
		{name: "one parent of two", provoke: parent(one), check: "groups", text: "are below the same group", says: []string{fix}, byHand: parent(two)},
		{name: "a parent above another", provoke: parent(scim), check: "groups", text: "is below the other", says: []string{fix}, byHand: parent(two)},
		{
			name: "parents that were moved, and are moved apart", provoke: adminDoes(http.MethodPost, "/groups/"+one.String()+"/children", `{"id":"`+two.String()+`","name":"two"}`), check: "groups", text: "is below the other", says: []string{"or move the groups apart in Keycloak"},
			byHand: adminDoes(http.MethodPost, "/groups/"+scim.String()+"/children", `{"id":"`+two.String()+`","name":"two"}`),
		},
		{name: "a default group of another", provoke: inMapping(first, "defaultGroups: \\[\\]", `defaultGroups: ["id:`+nested.String()+`"]`), check: "groups", text: "is among the groups of", says: []string{"in users.defaultGroups of the mapping, name a group that belongs to no tenant"}, byHand: inMapping(first, "defaultGroups: \\[.*?\\]", "defaultGroups: [/scim]")},
	})
}
