package sqlstore

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

func ring(t testing.TB, lines ...string) seal.Ring {
	t.Helper()
	text := ""
	for _, line := range lines {
		text += line + "\n"
	}
	r, err := seal.ParseRing(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func open(t testing.TB, file string, r seal.Ring) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{File: file, Ring: r})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
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

func TestSmoke(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
	ctx := t.Context()
	for _, name := range []string{"jane", "joe"} {
		c := userChange(name)
		if err := s.Intend(ctx, c); err != nil {
			t.Fatal(err)
		}
		c.Outcome = change.Done
		if err := s.Settle(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	n := 0
	for e, err := range s.Entries(ctx, store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		t.Log(e)
		n++
	}
	p := store.AnyOf("JANE@acme.test")
	for e, err := range s.Entries(ctx, store.Query{Person: &p}) {
		t.Log(e, err)
	}
	proof, err := s.Verify(ctx)
	t.Log(n, proof, err)
	k, err := s.Forget(ctx, p)
	t.Log(k, err)
	proof, err = s.Verify(ctx)
	t.Log(n, proof, err)
	stats, err := s.Stats(ctx)
	t.Log(stats, err)
	if err := s.Backup(ctx, filepath.Join(t.TempDir(), "b.db")); err != nil {
		t.Fatal(err)
	}
}
