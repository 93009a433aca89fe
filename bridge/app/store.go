package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/outside"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/sqlstore"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Times of the work on the store.
const (
	patience   = 3 * time.Second // for one call of the store
	roundEvery = 5 * time.Second
	headEvery  = 5 * time.Minute
	pruneFirst = 2 * time.Minute // after the start: a bridge that restarts often also removes old entries
	pruneEvery = time.Hour
	pruneLimit = time.Minute // for the first removal, when a start has other work to do
	// clockDrift is how much the clock may move against the time that has passed, before it makes no entry old.
	clockDrift = time.Hour
	tellEvery  = time.Minute // the same problem of a tenant in the log
	closing    = 10 * time.Second
)

// openStore opens the store of a configuration; nil without the section store. The log says when it makes a new one: the
// volume of the former one may be missing.
func openStore(ctx context.Context, c config.Store, log *zap.Logger) (store.Store, error) {
	if !c.On() {
		return nil, nil //nolint:nilnil // without the section there is no store
	}
	ring, err := seal.ParseRing(c.Keys.Reveal())
	if err != nil {
		return nil, fmt.Errorf("store.keyFile: %w", err)
	}
	_, missing := os.Stat(c.SQLite.File)
	s, err := sqlstore.Open(ctx, sqlstore.Options{File: c.SQLite.File, Ring: ring, Normal: c.Durability == config.DurabilityNormal})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if errors.Is(missing, os.ErrNotExist) {
		log.Info("a new store was made; if there was a store before, its volume or store.sqlite.file is wrong", zap.String("file", c.SQLite.File))
	}
	return s, nil
}

// RestoreStore makes the store of a configuration from a backup. No bridge may use the store, and its file must not
// exist.
func RestoreStore(ctx context.Context, c config.Config, backup string) error {
	if !c.Store.On() {
		return UsageError{errors.New("the configuration has no store; store.sqlite.file says where the store of the backup is to be")}
	}
	ring, err := seal.ParseRing(c.Store.Keys.Reveal())
	if err != nil {
		return fmt.Errorf("store.keyFile: %w", err)
	}
	return sqlstore.Restore(ctx, backup, c.Store.SQLite.File, ring)
}

// keyedStore is a store whose key file can change while it is open.
type keyedStore interface {
	UseRing(ring seal.Ring) error
}

// useKeys gives the store the keys of a changed key file.
func (a *App) useKeys(c config.Store) error {
	if a.keeper == nil || c.Keys.Reveal() == a.config.Store.Keys.Reveal() {
		return nil
	}
	keyed, is := a.keeper.store.(keyedStore)
	if !is {
		return nil
	}
	ring, err := seal.ParseRing(c.Keys.Reveal())
	if err == nil {
		err = keyed.UseRing(ring)
	}
	if err != nil {
		return fmt.Errorf("store.keyFile: %w", err)
	}
	return nil
}

// newService makes the Service, with a keeper of its changes if there is a store.
func (a *App) newService(realms *keycloak.Realms, tenants *tenant.Registry) *bridge.Service {
	if a.options.Store == nil {
		return bridge.New(realms, a.serviceOptions(tenants, audit{a.log}))
	}
	a.brakes = newLedger(a.options.Store, a.log)
	if err := a.brakes.read(context.Background()); err != nil { // the first removal tries again
		a.log.Warn("what the removal brakes counted cannot be read yet", zap.Error(err))
	}
	j := newJournal(a.options.Store, a.config.Store.OnFailure == config.OnFailureContinue, a.log, a.metrics)
	service := bridge.New(realms, a.serviceOptions(tenants, j))
	a.keeper = newKeeper(j, service, a.retention)
	a.keeper.awaits = a.awaits
	a.keeper.also = a.keepCredentials
	a.others = outside.New(outside.Options{
		Tenants: tenants, Realms: realms, Looker: service, Store: a.options.Store, Log: a.log, Patience: patience,
		Complete: func(realm string) bool { return a.Watcher.Complete(realm) }, Unsure: j.unsure, Second: j.second,
	})
	return service
}

// ReadOthers records what others changed in Keycloak since the last round. Serve calls it every minute. now decides what
// is due. Without a store there is nothing to do.
func (a *App) ReadOthers(ctx context.Context, now time.Time) {
	if a.others != nil {
		a.others.Round(ctx, now)
	}
}

