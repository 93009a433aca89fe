package sqlstore

import (
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// TestTheSizeIsAboutThatOfTheTables of PostgreSQL, without what is free in them.
func TestTheSizeIsAboutThatOfTheTables(t *testing.T) {
	t.Parallel()
	p := onSchema(t)
	s := opened(t, Options{Postgres: p, Ring: ring(t, seal.NewKey())})
	const changes = 400
	for i := range changes {
		c := twoKilobytes(i)
		noError(t, s.Intend(t.Context(), c))
		c.Outcome = change.Done
		noError(t, s.Settle(t.Context(), c))
		s.Act(succeeded(c))
	}
	flushed(t, s)
	inDatabase(t, "VACUUM FULL "+p.Schema+".intent", "VACUUM FULL "+p.Schema+".head")
	var used int64
	noError(t, s.db.QueryRowContext(t.Context(), "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace(?)", p.Schema).Scan(&used))
	said := storeStats(t, s).Bytes
	if said < used*2/3 || said > used*3/2 {
		t.Errorf("the store says %d bytes, and the tables have %d", said, used)
	}
}
