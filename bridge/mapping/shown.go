package mapping

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// UserAttribute returns the SCIM attribute that an attribute of a Keycloak user holds, as a client
// would write it. It returns "" for an attribute that holds several SCIM attributes or nothing from
// a client.
func (m *Mapping) UserAttribute(name string) string { return m.users.shown(name) }

// GroupAttribute is UserAttribute for groups.
func (m *Mapping) GroupAttribute(name string) string { return m.groups.shown(name) }

func (k kind) shown(name string) string {
	switch name {
	case k.externalID:
		return scim.AttrExternalID
	case AttrEmails:
		return scim.AttrEmails
	}
	for _, r := range k.rules {
		if !r.field && r.target == name {
			return r.String()
		}
	}
	return ""
}
