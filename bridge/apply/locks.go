package apply

import (
	"context"
	"sync"
)

// Locks are mutual exclusion by key, for writes to one resource: Keycloak answers
// 204 to parallel PUTs of one user and stores a mixture. The zero value is ready.
type Locks struct {
	mu   sync.Mutex
	held map[string]*keyLock
}

type keyLock struct {
	free    chan struct{} // holds one token when nobody has the lock
	waiting int           // holders and waiters
}

// Lock waits for the key's lock until the context ends. The lock is held until
// unlock is called.
func (l *Locks) Lock(ctx context.Context, key string) (unlock func(), err error) {
	k := l.join(key)
	select {
	case <-k.free:
		return func() {
			k.free <- struct{}{}
			l.leave(key, k)
		}, nil
	case <-ctx.Done():
		l.leave(key, k)
		return nil, ctx.Err()
	}
}

func (l *Locks) join(key string) *keyLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = make(map[string]*keyLock)
	}
	k := l.held[key]
	if k == nil {
		k = &keyLock{free: make(chan struct{}, 1)}
		k.free <- struct{}{}
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
