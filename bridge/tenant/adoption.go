package tenant

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// AdoptionRefusal is why a tenant may not take an account over, for the operator; "" for no reason.
type AdoptionRefusal string

// The reasons that the representation of an account and the last look at the realm tell.
const (
	IsServiceAccount AdoptionRefusal = "it is a service account"
	IsProtected      AdoptionRefusal = "it is protected"
	IsOwned          AdoptionRefusal = "a tenant owns it"
	IsFederated      AdoptionRefusal = "a user federation keeps it"
	OfNoDomain       AdoptionRefusal = "its address is in no verified domain of the organization"
	IsUnverified     AdoptionRefusal = "its address is not verified"
)

// Remedy is what the operator can do about a refusal, behind a colon, "" for nothing.
func (why AdoptionRefusal) Remedy() string {
	switch why {
	case OfNoDomain:
		return ": give the account such an address, or have the domain added to the organization and verified"
	case IsUnverified:
		return ": once you know whose the account is, switch Email verified on in Keycloak"
	case IsServiceAccount, IsProtected, IsOwned, IsFederated:
	}
	return ""
}

// RefusesAdoption says why the tenant may not take over an account, as far as its representation and the last look
// at the realm tell, "" for nothing. It comes before every call about the account, so that the number of calls does
// not tell whose a name is.
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

// Unproven says why it is not known whose an account is, which a tenant of the realm takes over nevertheless: whoever
// registered an account chose its user name and has its password. It is "" for an account whose address Keycloak
// has for verified, unless the user name is another address. The texts continue "check whose account this is: it has ".
func Unproven(u keycloak.User) string {
	switch {
	case u.Email == "" || !u.EmailVerified:
		return "no verified address"
	case strings.Contains(u.Username, "@") && !strings.EqualFold(u.Username, u.Email):
		return "a user name that is another address than its own"
	}
	return ""
}

// DomainOf is the domain of an address. What stands behind the last @ is where mail goes and by what Keycloak
// finds an organization.
func DomainOf(address string) string {
	return strings.ToLower(address[strings.LastIndex(address, "@")+1:])
}

// IsVerified reports whether an address is in a verified domain of the tenant's organization.
// One with a second @, be it in quotes, reads like an address of another domain.
func (f Fitness) IsVerified(address string) bool {
	return strings.Count(address, "@") == 1 && slices.Contains(f.Domains, DomainOf(address))
}
