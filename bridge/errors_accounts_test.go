package bridge_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

const (
	deactivation = `{"op":"replace","path":"active","value":false}`
	newTitle     = `{"op":"add","path":"title","value":"t"}`
)

// accountErrors are the errors about accounts and groups.
func accountErrors() map[string][]provocation {
	// through the tenant of the realm, which sees the whole realm
	atRealm := func(provoke func(t *testing.T, c apptest.Customers) answer) provocation {
		return atOrganization(func(t *testing.T, c apptest.Customers, _ apptest.Bridge) answer { t.Helper(); return provoke(t, c) })
	}
	unowned := func(t *testing.T, c apptest.Customers) string {
		t.Helper()
		member := c.Realm.MakeAccount(t, "member", true).String()
		c.Admit(t, member, "acme")
		return "/Users/" + member
	}
	adopts := func(tenant *config.Tenant) { tenant.Adopt = config.AdoptUnowned }
	return map[string][]provocation{
		"not-found":       {tolerant(http.MethodGet, "/Users/"+apptest.AbsentID, ""), tolerant(http.MethodDelete, "/Groups/nobody", "")},
		"version-changed": {tolerant(http.MethodPut, "/Users/ID", `{"userName":"victim"}`, "If-Match", `W/"old"`)},
		"account-protected": {atRealm(func(t *testing.T, c apptest.Customers) answer {
			t.Helper()
			return answerOf(t, c.Realm, http.MethodPatch, "/Users/"+administrator(t, c), apptest.PatchBody(deactivation))
		})},
		"account-not-owned": {atOrganization(func(t *testing.T, c apptest.Customers, acme apptest.Bridge) answer {
			t.Helper()
			return answerOf(t, acme, http.MethodPatch, unowned(t, c), apptest.PatchBody(deactivation))
		})},
		"account-federated": {atDirectory(func(t *testing.T, f apptest.Federated, ann string) answer {
			t.Helper()
			return answerOf(t, f.Bridge, http.MethodPatch, ann, apptest.ReplaceBody("name.familyName", `"Zoe"`))
		})},
		"federation-keeps": {atDirectory(func(t *testing.T, f apptest.Federated, ann string) answer {
			t.Helper()
			return answerOf(t, f.Bridge, http.MethodDelete, ann, "")
		})},
		"account-not-created-here": {atRealm(func(t *testing.T, c apptest.Customers) answer {
			t.Helper()
			return answerOf(t, c.Realm, http.MethodDelete, unowned(t, c), "")
		})},
		"account-shared": {atRealm(func(t *testing.T, c apptest.Customers) answer {
			t.Helper()
			shared := c.Realm.Create(t, "/Users", `{"userName":"shared"}`)
			c.Admit(t, shared, "acme")
			return answerOf(t, c.Realm, http.MethodDelete, "/Users/"+shared, "")
		})},
		"account-managed": {managed},
		"account-adopted-in-parts": {atOrganization(func(t *testing.T, c apptest.Customers, acme apptest.Bridge) answer {
			t.Helper()
			return answerOf(t, acme, http.MethodPatch, unowned(t, c), apptest.ReplaceBody("userName", `"joseph"`))
		}, adopts)},
		"group-not-created-here": {atRealm(func(t *testing.T, c apptest.Customers) answer {
			t.Helper()
			return answerOf(t, c.Realm, http.MethodDelete, "/Groups/"+c.ConsoleGroup(t, "realm", "crew"), "")
		})},
		"organization-disabled": {atOrganization(func(t *testing.T, c apptest.Customers, acme apptest.Bridge) answer {
			t.Helper()
			apptest.AdminSend(t, c.Server, http.MethodPut, "/admin/realms/"+c.Realm.Realm+"/organizations/"+c.IDs["acme"].String(), `{"name":"acme","alias":"acme","enabled":false,"domains":[{"name":"acme.test","verified":true}]}`)
			c.Realm.Check(t)
			return answerOf(t, acme, http.MethodPost, "/Users", `{"userName":"ann"}`)
		})},
		"removal-held":       {removalHeld},
		"groups-not-offered": {groupsNotOffered},
		"group-kept": {atRealm(func(t *testing.T, c apptest.Customers) answer {
			t.Helper()
			kept := c.Realm.Create(t, "/Groups", `{"displayName":"everyone"}`)
			c.Realm.UseMapping(t, c.Realm.Realm, "version: 1\nusers: { defaultGroups: [/everyone] }\n")
			return answerOf(t, c.Realm, http.MethodDelete, "/Groups/"+kept, "")
		})},
		"group-has-subgroups": {atRealm(func(t *testing.T, c apptest.Customers) answer {
			t.Helper()
			above := c.Realm.Create(t, "/Groups", `{"displayName":"above"}`)
			c.Realm.MakeGroup(t, "below", c.GroupID(t, "realm", above))
			return answerOf(t, c.Realm, http.MethodDelete, "/Groups/"+above, "")
		})},
		"member-unknown": {
			tolerant(http.MethodPost, "/Groups", `{"displayName":"G","members":[{"value":"`+apptest.AbsentID+`"}]}`),
			tolerant(http.MethodPatch, "/Groups/GROUP", apptest.PatchBody(`{"op":"remove","path":"members[display eq \"nobody\"]"}`)),
		},
	}
}

