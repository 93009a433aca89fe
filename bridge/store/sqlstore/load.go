package sqlstore

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// load is what one commit writes: rows by their tables. No row is in it twice, because PostgreSQL writes all of it with
// one statement.
type load struct {
	s      *Store
	before state
	state  state // the ends of the journal after the commit

	intents   []*intentRow
	ended     [][]byte // the ids of changes that are settled
	withdrawn [][]byte // the ids of changes that are no longer open and are not settled
	entries   []row
	subjects  []subjectRow
	unindexed map[int64]int    // the next subject to be written, by the number of the entry
	overlaps  map[int64]string // the members, by the number of the entry
	applied   map[resourceKey]*document

	acts    []*activityRow
	lastAct int64
	gone    []removed // rows of requests that are removed
	// actSubjects are subjects of rows of requests that are in the database already.
	actSubjects []subjectRow
	usage       usageChange

	tallies  map[tally]int64
	uses     map[store.Credential]int64
	places   map[string]time.Time      // of readers; the zero time for one that is dropped
	brakes   map[string]store.Removals // without the removals
	cleared  map[string]bool           // tenants whose former removals are dropped
	removals map[removalKey]*time.Time // nil for one that is dropped

	groups []membership // changes of groups that others may overlap with
	notes  int          // how many notes are in it
}

// intentRow is a row of the table intent.
type intentRow struct {
	id               []byte
	head, generation int64
	content          []byte
	known            bool // the journal has a change with this id already, so the row was not written
}

// subjectRow is a row of the table subject or activity_subject.
type subjectRow struct {
	hash   []byte
	number int64
}

// resourceKey names a resource of a tenant.
type resourceKey struct{ tenant, resource string }

// document is a row of the table applied. nil says that the row is removed.
type document struct {
	generation int64
	content    []byte
}

// removalKey names a row of the table removal.
type removalKey struct{ tenant, user string }

// membership is a change of the members of a group.
type membership struct {
	number  int64
	group   string
	members []string
}

// newLoad is an empty load that follows what is committed.
func (s *Store) newLoad() *load {
	return &load{
		s: s, before: s.state, state: s.state, lastAct: s.acts, usage: usageChange{}, unindexed: map[int64]int{}, overlaps: map[int64]string{}, applied: map[resourceKey]*document{},
		tallies: map[tally]int64{}, uses: map[store.Credential]int64{}, places: map[string]time.Time{}, brakes: map[string]store.Removals{}, cleared: map[string]bool{}, removals: map[removalKey]*time.Time{},
	}
}

// empty reports whether there is nothing to write.
func (l *load) empty() bool {
	return l.state == l.before && len(l.intents)+len(l.ended)+len(l.withdrawn)+len(l.entries)+len(l.subjects)+len(l.unindexed)+len(l.overlaps)+len(l.applied)+len(l.acts)+len(l.gone)+len(l.actSubjects)+len(l.tallies)+len(l.uses)+len(l.places)+len(l.brakes)+len(l.cleared)+len(l.removals) == 0
}

// intend adds a change that begins. It fails for an id that the load has already.
func (l *load) intend(one *intentRow) error {
	same := func(id []byte) bool { return string(id) == string(one.id) }
	if slices.ContainsFunc(l.intents, func(other *intentRow) bool { return same(other.id) }) || slices.ContainsFunc(l.ended, same) || slices.ContainsFunc(l.entries, func(r row) bool { return same(r.id) }) {
		return known(idText(one.id))
	}
	one.head = l.state.number
	l.intents = append(l.intents, one)
	return nil
}

// settle adds the entry of a settled change, and ends its intent.
func (l *load) settle(one *settlement) error {
	if <-one.ready; one.err != nil {
		return one.err
	}
	if one.intent { // when somebody deleted the intent in the database, the entry is written all the same
		l.ended = append(l.ended, one.id)
	}
	k := l.s.keys.Load()
	if one.sealed.generation != k.newest { // the key is another one meanwhile
		one.seal(k)
	}
	number := l.state.number + 1
	commitment := commit(k.chain(number), one.content)
	r := row{
		number: number, id: one.id, epoch: l.state.epoch, begun: micros(one.c.Begun), settled: micros(one.settled), public: publicOf(one.c), commitment: commitment[:], generation: k.newest, content: one.sealed.content,
	}
	last := k.chain(number).Link(l.state.link, r.linked(), commitment)
	r.link = last[:]
	l.entries = append(l.entries, r)
	l.index(number, one.sealed.hashes, len(one.list))
	l.apply(one)
	if err := l.overlap(number, one); err != nil {
		return err
	}
	l.state.number, l.state.link = number, last
	l.state.bytes += sizeOf(r.content, len(one.list))
	return nil
}

