package mapping

import (
	"slices"

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
