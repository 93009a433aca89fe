package sqlstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// errUnindexed says that an entry is not yet found by all of its subjects.
var errUnindexed = errors.New("the entry is being indexed")

// maxErased is the most entries that one erasure erases in one commit.
const maxErased = 100

// Forget implements store.Keeper. Who forgets a person with several users names each user.
func (s *Store) Forget(ctx context.Context, p store.Person) (int, error) {
	if err := s.upkeep.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	defer s.upkeep.Release(1)
	open, err := s.Open(ctx) // before the flush: a change that is settled between the two is an entry after it
	if err != nil {
		return 0, err
	}
	if err := s.flushLocked(ctx); err != nil {
		return 0, err
	}
	who, err := s.identify(ctx, p, open)
	if err != nil {
		return 0, err
	}
	for _, c := range open {
		if who.Concerns(c) {
			return 0, fmt.Errorf("%w: forget the person when %s has ended", store.ErrBusy, c.ID)
		}
	}
	numbers, err := s.numbers(ctx, p.Identifiers(), who)
	if err != nil {
		return 0, err
	}
	err = s.w.write(ctx, func(ctx context.Context, w *writer) error { // every entry of the user may be pruned
		for _, id := range formsOf(cmp.Or(who.ID, p.ID)) {
			if _, err := w.ExecContext(ctx, "DELETE FROM applied WHERE resource = ?", id); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.purgeSnapshots(ctx)
	}
	if err != nil {
		return 0, err
	}
	count, err := s.forgetActivity(ctx, p, who)
	if err != nil {
		return count, err
	}
	for part := range slices.Chunk(numbers, maxErased) {
		var n int
		err := s.w.write(ctx, func(ctx context.Context, w *writer) error {
			var err error
			n, err = s.erase(ctx, w, who, part)
			return err
		})
		if err != nil {
			return count, err
		}
		count += n
	}
	return count, s.away(s.engine.scrub(ctx))
}

// identify finds the user that a person's identifiers name, and the other identifiers of the user.
func (s *Store) identify(ctx context.Context, p store.Person, open []change.Change) (store.Forgotten, error) {
	identification, err := store.Identify(p)
	if err != nil {
		return store.Forgotten{}, err
	}
	changes := func(list []store.Identifier) iter.Seq2[change.Change, error] {
		return func(yield func(change.Change, error) bool) {
			for _, c := range open {
				if !yield(c, nil) {
					return
				}
			}
			for e, err := range s.entriesOf(ctx, list) {
				if !yield(e.Change, err) {
					return
				}
			}
		}
	}
	for c, err := range changes(identification.Given()) {
		if err != nil {
			return store.Forgotten{}, err
		}
		identification.Add(c)
	}
	return identification.Person(func(id string) iter.Seq2[change.Change, error] { return changes(store.Person{ID: id}.Identifiers()) })
}

// entriesOf are the entries that identifiers find, and no entries of further users.
func (s *Store) entriesOf(ctx context.Context, list []store.Identifier) func(yield func(store.Entry, error) bool) {
	return func(yield func(store.Entry, error) bool) {
		hashes := s.hashes(list)
		if len(hashes) == 0 {
			return
		}
		var c conditions
		c.add("number IN (SELECT number FROM subject WHERE hash IN ("+marks(len(hashes))+"))", hashes...)
		s.pages(ctx, c, store.Query{}, yield)
	}
}

// numbers are the numbers of the entries that may be about a person, each once. An erasure that breaks off can be
// repeated, because the entries come last by which the others are found. First come entries that only a name of the
// person finds, then those of groups, then those of users. Of these, the ones with a given identifier are the last.
func (s *Store) numbers(ctx context.Context, given []store.Identifier, who store.Forgotten) ([]int64, error) {
	list := append(store.Person{ID: who.ID}.Identifiers(), who.Names...)
	found := map[int64]int{}
	for part := range slices.Chunk(list, maxSubjects) {
		for e, err := range s.entriesOf(ctx, part) {
			if err != nil {
				return nil, err
			}
			if who.Concerns(e.Change) && (e.Resource.Type != "User" || !e.Erased) {
				found[e.Position.Number] = rank(e.Change, given)
			}
		}
	}
	out := make([]int64, 0, len(found))
	for n := range found {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b int64) int { return cmp.Or(cmp.Compare(found[a], found[b]), cmp.Compare(a, b)) })
	return out, nil
}

// rank is the place of an entry in the order of numbers.
func rank(c change.Change, given []store.Identifier) int {
	switch {
	case c.Resource.ID == "":
		return 0
	case c.Resource.Type != "User":
		return 1
	case !slices.ContainsFunc(store.NamesOf(store.IdentifiersOf(c)), func(one store.Identifier) bool { return slices.Contains(given, one) }):
		return 2
	}
	return 3
}

// erase erases a person from entries, and records it in the journal. It returns the number of entries.
func (s *Store) erase(ctx context.Context, w *writer, who store.Forgotten, numbers []int64) (int, error) {
	var done []erasure
	var last store.Entry
	for _, n := range numbers {
		e, one, err := s.eraseEntry(ctx, w, who, n)
		if err != nil {
			return 0, err
		}
		if one == nil {
			continue
		}
		done = append(done, *one)
		if e.Position.Number > last.Position.Number { // the numbers are not in order
			last = e
		}
	}
	if len(done) == 0 {
		return 0, nil
	}
	if err := forgetOverlaps(ctx, w, who, numbers); err != nil {
		return 0, err
	}
	now := s.o.Now()
	c := change.Change{
		ID: change.NewID(), Begun: now, Actor: store.Eraser(), Tenant: last.Tenant, Realm: last.Realm, Organization: last.Organization,
		Op: change.Erased, Resource: change.Resource{Type: "User", ID: who.ID}, Outcome: change.Done,
	}
	one, err := s.settlement(c, private{erased: done})
	if err != nil {
		return 0, err
	}
	return len(done), w.load.settle(one)
}

// eraseEntry erases a person from an entry. It returns nil when the entry is not about the person.
func (s *Store) eraseEntry(ctx context.Context, w *writer, who store.Forgotten, n int64) (store.Entry, *erasure, error) {
	r, p, err := s.readEntry(ctx, w, n)
	if err != nil || r == nil {
		return store.Entry{}, nil, err
	}
	e := r.entry(p)
	before := store.IdentifiersOf(e.Change)
	if !who.Erase(&e) {
		return e, nil, nil
	}
	if len(before) > maxSubjects {
		more, err := w.number(ctx, "SELECT count(*) FROM unindexed WHERE number = ?", n)
		if err != nil || more > 0 {
			return e, nil, errors.Join(err, errUnindexed)
		}
	}
	after := store.IdentifiersOf(e.Change)
	gone := slices.DeleteFunc(before, func(one store.Identifier) bool { return slices.Contains(after, one) })
	if len(after) > maxSubjects { // Contains is slow for the members of a large group
		gone = store.Person{ID: who.ID}.Identifiers()
	}
	if err := s.unsubject(ctx, w, r, gone); err != nil {
		return e, nil, err
	}
	out := &erasure{number: n}
	rest := privateOf(e.Change)
	var sealed []byte
	if object := rest.object(); len(object) > 0 {
		content, err := contentOf(object)
		if err != nil {
			return e, nil, err
		}
		commitment := commit(s.keys.Load().chain(n), content)
		out.commitment = commitment[:]
		sealed = s.keys.Load().sealers[r.generation].Seal(nil, entryPlace(r.id), content)
	}
	w.load.state.bytes = max(0, w.load.state.bytes-sizeOf(r.content, len(before))+sizeOf(sealed, len(after)))
	_, err = w.ExecContext(ctx, "UPDATE entry SET content = ?, erased = TRUE WHERE number = ?", sealed, n)
	return e, out, err
}

// readEntry reads an entry in the transaction of the batch; nil for an entry that does not exist.
func (s *Store) readEntry(ctx context.Context, w *writer, n int64) (*row, private, error) {
	list, err := w.entries(ctx, "SELECT "+columns+" FROM entry WHERE number = ?", n)
	if err != nil || len(list) == 0 {
		return nil, private{}, err
	}
	r := &list[0]
	p, err := openPrivate(s.keys.Load(), r.generation, entryPlace(r.id), r.content)
	if err != nil {
		return nil, private{}, &store.BrokenError{Number: n, What: "its content cannot be opened"}
	}
	return r, p, nil
}

// unsubject removes subjects of an entry.
func (s *Store) unsubject(ctx context.Context, w *writer, r *row, list []store.Identifier) error {
	sealer := s.keys.Load().sealers[r.generation]
	for part := range slices.Chunk(list, s.engine.step()) {
		values := []any{r.number}
		for _, one := range part {
			hash := sealer.Hash(byte(one.Kind), one.Value)
			values = append(values, hash[:])
		}
		if _, err := w.ExecContext(ctx, "DELETE FROM subject WHERE number = ? AND hash IN ("+marks(len(part))+")", values...); err != nil {
			return err
		}
	}
	return nil
}

// forgetOverlaps removes a person from overlaps.
func forgetOverlaps(ctx context.Context, w *writer, who store.Forgotten, numbers []int64) error {
	if who.ID == "" {
		return nil
	}
	for _, n := range numbers {
		text, err := w.text(ctx, "SELECT members FROM overlap WHERE number = ?", n)
		if err != nil {
			return err
		}
		if text == "" {
			continue
		}
		var list []string
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return errContent
		}
		rest := who.Without(list)
		if len(rest) == 0 {
			if _, err := w.ExecContext(ctx, "DELETE FROM overlap WHERE number = ?", n); err != nil {
				return err
			}
			continue
		}
		left, err := scim.Encode(rest)
		if err != nil {
			return err
		}
		if _, err := w.ExecContext(ctx, "UPDATE overlap SET members = ? WHERE number = ?", string(left), n); err != nil {
			return err
		}
	}
	return nil
}