// sizeOf is about what an entry uses in PostgreSQL, in bytes, with its indexes.
func sizeOf(content []byte, subjects int) int64 {
	const entry, subject = 700, 130
	return int64(entry + len(content) + subject*subjects)
}

// maxSubjects is the number of subjects that are written with an entry. Those of a large group are written in steps
// between the commits of other changes, so that these do not wait.
const maxSubjects = 100

// index adds the first hashes of what an entry is found by; all is the number of its subjects.
func (l *load) index(number int64, hashes [][seal.HashSize]byte, all int) {
	for i := range hashes {
		l.subjects = append(l.subjects, subjectRow{hashes[i][:], number})
	}
	if all > len(hashes) {
		l.unindexed[number] = len(hashes)
	}
}

// apply keeps the document of a settlement, or drops the document of a resource that is gone.
func (l *load) apply(one *settlement) {
	key := resourceKey{one.c.Tenant, one.c.Resource.ID}
	switch {
	case one.sealed.applied != nil:
		l.applied[key] = &document{one.sealed.generation, one.sealed.applied}
	case store.Unapplies(one.c):
		l.applied[key] = nil
	}
}

// readGroups reads the changes of groups that settlements may overlap with. They are in the database already.
func (l *load) readGroups(ctx context.Context, q rowsOf, list []*settlement) error {
	var groups []any
	from := int64(math.MaxInt64)
	for _, one := range list {
		if one.joins() && one.head < l.before.number {
			from = min(from, one.head)
			if group := any(one.c.Resource.ID); !slices.Contains(groups, group) {
				groups = append(groups, group)
			}
		}
	}
	if len(groups) == 0 {
		return nil
	}
	k := l.s.keys.Load()
	return each(ctx, q, "SELECT number, resource, id, generation, content FROM entry WHERE resource IN ("+marks(len(groups))+") AND number > ? AND type = 'Group' AND op <> ?", func(rows *sql.Rows) error {
		var one membership
		var id, sealed []byte
		var generation int64
		if err := rows.Scan(&one.number, &one.group, &id, &generation, &sealed); err != nil {
			return err
		}
		if p, err := openPrivate(k, generation, entryPlace(id), sealed); err == nil { // else somebody altered the entry: Verify finds it
			one.members = slices.Concat(p.added, p.removed)
			l.groups = append(l.groups, one)
		}
		return nil
	}, append(groups, from, string(change.Observed))...)
}

// joins reports whether a settlement changes members of a group, so that another one may overlap with it.
func (one *settlement) joins() bool {
	return one.c.Resource.Type == "Group" && one.c.Resource.ID != "" && one.c.Op != change.Observed && len(one.c.MembersAdded)+len(one.c.MembersRemoved) > 0
}

// overlap adds the memberships that another change changed at the same time: a change of the same group that was settled
// after this one began.
func (l *load) overlap(number int64, one *settlement) error {
	if !one.joins() {
		return nil
	}
	mine := membership{number, one.c.Resource.ID, slices.Concat(one.c.MembersAdded, one.c.MembersRemoved)}
	defer func() { l.groups = append(l.groups, mine) }()
	if !one.intent || l.state.number == one.head {
		return nil
	}
	own, both := make(map[string]bool, len(mine.members)), []string{}
	for _, id := range mine.members {
		own[id] = true
	}
	for _, other := range l.groups {
		if other.group != mine.group || other.number <= one.head {
			continue
		}
		for _, id := range other.members {
			if own[id] {
				both = append(both, id)
				own[id] = false
			}
		}
	}
	if len(both) == 0 {
		return nil
	}
	slices.Sort(both)
	text, err := scim.Encode(both)
	l.overlaps[number] = string(text)
	return err
}

