// Package simulate plays identity providers: what Entra and Okta really send to
// provision users and groups, in their order and their dialects.
//
// A run keeps what the provider's directory holds in the end, so that anybody can
// compare it with what arrived. Run plays one, reads it back and reports.
package simulate
