package sqlstore

import (
	"context"
	"database/sql"
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
	rows, err := tx.QueryContext(ctx, "SELECT tenant, count(*), CAST(sum(bytes) AS BIGINT), max(number) FROM activity GROUP BY tenant")
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

// add adds the rows and the counts to a load. It can run again for another one.
func (n *acted) add(l *load) error {
	k := n.s.keys.Load()
	for _, a := range n.rows {
		l.request(a, k)
	}
	for t, count := range n.counts {
		l.tallies[t] += count
	}
	n.last, n.change = l.lastAct, l.usage
	return nil
}

// keepShares removes the oldest rows of tenants that have more than their shares.
func (n *acted) keepShares(ctx context.Context, q rowsOf, l *load) error {
	for tenant := range maps.Clone(l.usage) {
		if err := l.keepShare(ctx, q, tenant); err != nil {
			return err
		}
	}
	return nil
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

// deleteSubjects removes the subjects of the row of a request.
func deleteSubjects(ctx context.Context, w *writer, number int64, subjects []byte) error {
	hashes := []any{number}
	for ; len(subjects) >= seal.HashSize; subjects = subjects[seal.HashSize:] {
		hashes = append(hashes, subjects[:seal.HashSize])
	}
	if len(hashes) == 1 {
		return nil
	}
	_, err := w.ExecContext(ctx, "DELETE FROM activity_subject WHERE number = ? AND hash IN ("+marks(len(hashes)-1)+")", hashes...)
	return err
}

// removed is what the removal of a row needs.
type removed struct {
	number   int64
	tenant   string
	bytes    int64
	subjects []byte
}

func removable(ctx context.Context, q rowsOf, query string, args ...any) ([]removed, error) {
	var out []removed
	err := each(ctx, q, query, func(rows *sql.Rows) error {
		var one removed
		err := rows.Scan(&one.number, &one.tenant, &one.bytes, &one.subjects)
		out = append(out, one)
		return err
	}, args...)
	return out, err
}

// activityRow is a row of the table activity.
type activityRow struct {
	store.Activity

	id, of, change []byte
	generation     *int64 // nil without content
	content        []byte

	bytes    int64  // of the share of the tenant
	subjects []byte // the hashes that find the row, one after the other
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
