package sqlstore

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// numbersOf are the numbers of the entries about a person.
func numbersOf(tb testing.TB, s *Store, p store.Person) []int64 {
	tb.Helper()
	var out []int64
	for e, err := range s.Entries(tb.Context(), store.Query{Person: &p}) {
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, e.Position.Number)
	}
	return out
}

// TestAfterRekeyTheOldKeyIsNotNeeded: entries, open changes, documents and searches work with the new key only, and the
// heads of before still verify. A large group is one of the entries.
func TestAfterRekeyTheOldKeyIsNotNeeded(t *testing.T) {
	t.Parallel()
	first, second := seal.NewKey(), seal.NewKey()
	file, head := filled(t, ring(t, first))
	s, err := Open(t.Context(), Options{File: file, Ring: ring(t, first)})
	if err != nil {
		t.Fatal(err)
	}
	team := change.Change{ID: change.NewID(), Tenant: "acme", Op: change.Updated, Resource: change.Resource{Type: "Group", ID: "team"}}
	for i := range 350 {
		team.MembersAdded = append(team.MembersAdded, fmt.Sprint("user-", i))
	}
	made(t, s, team)
	waiting := userChange("kim")
	if err := s.Intend(t.Context(), waiting); err != nil {
		t.Fatal(err)
	}
	if err := s.UseRing(ring(t, second)); err == nil {
		t.Error("a key file without the key in use is taken")
	}
	if err := s.UseRing(ring(t, first, second)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		if err := s.Rekey(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, file, ring(t, second))
	if _, err := s.Verify(t.Context(), head); err != nil {
		t.Error(err)
	}
	if got := numbersOf(t, s, store.AnyOf("ANN@acme.test")); fmt.Sprint(got) != "[1]" {
		t.Errorf("a person is found in %v", got)
	}
	if got := numbersOf(t, s, store.Person{ID: "user-349"}); fmt.Sprint(got) != "[11]" {
		t.Errorf("a member is found in %v", got)
	}
	if doc, err := s.Applied(t.Context(), "acme", "id-ann"); err != nil || doc["userName"] != "ann" {
		t.Errorf("the last document is %v, %v", doc, err)
	}
	open, err := s.Open(t.Context())
	if err != nil || len(open) != 1 || open[0].After["userName"] != "kim" {
		t.Errorf("the open changes are %v, %v", open, err)
	}
}

// TestARekeyThatBreaksOffGoesOn at the next start, with both keys. Until then everything is found and verifies.
func TestARekeyThatBreaksOffGoesOn(t *testing.T) {
	t.Parallel()
	first, second := seal.NewKey(), seal.NewKey()
	file := filepath.Join(t.TempDir(), "store.db")
	s, err := Open(t.Context(), Options{File: file, Ring: ring(t, first)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * pruneRows {
		made(t, s, userChange(fmt.Sprint("user-", i)))
	}
	flushed(t, s)
	if err := s.UseRing(ring(t, first, second)); err != nil {
		t.Fatal(err)
	}
	if err := s.newGeneration(t.Context()); err != nil {
		t.Fatal(err)
	}
	if last, more, err := s.rekeyStep(t.Context(), 0); err != nil || !more || last != pruneRows {
		t.Fatalf("one step ends at %d, %t, %v", last, more, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), Options{File: file, Ring: ring(t, second)}); err == nil {
		t.Errorf("the store opens without the key of most entries, %v", s.Close())
	}
	s = open(t, file, ring(t, first, second))
	for _, when := range []string{"before", "after"} {
		if _, err := s.Verify(t.Context()); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		for _, i := range []int{0, 3*pruneRows - 1} {
			if got := numbersOf(t, s, store.Person{UserName: fmt.Sprint("user-", i)}); len(got) != 1 || got[0] != int64(i)+1 {
				t.Errorf("%s: user-%d is found in %v", when, i, got)
			}
		}
		if err := s.Rekey(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestANewKeyIsCommittedByItself: what is written at the same time must not be linked or signed with the key before.
func TestANewKeyIsCommittedByItself(t *testing.T) {
	t.Parallel()
	for name, beside := range map[string]func(t *testing.T, s *Store, c change.Change) error{
		"a settlement": func(t *testing.T, s *Store, c change.Change) error {
			t.Helper()
			return s.Settle(t.Context(), c)
		},
		"an observation": func(t *testing.T, s *Store, c change.Change) error {
			t.Helper()
			one, err := s.settlement(c, privateOf(c))
			if err != nil {
				return err
			}
			done := make(chan error, 1)
			s.w.jobs <- &job{ctx: t.Context(), run: func(_ context.Context, w *writer) error { return w.load.settle(one) }, done: done}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := seal.NewKey(), seal.NewKey()
			file, _ := filled(t, ring(t, first))
			s, err := Open(t.Context(), Options{File: file, Ring: ring(t, first), Normal: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.UseRing(ring(t, first, second)); err != nil {
				t.Fatal(err)
			}
			c := userChange("kim")
			if err := s.Intend(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			c.Outcome = change.Done
			busy, free := make(chan struct{}), make(chan struct{})
			ended := make(chan error, 2)
			go func() {
				ended <- s.w.write(t.Context(), func(context.Context, *writer) error {
					close(busy)
					<-free
					return nil
				})
			}()
			<-busy
			go func() { ended <- s.newGeneration(t.Context()) }()
			for len(s.w.jobs) == 0 {
				runtime.Gosched()
			}
			if err := beside(t, s, c); err != nil {
				t.Fatal(err)
			}
			close(free)
			for range 2 {
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
			}
			flushed(t, s)
			if err := s.Rekey(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again := open(t, file, ring(t, second))
			if _, err := again.Verify(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNobodyIsToldOfAnAlterationDuringARekey: a reader that began before the new key was there reads what it signed.
func TestNobodyIsToldOfAnAlterationDuringARekey(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
	ended := make(chan error, 1)
	keys := make([]string, 30)
	for i := range keys {
		keys[i] = seal.NewKey()
	}
	go func() {
		for _, key := range keys {
			s.mu.Lock()
			s.o.Ring = ring(t, key)
			s.mu.Unlock()
			if err := s.Rekey(context.WithoutCancel(t.Context())); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	for {
		if _, err := s.Head(t.Context()); err != nil {
			t.Error(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}
