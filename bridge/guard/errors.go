package guard

import (
	"fmt"
	"strings"
	"time"
)

// Error is a refusal by the guard: one of the types below.
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

// ProtectedError refuses a write to users or groups that SCIM may not write. Nothing was changed.
type ProtectedError struct {
	Resource string   // "user" or "group"
	IDs      []string // ids that the client may know
	Why      string   // for the log
	// Delegate reports that SCIM can still deactivate the user.
	Delegate bool
}

// Error returns the text for the log.
func (e ProtectedError) Error() string {
	return "a write to a protected " + e.Resource + ": " + strings.Join(e.IDs, ", ") + " " + e.Why
}

// why is the reason as far as a read of the realm shows it.
const why = "administers the realm or is protected by the configuration"

// ProtectedUsers refuses a write to users that the last read of the realm found protected.
func ProtectedUsers(ids ...string) error { return ProtectedError{Resource: "user", IDs: ids, Why: why} }

// Delegate refuses every write except a deactivation to a user who administers by a permission.
func Delegate(id string) error {
	return ProtectedError{Resource: "user", IDs: []string{id}, Why: "administers the realm by a fine-grained permission, so that SCIM may only deactivate it", Delegate: true}
}

// ProtectedGroup refuses a write to a protected group.
func ProtectedGroup(id string) error {
	return ProtectedError{Resource: "group", IDs: []string{id}, Why: why}
}

// KeptError refuses to rename or delete a group that must keep its place, because the configuration
// names it or a group below it. Nothing was changed.
type KeptError struct{ ID string }

// Error returns the text for the log.
func (e KeptError) Error() string {
	return "a rename or deletion of the group " + e.ID + ", which must keep its place: the configuration names it, or a group below it is named there, is protected or has rights"
}

// RoleError reports a role that SCIM cannot grant. The operator has to act.
type RoleError struct{ Role, Problem string }

// Error returns the text for the log.
func (e RoleError) Error() string {
	return fmt.Sprintf("the role %q of the mapping %s", e.Role, e.Problem)
}

// PathError refuses a group path that a fine-grained permission names: Keycloak would treat the
// group's members as administrators of the realm.
type PathError struct{}

// Error returns the text for the log.
func (PathError) Error() string {
	return "the group would get a path that a fine-grained permission names"
}

// NameFault says why an identifier could be mistaken for another name.
type NameFault int

// The faults of identifiers.
const (
	Unseen         NameFault = iota // it holds a character that readers do not see or that changes the text around it
	Blank                           // it begins or ends with a blank
	SecondAddress                   // it holds a second @, or quotes before it
	ServiceAccount                  // it has the form of a service account's name
)

// NameError refuses an identifier that could be mistaken for another name.
type NameError struct {
	Attribute string // the SCIM attribute
	Fault     NameFault
	Character rune // the character of the fault Unseen
}

// Error returns the text for the log.
func (e NameError) Error() string { return e.Attribute + " could be mistaken for another name" }

// DomainError refuses an address outside the verified domains of the tenant's organization.
type DomainError struct{ Attribute, Domain string }

// Error returns the text for the log.
func (e DomainError) Error() string {
	return e.Attribute + " is in a domain that the organization has not verified"
}

// HeldError refuses a removal that the brake holds.
type HeldError struct {
	Tenant      string // the path of the tenant
	Lift        string // the command that lifts it
	Most, Users int
	Removed     int           // removals within the window
	Window      string        // the window of the brake, as the configuration writes it
	RetryAfter  time.Duration // until the next removal is allowed
}

// Error names the remedy.
func (e HeldError) Error() string {
	return fmt.Sprintf("the removal brake holds: more than %d of %d users would be removed within its window; lift it with: %s", e.Most, e.Users, e.Lift)
}
