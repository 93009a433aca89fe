package sqlstore

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// pooled is the PgBouncer in front of the shared PostgreSQL.
var pooled struct {
	once   sync.Once
	pooler *keycloaktest.Pooler
	err    error
}

// throughPooler says that a store is in a new schema of the shared server, behind PgBouncer in transaction mode.
func throughPooler(tb testing.TB) *Postgres {
	tb.Helper()
	p, of := onSchema(tb), server(tb)
	pooled.once.Do(func() { pooled.pooler, pooled.err = of.StartPooler(tb.Context()) })
	if pooled.err != nil {
		tb.Fatal(pooled.err)
	}
	p.URL = always(strings.Replace(urlOf(of), ":"+of.Port+"/", ":"+pooled.pooler.Port+"/", 1))
	return p
}

// TestPostgreSQLBehindAPoolerIsAStore passes the tests that every store passes.
func TestPostgreSQLBehindAPoolerIsAStore(t *testing.T) {
	t.Parallel()
	key := ring(t, seal.NewKey())
	storetest.RunShort(t, func(t *testing.T, now func() time.Time) store.Store {
		t.Helper()
		s, err := Open(t.Context(), Options{Postgres: emptySchema(t, throughPooler(t)), Ring: key, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return &emptying{Store: s}
	}, 2)
}

// TestAChangeIsTwoStatementsBehindAPooler too.
func TestAChangeIsTwoStatementsBehindAPooler(t *testing.T) {
	t.Parallel()
	if n := statementsOfAChange(t, throughPooler(t), twoKilobytes); n != 2*10 {
		t.Errorf("ten changes are %d statements", n)
	}
}

// TestAPoolerThatRefusesTheUserIsAskedAgain with the URL that is read again.
func TestAPoolerThatRefusesTheUserIsAskedAgain(t *testing.T) {
	t.Parallel()
	p := throughPooler(t)
	right, err := p.URL(t.Context())
	noError(t, err)
	wrong := strings.Replace(right, "keycloak@", "nobody:secret@", 1)
	urls := []string{wrong, right}
	p.URL = func(context.Context) (string, error) {
		url := urls[0]
		if len(urls) > 1 {
			urls = urls[1:]
		}
		return url, nil
	}
	intend(t, opened(t, Options{Postgres: p, Ring: ring(t, seal.NewKey())}))
	p.URL = always(wrong)
	_, err = Open(t.Context(), Options{Postgres: p, Ring: ring(t, seal.NewKey())})
	if err == nil || !strings.Contains(err.Error(), "refuses the user or the password of the store") {
		t.Errorf("the error is %v", err)
	}
}
