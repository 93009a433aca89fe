package sqlstore

import (
	"sync"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// TestTheSizeIsAboutThatOfTheTables of PostgreSQL, without what is free in them.
func TestTheSizeIsAboutThatOfTheTables(t *testing.T) {
	t.Parallel()
	p := onSchema(t)
	s := opened(t, Options{Postgres: p, Ring: ring(t, seal.NewKey())})
	const changes, writers = 1000, 8
	var g sync.WaitGroup
	for writer := range writers {
		g.Go(func() {
			for i := writer; i < changes; i += writers {
				c := twoKilobytes(i)
				if err := s.Intend(t.Context(), c); err != nil {
					t.Error(err)
				}
				c.Outcome = change.Done
				if err := s.Settle(t.Context(), c); err != nil {
					t.Error(err)
				}
				s.Act(succeeded(c))
			}
		})
	}
	g.Wait()
	flushed(t, s)
	inDatabase(t, "VACUUM FULL "+p.Schema+".intent", "VACUUM FULL "+p.Schema+".head")
	var used int64
	noError(t, s.db.QueryRowContext(t.Context(), "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace(?)", p.Schema).Scan(&used))
	said := storeStats(t, s).Bytes
	if said < used*2/3 || said > used*3/2 {
		t.Errorf("the store says %d bytes, and the tables have %d", said, used)
	}
}
