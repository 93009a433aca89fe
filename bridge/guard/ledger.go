package guard

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Ledger keeps the removals of each tenant. All bridges that serve a tenant must share a Ledger:
// otherwise each bridge allows the whole number of the policy.
type Ledger interface {
	// Change calls change once with the removals of the tenant with a LedgerKey (the zero value when
	// nothing is known), and stores the result. Until change returns, no other call reads or writes
	// the removals of that tenant. Other calls wait until their contexts end: change may take long,
	// because it counts the tenant's users in Keycloak. Change returns an error of change; it need
	// not store anything then.
	Change(ctx context.Context, key string, change func(*Removals) error) error
}

// LedgerKey names a tenant in a Ledger. It outlives the path of the tenant: an organization can have another alias.
func LedgerKey(t *tenant.Tenant) string { return t.Realm + "/" + t.Owner.Key } // no owner's key has a slash

// Removals are the removals of a tenant.
type Removals struct {
	At      map[string]time.Time // the time of each removal, by the id of the user; nil when nobody was removed
	Users   int                  // the tenant's users at the last count
	Counted time.Time
	Lifted  time.Time // until this time nothing is held
	Holding bool      // whether the last removal was held
}

// add records that a user was removed.
func (r *Removals) add(id string, at time.Time) {
	if r.At == nil {
		r.At = map[string]time.Time{}
	}
	r.At[id] = at
}

// forget drops what a window no longer has, and what lies more than a window in the future: the clock was wrong then, or
// somebody altered the ledger.
func (r *Removals) forget(now time.Time, window time.Duration) {
	first, last := now.Add(-window), now.Add(window)
	for id, at := range r.At {
		if at.Before(first) || at.After(last) {
			delete(r.At, id)
		}
	}
	if r.Counted.After(last) {
		r.Users, r.Counted = 0, time.Time{}
	}
	if r.Lifted.Add(-window).After(last) { // a lift lasts one window
		r.Lifted = time.Time{}
	}
}

// MemoryLedger is a Ledger in the memory of one process: a restart empties it. The zero value is
// ready.
type MemoryLedger struct {
	mu      sync.Mutex
	tenants map[string]*account
}

// account is the entry of a tenant. It is locked while the users are counted, because the other
// calls wait for the same number.
type account struct {
	free *semaphore.Weighted

	Removals
}

// Change implements Ledger.
func (l *MemoryLedger) Change(ctx context.Context, key string, change func(*Removals) error) error {
	a := l.of(key)
	if err := a.free.Acquire(ctx, 1); err != nil {
		return err
	}
	defer a.free.Release(1)
	return change(&a.Removals)
}

func (l *MemoryLedger) of(key string) *account {
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
