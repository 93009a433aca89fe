package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Keyed reports whether a look-up by scim.key (LookupKey) finds a user by the externalId that the
// tenant shows. Another SCIM server writes no such key, and somebody who changes the value in
// Keycloak leaves the key of the old value. A user without an externalId needs no key: the result is
// true.
func (o Owner) Keyed(shown scim.Document, u keycloak.User) bool {
	id := shown.String(scim.AttrExternalID)
	if id == "" {
		return true
	}
	key, ok := LookupKey(o.Key, id)
	return ok && slices.Contains(u.Attributes[AttrKey], key)
}

// ShownExternalID returns the externalId that the tenant shows for a user, and whether the user is
// Keyed. It returns "" for a user without an externalId or with a damaged remainder.
func (m *Mapping) ShownExternalID(o Owner, u keycloak.User) (id string, keyed bool) {
	shown, err := m.UserResource(o, u)
	if err != nil {
		return "", true
	}
	return shown.Document.String(scim.AttrExternalID), o.Keyed(shown.Document, u)
}

// OwnerResource returns what the tenant sees of an account that it may take over, or whose adoption
// was interrupted: the whole account, with all attributes that the mapping names.
//
// An organization sees the externalId of its own record, or one that somebody wrote in Keycloak or
// with another SCIM server. It never sees an externalId that another tenant wrote, because that
// value belongs only to that tenant.
func (m *Mapping) OwnerResource(o Owner, u keycloak.User) (scim.Resource, error) {
	if o.Organization {
		seen, err := m.UserResource(o, u)
		if err != nil {
			return scim.Resource{}, err
		}
		name := m.UserExternalID()
		if seen.Document.String(scim.AttrExternalID) != "" || o.othersKey(u.Attributes, first(u.Attributes[name])) {
			u.Attributes = maps.Clone(u.Attributes)
			delete(u.Attributes, name)
		}
	}
	return m.UserResource(Owner{Key: o.Key}, u)
}

// othersKey reports whether another tenant wrote an externalId to an account with some attributes:
// the look-up key of the value is still there.
func (o Owner) othersKey(attributes map[string][]string, value string) bool {
	return value != "" && slices.ContainsFunc(o.foreign(attributes[AttrKey]), func(held string) bool {
		tenant, _, _ := strings.Cut(held, "|")
		key, _ := LookupKey(tenant, value)
		return held == key
	})
}
