package directory

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory/index"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

const (
	// ageEach is how much older an index may become for each of its resources. With this limit,
	// scans take some percent of what Keycloak can do, whatever the size of the realm.
	ageEach = 36 * time.Millisecond
	// feedFactor is how many times older an index may become when a feed reports nearly all
	// changes.
	feedFactor = 6
	// minAge is how old any index may become.
	minAge = time.Second
	// scanWait is how long a request waits for a scan.
	scanWait = 20 * time.Second
	// rereadAtOnce is how many resources are read before they are stored.
	rereadAtOnce = 500
	// refusedFor is how long the bridge waits before it tries again an index that took too much
	// memory.
	refusedFor = 10 * time.Minute
)

// keptIndex is an index of a tenant's resources, with what is known about its freshness.
type keptIndex struct {
	d      *Directory
	tenant string // the tenant's path
	realm  string
	base   string // URL of its service root
	rt     *scim.ResourceType

	unpacking sync.Mutex // held by unpack

	mu        sync.Mutex
	table     *index.Table
	packed    []byte    // the table of a snapshot that no query has needed yet; table is empty then
	size      int       // of the table, as counted in Directory.used
	scannedAt time.Time // when the last complete scan began; zero when no scan is usable
	baseline  time.Time // when the last complete scan began, also after outdate; zero without one
	outdated  int       // how often outdate was called
	dropped   bool
	refusedAt time.Time // when a scan took too much memory
	scan      *scan     // the running scan, or nil
	waiting   int       // requests that wait for the scan
	usedAt    time.Time // by the last query
	searches  int       // for former values since the last scan began, see former.go
	protected *tenant.Protected

	writes     uint64
	lastWrites map[string]uint64 // by id: number of the last write that a running read may not show
	stale      map[string]bool   // ids that must be read again; true when a write or an event is the reason
	reads      int               // how many reads are running
	joined     map[string]bool   // names of users who joined, when the event had no id
}

// newKeptIndex makes an index of the tenant of a realm at a path, which belong completes.
func newKeptIndex(d *Directory, realm, path string) *keptIndex {
	x := &keptIndex{d: d, tenant: path, realm: realm}
	x.empty()
	return x
}

// belong sets the configuration of the tenant, before the first query.
func (x *keptIndex) belong(t *tenant.Tenant, rt *scim.ResourceType) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.base, x.rt = t.BaseURL, rt
	x.table = index.New(rt, x.base)
}

// empty starts again without resources. The caller holds x.mu, or nobody else has x yet.
func (x *keptIndex) empty() {
	x.table, x.packed, x.scannedAt, x.baseline = index.New(x.rt, x.base), nil, time.Time{}, time.Time{}
	x.lastWrites, x.stale, x.joined = map[string]uint64{}, map[string]bool{}, map[string]bool{}
	x.account()
}

// drop frees the memory: no query finds the index any longer. A running scan ends.
func (x *keptIndex) drop() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.empty()
	x.dropped = true
}

// account counts the memory. The caller holds x.mu.
func (x *keptIndex) account() {
	size := x.table.Bytes() + len(x.packed)
	x.d.used.Add(int64(size - x.size))
	x.size = size
}

func (x *keptIndex) status() (Status, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.packed != nil {
		return Status{}, false
	}
	out := Status{Type: x.rt.Name, Resources: x.table.Len(), Bytes: x.size, Age: x.d.options.Now().Sub(x.scannedAt)}
	if path, ok := x.externalID(); ok {
		out.WithoutKey, out.SharedID = x.table.Marks(), x.table.Shared(path)
	}
	return out, !x.scannedAt.IsZero()
}

// touch records that resources were written. With known it ignores resources that are not in the
// index.
func (x *keptIndex) touch(ids []string, known bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.scannedAt.IsZero() && x.scan == nil {
		return // the index has nothing that could be wrong
	}
	for _, id := range ids {
		if id != "" && (!known || x.reads > 0 || x.packed != nil || x.table.Has(id)) {
			x.writes++
			x.lastWrites[id], x.stale[id] = x.writes, true
		}
	}
}

