package guard_test

import (
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestSecurity_7_Adoptable: the owner of an account decides, before Keycloak is asked anything. No
// test server has a user federation.
func TestSecurity_7_Adoptable(t *testing.T) {
	t.Parallel()
	fitness := tenant.Fitness{Protected: &tenant.Protected{
		Users: map[string]bool{"admin": true}, ServiceAccounts: map[string]bool{"service": true},
	}}
	for id, c := range map[string]struct {
		user keycloak.User
		want string
	}{
		"free":    {keycloak.User{}, ""},
		"admin":   {keycloak.User{}, "it is protected"},
		"service": {keycloak.User{}, "it is a service account"},
		"owned":   {keycloak.User{Attributes: map[string][]string{mapping.AttrOwner: {"other"}}}, "a tenant owns it"},
		"left":    {keycloak.User{Attributes: map[string][]string{mapping.AttrOwner: {"left|other"}}}, "a tenant owns it"},
		"ldap":    {keycloak.User{FederationLink: "5f0c"}, "it comes from a user federation"},
	} {
		parsed, err := keycloak.ParseUserID(id)
		if err != nil {
			t.Fatal(err)
		}
		c.user.ID = id
		got, err := guard.Adoptable(t.Context(), nil, &tenant.Tenant{}, fitness, parsed, c.user)
		if err != nil || got.Refusal != c.want {
			t.Errorf("%s: %q, %v, want %q", id, got.Refusal, err, c.want)
		}
	}
}

// TestTheOperatorAdoptsAnAccountThatItsOwnerDeleted, and no account that is refused for another reason.
func TestTheOperatorAdoptsAnAccountThatItsOwnerDeleted(t *testing.T) {
	t.Parallel()
	fitness := tenant.Fitness{Protected: &tenant.Protected{Users: map[string]bool{"admin": true}}}
	left := map[string][]string{mapping.AttrOwner: {"left|other"}}
	for _, c := range []struct {
		user     keycloak.User
		answered bool
		want     string
	}{
		{keycloak.User{ID: "left", Attributes: left}, false, ""},
		{keycloak.User{ID: "owned", Attributes: map[string][]string{mapping.AttrOwner: {"other"}}}, true, "a tenant owns it"},
		{keycloak.User{ID: "free"}, true, ""},
		{keycloak.User{ID: "admin", Attributes: left}, false, "it is protected"},
		{keycloak.User{ID: "ldap", Attributes: left, FederationLink: "5f0c"}, false, "it comes from a user federation"},
	} {
		id, err := keycloak.ParseUserID(c.user.ID)
		if err != nil {
			t.Fatal(err)
		}
		got, err := guard.AdoptableByOperator(t.Context(), nil, &tenant.Tenant{}, fitness, id, c.user, c.answered)
		if err != nil || got.Refusal != c.want {
			t.Errorf("%s: %q, %v, want %q", c.user.ID, got.Refusal, err, c.want)
		}
	}
}
