// Package plan compares what Keycloak holds with what it shall hold and says
// which calls of the Admin API make up the difference. It is pure and printable:
// a dry run is a plan that nobody applies.
//
// Nothing to do is an empty plan: no call, no new version.
package plan
