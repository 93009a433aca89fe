package keycloaktest

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"
)

// Server is a running Keycloak.
type Server struct {
	URL      string // without a trailing slash
	Admin    string // name of the administrator in realm master
	Password string
}

// Names of the environment variables through which a test run finds its server.
const (
	EnvURL      = "KEYCLOAK_URL"
	EnvAdmin    = "KEYCLOAK_ADMIN"
	EnvPassword = "KEYCLOAK_ADMIN_PASSWORD"
	// EnvEphemeral is set when the server ends with the test run.
	EnvEphemeral = "KEYCLOAK_EPHEMERAL"
)

// Real is the server of the test run. Without one the test fails, or is skipped
// under -short: a suite that needs Keycloak never counts as passed without.
func Real(tb testing.TB) Server {
	tb.Helper()
	s := Server{URL: os.Getenv(EnvURL), Admin: os.Getenv(EnvAdmin), Password: os.Getenv(EnvPassword)}
	if s.URL == "" {
		if testing.Short() {
			tb.Skip("needs a Keycloak")
		}
		tb.Fatal("needs a Keycloak: run make test, which starts one, or make unit, which needs none")
	}
	return s
}

// RandomRealm is the name of a realm that no other test uses.
func RandomRealm() string {
	return "test-" + strings.ToLower(rand.Text()[:12])
}
