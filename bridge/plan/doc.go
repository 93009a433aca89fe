// Package plan compares what Keycloak stores with what it should store, and plans the calls of the
// Admin API that make up the difference. It is pure, and a plan can be printed: a dry run is a plan
// that is not applied.
//
// An empty plan means that there is nothing to do: no call and no new version.
package plan
