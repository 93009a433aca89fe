// Package guard separates a tenant from all that is not its own. It decides which users and groups
// SCIM may see (wall.go, organization.go, realm.go), which ids of members exist (members.go), and
// what a tenant may not write. Every write asks the guard first:
//
//	protected users and groups, from the last read of the realm and a live read before some steps     protected.go, rights_read.go
//	identifiers and addresses that the tenant may not give                                            names.go, domains.go
//	accounts that a tenant may take over                                                              adopt.go
//	how many users a tenant may remove within a time: the Brake and its Ledger                        brake.go, ledger.go
//
// Service accounts are users in Keycloak and not in SCIM: their ids answer exactly like absent ids.
//
// The guard reads and refuses, and writes nothing. It knows neither HTTP nor principals:
// bridge.Permit decides what a principal may do.
package guard
