package realm

import (
	"context"
	"reflect"
	"slices"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// discover finds the organizations of a realm that have credentials, and makes their tenants. It
// needs one call for every hundred organizations and one call for the revoked tokens.
func (w *Watcher) discover(ctx context.Context, realm string, makes Organizations, replaced int) bool {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	client, like := w.Realms.Client(realm), w.Tenants.ByPath(tenant.OrganizationPath(realm, tenant.EveryOrganization))
	if client == nil || like == nil {
		return false // the configuration is being changed
	}
	fitness, tokens := like.Fitness(), w.awaiting(realm)
	if fitness.Problem != "" {
		w.eachFound(realm, func(t *tenant.Tenant) { t.SetFitness(fitness) })
		if len(tokens) == 0 {
			return false
		}
	}
	list, revoked, ok := w.listed(ctx, client, like)
	if !ok {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.replaced != replaced {
		return true // the configuration has changed meanwhile, and a new check is waiting
	}
	for _, o := range list {
		if tokens[o.ID] {
			w.giveTokens(realm, o, makes(o, like, revoked))
		}
	}
	if fitness.Problem != "" {
		return false
	}
	w.serve(list, like, fitness, func(o keycloak.Organization) *tenant.Tenant { return makes(o, like, revoked) })
	if w.found == nil {
		w.found = map[string]bool{}
	}
	w.found[realm] = true
	return true
}

// listed returns the organizations of a realm and the revoked tokens.
func (w *Watcher) listed(ctx context.Context, client *keycloak.Client, like *tenant.Tenant) ([]keycloak.Organization, Revoked, bool) {
	list, err := keycloak.Everything(func(first int) ([]keycloak.Organization, error) {
		return client.Organizations(ctx, first, keycloak.MaxPage)
	})
	if err != nil {
		w.logFindingsOf(like, found, zapcore.WarnLevel, "the organizations cannot be listed", nil, zap.Error(err))
		return nil, nil, false
	}
	revoked, err := ReadRevoked(ctx, client) // after the list, so that no token in the list is older than its revocation
	if err != nil {
		w.logFindingsOf(like, found, zapcore.WarnLevel, "the revoked tokens of the organizations cannot be read", nil, zap.Error(err))
		return nil, nil, false
	}
	if w.ObserveRevoked != nil {
		w.ObserveRevoked(ctx, like.Realm, revoked)
	}
	return list, revoked, true
}

// serve registers the tenants of organizations that have credentials and that the configuration
// does not name, and removes the tenants of organizations that are gone.
func (w *Watcher) serve(list []keycloak.Organization, like *tenant.Tenant, fitness tenant.Fitness, makes func(keycloak.Organization) *tenant.Tenant) {
	named := map[string]bool{}
	for _, t := range w.Tenants.All() {
		if t.Realm == like.Realm && !t.Found {
			named[t.Organization.ID.String()] = true
		}
	}
	seen, refusing := map[string]bool{}, []string{}
	for _, o := range list {
		t := makes(o)
		if t == nil || named[o.ID] {
			continue
		}
		seen[t.Path] = true
		f := fitness
		f.Disabled = !o.Enabled
		f.Domains, f.Unverified = domainsOf(o)
		w.keep(t, f)
		if len(f.Domains) == 0 && !t.Policy.TakesAnyDomain() {
			refusing = append(refusing, t.Path)
		}
	}
	w.eachFound(like.Realm, func(t *tenant.Tenant) {
		if !seen[t.Path] {
			w.remove(t, "the organization no longer has a credential, so its tenant is gone")
		}
	})
	w.logFindingsOf(like, found, zapcore.InfoLevel, "the organizations with credentials are served", nil, zap.Int("tenants", len(seen)))
	w.logFindingsOf(like, "domains", domainsLevel(refusing), "organizations without a verified domain refuse every user with an address", refusing,
		zap.Int("organizations", len(refusing)), zap.Strings("tenants", refusing[:min(len(refusing), maxNamed)]), zap.String("fix", fix(like)))
}

// maxNamed limits how many names a text lists.
const maxNamed = 10

// domainsLevel is the log level for organizations without a verified domain.
func domainsLevel(refusing []string) zapcore.Level {
	if len(refusing) == 0 {
		return zapcore.DebugLevel
	}
	return zapcore.WarnLevel
}

// awaiting returns the organizations, by their ids, whose tenants the configuration names and that
// bring their own tokens.
func (w *Watcher) awaiting(realm string) map[string]bool {
	out := map[string]bool{}
	for _, t := range w.Tenants.All() {
		if t.Realm == realm && t.OfOrganization {
			out[t.Organization.ID.String()] = true
		}
	}
	return out
}

// giveTokens gives a tenant that the configuration names the tokens of its organization. made is
// the tenant that the organization's attributes describe, nil for an organization without a token.
// An organization that is gone gives no tokens, so that its tenant answers like an unfit tenant.
func (w *Watcher) giveTokens(realm string, o keycloak.Organization, made *tenant.Tenant) {
	var tokens []tenant.Token
	if made != nil {
		tokens = made.Tokens
	}
	for _, t := range w.Tenants.All() {
		if t.Realm == realm && t.OfOrganization && t.Organization.ID.String() == o.ID && (t.Tokens == nil || !slices.Equal(t.Tokens, tokens)) {
			w.Tenants.Swap(t, t.WithTokens(tokens))
		}
	}
}

// found is the subject of log lines about organizations that were found.
const found = "organizations"

// keep puts a found tenant into the registry, unless the same tenant is there. A tenant that the
// configuration names, for another organization with this alias, remains.
func (w *Watcher) keep(t *tenant.Tenant, f tenant.Fitness) {
	old := w.Tenants.ByPath(t.Path)
	if old != nil && !old.Found {
		return
	}
	if old != nil && old.Organization == t.Organization && old.Mapping == t.Mapping && slices.Equal(old.Tokens, t.Tokens) && reflect.DeepEqual(old.Policy, t.Policy) && old.Entry == t.Entry {
		old.SetFitness(f)
		return
	}
	t.SetFitness(f)
	w.Tenants.Put(t)
	if old == nil {
		w.Log.Info("an organization with a credential was found and is served", zap.String("tenant", t.Path))
	}
}

func (w *Watcher) eachFound(realm string, do func(*tenant.Tenant)) {
	for _, t := range w.Tenants.All() {
		if t.Found && t.Realm == realm {
			do(t)
		}
	}
}
