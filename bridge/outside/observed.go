package outside

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

const (
	// maxDifferences is how many differences wait, in about 20 MB. A first synchronisation of a large directory makes one
	// for each user. Of further differences only the number is recorded.
	maxDifferences = 100_000
	// maxObserved is how many resources one round reads again, so that it leaves time for events.
	maxObserved = 2000
	// settles is how long a difference waits, so that the events of the same time are recorded before.
	settles = time.Minute
)

// differences are what scans found, by realm, until a round records them.
type differences struct {
	mu     *sync.Mutex
	queued map[string][]directory.Difference
	lost   map[string]int // by realm: the number of differences that had no room
	size   int
	most   int
}

func newDifferences() differences {
	return differences{mu: &sync.Mutex{}, queued: map[string][]directory.Difference{}, lost: map[string]int{}, most: maxDifferences}
}

// Differs takes what a scan found (directory.Options.Differs). It does not wait.
func (r *Reader) Differs(d directory.Difference) {
	q := &r.differences
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.size >= q.most {
		if !d.Since.IsZero() { // else nothing says that it changed
			q.lost[d.Realm]++
		}
		return
	}
	q.queued[d.Realm] = append(q.queued[d.Realm], d)
	q.size++
}

// take takes the differences of a realm that are old enough, in the order in which they were found.
func (q *differences) take(realm string, before time.Time, most int) (out []directory.Difference, lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.queued[realm]
	n := 0
	for n < len(list) && n < most && list[n].Until.Before(before) {
		n++
	}
	out, lost = list[:n:n], q.lost[realm]
	delete(q.lost, realm)
	if q.queued[realm] = list[n:]; n == len(list) {
		delete(q.queued, realm)
	}
	q.size -= n
	return out, lost
}

// scanned records what scans found changed and no event told.
func (r *round) scanned(ctx context.Context) error {
	read := 0
	for read < maxObserved {
		list, lost := r.differences.take(r.realm, r.now.Add(-settles), maxObserved)
		if lost > 0 {
			if err := r.lost(ctx, lost); err != nil {
				return err
			}
		}
		if len(list) == 0 {
			return nil
		}
		for i, d := range list {
			looked, err := r.observe(ctx, d)
			if err != nil {
				r.again(list[i:])
				return err
			}
			if looked {
				read++
			}
		}
	}
	return nil
}

// again queues differences again that could not be recorded.
func (r *round) again(list []directory.Difference) {
	q := &r.differences
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queued[r.realm] = append(list, q.queued[r.realm]...)
	q.size += len(list)
}

// observe records a difference, unless the journal explains it. looked says that Keycloak was asked.
func (r *round) observe(ctx context.Context, d directory.Difference) (looked bool, err error) {
	t := r.first(func(t *tenant.Tenant) bool { return t.Path == d.Tenant })
	if t == nil {
		return false, nil
	}
	of := change.Resource{Type: d.Type, ID: d.ID}
	before, err := r.last(ctx, t.Path, of)
	switch {
	case err != nil:
		return false, err
	case before.tenant == "" && d.Since.IsZero(): // nothing says how it was before
		return false, nil
	case before.is(d.Version):
		return false, nil
	}
	if list, _, err := r.owners(ctx, of); err != nil || len(list) == 0 || list[0] != t {
		return true, err // the entry is in the tenant that has it first, as the entry of an event
	}
	began := time.Now()
	now, err := r.o.Looker.Look(ctx, t, of)
	if err != nil {
		return true, err
	}
	if now.Reason != "" || now.Seen != (d.Version != 0) || now.Seen && directory.VersionOf(now.Document) != d.Version {
		return true, nil // it changed again meanwhile: an event, an entry or the next scan tells that
	}
	if before, err = r.last(ctx, t.Path, of); err != nil || before.is(d.Version) || before.settled.After(began) {
		return true, err // a request to the bridge changed it meanwhile
	}
	since := d.Since
	if before.settled.After(since) {
		since = before.settled
	}
	c := in(t, r.begun(change.IDOf(d.Until, r.realm, d.Tenant, d.Type, d.ID), since, change.Actor{}, change.Observed, of))
	c.After = now.Document
	if !before.gone {
		c.Before = before.doc
	}
	c.Reason = fmt.Sprintf("it changed between %s and %s, and no event says who changed it", since.UTC().Format(time.RFC3339), d.Until.UTC().Format(time.RFC3339))
	return true, r.record(ctx, c)
}

// is reports whether the journal's last state has a version; 0 is the version of a resource that is gone.
func (k known) is(version uint64) bool {
	switch {
	case k.tenant == "":
		return false
	case k.gone:
		return version == 0
	}
	return directory.VersionOf(k.doc) == version
}

// lost records how many differences had no room in memory.
func (r *round) lost(ctx context.Context, n int) error {
	c := r.begun(change.NewID(), r.now, change.Actor{}, change.Observed, change.Resource{Type: typeRealm, ID: r.realm})
	c.Outcome = change.Unknown
	c.Reason = fmt.Sprintf("%d resources have no entry of their own: a scan found more changes at once than the bridge can keep", n)
	r.o.Log.Warn("a scan found more changes than the bridge can keep", zap.String("realm", r.realm), zap.Int("changes", n))
	return r.record(ctx, c)
}
