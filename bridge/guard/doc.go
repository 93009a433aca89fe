// Package guard is the wall between a tenant and what is not its own: which users and groups
// SCIM may see (wall.go, organization.go, realm.go), which ids of members exist for it (members.go), and
// what it may not write. Nothing is written that the guard was not asked about:
//
//	who is protected: the last look at the realm says so, and one at the account before some steps    protected.go, look.go
//	identifiers and addresses that are not the tenant's to give                                       names.go, domains.go
//	which accounts a tenant may take over                                                             adopt.go
//	how many users may go within a time: the brake, and its Ledger                                    brake.go, ledger.go
//
// Service accounts are users to Keycloak and not to SCIM; their ids answer exactly
// like absent ones.
//
// It reads and refuses, and writes nothing. It knows neither HTTP nor who asks: what a principal may do at all is
// bridge.Permit's.
package guard
