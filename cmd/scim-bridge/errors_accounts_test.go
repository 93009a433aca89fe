package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

const (
	deactivation = `{"op":"replace","path":"active","value":false}`
	newTitle     = `{"op":"add","path":"title","value":"t"}`
)

// accountErrors are those of accounts and groups.
func accountErrors() map[string][]provocation {
	// by the tenant of the realm, which sees all of it
	atRealm := func(provoke func(t *testing.T, c customers) told) provocation {
		return atOrganization(func(t *testing.T, c customers, _ testBridge) told { t.Helper(); return provoke(t, c) })
	}
	unowned := func(t *testing.T, c customers) string {
		t.Helper()
		member := c.realm.account(t, "member", true).String()
		c.admit(t, member, "acme")
		return "/Users/" + member
	}
	adopts := func(tenant *config.Tenant) { tenant.Adopt = config.AdoptUnowned }
	return map[string][]provocation{
		"not-found":       {tolerant(http.MethodGet, "/Users/"+absentID, ""), tolerant(http.MethodDelete, "/Groups/nobody", "")},
		"version-changed": {tolerant(http.MethodPut, "/Users/ID", `{"userName":"victim"}`, "If-Match", `W/"old"`)},
		"account-protected": {atRealm(func(t *testing.T, c customers) told {
			t.Helper()
			return c.realm.told(t, http.MethodPatch, "/Users/"+c.administrator(t), patchBody(deactivation))
		})},
		"account-not-owned": {atOrganization(func(t *testing.T, c customers, acme testBridge) told {
			t.Helper()
			return acme.told(t, http.MethodPatch, unowned(t, c), patchBody(deactivation))
		})},
		"account-federated": {atDirectory(func(t *testing.T, f federated, ann string) told {
			t.Helper()
			return f.told(t, http.MethodPatch, ann, replaceBody("name.familyName", `"Zoe"`))
		})},
		"federation-keeps": {atDirectory(func(t *testing.T, f federated, ann string) told {
			t.Helper()
			return f.told(t, http.MethodDelete, ann, "")
		})},
		"account-not-created-here": {atRealm(func(t *testing.T, c customers) told {
			t.Helper()
			return c.realm.told(t, http.MethodDelete, unowned(t, c), "")
		})},
		"account-shared": {atRealm(func(t *testing.T, c customers) told {
			t.Helper()
			shared := c.realm.create(t, "/Users", `{"userName":"shared"}`)
			c.admit(t, shared, "acme")
			return c.realm.told(t, http.MethodDelete, "/Users/"+shared, "")
		})},
		"account-managed": {managed},
		"account-adopted-in-parts": {atOrganization(func(t *testing.T, c customers, acme testBridge) told {
			t.Helper()
			return acme.told(t, http.MethodPatch, unowned(t, c), replaceBody("userName", `"joseph"`))
		}, adopts)},
		"group-not-created-here": {atRealm(func(t *testing.T, c customers) told {
			t.Helper()
			return c.realm.told(t, http.MethodDelete, "/Groups/"+c.consoleGroup(t, "realm", "crew"), "")
		})},
		"organization-disabled": {atOrganization(func(t *testing.T, c customers, acme testBridge) told {
			t.Helper()
			adminSend(t, c.server, http.MethodPut, "/admin/realms/"+c.realm.realm+"/organizations/"+c.ids["acme"].String(), `{"name":"acme","alias":"acme","enabled":false,"domains":[{"name":"acme.test","verified":true}]}`)
			c.realm.look(t)
			return acme.told(t, http.MethodPost, "/Users", `{"userName":"ann"}`)
		})},
		"removal-held":       {removalHeld},
		"groups-not-offered": {groupsNotOffered},
		"group-kept": {atRealm(func(t *testing.T, c customers) told {
			t.Helper()
			kept := c.realm.create(t, "/Groups", `{"displayName":"everyone"}`)
			c.realm.useMapping(t, c.realm.realm, "version: 1\nusers: { defaultGroups: [/everyone] }\n")
			return c.realm.told(t, http.MethodDelete, "/Groups/"+kept, "")
		})},
		"group-has-subgroups": {atRealm(func(t *testing.T, c customers) told {
			t.Helper()
			above := c.realm.create(t, "/Groups", `{"displayName":"above"}`)
			c.realm.group(t, "below", c.groupID(t, "realm", above))
			return c.realm.told(t, http.MethodDelete, "/Groups/"+above, "")
		})},
		"member-unknown": {
			tolerant(http.MethodPost, "/Groups", `{"displayName":"G","members":[{"value":"`+absentID+`"}]}`),
			tolerant(http.MethodPatch, "/Groups/GROUP", patchBody(`{"op":"remove","path":"members[display eq \"nobody\"]"}`)),
		},
	}
}

// administrator is a user of the realm's tenant who became one.
func (c customers) administrator(t *testing.T) string {
	t.Helper()
	admin := c.realm.create(t, "/Users", `{"userName":"Admin"}`)
	c.realm.grant(t, userID(t, admin), c.realm.known(t, right("view-users")))
	c.realm.look(t)
	return admin
}

// atDirectory provokes an error about ann, whom a directory has that Keycloak may not write; on a real Keycloak.
func atDirectory(provoke func(t *testing.T, f federated, ann string) told) provocation {
	return func(t *testing.T, _ sharedBridges) told {
		t.Helper()
		f := newFederated(t, persons("ann"), nil, keycloaktest.FederationOptions{EditMode: keycloak.EditReadOnly, Imports: true}, nil)
		f.provider.Sync()
		f.look(t)
		return provoke(t, f, "/Users/"+f.named(t, "ann").ID)
	}
}

// managed deletes a member whose account a login of the organization made; on a real Keycloak.
func managed(t *testing.T, _ sharedBridges) told {
	t.Helper()
	c := newCustomers(t, keycloaktest.Real(t), nil)
	return c.of["acme"].told(t, http.MethodDelete, "/Users/"+c.brokered(t, "acme", "mia@acme.test").String(), "")
}

// removalHeld deletes two users where the brake lets one go.
func removalHeld(t *testing.T, _ sharedBridges) told {
	t.Helper()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), eachTenant(func(tenant *config.Tenant) {
		tenant.RemovalBrake = config.RemovalBrake{Max: 1, Window: config.Duration(time.Hour), Floor: 1}
	}))
	one, two := b.create(t, "/Users", `{"userName":"jane"}`), b.create(t, "/Users", `{"userName":"joe"}`)
	b.passFrom(2*time.Hour, time.Millisecond)
	b.must(t, http.MethodDelete, "/Users/"+one, "")
	return b.told(t, http.MethodDelete, "/Users/"+two, "")
}

// groupsNotOffered creates a group at an organization of a Keycloak that has no groups of organizations.
func groupsNotOffered(t *testing.T, _ sharedBridges) told {
	t.Helper()
	fake := keycloaktest.NewFake(t)
	c := newCustomers(t, fake.Server(), nil)
	fake.Inject(keycloaktest.Fault{Op: "GET /organizations/{id}/groups", Status: http.StatusNotFound, Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"error":"HTTP 404 Not Found"}`})
	c.realm.app.Watcher.Look(t.Context())
	return c.of["acme"].told(t, http.MethodPost, "/Groups", `{"displayName":"g"}`)
}
