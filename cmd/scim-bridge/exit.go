package main

import (
	"errors"
	"fmt"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Exit codes.
const (
	exitFailure  = 1
	exitUsage    = 2
	exitProblems = 3
)

// codedError is an error with an exit code of its own. A nil err was told already.
type codedError struct {
	code int
	err  error
}

func (e codedError) Error() string { return fmt.Sprint(e.err) }

func (e codedError) Unwrap() error { return e.err }

// codeOf is an error with its exit code.
func codeOf(err error) codedError {
	if usage, is := errors.AsType[app.UsageError](err); is {
		return codedError{code: exitUsage, err: usage}
	}
	if none, is := errors.AsType[admin.NoTenantError](err); is {
		return codedError{code: exitUsage, err: none}
	}
	if coded, is := errors.AsType[codedError](err); is {
		return coded
	}
	return codedError{code: exitFailure, err: err}
}

// hintFor is what to do about an error of Keycloak, for commands that an
// administrator runs.
func hintFor(err error) string {
	var account app.AccountError
	switch {
	case errors.As(err, &account):
		return "the bridge's own account is refused by Keycloak; this says what to do: " + account.Doctor
	case errors.Is(err, keycloak.ErrNoKeycloak):
		return "check --url or keycloak.url: there is no Keycloak at this address, with this path; some have the path /auth, and most have none"
	case errors.Is(err, keycloak.ErrNoRealm):
		return "check --admin-realm: the administrator's realm does not exist"
	}
	switch keycloak.KindOf(err) {
	case keycloak.Denied:
		return "check the administrator's name and password, --admin-realm when the account is not of the realm master, and that the account may manage the realm"
	case keycloak.Unavailable:
		return "check the URL of Keycloak and that it runs"
	case keycloak.NotFound:
		return "check the name of the realm"
	case keycloak.Conflict, keycloak.NoOrganization, keycloak.Invalid, keycloak.RateLimited, keycloak.Unknown:
	}
	return ""
}