// runOthers records what others change until the context ends.
func (a *App) runOthers(ctx context.Context) {
	a.ReadOthers(ctx, time.Now())
	every(ctx, outside.Every, func() { a.ReadOthers(ctx, time.Now()) })
}

// differs hands what an index found different to the work on the store.
func (a *App) differs() func(directory.Difference) {
	if a.options.Store == nil {
		return nil
	}
	return func(d directory.Difference) { a.others.Differs(d) } // the work is there before the first scan
}

// retention says which changes the configuration in force keeps.
func (a *App) retention() store.Retention {
	r := a.inForce().Store.Retention
	return store.Retention{Changes: time.Duration(r.Changes), Activity: time.Duration(r.Activity), MaxBytes: r.MaxBytes}
}

// KeepStore is one round of the work on the store: it settles what a crash or an outage left open. Serve calls it every
// few seconds. now decides what is due. Without a store there is nothing to do.
func (a *App) KeepStore(ctx context.Context, now time.Time) {
	if a.keeper != nil {
		a.keeper.work(ctx, now)
	}
}

// Close ends the work on the store and closes the store, when no request runs any more. Serve does it at its end; only a
// program that never calls Serve calls it.
func (a *App) Close(ctx context.Context) {
	if a.keeper != nil {
		a.keeper.ending.Do(func() {
			saving, cancel := context.WithTimeout(ctx, closing)
			defer cancel()
			a.saveIndexes(saving, 0)
			a.keeper.stop(ctx)
		})
	}
}

// keycloakReader reads in Keycloak what the journal does not know. bridge.Service implements it.
type keycloakReader interface {
	// Recover reads how an open change ended.
	Recover(ctx context.Context, c change.Change) (change.Change, error)
	// Observe reads which of the users are members of a group.
	Observe(ctx context.Context, tenantPath, group string, members []string) (change.Change, error)
}

// keeper does the work on the store that no request does: it settles what a crash left open, journals late changes, and
// removes old entries.
type keeper struct {
	*journal

	read      keycloakReader
	retention func() store.Retention
	first     change.ID                 // the ids of this process are after it, and those of earlier processes before it
	also      func(ctx context.Context) // gives the store what else waits in memory, in each round; may be nil
	awaits    func(change.Change) bool  // whether the tenant of a change may still come
	since     func() (wall, steady time.Duration)

	ending sync.Once
	round  sync.Mutex // held by one round at a time; it guards the fields below
	headAt time.Time  // when the log last got the head
	told   map[string]time.Time

	shown    sync.Mutex  // guards the fields below
	stats    store.Stats // of the last round
	dropped  int64       // the rows of requests that the log has reported as missing
	hasStats bool        // whether the last round could read them
}

func newKeeper(j *journal, read keycloakReader, retention func() store.Retention) *keeper {
	return &keeper{journal: j, read: read, retention: retention, first: change.NewID(), since: sinceNow(), told: map[string]time.Time{}}
}

// sinceNow measures the time from now on, by the clock that somebody can set and by a clock that nobody sets.
func sinceNow() func() (wall, steady time.Duration) {
	began := time.Now()
	return func() (wall, steady time.Duration) {
		now := time.Now()
		return now.Round(0).Sub(began.Round(0)), now.Sub(began)
	}
}

// start settles what an earlier process left open, before the bridge serves requests. After the limit the rest is left
// for the rounds.
func (k *keeper) start(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	k.work(ctx, time.Now())
}

// run works until the context ends.
func (k *keeper) run(ctx context.Context) {
	every(ctx, roundEvery, func() { k.work(ctx, time.Now()) })
}

// runPrune removes old entries soon after the start, and then every hour until the context ends. Its steps can take
// longer than a round.
func (k *keeper) runPrune(ctx context.Context) {
	first := time.NewTimer(pruneFirst)
	defer first.Stop()
	select {
	case <-first.C:
		short, cancel := context.WithTimeout(ctx, pruneLimit)
		k.prune(short)
		cancel()
	case <-ctx.Done():
		return
	}
	every(ctx, pruneEvery, func() { k.prune(ctx) })
}

