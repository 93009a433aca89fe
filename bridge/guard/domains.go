package guard

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// domain takes a change of an identifier at an organization: an address that is new and one that
// goes must be in a verified domain of it, so that nobody claims the addresses of others. A user
// name with an @ is an address.
func (c change) domain(f tenant.Fitness) error {
	for _, address := range []string{c.old, c.new} {
		if domain := tenant.DomainOf(address); strings.Contains(address, "@") && !slices.Contains(f.Domains, domain) {
			return DomainError{c.attribute, domain}
		}
	}
	return nil
}
