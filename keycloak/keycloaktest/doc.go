// Package keycloaktest is Keycloak for tests and for the demo: real servers, and an
// Admin API in memory for speed and for faults.
//
// A real server (server.go) is fetched with Maven, unpacked into a cache outside the
// checkout, and started on loopback. One serves a whole test run: the command
// keycloaktest/run starts it and tells the tests where it is (env.go); every test
// that needs a realm makes one of its own.
//
// The fake (fake*.go) is for tests alone (NewFake takes one). It has the traps of the real one; the parity suite runs
// the same calls against both.
package keycloaktest
