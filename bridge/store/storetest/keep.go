package storetest

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Head implements store.Prover.
func (m *Memory) Head(ctx context.Context) (store.Head, error) {
	if err := m.enter(ctx); err != nil {
		return store.Head{}, err
	}
	defer m.mutex.Unlock()
	return m.head(), nil
}

func (m *Memory) head() store.Head {
	return store.Head{Store: m.name(), Position: store.Position{Epoch: epoch, Number: m.number()}, Link: m.tip()}
}

// name is the id of the store.
func (m *Memory) name() string { return hex.EncodeToString(m.genes[:8]) }

// Verify implements store.Prover.
func (m *Memory) Verify(ctx context.Context, heads ...store.Head) (store.Proof, error) {
	if err := m.enter(ctx); err != nil {
		return store.Proof{}, err
	}
	defer m.mutex.Unlock()
	proof := store.Proof{Head: m.head(), Entries: int64(len(m.entries)), Pruned: m.pruned}
	before := m.last
	for _, e := range m.entries {
		if linked(before, e.Entry) != e.link {
			return store.Proof{}, &store.BrokenError{Number: e.Position.Number, What: "the entry was changed"}
		}
		before = e.link
		if e.Erased {
			proof.Erased++
		}
	}
	for _, h := range heads {
		if err := m.check(h); err != nil {
			return store.Proof{}, err
		}
	}
	return proof, nil
}

// check compares the journal with a head that somebody kept.
func (m *Memory) check(h store.Head) error {
	number := h.Position.Number
	switch {
	case h.Store != m.name():
		return &store.BrokenError{What: fmt.Sprintf("the head %s is of another store", h)}
	case number > m.number():
		return &store.BrokenError{Number: m.number() + 1, What: fmt.Sprintf("the entries from here to %s are gone", h.Position)}
	case h.Position.Epoch != epoch:
		return &store.BrokenError{Number: number, What: fmt.Sprintf("the head %s is of another epoch", h)}
	case number < m.pruned:
		return nil // the link was pruned
	}
	want := m.last
	if number > m.pruned {
		want = m.entries[number-m.pruned-1].link
	}
	if h.Link != want {
		return &store.BrokenError{Number: number, What: fmt.Sprintf("the head %s has another link", h)}
	}
	return nil
}

// Prune implements store.Keeper.
func (m *Memory) Prune(ctx context.Context, r store.Retention) (int64, error) {
	if err := m.enter(ctx); err != nil {
		return 0, err
	}
	defer m.mutex.Unlock()
	gone := m.requests.prune(m.now(), r, m.bytes())
	large := m.bytes() + m.requests.bytes()
	var old int
	for ; old < len(m.entries); old++ {
		e := m.entries[old]
		expired := r.Changes > 0 && e.Settled.Before(m.now().Add(-r.Changes))
		if !expired && (r.MaxBytes == 0 || large <= r.MaxBytes) {
			break
		}
		large -= size(e)
		m.last = e.link
		delete(m.known, e.ID)
		m.overlaps = slices.DeleteFunc(m.overlaps, func(o store.Overlap) bool { return o.Change.ID == e.ID })
	}
	m.entries = slices.Delete(m.entries, 0, old)
	m.pruned += int64(old)
	return int64(old) + gone, nil
}

func (m *Memory) bytes() int64 {
	var out int64
	for _, e := range m.entries {
		out += size(e)
	}
	return out
}

// Rekey implements store.Keeper. Nothing in memory is sealed.
func (m *Memory) Rekey(ctx context.Context) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	m.purge()
	m.mutex.Unlock()
	return m.Flush(ctx)
}

// Backup implements store.Keeper. The error wraps errors.ErrUnsupported.
func (m *Memory) Backup(ctx context.Context, _ string) error {
	if err := m.Flush(ctx); err != nil {
		return err
	}
	return fmt.Errorf("a store in memory has no file to copy: %w", errors.ErrUnsupported)
}

// Stats implements store.Keeper.
func (m *Memory) Stats(ctx context.Context) (store.Stats, error) {
	if err := m.enter(ctx); err != nil {
		return store.Stats{}, err
	}
	defer m.mutex.Unlock()
	return store.Stats{
		Entries: int64(len(m.entries)), Bytes: m.bytes() + m.requests.bytes(), Open: int64(len(m.open)), Oldest: m.oldest(),
		Activities: int64(len(m.requests.rows)), Dropped: m.requests.dropped,
	}, nil
}

// Forget implements store.Keeper.
func (m *Memory) Forget(ctx context.Context, p store.Person) (int, error) {
	if err := m.enter(ctx); err != nil {
		return 0, err
	}
	defer m.mutex.Unlock()
	who, err := m.identified(p)
	if err != nil {
		return 0, err
	}
	for _, one := range m.open {
		if who.Concerns(cloned(one.Change)) {
			return 0, fmt.Errorf("%w: forget the person when %s has ended", store.ErrBusy, one.ID)
		}
	}
	var count int
	var last change.Change
	for i := range m.entries {
		if who.Erase(&m.entries[i].Entry) {
			count++
			last = m.entries[i].Change
		}
	}
	m.purge()
	id := cmp.Or(who.ID, p.ID) // every entry of the user may be pruned
	maps.DeleteFunc(m.applied, func(of applied, _ scim.Document) bool { return of.resource == id })
	requests := m.forgetRequests(p.Identifiers(), who)
	if count == 0 {
		return requests, nil
	}
	m.forgetOverlaps(who)
	m.record(change.Change{
		ID: change.NewID(), Begun: m.now(), Actor: store.Eraser(),
		Tenant: last.Tenant, Realm: last.Realm, Organization: last.Organization,
		Op: change.Erased, Resource: change.Resource{Type: userType, ID: who.ID}, Outcome: change.Done,
	})
	return count + requests, nil
}

// forgetOverlaps removes a person from the overlaps.
func (m *Memory) forgetOverlaps(who store.Forgotten) {
	for i, o := range m.overlaps {
		e := store.Entry{Change: o.Change}
		who.Erase(&e)
		m.overlaps[i].Change = e.Change
		m.overlaps[i].Members = who.Without(o.Members)
	}
	m.overlaps = slices.DeleteFunc(m.overlaps, func(o store.Overlap) bool { return len(o.Members) == 0 })
}

// identified finds the user that a person's identifiers name.
func (m *Memory) identified(p store.Person) (store.Forgotten, error) {
	identification, err := store.Identify(p)
	if err != nil {
		return store.Forgotten{}, err
	}
	for _, e := range m.entries {
		identification.Add(e.Change)
	}
	for _, o := range m.open {
		identification.Add(o.Change)
	}
	return identification.Person(func(string) iter.Seq2[change.Change, error] {
		return func(yield func(change.Change, error) bool) {
			for _, e := range m.entries {
				if !yield(e.Change, nil) {
					return
				}
			}
			for _, o := range m.open {
				if !yield(o.Change, nil) {
					return
				}
			}
		}
	})
}
