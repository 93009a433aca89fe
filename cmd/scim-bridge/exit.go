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

// codedError is an error with its own exit code. err is nil when the command has printed the
// problem already.
type codedError struct {
	code int
	err  error
}

func (e codedError) Error() string { return fmt.Sprint(e.err) }

func (e codedError) Unwrap() error { return e.err }

// codeOf returns an error with its exit code.
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
	if input, is := errors.AsType[admin.InputError](err); is {
		return codedError{code: exitUsage, err: input}
	}
	return codedError{code: exitFailure, err: err}
}

// hintFor returns what to do about an error of Keycloak, for commands that an administrator runs.
// It returns "" when there is nothing to suggest.
func hintFor(err error) string {
	var account app.AccountError
	switch {
	case errors.As(err, &account):
		return "Keycloak refuses the bridge's own account; this command says what to do: " + account.Doctor
	case errors.Is(err, keycloak.ErrNoKeycloak):
		return "check --url or keycloak.url: there is no Keycloak at this address and path; some Keycloak servers have the path /auth, and most have no path"
	case errors.Is(err, keycloak.ErrNoRealm):
		return "check --admin-realm: the administrator's realm does not exist"
	}
	switch keycloak.KindOf(err) {
	case keycloak.Denied:
		return "check the administrator's name and password, check --admin-realm when the account is not in the realm master, and check that the account may manage the realm"
	case keycloak.Unavailable:
		return "check the URL of Keycloak, and check that Keycloak runs"
	case keycloak.NotFound:
		return "check the name of the realm"
	case keycloak.Conflict, keycloak.NoOrganization, keycloak.Invalid, keycloak.RateLimited, keycloak.Unknown:
	}
	return ""
}
