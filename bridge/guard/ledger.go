package guard

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Ledger keeps what is known of the removals of each tenant. All bridges that serve a tenant need the same Ledger,
// else each of them lets as many users go as the policy says.
type Ledger interface {
	// Change calls change once with what is known of the tenant at a path, zero for nothing, and keeps what change made
	// of it; meanwhile no other call reads or writes what is known of that tenant. Others wait, until their contexts end:
	// change may take long, as it has the users of the tenant counted in Keycloak. An error of change is returned, and
	// nothing of that call needs to be kept.
	Change(ctx context.Context, path string, change func(*Removals) error) error
}

// Removals are those of a tenant.
type Removals struct {
	At      map[string]time.Time // when who was removed, by the id of the user; nil for nobody
	Users   int                  // of the tenant when they were counted
	Counted time.Time
	Lifted  time.Time // until then nothing is held
	Holding bool      // whether the last removal was held
}

// add keeps that a user was removed.
func (r *Removals) add(id string, at time.Time) {
	if r.At == nil {
		r.At = map[string]time.Time{}
	}
	r.At[id] = at
}

// forget forgets what was before a time.
func (r *Removals) forget(before time.Time) {
	for id, at := range r.At {
		if at.Before(before) {
			delete(r.At, id)
		}
	}
}

// MemoryLedger is a Ledger of one process: after a start it begins anew. The zero value is ready.
type MemoryLedger struct {
	mu      sync.Mutex
	tenants map[string]*account
}

// account is the page of a tenant. It is held while the users are counted: others wait for the same number.
type account struct {
	free *semaphore.Weighted

	Removals
}

// Change implements Ledger.
func (l *MemoryLedger) Change(ctx context.Context, path string, change func(*Removals) error) error {
	a := l.of(path)
	if err := a.free.Acquire(ctx, 1); err != nil {
		return err
	}
	defer a.free.Release(1)
	return change(&a.Removals)
}

func (l *MemoryLedger) of(path string) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tenants == nil {
		l.tenants = map[string]*account{}
	}
	a := l.tenants[path]
	if a == nil {
		a = &account{free: semaphore.NewWeighted(1)}
		l.tenants[path] = a
	}
	return a
}
