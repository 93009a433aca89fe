package storetest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	large := m.bytes()
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
	return int64(old), nil
}

func (m *Memory) bytes() int64 {
	var out int64
	for _, e := range m.entries {
		out += size(e)
	}
	return out
}

// Rekey implements store.Keeper. Nothing in memory is sealed.
func (m *Memory) Rekey(ctx context.Context) error { return m.Flush(ctx) }

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
	return store.Stats{Entries: int64(len(m.entries)), Bytes: m.bytes(), Open: int64(len(m.open)), Oldest: m.oldest()}, nil
}

// Forget implements store.Keeper.
func (m *Memory) Forget(ctx context.Context, p store.Person) (int, error) {
	if len(p.Identifiers()) == 0 {
		return 0, store.ErrNobody
	}
	if err := m.enter(ctx); err != nil {
		return 0, err
	}
	defer m.mutex.Unlock()
	who, err := m.identified(p)
	if err != nil {
		return 0, err
	}
	for _, one := range m.open {
		if who.erase(&store.Entry{Change: cloned(one.Change)}) {
			return 0, fmt.Errorf("%w: forget the person when %s has ended", store.ErrBusy, one.ID)
		}
	}
	var count int
	var last change.Change
	for i := range m.entries {
		if who.erase(&m.entries[i].Entry) {
			count++
			last = m.entries[i].Change
		}
	}
	if count == 0 {
		return 0, nil
	}
	m.forgetOverlaps(who)
	maps.DeleteFunc(m.applied, func(of applied, _ scim.Document) bool { return who.id != "" && of.resource == who.id })
	m.record(change.Change{
		ID: change.NewID(), Begun: m.now(), Actor: change.Actor{Kind: "system"},
		Tenant: last.Tenant, Realm: last.Realm, Organization: last.Organization,
		Op: change.Erased, Resource: change.Resource{Type: userType, ID: who.id}, Outcome: change.Done,
	})
	return count, nil
}

// forgetOverlaps removes a person from the overlaps.
func (m *Memory) forgetOverlaps(who forgotten) {
	for i, o := range m.overlaps {
		e := store.Entry{Change: o.Change}
		who.erase(&e)
		m.overlaps[i].Change = e.Change
		m.overlaps[i].Members, _ = who.without(o.Members)
	}
	m.overlaps = slices.DeleteFunc(m.overlaps, func(o store.Overlap) bool { return len(o.Members) == 0 })
}

// forgotten is a person whom a store forgets.
type forgotten struct {
	id    string             // of the user, or "" for a person without a user
	names []store.Identifier // the identifiers beside the id
}

// identified finds the user whom a person's identifiers name.
func (m *Memory) identified(p store.Person) (forgotten, error) {
	given := p.Identifiers()
	changes := make([]change.Change, 0, len(m.entries)+len(m.open))
	for _, e := range m.entries {
		changes = append(changes, e.Change)
	}
	for _, o := range m.open {
		changes = append(changes, o.Change)
	}
	ids := map[string]string{} // by the folded id
	for _, c := range changes {
		if c.Resource.Type == userType && c.Resource.ID != "" && named(c, given) {
			ids[folded(c.Resource.ID)] = c.Resource.ID
		}
		for _, id := range members(c) {
			if p.ID != "" && folded(id) == folded(p.ID) {
				ids[folded(id)] = id
			}
		}
	}
	if len(ids) > 1 {
		var all []string
		for _, id := range ids {
			all = append(all, id)
		}
		slices.Sort(all)
		return forgotten{}, fmt.Errorf("%w: choose one of the %d users by its id: %s", store.ErrAmbiguous, len(all), strings.Join(all[:min(len(all), 10)], ", "))
	}
	var who forgotten
	for _, id := range ids {
		who.id = id
	}
	who.names = slices.DeleteFunc(given, func(one store.Identifier) bool { return one.Kind == store.ByID })
	for _, c := range changes {
		if who.id != "" && c.Resource.Type == userType && folded(c.Resource.ID) == folded(who.id) {
			who.names = append(who.names, slices.DeleteFunc(store.IdentifiersOf(c), func(one store.Identifier) bool { return one.Kind == store.ByID })...)
		}
	}
	return who, nil
}

// erase erases the person from an entry. It reports whether the entry was about the person.
func (f forgotten) erase(e *store.Entry) bool {
	if e.Op == change.Erased {
		return false
	}
	if e.Resource.Type == userType {
		if e.Erased || !f.is(e.Change) {
			return false
		}
		e.Before, e.After, e.MembersAdded, e.MembersRemoved, e.Steps, e.Reason = nil, nil, nil, nil, nil, ""
		e.Erased = true
		return true
	}
	added, some := f.without(e.MembersAdded)
	removed, more := f.without(e.MembersRemoved)
	steps := slices.DeleteFunc(slices.Clone(e.Steps), func(step string) bool {
		return f.id != "" && strings.Contains(folded(step), folded(f.id))
	})
	if !some && !more && len(steps) == len(e.Steps) {
		return false
	}
	e.MembersAdded, e.MembersRemoved, e.Steps, e.Erased = added, removed, steps, true
	return true
}

// is reports whether a change changes the person's user, or failed to create it.
func (f forgotten) is(c change.Change) bool {
	if c.Resource.ID == "" {
		return named(c, f.names)
	}
	return f.id != "" && folded(c.Resource.ID) == folded(f.id)
}

// without returns the ids without the person's, and whether that was among them.
func (f forgotten) without(ids []string) ([]string, bool) {
	out := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return f.id != "" && folded(id) == folded(f.id) })
	return out, len(out) < len(ids)
}

// folded is an id as it is compared.
func folded(id string) string {
	for _, one := range (store.Person{ID: id}).Identifiers() {
		return one.Value
	}
	return ""
}
