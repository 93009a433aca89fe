package guard

import (
	"fmt"
	"strings"
	"time"
)

// Error is what the walls refuse: one of the types below.
//
//sumtype:decl
type Error interface {
	error
	refused()
}

func (ProtectedError) refused() {}
func (KeptError) refused()      {}
func (RoleError) refused()      {}
func (PathError) refused()      {}
func (NameError) refused()      {}
func (DomainError) refused()    {}
func (HeldError) refused()      {}

// ProtectedError is a write to users or groups that SCIM may not write: nothing was changed.
type ProtectedError struct {
	Resource string   // "user" or "group"
	IDs      []string // which the client may know
	Why      string   // for the log
	// Delegate says that the user can be deactivated nevertheless.
	Delegate bool
}

// Error is for the log.
func (e ProtectedError) Error() string {
	return "a write to a protected " + e.Resource + ": " + strings.Join(e.IDs, ", ") + " " + e.Why
}

// why is as far as a look at the realm tells.
const why = "administers the realm or is protected by the configuration"

// ProtectedUsers refuses a write to users that the last look at the realm found protected.
func ProtectedUsers(ids ...string) error { return ProtectedError{Resource: "user", IDs: ids, Why: why} }

// Delegate refuses another write than a deactivation to a user who administers by a permission.
func Delegate(id string) error {
	return ProtectedError{Resource: "user", IDs: []string{id}, Why: "administers the realm by a fine-grained permission, so that SCIM may deactivate it and do nothing else", Delegate: true}
}

// ProtectedGroup refuses a write to such a group.
func ProtectedGroup(id string) error {
	return ProtectedError{Resource: "group", IDs: []string{id}, Why: why}
}

// KeptError is a change of the name of a group, or its deletion, that would take something away
// from where the configuration has it: nothing was changed.
type KeptError struct{ ID string }

// Error is for the log.
func (e KeptError) Error() string {
	return "a rename or deletion of the group " + e.ID + ", which the configuration names or which stands above a group that it names, that is protected or has rights"
}

// RoleError is a role that cannot be granted: the operator has to act.
type RoleError struct{ Role, Problem string }

// Error is for the log.
func (e RoleError) Error() string {
	return fmt.Sprintf("the role %q of the mapping %s", e.Role, e.Problem)
}

// PathError is a group that would get a path by which Keycloak takes its members for administrators of the realm, as a
// fine-grained permission says.
type PathError struct{}

// Error is for the log.
func (PathError) Error() string {
	return "the group would get a path that a fine-grained permission names"
}

// NameFault is why an identifier could be taken for another one.
type NameFault int

// The faults of identifiers.
const (
	Unseen         NameFault = iota // it holds a character that nobody sees or that changes the text around it
	Blank                           // it begins or ends with a blank
	SecondAddress                   // it holds a second @, or quotes before it
	ServiceAccount                  // it is named like the service accounts of Keycloak's clients
)

// NameError is an identifier that could be taken for another one.
type NameError struct {
	Attribute string // of SCIM
	Fault     NameFault
	Character rune // that is Unseen
}

// Error is for the log.
func (e NameError) Error() string { return e.Attribute + " could be taken for another one" }

// DomainError is an address outside the verified domains of the tenant's organization.
type DomainError struct{ Attribute, Domain string }

// Error is for the log.
func (e DomainError) Error() string {
	return e.Attribute + " is in a domain that is no verified one of the organization"
}

// HeldError is a removal that the brake holds.
type HeldError struct {
	Tenant      string // path
	Lift        string // the command that lifts it
	Most, Users int
	Removed     int           // within the window
	Window      string        // of the brake, as the configuration has it
	RetryAfter  time.Duration // until the next may go
}

// Error names the remedy.
func (e HeldError) Error() string {
	return fmt.Sprintf("the removal brake holds: more than %d of %d users would go within its window; lift it with: %s", e.Most, e.Users, e.Lift)
}
