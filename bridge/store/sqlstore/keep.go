package sqlstore

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// pruneRows is the number of entries that are pruned in one commit. A writer waits for such a commit.
const pruneRows = 20

// Prune implements store.Keeper.
func (s *Store) Prune(ctx context.Context, r store.Retention) (int64, error) {
	if err := s.upkeep.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	defer s.upkeep.Release(1)
	if err := s.flushLocked(ctx); err != nil {
		return 0, err
	}
	out, err := s.pruneActivity(ctx, r)
	if err != nil {
		return out, err
	}
	for {
		n, err := s.pruneStep(ctx, r)
		out += n
		if err != nil || n == 0 {
			return out, err
		}
	}
}

// pruneStep prunes the oldest entries, if they are to be pruned. It returns their number.
func (s *Store) pruneStep(ctx context.Context, r store.Retention) (int64, error) {
	large := false
	if r.MaxBytes > 0 {
		size, err := s.size(ctx)
		if err != nil {
			return 0, err
		}
		large = size > r.MaxBytes
	}
	oldest := int64(-1)
	if r.Changes > 0 {
		oldest = micros(s.o.Now().Add(-r.Changes))
	}
	page, err := s.page(ctx, conditions{}, false, 0, pruneRows)
	if err != nil {
		return 0, s.away(err)
	}
	n := 0
	for n < len(page) && (large || page[n].settled < oldest) {
		n++
	}
	if n == 0 {
		return 0, nil
	}
	for i := range page[:n] {
		if err := s.unindex(ctx, &page[i]); err != nil {
			return 0, err
		}
	}
	err = s.w.write(ctx, func(ctx context.Context, w *writer) error { return s.prune(ctx, w, page[n-1].number) })
	if err != nil {
		return 0, err
	}
	return int64(n), s.engine.shrink(ctx, s.w)
}

// prune removes the first entries of the journal, up to a number.
func (s *Store) prune(ctx context.Context, w *writer, last int64) error {
	list, err := w.entries(ctx, "SELECT "+columns+" FROM entry WHERE number <= ? ORDER BY number", last)
	if err != nil {
		return err
	}
	for i := range list {
		if err := s.pruneEntry(ctx, w, &list[i]); err != nil {
			return err
		}
	}
	for _, statement := range []string{"DELETE FROM entry WHERE number <= ?", "DELETE FROM overlap WHERE number <= ?", "DELETE FROM unindexed WHERE number <= ?"} {
		if _, err := w.ExecContext(ctx, statement, last); err != nil {
			return err
		}
	}
	return nil
}

// pruneEntry removes what finds the first entry of the journal.
func (s *Store) pruneEntry(ctx context.Context, w *writer, r *row) error {
	st := &w.load.state
	p, err := openPrivate(s.keys.Load(), r.generation, entryPlace(r.id), r.content)
	if err != nil {
		return &store.BrokenError{Number: r.number, What: "its content cannot be opened"}
	}
	last, ok := sum(r.link)
	if !ok || r.number != st.pruned+1 {
		return &store.BrokenError{Number: st.pruned + 1, What: "the entry was removed or changed"}
	}
	list := store.IdentifiersOf(r.entry(p).Change)
	if err := s.unsubject(ctx, w, r, list[:min(len(list), maxSubjects)]); err != nil {
		return err
	}
	st.pruned, st.base = r.number, last
	if st.bytes = max(0, st.bytes-sizeOf(r.content, len(list))); r.number == st.number {
		st.bytes = 0
	}
	return nil
}

// unindex removes the subjects of an entry with many, in steps, until few are left.
func (s *Store) unindex(ctx context.Context, r *row) error {
	e, err := s.opened(r)
	if err != nil {
		return err
	}
	list := store.IdentifiersOf(e.Change)
	for left := len(list); left > maxSubjects; {
		from := max(left-s.engine.step(), maxSubjects)
		part := list[from:left]
		err := s.w.write(ctx, func(ctx context.Context, w *writer) error {
			if err := s.unsubject(ctx, w, r, part); err != nil {
				return err
			}
			_, err := w.ExecContext(ctx, "INSERT INTO unindexed (number, next) VALUES (?, ?) ON CONFLICT (number) DO UPDATE SET next = excluded.next", r.number, from)
			return err
		})
		if err != nil {
			return err
		}
		left = from
	}
	return nil
}

