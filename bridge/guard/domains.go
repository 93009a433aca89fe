package guard

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// domainOf is the domain of an address. What stands behind the last @
// is where mail goes and by what Keycloak finds an organization.
func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndex(address, "@")+1:])
}

// IsVerified reports whether an address is in a verified domain of the tenant's organization.
// One with a second @, be it in quotes, reads like an address of another domain.
func IsVerified(f tenant.Fitness, address string) bool {
	return strings.Count(address, "@") == 1 && slices.Contains(f.Domains, domainOf(address))
}

// domain takes a change of an identifier at an organization: an address that is new and one that
// goes must be in a verified domain of it, so that nobody claims the addresses of others. A user
// name with an @ is an address.
func (c change) domain(f tenant.Fitness) error {
	for _, address := range []string{c.old, c.new} {
		if domain := domainOf(address); strings.Contains(address, "@") && !slices.Contains(f.Domains, domain) {
			return scim.Forbidden(codeDomain, "nothing was changed: %s is in the domain %q, which is no verified domain of the organization; have it added and verified in Keycloak, or the operator allow any domain for this endpoint",
				c.attribute, domain)
		}
	}
	return nil
}
