package tenant

import (
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Listed names what the operator protects in a realm beside its administrators.
type Listed struct {
	Users  []string // user names, or ids behind config.NamedByID
	Groups []string // paths, or such ids; their members are protected too

	// Policies says that they are among these whom policies of permissions name that nobody can read.
	Policies bool
	// Delegated says that who administers by a permission is not even deactivated.
	Delegated bool
}

// Protected is what SCIM may not write in a realm, as of one look at it: by the ids of those
// who hold a right of the Admin API by any way, by a role or by a fine-grained permission, or are
// listed, and of the groups by which one becomes such a user. It is fixed once it is made; nil protects nothing.
type Protected struct {
	At         time.Time           // of the look
	Management keycloak.ClientUUID // whose roles are the rights of the Admin API

	Users           map[string]bool
	Groups          map[string]bool
	ServiceAccounts map[string]bool // which no tenant has as users
	// Names are the user names of protected users, by id, where permissions stand in the place of
	// manage-users: one may forbid the bridge to read a user by the id, who is found by the name then.
	Names map[string]string
	Mixed map[string]bool // organizations, by their ids, of which a service account is a member
	// Dormant are the names that the accounts of clients have, if they have any, which may use
	// none: of an imported realm some have.
	Dormant map[string]bool

	// Delegates are those who administer by a permission alone. They can be deactivated.
	Delegates map[string]bool
	// Roles are the ids of those by which one becomes a delegate.
	Roles map[string]bool
	// Alike are the paths by which a group counts as one of a permission.
	Alike []Alike
	// Unknown says why nobody can tell who administers the realm, "" where that is known. Nothing is
	// written then.
	Unknown string

	// Kept are the groups that are neither renamed nor deleted, while their members may change:
	// what mappings name, and whatever stands above that or above what is protected.
	Kept map[string]bool
	// Parents are the groups below which tenants have theirs.
	Parents map[string]Parent
	// Above are the ids of the groups above one that a mapping names or that is protected, the nearest
	// first.
	Above map[string][]string
}

// Parent is a group below which tenants have their groups.
type Parent struct {
	Tenants []string // paths; one, but for a mistake
}

// Others reports whether a tenant that is not at path has its groups there.
func (p Parent) Others(path string) bool {
	return slices.ContainsFunc(p.Tenants, func(t string) bool { return t != path })
}

// Keeps reports whether a group must keep its name and its place.
func (p *Protected) Keeps(id string) bool { return p != nil && p.Kept[id] }

// OthersParent reports whether a tenant that is not at path has its groups below a group.
func (p *Protected) OthersParent(id, path string) bool { return p != nil && p.Parents[id].Others(path) }

// User reports whether a user is protected altogether.
func (p *Protected) User(id string) bool { return p != nil && p.Users[id] }

// Name is the user name of a protected user, where Names has it; else "".
func (p *Protected) Name(id string) string {
	if p.User(id) || p.Delegate(id) {
		return p.Names[id]
	}
	return ""
}

// Delegate reports whether a user can be deactivated, and nothing else.
func (p *Protected) Delegate(id string) bool { return p != nil && p.Delegates[id] }

// Administers reports whether a role itself makes an administrator of who has it.
func (p *Protected) Administers(r keycloak.Role) bool {
	return p != nil && (r.ContainerID == p.Management.String() || p.Roles[r.ID])
}

// Group reports whether a group is protected.
func (p *Protected) Group(id string) bool { return p != nil && p.Groups[id] }

// NameOf is how a role that administers is told of.
func (p *Protected) NameOf(r keycloak.Role) string {
	if p != nil && p.Roles[r.ID] {
		return "the role " + r.Name + " of a fine-grained permission"
	}
	return "the right " + r.Name + " of realm-management"
}

// ServiceAccount reports whether an id is that of a service account.
func (p *Protected) ServiceAccount(id string) bool { return p != nil && p.ServiceAccounts[id] }

// Mixes reports whether Keycloak counts a service account among the members of an organization.
func (p *Protected) Mixes(organization string) bool { return p != nil && p.Mixed[organization] }

// clockSkew is how far Keycloak's clock may be from the bridge's.
const clockSkew = 5 * time.Minute

// Covers reports whether the look would have found that a user is a service account: the user was
// made before it, by Keycloak's clock, and is not called like the account of a client that was
// not asked.
func (p *Protected) Covers(u keycloak.User) bool {
	return p != nil && !u.Created.IsZero() && u.Created.Before(p.At.Add(-clockSkew)) && !p.Dormant[strings.ToLower(u.Username)]
}

// Alike is the path of a group of a permission, and which other paths Keycloak takes for it.
type Alike struct {
	Path   string
	Below  bool // those that go on with a slash
	Prefix bool // those that go on with anything
}

// Has reports whether Keycloak takes a path for that of the group.
func (a Alike) Has(path string) bool {
	return path == a.Path || a.Below && strings.HasPrefix(path, a.Path+"/") || a.Prefix && strings.HasPrefix(path, a.Path)
}

// Takes reports whether the members of a group with a path would administer the realm by a permission,
// or those of a group below it: it would stand where a group above that of the permission does.
func (p *Protected) Takes(path string) bool {
	return p != nil && path != "" && slices.ContainsFunc(p.Alike, func(a Alike) bool { return a.Has(path) || strings.HasPrefix(a.Path, path+"/") })
}
