package guard

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// domain takes a change of an identifier at an organization: an address that is new and one that
// goes must be in a verified domain of it, so that nobody claims the addresses of others. A user
// name with an @ is an address.
func (c change) domain(f tenant.Fitness) error {
	for _, address := range []string{c.old, c.new} {
		if domain := tenant.DomainOf(address); strings.Contains(address, "@") && !slices.Contains(f.Domains, domain) {
			return scim.Forbidden(codeDomain, "nothing was changed: %s is in the domain %q, which is no verified domain of the organization; have it added and verified in Keycloak, or the operator allow any domain for this endpoint",
				c.attribute, domain)
		}
	}
	return nil
}
