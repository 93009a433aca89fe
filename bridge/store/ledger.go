package store

import (
	"context"
	"maps"
	"time"
)

// Ledger keeps what the removal brake counts (guard.Ledger).
type Ledger interface {
	// Removals returns the removals of every tenant that has some, by the key of the tenant (guard.LedgerKey).
	Removals(ctx context.Context) (map[string]Removals, error)
	// ChangeRemovals calls change once with the removals of the tenant with a key, and stores the result. Until change
	// returns, no other call reads or writes the removals of that tenant; other calls wait until their contexts end. An
	// error of change is returned, and nothing is stored then. change is not called when the removals cannot be read.
	//
	// The result waits for the next commit, so that a removal needs no commit of its own: once an Intend that is called
	// afterwards returns nil, a crash cannot lose the result. A result that is LiftedSince the removals before lets more
	// users go: it is committed when ChangeRemovals returns nil, and after an error it does not hold. So
	// ChangeRemovals waits for the end of a commit that has begun, also when its context ends.
	ChangeRemovals(ctx context.Context, key string, change func(*Removals) error) error
}

// Removals are the removals of a tenant (guard.Removals).
type Removals struct {
	At      map[string]time.Time // the time of each removal, by the id of the user; nil when nobody was removed
	Users   int                  // the tenant's users at the last count
	Counted time.Time
	Lifted  time.Time // until this time nothing is held
	Holding bool      // whether the last removal was held
}

// Clone copies the removals.
func (r *Removals) Clone() Removals {
	out := *r
	out.At = maps.Clone(r.At)
	return out
}

// LiftedSince reports whether somebody lifted the brake since its Lifted was before. The end of a lift is no lift.
func (r *Removals) LiftedSince(before time.Time) bool {
	return !r.Lifted.IsZero() && !r.Lifted.Equal(before)
}
