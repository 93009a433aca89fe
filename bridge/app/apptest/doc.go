// Package apptest gives tests a running bridge with one call. The bridge uses the fake Keycloak or a real one, and
// serves a realm or organizations. It is set up as the command scim-bridge setup does. The package also has helpers to
// ask a bridge and Keycloak.
//
//	NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)   a realm, with the fake
//	NewBridge(t, nil)                                       a realm, with a real Keycloak
//	NewBridgeIn, NewBridgeOf                                the same in an existing realm, and after an earlier setup
//	NewCustomers, NewEvery                                  two organizations of a realm: named, or with their own tokens
//	NewCallBridge                                           a realm, with a fake whose calls are counted
//	NewServed                                               the program as a process
//
// A function instead of nil edits the configuration first. Unless it sets limits, they are so high that no test reaches
// them. The removal brake is off unless it is set. A package that uses apptest needs a TestMain that calls Main.
//
// Only tests may import this package (imports_test.go). It may use all packages, but not the commands.
package apptest
