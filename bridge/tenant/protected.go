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
}

// User reports whether a user is protected.
func (p *Protected) User(id string) bool { return p != nil && p.Users[id] }

// Group reports whether a group is protected.
func (p *Protected) Group(id string) bool { return p != nil && p.Groups[id] }

// ServiceAccount reports whether an id is that of a service account.
func (p *Protected) ServiceAccount(id string) bool { return p != nil && p.ServiceAccounts[id] }
