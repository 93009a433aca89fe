package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
)

// TestSQLiteKeepsTheShares passes the tests of the shares of tenants.
func TestSQLiteKeepsTheShares(t *testing.T) {
	t.Parallel()
	key := ring(t, seal.NewKey())
	storetest.RunShares(t, func(t *testing.T, now func() time.Time, share store.Share) store.Store {
		t.Helper()
		s, err := Open(t.Context(), Options{File: filepath.Join(t.TempDir(), "store.db"), Ring: key, Now: now, Normal: true, Share: share})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// refused is a creation of a user that was refused.
func refused(tenant, name string) store.Activity {
	return store.Activity{
		ID: string(change.NewID()), At: time.Now(), Tenant: tenant, Realm: "acme", Actor: change.Actor{Kind: "client", Name: "idp", KeyID: "k1"}, Method: "POST", Route: "/Users", Status: 409, Code: "conflict",
		Resource: change.Resource{Type: "User"}, Document: map[string]any{"userName": name, "externalId": "ext-" + name, "emails": []any{map[string]any{"value": name + "@acme.test"}}}, Detail: name + " is taken",
	}
}

// activities are the ids of the requests that a query selects.
func activities(t *testing.T, s *Store, q store.ActivityQuery) []string {
	t.Helper()
	var out []string
	for a, err := range s.Activities(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a.ID)
	}
	return out
}

func flush(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func intend(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Intend(t.Context(), userChange(string(change.NewID()))); err != nil {
		t.Fatal(err)
	}
}

func storeStats(t *testing.T, s *Store) store.Stats {
	t.Helper()
	out, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestARowIsWrittenWithTheNextCommitOfSomethingElse, and makes no commit of its own.
func TestARowIsWrittenWithTheNextCommitOfSomethingElse(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
	s.w.queue.leisure = time.Hour
	for i := range 5 {
		s.Act(refused("acme", fmt.Sprint("user-", i)))
	}
	s.Count(time.Now(), "acme", store.Reads)
	if got := activities(t, s, store.ActivityQuery{}); len(got) > 0 {
		t.Fatalf("%d rows were written without a commit of something else", len(got))
	}
	intend(t, s)
	if got := activities(t, s, store.ActivityQuery{}); len(got) != 5 {
		t.Errorf("the commit of a change wrote %d rows, want 5", len(got))
	}
	if err := s.w.write(t.Context(), func(context.Context, *writer) error { return nil }); err != nil { // the loop has ended its batch
		t.Fatal(err)
	}
	if s.w.commits != 2 {
		t.Errorf("there were %d commits, want 2", s.w.commits)
	}
}

// TestARowIsWrittenWhenNothingElseIs: it waits a short time only.
func TestARowIsWrittenWhenNothingElseIs(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
	s.w.queue.leisure = 0
	s.Act(refused("acme", "jane"))
	for len(activities(t, s, store.ActivityQuery{})) == 0 {
		if t.Context().Err() != nil {
			t.Fatal("the row was not written")
		}
	}
}

// files has the bytes of the database and its log.
func files(t *testing.T, file string) []byte {
	t.Helper()
	var out []byte
	for _, name := range []string{file, file + "-wal"} {
		data, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		out = append(out, data...)
	}
	return out
}

// TestTheFilesShowNothingOfADocument, and nothing at all after the person was forgotten.
func TestTheFilesShowNothingOfADocument(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.db")
	s := open(t, file, ring(t, seal.NewKey()))
	a := refused("acme", "jane-the-only")
	a.Document["note"] = strings.Repeat("a long note of jane. ", 2000) + string(change.NewID()) // has pages of its own
	s.Act(a)
	s.Act(refused("acme", "joe"))
	flush(t, s)
	for _, secret := range []string{"jane-the-only", "a long note", "is taken"} {
		if bytes.Contains(files(t, file), []byte(secret)) {
			t.Errorf("the files show %q", secret)
		}
	}
	var content, subjects []byte
	b, _ := idBytes(change.ID(a.ID))
	if err := s.db.QueryRowContext(t.Context(), "SELECT content, subjects FROM activity WHERE id = ?", b).Scan(&content, &subjects); err != nil || len(subjects) != 3*seal.HashSize {
		t.Fatal(len(subjects), err)
	}
	parts := map[string][]byte{"the begin of the sealed document": content[:64], "its end": content[len(content)-64:], "a hash": subjects[:seal.HashSize]}
	for what, part := range parts {
		if !bytes.Contains(files(t, file), part) {
			t.Fatalf("the files do not have %s, so this test proves nothing", what)
		}
	}
	if n, err := s.Forget(t.Context(), store.Person{UserName: "Jane-The-Only"}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	for what, part := range parts {
		if bytes.Contains(files(t, file), part) {
			t.Errorf("the files still have %s", what)
		}
	}
	if got := activities(t, s, store.ActivityQuery{Person: &store.Person{UserName: "joe"}}); len(got) != 1 {
		t.Errorf("another person has %d rows, want 1", len(got))
	}
}

// TestATableThatCannotBeWrittenCostsOnlyItsRows: the journal keeps its entries, and what is missing is counted.
func TestATableThatCannotBeWrittenCostsOnlyItsRows(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
	s.w.queue.leisure = time.Hour
	if err := s.w.write(t.Context(), func(ctx context.Context, w *writer) error { return w.exec(ctx, "DROP TABLE activity") }); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.Act(refused("acme", "jane"))
	}
	intend(t, s)
	flush(t, s)
	if got := storeStats(t, s); got.Dropped != 3 || got.Activities != 0 || got.Open != 1 {
		t.Errorf("%+v, want 3 dropped rows and an open change", got)
	}
	if s.w.queue.size != 0 || len(s.w.queue.of) != 0 {
		t.Errorf("the queue still has %d bytes of %v", s.w.queue.size, s.w.queue.of)
	}
}

// TestRowsWaitWhileNothingCanBeWritten, and are written afterwards.
func TestRowsWaitWhileNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
	s.w.queue.leisure = time.Hour
	only := func(query string) {
		t.Helper()
		if err := s.w.writeOutside(t.Context(), func(ctx context.Context, w *writer) error { return w.exec(ctx, query) }); err != nil {
			t.Fatal(err)
		}
	}
	only("PRAGMA query_only = 1")
	a := refused("acme", "jane")
	s.Act(a)
	s.Count(time.Now(), "acme", store.Reads)
	if err := s.Flush(t.Context()); !errors.Is(err, store.ErrAway) {
		t.Errorf("flush returned %v, want that the store is away", err)
	}
	if got := storeStats(t, s); got.Dropped != 0 {
		t.Errorf("%d rows were dropped", got.Dropped)
	}
	only("PRAGMA query_only = 0")
	flush(t, s)
	counts, err := s.Counts(t.Context(), store.CountQuery{})
	if got := activities(t, s, store.ActivityQuery{}); len(got) != 1 || got[0] != a.ID || len(counts) != 1 || err != nil {
		t.Errorf("after the failure there are the rows %v and the counts %v, %v", got, counts, err)
	}
}

// TestAFloodOfOneTenantLeavesRoomForOthers, while nothing can be written, and nobody waits.
func TestAFloodOfOneTenantLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
	begun, end := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- s.w.write(context.WithoutCancel(t.Context()), func(context.Context, *writer) error {
			close(begun)
			<-end
			return nil
		})
	}()
	<-begun
	read := store.Activity{Tenant: "flood", Status: 404}
	for range 3 * maxQueued {
		read.ID = string(change.NewID())
		s.Act(read)
	}
	if got := s.w.queue.of["flood"].rows; got != maxQueued/2 {
		t.Errorf("one tenant uses %d of %d places", got, maxQueued)
	}
	for i := range 20 {
		for range 10 {
			s.Act(refused(fmt.Sprint("tenant-", i), "jane"))
		}
	}
	for i := range 20 {
		if got := s.w.queue.of[fmt.Sprint("tenant-", i)].rows; got != 10 {
			t.Errorf("another tenant has %d of its 10 rows", got)
		}
	}
	large := refused("large", "joe")
	for range 2 * maxQueuedBytes / store.MaxDocument {
		large.ID = string(change.NewID())
		one, err := newAct(large)
		if err != nil {
			t.Fatal(err)
		}
		one.text = make([]byte, store.MaxDocument)
		s.w.queue.push(one)
	}
	if s.w.queue.size > maxQueuedBytes {
		t.Errorf("the queue uses %d bytes", s.w.queue.size)
	}
	if own := s.w.queue.of["large"]; own.size > maxQueuedBytes/2 || own.rows < 50 {
		t.Errorf("large rows of one tenant use %+v", own)
	}
	close(end)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	got := storeStats(t, s)
	if want := s.w.queue.pushed; got.Activities != want || got.Dropped < 2*maxQueued {
		t.Errorf("%d rows were written and %d dropped, want %d rows", got.Activities, got.Dropped, want)
	}
}

// TestTheSharesOfTenantsAreKnownAfterARestart, and so are the numbers of the rows.
func TestTheSharesOfTenantsAreKnownAfterARestart(t *testing.T) {
	t.Parallel()
	file, key := filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey())
	share := store.Share{Rows: 5, Bytes: 1 << 20}
	reopened := func() *Store {
		t.Helper()
		s, err := Open(t.Context(), Options{File: file, Ring: key, Share: share})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := reopened()
	for range 7 {
		s.Act(refused("acme", "jane"))
		flush(t, s)
	}
	before, _ := s.usage.total()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = reopened()
	defer s.Close()
	if after, _ := s.usage.total(); after != before || after.Rows != 5 {
		t.Errorf("the rows use %+v after a restart, and %+v before", after, before)
	}
	s.Act(refused("acme", "joe"))
	flush(t, s)
	if got := activities(t, s, store.ActivityQuery{}); len(got) != 5 {
		t.Errorf("%d rows, want 5", len(got))
	}
	for a, err := range s.Activities(t.Context(), store.ActivityQuery{Newest: true, Limit: 1}) {
		if err != nil || a.Number != 8 {
			t.Errorf("the newest row has the number %d, %v, want 8", a.Number, err)
		}
	}
}

// TestWhatWaitsIsWrittenAtTheEnd: Close loses no row and no count.
func TestWhatWaitsIsWrittenAtTheEnd(t *testing.T) {
	t.Parallel()
	file, key := filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey())
	s, err := Open(t.Context(), Options{File: file, Ring: key, Normal: true})
	if err != nil {
		t.Fatal(err)
	}
	s.w.queue.leisure = time.Hour
	for range 3 * maxBatch {
		s.Act(refused("acme", "jane"))
	}
	s.Count(time.Now(), "acme", store.Reads)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Act(refused("acme", "late"))
	s = open(t, file, key)
	counts, err := s.Counts(t.Context(), store.CountQuery{})
	if got := storeStats(t, s).Activities; got != 3*maxBatch || len(counts) != 1 || err != nil {
		t.Errorf("%d rows and the counts %v, %v", got, counts, err)
	}
}

