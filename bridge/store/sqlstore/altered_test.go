package sqlstore

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// made journals a change.
func made(tb testing.TB, s *Store, c change.Change) {
	tb.Helper()
	if err := s.Intend(tb.Context(), c); err != nil {
		tb.Fatal(err)
	}
	c.Outcome = change.Done
	if err := s.Settle(tb.Context(), c); err != nil {
		tb.Fatal(err)
	}
}

func flushed(tb testing.TB, s *Store) {
	tb.Helper()
	if err := s.Flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// filled is the file of a closed store with ten entries, of which the fifth was erased, and the head of its journal.
func filled(tb testing.TB, r seal.Ring) (string, store.Head) {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "store.db")
	s, err := Open(tb.Context(), Options{File: file, Ring: r})
	if err != nil {
		tb.Fatal(err)
	}
	for _, name := range []string{"ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal", "ivy"} {
		made(tb, s, userChange(name))
	}
	if n, err := s.Forget(tb.Context(), store.Person{UserName: "eve"}); err != nil || n != 1 {
		tb.Fatalf("%d entries are erased, %v", n, err)
	}
	head, err := s.Head(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	return file, head
}

// byHand executes statements as somebody does who has the file and no key.
func byHand(tb testing.TB, file string, statements ...string) {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		tb.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(tb.Context(), statement); err != nil {
			tb.Errorf("%s: %v", statement, err)
		}
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
}

// TestWhatSomebodyAlteredIsFound: each alteration of the database, with the number of the first altered entry.
func TestWhatSomebodyAlteredIsFound(t *testing.T) {
	t.Parallel()
	key := ring(t, seal.NewKey())
	const row = "id, epoch, begun, settled, tenant, realm, organization, alias, actor_kind, actor, key_id, origin, op, type, resource, outcome, done, recovered, commitment, link, generation, content, erased"
	for name, c := range map[string]struct {
		number     int64
		statements []string
	}{
		"nothing":                              {0, nil},
		"a time":                               {3, []string{"UPDATE entry SET settled = settled + 1 WHERE number = 3"}},
		"the begin of a change":                {3, []string{"UPDATE entry SET begun = begun + 1 WHERE number = 3"}},
		"the actor":                            {1, []string{"UPDATE entry SET actor = 'somebody' WHERE number = 1"}},
		"the tenant":                           {10, []string{"UPDATE entry SET tenant = 'other' WHERE number = 10"}},
		"the operation":                        {4, []string{"UPDATE entry SET op = 'observed' WHERE number = 4"}},
		"the outcome":                          {4, []string{"UPDATE entry SET outcome = 'failed' WHERE number = 4"}},
		"the number of steps":                  {4, []string{"UPDATE entry SET done = 7 WHERE number = 4"}},
		"the id":                               {4, []string{"UPDATE entry SET id = zeroblob(16) WHERE number = 4"}},
		"the epoch":                            {4, []string{"UPDATE entry SET epoch = 2 WHERE number = 4"}},
		"a byte of the content":                {6, []string{"UPDATE entry SET content = CAST(content || x'00' AS BLOB) WHERE number = 6"}},
		"the content of another entry":         {6, []string{"UPDATE entry SET content = (SELECT content FROM entry WHERE number = 7) WHERE number = 6"}},
		"a content that is removed":            {6, []string{"UPDATE entry SET content = NULL WHERE number = 6"}},
		"a content that seems to be erased":    {6, []string{"UPDATE entry SET content = NULL, erased = 1 WHERE number = 6"}},
		"an erased entry that seems to be not": {5, []string{"UPDATE entry SET erased = 0 WHERE number = 5"}},
		"a commitment":                         {6, []string{"UPDATE entry SET commitment = zeroblob(32) WHERE number = 6"}},
		"a link":                               {6, []string{"UPDATE entry SET link = zeroblob(32) WHERE number = 6"}},
		"the first entry is removed":           {1, []string{"DELETE FROM entry WHERE number = 1"}},
		"an entry is removed":                  {4, []string{"DELETE FROM entry WHERE number = 4"}},
		"an entry is removed, the others move": {4, []string{"DELETE FROM entry WHERE number = 4", "UPDATE entry SET number = number - 1 WHERE number > 4"}},
		"the erasure is removed":               {10, []string{"DELETE FROM entry WHERE number = 10"}},
		"the tail is cut":                      {8, []string{"DELETE FROM entry WHERE number >= 8"}},
		"all entries are removed":              {1, []string{"DELETE FROM entry"}},
		"an entry is inserted at the end":      {11, []string{"INSERT INTO entry (number, " + row + ") SELECT 11, zeroblob(16), epoch, begun, settled, tenant, realm, organization, alias, actor_kind, actor, key_id, origin, op, type, resource, outcome, done, recovered, commitment, link, generation, content, erased FROM entry WHERE number = 9"}},
		"two entries are exchanged":            {3, []string{"UPDATE entry SET number = 99 WHERE number = 3", "UPDATE entry SET number = 3 WHERE number = 4", "UPDATE entry SET number = 4 WHERE number = 99"}},
		"the end is moved back":                {0, []string{"DELETE FROM entry WHERE number = 10", "UPDATE head SET number = 9, link = (SELECT link FROM entry WHERE number = 9)"}},
		"the begin is moved":                   {0, []string{"DELETE FROM entry WHERE number = 1", "UPDATE head SET pruned = 1"}},
		"the erasure is another operation":     {10, []string{"UPDATE entry SET op = 'updated' WHERE number = 10"}},
		"the content of the erasure":           {10, []string{"UPDATE entry SET content = zeroblob(100) WHERE number = 10"}},
		"the erasure has no content":           {10, []string{"UPDATE entry SET content = NULL WHERE number = 10"}},
		"what is neither true nor false":       {4, []string{"UPDATE entry SET recovered = -1 WHERE number = 4"}},
		"an erased entry that is neither":      {5, []string{"UPDATE entry SET erased = 2 WHERE number = 5"}},
		"the secret of the chain":              {1, []string{"UPDATE chain SET secret = zeroblob(64)"}},
		"what a person is found by is removed": {2, []string{"DELETE FROM subject WHERE number = 2"}},
		"an erased person can be found again":  {0, []string{"INSERT INTO subject (hash, number) VALUES (zeroblob(16), 5)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, _ := filled(t, key)
			byHand(t, file, c.statements...)
			s, err := Open(t.Context(), Options{File: file, Ring: key})
			if err == nil {
				defer s.Close()
				_, err = s.Verify(t.Context())
			}
			broken, is := errors.AsType[*store.BrokenError](err)
			if c.statements == nil {
				if err != nil {
					t.Fatalf("an unaltered journal: %v", err)
				}
				return
			}
			if !is || broken.Number != c.number {
				t.Errorf("the first altered entry is %v, want %d", err, c.number)
			}
		})
	}
}

// TestAnOlderDatabaseIsFoundByTheHeadInTheLog: its own signatures are right, so only a head that was kept elsewhere shows
// it. A restored backup is of another epoch, and lacks the entries too.
func TestAnOlderDatabaseIsFoundByTheHeadInTheLog(t *testing.T) {
	t.Parallel()
	key := ring(t, seal.NewKey())
	file, early := filled(t, key)
	s := open(t, file, key)
	backup := filepath.Join(t.TempDir(), "backup.db")
	if err := s.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	made(t, s, userChange("joe"))
	flushed(t, s)
	late, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(t.Context(), early, late); err != nil {
		t.Errorf("both heads are of this journal: %v", err)
	}
	other := early
	other.Link[0]++
	for name, c := range map[string]struct {
		head   store.Head
		number int64
	}{"another link": {other, 10}, "another store": {store.Head{Store: "other", Position: early.Position, Link: early.Link}, 0}} {
		_, err := s.Verify(t.Context(), c.head)
		if broken, is := errors.AsType[*store.BrokenError](err); !is || broken.Number != c.number {
			t.Errorf("%s: %v", name, err)
		}
	}
	copied := filepath.Join(t.TempDir(), "store.db")
	if err := copyFile(backup, copied); err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(t.TempDir(), "store.db")
	if err := Restore(t.Context(), backup, restored, key); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file  string
		epoch int64
	}{"a copy of the backup": {copied, 1}, "the restored backup": {restored, 2}} {
		old := openCopy(t, c.file, key) // somebody can change the inode too
		if _, err := old.Verify(t.Context(), early); err != nil {
			t.Errorf("%s: the early head: %v", name, err)
		}
		_, err := old.Verify(t.Context(), early, late)
		if broken, is := errors.AsType[*store.BrokenError](err); !is || broken.Number != 11 {
			t.Errorf("%s: the late head: %v, want entry 11", name, err)
		}
		made(t, old, userChange("kim"))
		flushed(t, old)
		_, err = old.Verify(t.Context(), late)
		if broken, is := errors.AsType[*store.BrokenError](err); !is || broken.Number != 11 {
			t.Errorf("%s, with further changes: the late head: %v, want entry 11", name, err)
		}
		head, err := old.Head(t.Context())
		if err != nil || head.Position != (store.Position{Epoch: c.epoch, Number: 11}) {
			t.Errorf("%s: the head is %v, %v", name, head, err)
		}
	}
}

