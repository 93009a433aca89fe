// Package auth turns the credential of a request into a principal of a tenant.
//
// It knows tenants and their tokens, and nothing of HTTP beyond the text of an
// Authorization header. Tokens are compared by their SHA-256 in constant time.
package auth
