// Package keycloak is the Admin REST API of one realm as typed calls over a given
// RoundTripper.
//
// It owns what the wire of Keycloak means: tokens, escaping, the four shapes of
// error bodies, which success is none, which call may be repeated. It knows no
// SCIM and imports nothing of ours. It is the only package that knows gocloak,
// which is used for the calls it gets right, on our transport: docs/adr/0011-gocloak.md
// says which, and why not for others.
//
//	method --call--> token --guard--> RoundTripper
//	                   ^                  |
//	                   +---- 401: once ---+
//
// guard.go turns everything that is no proper answer into an *Error, for gocloak's
// calls too, whose own errors hide status, headers and body.
package keycloak
