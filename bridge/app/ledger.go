package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// ledger is a guard.Ledger over a store, so that a restart forgets no removal. While the store is away it counts in
// memory, on top of what the store had last, so that the brake is never less strict than before.
type ledger struct {
	store    store.Ledger
	log      *zap.Logger
	patience time.Duration

	mu      sync.Mutex
	known   bool // whether the removals of all tenants were read
	away    bool // whether the last call of the store failed
	tenants map[string]*ledgerAccount
}

// ledgerAccount is the entry of a tenant. Who uses it holds free.
type ledgerAccount struct {
	free *semaphore.Weighted

	last guard.Removals // what the store has, and what was counted since
	late bool           // whether the store lacks a part of last
	// lifting says that the store commits a lift. Meanwhile free is free: the commit can hang, and a
	// request that ends the access of a user must not wait for it.
	lifting bool
}

func newLedger(s store.Ledger, log *zap.Logger) *ledger {
	return &ledger{store: s, log: log, patience: patience, tenants: map[string]*ledgerAccount{}}
}

// errNotLifted says why a brake cannot be lifted.
var errNotLifted = errors.New("the removal brake is as before, because the store cannot record now that it is lifted; try again when the store answers")

// errLifting is why the store is not asked.
var errLifting = errors.New("the store is recording a lift of the brake")

// Change implements guard.Ledger.
func (l *ledger) Change(ctx context.Context, key string, change func(*guard.Removals) error) error {
	a := l.of(key)
	if err := a.free.Acquire(ctx, 1); err != nil {
		return err
	}
	defer a.free.Release(1)
	if err := l.read(ctx); err != nil { // without the removals so far the brake could let too many users go
		return storeAway(err)
	}
	c := ledgerCall{ledgerAccount: a, change: change}
	if a.lifting {
		return c.inMemory(errLifting)
	}
	err := l.stored(ctx, key, c.call)
	if c.lifted != nil {
		_ = a.free.Acquire(context.WithoutCancel(ctx), 1) // it fails only when its context ends
		a.lifting = false
	}
	switch {
	case c.failed != nil:
		return c.failed
	case err == nil:
		c.end()
		l.tell(nil)
		return nil
	case !c.called && ctx.Err() != nil:
		return ctx.Err()
	case !c.called && isAway(err):
		l.tell(err)
		return c.inMemory(err)
	case !c.called:
		return err
	case c.lifted != nil:
		return fmt.Errorf("%w: %w", errNotLifted, err)
	}
	a.late = true // call has counted it in memory
	l.tell(err)
	return nil
}

// ledgerCall is one call of ledger.Change, for its tenant.
type ledgerCall struct {
	*ledgerAccount

	change func(*guard.Removals) error
	called bool
	failed error           // of change
	lifted *guard.Removals // the result, when it lets more users go; it holds when the store has it
}

// call changes the removals that the store has. The memory follows at once, because the store may fail afterwards.
func (c *ledgerCall) call(r *guard.Removals) error {
	c.called = true
	if c.late {
		merge(r, &c.last)
	}
	before := r.Lifted
	if c.failed = c.change(r); c.failed != nil {
		return c.failed
	}
	if (*store.Removals)(r).LiftedSince(before) {
		c.lifted = new(clone(r))
		c.lifting = true
		c.free.Release(1) // Change takes it again
		return nil
	}
	follow(&c.last, r)
	return nil
}

// end is called when the store has the result. What was counted while the store committed a lift is forgotten, as if the
// lift was before.
func (c *ledgerCall) end() {
	c.late = false
	if c.lifted != nil {
		c.last = *c.lifted
	}
}

// inMemory changes what is known in memory. cause is why the store did not do it.
func (c *ledgerCall) inMemory(cause error) error {
	next := clone(&c.last)
	if err := c.change(&next); err != nil {
		return err
	}
	if (*store.Removals)(&next).LiftedSince(c.last.Lifted) {
		return fmt.Errorf("%w: %w", errNotLifted, cause)
	}
	c.last, c.late = next, true
	return nil
}

// merge adds what was counted in memory to what the store has.
func merge(r, counted *guard.Removals) {
	for id, at := range counted.At {
		if r.At == nil {
			r.At = map[string]time.Time{}
		}
		if there, is := r.At[id]; !is || there.Before(at) {
			r.At[id] = at
		}
	}
	if counted.Counted.After(r.Counted) {
		r.Users, r.Counted = counted.Users, counted.Counted
	}
	r.Holding = counted.Holding
}

// follow makes one state like another, without a copy of all removals.
func follow(last, r *guard.Removals) {
	at := last.At
	maps.DeleteFunc(at, func(id string, _ time.Time) bool {
		_, is := r.At[id]
		return !is
	})
	if at == nil && len(r.At) > 0 {
		at = make(map[string]time.Time, len(r.At))
	}
	maps.Copy(at, r.At)
	*last = *r
	last.At = at
}

func clone(r *guard.Removals) guard.Removals { return guard.Removals((*store.Removals)(r).Clone()) }

// stored calls the store. The patience is for the work of the store, and not for change, which may count users in
// Keycloak.
func (l *ledger) stored(ctx context.Context, key string, change func(*guard.Removals) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limit := time.AfterFunc(l.patience, cancel)
	defer limit.Stop()
	return l.store.ChangeRemovals(ctx, key, func(r *store.Removals) error {
		limit.Stop()
		defer limit.Reset(l.patience)
		return change((*guard.Removals)(r))
	})
}

// read reads the removals of all tenants, once.
func (l *ledger) read(ctx context.Context) error {
	l.mu.Lock()
	known := l.known
	l.mu.Unlock()
	if known {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	all, err := l.store.Removals(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known { // another call was faster, and the tenants may have changed since
		return nil
	}
	l.known = true
	for key, r := range all {
		l.account(key).last = guard.Removals(r)
	}
	return nil
}

// catchUp writes back what was counted while the store was away.
func (l *ledger) catchUp(ctx context.Context) error {
	l.mu.Lock()
	tenants := maps.Clone(l.tenants)
	l.mu.Unlock()
	for key, a := range tenants {
		if !a.free.TryAcquire(1) {
			continue // who uses it writes it back
		}
		late := a.late
		a.free.Release(1)
		if !late {
			continue
		}
		if err := l.Change(ctx, key, func(*guard.Removals) error { return nil }); err != nil {
			return err
		}
		if l.isAway() {
			return nil // the next round tries again
		}
	}
	return nil
}

func (l *ledger) isAway() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.away
}

// tell logs when brakes begin to count in memory, and when the store answers again.
func (l *ledger) tell(err error) {
	l.mu.Lock()
	before := l.away
	l.away = err != nil
	l.mu.Unlock()
	switch {
	case err != nil && !before:
		l.log.Warn("the store does not answer: the removal brakes count in memory, and cannot be lifted", zap.Error(err))
	case err == nil && before:
		l.log.Info("the removal brakes count in the store again")
	}
}

func (l *ledger) of(key string) *ledgerAccount {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.account(key)
}

// account is of for a caller that holds mu.
func (l *ledger) account(key string) *ledgerAccount {
	a := l.tenants[key]
	if a == nil {
		a = &ledgerAccount{free: semaphore.NewWeighted(1)}
		l.tenants[key] = a
	}
	return a
}