// request adds the row of a request.
func (l *load) request(a *act, k *keys) {
	l.lastAct++
	r := &activityRow{Activity: a.Activity, id: a.id, of: a.of, change: a.change}
	r.Number = l.lastAct
	if a.text != nil {
		r.generation = &k.newest
		r.content = k.sealer().Seal(nil, activityPlace(a.id), a.text)
		r.subjects = hashesIn(k.sealer(), a.named)
	}
	r.bytes = store.RowSize + int64(len(r.content))
	l.acts = append(l.acts, r)
	l.usage.add(r.Tenant, 1, r.bytes)
}

// remove removes the row of a request.
func (l *load) remove(one removed) {
	l.gone = append(l.gone, one)
	l.usage.add(one.tenant, -1, -one.bytes)
}

// maxEvicted is the most rows that one commit removes for the share of a tenant. What is too much then is removed with
// the next row of the tenant.
const maxEvicted = 512

// keepShare removes the oldest rows of a tenant that has more than its share.
func (l *load) keepShare(ctx context.Context, q rowsOf, tenant string) error {
	const step = 16
	over := func() int64 {
		used, by, share := l.s.usage.get(tenant), l.usage[tenant], l.s.o.Share
		rows := used.Rows + by.Rows - share.Rows
		if rows <= 0 && used.Bytes+by.Bytes > share.Bytes {
			return 1
		}
		return rows
	}
	after, found := int64(0), 0
	for n := over(); n > 0 && found < maxEvicted; n = over() {
		limit := min(max(int(n), step), maxEvicted)
		oldest, err := removable(ctx, q, "SELECT number, tenant, bytes, subjects FROM activity WHERE tenant = ? AND number > ? ORDER BY number LIMIT ?", tenant, after, limit)
		if err != nil {
			return err
		}
		for _, one := range oldest {
			if over() > 0 {
				l.remove(one)
			}
			after = one.number
		}
		found += len(oldest)
		if len(oldest) < limit {
			break
		}
	}
	for i := 0; i < len(l.acts) && found < maxEvicted && over() > 0; i++ { // the database has no further rows of the tenant
		if one := l.acts[i]; one.Tenant == tenant {
			l.acts = slices.Delete(l.acts, i, i+1)
			l.usage.add(tenant, -1, -one.bytes)
			i--
			found++
		}
	}
	return nil
}

// use adds the last use of a credential.
func (l *load) use(u store.Use) { l.uses[u.Credential] = max(l.uses[u.Credential], micros(u.At)) }

// clearRemovals drops every removal of a tenant.
func (l *load) clearRemovals(tenant string) {
	l.cleared[tenant] = true
	for key := range l.removals {
		if key.tenant == tenant {
			delete(l.removals, key)
		}
	}
}

// subjectsOf are the subjects of the rows of requests.
func (l *load) subjectsOf() []subjectRow {
	out := l.actSubjects
	for _, r := range l.acts {
		for rest := r.subjects; len(rest) >= seal.HashSize; rest = rest[seal.HashSize:] {
			out = append(out, subjectRow{rest[:seal.HashSize], r.Number})
		}
	}
	return out
}

// goneSubjects are the subjects of the rows of requests that are removed.
func (l *load) goneSubjects() []subjectRow {
	var out []subjectRow
	for _, r := range l.gone {
		for rest := r.subjects; len(rest) >= seal.HashSize; rest = rest[seal.HashSize:] {
			out = append(out, subjectRow{rest[:seal.HashSize], r.number})
		}
	}
	return out
}

