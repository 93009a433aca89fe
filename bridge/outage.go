package bridge

import (
	"net/http"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Seconds until a client may try again.
const (
	retryOutage = 10  // Keycloak is unavailable or slow
	retryRights = 300 // the operator must act
	unfitRetry  = 60  // until the next check of the realm
)

// unfitError is the reason why a tenant refuses all requests; for the log.
type unfitError string

func (e unfitError) Error() string { return string(e) }

// Unfit is the error of a tenant that refuses all requests. problem is the reason, for the log.
func Unfit(problem string) error { return unfit(unfitError(problem)) }

// unfit is the error when the realm lacks what the tenant needs.
func unfit(cause error) *scim.Error {
	return &scim.Error{
		Code: code.Unfit, Status: http.StatusServiceUnavailable, RetryAfter: unfitRetry, Cause: cause,
		Detail: "the realm does not offer what this endpoint needs, so nothing was done; repeat the request later, or ask the operator of this endpoint, whose log has the reason",
	}
}

// unavailable is the error when Keycloak is unavailable or slow. retry is the time in seconds before the next try.
func unavailable(retry int, cause error) *scim.Error {
	return &scim.Error{
		Code: code.Outage, Status: http.StatusServiceUnavailable, RetryAfter: max(retry, retryOutage), Cause: cause,
		Detail: "Keycloak does not answer in time; repeat the request later",
	}
}
