// Package keycloak is the Admin REST API of one realm as typed calls over a given RoundTripper.
//
// It handles the protocol of Keycloak: tokens, escaping, the four shapes of error bodies, successes that are not real,
// and which calls may be repeated. It knows no SCIM and imports no other package of this module. It is the only package
// that uses gocloak, for the calls that gocloak makes correctly, on our transport: see docs/adr/0011-gocloak.md.
//
//	method --call--> token --guard--> RoundTripper
//	                   ^                  |
//	                   +---- 401: once ---+
//
// guard.go turns every improper answer into an *Error. It does so for gocloak's calls too, because gocloak's own errors
// hide status, headers and body.
package keycloak
