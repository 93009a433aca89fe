package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestTheRemediesOfAccountsAndGroups: what the texts and docs/reference/errors.md name for accounts and groups that
// the tenant may not change. Each error is provoked, its remedy is done, and the request is answered.
func TestTheRemediesOfAccountsAndGroups(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.Real(t), nil)
	acme, realm := c.of["acme"], "/admin/realms/"+c.realm.realm
	organization := realm + "/organizations/" + c.ids["acme"].String()
	adopted := func(b testBridge) func() { return func() { b.adoptions(t, b.controlled(t), b.path(t)) } }
	enabled := func(text, domains string) string {
		return `{"name":"acme","alias":"acme","enabled":` + text + `,"domains":[{"name":"acme.test","verified":true}` + domains + `]}`
	}
	set := func(path, body string) func() {
		return func() {
			adminSend(t, c.server, http.MethodPut, path, body)
			c.realm.look(t)
		}
	}
	type request struct {
		b                  testBridge
		method, path, body string
	}
	refused := func(code string, status int, says string, r request, remedy func()) {
		t.Helper()
		if got := r.b.refused(t, status, r.method, r.path, r.body); !strings.HasSuffix(got, "["+code+"]") || !strings.Contains(got, says) {
			t.Errorf("%s %s is refused with %q, want %s, %q", r.method, r.path, got, code, says)
		}
		remedy()
		if _, err := r.b.send(t, r.method, r.path, r.body); err != nil {
			t.Errorf("%s: after its remedy %s %s is refused: %v", code, r.method, r.path, err)
		}
	}
	const off = `{"op":"replace","path":"active","value":false}`

	there := c.realm.account(t, "there", true).String()
	refused("account-not-created-here", 403, "let this endpoint take the account over", request{c.realm, http.MethodDelete, "/Users/" + there, ""}, adopted(c.realm))

	crew := c.consoleGroup(t, "realm", "crew")
	refused("group-not-created-here", 403, "let this endpoint take the group over", request{c.realm, http.MethodPatch, "/Groups/" + crew, patchBody(`{"op":"replace","path":"displayName","value":"team"}`)}, adopted(c.realm))
	crew = c.consoleGroup(t, "organization", "crew-of-acme")
	refused("group-not-created-here", 403, "let this endpoint take the group over", request{acme, http.MethodDelete, "/Groups/" + crew, ""}, adopted(acme))

	member := acme.account(t, "member", true).String()
	c.admit(t, member, "acme")
	refused("account-not-owned", 403, "let this endpoint take the account over", request{acme, http.MethodPatch, "/Users/" + member, patchBody(off)}, adopted(acme))
	gone := acme.account(t, "gone", true).String()
	c.admit(t, gone, "acme")
	if got := acme.refused(t, 403, http.MethodPatch, "/Users/"+gone, patchBody(off)); !strings.Contains(got, "end the membership with DELETE") {
		t.Errorf("the other remedy of account-not-owned is not named in %q", got)
	}
	acme.must(t, http.MethodDelete, "/Users/"+gone, "")

	mia := c.brokered(t, "acme", "mia@acme.test").String()
	refused("account-managed", 403, "let this endpoint take the account over", request{acme, http.MethodDelete, "/Users/" + mia, ""}, adopted(acme))

	shared := c.realm.create(t, "/Users", `{"userName":"shared"}`)
	c.admit(t, shared, "acme")
	refused("account-shared", 403, "have the membership ended first", request{c.realm, http.MethodDelete, "/Users/" + shared, ""},
		func() { acme.must(t, http.MethodDelete, "/Users/"+shared, "") })

	admin := c.realm.create(t, "/Users", `{"userName":"admin"}`)
	role := c.realm.known(t, right("view-users"))
	c.realm.grant(t, userID(t, admin), role)
	c.realm.look(t)
	refused("account-protected", 403, "in Keycloak", request{c.realm, http.MethodPatch, "/Users/" + admin, patchBody(off)}, func() {
		if err := c.realm.admin.RevokeRoles(t.Context(), userID(t, admin), []keycloak.Role{role}); err != nil {
			t.Fatal(err)
		}
		c.realm.look(t)
	})

	above := c.realm.create(t, "/Groups", `{"displayName":"above"}`)
	below := c.realm.group(t, "below", c.groupID(t, "realm", above))
	refused("group-has-subgroups", 409, "remove them there first", request{c.realm, http.MethodDelete, "/Groups/" + above, ""}, func() {
		if err := c.realm.admin.DeleteGroup(t.Context(), below); err != nil {
			t.Fatal(err)
		}
	})

	kept := c.realm.create(t, "/Groups", `{"displayName":"everyone"}`)
	path := "/everyone"
	if held, err := c.heldGroup(t, "realm", kept); err == nil {
		path = held.Path
	}
	c.realm.useMapping(t, c.realm.realm, "version: 1\nusers: { defaultGroups: ["+path+"] }\n")
	refused("group-kept", 403, "the operator's configuration names it", request{c.realm, http.MethodDelete, "/Groups/" + kept, ""},
		func() { c.realm.useMapping(t, c.realm.realm, "version: 1\n") })

	ann := acme.create(t, "/Users", `{"userName":"ann"}`)
	set(organization, enabled("false", ""))()
	refused("organization-disabled", 403, "enable it in Keycloak first", request{acme, http.MethodPatch, "/Users/" + ann, patchBody(`{"op":"add","path":"title","value":"t"}`)}, set(organization, enabled("true", "")))
	refused("domain-not-verified", 403, "have it added and verified", request{acme, http.MethodPost, "/Users", `{"userName":"bob@other.test"}`},
		set(organization, enabled("true", `,{"name":"other.test","verified":true}`)))

	c.realm.reconfigure(t, eachTenant(func(tenant *config.Tenant) {
		tenant.Adopt, tenant.ExternalID = config.AdoptUnowned, config.ExternalIDUnique
	}))
	joe := acme.account(t, "joe", true).String()
	c.admit(t, joe, "acme")
	refused("account-adopted-in-parts", 403, "send the other attributes first", request{acme, http.MethodPatch, "/Users/" + joe, patchBody(`{"op":"replace","path":"userName","value":"joseph"}`)},
		func() {
			acme.must(t, http.MethodPatch, "/Users/"+joe, patchBody(`{"op":"add","path":"title","value":"t"}`))
		})
	acme.must(t, http.MethodPatch, "/Users/"+ann, patchBody(`{"op":"add","path":"externalId","value":"X"}`))
	refused("external-id-taken", 409, "externalId", request{acme, http.MethodPost, "/Users", `{"userName":"other","externalId":"X"}`},
		func() {
			acme.must(t, http.MethodPatch, "/Users/"+ann, patchBody(`{"op":"replace","path":"externalId","value":"Y"}`))
		})
}
