package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

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

// beforeTests is called before the tests; the race detector changes it.
var beforeTests = func() {}

func TestMain(m *testing.M) {
	beforeTests()
	code := m.Run()
	if pooled.pooler != nil {
		_ = pooled.pooler.Stop() // it never fails
	}
	if shared.server != nil {
		if err := shared.server.Stop(); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// server is the shared PostgreSQL. It does not wait for the disk: only a crash of the machine would lose something. It
// asks the members of with_password for their passwords.
func server(tb testing.TB) *keycloaktest.Postgres {
	tb.Helper()
	shared.once.Do(func() {
		shared.server, shared.err = keycloaktest.StartPostgres(context.Background(), "fsync=off", "full_page_writes=off", "max_connections=400", "autovacuum=off")
		if shared.err == nil {
			shared.err = shared.server.Ask("with_password")
		}
		if shared.err == nil {
			executed(tb, urlOf(shared.server), "CREATE ROLE with_password", "SELECT pg_reload_conf()")
		}
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

// emptied are schemas whose tables are empty again: it takes long to make one.
var emptied struct {
	mu   sync.Mutex
	free []string
}

// emptySchema is like a new schema, of a test that stores nothing else in it than a Store does.
func emptySchema(t *testing.T, p *Postgres) *Postgres {
	t.Helper()
	emptied.mu.Lock()
	if n := len(emptied.free); n > 0 {
		p.Schema, emptied.free = emptied.free[n-1], emptied.free[:n-1]
	}
	emptied.mu.Unlock()
	return p
}

// emptying is a Store that empties its schema at the end.
type emptying struct {
	*Store

	once sync.Once
}

// Close implements store.Store.
func (s *emptying) Close() error {
	err := s.Store.Close()
	s.once.Do(func() {
		e, _ := s.engine.(*pgEngine)
		db := sql.OpenDB(&pgConnector{e: e, texts: map[string]string{}})
		defer db.Close()
		for _, table := range tables {
			_, failure := db.ExecContext(context.Background(), "DELETE FROM "+table)
			err = errors.Join(err, failure)
		}
		emptied.mu.Lock()
		defer emptied.mu.Unlock()
		emptied.free = append(emptied.free, e.schema)
	})
	return err
}

func always(url string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return url, nil }
}

// TestPostgreSQLIsAStore passes the tests that every store passes.
func TestPostgreSQLIsAStore(t *testing.T) {
	t.Parallel()
	key := ring(t, seal.NewKey())
	storetest.RunShort(t, func(t *testing.T, now func() time.Time) store.Store {
		t.Helper()
		s, err := Open(t.Context(), Options{Postgres: emptySchema(t, onSchema(t)), Ring: key, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return &emptying{Store: s}
	}, 10)
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

// inDatabase executes statements as the superuser.
func inDatabase(tb testing.TB, statements ...string) {
	tb.Helper()
	executed(tb, urlOf(server(tb)), statements...)
}

func executed(tb testing.TB, url string, statements ...string) {
	tb.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(context.WithoutCancel(tb.Context()), statement); err != nil {
			tb.Errorf("%s: %v", statement, err)
		}
	}
}

// userOf makes a user of the database.
func userOf(tb testing.TB, rights string) string {
	tb.Helper()
	name := "u_" + strings.ToLower(rand.Text())
	inDatabase(tb, "CREATE ROLE "+name+" "+rights)
	return name
}
