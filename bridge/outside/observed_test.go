package outside

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
)

// TestDifferencesThatHaveNoRoomAreCounted: the entry says how many, and what a first scan reads is not counted, because
// nothing says that it changed.
func TestDifferencesThatHaveNoRoomAreCounted(t *testing.T) {
	t.Parallel()
	memory, at := storetest.NewMemory(nil), time.Now()
	r := New(Options{Store: memory, Log: zap.NewNop(), Patience: time.Second})
	r.differences.most = 2
	for range 5 {
		r.Differs(directory.Difference{Realm: "acme", Tenant: "gone", Type: typeUser, ID: "1", Since: at.Add(-time.Hour), Until: at})
		r.Differs(directory.Difference{Realm: "acme", Tenant: "gone", Type: typeUser, ID: "2", Until: at})
	}
	one := &round{Reader: r, realm: "acme", now: at}
	if err := one.scanned(t.Context()); err != nil || r.differences.size != 2 { // they wait for their events
		t.Errorf("%d wait, %v", r.differences.size, err)
	}
	one.now = at.Add(2 * settles)
	if err := one.scanned(t.Context()); err != nil || r.differences.size != 0 {
		t.Errorf("%d wait, %v", r.differences.size, err)
	}
	var got []change.Change
	for e, err := range memory.Entries(t.Context(), store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Change)
	}
	if len(got) != 1 || got[0].Op != change.Observed || got[0].Outcome != change.Unknown || !strings.HasPrefix(got[0].Reason, "4 resources have no entry") {
		t.Errorf("the journal has %+v", got)
	}
}