func (s *Store) size(ctx context.Context) (int64, error) {
	size, err := s.engine.size(ctx, s.db)
	return size, s.away(err)
}

// Stats implements store.Keeper.
func (s *Store) Stats(ctx context.Context) (store.Stats, error) {
	var out store.Stats
	st, err := s.presentHead(ctx)
	if err != nil {
		return out, s.away(err)
	}
	out.Entries = st.number - st.pruned
	if out.Bytes, err = s.size(ctx); err != nil {
		return out, err
	}
	s.mu.Lock()
	for _, one := range s.open {
		out.Open++
		if age := s.o.Now().Sub(one.begun); age > out.Oldest {
			out.Oldest = age
		}
	}
	s.mu.Unlock()
	s.w.mu.Lock()
	out.Waiting = int64(len(s.w.waiting))
	s.w.mu.Unlock()
	all, _ := s.usage.total()
	out.Activities, out.Dropped = all.Rows, s.w.queue.losses()
	return out, nil
}

// UseRing takes the keys of a changed key file. Every key that something is sealed with must be there; a new key is used
// from the next Rekey on.
func (s *Store) UseRing(r seal.Ring) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sealer := range s.keys.Load().sealers {
		if _, ok := r.Find(sealer.ID()); !ok {
			return errKey
		}
	}
	s.o.Ring = r
	return nil
}

// Rekey implements store.Keeper.
func (s *Store) Rekey(ctx context.Context) error {
	if err := s.upkeep.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.upkeep.Release(1)
	if err := s.flushLocked(ctx); err != nil {
		return err
	}
	if err := s.newGeneration(ctx); err != nil {
		return err
	}
	for last, more := int64(0), true; more; {
		var err error
		if last, more, err = s.rekeyStep(ctx, last); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) (bool, error){s.rekeyApplied, s.rekeyActivity} {
		for more := true; more; {
			var err error
			if more, err = step(ctx); err != nil {
				return err
			}
		}
	}
	if err := s.purgeSnapshots(ctx); err != nil {
		return err
	}
	if err := s.w.write(ctx, s.rekeyRest); err != nil {
		return err
	}
	k := *s.keys.Load()
	k.former, k.sealers = k.sealers, map[int64]*seal.Sealer{k.newest: k.sealer()}
	s.keys.Store(&k)
	return s.away(s.engine.scrub(ctx))
}

// newGeneration begins to seal with the newest key of the key file, with a new secret of the chain.
func (s *Store) newGeneration(ctx context.Context) error {
	s.mu.Lock()
	newest, k := s.o.Ring.Newest(), s.keys.Load()
	s.mu.Unlock()
	id := newest.ID()
	if k.sealer().ID() == id {
		return nil
	}
	for _, sealer := range k.sealers {
		if sealer.ID() == id {
			return errors.New("the newest key of the key file is older than the key in use: the newest key must be on the last line")
		}
	}
	next := *k
	next.newest, next.sealers = k.newest+1, map[int64]*seal.Sealer{k.newest + 1: newest.Sealer()}
	maps.Copy(next.sealers, k.sealers)
	known := *k // a reader needs the new key as soon as something is signed with it
	known.sealers = next.sealers
	s.keys.Store(&known)
	err := s.w.send(&job{
		ctx: ctx, done: make(chan error, 1),
		run: func(ctx context.Context, w *writer) (err error) {
			if _, err = w.ExecContext(ctx, "INSERT INTO master (generation, key_id) VALUES (?, ?)", next.newest, id[:]); err != nil {
				return err
			}
			l := link{first: w.load.state.number + 1, before: w.load.state.link}
			if k.chains[len(k.chains)-1].first == l.first { // it has linked no entry, and is sealed again
				return s.writeHead(ctx, w, next.sealer(), next.newest, w.load.state)
			}
			if l.chain, err = s.addChain(ctx, w, next.sealer(), next.newest, l); err != nil {
				return err
			}
			unused := func(before link) bool { return before.first == l.first } // no entry since the last new key
			next.chains = append(slices.DeleteFunc(slices.Clone(k.chains), unused), l)
			return s.writeHead(ctx, w, next.sealer(), next.newest, w.load.state)
		},
		committed: func() { s.keys.Store(&next) },
	})
	if err != nil {
		s.keys.CompareAndSwap(&known, k) // the commit can have come after all
	}
	return err
}

