package apply

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// Key names what a request holds while it reads and writes: a resource, a value that must be unique, or the name
// of a resource that is being created.
type Key struct {
	Name string
	// Shared says that others may hold the key at the same time, when they share it too.
	Shared bool
}

// Locker keeps requests that hold one key in order: Keycloak answers 204 to parallel PUTs of one user and stores a
// mixture. All bridges that write to one realm need the same Locker. It is safe for concurrent use.
type Locker interface {
	// Lock waits for some keys until the context ends, and takes all of them or none. They come in the order of
	// their names, and no name comes twice. Who holds a key and asks for it again waits forever.
	Lock(ctx context.Context, keys ...Key) (Lease, error)
}

// Lease is the hold on some keys.
type Lease interface {
	// Lost is closed when somebody else may hold the keys, before they were released; nil when that cannot be.
	Lost() <-chan struct{}
	// Release gives the keys back. It is called once.
	Release()
}

// ErrLost says that a request no longer held its keys, so that nothing more was written.
var ErrLost = errors.New("the request no longer holds what it changes")

// Held are the leases of one request. The zero value holds nothing. It is for one goroutine.
type Held struct{ leases []Lease }

// Lock waits for some keys more, all at once, until the context ends.
func (a *Applier) Lock(ctx context.Context, h *Held, keys ...Key) error {
	lease, err := a.Locker.Lock(ctx, inOrder(keys)...)
	if err == nil {
		h.leases = append(h.leases, lease)
	}
	return err
}

// Await waits until nobody holds a key: a creation that holds its name is over then.
func (a *Applier) Await(ctx context.Context, name string) error {
	lease, err := a.Locker.Lock(ctx, Key{Name: name})
	if err == nil {
		lease.Release()
	}
	return err
}

// Release gives all keys back.
func (h *Held) Release() {
	for _, lease := range h.leases {
		lease.Release()
	}
	h.leases = nil
}

// lost reports whether one of the leases is.
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

// inOrder are the keys by their names, each once. A name that is asked for both ways is not shared.
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
	return slices.CompactFunc(out, func(a, b Key) bool { return a.Name == b.Name }) // the first stays
}
