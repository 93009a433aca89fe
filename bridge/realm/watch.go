package realm

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	// every is how often a fit realm is looked at.
	every = time.Minute
	// soon is how often one is that was not found fit yet, so that a repair or a
	// Keycloak that comes up takes effect at once.
	soon = 2 * time.Second
	// lookTime bounds one look, whose calls grow with the clients and administrators of the
	// realm.
	lookTime = time.Minute
)

// Watcher keeps the fitness of tenants up to date, and gives a tenant a new mapping once
// its realm is fit for it.
type Watcher struct {
	Tenants *tenant.Registry
	Clients map[string]*keycloak.Client // by realm
	Log     *zap.Logger
	Observe func(tenant string, fit bool) // may be nil
	// Organizations are where tenants are found, by realm.
	Organizations map[string]Organizations
	// ObserveMapping is told whether a proposed mapping is applied; may be nil.
	ObserveMapping func(tenant string, applied bool)

	last map[string]string // by tenant and subject: what the log said

	mu       sync.Mutex
	proposed map[string]*mapping.Mapping // by tenant
	wake     chan struct{}
}

// Organizations makes the tenant of an organization that nobody named: like another one, with
// the organization's own credentials; nil for one without a credential.
type Organizations func(o keycloak.Organization, like *tenant.Tenant) *tenant.Tenant

// Propose gives a tenant a new mapping as soon as its realm is found fit for it.
func (w *Watcher) Propose(path string, m *mapping.Mapping) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.init()
	w.proposed[path] = m
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *Watcher) init() {
	if w.proposed == nil {
		w.proposed, w.wake = map[string]*mapping.Mapping{}, make(chan struct{}, 1)
	}
}

// Refuse records that a tenant's mapping file cannot be used, and forgets one that was
// proposed before.
func (w *Watcher) Refuse(path, why string) {
	w.mu.Lock()
	delete(w.proposed, path)
	t := w.Tenants.ByPath(path)
	if t != nil {
		t.SetUnapplied(why)
	}
	w.mu.Unlock()
	if t != nil {
		w.Log.Error("the mapping file was changed and cannot be used; the mapping before it stays", zap.String("tenant", path), zap.String("problem", why))
	}
	w.observeMapping(path, false)
}

func (w *Watcher) observeMapping(path string, applied bool) {
	if w.ObserveMapping != nil {
		w.ObserveMapping(path, applied)
	}
}

// Run looks at every realm until the context ends.
func (w *Watcher) Run(ctx context.Context) {
	w.mu.Lock()
	w.init()
	wake := w.wake
	w.mu.Unlock()
	for {
		pause := every
		if !w.Look(ctx) {
			pause = soon
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-wake:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// Look checks every tenant once and reports whether all are fit and have the mapping
// that was proposed. A realm that cannot be looked at keeps what was found before: an
// outage is not unfitness.
func (w *Watcher) Look(ctx context.Context) bool {
	fit, seen := true, map[string]Protection{}
	for _, c := range w.Clients {
		_, _ = c.RenewToken(ctx) // a right that was taken away shows in no older one; the looks tell what fails
	}
	for _, t := range w.Tenants.All() {
		if !t.Found {
			fit = w.one(ctx, t, w.protectOnce(t, seen)) && fit
		}
	}
	for _, realm := range slices.Sorted(maps.Keys(w.Organizations)) {
		fit = w.discover(ctx, realm) && fit
	}
	return fit
}

// protectOnce looks who is protected in the realm of a tenant, once for all of its tenants.
func (w *Watcher) protectOnce(t *tenant.Tenant, seen map[string]Protection) Protector {
	return func(ctx context.Context) (Protection, error) {
		if p, ok := seen[t.Realm]; ok {
			return p, nil
		}
		p, err := ProtectorOf(w.Clients[t.Realm], t)(ctx)
		if err == nil {
			seen[t.Realm] = p
		}
		return p, err
	}
}

func (w *Watcher) one(ctx context.Context, t *tenant.Tenant, protect Protector) bool {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	proposed := w.proposal(t.Path)
	if proposed != nil && w.try(ctx, t, proposed, protect) {
		return true
	}
	report, err := Check(ctx, w.Clients[t.Realm], t, t.Mapping, protect)
	if err != nil {
		w.tell(t, "Keycloak cannot be looked at", zap.Error(err))
		return t.Fitness().Problem == "" && proposed == nil
	}
	return w.record(t, report) && proposed == nil
}

func (w *Watcher) proposal(path string) *mapping.Mapping {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proposed[path]
}

// try gives the tenant a mapping when its realm is fit for it; else the tenant keeps the
// one it has.
func (w *Watcher) try(ctx context.Context, t *tenant.Tenant, m *mapping.Mapping, protect Protector) (applied bool) {
	report, err := Check(ctx, w.Clients[t.Realm], t, m, protect)
	if err != nil {
		return false // the look at the tenant says so
	}
	if len(report.Problems()) > 0 {
		why := "the realm is not fit for it: " + strings.Join(report.Problems(), "; ")
		if t.Unapplied() != why {
			t.SetUnapplied(why)
			w.observeMapping(t.Path, false)
			w.Log.Warn("the mapping file was changed and waits for the realm; the mapping before it stays",
				zap.String("tenant", t.Path), zap.Strings("problems", report.Problems()), zap.String("fix", fix(t)))
		}
		return false
	}
	if !w.replace(t.WithMapping(m, report.Fitness()), m) {
		return false
	}
	w.observeMapping(t.Path, true)
	w.Log.Info("the mapping file was changed and is applied", zap.String("tenant", t.Path))
	return true
}

// replace gives a tenant the mapping that was proposed, unless the file changed meanwhile.
func (w *Watcher) replace(t *tenant.Tenant, m *mapping.Mapping) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proposed[t.Path] != m {
		return false
	}
	delete(w.proposed, t.Path)
	w.Tenants.Put(t)
	return true
}

// record stores what a look found.
func (w *Watcher) record(t *tenant.Tenant, report Report) bool {
	f := report.Fitness()
	problem := f.Problem
	if problem != "" {
		f.Resolved = t.Fitness().Resolved // requests under way keep to what they began with
	}
	t.SetFitness(f)
	if w.Observe != nil {
		w.Observe(t.Path, problem == "")
	}
	if problem != "" {
		w.tell(t, "the realm is not fit, so the tenant answers 503",
			zap.Strings("problems", report.Problems()), zap.String("fix", fix(t)))
		return false
	}
	w.tell(t, "the realm is fit", zap.Strings("warnings", report.Warnings()))
	return true
}

// fix is the command that says what to do about a tenant.
func fix(t *tenant.Tenant) string { return "scim-bridge doctor --tenant " + t.Path }

// tell logs what changed since the last look.
func (w *Watcher) tell(t *tenant.Tenant, text string, fields ...zap.Field) {
	w.tellOf(t, "", text, fields...)
}

// tellOf is tell about one subject of several.
func (w *Watcher) tellOf(t *tenant.Tenant, subject, text string, fields ...zap.Field) {
	if w.last == nil {
		w.last = make(map[string]string)
	}
	key := t.Path + " " + subject
	if w.last[key] == text {
		return
	}
	w.last[key] = text
	w.Log.Info(text, append(fields, zap.String("tenant", t.Path), zap.String("realm", t.Realm))...)
}
