package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"crypto/rand"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// shared is the PostgreSQL of the tests that need no server of their own. Each test has a schema.
var shared struct {
	once   sync.Once
	server *keycloaktest.Postgres
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		if err := shared.server.Stop(); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// server is the shared PostgreSQL. It does not wait for the disk: only a crash of the machine would lose something.
func server(tb testing.TB) *keycloaktest.Postgres {
	tb.Helper()
	shared.once.Do(func() {
		shared.server, shared.err = keycloaktest.StartPostgres(context.Background(), "fsync=off", "full_page_writes=off", "max_connections=400", "autovacuum=off")
	})
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.server
}

// urlOf is the URL of a server for its superuser.
func urlOf(p *keycloaktest.Postgres) string {
	return "postgres://keycloak@127.0.0.1:" + p.Port + "/postgres?sslmode=disable"
}

// onSchema says that a store is in a new schema of the shared server.
func onSchema(tb testing.TB) *Postgres {
	tb.Helper()
	p := server(tb)
	return &Postgres{URL: always(urlOf(p)), Schema: "s_" + strings.ToLower(rand.Text()), MaxConnections: 4}
}

func always(url string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return url, nil }
}

// TestPostgreSQLIsAStore passes the tests that every store passes.
func TestPostgreSQLIsAStore(t *testing.T) {
	t.Parallel()
	key := ring(t, seal.NewKey())
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		t.Helper()
		s, err := Open(t.Context(), Options{Postgres: onSchema(t), Ring: key, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// TestPostgreSQLKeepsTheShares passes the tests of the shares of tenants.
func TestPostgreSQLKeepsTheShares(t *testing.T) {
	t.Parallel()
	key := ring(t, seal.NewKey())
	storetest.RunShares(t, func(t *testing.T, now func() time.Time, share store.Share) store.Store {
		t.Helper()
		s, err := Open(t.Context(), Options{Postgres: onSchema(t), Ring: key, Now: now, Share: share})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

var _ = errors.Is
