package realm

import (
	"context"
	"errors"
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
	// checkEvery is how often a fit realm is checked.
	checkEvery = time.Minute
	// soon is how often an unfit realm is checked, or a realm whose administrators are unknown, so
	// that a repair or a start of Keycloak takes effect at once.
	soon = 2 * time.Second
	// lookTime limits one check. Its calls grow with the clients and administrators of the realm.
	lookTime = time.Minute
)

// Watcher keeps the fitness of tenants up to date, and gives a tenant a new mapping once its realm
// is fit for the mapping.
type Watcher struct {
	Tenants *tenant.Registry
	Realms  *keycloak.Realms
	Log     *zap.Logger
	Observe func(tenant string, fit bool) // may be nil
	// Organizations makes tenants of organizations that are found, by realm. Replace changes it.
	Organizations map[string]Organizations
	// ObserveMapping gets whether a proposed mapping was applied; may be nil.
	ObserveMapping func(tenant string, applied bool)
	// ObserveRevoked gets the revoked tokens of a realm's organizations at every check; may be nil.
	ObserveRevoked func(ctx context.Context, realm string, revoked Revoked)
	// Forget gets the path of a tenant that is gone; may be nil.
	Forget func(tenant string)

	followers map[string]*follower // by realm

	looking sync.Mutex        // one check at a time; it also guards the next two fields
	last    map[string]string // what the log said, by tenant and subject
	applied bool              // whether the check gave a tenant another mapping

	mu       sync.Mutex
	known    map[string]*Known           // by realm
	proposed map[string]*mapping.Mapping // by tenant
	wake     chan struct{}
	replaced int             // how often Replace was called
	found    map[string]bool // the realms whose organizations were found since then
}

// Organizations makes the tenant of an organization that the configuration does not name. The
// tenant is like another one, with the organization's own credentials except revoked tokens. The
// result is nil for an organization without a credential.
type Organizations func(o keycloak.Organization, like *tenant.Tenant, revoked Revoked) *tenant.Tenant

// Replace sets the tenants of the configuration and the realms where tenants are found. A tenant
// that existed before keeps its fitness, and it keeps its mapping until the realm is found fit for
// the new one. Everything else takes effect at once. The check that Replace starts updates the
// tenants that are found.
func (w *Watcher) Replace(list []*tenant.Tenant, organizations map[string]Organizations) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.init()
	w.replaced++
	w.Organizations, w.found = organizations, nil
	named := map[string]bool{}
	for _, t := range list {
		named[t.Path] = true
		w.Tenants.Put(w.succeed(w.Tenants.ByPath(t.Path), t))
	}
	for _, t := range w.Tenants.All() {
		if t.OfOrganization && !named[t.Path] && organizations[t.Realm] != nil { // the next check finds the tenant
			t = w.unnamed(t)
		}
		if t.Found && organizations[t.Realm] == nil || !t.Found && !named[t.Path] {
			w.remove(t, "the configuration no longer names the tenant, so the tenant is gone")
		}
	}
	w.awake()
}

// unnamed turns the tenant of an organization into a found tenant. The next check makes it like the
// other found tenants.
func (w *Watcher) unnamed(t *tenant.Tenant) *tenant.Tenant {
	out := t.WithMapping(t.Mapping, t.Fitness())
	out.Found, out.OfOrganization = true, false
	w.Tenants.Put(out)
	delete(w.proposed, t.Path)
	return out
}

