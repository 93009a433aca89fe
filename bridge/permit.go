package bridge

import (
	"errors"
	"net/http"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// ScopeError says that a principal lacks scopes.
type ScopeError struct {
	Told  *scim.Error   // the error for the client
	Needs tenant.Scopes // that the request needs
}

// Error is the text for the client.
func (e ScopeError) Error() string { return e.Told.Error() }

// Unwrap is the error for the client.
func (e ScopeError) Unwrap() error { return e.Told }

// errNobody refuses a write without an author or an entry point, because nobody could later find out who made it. It is
// a fault of the program.
var errNobody = errors.New("a write must say who makes it and by which entry point")

// pausedAfter is when a client may send the next request to a paused tenant, in seconds.
const pausedAfter = 60

// Permit refuses what a principal may not do at a tenant, or may not do now. The tenant's access and the needed scopes
// decide. All entry points use it. An operator may read a paused tenant, to see its resources. The bridge itself may read
// it too, to see what became of a change.
//
// The error is a ScopeError or a *scim.Error.
func Permit(by tenant.Principal, needs tenant.Scopes) error {
	policy, writes := by.Tenant.Policy, needs&tenant.Writing != 0
	switch {
	case policy.Paused() && (writes || by.Actor.Kind != tenant.ActorOperator && by.Actor.Kind != tenant.ActorSystem):
		return &scim.Error{Code: code.Paused, Status: http.StatusServiceUnavailable, RetryAfter: pausedAfter, Detail: "this endpoint is paused by its operator; repeat the request after the time of the Retry-After header"}
	case !by.Scopes.Has(needs):
		missing := (needs &^ by.Scopes).String()
		return ScopeError{
			&scim.Error{Code: code.MissingScope, Status: http.StatusForbidden, Detail: "the credential " + by.Actor.Name + " lacks the scope " + missing + "; ask the operator for a credential with this scope"}, needs,
		}
	case policy.ReadOnly() && writes:
		return &scim.Error{Code: code.ReadOnlyEndpoint, Status: http.StatusForbidden, Detail: "the operator made this endpoint read-only, so nothing was changed; ask the operator"}
	}
	return nil
}

// access is what a request does with the resources of its type.
type access int

const (
	reading access = iota
	writing
)

// needs are the scopes for a call. A dry run only needs the scope to read.
func (c Call) needs(does access) tenant.Scopes {
	reads := does == reading || c.DryRun
	switch {
	case c.Endpoint == endpointUsers && reads:
		return tenant.UsersRead
	case c.Endpoint == endpointUsers:
		return tenant.UsersWrite
	case c.Endpoint == endpointGroups && reads:
		return tenant.GroupsRead
	case c.Endpoint == endpointGroups:
		return tenant.GroupsWrite
	}
	return 0
}
