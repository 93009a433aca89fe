package tenant_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// joiningMapping adds new users to a group and grants them a role.
const joiningMapping = "version: 1\ngrantableRoles: [employee]\nusers:\n  defaultGroups: [/everyone]\n  roles: [{ grant: [employee] }]\n"

// beside returns what an account has besides its attributes, such as groups, roles and links.
func beside(t *testing.T, b apptest.Bridge, server keycloaktest.Server, id string) string {
	t.Helper()
	path := "/admin/realms/" + b.Realm + "/users/" + id
	return strings.Join([]string{
		"groups", apptest.AdminGet(t, server, path+"/groups"), "roles", b.RolesOf(t, id), "links", apptest.AdminGet(t, server, path+"/federated-identity"),
	}, " ")
}

// requireBadge lets the realm refuse every account without a badge.
func requireBadge(t *testing.T, server keycloaktest.Server, realm string) {
	t.Helper()
	path := "/admin/realms/" + realm + "/users/profile"
	apptest.AdminSend(t, server, http.MethodPut, path, strings.Replace(apptest.AdminGet(t, server, path), `"attributes":[`,
		`"attributes":[{"name":"badge","required":{"roles":["admin","user"]},"permissions":{"view":["admin"],"edit":["admin"]}},`, 1))
}

// TestARefusedAdoptionGivesNothing: an account that Keycloak does not let the tenant take over gets
// no groups, no roles and no link.
func TestARefusedAdoptionGivesNothing(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{"groups and roles": joiningMapping, "a link": linkTo("idp")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, keycloaktest.Real(t), apptest.AdoptUnowned)
			b := c.Realm
			c.Provider(t, "", "x@idp.test")
			apptest.Patient{Bridge: b, Server: c.Server}.Right(t, "view-identity-providers", true)
			b.MakeGroup(t, "everyone", keycloak.GroupID{})
			b.AddRole(t, c.Server, "employee")
			b.UseMapping(t, b.Realm, file)
			id := b.MakeAccount(t, "bob", true).String()
			requireBadge(t, c.Server, b.Realm)
			before := beside(t, b, c.Server, id)
			if _, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"bob","externalId":"E-bob"}`); err == nil {
				t.Fatal("an account that breaks the user profile was taken over")
			}
			if after := beside(t, b, c.Server, id); after != before {
				t.Errorf("before the refused adoption: %s\nafter it: %s", before, after)
			}
		})
	}
}

// TestARefusedReturnGivesNothing: a user who left the tenant and returns with another user's
// address is refused, and gets no groups and no roles of the tenant.
func TestARefusedReturnGivesNothing(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, server, apptest.EachTenant(func(t *config.Tenant) { t.Scope, t.OnDelete = config.ScopeOwned, config.OnDeleteLeave }))
	everyone := b.MakeGroup(t, "everyone", keycloak.GroupID{})
	b.AddRole(t, server, "employee")
	b.UseMapping(t, b.Realm, joiningMapping)
	id := b.Create(t, "/Users", `{"userName":"ann"}`)
	b.Must(t, http.MethodDelete, "/Users/"+id, "")
	if err := b.Admin.RemoveMember(t.Context(), apptest.UserID(t, id), everyone); err != nil {
		t.Fatal(err)
	}
	b.MakeAccount(t, "other", true)
	before := beside(t, b, server, id)
	b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"ann","emails":[{"value":"other@acme.test"}]}`)
	if after := beside(t, b, server, id); after != before {
		t.Errorf("before the refused return: %s\nafter it: %s", before, after)
	}
	if again := b.Create(t, "/Users", `{"userName":"ann"}`); again != id {
		t.Errorf("the account that left is not used again: %s is a new account", again)
	}
}

// TestARefusedRehireChangesNothing: a user who is created again with another user's name or address
// is refused, and keeps groups and roles.
func TestARefusedRehireChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRehiring(t, keycloaktest.Real(t), func(*config.Tenant) {})
	b := r.Realm
	id, _ := r.hire(t, b, "jane@acme.test", "E1")
	b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
	b.MakeAccount(t, "other", true)
	before := beside(t, b, r.Server, id)
	for _, body := range []string{`{"userName":"other","externalId":"E1"}`, `{"userName":"jane2","externalId":"E1","emails":[{"value":"other@acme.test"}]}`} {
		b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", body)
		if after := beside(t, b, r.Server, id); after != before {
			t.Errorf("%s: before the refused revival: %s\nafter it: %s", body, before, after)
		}
	}
}

// TestAnAccountThatWasTakenOverComesBack to an organization like an account that the tenant
// created: enabled, and as its creation says.
func TestAnAccountThatWasTakenOverComesBack(t *testing.T) {
	t.Parallel()
	for _, policy := range []config.OnDelete{config.OnDeleteDisable, config.OnDeleteLeave} {
		for _, kind := range []string{"made", "taken over"} {
			t.Run(kind+", "+string(policy), func(t *testing.T) {
				t.Parallel()
				c := apptest.NewCustomers(t, keycloaktest.Real(t), apptest.EachTenant(func(t *config.Tenant) {
					t.Adopt = config.AdoptUnowned
					if t.Organization != "" {
						t.OnDelete = policy
					}
				}))
				b := c.Of["acme"]
				b.UseMapping(t, tenant.OrganizationPath(b.Realm, "acme"), "version: 1\nusers: { password: accept }\n")
				if kind == "taken over" {
					b.MakeAccount(t, "ann", true)
				}
				id := b.Create(t, "/Users", `{"userName":"ann","title":"Old","emails":[{"value":"ann@acme.test"}]}`)
				b.Must(t, http.MethodDelete, "/Users/"+id, "")
				got := b.Must(t, http.MethodPost, "/Users", `{"userName":"ann","name":{"givenName":"Ann","familyName":"Lee"},"password":"New-secret-1","emails":[{"value":"ann2@acme.test"}]}`)
				user := b.InKeycloak(t, id)
				if got["id"] != id || got["title"] != nil || !user.Enabled || user.Email != "ann2@acme.test" || !b.CanLogIn(t, c.Server, "ann", "New-secret-1") {
					t.Errorf("the answer is %v, the account %+v", got, user)
				}
			})
		}
	}
}
