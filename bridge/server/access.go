package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// challenge is an error with the parameters of the WWW-Authenticate header of RFC 6750
// section 3.
type challenge struct {
	error

	params string
}

func (c challenge) Unwrap() error { return c.error }

// authenticate finds the tenant and the client of a request. An unknown tenant gets the same answer as a wrong token,
// so that nobody can find out names of tenants.
func (s *Server) authenticate(ctx context.Context, path string, r *http.Request, address string) (tenant.Principal, error) {
	t := s.options.Tenants.ByPath(path)
	if t == nil {
		if every := s.options.Tenants.ByPath(tenant.Every(path)); every != nil && every.Fitness().Problem != "" {
			return tenant.Principal{}, bridge.Unfit(every.Fitness().Problem) // the organizations of the realm are not known yet
		}
		t = &tenant.Tenant{} // has no credential
	}
	if seen := observe.FromContext(ctx); seen != nil {
		seen.Tenant = t.Path // also for requests that are refused
	}
	if s.options.Operator {
		return s.operator(t)
	}
	if t.AwaitsTokens() {
		return tenant.Principal{}, bridge.Unfit("the tokens of the organization were not read yet")
	}
	now := time.Now()
	wait := s.limits.exhausted(address, now)
	principal, err := s.credential(ctx, t, r.Header, wait > 0)
	switch {
	case err == nil:
		return principal, nil
	case wait > 0:
		s.options.Metrics.Refused("too many failures")
		return tenant.Principal{}, &scim.Error{
			Code: code.TooManyFailures, Status: http.StatusTooManyRequests, RetryAfter: wait, Cause: auth.Cause(err),
			Detail: "too many requests without a valid credential came from this address; correct the token and wait",
		}
	case errors.Is(err, auth.ErrUnavailable):
		return tenant.Principal{}, &scim.Error{Code: code.KeysUnavailable, Status: http.StatusServiceUnavailable, RetryAfter: retrySoon, Detail: err.Error(), Cause: auth.Cause(err)}
	}
	s.limits.fail(address, now)
	why := refusal(err)
	s.options.Metrics.Refused(strings.TrimPrefix(string(why), "credential-"))
	if errors.Is(err, auth.ErrBrowser) { // no challenge: another credential from a browser would also be refused
		return tenant.Principal{}, &scim.Error{Code: code.FromBrowser, Status: http.StatusForbidden, Detail: err.Error()}
	}
	params := `, error="invalid_token"`
	if errors.Is(err, auth.ErrMissing) {
		params = "" // RFC 6750 section 3.1: no error where no credential was sent
	}
	return tenant.Principal{}, challenge{&scim.Error{Code: why, Status: http.StatusUnauthorized, Detail: err.Error(), Cause: auth.Cause(err)}, params}
}

// operator is the principal of requests to the operator's handler.
func (s *Server) operator(t *tenant.Tenant) (tenant.Principal, error) {
	if t.Path == "" {
		return tenant.Principal{}, scim.NoEndpoint()
	}
	return t.Operator(), nil
}

// retrySoon is the Retry-After for a problem that ends by itself, in seconds.
const retrySoon = 10

var errSeveral = errors.New("the request has several Authorization headers; send only one")

func (s *Server) credential(ctx context.Context, t *tenant.Tenant, header http.Header, cheap bool) (tenant.Principal, error) {
	if err := auth.FromBrowser(header); err != nil {
		return tenant.Principal{}, err
	}
	headers := header.Values("Authorization")
	switch len(headers) {
	case 0:
		return tenant.Principal{}, auth.ErrMissing
	case 1:
		return s.options.Auth.Authenticate(ctx, t, headers[0], cheap)
	}
	return tenant.Principal{}, errSeveral
}

// refusal is the error code for a refused credential.
func refusal(err error) scim.Code {
	for known, code := range map[error]scim.Code{auth.ErrMissing: code.Missing, auth.ErrExpired: code.Expired, auth.ErrInvalid: code.Invalid, auth.ErrBrowser: code.FromBrowser} {
		if errors.Is(err, known) {
			return code
		}
	}
	return code.Malformed
}

// authorise refuses a client that exceeds its limits or lacks a scope, before the body is read. The pipeline calls
// bridge.Permit again itself. Without an error, the caller has to call s.limits.leave.
func (s *Server) authorise(ctx context.Context, p tenant.Principal, rt route) error {
	t := p.Tenant
	if r := observe.FromContext(ctx); r != nil {
		r.Client, r.KeyID = p.Actor.Name, p.Actor.KeyID
	}
	if retryAfter, why := s.limits.enter(t, time.Now()); why != "" {
		s.options.Metrics.Throttled(t.Path, why)
		return &scim.Error{Code: code.RateLimited, Status: http.StatusTooManyRequests, RetryAfter: retryAfter, Detail: "too many requests for this endpoint; repeat this request after the time in the Retry-After header"}
	}
	err := bridge.Permit(p, rt.needs)
	if err == nil {
		return nil
	}
	s.limits.leave(t, time.Now())
	if lacks, ok := errors.AsType[bridge.ScopeError](err); ok {
		return challenge{lacks.Told, `, error="insufficient_scope", scope="` + lacks.Needs.String() + `"`}
	}
	return err
}
