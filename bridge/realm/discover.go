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

// discover finds the organizations of a realm that have credentials, and makes their tenants:
// with a call for every hundred organizations, none for each, and one for the tokens that were
// taken back.
func (w *Watcher) discover(ctx context.Context, realm string, makes Organizations, replaced int) bool {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	client, like := w.Realms.Client(realm), w.Tenants.ByPath(tenant.OrganizationPath(realm, tenant.EveryOrganization))
	if client == nil || like == nil {
		return false // the configuration changes just now
	}
	fitness := like.Fitness()
	if fitness.Problem != "" {
		w.eachFound(realm, func(t *tenant.Tenant) { t.SetFitness(fitness) })
		return false
	}
	list, err := keycloak.Everything(func(first int) ([]keycloak.Organization, error) {
		return client.Organizations(ctx, first, keycloak.MaxPage)
	})
	if err != nil {
		w.tellOf(like, found, zapcore.WarnLevel, "the organizations cannot be listed", nil, zap.Error(err))
		return false
	}
	revoked, err := ReadRevoked(ctx, client) // after the list, so that none of it is older than its revocation
	if err != nil {
		w.tellOf(like, found, zapcore.WarnLevel, "the revoked tokens of the organizations cannot be read", nil, zap.Error(err))
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.replaced != replaced {
		return true // what was looked for is not what is wanted any more, and a look is waiting
	}
	named := map[string]bool{}
	for _, t := range w.Tenants.All() {
		if t.Realm == realm && !t.Found {
			named[t.Organization.ID.String()] = true
		}
	}
	seen := map[string]bool{}
	for _, o := range list {
		t := makes(o, like, revoked)
		if t == nil || named[o.ID] {
			continue
		}
		seen[t.Path] = true
		f := fitness
		f.Disabled, f.Domains = !o.Enabled, verifiedDomains(o)
		w.keep(t, f)
	}
	w.eachFound(realm, func(t *tenant.Tenant) {
		if !seen[t.Path] {
			w.remove(t, "the organization has no credential any more, so its tenant is gone")
		}
	})
	w.tellOf(like, found, zapcore.InfoLevel, "the organizations with credentials are served", nil, zap.Int("tenants", len(seen)))
	return true
}

// found is the subject of what the log says about organizations that were found.
const found = "organizations"

// keep puts a found tenant into the registry, unless it is there as it is. One that somebody
// named, for another organization of the alias, stays.
func (w *Watcher) keep(t *tenant.Tenant, f tenant.Fitness) {
	old := w.Tenants.ByPath(t.Path)
	if old != nil && !old.Found {
		return
	}
	if old != nil && old.Organization == t.Organization && old.Mapping == t.Mapping && slices.Equal(old.Tokens, t.Tokens) && reflect.DeepEqual(old.Policy, t.Policy) {
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
