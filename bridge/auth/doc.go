// Package auth turns the credential of a request into a principal of a tenant: a static
// token, compared by its SHA-256 in constant time, or a JWT access token of an issuer that
// the tenant names.
//
// It knows tenants and nothing of HTTP beyond the text of an Authorization header and the keys
// of issuers.
package auth
