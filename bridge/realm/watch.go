package realm

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	// every is how often a fit realm is looked at.
	checkEvery = time.Minute
	// soon is how often one is that was not found fit yet, or of which nobody can tell who
	// administers it, so that a repair or a Keycloak that comes up takes effect at once.
	soon = 2 * time.Second
	// lookTime bounds one look, whose calls grow with the clients and administrators of the
	// realm.
	lookTime = time.Minute
)

// Watcher keeps the fitness of tenants up to date, and gives a tenant a new mapping once
// its realm is fit for it.
type Watcher struct {
	Tenants *tenant.Registry
	Realms  *keycloak.Realms
	Log     *zap.Logger
	Observe func(tenant string, fit bool) // may be nil
	// Organizations are where tenants are found, by realm. Replace changes them.
	Organizations map[string]Organizations
	// ObserveMapping is told whether a proposed mapping is applied; may be nil.
	ObserveMapping func(tenant string, applied bool)
	// Forget is told of a tenant that is gone; may be nil.
	Forget func(tenant string)

	followers map[string]*follower // by realm

	looking sync.Mutex        // one look at a time; what follows is its own
	last    map[string]string // by tenant and subject: what the log said
	applied bool              // whether the look gave a tenant another mapping

	mu       sync.Mutex
	known    map[string]*Known           // by realm
	proposed map[string]*mapping.Mapping // by tenant
	wake     chan struct{}
	replaced int // how often Replace was called
}

// Organizations makes the tenant of an organization that nobody named: like another one, with
// the organization's own credentials but those that are revoked; nil for one without a credential.
type Organizations func(o keycloak.Organization, like *tenant.Tenant, revoked Revoked) *tenant.Tenant

// Replace makes the tenants that are named, and where others are found, be those that are
// given. One that was there before keeps its fitness, and its mapping until the realm is found
// fit for the new one; all else is as given at once. Tenants that are found follow with the
// look that it wakes.
func (w *Watcher) Replace(list []*tenant.Tenant, organizations map[string]Organizations) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.init()
	w.replaced++
	w.Organizations = organizations
	named := map[string]bool{}
	for _, t := range list {
		named[t.Path] = true
		w.Tenants.Put(w.succeed(w.Tenants.ByPath(t.Path), t))
	}
	for _, t := range w.Tenants.All() {
		if t.OfOrganization && !named[t.Path] && organizations[t.Realm] != nil { // it is found again
			t = w.unnamed(t)
		}
		if t.Found && organizations[t.Realm] == nil || !t.Found && !named[t.Path] {
			w.remove(t, "the configuration does not name the tenant any more, so that it is gone")
		}
	}
	w.awake()
}

// unnamed is the tenant of an organization as one that was found: the look makes it like the others.
func (w *Watcher) unnamed(t *tenant.Tenant) *tenant.Tenant {
	out := t.WithMapping(t.Mapping, t.Fitness())
	out.Found, out.OfOrganization = true, false
	w.Tenants.Put(out)
	delete(w.proposed, t.Path)
	return out
}

// succeed is the tenant in the place of an old one. One of an organization that is named from now on, or
// whose name stands elsewhere, goes on with what was found, and with its tokens.
func (w *Watcher) succeed(old, t *tenant.Tenant) *tenant.Tenant {
	if old == nil || old.Found && !t.OfOrganization || old.Realm != t.Realm || old.Organization != t.Organization || old.Owner.Key != t.Owner.Key {
		delete(w.proposed, t.Path)
		w.Log.Info("a tenant was added", zap.String("tenant", t.Path))
		return t
	}
	fitness := old.Fitness()
	if old.Found { // it shared its mapping with others, and so has no group of the realm
		fitness.Resolved.Groups = maps.Clone(fitness.Resolved.Groups)
		delete(fitness.Resolved.Groups, old.Mapping.GroupParent)
	}
	out := t.WithMapping(old.Mapping, fitness)
	if t.OfOrganization && (old.Found || old.OfOrganization) {
		out.Tokens = old.Tokens
	}
	if t.Mapping == old.Mapping {
		delete(w.proposed, t.Path)
		if old.Unapplied() != "" {
			w.observeMapping(t.Path, true)
		}
		return out
	}
	w.proposed[t.Path] = t.Mapping
	out.SetUnapplied(old.Unapplied())
	return out
}

// remove takes a tenant out.
func (w *Watcher) remove(t *tenant.Tenant, why string) {
	w.Tenants.Remove(t.Path)
	delete(w.proposed, t.Path)
	if w.Forget != nil {
		w.Forget(t.Path)
	}
	w.Log.Info(why, zap.String("tenant", t.Path))
}

// Wake has the next look begin at once.
func (w *Watcher) Wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.init()
	w.awake()
}

