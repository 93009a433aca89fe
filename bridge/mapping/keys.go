package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Keyed reports whether a look-up by the key finds a user by the externalId with which the party
// shows it: by scim.key (LookupKey). Another SCIM server leaves none, and who changes the value in
// Keycloak leaves the key of the one before. Whoever is shown without an externalId is keyed.
func (p Party) Keyed(shown scim.Document, u keycloak.User) bool {
	id := shown.String(scim.AttrExternalID)
	if id == "" {
		return true
	}
	key, ok := LookupKey(p.Key, id)
	return ok && slices.Contains(u.Attributes[AttrKey], key)
}

// ShownExternalID is the externalId with which the party shows a user, "" for none and for a user who
// cannot be read whole, and whether the user is Keyed.
func (m *Mapping) ShownExternalID(p Party, u keycloak.User) (id string, keyed bool) {
	shown, err := m.UserResource(p, u)
	if err != nil {
		return "", true
	}
	return shown.Document.String(scim.AttrExternalID), p.Keyed(shown.Document, u)
}

// OwnerResource is what the party is shown of an account that it may take over, or whose adoption broke off: the
// whole account, with all attributes that the mapping names. An organization's externalId is the one of its own
// record, else the one that somebody wrote in Keycloak or by another SCIM server. It is never one that another
// tenant wrote, which is that tenant's alone.
func (m *Mapping) OwnerResource(p Party, u keycloak.User) (scim.Resource, error) {
	if p.Organization {
		seen, err := m.UserResource(p, u)
		if err != nil {
			return scim.Resource{}, err
		}
		name := m.UserExternalID()
		if seen.Document.String(scim.AttrExternalID) != "" || p.othersKey(u.Attributes, first(u.Attributes[name])) {
			u.Attributes = maps.Clone(u.Attributes)
			delete(u.Attributes, name)
		}
	}
	return m.UserResource(Party{Key: p.Key}, u)
}

// othersKey reports whether another tenant wrote an externalId to an account with some attributes: it left the
// look-up key of the value.
func (p Party) othersKey(attributes map[string][]string, value string) bool {
	return value != "" && slices.ContainsFunc(p.foreign(attributes[AttrKey]), func(held string) bool {
		tenant, _, _ := strings.Cut(held, "|")
		key, _ := LookupKey(tenant, value)
		return held == key
	})
}
