// Package auth turns the credential of a request into a principal of a tenant. A credential is a
// static token, compared by its SHA-256 in constant time, or a JWT access token of an issuer that
// the tenant names.
//
// The package knows tenants. Of HTTP it knows only the text of an Authorization header and the keys
// of issuers.
package auth
