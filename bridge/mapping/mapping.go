package mapping

import "github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"

// Mapping is how the resources of a tenant are stored. It is immutable and safe
// for concurrent use.
type Mapping struct {
	User  *scim.ResourceType
	Group *scim.ResourceType

	rules []rule
}

// rule stores a simple, single-valued attribute of the User in a Keycloak
// attribute of its own, where Keycloak can search it.
type rule struct {
	name      string // of the SCIM attribute, top level
	attribute string // of the Keycloak attribute
}

// Default is the built-in mapping of the core User, the enterprise User and the
// core Group, for clients under a profile.
func Default(p scim.Profile) *Mapping {
	return &Mapping{
		User:  scim.UserType().Under(p),
		Group: scim.GroupType().Under(p),
		rules: []rule{{name: scim.AttrDisplayName, attribute: AttrDisplayName}},
	}
}

// Profile is what the tenant's clients must keep to.
func (m *Mapping) Profile() scim.Profile { return m.User.Profile }

// Types are the resource types of the tenant, in the order of /ResourceTypes.
func (m *Mapping) Types() []*scim.ResourceType {
	return []*scim.ResourceType{m.User, m.Group}
}

// AttributeOf is the Keycloak attribute that holds a simple attribute of the User
// by a rule, so that it can be searched; ok is false when no rule does.
func (m *Mapping) AttributeOf(p scim.AttrPath) (attribute string, ok bool) {
	for _, r := range m.rules {
		if p.URN == "" && p.Sub == "" && p.Name == r.name {
			return r.attribute, true
		}
	}
	return "", false
}