// administrator is a user of the realm's tenant who became an administrator.
func administrator(t *testing.T, c apptest.Customers) string {
	t.Helper()
	admin := c.Realm.Create(t, "/Users", `{"userName":"Admin"}`)
	c.Realm.Grant(t, apptest.UserID(t, admin), c.Realm.KnownRole(t, apptest.ManagementRole("view-users")))
	c.Realm.Check(t)
	return admin
}

// atDirectory provokes an error about ann, a user of a directory that Keycloak may not write; on a real Keycloak.
func atDirectory(provoke func(t *testing.T, f apptest.Federated, ann string) answer) provocation {
	return func(t *testing.T, _ sharedBridges) answer {
		t.Helper()
		f := apptest.NewFederated(t, apptest.Persons("ann"), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditReadOnly, Imports: true}, nil)
		f.Provider.Sync()
		f.Check(t)
		return provoke(t, f, "/Users/"+f.Named(t, "ann").ID)
	}
}

// managed deletes a member whose account was made by a login of the organization; on a real Keycloak.
func managed(t *testing.T, _ sharedBridges) answer {
	t.Helper()
	c := apptest.NewCustomers(t, keycloaktest.Real(t), nil)
	return answerOf(t, c.Of["acme"], http.MethodDelete, "/Users/"+c.Brokered(t, "acme", "mia@acme.test").String(), "")
}

// removalHeld deletes two users where the brake allows one removal.
func removalHeld(t *testing.T, _ sharedBridges) answer {
	t.Helper()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), apptest.EachTenant(func(tenant *config.Tenant) {
		tenant.RemovalBrake = config.RemovalBrake{Max: 1, Window: config.Duration(time.Hour), Floor: 1}
	}))
	one, two := b.Create(t, "/Users", `{"userName":"jane"}`), b.Create(t, "/Users", `{"userName":"joe"}`)
	b.PassFrom(2*time.Hour, time.Millisecond)
	b.Must(t, http.MethodDelete, "/Users/"+one, "")
	return answerOf(t, b, http.MethodDelete, "/Users/"+two, "")
}

// groupsNotOffered creates a group at an organization, on a Keycloak without groups of organizations.
func groupsNotOffered(t *testing.T, _ sharedBridges) answer {
	t.Helper()
	fake := keycloaktest.NewFake(t)
	c := apptest.NewCustomers(t, fake.Server(), nil)
	fake.Inject(keycloaktest.Fault{Op: "GET /organizations/{id}/groups", Status: http.StatusNotFound, Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"error":"HTTP 404 Not Found"}`})
	c.Realm.App.Watcher.Check(t.Context())
	return answerOf(t, c.Of["acme"], http.MethodPost, "/Groups", `{"displayName":"g"}`)
}
