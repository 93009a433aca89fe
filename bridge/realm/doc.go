// Package realm has the list of all that the bridge needs in a realm: rights of the service
// account, declared user attributes, settings. Readiness checks the list (check.go, watch.go), and
// setup fulfils it (setup.go).
package realm
