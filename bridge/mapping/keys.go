package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Keyed reports whether a look-up by the key finds a user by the externalId with which the tenant
// shows it: by scim.key (LookupKey). Another SCIM server leaves none, and who changes the value in
// Keycloak leaves the key of the one before. Whoever is shown without an externalId is keyed.
func (o Owner) Keyed(shown scim.Document, u keycloak.User) bool {
	id := shown.String(scim.AttrExternalID)
	if id == "" {
		return true
	}
	key, ok := LookupKey(o.Key, id)
	return ok && slices.Contains(u.Attributes[AttrKey], key)
}

// ShownExternalID is the externalId with which the tenant shows a user, "" for none and for a user who
// cannot be read whole, and whether the user is Keyed.
func (m *Mapping) ShownExternalID(o Owner, u keycloak.User) (id string, keyed bool) {
	shown, err := m.UserResource(o, u)
	if err != nil {
		return "", true
	}
	return shown.Document.String(scim.AttrExternalID), o.Keyed(shown.Document, u)
}

// OwnerResource is what the tenant is shown of an account that it may take over, or whose adoption broke off: the
// whole account, with all attributes that the mapping names. An organization's externalId is the one of its own
// record, else the one that somebody wrote in Keycloak or by another SCIM server. It is never one that another
// tenant wrote, which is that tenant's alone.
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

// othersKey reports whether another tenant wrote an externalId to an account with some attributes: it left the
// look-up key of the value.
func (o Owner) othersKey(attributes map[string][]string, value string) bool {
	return value != "" && slices.ContainsFunc(o.foreign(attributes[AttrKey]), func(held string) bool {
		tenant, _, _ := strings.Cut(held, "|")
		key, _ := LookupKey(tenant, value)
		return held == key
	})
}
