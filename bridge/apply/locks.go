package apply

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Locks is a Locker within one process. The zero value is ready.
type Locks struct {
	mu   sync.Mutex
	held map[string]*keyLock
}

type keyLock struct {
	free    *semaphore.Weighted // all of the weight is free when nobody has the lock
	waiting int                 // holders and waiters
}

// all is the weight of an exclusive holder. It is larger than any number of sharers.
const all = 1 << 40

// Lock implements Locker. A request for an exclusive key waits for the present sharers, and later
// requests wait for it.
func (l *Locks) Lock(ctx context.Context, keys ...Key) (Lease, error) {
	taken := lease{locks: l, keys: make([]taken, 0, len(keys))}
	for _, key := range keys {
		one, err := l.take(ctx, key)
		if err != nil {
			taken.Release()
			return nil, err
		}
		taken.keys = append(taken.keys, one)
	}
	return taken, nil
}

// lease stays valid until it is released, because a process does not lose its own locks.
type lease struct {
	locks *Locks
	keys  []taken
}

// taken is one key that is held.
type taken struct {
	name string
	lock *keyLock
	part int64
}

// Lost implements Lease.
func (lease) Lost() <-chan struct{} { return nil }

// Release implements Lease.
func (h lease) Release() {
	for _, k := range h.keys {
		k.lock.free.Release(k.part)
		h.locks.leave(k.name, k.lock)
	}
}

func (l *Locks) take(ctx context.Context, key Key) (taken, error) {
	k := taken{name: key.Name, lock: l.join(key.Name), part: all}
	if key.Shared {
		k.part = 1
	}
	if err := k.lock.free.Acquire(ctx, k.part); err != nil {
		l.leave(key.Name, k.lock)
		return taken{}, err
	}
	return k, nil
}

func (l *Locks) join(key string) *keyLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = make(map[string]*keyLock)
	}
	k := l.held[key]
	if k == nil {
		k = &keyLock{free: semaphore.NewWeighted(all)}
		l.held[key] = k
	}
	k.waiting++
	return k
}

func (l *Locks) leave(key string, k *keyLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k.waiting--
	if k.waiting == 0 {
		delete(l.held, key)
	}
}
