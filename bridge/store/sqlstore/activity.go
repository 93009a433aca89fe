package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// Act implements store.Activities.
func (s *Store) Act(a store.Activity) {
	one, err := newAct(a)
	if err != nil {
		s.w.queue.drop()
		return
	}
	s.w.queue.push(one)
}

// activityPlace is the place that the document of a request is sealed for.
func activityPlace(id []byte) string { return "activity " + string(id) }

// usage is what the rows of each tenant use of its share.
type usage struct {
	mu sync.Mutex
	of map[string]store.Share
}

// change is a change of a usage that a transaction makes.
type usageChange map[string]store.Share

func (c usageChange) add(tenant string, rows, size int64) {
	now := c[tenant]
	c[tenant] = store.Share{Rows: now.Rows + rows, Bytes: now.Bytes + size}
}

// apply makes a change, after its commit.
func (u *usage) apply(c usageChange) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for tenant, by := range c {
		now := u.of[tenant]
		if now = (store.Share{Rows: now.Rows + by.Rows, Bytes: now.Bytes + by.Bytes}); now.Rows == 0 {
			delete(u.of, tenant)
		} else {
			u.of[tenant] = now
		}
	}
}

func (u *usage) get(tenant string) store.Share {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.of[tenant]
}

// total is what all rows use, and the tenant whose rows use the most.
func (u *usage) total() (all store.Share, largest string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for tenant, one := range u.of {
		all.Rows += one.Rows
		all.Bytes += one.Bytes
		if one.Bytes > u.of[largest].Bytes {
			largest = tenant
		}
	}
	return all, largest
}

// loadUsage reads what the rows use. The index has all that it needs.
func (s *Store) loadUsage(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, "SELECT tenant, count(*), sum(bytes), max(number) FROM activity GROUP BY tenant")
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	s.usage.of = map[string]store.Share{}
	for rows.Next() {
		var tenant string
		var one store.Share
		var last int64
		if err := rows.Scan(&tenant, &one.Rows, &one.Bytes, &last); err != nil {
			return err
		}
		s.usage.of[tenant] = one
		s.acts = max(s.acts, last)
	}
	return rows.Err()
}

// acted is the part of a batch that writes what the queue has.
type acted struct {
	s      *Store
	rows   []*act
	counts map[tally]int64
	last   int64 // the number of the last row
	change usageChange
}

// acted is the next such part; nil when nothing waits.
func (w *writer) acted(all bool) *acted {
	rows, counts := w.queue.take(time.Now(), all)
	if len(rows)+len(counts) == 0 {
		return nil
	}
	return &acted{s: w.s, rows: rows, counts: counts}
}

// write writes the rows and the counts. It can run again after a transaction that was rolled back.
func (n *acted) write(ctx context.Context, w *writer) error {
	n.last, n.change = n.s.acts, usageChange{}
	k := n.s.keys.Load()
	for _, a := range n.rows {
		n.last++
		if err := a.write(ctx, w, k, n.last, n.change); err != nil {
			return fmt.Errorf("write a request: %w", err)
		}
	}
	for tenant := range maps.Clone(n.change) {
		if err := n.s.keepShare(ctx, w, tenant, n.change); err != nil {
			return err
		}
	}
	return writeTallies(ctx, w, n.counts)
}

// ended says how the commit ended. others says that other parts of the batch were committed without this one.
func (n *acted) ended(w *writer, err error, others bool) {
	if err == nil {
		n.s.usage.apply(n.change)
		n.s.acts = n.last
	}
	w.queue.ended(len(n.rows), n.counts, time.Now(), err, others)
	if err != nil && others {
		err = nil // the rows are dropped, so nobody need wait for them
	}
	w.release(err)
}

const insertActivity = "INSERT INTO activity (" + activityColumns + ", bytes, subjects) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

// write writes a row.
func (a *act) write(ctx context.Context, w *writer, k *keys, number int64, to usageChange) error {
	r := activityRow{Activity: a.Activity, id: a.id, of: a.of, change: a.change}
	r.Number = number
	var subjects []byte
	if a.text != nil {
		r.generation = &k.newest
		r.content = k.sealer().Seal(nil, activityPlace(a.id), a.text)
		subjects = hashesIn(k.sealer(), a.named)
	}
	size := store.RowSize + int64(len(r.content))
	if _, err := w.ExecContext(ctx, insertActivity, append(r.values(), size, subjects)...); err != nil {
		return err
	}
	to.add(a.Tenant, 1, size)
	return insertSubjects(ctx, w, number, subjects)
}

// hashesIn are the hashes of identifiers, one after the other.
func hashesIn(sealer *seal.Sealer, list []store.Identifier) []byte {
	if len(list) == 0 {
		return nil
	}
	out := make([]byte, 0, len(list)*seal.HashSize)
	for _, one := range list {
		hash := sealer.Hash(byte(one.Kind), one.Value)
		out = append(out, hash[:]...)
	}
	return out
}

