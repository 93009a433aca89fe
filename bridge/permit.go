package bridge

import (
	"errors"
	"net/http"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// ScopeError is that somebody lacks scopes.
type ScopeError struct {
	Told  *scim.Error   // what a client is told
	Needs tenant.Scopes // that the request needs
}

// Error is what a client is told.
func (e ScopeError) Error() string { return e.Told.Error() }

// Unwrap is what a client is told.
func (e ScopeError) Unwrap() error { return e.Told }

// errNobody is a write of which nobody could say later who made it, and by what way in: a fault of the program.
var errNobody = errors.New("a write has to say who makes it, and by what way in")

// pausedAfter is when a client may ask a paused tenant again, in seconds.
const pausedAfter = 60

// Permit refuses what somebody may not do at a tenant, or not now: by the tenant's access and the scopes that are
// needed. It is the one rule for every way in. An operator reads a paused tenant, to see what it has.
//
// The error is a ScopeError or a *scim.Error.
func Permit(by tenant.Principal, needs tenant.Scopes) error {
	policy, writes := by.Tenant.Policy, needs&tenant.Writing != 0
	switch {
	case policy.Paused() && (writes || by.Actor.Kind != tenant.ActorOperator):
		return &scim.Error{Code: code.Paused, Status: http.StatusServiceUnavailable, RetryAfter: pausedAfter, Detail: "this endpoint is paused by its operator; repeat the request after the time of the Retry-After header"}
	case !by.Scopes.Has(needs):
		missing := (needs &^ by.Scopes).String()
		return ScopeError{
			&scim.Error{Code: code.MissingScope, Status: http.StatusForbidden, Detail: "the credential " + by.Actor.Name + " lacks the scope " + missing + "; ask the operator for one that has it"}, needs,
		}
	case policy.ReadOnly() && writes:
		return &scim.Error{Code: code.ReadOnlyEndpoint, Status: http.StatusForbidden, Detail: "this endpoint is read-only by decision of its operator, so nothing was changed; ask the operator"}
	}
	return nil
}

// access is what a request does with the resources of its type.
type access int

const (
	reading access = iota
	writing
)

// needs are the scopes for what a call does. One that only tries what it would do reads.
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
