package guard_test

import (
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestSecurity_43_OrganizationsThatWereFoundShareNoGroups of the realm: they share a mapping, and
// would so share a parent. Before the first organization is found, the bridge does not know where
// groups live.
func TestSecurity_43_OrganizationsThatWereFoundShareNoGroups(t *testing.T) {
	t.Parallel()
	organization, err := keycloak.ParseOrganizationID("acme")
	if err != nil {
		t.Fatal(err)
	}
	parent, err := keycloak.ParseGroupID("scim")
	if err != nil {
		t.Fatal(err)
	}
	fitness := tenant.Fitness{Resolved: mapping.Resolved{Groups: map[string]keycloak.GroupID{"/scim": parent}}}
	for _, found := range []bool{false, true} {
		of := &tenant.Tenant{Organization: tenant.Organization{ID: organization}, Mapping: &mapping.Mapping{GroupParent: "/scim"}, Found: found}
		if _, err := guard.For(of, fitness, nil).GroupParent(); (err == nil) == found {
			t.Errorf("found: %t has groups of the realm: %v", found, err)
		}
	}
}
