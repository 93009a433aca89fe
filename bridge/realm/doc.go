// Package realm is the one list of what a realm must offer to the bridge: rights of
// the service account, declared user attributes, flags. Readiness checks it (check.go,
// watch.go) and setup makes it so (setup.go), from the same list.
package realm
