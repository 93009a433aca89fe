package sqlstore

import (
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// TestTheSizeIsAboutThatOfTheTables of PostgreSQL, without what is free in them.
func TestTheSizeIsAboutThatOfTheTables(t *testing.T) {
	t.Parallel()
	p := onSchema(t)
	s := opened(t, Options{Postgres: p, Ring: ring(t, seal.NewKey())})
	write(t, s, 1000, 8)
	inDatabase(t, "VACUUM FULL "+p.Schema+".intent", "VACUUM FULL "+p.Schema+".head")
	var used int64
	noError(t, s.db.QueryRowContext(t.Context(), "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace(?)", p.Schema).Scan(&used))
	said := storeStats(t, s).Bytes
	if said < used*2/3 || said > used*3/2 {
		t.Errorf("the store says %d bytes, and the tables have %d", said, used)
	}
}
