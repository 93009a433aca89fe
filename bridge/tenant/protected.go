package tenant

import (
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Listed names what the operator protects in a realm beside its administrators.
type Listed struct {
	Users  []string // user names, or ids behind config.NamedByID
	Groups []string // paths, or such ids; their members are protected too
}

// Protected is what SCIM may not write in a realm, as of one look at it: by the ids of those
// who hold a right of the Admin API by any way or are listed, and of the groups by which one
// becomes such a user. It is fixed once it is made; nil protects nothing.
type Protected struct {
	At         time.Time           // of the look
	Management keycloak.ClientUUID // whose roles are the rights of the Admin API

	Users           map[string]bool
	Groups          map[string]bool
	ServiceAccounts map[string]bool // which no tenant has as users
	Mixed           map[string]bool // organizations, by their ids, of which a service account is a member

	// Kept are the groups that are neither renamed nor deleted, while their members may change:
	// what mappings name, and whatever stands above that or above what is protected.
	Kept map[string]bool
	// Parents are the groups below which tenants have theirs.
	Parents map[string]Parent
}

// Parent is a group below which tenants have their groups.
type Parent struct {
	Tenants []string // paths; one, but for a mistake
	Above   []string // the ids of the groups above it, the nearest first
}

// Others reports whether a tenant that is not at path has its groups there.
func (p Parent) Others(path string) bool {
	return slices.ContainsFunc(p.Tenants, func(t string) bool { return t != path })
}

// Keeps reports whether a group must keep its name and its place.
func (p *Protected) Keeps(id string) bool { return p != nil && p.Kept[id] }

// OthersParent reports whether a tenant that is not at path has its groups below a group.
func (p *Protected) OthersParent(id, path string) bool { return p != nil && p.Parents[id].Others(path) }

// User reports whether a user is protected.
func (p *Protected) User(id string) bool { return p != nil && p.Users[id] }

// Group reports whether a group is protected.
func (p *Protected) Group(id string) bool { return p != nil && p.Groups[id] }

// ServiceAccount reports whether an id is that of a service account.
func (p *Protected) ServiceAccount(id string) bool { return p != nil && p.ServiceAccounts[id] }

// Mixes reports whether Keycloak counts a service account among the members of an organization.
func (p *Protected) Mixes(organization string) bool { return p != nil && p.Mixed[organization] }

// clockSkew is how far Keycloak's clock may be from the bridge's.
const clockSkew = 5 * time.Minute

// Covers reports whether the look knows all service accounts that were made at a time of
// Keycloak's clock, zero for one that is not known.
func (p *Protected) Covers(made time.Time) bool {
	return p != nil && !made.IsZero() && made.Before(p.At.Add(-clockSkew))
}