func every(ctx context.Context, interval time.Duration, work func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			work()
		case <-ctx.Done():
			return
		}
	}
}

// work is one round.
func (k *keeper) work(ctx context.Context, now time.Time) {
	k.round.Lock()
	defer k.round.Unlock()
	if now.Sub(k.headAt) >= headEvery && k.logHead(ctx) {
		k.headAt = now
	}
	k.others(ctx)
	err := k.sweep(ctx, now)
	if stats := k.readStats(ctx); err == nil {
		err = stats
	}
	if err == nil || errors.Is(err, store.ErrAway) { // the end of a deadline says nothing: the store may be at work on something large
		k.tell(&k.unkept, err)
	}
}

func (k *keeper) others(ctx context.Context) {
	if k.also != nil {
		k.also(ctx)
	}
}

// awaits reports whether the tenant of a change is not there, and may still come. The Service
// would say that the tenant is gone.
func (a *App) awaits(c change.Change) bool {
	return a.Watcher.Tenants.ByPath(c.Tenant) == nil && !a.Watcher.Complete(c.Realm)
}

// errAwaited says why a change is not settled yet.
var errAwaited = errors.New("the organizations of the realm are not yet known")

// keepCredentials gives the store what the brakes counted while it was away, and the last uses of credentials. It reads
// the tokens again, so that a bridge without requests notices an outage too.
func (a *App) keepCredentials(ctx context.Context) {
	err := a.brakes.catchUp(ctx)
	if err == nil {
		err = a.tokens.keepUses(ctx)
	}
	if err == nil && a.tokens.age(a.tokens.known.Load()) >= tokensFresh {
		err = a.tokens.read(ctx)
	}
	if err != nil {
		a.log.Debug("the store cannot take what waits for it", zap.Error(err)) // the next round tries again
	}
}

// logHead writes the last link of the journal to the log, where nobody who can change the store can change it.
func (k *keeper) logHead(ctx context.Context) bool {
	var head store.Head
	err := k.call(ctx, func(ctx context.Context) (err error) {
		head, err = k.store.Head(ctx)
		return err
	})
	if err != nil {
		return false
	}
	k.log.Info("head of the journal", zap.Stringer("head", head))
	return true
}

// sweep journals late changes and settles open changes that this process does not make. Then it reads memberships that
// were changed twice at the same time.
func (k *keeper) sweep(ctx context.Context, now time.Time) error {
	if err := k.flush(ctx); err != nil {
		return err
	}
	var open []change.Change
	err := k.call(ctx, func(ctx context.Context) (err error) {
		open, err = k.store.Open(ctx)
		return err
	})
	if err != nil {
		return err
	}
	ids := make(map[change.ID]struct{}, len(open))
	for _, c := range open {
		ids[c.ID] = struct{}{}
	}
	if err := k.catchUp(ctx, ids); err != nil {
		return err
	}
	if err := k.recover(ctx, now, open); err != nil {
		return err
	}
	return k.observe(ctx, now)
}

