// Command scim-bridge is a SCIM 2.0 service provider that stands next to Keycloak.
//
// One file a command; they wire rooms together and decide nothing. Exit codes:
// 0 ok, 1 failure, 2 wrong usage, 3 problems found.
package main
