package sqlstore

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

func ring(tb testing.TB, lines ...string) seal.Ring {
	tb.Helper()
	text := ""
	for _, line := range lines {
		text += line + "\n"
	}
	r, err := seal.ParseRing(text)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// open opens a store that does not wait for the disk: what a test reads after a crash is what the operating system has.
func open(tb testing.TB, file string, r seal.Ring) *Store {
	tb.Helper()
	return opened(tb, Options{File: file, Ring: r, Normal: true})
}

// openCopy opens a copy of the file of a store.
func openCopy(tb testing.TB, file string, r seal.Ring) *Store {
	tb.Helper()
	return opened(tb, Options{File: file, Ring: r, Normal: true, copied: true})
}

func opened(tb testing.TB, o Options) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func userChange(name string) change.Change {
	return change.Change{
		ID: change.NewID(), Begun: time.Now(), Tenant: "acme", Realm: "acme", Actor: change.Actor{Kind: "client", Name: "idp", KeyID: "k1"}, Origin: change.Request, Op: change.Created,
		Resource: change.Resource{Type: "User", ID: "id-" + name}, After: scim.Document{"userName": name, "emails": []any{map[string]any{"value": name + "@acme.test"}}, "active": true}, Steps: []string{"create_user"},
	}
}

// TestSQLiteIsAStore passes the tests that every store passes.
func TestSQLiteIsAStore(t *testing.T) {
	t.Parallel()
	key := ring(t, seal.NewKey())
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		t.Helper()
		s, err := Open(t.Context(), Options{File: filepath.Join(t.TempDir(), "store.db"), Ring: key, Now: now, Normal: true}) // tests of crashes wait for the disk
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
