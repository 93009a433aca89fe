package tenant

import (
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Listed names the users and groups that the operator protects in a realm, besides its
// administrators.
type Listed struct {
	Users  []string // user names, or ids with the prefix config.NamedByID
	Groups []string // paths, or ids with this prefix; the members are protected too

	// Policies says that the listed users and groups include everybody who is named by a policy
	// that the bridge cannot read.
	Policies bool
	// Delegated says that a user who administers by a permission cannot even be deactivated.
	Delegated bool
}

// Protected is what SCIM may not write in a realm, as of one read of the realm. Users are
// protected, by their ids, when they hold a right of the Admin API in any way (by a role or by a
// fine-grained permission) or are listed. Groups are protected when they make their members such
// users. The value does not change once it is made; nil protects nothing.
type Protected struct {
	At         time.Time           // time of the read
	Management keycloak.ClientUUID // the client whose roles are the rights of the Admin API

	Users           map[string]bool
	Groups          map[string]bool
	ServiceAccounts map[string]bool // accounts that are no users of any tenant
	// Names are the user names of protected users, by id, when permissions replace manage-users. A
	// permission may forbid the bridge to read a user by the id; the bridge then finds the user by
	// the name.
	Names map[string]string
	Mixed map[string]bool // ids of organizations that have a service account as a member
	// Dormant are the possible names of service accounts of clients that may not use one. In an
	// imported realm such an account can exist.
	Dormant map[string]bool

	// Delegates are users who administer only by a permission. They can be deactivated.
	Delegates map[string]bool
	// Roles are the ids of the roles that make a user a delegate.
	Roles map[string]bool
	// Alike are paths that Keycloak treats like a group of a permission.
	Alike []Alike
	// Unknown is the reason why the bridge cannot tell who administers the realm, or "". Nothing is
	// written while it is set.
	Unknown string

	// Kept are the groups that must not be renamed or deleted, although their members may change:
	// groups that mappings name, and all groups above these or above a protected group.
	Kept map[string]bool
	// Parents are the groups below which tenants have their groups.
	Parents map[string]Parent
	// Above are the ids of the groups above a group that a mapping names or that is protected, the
	// nearest first.
	Above map[string][]string
}

// Parent is a group below which tenants have their groups.
type Parent struct {
	Tenants []string // paths; several only when the configuration is wrong
}

// Others reports whether a tenant that is not at path has its groups there.
func (p Parent) Others(path string) bool {
	return slices.ContainsFunc(p.Tenants, func(t string) bool { return t != path })
}

// Keeps reports whether a group must keep its name and its place.
func (p *Protected) Keeps(id string) bool { return p != nil && p.Kept[id] }

// OthersParent reports whether a tenant that is not at path has its groups below a group.
func (p *Protected) OthersParent(id, path string) bool { return p != nil && p.Parents[id].Others(path) }

// User reports whether a user is fully protected.
func (p *Protected) User(id string) bool { return p != nil && p.Users[id] }

// Name returns the user name of a protected user from Names, or "".
func (p *Protected) Name(id string) string {
	if p.User(id) || p.Delegate(id) {
		return p.Names[id]
	}
	return ""
}

// Delegate reports whether a user can be deactivated, but not changed otherwise.
func (p *Protected) Delegate(id string) bool { return p != nil && p.Delegates[id] }

// Administers reports whether a role itself makes its holders administrators.
func (p *Protected) Administers(r keycloak.Role) bool {
	return p != nil && (r.ContainerID == p.Management.String() || p.Roles[r.ID])
}

// Group reports whether a group is protected.
func (p *Protected) Group(id string) bool { return p != nil && p.Groups[id] }

// NameOf returns the words for a role that administers, for messages.
func (p *Protected) NameOf(r keycloak.Role) string {
	if p != nil && p.Roles[r.ID] {
		return "the role " + r.Name + " of a fine-grained permission"
	}
	return "the right " + r.Name + " of realm-management"
}

// ServiceAccount reports whether an id belongs to a service account.
func (p *Protected) ServiceAccount(id string) bool { return p != nil && p.ServiceAccounts[id] }

// Mixes reports whether Keycloak counts a service account among the members of an organization.
func (p *Protected) Mixes(organization string) bool { return p != nil && p.Mixed[organization] }

// clockSkew is how far Keycloak's clock may differ from the bridge's.
const clockSkew = 5 * time.Minute

// Covers reports whether the read of the realm would have found out that a user is a service
// account. This is so when Keycloak's clock says that the user was created before the read, and the
// user does not have the name of a service account that was not read.
func (p *Protected) Covers(u keycloak.User) bool {
	return p != nil && !u.Created.IsZero() && u.Created.Before(p.At.Add(-clockSkew)) && !p.Dormant[strings.ToLower(u.Username)]
}

// Alike is the path of a group of a permission, with the other paths that Keycloak treats like it.
type Alike struct {
	Path   string
	Below  bool // also paths that continue with a slash
	Prefix bool // also paths that continue with any character
}

// Has reports whether Keycloak treats a path like the path of the group.
func (a Alike) Has(path string) bool {
	return path == a.Path || a.Below && strings.HasPrefix(path, a.Path+"/") || a.Prefix && strings.HasPrefix(path, a.Path)
}

// Takes reports whether the members of a group with a path, or of a group below it, would
// administer the realm by a permission. This includes a path above the path of the permission's
// group.
func (p *Protected) Takes(path string) bool {
	return p != nil && path != "" && slices.ContainsFunc(p.Alike, func(a Alike) bool { return a.Has(path) || strings.HasPrefix(a.Path, path+"/") })
}