// rekeyStep seals the entries again that follow the one with a number. It returns the number of the last one; more
// reports whether there may be further ones.
func (s *Store) rekeyStep(ctx context.Context, after int64) (last int64, more bool, err error) {
	newest := s.keys.Load().newest
	var c conditions
	c.add("generation < ?", newest)
	page, err := s.page(ctx, c, false, after, pruneRows)
	if err != nil || len(page) == 0 {
		return after, false, s.away(err)
	}
	for i := range page {
		if err := s.unindex(ctx, &page[i]); err != nil {
			return after, false, err
		}
	}
	err = s.w.write(ctx, func(ctx context.Context, w *writer) error {
		for i := range page {
			if err := s.rekeyEntry(ctx, w, page[i].number); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.flushLocked(ctx) // the subjects of large entries
	}
	return page[len(page)-1].number, true, err
}

// rekeyEntry seals an entry with the newest key. The commitment stays.
func (s *Store) rekeyEntry(ctx context.Context, w *writer, n int64) error {
	r, p, err := s.readEntry(ctx, w, n)
	if err != nil || r == nil {
		return err
	}
	k := s.keys.Load()
	list := store.IdentifiersOf(r.entry(p).Change)
	if err := s.unsubject(ctx, w, r, list[:min(len(list), maxSubjects)]); err != nil {
		return err
	}
	if _, err := w.ExecContext(ctx, "DELETE FROM unindexed WHERE number = ?", n); err != nil {
		return err
	}
	var sealed []byte
	if r.content != nil {
		content, err := k.open(r.generation, entryPlace(r.id), r.content)
		if err != nil {
			return err
		}
		sealed = k.sealer().Seal(nil, entryPlace(r.id), content)
	}
	if _, err := w.ExecContext(ctx, "UPDATE entry SET generation = ?, content = ? WHERE number = ?", k.newest, sealed, n); err != nil {
		return err
	}
	first := list[:min(len(list), maxSubjects)]
	hashes := make([][seal.HashSize]byte, len(first))
	for i, one := range first {
		hashes[i] = k.sealer().Hash(byte(one.Kind), one.Value)
	}
	w.load.index(n, hashes, len(list))
	return nil
}

// rekeyRest seals the open changes and the secrets of the chain again, and forgets the older keys.
func (s *Store) rekeyRest(ctx context.Context, w *writer) error {
	k := s.keys.Load()
	type open struct {
		id, content []byte
		generation  int64
	}
	rows, err := w.QueryContext(ctx, "SELECT id, generation, content FROM intent WHERE generation < ?", k.newest)
	if err != nil {
		return err
	}
	var intents []open
	for rows.Next() {
		var one open
		if err := rows.Scan(&one.id, &one.generation, &one.content); err != nil {
			return errors.Join(err, rows.Close())
		}
		intents = append(intents, one)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, one := range intents {
		content, err := k.open(one.generation, intentPlace(one.id), one.content)
		if err != nil {
			return err
		}
		if _, err := w.ExecContext(ctx, "UPDATE intent SET generation = ?, content = ? WHERE id = ?", k.newest, k.sealer().Seal(nil, intentPlace(one.id), content), one.id); err != nil {
			return err
		}
	}
	for _, l := range k.chains {
		secret := l.chain.Secret()
		content := k.sealer().Seal(nil, chainPlace(l.first), secret[:])
		signature := s.signChain(k.sealer(), l.first, content, l.before)
		if _, err := w.ExecContext(ctx, "UPDATE chain SET generation = ?, secret = ?, signature = ? WHERE first = ?", k.newest, content, signature[:], l.first); err != nil {
			return err
		}
	}
	if err := s.rekeyTokens(ctx, w); err != nil {
		return err
	}
	if err := s.writeHead(ctx, w, k.sealer(), k.newest, w.load.state); err != nil { // it may be signed with an older key
		return err
	}
	_, err = w.ExecContext(ctx, "DELETE FROM master WHERE generation < ?", k.newest)
	return err
}

// Backup implements store.Keeper.
func (s *Store) Backup(ctx context.Context, file string) error {
	if err := s.Flush(ctx); err != nil {
		return err
	}
	return s.engine.backup(ctx, s.db, file)
}
