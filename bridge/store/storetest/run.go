package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Run runs the tests that every store.Store passes. open opens a new, empty store with the clock now, which tests set
// forward and back. Run closes the store.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) store.Store) {
	t.Helper()
	RunShort(t, open, 0)
}

// RunShort is Run for a store whose calls take long: it makes fewer histories for the comparisons with a store in
// memory, at most checks; 0 for the usual number.
func RunShort(t *testing.T, open func(t *testing.T, now func() time.Time) store.Store, checks int64) {
	t.Helper()
	for _, room := range [][]behaviour{intents(), settlements(), queries(), people(), overlaps(), proofs(), documents(), forgetting(), pruning(), keeping(), credentials(), brakes(), ends(), activities(), snapshots(), places(), records()} {
		for _, one := range room {
			t.Run(one.name, func(t *testing.T) {
				t.Parallel()
				one.test(newWorld(t, open))
			})
		}
	}
	t.Run("the store answers as a store in memory, after any operations", func(t *testing.T) {
		t.Parallel()
		compare(t, open, checks)
	})
	t.Run("the store keeps credentials and removals as a store in memory does", func(t *testing.T) {
		t.Parallel()
		compareCredentials(t, open, checks)
	})
}

// behaviour is a test with the sentence that it checks.
type behaviour struct {
	name string
	test func(*world)
}

// tester is what tests use of *testing.T and of *rapid.T.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

// world is a store with its clock.
type world struct {
	tester

	store store.Store
	other func() store.Store // opens another store
	clock *clock
	dir   func() string // a new directory
}

func newWorld(t *testing.T, open func(t *testing.T, now func() time.Time) store.Store) *world {
	t.Helper()
	w := &world{tester: t, clock: newClock(), dir: t.TempDir}
	w.other = func() store.Store {
		t.Helper()
		s := open(t, w.clock.now)
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Errorf("the store does not close: %v", err)
			}
		})
		return s
	}
	w.store = w.other()
	return w
}

// clock is a clock that only tests move.
type clock struct {
	mutex sync.Mutex
	time  time.Time
}

// start is when every test begins.
func start() time.Time { return time.Date(2030, time.January, 31, 8, 30, 0, 123456000, time.UTC) }

func newClock() *clock { return &clock{time: start()} }

func (c *clock) now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.time
}

// passes moves the clock, back when d is negative.
func (c *clock) passes(d time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.time = c.time.Add(d)
}

// must fails the test after an error.
func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("%v", err)
	}
}

// fails fails the test unless an error wraps another.
func (w *world) fails(what string, err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Errorf("%s: the error is %v, want %v", what, err, want)
	}
}

