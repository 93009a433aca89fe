package guard

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// domain checks the change of an identifier at an organization. The new address and the old one
// must both be in a verified domain of the organization, so that no client claims the addresses of
// other people. A user name with an @ counts as an address.
func (c change) domain(f tenant.Fitness) error {
	for _, address := range []string{c.old, c.new} {
		if domain := tenant.DomainOf(address); strings.Contains(address, "@") && !slices.Contains(f.Domains, domain) {
			return DomainError{c.attribute, domain}
		}
	}
	return nil
}