// writeRows writes a load row by row.
func (l *load) writeRows(ctx context.Context, e execer) error {
	x := &rowWriter{ctx: ctx, e: e}
	for _, id := range slices.Concat(l.ended, l.withdrawn) {
		x.exec("DELETE FROM intent WHERE id = ?", id)
	}
	for i := range l.entries {
		x.exec(insertEntry, l.entries[i].values()...)
	}
	for _, one := range l.intents {
		n := x.exec("INSERT INTO intent (id, head, generation, content) SELECT ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM entry WHERE id = ?) ON CONFLICT (id) DO NOTHING", one.id, one.head, one.generation, one.content, one.id)
		one.known = n == 0
	}
	for _, one := range l.subjects {
		x.exec(insertSubject, one.hash, one.number)
	}
	for number, next := range l.unindexed {
		x.exec("INSERT INTO unindexed (number, next) VALUES (?, ?) ON CONFLICT (number) DO UPDATE SET next = excluded.next", number, next)
	}
	for number, members := range l.overlaps {
		x.exec("INSERT INTO overlap (number, members) VALUES (?, ?) ON CONFLICT (number) DO UPDATE SET members = excluded.members", number, members)
	}
	for key, doc := range l.applied {
		if doc == nil {
			x.exec("DELETE FROM applied WHERE tenant = ? AND resource = ?", key.tenant, key.resource)
			continue
		}
		x.exec("INSERT INTO applied (tenant, resource, generation, content) VALUES (?, ?, ?, ?) ON CONFLICT (tenant, resource) DO UPDATE SET generation = excluded.generation, content = excluded.content", key.tenant, key.resource, doc.generation, doc.content)
	}
	l.writeRequests(x)
	l.writeBrakes(x)
	for c, used := range l.uses {
		x.exec("INSERT INTO credential_use (realm, tenant, key_id, name, used) VALUES (?, ?, ?, ?, ?)"+
			" ON CONFLICT (realm, tenant, key_id, name) DO UPDATE SET used = CASE WHEN credential_use.used > excluded.used THEN credential_use.used ELSE excluded.used END", c.Of.Realm, c.Of.Key, c.KeyID, c.Name, used)
	}
	for reader, at := range l.places {
		if at.IsZero() {
			x.exec("DELETE FROM place WHERE reader = ?", reader)
			continue
		}
		x.exec("INSERT INTO place (reader, at) VALUES (?, ?) ON CONFLICT (reader) DO UPDATE SET at = excluded.at", reader, micros(at))
	}
	if x.err == nil && l.state != l.before {
		k := l.s.keys.Load()
		x.err = l.s.writeHead(ctx, e, k.sealer(), k.newest, l.state)
	}
	return x.err
}

func (l *load) writeRequests(x *rowWriter) {
	for _, r := range l.acts {
		x.exec(insertActivity, append(r.values(), r.bytes, r.subjects)...)
	}
	for _, one := range l.subjectsOf() {
		x.exec("INSERT INTO activity_subject (hash, number) VALUES (?, ?) ON CONFLICT (hash, number) DO NOTHING", one.hash, one.number)
	}
	for _, one := range l.goneSubjects() {
		x.exec("DELETE FROM activity_subject WHERE hash = ? AND number = ?", one.hash, one.number)
	}
	for _, one := range l.gone {
		x.exec("DELETE FROM activity WHERE number = ?", one.number)
	}
	for t, n := range l.tallies {
		x.exec(addTally, t.minute, 1, t.tenant, t.what, n)
	}
}

func (l *load) writeBrakes(x *rowWriter) {
	for tenant := range l.cleared {
		x.exec("DELETE FROM removal WHERE tenant = ?", tenant)
	}
	for tenant, b := range l.brakes {
		x.exec("INSERT INTO brake (tenant, users, counted, lifted, holding) VALUES (?, ?, ?, ?, ?)"+
			" ON CONFLICT (tenant) DO UPDATE SET users = excluded.users, counted = excluded.counted, lifted = excluded.lifted, holding = excluded.holding", tenant, b.Users, micros(b.Counted), micros(b.Lifted), b.Holding)
	}
	for key, at := range l.removals {
		if at == nil {
			x.exec(`DELETE FROM removal WHERE tenant = ? AND "user" = ?`, key.tenant, key.user)
			continue
		}
		x.exec(`INSERT INTO removal (tenant, "user", removed) VALUES (?, ?, ?) ON CONFLICT (tenant, "user") DO UPDATE SET removed = excluded.removed`, key.tenant, key.user, micros(*at))
	}
}

// rowWriter executes statements until one fails.
type rowWriter struct {
	ctx context.Context //nolint:containedctx // it lives as long as one call
	e   execer
	err error
}

// exec executes a statement, and returns the number of rows.
func (x *rowWriter) exec(query string, args ...any) int64 {
	if x.err != nil {
		return 0
	}
	result, err := x.e.ExecContext(x.ctx, query, args...)
	if err != nil {
		x.err = err
		return 0
	}
	n, err := result.RowsAffected()
	x.err = err
	return n
}
