package outside

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Every is the time between two rounds.
const Every = time.Minute

// Looker reads in Keycloak what a tenant shows. bridge.Service implements it.
type Looker interface {
	Look(ctx context.Context, t *tenant.Tenant, of change.Resource) (bridge.Look, error)
	Observe(ctx context.Context, tenantPath, group string, members []string) (change.Change, error)
}

// Store is the part of a store.Store that a Reader uses.
type Store interface {
	store.Journal
	store.Places
}

// Options are what a Reader needs. All are required.
type Options struct {
	Tenants *tenant.Registry
	Realms  *keycloak.Realms
	Looker  Looker
	Store   Store
	Log     *zap.Logger
	// Complete reports whether all tenants of a realm are known.
	Complete func(realm string) bool
	// Unsure reports whether the journal lacks changes of the bridge that were made.
	Unsure func() bool
	// Second gets an event of the bridge's account that the journal does not explain: a second program writes with the
	// account.
	Second func(realm string, e keycloak.AdminEvent)
	// Patience is the longest wait for one call of the store.
	Patience time.Duration
}

// Reader records what others change. Its methods can be called at the same time.
type Reader struct {
	o Options

	round   sync.Mutex           // held by one round at a time; it guards the fields below
	streams map[string]*stream   // by their names
	started time.Time            // the time of the first round
	own     map[string]string    // by realm: the id of the bridge's account at the last round
	told    map[string]time.Time // by realm: when the log last got a problem

	differences differences
}

// New makes a Reader.
func New(o Options) *Reader {
	return &Reader{o: o, streams: map[string]*stream{}, own: map[string]string{}, told: map[string]time.Time{}, differences: newDifferences()}
}

// Round reads the events of every realm, and records what they tell, each once. Then it records what scans found changed
// and no event tells. What cannot be read or recorded now is left for the next round.
func (r *Reader) Round(ctx context.Context, now time.Time) {
	r.round.Lock()
	defer r.round.Unlock()
	if r.started.IsZero() {
		r.started = now
	}
	realms := map[string][]*tenant.Tenant{}
	for _, t := range r.o.Tenants.All() {
		if !t.Every() {
			realms[t.Realm] = append(realms[t.Realm], t)
		}
	}
	for name, c := range r.o.Realms.All() {
		if len(realms[name]) == 0 || !r.o.Complete(name) {
			continue
		}
		one := &round{Reader: r, realm: name, client: c, tenants: realms[name], now: now, memberships: map[[2]string]*memberships{}}
		if err := one.run(ctx); err != nil && ctx.Err() == nil {
			r.problem(now, name, err)
		}
	}
}

// problem logs a problem of a realm, at most every ten minutes.
func (r *Reader) problem(now time.Time, realm string, err error) {
	const tellEvery = 10 * time.Minute
	if now.Sub(r.told[realm]) < tellEvery {
		return
	}
	r.told[realm] = now
	r.o.Log.Warn("the bridge cannot record now what others change in a realm, and tries again", zap.String("realm", realm), zap.Error(err))
}

// round is one round for one realm.
type round struct {
	*Reader

	realm   string
	client  *keycloak.Client
	tenants []*tenant.Tenant // in the order of their paths
	now     time.Time

	memberships map[[2]string]*memberships // by tenant and group
}

// run reads both kinds of events, and then records what scans found.
func (r *round) run(ctx context.Context) error {
	account, err := r.client.OwnAccount(ctx)
	if err != nil {
		return err
	}
	r.own[r.realm] = account.String()
	fit := r.first(func(t *tenant.Tenant) bool { return t.Fitness().Problem == "" })
	if fit == nil { // nobody knows what the realm offers; its events wait
		return nil
	}
	f := fit.Fitness()
	return errors.Join(
		r.stream(adminEvents).read(ctx, r, f.Feed, f.FeedKeeps),
		r.stream(userEvents).read(ctx, r, f.UserFeed, f.UserFeedKeeps),
		r.scanned(ctx),
	)
}

// call calls the store, and waits at most as long as the Reader's patience.
func (r *Reader) call(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.o.Patience)
	defer cancel()
	return f(ctx)
}

// has reports whether the journal has an entry already.
func (r *Reader) has(ctx context.Context, id change.ID) (bool, error) {
	err := r.call(ctx, func(ctx context.Context) error {
		_, err := r.o.Store.Entry(ctx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// record adds an entry, unless the journal has it already.
func (r *Reader) record(ctx context.Context, c change.Change) error {
	err := r.call(ctx, func(ctx context.Context) error { return r.o.Store.Record(ctx, c) })
	if errors.Is(err, store.ErrKnown) {
		return nil
	}
	return err
}

// begun is a change of a resource that others made.
func (r *round) begun(id change.ID, at time.Time, by change.Actor, op change.Op, of change.Resource) change.Change {
	return change.Change{ID: id, Begun: at, Actor: by, Origin: change.Observation, Realm: r.realm, Op: op, Resource: of, Outcome: change.Done}
}

// in is the change in a tenant.
func in(t *tenant.Tenant, c change.Change) change.Change {
	c.Tenant, c.Realm, c.Organization = t.Path, t.Realm, change.Organization{ID: t.Organization.ID.String(), Alias: t.Organization.Alias}
	return c
}

// names has the names of a place of the store.
func names(parts ...string) string { return strings.Join(parts, " ") }

// whole is the tenant of the whole realm, or nil.
func (r *round) whole() *tenant.Tenant {
	return r.first(func(t *tenant.Tenant) bool { return t.Organization.ID.IsZero() && !t.Policy.OwnedOnly })
}

// first is the first tenant with a property, or nil.
func (r *round) first(has func(*tenant.Tenant) bool) *tenant.Tenant {
	if i := slices.IndexFunc(r.tenants, has); i >= 0 {
		return r.tenants[i]
	}
	return nil
}