// succeed is the tenant that replaces an old one. When the configuration now names an organization
// that was found, or names it elsewhere, the new tenant continues with the state and the tokens of
// the old one.
func (w *Watcher) succeed(old, t *tenant.Tenant) *tenant.Tenant {
	if old == nil || old.Found && !t.OfOrganization || old.Realm != t.Realm || old.Organization != t.Organization || old.Owner.Key != t.Owner.Key {
		delete(w.proposed, t.Path)
		w.Log.Info("a tenant was added", zap.String("tenant", t.Path))
		return t
	}
	fitness := old.Fitness()
	if old.Found { // the old tenant shared its mapping with others, so it has no group of the realm
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

// remove removes a tenant.
func (w *Watcher) remove(t *tenant.Tenant, why string) {
	w.Tenants.Remove(t.Path)
	delete(w.proposed, t.Path)
	if w.Forget != nil {
		w.Forget(t.Path)
	}
	w.Log.Info(why, zap.String("tenant", t.Path))
}

// Wake starts the next check at once.
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

// Refuse records that a tenant's mapping file cannot be used, and drops a mapping that was proposed
// before. The tenant may be gone.
func (w *Watcher) Refuse(path, why string) {
	w.mu.Lock()
	delete(w.proposed, path)
	t := w.Tenants.ByPath(path)
	if t != nil {
		t.SetUnapplied(why)
	}
	w.mu.Unlock()
	if t != nil {
		w.Log.Error("the changed mapping file cannot be used; the previous mapping stays in use", zap.String("tenant", path), zap.String("problem", why))
	}
	w.observeMapping(path, false)
}

func (w *Watcher) observeMapping(path string, applied bool) {
	if w.ObserveMapping != nil {
		w.ObserveMapping(path, applied)
	}
}

// Run checks every realm again and again until the context ends.
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

// troubled reports whether a tenant refuses all requests or all writes, by the last check.
func (w *Watcher) troubled() bool {
	return slices.ContainsFunc(w.Tenants.All(), func(t *tenant.Tenant) bool { return t.Fitness().Trouble() != "" })
}

// Check checks every tenant once. It reports whether all tenants are fit and have the proposed
// mappings. When a realm cannot be read, the last result remains: an outage does not make a tenant
// unfit.
func (w *Watcher) Check(ctx context.Context) bool {
	w.looking.Lock()
	defer w.looking.Unlock()
	for _, c := range w.Realms.All() {
		_, _ = c.RenewToken(ctx) // an old token does not show that a right was revoked; a failed renewal shows in the checks
	}
	w.applied = false
	fit := w.named(ctx)
	if w.applied { // the groups of a tenant live elsewhere now, which the checks of all tenants must know
		fit = w.named(ctx)
	}
	organizations, replaced := w.sources()
	for _, realm := range slices.Sorted(maps.Keys(organizations)) {
		fit = w.discover(ctx, realm, organizations[realm], replaced) && fit
	}
	return fit
}

// named is Check for the tenants that the configuration names.
func (w *Watcher) named(ctx context.Context) bool {
	fit, seen := true, map[string]Protection{}
	for _, t := range w.Tenants.All() {
		if c := w.Realms.Client(t.Realm); !t.Found && c != nil { // otherwise the configuration is being changed
			fit = w.one(ctx, c, t, protectOnce(t.Realm, seen, w.subject(t).protector(c))) && fit
		}
	}
	return fit
}

// sources returns where tenants are found, and how often Replace was called until then.
func (w *Watcher) sources() (map[string]Organizations, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Organizations, w.replaced
}

// Complete reports whether every tenant of a realm is in the registry: the configuration names them all, or their
// organizations were found. Until then a tenant that is not there may still come.
func (w *Watcher) Complete(realm string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Organizations[realm] == nil || w.found[realm]
}

// protectOnce makes a Protector that reads a realm once for all of its tenants.
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

// subject returns what a check of a tenant's realm is about.
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
		if !errors.Is(ctx.Err(), context.Canceled) { // otherwise the bridge ends, and the check found nothing
			w.logFindings(t, zapcore.WarnLevel, "the realm cannot be checked", nil, zap.Error(err))
		}
		return t.Fitness().Problem == "" && proposed == nil
	}
	return w.record(t, report) && proposed == nil
}

func (w *Watcher) proposal(path string) *mapping.Mapping {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proposed[path]
}

// try gives the tenant a mapping when its realm is fit for it. Otherwise the tenant keeps its
// mapping.
func (w *Watcher) try(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, m *mapping.Mapping, protect Protector) (applied bool) {
	report, err := Check(ctx, c, t, m, protect)
	if err != nil {
		return false // the check of the tenant reports this
	}
	if len(report.Problems()) > 0 {
		why := "the realm is not fit for it: " + strings.Join(report.Problems(), "; ")
		if t.Unapplied() != why {
			t.SetUnapplied(why)
			w.observeMapping(t.Path, false)
			w.Log.Warn("the changed mapping file is not applied until the realm is fit for it; the previous mapping stays in use",
				zap.String("tenant", t.Path), zap.Strings("problems", report.Problems()), zap.String("fix", fix(t)))
		}
		return false
	}
	if !w.apply(t, m, report.Fitness()) {
		return false
	}
	w.applied = true
	w.observeMapping(t.Path, true)
	w.Log.Info("the changed mapping file is applied", zap.String("tenant", t.Path))
	return true
}

// apply gives a tenant the proposed mapping, unless a file has changed meanwhile.
func (w *Watcher) apply(t *tenant.Tenant, m *mapping.Mapping, f tenant.Fitness) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proposed[t.Path] != m || !w.Tenants.Swap(t, t.WithMapping(m, f)) {
		return false
	}
	delete(w.proposed, t.Path)
	return true
}

// record stores the result of a check.
func (w *Watcher) record(t *tenant.Tenant, report Report) bool {
	f := report.Fitness()
	problem := f.Problem
	if problem != "" {
		f.Resolved = t.Fitness().Resolved // running requests keep the mapping that they began with
	}
	t.SetFitness(f)
	if w.Observe != nil && w.Tenants.ByPath(t.Path) == t { // otherwise the tenant and its metric are gone
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

// fix is the command that shows the remedies for a tenant.
func fix(t *tenant.Tenant) string { return t.Command("doctor") }

// logFindings logs what a check of a tenant found, unless the last check found the same.
func (w *Watcher) logFindings(t *tenant.Tenant, level zapcore.Level, text string, findings []string, fields ...zap.Field) {
	w.logFindingsOf(t, "", level, text, findings, fields...)
}

// logFindingsOf is logFindings for one of several subjects.
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
