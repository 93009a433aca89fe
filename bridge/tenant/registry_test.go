package tenant_test

import (
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// TestSwapKeepsWhatCameMeanwhile: a tenant that was made from an old tenant does not restore what
// was removed from the old tenant, such as a token.
func TestSwapKeepsWhatCameMeanwhile(t *testing.T) {
	t.Parallel()
	old, fromOld, revoked := &tenant.Tenant{Path: "acme"}, &tenant.Tenant{Path: "acme"}, &tenant.Tenant{Path: "acme"}
	r, err := tenant.NewRegistry(old)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Swap(old, revoked) || r.ByPath("acme") != revoked {
		t.Error("the tenant was not replaced")
	}
	if r.Swap(old, fromOld) || r.ByPath("acme") != revoked {
		t.Error("a tenant was replaced by one that was made of its predecessor")
	}
}

// TestScopes: names and scopes convert into each other, and no names mean all scopes.
func TestScopes(t *testing.T) {
	t.Parallel()
	for s := tenant.Scopes(1); s <= tenant.AllScopes; s++ {
		if got := tenant.ScopesOf(s.Names()); got != s {
			t.Errorf("ScopesOf(%v) = %d, want %d", s.Names(), got, s)
		}
	}
	if tenant.ScopesOf(nil) != tenant.AllScopes || !tenant.AllScopes.Has(tenant.Bulk) || tenant.UsersRead.Has(tenant.UsersRead|tenant.Bulk) {
		t.Error("no names are all scopes, and a part is not the whole")
	}
	if got := tenant.ScopesOf([]config.TokenScope{"bulk", "users:read"}).String(); got != "users:read bulk" {
		t.Errorf("String() = %q", got)
	}
}