// touchName is touch for a user whose id is not known.
func (x *keptIndex) touchName(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.scannedAt.IsZero() || x.scan != nil {
		x.joined[name] = true
	}
}

// outdate lets everything be read again.
func (x *keptIndex) outdate() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.scannedAt = time.Time{}
	x.outdated++
}

// begin is called before a read. put does not store resources that were written after begin.
func (x *keptIndex) begin() (began uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.reads++
	return x.writes
}

// put stores the result of a read, and ends the read. Requested ids that were not found are
// removed. put reports whether anything differs from what the index had.
func (x *keptIndex) put(began uint64, asked []string, items []item) (changed bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	defer x.ended()
	if x.dropped {
		return false
	}
	tells := x.d.options.Differs != nil
	found := map[string]bool{}
	var put []index.Resource
	for _, i := range items {
		id := i.resource.ID
		found[id] = true
		switch {
		case x.lastWrites[id] > began:
		case i.err != nil:
			x.stale[id] = true // until the resource can be mapped
		default:
			one := index.Resource{ID: id, Object: x.rt.Object(i.resource, x.base), Mark: i.unkeyed}
			if tells {
				one.Version = VersionOf(i.resource.Document)
			}
			put = append(put, one)
		}
	}
	var gone []string
	for _, id := range asked {
		if !found[id] && x.lastWrites[id] <= began {
			gone = append(gone, id)
		}
	}
	had := slices.DeleteFunc(slices.Clone(gone), func(id string) bool { return !x.table.Has(id) })
	changed, differ := x.table.Replace(put...)
	changed = x.table.Delete(gone...) || changed
	if tells {
		for _, d := range x.differ(items, differ, had) {
			x.d.options.Differs(d)
		}
	}
	for _, one := range put {
		delete(x.stale, one.ID)
	}
	for _, id := range gone {
		delete(x.stale, id)
	}
	x.account()
	return changed
}

// abandon ends a read that failed.
func (x *keptIndex) abandon() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ended()
}

// ended ends a read. The caller holds x.mu.
func (x *keptIndex) ended() {
	if x.reads--; x.reads == 0 {
		clear(x.lastWrites) // later reads show these writes
	}
}

// find returns what the index proposes.
func (x *keptIndex) find(q Query) index.Found {
	x.mu.Lock()
	table := x.table
	x.mu.Unlock()
	asked := index.Query{Filter: q.Filter, Sort: q.Sort, After: q.After, Count: q.Count}
	if !q.Cursor {
		asked.Skip = q.first()
	}
	return table.Find(asked)
}

// reread reads resources into got and corrects the index. It reports whether anything differs from
// what the index had.
func (x *keptIndex) reread(ctx context.Context, s search, ids []string, got map[string]scim.Resource) (changed bool, err error) {
	if len(ids) == 0 {
		return false, nil
	}
	began := x.begin()
	items, err := s.byID(ctx, ids)
	if err != nil {
		x.abandon()
		return false, err
	}
	changed = x.put(began, ids, items)
	found, err := resources(items)
	for _, r := range found {
		got[r.ID] = r
	}
	return changed, err
}

// fresh waits until the index may answer: everything was read within the time that the size of the
// index allows, and everything written since was read again.
func (x *keptIndex) fresh(ctx context.Context, s search) error {
	follows, err := x.d.follow(ctx, s.view)
	if err == nil {
		x.unpack()
		err = x.scanned(ctx, s, follows)
	}
	if err != nil {
		return err
	}
	x.mu.Lock()
	x.protect(s.view.Fitness.Protected)
	ids, names := slices.Sorted(maps.Keys(x.stale)), slices.Sorted(maps.Keys(x.joined))
	x.mu.Unlock()
	for part := range slices.Chunk(ids, rereadAtOnce) { // each part is stored, even if the time ends during a later part
		if _, err := x.reread(ctx, s, part, map[string]scim.Resource{}); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := x.readNamed(ctx, s, name); err != nil {
			return err
		}
	}
	return nil
}

