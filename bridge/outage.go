package bridge

import (
	"net/http"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Seconds until a client may try again.
const (
	retryOutage = 10  // Keycloak is away or slow
	retryRights = 300 // an operator has to act
	unfitRetry  = 60  // until the next look at the realm
)

// unfitError is why a tenant answers nothing; for the log.
type unfitError string

func (e unfitError) Error() string { return string(e) }

// Unfit is the error of a tenant that answers nothing; problem is why, for the log.
func Unfit(problem string) error { return unfit(unfitError(problem)) }

// unfit answers that the realm lacks what the tenant needs.
func unfit(cause error) *scim.Error {
	return &scim.Error{
		Code: code.Unfit, Status: http.StatusServiceUnavailable, RetryAfter: unfitRetry, Cause: cause,
		Detail: "the realm does not offer what this endpoint needs, so nothing was done; repeat the request later, or ask the operator of this endpoint, whose log has the reason",
	}
}

// unavailable answers that Keycloak is away or slow, and when to come again, in seconds.
func unavailable(retry int, cause error) *scim.Error {
	return &scim.Error{
		Code: code.Outage, Status: http.StatusServiceUnavailable, RetryAfter: max(retry, retryOutage), Cause: cause,
		Detail: "Keycloak does not answer in time; repeat the request later",
	}
}