func insertSubjects(ctx context.Context, w *writer, number int64, subjects []byte) error {
	for ; len(subjects) >= seal.HashSize; subjects = subjects[seal.HashSize:] {
		if _, err := w.ExecContext(ctx, "INSERT OR IGNORE INTO activity_subject (hash, number) VALUES (?, ?)", subjects[:seal.HashSize], number); err != nil {
			return err
		}
	}
	return nil
}

func deleteSubjects(ctx context.Context, w *writer, number int64, subjects []byte) error {
	for ; len(subjects) >= seal.HashSize; subjects = subjects[seal.HashSize:] {
		if _, err := w.ExecContext(ctx, "DELETE FROM activity_subject WHERE hash = ? AND number = ?", subjects[:seal.HashSize], number); err != nil {
			return err
		}
	}
	return nil
}

// maxEvicted is the most rows that one commit removes for the share of a tenant. What is too much then is removed with
// the next row of the tenant.
const maxEvicted = 512

// keepShare removes the oldest rows of a tenant that has more than its share.
func (s *Store) keepShare(ctx context.Context, w *writer, tenant string, to usageChange) error {
	const step = 16
	for range maxEvicted / step {
		used, by := s.usage.get(tenant), to[tenant]
		rows, size := used.Rows+by.Rows-s.o.Share.Rows, used.Bytes+by.Bytes-s.o.Share.Bytes
		if rows <= 0 && size <= 0 {
			return nil
		}
		oldest, err := removable(ctx, w, "SELECT number, tenant, bytes, subjects FROM activity WHERE tenant = ? ORDER BY number LIMIT ?", tenant, step)
		if err != nil || len(oldest) == 0 {
			return err
		}
		for _, one := range oldest {
			if rows <= 0 && size <= 0 {
				return nil
			}
			if err := one.remove(ctx, w, to); err != nil {
				return err
			}
			rows--
			size -= one.bytes
		}
	}
	return nil
}

// removed is what the removal of a row needs.
type removed struct {
	number   int64
	tenant   string
	bytes    int64
	subjects []byte
}

func removable(ctx context.Context, w *writer, query string, args ...any) ([]removed, error) {
	rows, err := w.query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	var out []removed
	for rows.Next() {
		var one removed
		if err := rows.Scan(&one.number, &one.tenant, &one.bytes, &one.subjects); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, errors.Join(rows.Err(), rows.Close())
}

func (r removed) remove(ctx context.Context, w *writer, to usageChange) error {
	if err := deleteSubjects(ctx, w, r.number, r.subjects); err != nil {
		return err
	}
	_, err := w.ExecContext(ctx, "DELETE FROM activity WHERE number = ?", r.number)
	to.add(r.tenant, -1, -r.bytes)
	return err
}

// activityRow is a row of the table activity.
type activityRow struct {
	store.Activity

	id, of, change []byte
	generation     *int64 // nil without content
	content        []byte
}

// activityColumns are columns of the table activity, in the order of values.
const activityColumns = "number, id, at, took, tenant, realm, actor_kind, actor, key_id, origin, part_of, method, route, type, resource, status, code, calls, change, failed, size, lacks, password, erased, generation, content"

func (r *activityRow) values() []any {
	return []any{
		r.Number, r.id, micros(r.At), r.Took.Microseconds(), r.Tenant, r.Realm, r.Actor.Kind, r.Actor.Name, r.Actor.KeyID, string(r.Origin), r.of, r.Method, r.Route, r.Resource.Type, r.Resource.ID,
		r.Status, r.Code, r.Calls, r.change, r.Failed, r.Size, string(r.Lacks), r.Password, r.Erased, r.generation, r.content,
	}
}

// scan reads the columns.
func (r *activityRow) scan(rows interface{ Scan(places ...any) error }) error {
	var at, took int64
	err := rows.Scan(
		&r.Number, &r.id, &at, &took, &r.Tenant, &r.Realm, &r.Actor.Kind, &r.Actor.Name, &r.Actor.KeyID, &r.Origin, &r.of, &r.Method, &r.Route, &r.Resource.Type, &r.Resource.ID,
		&r.Status, &r.Code, &r.Calls, &r.change, &r.Failed, &r.Size, &r.Lacks, &r.Password, &r.Erased, &r.generation, &r.content,
	)
	r.At, r.Took = timeOf(at), time.Duration(took)*time.Microsecond
	r.ID, r.Of, r.Change = string(idText(r.id)), string(idText(r.of)), idText(r.change)
	return err
}

// text opens the text of the document.
func (r *activityRow) text(k *keys) ([]byte, error) {
	sealed, err := k.open(*r.generation, activityPlace(r.id), r.content)
	if err != nil {
		return nil, err
	}
	return decompress(sealed)
}

// opened is the row with its document. A document that cannot be opened is missing: the row is worth showing without.
func (r *activityRow) opened(k *keys) store.Activity {
	if r.content == nil || r.generation == nil {
		return r.Activity
	}
	text, err := r.text(k)
	if err == nil {
		r.Document, r.Detail, err = store.DocumentOf(text)
	}
	if err != nil {
		r.Lacks = store.LacksDamaged
	}
	return r.Activity
}
