// Package apptest gives tests a running bridge in one call: over the fake Keycloak or a real one, for a realm or for
// organizations, set up as scim-bridge setup does it, with what tests ask a bridge and Keycloak for.
//
//	NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)   a realm, over the fake
//	NewBridge(t, nil)                                       a realm, over a real Keycloak
//	NewBridgeIn, NewBridgeOf                                the same in a realm that is there, and with what setup made
//	NewCustomers, NewEvery                                  two organizations of a realm, named or with tokens of their own
//	NewCallBridge                                           a realm, over a fake whose calls are counted
//	NewServed                                               the program as a process
//
// In place of nil a function edits the configuration first. Unless it sets them, limits are so high that no test reaches
// them, and there is no removal brake. A package that uses apptest has a TestMain that calls Main.
//
// It is for tests alone: no room imports it (imports_test.go). It knows all rooms, and nothing of the commands.
package apptest
