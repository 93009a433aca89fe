package mapping

import (
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Mapping says how the resources of a tenant are stored. It is immutable and safe for concurrent
// use.
type Mapping struct {
	User  *scim.ResourceType
	Group *scim.ResourceType

	// Fingerprint differs between mappings that store or show anything differently. It is the same after a restart.
	Fingerprint string

	// Password says what the bridge does with a password from a client.
	Password config.Password
	// EmailVerified says whether an address from a client counts as verified.
	EmailVerified bool

	// DefaultGroups are the groups that a new user joins, by paths or ids (config.GroupPath).
	DefaultGroups []string
	// GroupParent is the group below which the tenant's groups live, by its path or id; "" for the
	// top level.
	GroupParent string

	users   kind
	foreign kind // for users whose accounts the tenant does not own
	groups  kind

	userRoles   []roleRule
	groupRoles  map[string][]keycloak.RoleName // by displayName
	listedRoles []keycloak.RoleName            // all roles that the file may grant: grantableRoles and managedRoles
	ownedRoles  []keycloak.RoleName            // managedRoles
	// roleLanguage is the language of the conditions in userRoles; nil without conditions.
	roleLanguage *language

	link *link // nil without users.link
}

// Resolved holds the groups and roles that the names of a mapping mean in a realm, as the last read
// of the realm found them (bridge/realm).
type Resolved struct {
	Groups map[string]keycloak.GroupID // by their names in the mapping
	// GroupNames are the present paths of those groups, also of groups that the mapping names by
	// id.
	GroupNames map[string]string
	Roles      map[keycloak.RoleName]keycloak.Role
}

// Groups returns all groups that must exist, by their names in the mapping.
func (m *Mapping) Groups() []string {
	if m.GroupParent == "" {
		return m.DefaultGroups
	}
	return append(slices.Clone(m.DefaultGroups), m.GroupParent)
}

// kind says how one resource type is stored.
type kind struct {
	rules      []*rule
	externalID string // Keycloak attribute that holds externalId
	userName   steps  // for users
	unmapped   config.Unmapped

	touched map[string]bool // see touch

	language *language // nil without expressions
	derived  []derived
}

// Default returns the built-in mapping of the core User, the enterprise User and the core Group,
// for clients under a profile.
func Default(p scim.Profile) *Mapping {
	m, _ := Compile(config.Mapping{}, config.Source{}, p) // an empty file has no problem
	return m
}

// ChangesPasswords reports whether a client can change the password of a user.
func (m *Mapping) ChangesPasswords() bool { return m.Password == config.PasswordAccept }

// Profile returns the profile of the tenant's clients.
func (m *Mapping) Profile() scim.Profile { return m.User.Profile }

// Types returns the resource types of the tenant, in the order of /ResourceTypes.
func (m *Mapping) Types() []*scim.ResourceType {
	return []*scim.ResourceType{m.User, m.Group}
}

// Lookup finds the resources whose attribute equals a text, by a search for a Keycloak attribute.
// The search finds at least these resources.
type Lookup struct{ rule *rule }

// UserLookup returns the Lookup for users by the attribute at a path; ok is false when Keycloak
// cannot search for it.
func (m *Mapping) UserLookup(p scim.AttrPath) (l Lookup, ok bool) { return m.users.lookup(p, false) }

// GroupLookup is UserLookup for groups.
func (m *Mapping) GroupLookup(p scim.AttrPath) (l Lookup, ok bool) { return m.groups.lookup(p, true) }

// Query returns the search for a text; ok is false when no resource can have the text.
func (l Lookup) Query(text string) (q keycloak.AttributeQuery, ok bool) {
	value, ok := l.rule.steps.one(text)
	return keycloak.AttributeQuery{Name: l.rule.target, Value: value}, ok && storable(value)
}

// UserExternalID returns the Keycloak attribute that holds the externalId of users.
func (m *Mapping) UserExternalID() string { return m.users.externalID }

// GroupExternalID returns the Keycloak attribute that holds the externalId of groups.
func (m *Mapping) GroupExternalID() string { return m.groups.externalID }

// StoredUserName returns the form in which a userName is stored and searched.
func (m *Mapping) StoredUserName(text string) string {
	if mapped, ok := m.users.userName.one(text); ok {
		text = mapped
	}
	return scim.PrepareUserName(text)
}

func (k kind) lookup(p scim.AttrPath, exact bool) (Lookup, bool) {
	for _, r := range k.rules {
		if r.path.URN == p.URN && r.path.Name == p.Name && r.path.Sub == p.Sub && r.searchable(exact) {
			return Lookup{r}, true
		}
	}
	return Lookup{}, false
}

// searchable reports whether a look-up of the target finds every resource that equals a text. exact
// says that Keycloak compares the target case-sensitively.
func (r *rule) searchable(exact bool) bool {
	text := r.leaf.Type == scim.TypeString || r.leaf.Type == scim.TypeReference
	folds := slices.ContainsFunc(r.steps, func(s step) bool { return s.folds })
	return text && r.filter == nil && !r.field && !r.steps.split() && !r.steps.join() && (!exact || r.leaf.CaseExact || folds)
}
