// Package keycloaktest is Keycloak for tests and for the demo: real servers, and an Admin API in memory for speed and
// for faults.
//
// A real server (server.go) is fetched with Maven, unpacked into a cache outside the checkout, and started on loopback.
// One server serves a whole test run. The command keycloaktest/run starts it and tells the tests its address (env.go).
// Every test that needs a realm creates its own.
//
// The fake (fake*.go) is only for tests; NewFake starts one. It behaves like the real server, also where that is
// surprising. The parity suite runs the same calls against both.
package keycloaktest
