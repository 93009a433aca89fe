// Package apptest gives tests a running bridge in one call: over the fake Keycloak or a real one, for a realm or for
// organizations, set up as scim-bridge setup does it, with what tests ask a bridge and Keycloak for.
//
// It is for tests alone: no room imports it (imports_test.go). It knows all rooms, and nothing of the commands.
package apptest
