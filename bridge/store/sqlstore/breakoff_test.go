package sqlstore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// tired is a context that ends after some looks at it: work that uses it breaks off somewhere.
type tired struct {
	context.Context //nolint:containedctx // it is one

	left *atomic.Int64
}

func (c tired) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return c.Context.Err()
}

func tiring(t *testing.T, looks int64) context.Context {
	t.Helper()
	c := tired{Context: t.Context(), left: &atomic.Int64{}}
	c.left.Store(looks)
	return c
}

// TestARekeyThatBreaksOffAnywhereVerifies also within an entry with many members, and everything is found.
func TestARekeyThatBreaksOffAnywhereVerifies(t *testing.T) {
	t.Parallel()
	first, second := seal.NewKey(), seal.NewKey()
	team := change.Change{Tenant: "acme", Op: change.Updated, Resource: change.Resource{Type: "Group", ID: "team"}}
	for i := range 450 {
		team.MembersAdded = append(team.MembersAdded, fmt.Sprint("user-", i))
	}
	for looks := int64(0); ; looks++ {
		s := opened(t, Options{File: filepath.Join(t.TempDir(), "store.db"), Ring: ring(t, first), Normal: true})
		made(t, s, userChange("ada"))
		team.ID = change.NewID()
		made(t, s, team)
		flushed(t, s)
		noError(t, s.UseRing(ring(t, first, second)))
		if err := s.Rekey(tiring(t, looks)); err == nil {
			break
		}
		for _, next := range []func(context.Context) error{s.Flush, s.Rekey} {
			noError(t, next(t.Context()))
			if _, err := s.Verify(t.Context()); err != nil {
				t.Errorf("broken off after %d looks: %v", looks, err)
			}
			if got := numbersOf(t, s, store.Person{ID: "user-440"}); len(got) != 1 {
				t.Errorf("broken off after %d looks: a member is found in %v", looks, got)
			}
		}
	}
}

// TestARepeatedForgetEndsWhatBrokeOff: the name by which a person is forgotten finds the rest until nothing is left.
func TestARepeatedForgetEndsWhatBrokeOff(t *testing.T) {
	t.Parallel()
	const entries = maxErased + 10
	broken, key := 0, ring(t, seal.NewKey())
	for looks := int64(2); ; looks += looks/2 + 1 { // a few places are enough
		s := opened(t, Options{File: filepath.Join(t.TempDir(), "store.db"), Ring: key, Normal: true})
		for i := range entries { // her name changed after the first entry
			c := userChange("ada")
			if i > 0 {
				c.Op, c.After = change.Updated, scim.Document{"userName": "lovelace", "title": fmt.Sprint(i)}
			}
			made(t, s, c)
		}
		request := refused("acme", "lovelace")
		s.Act(request)
		flushed(t, s)
		_, err := s.Forget(tiring(t, looks), store.Person{UserName: "ada"})
		if err == nil {
			break
		}
		broken++
		_, err = s.Forget(t.Context(), store.Person{UserName: "ada"})
		noError(t, err)
		left := 0
		for e, err := range s.Entries(t.Context(), store.Query{}) {
			noError(t, err)
			if e.After != nil {
				left++
			}
		}
		got, err := s.Activity(t.Context(), request.ID)
		noError(t, err)
		if left > 0 || got.Document != nil {
			t.Errorf("broken off after %d looks and repeated: %d entries are left, and the document %v", looks, left, got.Document)
		}
	}
	if broken == 0 {
		t.Error("nothing broke off")
	}
}

// TestAReaderOutlivesARekey: a loop over entries continues while the store gets another key.
func TestAReaderOutlivesARekey(t *testing.T) {
	t.Parallel()
	first, second := seal.NewKey(), seal.NewKey()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, first))
	for i := range 5 {
		made(t, s, userChange(fmt.Sprint("user-", i)))
	}
	flushed(t, s)
	noError(t, s.UseRing(ring(t, first, second)))
	n := 0
	for _, err := range s.Entries(t.Context(), store.Query{}) {
		noError(t, err)
		if n++; n == 1 {
			noError(t, s.Rekey(t.Context()))
		}
	}
}

// TestTheHeadAfterARestoreVerifies although its last entry is of the epoch before.
func TestTheHeadAfterARestoreVerifies(t *testing.T) {
	t.Parallel()
	key, dir := ring(t, seal.NewKey()), t.TempDir()
	s := open(t, filepath.Join(dir, "store.db"), key)
	made(t, s, userChange("ada"))
	flushed(t, s)
	noError(t, s.Backup(t.Context(), filepath.Join(dir, "backup.db")))
	noError(t, Restore(t.Context(), filepath.Join(dir, "backup.db"), filepath.Join(dir, "restored.db"), key))
	restored := open(t, filepath.Join(dir, "restored.db"), key)
	head, err := restored.Head(t.Context())
	noError(t, err)
	made(t, restored, userChange("bob"))
	flushed(t, restored)
	if _, err := restored.Verify(t.Context(), head); err != nil {
		t.Error(err)
	}
}