// recover settles open changes, oldest first. After a failure the later changes of the same resource wait too.
func (k *keeper) recover(ctx context.Context, now time.Time, open []change.Change) error {
	waits := map[[3]string]bool{}
	for _, c := range open {
		resource := [3]string{c.Realm, c.Resource.Type, c.Resource.ID}
		if k.own(c.ID) || waits[resource] {
			continue
		}
		settled, err := k.recovered(ctx, c)
		if err != nil {
			waits[resource] = c.Resource.ID != "" // creations do not wait for each other
			k.problem(now, c.Tenant, "the bridge cannot read in Keycloak how a change ended, and tries again", err)
			if ctx.Err() != nil {
				return err
			}
			continue
		}
		if err := k.call(ctx, func(ctx context.Context) error { return k.store.Settle(ctx, settled) }); isAway(err) {
			return err
		} else if err != nil {
			k.problem(now, c.Tenant, "a change that a crash left open cannot be settled", err)
			continue
		}
		k.settled(c.ID)
		if c.ID < k.first { // the process that made it wrote no audit record
			if err := k.audit.Settle(ctx, settled, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// recovered reads in Keycloak how an open change ended.
func (k *keeper) recovered(ctx context.Context, c change.Change) (change.Change, error) {
	if k.awaits(c) {
		return change.Change{}, errAwaited
	}
	return k.read.Recover(ctx, c)
}

// observed reads in Keycloak what it has of an overlap.
func (k *keeper) observed(ctx context.Context, o store.Overlap) (change.Change, error) {
	if k.awaits(o.Change) {
		return change.Change{}, errAwaited
	}
	return k.read.Observe(ctx, o.Change.Tenant, o.Change.Resource.ID, o.Members)
}

// observe journals what Keycloak has of memberships that two changes changed at the same time.
func (k *keeper) observe(ctx context.Context, now time.Time) error {
	var overlaps []store.Overlap
	err := k.call(ctx, func(ctx context.Context) (err error) {
		overlaps, err = k.store.Overlaps(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, o := range overlaps {
		seen, err := k.observed(ctx, o)
		if err != nil {
			k.problem(now, o.Change.Tenant, "the bridge cannot read in Keycloak which of several changes of a membership was the last, and tries again", err)
			if ctx.Err() != nil {
				return err
			}
			continue
		}
		if err := k.call(ctx, func(ctx context.Context) error { return k.store.Observed(ctx, o, seen) }); err != nil {
			return err
		}
	}
	return nil
}

// problem logs a problem of a tenant, at most once a minute.
func (k *keeper) problem(now time.Time, tenant, what string, err error) {
	if now.Sub(k.told[tenant]) < tellEvery {
		return
	}
	k.told[tenant] = now
	k.log.Warn(what, zap.String("tenant", tenant), zap.Error(err))
}

// prune removes entries that are older than the retention. A clock that jumped ahead would make young entries old: then
// prune only removes what is too large.
func (k *keeper) prune(ctx context.Context) {
	r := k.retention()
	if wall, steady := k.since(); (wall - steady).Abs() > clockDrift {
		k.log.Warn("old changes and requests are not removed from the store, because the clock of the machine moved: correct the clock. If the clock is right, such as after a pause of the machine, restart the bridge",
			zap.Duration("moved", wall-steady))
		r.Changes, r.Activity = 0, 0
	}
	n, err := k.store.Prune(ctx, r)
	switch {
	case err != nil && ctx.Err() == nil:
		k.log.Warn("old changes and requests cannot be removed from the store", zap.Error(err))
	case n > 0:
		k.log.Info("old changes and requests are removed from the store", zap.Int64("rows", n))
	}
}

// readStats reads what the metrics show.
func (k *keeper) readStats(ctx context.Context) error {
	var stats store.Stats
	err := k.call(ctx, func(ctx context.Context) (err error) {
		stats, err = k.store.Stats(ctx)
		return err
	})
	k.shown.Lock()
	defer k.shown.Unlock()
	if lost := stats.Dropped - k.dropped; err == nil && lost > 0 {
		k.dropped = stats.Dropped
		k.log.Warn("requests are missing in the activity: too many of them waited for the store, or the store could not write them", zap.Int64("requests", lost))
	}
	k.stats, k.hasStats = stats, err == nil
	return err
}

// shows is the state of the store in the form that the metrics need.
func (k *keeper) shows() observe.Store {
	k.mu.Lock()
	away := k.away()
	k.mu.Unlock()
	k.shown.Lock()
	defer k.shown.Unlock()
	return observe.Store{Away: away, Known: k.hasStats, Entries: k.stats.Entries, Bytes: k.stats.Bytes, Open: k.stats.Open, Oldest: k.stats.Oldest, Requests: k.stats.Activities, Dropped: k.stats.Dropped}
}

// stop journals what still waits, and closes the store. No request may run any more.
func (k *keeper) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	k.round.Lock()
	defer k.round.Unlock()
	k.others(ctx)
	err := k.catchUp(ctx, nil)
	if err == nil {
		err = k.flush(ctx)
	}
	if lost := k.unknown(); lost > 0 {
		k.log.Error("the bridge ends before the store answers: changes that were made are not in the journal", zap.Int("changes", lost), zap.Error(err))
	} else if err != nil {
		k.log.Warn("the bridge ends before the store has committed all changes; the next start settles them", zap.Error(err))
	}
	k.logHead(ctx)
	if err := k.store.Close(); err != nil {
		k.log.Warn("the store is not closed", zap.Error(err))
	}
}
