package app

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// WatchFiles applies every change of the configuration file and of the files that it names, until the context ends.
func (a *App) WatchFiles(ctx context.Context) error {
	return config.Watch(ctx, a.inForce().Files, a.Reload)
}

// inForce is the configuration that is applied now.
func (a *App) inForce() config.Config {
	a.applying.Lock()
	defer a.applying.Unlock()
	return a.config
}

// Reload applies the configuration as its files are now, and returns those files. A problem in the configuration
// keeps all of the old configuration. A problem in a mapping file keeps the old mapping of the tenants that use the
// file.
func (a *App) Reload() map[string]config.Digest {
	a.applying.Lock()
	defer a.applying.Unlock()
	c, problems := config.Load(a.config.File)
	if len(problems) > 0 {
		a.logProblem(problems[0].String())
		return c.Files
	}
	a.logProblem(a.apply(c))
	return c.Files
}

// Apply applies a configuration, and says which part is not applied; "" when all of it is. The log and the metrics do
// not report this: they report what Reload does with the files.
func (a *App) Apply(c config.Config) (problem string) {
	a.applying.Lock()
	defer a.applying.Unlock()
	return a.apply(c)
}

func (a *App) apply(c config.Config) (problem string) {
	late := a.keepStarted(&c)
	compiled := maps.Clone(a.mappings)
	list, wrong, err := newTenants(c, compiled)
	var clients map[string]*keycloak.Client
	if err == nil {
		clients, err = a.newClients(c)
	}
	var toKeycloak, toOthers *http.Transport
	if err == nil {
		toKeycloak, toOthers, err = a.newTransports(c)
	}
	if err == nil {
		err = a.useKeys(c.Store)
	}
	if err != nil {
		return err.Error()
	}
	if toKeycloak != nil {
		a.transport.renew(toKeycloak)
	}
	if toOthers != nil {
		a.outbound.renew(toOthers)
	}
	list = slices.DeleteFunc(list, func(t *tenant.Tenant) bool {
		old := a.Watcher.Tenants.ByPath(t.Path)
		switch {
		case t.Mapping != nil:
			return false
		case old == nil || old.Found:
			late = append(late, "the tenant "+t.Path+" cannot be added: "+wrong[t.Path])
			return true
		}
		t.Mapping = old.Mapping
		return false
	})
	added := slices.DeleteFunc(slices.Clone(list), func(t *tenant.Tenant) bool {
		old := a.Watcher.Tenants.ByPath(t.Path)
		return old != nil && !old.Found
	})
	both := a.Watcher.Realms.All() // running requests may still use realms that are removed
	maps.Copy(both, clients)
	a.Watcher.Realms.Replace(both)
	a.Watcher.Replace(list, a.organizationsOf(c))
	a.Watcher.Realms.Replace(clients)
	for _, t := range added { // now that they exist
		a.metrics.Tenant(t.Path)
	}
	for _, t := range list {
		if why := wrong[t.Path]; why != "" {
			a.Watcher.Refuse(t.Path, why)
		}
	}
	a.config, a.mappings = c, compiled
	return strings.Join(late, "; ")
}

// logProblem records why the present files are not applied; "" when they are.
func (a *App) logProblem(why string) {
	a.problem.Store(&why)
	a.metrics.Config(why == "")
	if why == "" {
		a.log.Info("the configuration was changed and is applied")
		return
	}
	a.log.Error("the configuration was changed and cannot be applied in full; the old settings stay in force", zap.String("problem", why))
}

// keepStarted keeps the sections that only take effect at a start, and says which of them were changed.
func (a *App) keepStarted(c *config.Config) []string {
	changed, read := config.Restart(a.started, *c), *c
	c.Keep(a.config)
	takeCertificates(c, read)
	if len(changed) == 0 {
		return nil
	}
	return []string{"changes of " + strings.Join(changed, ", ") + " take effect when the bridge is started again"}
}

// newClients makes clients for realms that are new or have new credentials. It keeps the other clients, with their
// tokens.
func (a *App) newClients(c config.Config) (map[string]*keycloak.Client, error) {
	out, err := watchedClients(c, a.transport, a.metrics, a.Tracer, a.log)
	for name := range out {
		if old := a.Watcher.Realms.Client(name); old != nil && reflect.DeepEqual(a.config.Realms[name].Credentials, c.Realms[name].Credentials) {
			out[name] = old
		}
	}
	return out, err
}
