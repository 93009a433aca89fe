package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// Head implements store.Prover.
func (s *Store) Head(ctx context.Context) (store.Head, error) {
	st, err := s.presentHead(ctx)
	if err != nil {
		return store.Head{}, s.away(err)
	}
	return s.head(st), nil
}

func (s *Store) head(st state) store.Head {
	return store.Head{Store: s.id, Position: store.Position{Epoch: st.epoch, Number: st.number}, Link: st.link}
}

// Verify implements store.Prover. It reads one state of the database, from the newest entry to the oldest: an erasure
// comes after what it erased.
func (s *Store) Verify(ctx context.Context, heads ...store.Head) (store.Proof, error) {
	if err := s.upkeep.Acquire(ctx, 1); err != nil { // an entry whose subjects are half removed would look altered
		return store.Proof{}, err
	}
	defer s.upkeep.Release(1)
	unwritten := s.flushLocked(ctx) // perhaps it fails because of what somebody inserted, which the walk finds
	tx, err := s.engine.snapshot(ctx, s.db)
	if err != nil {
		return store.Proof{}, s.away(err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	v := &verification{s: s, tx: tx, keys: s.keys.Load(), erased: map[int64]erasure{}, unindexed: map[int64]int64{}}
	proof, err := v.run(ctx, heads)
	if broken, is := errors.AsType[*store.BrokenError](err); is {
		return store.Proof{}, broken
	}
	if unwritten != nil {
		return store.Proof{}, unwritten
	}
	return proof, s.away(err)
}

// verification is one run of Verify.
type verification struct {
	s    *Store
	tx   *sql.Tx
	keys *keys
	end  state

	erased    map[int64]erasure // what was erased, by the number of the entry, until the entry is reached
	unindexed map[int64]int64
	subjects  int64 // the number of subjects that there have to be
	heads     map[int64][]store.Head

	lost    bool // whether later entries are gone or changed, which may have erased this one
	later   *row // the entry after the present one
	entries int64
	wiped   int64
	broken  *store.BrokenError // the lowest entry that is not as it was written
}

const changedEntry = "the entry was changed"

// find records an altered entry. The walk goes down, so the last one is the first of the journal.
func (v *verification) find(number int64, what string) {
	v.broken = &store.BrokenError{Number: number, What: what}
}

func (v *verification) run(ctx context.Context, heads []store.Head) (store.Proof, error) {
	end, err := v.s.readHead(ctx, v.tx, v.keys)
	if err != nil {
		return store.Proof{}, err
	}
	v.end = end
	if err := v.sort(heads); err != nil {
		return store.Proof{}, err
	}
	if err := v.readUnindexed(ctx); err != nil {
		return store.Proof{}, err
	}
	for before := int64(1) << 62; ; {
		page, err := v.page(ctx, before)
		if err != nil {
			return store.Proof{}, err
		}
		for i := range page {
			if err := v.entry(ctx, &page[i]); err != nil {
				return store.Proof{}, err
			}
			before = page[i].number
		}
		if len(page) < pageRows {
			break
		}
	}
	if err := v.finish(ctx); err != nil {
		return store.Proof{}, err
	}
	if v.broken != nil {
		return store.Proof{}, v.broken
	}
	return store.Proof{Head: v.s.head(end), Entries: v.entries, Erased: v.wiped, Pruned: end.pruned}, nil
}

// sort sorts the heads that somebody kept by their numbers, and refuses those that the journal cannot have.
func (v *verification) sort(heads []store.Head) error {
	v.heads = map[int64][]store.Head{}
	for _, h := range heads {
		n := h.Position.Number
		switch {
		case h.Store != v.s.id:
			return &store.BrokenError{What: fmt.Sprintf("the head %s is of another store", h)}
		case n > v.end.number:
			return &store.BrokenError{Number: v.end.number + 1, What: fmt.Sprintf("the entries from here to %s are gone: the end of the journal was cut off, or an older backup took its place", h.Position)}
		case n == v.end.pruned && h.Link != v.end.base:
			v.other(h)
		case n > v.end.pruned:
			v.heads[n] = append(v.heads[n], h)
		}
	}
	return nil
}

func (v *verification) other(h store.Head) {
	v.find(h.Position.Number, fmt.Sprintf("the head %s has another link: another journal took the place of this one", h))
}

func (v *verification) readUnindexed(ctx context.Context) error {
	rows, err := v.tx.QueryContext(ctx, "SELECT number, next FROM unindexed")
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	for rows.Next() {
		var n, next int64
		if err := rows.Scan(&n, &next); err != nil {
			return err
		}
		v.unindexed[n] = next
	}
	return rows.Err()
}

func (v *verification) page(ctx context.Context, before int64) ([]row, error) {
	rows, err := v.tx.QueryContext(ctx, "SELECT "+columns+" FROM entry WHERE number < ? ORDER BY number DESC LIMIT ?", before, pageRows)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	out := make([]row, 0, pageRows)
	for rows.Next() {
		var r row
		if err := rows.Scan(r.places()...); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// entry checks one entry, and the link of the entry after it.
func (v *verification) entry(ctx context.Context, r *row) error {
	switch {
	case r.number > v.end.number:
		v.find(r.number, "the entry was inserted behind the signed end")
		return nil
	case r.number <= v.end.pruned:
		v.find(r.number, "the entry was inserted before the first one")
		return nil
	case v.later == nil:
		if r.number < v.end.number {
			v.find(r.number+1, "the entries from here to the end were removed")
			v.lost = true
		} else if !bytes.Equal(r.link, v.end.link[:]) {
			v.find(r.number, changedEntry)
		}
	case r.number < v.later.number-1:
		v.find(r.number+1, "the entry was removed")
		v.lost = true
	default:
		v.link(v.later, r.link)
	}
	for _, h := range v.heads[r.number] {
		if !bytes.Equal(h.Link[:], r.link) || h.Position.Epoch < r.epoch || h.Position.Epoch > v.end.epoch {
			v.other(h)
		}
	}
	if r.odd {
		v.find(r.number, changedEntry)
	}
	v.entries++
	if r.erased {
		v.wiped++
	}
	later := *r
	later.content = nil
	v.later = &later
	return v.content(ctx, r)
}

// link checks that an entry is linked to the link before it.
func (v *verification) link(r *row, before []byte) {
	last, ok1 := sum(before)
	commitment, ok2 := sum(r.commitment)
	made := [store.LinkSize]byte{}
	if ok1 && ok2 {
		made = v.keys.chain(r.number).Link(last, r.linked(), commitment)
	}
	if !ok1 || !ok2 || !bytes.Equal(made[:], r.link) {
		v.find(r.number, changedEntry)
		v.lost = true
	}
}

// content checks the private part of an entry, and what finds it.
func (v *verification) content(ctx context.Context, r *row) error {
	want, erased := r.commitment, false
	if e, is := v.erased[r.number]; is {
		want, erased = e.commitment, true
		delete(v.erased, r.number)
	}
	if r.erased && !erased && v.lost {
		return v.found(ctx, r, private{})
	}
	if erased != r.erased || (r.content == nil) != (len(want) == 0) {
		v.find(r.number, "its content was removed, or comes from before an erasure")
		v.lost = v.lost || r.op == string(change.Erased)
		return nil
	}
	var p private
	if r.content != nil {
		var ok bool
		if p, ok = v.private(r, want); !ok {
			v.find(r.number, "its content was changed")
			v.lost = true
			return nil
		}
	}
	if r.op == string(change.Erased) {
		for _, e := range p.erased {
			if _, later := v.erased[e.number]; !later {
				v.erased[e.number] = e
			}
		}
	}
	return v.found(ctx, r, p)
}

// private is the content of an entry; ok is false when it is not the one of the commitment.
func (v *verification) private(r *row, commitment []byte) (p private, ok bool) {
	content, err := v.keys.open(r.generation, entryPlace(r.id), r.content)
	if err != nil || len(content) < saltSize {
		return p, false
	}
	made := commit(v.keys.chain(r.number), content)
	object, err := objectOf(content)
	if err != nil || !bytes.Equal(made[:], commitment) {
		return p, false
	}
	p, err = privateFrom(object)
	return p, err == nil
}

// found checks that an entry is found by its subjects.
func (v *verification) found(ctx context.Context, r *row, p private) error {
	sealer := v.keys.sealers[r.generation]
	if sealer == nil {
		v.find(r.number, "its content was changed")
		return nil
	}
	list := store.IdentifiersOf(r.entry(p).Change)
	if next, is := v.unindexed[r.number]; is {
		list = list[:min(max(int(next), 0), len(list))]
	}
	v.subjects += int64(len(list))
	for part := range slices.Chunk(list, v.s.engine.step()) {
		values := make([]any, 0, len(part)+1)
		for _, one := range part {
			hash := sealer.Hash(byte(one.Kind), one.Value)
			values = append(values, hash[:])
		}
		var n int
		if err := v.tx.QueryRowContext(ctx, "SELECT count(*) FROM subject WHERE hash IN ("+marks(len(part))+") AND number = ?", append(values, r.number)...).Scan(&n); err != nil {
			return err
		}
		if n != len(part) {
			v.find(r.number, "a search for the person does not find the entry: what it is found by was removed")
		}
	}
	return nil
}

// finish checks the begin of the journal, and that nothing is found by more than it should be.
func (v *verification) finish(ctx context.Context) error {
	first := v.end.pruned + 1
	switch {
	case v.later == nil:
		if v.end.number > v.end.pruned {
			v.find(first, "all entries were removed")
		} else if v.end.link != v.end.base {
			v.find(0, errHead.What)
		}
	case v.later.number > first:
		v.find(first, "the entry was removed")
	default:
		v.link(v.later, v.end.base[:])
	}
	for n := range v.erased {
		if n > v.end.pruned && v.broken == nil {
			v.find(n, "the entry was removed")
		}
	}
	if v.broken == nil {
		return v.count(ctx)
	}
	return nil
}

// count checks that there are as many subjects as the entries have.
func (v *verification) count(ctx context.Context) error {
	var n int64
	if err := v.tx.QueryRowContext(ctx, "SELECT count(*) FROM subject").Scan(&n); err != nil {
		return err
	}
	if n != v.subjects {
		v.find(0, fmt.Sprintf("a search finds entries by %d values, and %d were written", n, v.subjects))
	}
	return nil
}
