package storetest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// epoch is the epoch of every Memory: nobody restores a backup of it.
const epoch = 1

// Memory is a store.Store in memory, for tests. Its Backup returns errors.ErrUnsupported, because it has no file. The
// zero value is not usable.
type Memory struct {
	now   func() time.Time
	genes link // before the first entry

	mutex    sync.Mutex
	closed   bool
	away     error // what every method returns, or nil
	unsettle error // what Settle returns, or nil

	clock    int64 // counts beginnings and settlements: which was first does not depend on the time
	open     []opened
	known    map[change.ID]struct{} // the changes that are open or entries
	entries  []entry
	pruned   int64
	last     link // of the newest entry that was pruned
	overlaps []store.Overlap
	applied  map[applied]scim.Document
	places   map[string]time.Time // by the name of the reader
	held     held
	requests requests

	saving    sync.Mutex // held by one SaveSnapshot at a time
	snapshots map[string][]byte
	purges    int // how often all snapshots were removed
}

// applied names a resource of a tenant.
type applied struct{ tenant, resource string }

type link [store.LinkSize]byte

// opened is an open change.
type opened struct {
	change.Change

	began int64
}

// entry is an entry with its link, and when it began and ended by the clock of Memory.
type entry struct {
	store.Entry

	link         link
	began, ended int64
}

var _ store.Store = (*Memory)(nil)

// NewMemory returns an empty store. now is its clock; nil is the time of the machine.
func NewMemory(now func() time.Time) *Memory {
	if now == nil {
		now = time.Now
	}
	genes := link(sha256.Sum256([]byte(change.NewID())))
	return &Memory{now: now, genes: genes, last: genes, known: map[change.ID]struct{}{}, applied: map[applied]scim.Document{}, places: map[string]time.Time{}, held: newHeld(now()), requests: newRequests(), snapshots: map[string][]byte{}}
}

// Share sets what the rows of one tenant may use.
func (m *Memory) Share(s store.Share) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.requests.share = s
}

// Fail makes every method return an error that wraps store.ErrAway and err, until Fail(nil).
func (m *Memory) Fail(err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.away = away(err)
}

// FailSettle makes Settle return an error that wraps store.ErrAway and err, until FailSettle(nil). The change stays
// open.
func (m *Memory) FailSettle(err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.unsettle = away(err)
}

func away(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", store.ErrAway, err)
}

// enter locks the store. After an error the store is not locked.
func (m *Memory) enter(ctx context.Context) error {
	m.mutex.Lock()
	err := ctx.Err()
	switch {
	case m.closed:
		err = away(errors.New("the store is closed"))
	case m.away != nil:
		err = m.away
	}
	if err != nil {
		m.mutex.Unlock()
	}
	return err
}

// Intend implements store.Journal.
func (m *Memory) Intend(ctx context.Context, c change.Change) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mutex.Unlock()
	if err := m.isNew(c.ID); err != nil {
		return err
	}
	m.known[c.ID] = struct{}{}
	m.open = append(m.open, opened{cloned(c), m.tick()})
	return nil
}

func (m *Memory) isNew(id change.ID) error {
	if id == "" {
		return errors.New("a change without an id cannot be recorded: give it an id with change.NewID")
	}
	if _, again := m.known[id]; again {
		return fmt.Errorf("%w: give every change a new id, unlike %s", store.ErrKnown, id)
	}
	return nil
}

func (m *Memory) tick() int64 {
	m.clock++
	return m.clock
}

// Settle implements store.Journal.
func (m *Memory) Settle(ctx context.Context, c change.Change) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mutex.Unlock()
	if m.unsettle != nil {
		return m.unsettle
	}
	at := slices.IndexFunc(m.open, func(o opened) bool { return o.ID == c.ID })
	if at < 0 {
		return fmt.Errorf("%s cannot be settled: %w", c.ID, store.ErrNotOpen)
	}
	began := m.open[at].began
	m.open = slices.Delete(m.open, at, at+1)
	m.append(cloned(c), began)
	return nil
}

// Withdraw implements store.Journal.
func (m *Memory) Withdraw(ctx context.Context, id change.ID) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mutex.Unlock()
	at := slices.IndexFunc(m.open, func(o opened) bool { return o.ID == id })
	if at < 0 {
		return fmt.Errorf("%s cannot be withdrawn: %w", id, store.ErrNotOpen)
	}
	m.open = slices.Delete(m.open, at, at+1)
	delete(m.known, id)
	return nil
}

// append makes an entry of a change, and notes which memberships overlap.
func (m *Memory) append(c change.Change, began int64) {
	settled := entry{
		Entry: store.Entry{Change: c, Settled: kept(m.now()), Position: store.Position{Epoch: epoch, Number: m.number() + 1}},
		began: began, ended: m.tick(),
	}
	settled.link = linked(m.tip(), settled.Entry)
	if members := m.overlapping(settled); len(members) > 0 {
		m.overlaps = append(m.overlaps, store.Overlap{Change: bare(cloned(c)), Members: members})
	}
	m.entries = append(m.entries, settled)
	switch of := (applied{c.Tenant, c.Resource.ID}); {
	case store.Applies(c):
		m.applied[of] = c.After.Clone()
	case store.Unapplies(c):
		delete(m.applied, of)
	}
}

// Applied implements store.Journal.
func (m *Memory) Applied(ctx context.Context, tenant, resource string) (scim.Document, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mutex.Unlock()
	doc, is := m.applied[applied{tenant, resource}]
	if !is {
		return nil, store.ErrNotFound
	}
	return doc.Clone(), nil
}

// number is the number of the last entry.
func (m *Memory) number() int64 { return m.pruned + int64(len(m.entries)) }

