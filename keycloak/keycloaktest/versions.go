package keycloaktest

import (
	"os"

	"golang.org/x/mod/semver"
)

// Versions lists the versions of Keycloak that the tests run on, the default first. Only this function names them: the
// Makefile, CI, the compatibility page and the parity suite follow it.
func Versions() []string { return []string{"26.7.5", "26.7.4", "26.6.4", "26.4.7"} }

// Version is the Keycloak that KEYCLOAK_VERSION names, else the default of Versions.
func Version() string {
	if v := os.Getenv("KEYCLOAK_VERSION"); v != "" {
		return v
	}
	return Versions()[0]
}

// OlderThan reports whether the Keycloak of the test run is older than a version such as "26.6" or
// "26.7.5".
func OlderThan(version string) bool { return semver.Compare("v"+Version(), "v"+version) < 0 }
