package tenant

import (
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Listed names what the operator protects in a realm beside its administrators.
type Listed struct {
	Users  []string // user names
	Groups []string // paths; their members are protected too
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
}

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
