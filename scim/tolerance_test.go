package scim_test

import (
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestADotAfterAURNIsRefusedElsewhere: where the dot is not accepted as a colon, the value would be kept in another
// extension, where nobody looks for it.
func TestADotAfterAURNIsRefusedElsewhere(t *testing.T) {
	t.Parallel()
	rt := scim.UserType().Under(scim.Tolerant.Without(scim.DotAfterURN))
	for _, path := range []string{scim.EnterpriseUserURN + ".department", scim.UserURN + ".title", "urn:acme:partner:2.0:User.badge", "URN:ACME:partner:2.0:USER.badge"} {
		if p, err := rt.Resolve(path); err == nil || errorOf(t, err).Type != scim.InvalidPath {
			t.Errorf("%s = %+v, %v", path, p, err)
		}
		if _, err := scim.UserType().Resolve(path); err != nil {
			t.Errorf("%s, tolerant: %v", path, err)
		}
	}
	if p, err := rt.Resolve("urn:acme:partner:2.0:User:badge.color"); err != nil || p.Name != "badge" || p.Sub != "color" {
		t.Errorf("a part of an attribute = %+v, %v", p, err)
	}
}