// same fails the test when values differ.
func (w *world) same(what string, want, got any) {
	w.Helper()
	documents := cmp.Comparer(func(a, b scim.Document) bool { return reflect.DeepEqual(a, b) }) // cmp is slow in deep documents
	if diff := cmp.Diff(want, got, cmp.Transformer("entry", tidy), cmp.Transformer("change", tidyChange), documents); diff != "" {
		if len(diff) > 4000 {
			diff = diff[:4000]
		}
		w.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// An entry or a change for a comparison: a list without elements may be nil or empty.
type (
	plainEntry struct {
		Change   plainChange
		Position store.Position
		Settled  time.Time
		Erased   bool
	}
	plainChange change.Change
)

func tidy(e store.Entry) plainEntry {
	return plainEntry{tidyChange(e.Change), e.Position, e.Settled, e.Erased}
}

func tidyChange(c change.Change) plainChange {
	for _, list := range []*[]string{&c.MembersAdded, &c.MembersRemoved, &c.Steps} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	if len(c.Unseen) == 0 {
		c.Unseen = nil
	}
	return plainChange(c)
}

// Names that tests use.
const (
	anna  = "0a6c6e9f-0000-4000-8000-00000000a00a"
	bert  = "0b6c6e9f-0000-4000-8000-00000000b00b"
	carla = "0c6c6e9f-0000-4000-8000-00000000c00c"
	team  = "0d6c6e9f-0000-4000-8000-00000000d00d"
	crew  = "0e6c6e9f-0000-4000-8000-00000000e00e"
)

// change begins a change now.
func (w *world) change(op change.Op, kind, id string) change.Change {
	return change.Change{
		ID: change.NewID(), Begun: w.clock.now(), Actor: change.Actor{Kind: "client", Name: "okta", KeyID: "k1"}, Origin: change.Request,
		Tenant: "/acme", Realm: "realm", Op: op, Resource: change.Resource{Type: kind, ID: id},
	}
}

// user begins a change of a user with documents.
func (w *world) user(op change.Op, id string, before, after scim.Document) change.Change {
	c := w.change(op, userType, id)
	c.Before, c.After = before, after
	return c
}

// group begins a change of a group's members.
func (w *world) group(id string, added, removed []string) change.Change {
	c := w.change(change.Updated, groupType, id)
	c.MembersAdded, c.MembersRemoved = added, removed
	return c
}

// person is a document of a user. An empty value is left out.
func person(userName, externalID string, addresses ...string) scim.Document {
	doc := scim.Document{scim.AttrUserName: userName, "active": true}
	if externalID != "" {
		doc[scim.AttrExternalID] = externalID
	}
	var emails []any
	for _, address := range addresses {
		emails = append(emails, map[string]any{"value": address, "type": "work"})
	}
	if emails != nil {
		doc[scim.AttrEmails] = emails
	}
	return doc
}

func (w *world) intend(changes ...change.Change) {
	w.Helper()
	for _, c := range changes {
		w.must(w.store.Intend(w.Context(), c))
	}
}

// settle settles open changes with the outcome done, unless they have an outcome, and flushes.
func (w *world) settle(changes ...change.Change) {
	w.Helper()
	for _, c := range changes {
		if c.Outcome == "" {
			c.Outcome = change.Done
		}
		w.must(w.store.Settle(w.Context(), c))
	}
	w.flush()
}

// made makes entries of changes, one after the other.
func (w *world) made(changes ...change.Change) {
	w.Helper()
	for _, c := range changes {
		w.intend(c)
		w.settle(c)
	}
}

func (w *world) flush() {
	w.Helper()
	w.must(w.store.Flush(w.Context()))
}

// all are the entries that a query selects.
func (w *world) all(q store.Query) []store.Entry {
	w.Helper()
	var out []store.Entry
	for e, err := range w.store.Entries(w.Context(), q) {
		w.must(err)
		out = append(out, e)
	}
	return out
}

// numbers are the numbers of the entries that a query selects.
func (w *world) numbers(q store.Query) []int64 {
	w.Helper()
	var out []int64
	for _, e := range w.all(q) {
		out = append(out, e.Position.Number)
	}
	return out
}

// finds checks which entries are found for a person.
func (w *world) finds(p store.Person, want ...int64) {
	w.Helper()
	w.same("the entries of "+text(p), want, w.numbers(store.Query{Person: &p}))
}

func text(p store.Person) string {
	var out []string
	for _, one := range p.Identifiers() {
		out = append(out, string(one.Kind)+":"+one.Value)
	}
	return strings.Join(out, " ")
}

// entry is the entry with a number.
func (w *world) entry(number int64) store.Entry {
	w.Helper()
	all := w.all(store.Query{After: number - 1, Limit: 1})
	if len(all) == 0 || all[0].Position.Number != number {
		w.Fatalf("the journal has no entry %d", number)
	}
	return all[0]
}

func (w *world) open() []change.Change {
	w.Helper()
	open, err := w.store.Open(w.Context())
	w.must(err)
	return append([]change.Change{}, open...) // an empty list may be nil
}

func (w *world) stats() store.Stats {
	w.Helper()
	stats, err := w.store.Stats(w.Context())
	w.must(err)
	return stats
}

func (w *world) head() store.Head {
	w.Helper()
	head, err := w.store.Head(w.Context())
	w.must(err)
	return head
}

// verified checks that the journal verifies, and that the proof counts what readers see.
func (w *world) verified(heads ...store.Head) store.Proof {
	w.Helper()
	proof, err := w.store.Verify(w.Context(), heads...)
	w.must(err)
	all := w.all(store.Query{})
	want := store.Proof{Head: w.head(), Entries: int64(len(all)), Pruned: proof.Pruned}
	for _, e := range all {
		if e.Erased {
			want.Erased++
		}
	}
	w.same("the proof", want, proof)
	if proof.Entries+proof.Pruned != proof.Head.Position.Number {
		w.Errorf("%d entries and %d pruned entries end at %d", proof.Entries, proof.Pruned, proof.Head.Position.Number)
	}
	if last := len(all) - 1; last >= 0 && all[last].Position != proof.Head.Position {
		w.Errorf("the head is at %s, the last entry at %s", proof.Head.Position, all[last].Position)
	}
	return proof
}

// gapless checks that the numbers of all entries follow each other.
func (w *world) gapless(want int) {
	w.Helper()
	numbers := w.numbers(store.Query{})
	if len(numbers) != want {
		w.Fatalf("the journal has %d entries, want %d", len(numbers), want)
	}
	for i, number := range numbers {
		if number != int64(i)+1 {
			w.Fatalf("entry %d has the number %d", i+1, number)
		}
	}
}

// full is a change with a value in every field.
func (w *world) full() change.Change {
	c := w.user(change.Updated, anna, person("anna", "e-1", "anna@example.org"), person("anna.b", "e-2", "anna@example.org", "ab@example.org"))
	c.Origin, c.Organization = change.Bulk, change.Organization{ID: "7b1a", Alias: "acme"}
	c.MembersAdded, c.MembersRemoved = []string{bert}, []string{carla}
	c.Steps, c.Unseen = []string{"update user " + anna + ": userName", "log out"}, []change.Part{change.Password, change.Sessions}
	c.Done, c.Outcome, c.Recovered, c.Reason = 1, change.Failed, true, "unavailable: Keycloak does not answer"
	return c
}

// odd are documents that are hard to keep.
func odd() map[string]scim.Document {
	deep := any("the end")
	for range 40 {
		deep = map[string]any{"next": []any{deep}}
	}
	return map[string]scim.Document{
		"no document":      nil,
		"an empty one":     {},
		"unicode":          {scim.AttrUserName: "Ängström 東京 🧑‍🚀 \u202e abc", "nickName": "e\u0301 is not \u00e9"},
		"control":          {scim.AttrUserName: "a\x00b\x1f\"\\\u2028<>&'; DROP TABLE entries; --", "": "an empty name"},
		"numbers":          {"x": json.Number("12345678901234567890.10"), "y": json.Number("-0"), "z": json.Number("1e400")},
		"nothing inside":   {"a": nil, "b": []any{}, "c": map[string]any{}, "d": "", "e": false},
		"a deep one":       {"deep": deep},
		"a large one":      {"note": strings.Repeat("0123456789 ünïcode ", 60_000)},
		"text like JSON":   {"note": `{"a":[1]}`, "date": "2030-01-31T08:30:00.000Z"},
		"names like paths": {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"$ref": "../x", "a.b": true}},
	}
}
