package tenant

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// AdoptionRefusal is the reason why a tenant may not take an account over, for the operator; ""
// when it may.
type AdoptionRefusal string

// The reasons that the representation of an account and the last read of the realm show.
const (
	IsServiceAccount AdoptionRefusal = "it is a service account"
	IsProtected      AdoptionRefusal = "it is protected"
	IsOwned          AdoptionRefusal = "a tenant owns it"
	IsFederated      AdoptionRefusal = "it comes from a user federation"
	OfNoDomain       AdoptionRefusal = "its address is in no verified domain of the organization"
	IsUnverified     AdoptionRefusal = "its address is not verified"
)

// Remedy returns what the operator can do about a refusal, after a colon, or "".
func (why AdoptionRefusal) Remedy() string {
	switch why {
	case OfNoDomain:
		return ": give the account an address in a verified domain, or add its domain to the organization and verify it"
	case IsUnverified:
		return ": once you know whose the account is, switch on Email verified in Keycloak"
	case IsServiceAccount, IsProtected, IsOwned, IsFederated:
	}
	return ""
}

// RefusesAdoption returns the reason why the tenant may not take over an account, from its
// representation and the last read of the realm, or "". It runs before every call about the
// account, so that the number of calls does not show who has a name.
func (t *Tenant) RefusesAdoption(f Fitness, u keycloak.User) AdoptionRefusal {
	switch {
	case f.Protected.ServiceAccount(u.ID):
		return IsServiceAccount
	case f.Protected.User(u.ID) || f.Protected.Delegate(u.ID):
		return IsProtected
	case !mapping.Unowned(u.Attributes):
		return IsOwned
	case u.FederationLink != "":
		return IsFederated
	case t.Organization.ID.IsZero():
	case u.Email == "" || !f.IsVerified(u.Email):
		return OfNoDomain
	case !u.EmailVerified:
		return IsUnverified
	}
	return ""
}

// Unproven returns the reason why nobody can prove which person an account belongs to. It is "" when
// the account has a verified address and its user name is not another address. A tenant of the realm
// adopts unproven accounts too. The person who registered such an account chose its user name and
// knows its password. The texts continue the sentence "check whose account this is: it has ".
func Unproven(u keycloak.User) string {
	switch {
	case u.Email == "" || !u.EmailVerified:
		return "no verified address"
	case strings.Contains(u.Username, "@") && !strings.EqualFold(u.Username, u.Email):
		return "a user name that is another address than its own"
	}
	return ""
}

// DomainOf returns the domain of an address, the part after the last @. Mail goes to this domain,
// and Keycloak finds an organization by it.
func DomainOf(address string) string {
	return strings.ToLower(address[strings.LastIndex(address, "@")+1:])
}

// IsVerified reports whether an address is in a verified domain of the tenant's organization. An
// address with a second @, even in quotes, is not, because it looks like an address of another
// domain.
func (f Fitness) IsVerified(address string) bool {
	return strings.Count(address, "@") == 1 && slices.Contains(f.Domains, DomainOf(address))
}
