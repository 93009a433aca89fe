package apply

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// Key names what a request locks while it reads and writes: a resource, a value that must be
// unique, or the name of a resource that is being created.
type Key struct {
	Name string
	// Shared says that other requests may hold the key at the same time, if they share it too.
	Shared bool
}

// Locker keeps requests that hold the same key in order. This is needed because Keycloak answers
// 204 to parallel PUTs of one user and stores a mixture. All bridges that write to one realm must
// share a Locker. It is safe for concurrent use.
type Locker interface {
	// Lock waits for some keys until the context ends, and takes all of them or no key. The keys
	// come in the order of their names, and no name comes twice. A request that holds a key and
	// locks it again waits forever.
	Lock(ctx context.Context, keys ...Key) (Lease, error)
}

// Lease holds some keys.
type Lease interface {
	// Lost returns a channel that is closed when somebody else may hold the keys before they were
	// released; nil when that is impossible.
	Lost() <-chan struct{}
	// Release releases the keys. It is called once.
	Release()
}

// ErrLost reports that a request had lost its keys, so that it wrote nothing more.
var ErrLost = errors.New("the request lost its lock on the resource that it changes")

// Held holds the leases of one request. The zero value holds no lease. It is for one goroutine.
type Held struct{ leases []Lease }

// Lock waits for further keys, all at once, until the context ends.
func (a *Applier) Lock(ctx context.Context, h *Held, keys ...Key) error {
	lease, err := a.Locker.Lock(ctx, inOrder(keys)...)
	if err == nil {
		h.leases = append(h.leases, lease)
	}
	return err
}

// Await waits until no request holds a key. If a creation held its name, the creation has ended
// then.
func (a *Applier) Await(ctx context.Context, name string) error {
	lease, err := a.Locker.Lock(ctx, Key{Name: name})
	if err == nil {
		lease.Release()
	}
	return err
}

// Release releases all keys.
func (h *Held) Release() {
	for _, lease := range h.leases {
		lease.Release()
	}
	h.leases = nil
}

// lost reports whether a lease was lost.
func (h *Held) lost() bool {
	return slices.ContainsFunc(h.leases, func(l Lease) bool {
		select {
		case <-l.Lost():
			return true
		default:
			return false
		}
	})
}

// inOrder returns the keys by their names, without duplicates. A name that is requested both shared
// and not shared is not shared.
func inOrder(keys []Key) []Key {
	if len(keys) <= 1 {
		return keys
	}
	out := slices.SortedFunc(slices.Values(keys), func(a, b Key) int {
		if order := strings.Compare(a.Name, b.Name); order != 0 || a.Shared == b.Shared {
			return order
		} else if a.Shared {
			return 1
		}
		return -1
	})
	return slices.CompactFunc(out, func(a, b Key) bool { return a.Name == b.Name }) // keeps the first of equal names
}
