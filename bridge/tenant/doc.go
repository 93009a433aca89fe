// Package tenant describes a tenant and a principal. A tenant is one SCIM endpoint with its
// credentials, mapping and policies; a principal is the client or operator that uses it.
//
// Every package of the bridge may import this package. It makes no calls.
package tenant