func (w *Watcher) awake() {
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
// proposed before. The tenant may be no more.
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
		pause := checkEvery
		if !w.Check(ctx) || w.troubled() {
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

// troubled reports whether a tenant answers nothing or writes nothing, as a look found.
func (w *Watcher) troubled() bool {
	return slices.ContainsFunc(w.Tenants.All(), func(t *tenant.Tenant) bool { return t.Fitness().Trouble() != "" })
}

// Check checks every tenant once and reports whether all are fit and have the mapping
// that was proposed. A realm that cannot be looked at keeps what was found before: an
// outage is not unfitness.
func (w *Watcher) Check(ctx context.Context) bool {
	w.looking.Lock()
	defer w.looking.Unlock()
	for _, c := range w.Realms.All() {
		_, _ = c.RenewToken(ctx) // a right that was taken away shows in no older one; the looks tell what fails
	}
	w.applied = false
	fit := w.named(ctx)
	if w.applied { // the groups of a tenant live elsewhere now, which those before and after it must know
		fit = w.named(ctx)
	}
	organizations, replaced := w.sources()
	for _, realm := range slices.Sorted(maps.Keys(organizations)) {
		fit = w.discover(ctx, realm, organizations[realm], replaced) && fit
	}
	return fit
}

// named is Check for the tenants that are named.
func (w *Watcher) named(ctx context.Context) bool {
	fit, seen := true, map[string]Protection{}
	for _, t := range w.Tenants.All() {
		if c := w.Realms.Client(t.Realm); !t.Found && c != nil { // else the configuration changes just now
			fit = w.one(ctx, c, t, protectOnce(t.Realm, seen, w.subject(t).protector(c))) && fit
		}
	}
	return fit
}

// sources are where tenants are found, and the count of Replace that says so.
func (w *Watcher) sources() (map[string]Organizations, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Organizations, w.replaced
}

// protectOnce looks who is protected in a realm, once for all of its tenants.
func protectOnce(realm string, seen map[string]Protection, protect Protector) Protector {
	return func(ctx context.Context) (Protection, error) {
		if p, ok := seen[realm]; ok {
			return p, nil
		}
		p, err := protect(ctx)
		if err == nil {
			seen[realm] = p
		}
		return p, err
	}
}

// subject is what a look at the realm of a tenant is about.
func (w *Watcher) subject(of *tenant.Tenant) subject {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known == nil {
		w.known = map[string]*Known{}
	}
	if w.known[of.Realm] == nil {
		w.known[of.Realm] = &Known{writes: true}
	}
	out := subject{policy: of.Policy, known: w.known[of.Realm]}
	for _, t := range w.Tenants.All() {
		if t.Realm == of.Realm && !t.Found {
			out.tenants = append(out.tenants, t)
			if m := w.proposed[t.Path]; m != nil {
				out.proposed = append(out.proposed, m)
			}
		}
	}
	return out
}

func (w *Watcher) one(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, protect Protector) bool {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	proposed := w.proposal(t.Path)
	if proposed != nil && w.try(ctx, c, t, proposed, protect) {
		return true
	}
	report, err := Check(ctx, c, t, t.Mapping, protect)
	if err != nil {
		w.logFindings(t, zapcore.WarnLevel, "Keycloak cannot be looked at", nil, zap.Error(err))
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
func (w *Watcher) try(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, m *mapping.Mapping, protect Protector) (applied bool) {
	report, err := Check(ctx, c, t, m, protect)
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
	if !w.apply(t, m, report.Fitness()) {
		return false
	}
	w.applied = true
	w.observeMapping(t.Path, true)
	w.Log.Info("the mapping file was changed and is applied", zap.String("tenant", t.Path))
	return true
}

// apply gives a tenant the mapping that was proposed, unless a file changed meanwhile.
func (w *Watcher) apply(t *tenant.Tenant, m *mapping.Mapping, f tenant.Fitness) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proposed[t.Path] != m || !w.Tenants.Swap(t, t.WithMapping(m, f)) {
		return false
	}
	delete(w.proposed, t.Path)
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
	if w.Observe != nil && w.Tenants.ByPath(t.Path) == t { // else it is gone, and so is its metric
		w.Observe(t.Path, problem == "")
	}
	if problem != "" {
		w.logFindings(t, zapcore.ErrorLevel, "the realm is not fit, so the tenant answers 503", report.Problems(),
			zap.Strings("problems", report.Problems()), zap.String("fix", fix(t)))
		return false
	}
	warnings, level, text := report.Warnings(), zapcore.InfoLevel, "the realm is fit"
	fields := []zap.Field{zap.Strings("warnings", warnings)}
	if len(warnings) > 0 {
		level = zapcore.WarnLevel
	}
	if f.Trouble() != "" {
		level, text = zapcore.ErrorLevel, "the realm is fit for reading, and the tenant answers writes with 503"
		fields = append(fields, zap.String("fix", fix(t)))
	}
	w.logFindings(t, level, text, warnings, fields...)
	return true
}

// fix is the command that says what to do about a tenant.
func fix(t *tenant.Tenant) string { return t.Command("doctor") }

// tell logs what a look at a tenant found, unless the last one found the same.
func (w *Watcher) logFindings(t *tenant.Tenant, level zapcore.Level, text string, findings []string, fields ...zap.Field) {
	w.logFindingsOf(t, "", level, text, findings, fields...)
}

// tellOf is tell about one subject of several.
func (w *Watcher) logFindingsOf(t *tenant.Tenant, subject string, level zapcore.Level, text string, findings []string, fields ...zap.Field) {
	if w.last == nil {
		w.last = make(map[string]string)
	}
	key, said := t.Path+" "+subject, strings.Join(append([]string{text}, findings...), "\n")
	if w.last[key] == said {
		return
	}
	w.last[key] = said
	w.Log.Log(level, text, append(fields, zap.String("tenant", t.Path), zap.String("realm", t.Realm))...)
}
