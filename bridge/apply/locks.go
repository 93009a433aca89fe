package apply

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Locks are mutual exclusion by key, for writes to one resource: Keycloak answers
// 204 to parallel PUTs of one user and stores a mixture. The zero value is ready.
type Locks struct {
	mu   sync.Mutex
	held map[string]*keyLock
}

type keyLock struct {
	free    *semaphore.Weighted // all of it is there when nobody has the lock
	waiting int                 // holders and waiters
}

// all is what the one holder of a lock takes, and more than there are sharers.
const all = 1 << 40

// Lock waits for the key's lock until the context ends. The lock is held until
// unlock is called.
func (l *Locks) Lock(ctx context.Context, key string) (unlock func(), err error) {
	return l.take(ctx, key, all)
}

// Share is Lock for those that hold the lock together. Who waits for the lock alone waits for those that
// share it, and who comes later waits behind.
func (l *Locks) Share(ctx context.Context, key string) (unlock func(), err error) {
	return l.take(ctx, key, 1)
}

func (l *Locks) take(ctx context.Context, key string, part int64) (unlock func(), err error) {
	k := l.join(key)
	if err := k.free.Acquire(ctx, part); err != nil {
		l.leave(key, k)
		return nil, err
	}
	return func() {
		k.free.Release(part)
		l.leave(key, k)
	}, nil
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
