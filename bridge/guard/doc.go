// Package guard is the wall between a tenant and what is not its own: which users
// SCIM may see, and which ids of members exist for it.
//
// Service accounts are users to Keycloak and not to SCIM; their ids answer exactly
// like absent ones.
package guard
