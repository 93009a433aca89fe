// Package tenant says what a tenant and a principal are: one SCIM endpoint with
// its credentials, mapping and policies, and who speaks to it.
//
// It is a leaf that every room of the bridge may know. It makes no call.
package tenant
