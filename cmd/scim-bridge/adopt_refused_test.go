package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// joiningMapping has new users join a group and get a role.
const joiningMapping = "version: 1\ngrantableRoles: [employee]\nusers:\n  defaultGroups: [/everyone]\n  roles: [{ grant: [employee] }]\n"

// beside is what an account has beside itself, as Keycloak says.
func (b testBridge) beside(t *testing.T, server keycloaktest.Server, id string) string {
	t.Helper()
	path := "/admin/realms/" + b.realm + "/users/" + id
	return strings.Join([]string{
		"groups", adminGet(t, server, path+"/groups"), "roles", b.rolesOf(t, id), "links", adminGet(t, server, path+"/federated-identity"),
	}, " ")
}

// requireBadge has the realm refuse every account without a badge.
func requireBadge(t *testing.T, server keycloaktest.Server, realm string) {
	t.Helper()
	path := "/admin/realms/" + realm + "/users/profile"
	adminSend(t, server, http.MethodPut, path, strings.Replace(adminGet(t, server, path), `"attributes":[`,
		`"attributes":[{"name":"badge","required":{"roles":["admin","user"]},"permissions":{"view":["admin"],"edit":["admin"]}},`, 1))
}

// TestARefusedAdoptionGivesNothing: an account that Keycloak does not let the tenant take over gets neither
// groups nor roles nor a link.
func TestARefusedAdoptionGivesNothing(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{"groups and roles": joiningMapping, "a link": linkTo("idp")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, keycloaktest.Real(t), adoptUnowned)
			b := c.realm
			c.provider(t, "", "x@idp.test")
			patient{b, c.server}.right(t, "view-identity-providers", true)
			b.group(t, "everyone", keycloak.GroupID{})
			b.addRole(t, c.server, "employee")
			b.useMapping(t, b.realm, file)
			id := b.account(t, "bob", true).String()
			requireBadge(t, c.server, b.realm)
			before := b.beside(t, c.server, id)
			if _, err := b.send(t, http.MethodPost, "/Users", `{"userName":"bob","externalId":"E-bob"}`); err == nil {
				t.Fatal("an account that breaks the user profile was taken over")
			}
			if after := b.beside(t, c.server, id); after != before {
				t.Errorf("before the refused adoption: %s\nafter it: %s", before, after)
			}
		})
	}
}

// TestARefusedReturnGivesNothing: who left the tenant and comes back with an address of somebody else is
// refused, and stays out of its groups and roles.
func TestARefusedReturnGivesNothing(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := newBridgeOn(t, server, eachTenant(func(t *config.Tenant) { t.Scope, t.OnDelete = config.ScopeOwned, config.OnDeleteLeave }))
	everyone := b.group(t, "everyone", keycloak.GroupID{})
	b.addRole(t, server, "employee")
	b.useMapping(t, b.realm, joiningMapping)
	id := b.create(t, "/Users", `{"userName":"ann"}`)
	b.must(t, http.MethodDelete, "/Users/"+id, "")
	if err := b.admin.RemoveMember(t.Context(), userID(t, id), everyone); err != nil {
		t.Fatal(err)
	}
	b.account(t, "other", true)
	before := b.beside(t, server, id)
	b.refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"ann","emails":[{"value":"other@acme.test"}]}`)
	if after := b.beside(t, server, id); after != before {
		t.Errorf("before the refused return: %s\nafter it: %s", before, after)
	}
	if again := b.create(t, "/Users", `{"userName":"ann"}`); again != id {
		t.Errorf("the account that left is not taken up: %s is a new one", again)
	}
}

// TestARefusedRevivalTakesNothing: who is created anew under the name or the address of somebody else is
// refused, and keeps groups and roles.
func TestARefusedRevivalTakesNothing(t *testing.T) {
	t.Parallel()
	r := newRehiring(t, keycloaktest.Real(t), func(*config.Tenant) {})
	b := r.realm
	id, _ := r.hire(t, b, "jane@acme.test", "E1")
	b.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"active","value":false}`))
	b.account(t, "other", true)
	before := b.beside(t, r.server, id)
	for _, body := range []string{`{"userName":"other","externalId":"E1"}`, `{"userName":"jane2","externalId":"E1","emails":[{"value":"other@acme.test"}]}`} {
		b.refused(t, http.StatusConflict, http.MethodPost, "/Users", body)
		if after := b.beside(t, r.server, id); after != before {
			t.Errorf("%s: before the refused revival: %s\nafter it: %s", body, before, after)
		}
	}
}

// TestAnAccountThatWasTakenOverComesBack to an organization as one that the tenant made does: enabled, and
// as its creation says.
func TestAnAccountThatWasTakenOverComesBack(t *testing.T) {
	t.Parallel()
	for _, policy := range []config.OnDelete{config.OnDeleteDisable, config.OnDeleteLeave} {
		for _, kind := range []string{"made", "taken over"} {
			t.Run(kind+", "+string(policy), func(t *testing.T) {
				t.Parallel()
				c := newCustomers(t, keycloaktest.Real(t), eachTenant(func(t *config.Tenant) {
					t.Adopt = config.AdoptUnowned
					if t.Organization != "" {
						t.OnDelete = policy
					}
				}))
				b := c.of["acme"]
				b.useMapping(t, tenant.OrganizationPath(b.realm, "acme"), "version: 1\nusers: { password: accept }\n")
				if kind == "taken over" {
					b.account(t, "ann", true)
				}
				id := b.create(t, "/Users", `{"userName":"ann","title":"Old","emails":[{"value":"ann@acme.test"}]}`)
				b.must(t, http.MethodDelete, "/Users/"+id, "")
				got := b.must(t, http.MethodPost, "/Users", `{"userName":"ann","name":{"givenName":"Ann","familyName":"Lee"},"password":"New-secret-1","emails":[{"value":"ann2@acme.test"}]}`)
				user := b.user(t, id)
				if got["id"] != id || got["title"] != nil || !user.Enabled || user.Email != "ann2@acme.test" || !b.canLogIn(t, c.server, "ann", "New-secret-1") {
					t.Errorf("the answer is %v, the account %+v", got, user)
				}
			})
		}
	}
}
