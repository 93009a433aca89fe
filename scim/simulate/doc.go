// Package simulate plays identity providers: the requests that Entra and Okta really send to provision users and
// groups, in their order and their dialects.
//
// A run returns what the provider's directory holds at the end, so that it can be compared with the endpoint. Run plays
// one provider, reads everything back and reports.
package simulate