// TestADocumentThatSomebodyAlteredIsMissing: the row is shown without it, and a new key can be taken.
func TestADocumentThatSomebodyAlteredIsMissing(t *testing.T) {
	t.Parallel()
	file, one, two := filepath.Join(t.TempDir(), "store.db"), seal.NewKey(), seal.NewKey()
	s := open(t, file, ring(t, one))
	jane, joe := refused("acme", "jane"), refused("acme", "joe")
	s.Act(jane)
	s.Act(joe)
	flush(t, s)
	if err := s.w.write(t.Context(), func(ctx context.Context, w *writer) error {
		_, err := w.ExecContext(ctx, "UPDATE activity SET content = (SELECT content FROM activity WHERE number = 2) WHERE number = 1")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	damaged := func() {
		t.Helper()
		a, err := s.Activity(t.Context(), jane.ID)
		if err != nil || a.Lacks != store.LacksDamaged || a.Document != nil || a.Code != jane.Code {
			t.Errorf("the row is %+v, %v", a, err)
		}
	}
	damaged()
	if err := s.UseRing(ring(t, one, two)); err != nil {
		t.Fatal(err)
	}
	if err := s.Rekey(t.Context()); err != nil {
		t.Fatal(err)
	}
	damaged()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, file, ring(t, two)) // the old key is not needed
	a, err := s.Activity(t.Context(), joe.ID)
	if err != nil || a.Document["userName"] != "joe" || a.Detail != joe.Detail {
		t.Errorf("the other row is %+v, %v", a, err)
	}
	if got := activities(t, s, store.ActivityQuery{Person: &store.Person{Address: "joe@acme.test"}}); len(got) != 1 {
		t.Errorf("joe has %d rows under the new key, want 1", len(got))
	}
	var stray int
	if err := s.db.QueryRowContext(t.Context(), "SELECT count(*) FROM activity_subject").Scan(&stray); err != nil || stray != 3 {
		t.Errorf("%d hashes are left, %v, want the 3 of joe", stray, err)
	}
}

// TestAStoreThatIsTooLargeGivesUpRowsBeforeChanges, and those of the tenant with the most first.
func TestAStoreThatIsTooLargeGivesUpRowsBeforeChanges(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
	c := userChange("jane")
	if err := errors.Join(s.Intend(t.Context(), c), s.Settle(t.Context(), c)); err != nil {
		t.Fatal(err)
	}
	s.Act(refused("small", "jane"))
	for i := range 200 {
		a := refused("large", fmt.Sprint("user-", i))
		for range 400 {
			a.Detail += string(change.NewID())[24:]
		}
		a.Document["note"] = a.Detail
		s.Act(a)
	}
	flush(t, s)
	size, err := s.size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.Prune(t.Context(), store.Retention{MaxBytes: size / 2})
	if err != nil || n < 50 || n > 199 {
		t.Errorf("%d rows were removed, %v", n, err)
	}
	if after, err := s.size(t.Context()); err != nil || after > size/2 {
		t.Errorf("the store has %d bytes, %v, want at most %d", after, err, size/2)
	}
	if got := activities(t, s, store.ActivityQuery{Tenant: "small"}); len(got) != 1 {
		t.Error("the row of a small tenant is gone")
	}
	if _, err := s.Entry(t.Context(), c.ID); err != nil {
		t.Errorf("the change is gone: %v", err)
	}
}

// TestCountsThatAreDueAreTakenNext, although a commit of earlier counts ends meanwhile.
func TestCountsThatAreDueAreTakenNext(t *testing.T) {
	t.Parallel()
	q, now := newQueue(), time.Now()
	q.count(tally{tenant: "acme"})
	q.due()
	_, first := q.take(now, false)
	q.count(tally{tenant: "acme"})
	q.due()
	q.ended(0, first, now, nil, false)
	if _, second := q.take(now, false); len(first) != 1 || len(second) != 1 {
		t.Errorf("the commits have %v and %v", first, second)
	}
}