// tip is the last link.
func (m *Memory) tip() link {
	if len(m.entries) == 0 {
		return m.last
	}
	return m.entries[len(m.entries)-1].link
}

// linked links an entry to the link before it. Forget must not change the link, so the link covers what Forget keeps.
func linked(before link, e store.Entry) link {
	return sha256.Sum256(fmt.Appendf(before[:], " %s %s %d %s", e.Position, e.ID, e.Settled.UnixMicro(), e.Resource.Type))
}

// overlapping are the members of a settled change that entries changed between its beginning and its end.
func (m *Memory) overlapping(late entry) []string {
	if late.Resource.Type != groupType {
		return nil
	}
	mine := members(late.Change)
	var out []string
	for _, e := range m.entries {
		if e.ended < late.began || e.Op == change.Observed || e.Realm != late.Realm || e.Resource != late.Resource {
			continue
		}
		for _, id := range members(e.Change) {
			if slices.Contains(mine, id) {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func members(c change.Change) []string { return slices.Concat(c.MembersAdded, c.MembersRemoved) }

// Flush implements store.Journal. Settle has made the entries already.
func (m *Memory) Flush(ctx context.Context) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	m.mutex.Unlock()
	return nil
}

// Open implements store.Journal.
func (m *Memory) Open(ctx context.Context) ([]change.Change, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mutex.Unlock()
	out := make([]change.Change, len(m.open))
	for i, one := range m.open {
		out[i] = cloned(one.Change)
	}
	return out, nil
}

// Entries implements store.Journal. It selects when the iteration begins, so the loop may use the store.
func (m *Memory) Entries(ctx context.Context, q store.Query) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		selected, err := m.selected(ctx, q)
		if err != nil {
			yield(store.Entry{}, err)
			return
		}
		for _, one := range selected {
			if err := ctx.Err(); err != nil {
				yield(store.Entry{}, err)
				return
			}
			if !yield(one, nil) {
				return
			}
		}
	}
}

// Entry implements store.Journal.
func (m *Memory) Entry(ctx context.Context, id change.ID) (store.Entry, error) {
	if err := m.enter(ctx); err != nil {
		return store.Entry{}, err
	}
	defer m.mutex.Unlock()
	for _, e := range m.entries {
		if e.ID == id {
			return shown(e), nil
		}
	}
	return store.Entry{}, fmt.Errorf("%s: %w", id, store.ErrNotFound)
}

// Overlaps implements store.Journal.
func (m *Memory) Overlaps(ctx context.Context) ([]store.Overlap, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mutex.Unlock()
	out := make([]store.Overlap, len(m.overlaps))
	for i, o := range m.overlaps {
		out[i] = store.Overlap{Change: cloned(o.Change), Members: slices.Clone(o.Members)}
	}
	return out, nil
}

// Observed implements store.Journal.
func (m *Memory) Observed(ctx context.Context, o store.Overlap, c change.Change) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mutex.Unlock()
	at := slices.IndexFunc(m.overlaps, func(one store.Overlap) bool { return one.Change.ID == o.Change.ID })
	if at < 0 {
		return fmt.Errorf("no memberships of %s wait for an observation: %w", o.Change.ID, store.ErrNotFound)
	}
	if err := m.isNew(c.ID); err != nil {
		return err
	}
	m.overlaps = slices.Delete(m.overlaps, at, at+1)
	m.record(c)
	return nil
}

// Record implements store.Journal.
func (m *Memory) Record(ctx context.Context, c change.Change) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mutex.Unlock()
	if err := m.isNew(c.ID); err != nil {
		return err
	}
	m.record(c)
	return nil
}

// Place implements store.Places.
func (m *Memory) Place(ctx context.Context, reader string) (time.Time, error) {
	if err := m.enter(ctx); err != nil {
		return time.Time{}, err
	}
	defer m.mutex.Unlock()
	return m.places[reader], nil
}

// SetPlace implements store.Places.
func (m *Memory) SetPlace(ctx context.Context, reader string, at time.Time) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mutex.Unlock()
	m.places[reader] = kept(at)
	return nil
}

// record makes an entry of a change that was never open.
func (m *Memory) record(c change.Change) {
	m.known[c.ID] = struct{}{}
	m.append(cloned(c), m.tick())
}

// Close implements io.Closer. A store that fails is closed too.
func (m *Memory) Close() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.closed = true
	return m.away
}

// cloned is a copy of a change that shares nothing with it.
func cloned(c change.Change) change.Change {
	c.Begun = kept(c.Begun)
	c.Before, c.After = c.Before.Clone(), c.After.Clone()
	c.MembersAdded, c.MembersRemoved = slices.Clone(c.MembersAdded), slices.Clone(c.MembersRemoved)
	c.Steps, c.Unseen = slices.Clone(c.Steps), slices.Clone(c.Unseen)
	return c
}

// kept is a time as a store keeps it.
func kept(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0).Truncate(time.Microsecond)
}

// bare is a change without documents.
func bare(c change.Change) change.Change {
	c.Before, c.After = nil, nil
	return c
}

// shown is what a reader gets of an entry.
func shown(e entry) store.Entry {
	out := e.Entry
	out.Change = cloned(out.Change)
	return out
}

// size is about the size of an entry in bytes.
func size(e entry) int64 {
	data, err := json.Marshal(e.Entry)
	if err != nil { // a document with a value that JSON does not have
		return 1
	}
	return int64(len(data))
}

// oldest is the age of the oldest open change.
func (m *Memory) oldest() time.Duration {
	if len(m.open) == 0 {
		return 0
	}
	first := slices.MinFunc(m.open, func(a, b opened) int { return cmp.Compare(a.Begun.UnixNano(), b.Begun.UnixNano()) })
	return max(0, m.now().Sub(first.Begun))
}
