package guard

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// domainOf is the domain of an address. What stands behind the last @
// is where mail goes and by what Keycloak finds an organization.
func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndex(address, "@")+1:])
}

// IsVerified reports whether an address is in a verified domain of the tenant's organization.
func IsVerified(f tenant.Fitness, address string) bool {
	return slices.Contains(f.Domains, domainOf(address))
}

// Address takes the addresses of a new account, held is nil then, or of one that is to be
// changed, for a tenant of an organization: each that is new and each that goes must be in a
// verified domain of it, so that nobody claims the addresses of others. A user name with an @
// is an address. The refusal is a *scim.Error. An address is said to be verified for such
// domains alone.
func Address(t *tenant.Tenant, f tenant.Fitness, held *keycloak.User, s *mapping.UserState) error {
	if t.Organization.ID.IsZero() {
		return nil
	}
	s.EmailVerified = s.EmailVerified && IsVerified(f, s.Email)
	if t.Policy.TakesAnyDomain() {
		return nil
	}
	was := keycloak.User{}
	if held != nil {
		was = *held
	}
	for _, a := range []struct{ attribute, old, new string }{
		{scim.AttrUserName, was.Username, s.Username}, {scim.AttrEmails, was.Email, s.Email},
	} {
		if strings.EqualFold(a.old, a.new) {
			continue
		}
		for _, address := range []string{a.old, a.new} {
			if domain := domainOf(address); strings.Contains(address, "@") && !slices.Contains(f.Domains, domain) {
				return scim.Forbidden(codeDomain, "nothing was changed: %s is in the domain %q, which is no verified domain of the organization; have it added and verified in Keycloak, or the operator allow any domain for this endpoint",
					a.attribute, domain)
			}
		}
	}
	return nil
}
