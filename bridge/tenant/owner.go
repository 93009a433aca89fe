package tenant

import (
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// OfKey returns the tenant of a realm that has a key, or nil.
func (r *Registry) OfKey(realm, key string) *Tenant {
	if r == nil {
		return nil
	}
	for _, t := range r.All() {
		if t.Realm == realm && t.Owner.Key == key {
			return t
		}
	}
	return nil
}

// Answers reports whether an owner of an account is still responsible for it, so that the owner's
// client can end the user's access. There is no such owner in three cases: the account left its owner, the
// owner is no longer a tenant, or the owner is an organization that no longer has the member. of
// finds the tenant of a key, or nil; member asks Keycloak whether an organization has the user.
func Answers(attributes map[string][]string, of func(key string) (*Tenant, error), member func(keycloak.OrganizationID) error) (bool, error) {
	for _, key := range mapping.Owners(attributes) {
		t, err := of(key)
		switch {
		case err != nil:
			return false, err
		case t == nil, t.Owner.Organization && t.Organization.ID.IsZero():
			continue
		case !t.Owner.Organization:
			return true, nil
		}
		err = member(t.Organization.ID)
		if err == nil || !slices.Contains([]keycloak.Kind{keycloak.NotFound, keycloak.NoOrganization}, keycloak.KindOf(err)) {
			return err == nil, err
		}
	}
	return false, nil
}
