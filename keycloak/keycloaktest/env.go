package keycloaktest

import (
	"crypto/rand"
	"strings"
	"testing"
)

// Server is a running Keycloak.
type Server struct {
	URL      string // without a trailing slash
	Admin    string // name of an administrator in realm master
	Password string
	all      *Server // with the administrator of all realms; nil when Admin is that
}

// Names of the environment variables through which a test run finds its server.
const (
	EnvURL      = "KEYCLOAK_URL"
	EnvAdmin    = "KEYCLOAK_ADMIN"
	EnvPassword = "KEYCLOAK_ADMIN_PASSWORD"
	// EnvEphemeral is set when the server ends with the test run.
	EnvEphemeral = "KEYCLOAK_EPHEMERAL"
)

// Real is the server of the test run, with an administrator of the test who may create realms. Before 26.7 it is the
// administrator of all realms. Without a server the test fails, or is skipped under -short, so that a suite that needs
// Keycloak never passes without it.
func Real(tb testing.TB) Server {
	tb.Helper()
	s := serverOfRun()
	if s.URL == "" {
		if testing.Short() {
			tb.Skip("needs a Keycloak")
		}
		tb.Fatal("needs a Keycloak: run make test, which starts one, or make unit, which needs none")
	}
	if OlderThan("26.7") { // before 26.7 only the administrator of all realms can grant rights of administrators
		return s
	}
	return s.own(tb)
}

// RandomRealm is the name of a realm that no other test uses.
func RandomRealm() string {
	return "test-" + strings.ToLower(rand.Text()[:12])
}