// readNamed reads a user who joined, by name.
func (x *keptIndex) readNamed(ctx context.Context, s search, name string) error {
	began := x.begin()
	items, err := s.byName(ctx, name)
	if err != nil {
		x.abandon()
		return err
	}
	x.put(began, nil, items)
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.joined, name)
	return nil
}

// protect lets users be read again that became protected or are no longer protected, and parents of
// tenants, because the Wall shows them differently now. The caller holds x.mu.
func (x *keptIndex) protect(now *tenant.Protected) {
	before := x.protected
	if now == before {
		return
	}
	x.protected = now
	x.reprotect(before, now)
}

// read takes over what a scan has read. It may have begun with other protected users than those of the last query. The
// caller holds x.mu.
func (x *keptIndex) read(with *tenant.Protected) {
	if x.protected == nil { // before the first query
		x.protected = with
	}
	x.reprotect(with, x.protected)
}

// reprotect lets the resources be read again that are protected by only one of two states.
func (x *keptIndex) reprotect(before, now *tenant.Protected) {
	if now == before || now == nil || before == nil {
		return
	}
	for _, pair := range [][2]*tenant.Protected{{before, now}, {now, before}} {
		for _, ids := range []map[string]bool{pair[0].Users, pair[0].Groups, pair[0].ServiceAccounts} {
			for id := range ids {
				if !pair[1].User(id) && !pair[1].Group(id) && !pair[1].ServiceAccount(id) && x.table.Has(id) {
					x.stale[id] = true
				}
			}
		}
		for id := range pair[0].Parents {
			if _, both := pair[1].Parents[id]; !both && x.table.Has(id) {
				x.stale[id] = true
			}
		}
	}
}

// scanned waits until everything was read once, and not too long ago.
func (x *keptIndex) scanned(ctx context.Context, s search, follows bool) error {
	x.mu.Lock()
	now := x.d.options.Now()
	if !x.refusedAt.IsZero() && now.Sub(x.refusedAt) < refusedFor {
		x.mu.Unlock()
		return ErrIndexFull
	}
	x.usedAt = now
	most, age := x.mostAge(), now.Sub(x.scannedAt)
	if follows {
		most *= feedFactor
	}
	if age > most/2 && x.scan == nil {
		x.scan = newScan(x, s)
	}
	current := x.scan
	if age <= most || current == nil {
		x.mu.Unlock()
		return nil
	}
	x.waiting++
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		x.waiting--
		x.mu.Unlock()
	}()
	timer := time.NewTimer(scanWait)
	defer timer.Stop()
	select {
	case <-current.done:
		return current.err
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return current.underWay()
	}
}

// mostAge returns how old the index may become. The caller holds x.mu.
func (x *keptIndex) mostAge() time.Duration {
	return max(minAge, time.Duration(x.table.Len())*ageEach)
}

// warm begins a scan when the last scan is long ago.
func (x *keptIndex) warm(s search) {
	x.unpack()
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.d.options.Now()
	refused := !x.refusedAt.IsZero() && now.Sub(x.refusedAt) < refusedFor
	if x.scan == nil && !refused && now.Sub(x.scannedAt) > max(warmAge, x.mostAge()/2) {
		x.scan = newScan(x, s)
	}
}

func (x *keptIndex) known() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return !x.scannedAt.IsZero() || x.scan != nil
}

// dropIdle drops an index that was not used for some time.
func (x *keptIndex) dropIdle() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.scannedAt.IsZero() && x.d.options.Now().Sub(x.usedAt) > idle {
		x.empty()
	}
}

// underWay returns the progress of a scan as an error.
func (sc *scan) underWay() error {
	const again = 15 * time.Second
	return IndexingError{Read: sc.read.Load(), Total: sc.total.Load(), RetryAfter: again}
}