// TestARevokedTokenThatIsPutBackStaysRefused although its row is signed.
func TestARevokedTokenThatIsPutBackStaysRefused(t *testing.T) {
	t.Parallel()
	key, file, token := ring(t, seal.NewKey()), filepath.Join(t.TempDir(), "store.db"), keptToken("old")
	for _, step := range []struct {
		do     func(s *Store) error
		byHand []string
	}{
		{func(s *Store) error { return s.AddToken(t.Context(), token) }, []string{"CREATE TABLE kept AS SELECT * FROM token"}},
		{func(s *Store) error { return s.RevokeToken(t.Context(), token.Of, token.SHA256) }, []string{"INSERT INTO token SELECT * FROM kept", "DROP TABLE kept"}},
	} {
		s, err := Open(t.Context(), Options{File: file, Ring: key})
		noError(t, err)
		noError(t, step.do(s))
		noError(t, s.Close())
		byHand(t, file, step.byHand...)
	}
	if good, _, _ := namesOf(t, open(t, file, key)); len(good) > 0 {
		t.Errorf("accepted are %v", good)
	}
}

// TestForgetErasesEveryRequestAboutTheUser: every request that a search for the person finds.
func TestForgetErasesEveryRequestAboutTheUser(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
	const id = "0b7f3c1e-0000-4000-8000-000000000001"
	named, unnamed := refused("acme", "ada"), refused("acme", "x")
	named.Resource.ID, unnamed.Resource.ID = id, id
	unnamed.Document = map[string]any{"title": "Countess"}
	s.Act(named)
	s.Act(unnamed)
	flushed(t, s)
	_, err := s.Forget(t.Context(), store.Person{UserName: "ada"})
	noError(t, err)
	for _, one := range []string{named.ID, unnamed.ID} {
		if a, err := s.Activity(t.Context(), one); err != nil || a.Document != nil {
			t.Errorf("the document is %v, %v", a.Document, err)
		}
	}
}

// TestForgetTakesAnIDInAnyCase also when only the last document is left.
func TestForgetTakesAnIDInAnyCase(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
	made(t, s, userChange("ada"))
	flushed(t, s)
	_, err := s.Prune(t.Context(), store.Retention{Changes: time.Nanosecond})
	noError(t, err)
	if _, err := s.Applied(t.Context(), "acme", "id-ada"); err != nil {
		t.Fatal(err)
	}
	_, err = s.Forget(t.Context(), store.Person{ID: " ID-ADA "})
	noError(t, err)
	if doc, err := s.Applied(t.Context(), "acme", "id-ada"); err == nil {
		t.Errorf("the last document is still %v", doc)
	}
}

// TestALinkToTheStoreIsTheSameStore: two programs cannot open it.
func TestALinkToTheStoreIsTheSameStore(t *testing.T) {
	t.Parallel()
	key, dir := ring(t, seal.NewKey()), t.TempDir()
	open(t, filepath.Join(dir, "store.db"), key)
	noError(t, os.Symlink(filepath.Join(dir, "store.db"), filepath.Join(dir, "link.db")))
	if s, err := Open(t.Context(), Options{File: filepath.Join(dir, "link.db"), Ring: key}); err == nil {
		t.Errorf("two programs have the same store open, %v", s.Close())
	}
}

// TestADamagedDocumentDoesNotStopRekey: nobody can read the document any more, so it is dropped.
func TestADamagedDocumentDoesNotStopRekey(t *testing.T) {
	t.Parallel()
	first, second := seal.NewKey(), seal.NewKey()
	file, _ := filled(t, ring(t, first))
	byHand(t, file, "UPDATE applied SET content = zeroblob(70) WHERE resource = 'id-ann'", "UPDATE chain SET signature = signature")
	s := open(t, file, ring(t, first, second))
	noError(t, s.Rekey(t.Context()))
	if doc, err := s.Applied(t.Context(), "acme", "id-bob"); err != nil || doc["userName"] != "bob" {
		t.Errorf("another document is %v, %v", doc, err)
	}
}

// TestRowsOfTheIndexThatSomebodyWroteAreMended: they hide nobody, and stop nothing.
func TestRowsOfTheIndexThatSomebodyWroteAreMended(t *testing.T) {
	t.Parallel()
	key := ring(t, seal.NewKey())
	for _, statement := range []string{
		"INSERT INTO unindexed VALUES (1, -1)", "INSERT INTO unindexed VALUES (99, 5)", "INSERT INTO unindexed VALUES (11, 0)", "INSERT INTO overlap VALUES (11, '[]')",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			file, _ := filled(t, key)
			byHand(t, file, statement)
			s := open(t, file, key)
			made(t, s, userChange("kim"))
			flushed(t, s)
			if _, err := s.Verify(t.Context()); err != nil {
				t.Error(err)
			}
			if got := numbersOf(t, s, store.Person{UserName: "ann"}); len(got) != 1 {
				t.Errorf("a person is found in %v", got)
			}
		})
	}
}
