package bridge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestTheRemediesOfAccountsAndGroups: the remedies that error details and docs/reference/errors.md name, for accounts
// and groups that the tenant may not change. Each error is provoked, its remedy is carried out, and then the request
// succeeds.
func TestTheRemediesOfAccountsAndGroups(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.Real(t), nil)
	acme, realm := c.Of["acme"], "/admin/realms/"+c.Realm.Realm
	organization := realm + "/organizations/" + c.IDs["acme"].String()
	adopted := func(b apptest.Bridge) func() { return func() { b.Adoptions(t, b.Controlled(t), b.Path(t)) } }
	enabled := func(text, domains string) string {
		return `{"name":"acme","alias":"acme","enabled":` + text + `,"domains":[{"name":"acme.test","verified":true}` + domains + `]}`
	}
	set := func(path, body string) func() {
		return func() {
			apptest.AdminSend(t, c.Server, http.MethodPut, path, body)
			c.Realm.Check(t)
		}
	}
	type request struct {
		b                  apptest.Bridge
		method, path, body string
	}
	refused := func(code string, status int, says string, r request, remedy func()) {
		t.Helper()
		if got := r.b.Refused(t, status, r.method, r.path, r.body); !strings.HasSuffix(got, "["+code+"]") || !strings.Contains(got, says) {
			t.Errorf("%s %s is refused with %q, want %s, %q", r.method, r.path, got, code, says)
		}
		remedy()
		if _, err := r.b.Send(t, r.method, r.path, r.body); err != nil {
			t.Errorf("%s: after its remedy %s %s is refused: %v", code, r.method, r.path, err)
		}
	}
	const off = `{"op":"replace","path":"active","value":false}`

	there := c.Realm.MakeAccount(t, "there", true).String()
	refused("account-not-created-here", 403, "let this endpoint take the account over", request{c.Realm, http.MethodDelete, "/Users/" + there, ""}, adopted(c.Realm))

	crew := c.ConsoleGroup(t, "realm", "crew")
	refused("group-not-created-here", 403, "let this endpoint take the group over", request{c.Realm, http.MethodPatch, "/Groups/" + crew, apptest.PatchBody(`{"op":"replace","path":"displayName","value":"team"}`)}, adopted(c.Realm))
	crew = c.ConsoleGroup(t, "organization", "crew-of-acme")
	refused("group-not-created-here", 403, "let this endpoint take the group over", request{acme, http.MethodDelete, "/Groups/" + crew, ""}, adopted(acme))

	member := acme.MakeAccount(t, "member", true).String()
	c.Admit(t, member, "acme")
	refused("account-not-owned", 403, "let this endpoint take the account over", request{acme, http.MethodPatch, "/Users/" + member, apptest.PatchBody(off)}, adopted(acme))
	gone := acme.MakeAccount(t, "gone", true).String()
	c.Admit(t, gone, "acme")
	if got := acme.Refused(t, 403, http.MethodPatch, "/Users/"+gone, apptest.PatchBody(off)); !strings.Contains(got, "end the membership with DELETE") {
		t.Errorf("the other remedy of account-not-owned is not named in %q", got)
	}
	acme.Must(t, http.MethodDelete, "/Users/"+gone, "")

	mia := c.Brokered(t, "acme", "mia@acme.test").String()
	refused("account-managed", 403, "let this endpoint take the account over", request{acme, http.MethodDelete, "/Users/" + mia, ""}, adopted(acme))

	shared := c.Realm.Create(t, "/Users", `{"userName":"shared"}`)
	c.Admit(t, shared, "acme")
	refused("account-shared", 403, "ask the operator to end the membership first", request{c.Realm, http.MethodDelete, "/Users/" + shared, ""},
		func() { acme.Must(t, http.MethodDelete, "/Users/"+shared, "") })

	admin := c.Realm.Create(t, "/Users", `{"userName":"admin"}`)
	role := c.Realm.KnownRole(t, apptest.ManagementRole("view-users"))
	c.Realm.Grant(t, apptest.UserID(t, admin), role)
	c.Realm.Check(t)
	refused("account-protected", 403, "ask an administrator of Keycloak to change them", request{c.Realm, http.MethodPatch, "/Users/" + admin, apptest.PatchBody(off)}, func() {
		if err := c.Realm.Admin.RevokeRoles(t.Context(), apptest.UserID(t, admin), []keycloak.Role{role}); err != nil {
			t.Fatal(err)
		}
		c.Realm.Check(t)
	})

	above := c.Realm.Create(t, "/Groups", `{"displayName":"above"}`)
	below := c.Realm.MakeGroup(t, "below", c.GroupID(t, "realm", above))
	refused("group-has-subgroups", 409, "remove the sub-groups in Keycloak first", request{c.Realm, http.MethodDelete, "/Groups/" + above, ""}, func() {
		if err := c.Realm.Admin.DeleteGroup(t.Context(), below); err != nil {
			t.Fatal(err)
		}
	})

	kept := c.Realm.Create(t, "/Groups", `{"displayName":"everyone"}`)
	path := "/everyone"
	if held, err := c.HeldGroup(t, "realm", kept); err == nil {
		path = held.Path
	}
	c.Realm.UseMapping(t, c.Realm.Realm, "version: 1\nusers: { defaultGroups: ["+path+"] }\n")
	refused("group-kept", 403, "the operator's configuration names it", request{c.Realm, http.MethodDelete, "/Groups/" + kept, ""},
		func() { c.Realm.UseMapping(t, c.Realm.Realm, "version: 1\n") })

	ann := acme.Create(t, "/Users", `{"userName":"ann"}`)
	set(organization, enabled("false", ""))()
	refused("organization-disabled", 403, "ask the operator to enable the organization in Keycloak first", request{acme, http.MethodPatch, "/Users/" + ann, apptest.PatchBody(`{"op":"add","path":"title","value":"t"}`)}, set(organization, enabled("true", "")))
	refused("domain-not-verified", 403, "ask the operator to add and verify the domain", request{acme, http.MethodPost, "/Users", `{"userName":"bob@other.test"}`},
		set(organization, enabled("true", `,{"name":"other.test","verified":true}`)))

	c.Realm.Reconfigure(t, apptest.EachTenant(func(tenant *config.Tenant) {
		tenant.Adopt, tenant.ExternalID = config.AdoptUnowned, config.ExternalIDUnique
	}))
	joe := acme.MakeAccount(t, "joe", true).String()
	c.Admit(t, joe, "acme")
	refused("account-adopted-in-parts", 403, "send the other attributes first", request{acme, http.MethodPatch, "/Users/" + joe, apptest.PatchBody(`{"op":"replace","path":"userName","value":"joseph"}`)},
		func() {
			acme.Must(t, http.MethodPatch, "/Users/"+joe, apptest.PatchBody(`{"op":"add","path":"title","value":"t"}`))
		})
	acme.Must(t, http.MethodPatch, "/Users/"+ann, apptest.PatchBody(`{"op":"add","path":"externalId","value":"X"}`))
	refused("external-id-taken", 409, "externalId", request{acme, http.MethodPost, "/Users", `{"userName":"other","externalId":"X"}`},
		func() {
			acme.Must(t, http.MethodPatch, "/Users/"+ann, apptest.PatchBody(`{"op":"replace","path":"externalId","value":"Y"}`))
		})
}
