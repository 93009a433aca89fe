package sqlstore

import (
	"context"
	"database/sql"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// ledger has the removals of tenants in memory, by their keys, which are in the column tenant. No other process writes them, because the store is locked.
type ledger struct {
	mu      sync.Mutex
	tenants map[string]*account
}

// account has the removals of a tenant. Who uses it holds free.
type account struct {
	free *semaphore.Weighted

	loaded bool
	now    store.Removals
	// kept is what the database has after the commit of the notes that wait.
	kept store.Removals
}

func (l *ledger) of(key string) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tenants == nil {
		l.tenants = map[string]*account{}
	}
	a := l.tenants[key]
	if a == nil {
		a = &account{free: semaphore.NewWeighted(1)}
		l.tenants[key] = a
	}
	return a
}

// Removals implements store.Ledger.
func (s *Store) Removals(ctx context.Context) (map[string]store.Removals, error) {
	if err := s.w.flush(ctx); err != nil {
		return nil, s.away(err)
	}
	out, err := s.readRemovals(ctx, "")
	return out, s.away(err)
}

// readRemovals reads what is committed, of the tenant with a key, or of all with "".
func (s *Store) readRemovals(ctx context.Context, key string) (map[string]store.Removals, error) {
	tx, err := s.engine.snapshot(ctx, s.db)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	out := map[string]store.Removals{}
	err = each(ctx, tx, "SELECT tenant, users, counted, lifted, holding FROM brake WHERE ? = '' OR tenant = ?", func(rows *sql.Rows) error {
		var of string
		var counted, lifted int64
		var r store.Removals
		err := rows.Scan(&of, &r.Users, &counted, &lifted, &r.Holding)
		r.Counted, r.Lifted = timeOf(counted), timeOf(lifted)
		out[of] = r
		return err
	}, key, key)
	if err != nil {
		return nil, err
	}
	return out, each(ctx, tx, `SELECT tenant, "user", removed FROM removal WHERE ? = '' OR tenant = ?`, func(rows *sql.Rows) error {
		var of, user string
		var removed int64
		if err := rows.Scan(&of, &user, &removed); err != nil {
			return err
		}
		r := out[of]
		if r.At == nil {
			r.At = map[string]time.Time{}
		}
		r.At[user] = timeOf(removed)
		out[of] = r
		return nil
	}, key, key)
}

// ChangeRemovals implements store.Ledger.
func (s *Store) ChangeRemovals(ctx context.Context, key string, change func(*store.Removals) error) error {
	a := s.ledger.of(key)
	if err := a.free.Acquire(ctx, 1); err != nil {
		return err
	}
	defer a.free.Release(1)
	if !a.loaded {
		known, err := s.readRemovals(ctx, key)
		if err != nil {
			return s.away(err)
		}
		a.kept, a.loaded = known[key], true
		a.reset()
	}
	if err := change(&a.now); err != nil {
		a.reset()
		return err
	}
	d := a.difference(key)
	if d.none {
		return nil
	}
	var err error
	if a.now.LiftedSince(a.kept.Lifted) {
		err = s.w.addCertainly(ctx, func(l *load) error {
			d.add(l)
			return nil
		})
	} else {
		err = s.away(s.w.note(d.add))
	}
	if err != nil {
		a.reset()
		return err
	}
	a.keep(d)
	return nil
}

// reset undoes what was not kept.
func (a *account) reset() { a.now = a.kept.Clone() }

// difference is what a change of removals writes.
type difference struct {
	key     string
	none    bool // nothing was changed
	after   store.Removals
	all     bool // every removal before is dropped
	added   map[string]time.Time
	dropped []string
}

// difference compares the removals with those that are kept. It copies nothing that did not change: a tenant can have
// thousands of removals.
func (a *account) difference(key string) difference {
	d := difference{key: key, after: a.now, added: map[string]time.Time{}}
	d.after.At = nil
	same := 0
	for id, at := range a.now.At {
		if before, is := a.kept.At[id]; is && before.Equal(at) {
			same++
			continue
		}
		d.added[id] = at
	}
	if d.all = same == 0 && len(a.kept.At) > 0; !d.all && same < len(a.kept.At) {
		for id := range a.kept.At {
			if _, is := a.now.At[id]; !is {
				d.dropped = append(d.dropped, id)
			}
		}
	}
	before := a.kept
	d.none = !d.all && len(d.added)+len(d.dropped) == 0 && before.Users == a.now.Users && before.Counted.Equal(a.now.Counted) && before.Lifted.Equal(a.now.Lifted) && before.Holding == a.now.Holding
	return d
}

// keep makes the kept removals like the present ones.
func (a *account) keep(d difference) {
	at := a.kept.At
	if d.all {
		clear(at)
	}
	for _, id := range d.dropped {
		delete(at, id)
	}
	if at == nil && len(d.added) > 0 {
		at = make(map[string]time.Time, len(d.added))
	}
	maps.Copy(at, d.added)
	a.kept = d.after
	a.kept.At = at
}

// add adds the difference to a load.
func (d difference) add(l *load) {
	l.brakes[d.key] = d.after
	if d.all {
		l.clearRemovals(d.key)
	}
	for _, id := range d.dropped {
		l.removals[removalKey{d.key, id}] = nil
	}
	for id, at := range d.added {
		l.removals[removalKey{d.key, id}] = &at
	}
}