// TestARestoreNeedsAFreePlace, because the store that is there has what happened since the backup.
func TestARestoreNeedsAFreePlace(t *testing.T) {
	t.Parallel()
	key := ring(t, seal.NewKey())
	file, _ := filled(t, key)
	if err := Restore(t.Context(), file, file, key); err == nil {
		t.Error("a store is overwritten")
	}
	beside := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(beside+"-wal", []byte("the log of the former store"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), file, beside, key); err == nil {
		t.Error("a backup is restored beside the log of another store")
	}
	broken := filepath.Join(t.TempDir(), "broken.db")
	if err := os.WriteFile(broken, []byte("this is no database, and it is long enough to be read as one"), 0o600); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "store.db")
	if err := Restore(t.Context(), broken, to, key); err == nil {
		t.Error("something else than a backup is restored")
	}
	if left, err := filepath.Glob(to + "*"); err != nil || len(left) > 1 || len(left) == 1 && left[0] != to+".lock" {
		t.Errorf("a restore that failed leaves %v, %v", left, err)
	}
}

// TestAnEntryThatIsInsertedWhileTheBridgeWritesIsNamed, although the entry takes the number of the next entry.
func TestAnEntryThatIsInsertedWhileTheBridgeWritesIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	s := open(t, file, ring(t, seal.NewKey()))
	made(t, s, userChange("ann"))
	flushed(t, s)
	byHand(t, file, "INSERT INTO entry SELECT 2, zeroblob(16), epoch, begun, settled, tenant, realm, organization, alias, actor_kind, actor, key_id, origin, op, type, resource, outcome, done, recovered, commitment, link, generation, content, erased FROM entry")
	made(t, s, userChange("bob"))
	_, err := s.Verify(t.Context())
	if broken, is := errors.AsType[*store.BrokenError](err); !is || broken.Number != 2 {
		t.Errorf("the first altered entry is %v, want 2", err)
	}
	byHand(t, file, "DELETE FROM entry WHERE number = 2")
	flushed(t, s)
	if proof, err := s.Verify(t.Context()); err != nil || proof.Entries != 2 {
		t.Errorf("without the entry: %+v, %v", proof, err)
	}
}
