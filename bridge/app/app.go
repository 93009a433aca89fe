package app

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/console"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/outside"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/server"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// App is a bridge that New has built from a configuration. Tests and programs that embed the bridge use its parts
// directly.
type App struct {
	Service  *bridge.Service
	Handler  http.Handler // SCIM
	Operator http.Handler // see server.Options
	Admin    *admin.Admin // the views and verbs of an operator
	Health   *observe.Health
	Watcher  *realm.Watcher // has the tenants and the clients of the realms
	Tracer   *observe.Tracer

	options  Options
	log      *zap.Logger
	metrics  *observe.Metrics
	activity *tenant.Activity
	keeper   *keeper         // nil without a store, as the three below
	others   *outside.Reader // records what others change
	brakes   *ledger         // what the removal brakes count
	tokens   *storedTokens   // the tokens of the store

	transport *renewable // its connections to Keycloak
	outbound  *renewable // its connections to other servers

	started config.Config // the configuration at the start; sections that need a restart stay as they are here

	problem atomic.Pointer[string] // why the present files are not applied

	applying sync.Mutex    // held by one Reload or Apply at a time; it guards the fields below
	config   config.Config // the configuration in force
	mappings mappings
}

// Options are what New needs in addition to the configuration.
type Options struct {
	Log     *zap.Logger      // required
	Version string           // of the program
	Now     func() time.Time // the clock of the indexes; nil for time.Now
	// File is the configuration as the file contains it. Set it when the bridge runs with other settings than the
	// file; nil otherwise.
	File *config.Config
	// Store is where the bridge keeps its changes; nil for the store that the configuration describes, if it describes
	// one. App.Serve closes the store.
	Store store.Store
}

// New builds a bridge, and opens its store, which Serve or Close closes. It makes no call over the network; Serve and Watcher.Check do.
func New(c config.Config, o Options) (*App, error) {
	if o.Store != nil {
		return build(c, o)
	}
	var err error
	if o.Store, err = openStore(context.Background(), c.Store, o.Log); err != nil {
		return nil, err
	}
	a, err := build(c, o)
	if err != nil && o.Store != nil {
		err = errors.Join(err, o.Store.Close())
	}
	return a, err
}

// build is New with a store that is open, or with no store.
func build(c config.Config, o Options) (*App, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &App{options: o, log: o.Log, activity: &tenant.Activity{}, started: c, config: c, mappings: mappings{}}
	if o.File != nil {
		a.started = *o.File
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.metrics = observe.NewMetrics(registry, o.Version, namedTenants(c.Metrics.Tenants))
	if o.Store != nil {
		a.tokens = newStoredTokens(o.Store, a.log)
		if err := a.tokens.read(context.Background()); err != nil { // the next request that needs them tries again
			a.log.Warn("the tokens of the store cannot be read yet", zap.Error(err))
		}
	}
	tenants, err := a.newTenants()
	if err != nil {
		return nil, err
	}
	realms, err := a.newRealms()
	if err != nil {
		return nil, err
	}
	a.Service = a.newService(realms, tenants)
	a.Watcher = &realm.Watcher{
		Tenants: tenants, Realms: realms, Log: a.log, Observe: a.metrics.Fit, ObserveMapping: a.metrics.Mapping,
		Forget: a.forget, Organizations: a.organizationsOf(c),
	}
	if a.tokens != nil {
		a.Watcher.ObserveRevoked = a.tokens.copyRevocations
	}
	a.Admin = admin.New(admin.Options{
		Version: o.Version, Started: time.Now(), Now: time.Now, Log: a.log, Tenants: tenants, Activity: a.activity, Bridge: operated{a}, Brake: a.Service.Brake(), Adopter: a.Service, Store: o.Store, Tokens: a.adminTokens(),
	})
	a.metrics.Show(a.metricState())
	options := a.serverOptions(tenants)
	a.Handler = server.New(a.Service, options)
	options.Operator = true
	a.Operator = server.New(a.Service, options)
	a.Health = observe.NewHealth(registry, console.Statusz(a.Admin.Status), adminHosts(c.Admin)...)
	return a, nil
}

// namedTenants is the number of tenants that have their own label in the metrics.
func namedTenants(n config.NamedTenants) int {
	if n.All {
		return observe.EveryTenant
	}
	return n.Top
}

// newTenants makes the tenants that exist at the start.
func (a *App) newTenants() (*tenant.Registry, error) {
	list, err := allTenants(a.config, a.mappings)
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		a.metrics.Tenant(t.Path)
	}
	return tenant.NewRegistry(list...)
}

// newRealms makes the clients of the realms that exist at the start. Their calls are counted and traced.
func (a *App) newRealms() (*keycloak.Realms, error) {
	transport, err := NewTransport(a.config.Keycloak)
	if err != nil {
		return nil, err
	}
	outbound, err := outboundTransport(a.config.Outbound)
	if err != nil {
		return nil, err
	}
	a.transport, a.outbound = newRenewable(transport), newRenewable(outbound)
	a.Tracer, err = observe.NewTracer(observe.TracerOptions{
		Endpoint: string(a.config.Tracing.Endpoint), Sample: float64(a.config.Tracing.Sample) / float64(config.All), Version: a.options.Version, Log: a.log, Metrics: a.metrics, Transport: a.outbound,
	})
	if err != nil {
		return nil, err
	}
	clients, err := watchedClients(a.config, a.transport, a.metrics, a.Tracer, a.log)
	if err != nil {
		a.stopTracing(context.Background())
		return nil, err
	}
	return keycloak.NewRealms(clients), nil
}

// forget drops what the bridge knows about a tenant that was removed.
func (a *App) forget(path string) {
	a.metrics.Forget(path)
	a.activity.Forget(path)
	a.Service.Directory().Forget(path)
}

// serverOptions are the options of both SCIM handlers. They share the metrics and the memory budget for bodies.
func (a *App) serverOptions(tenants *tenant.Registry) server.Options {
	c := a.config.Server
	out := server.Options{
		Tenants: tenants, PublicURL: string(c.PublicURL), ErrorDocs: string(c.ErrorDocs), Log: a.log, Metrics: a.metrics, Tracer: a.Tracer, Activity: a.activity,
		Auth:    auth.New(a.authOptions()),
		MaxBody: c.MaxBodyBytes, Timeout: time.Duration(c.RequestTimeout),
		TrustedProxies: prefixes(c.TrustedProxies), FailuresPerMinute: c.FailuresPerMinute, Bodies: server.NewBodies(),
	}
	if a.options.Store != nil {
		out.Requests, out.MaxKept = requests{a.options.Store}, store.MaxDocument
	}
	return out
}

// authOptions say where tokens are looked up.
func (a *App) authOptions() auth.Options {
	o := auth.Options{Tokens: auth.TenantTokens{}, Realm: a.transport, Other: a.outbound}
	if a.tokens != nil {
		o.Tokens, o.Used = a.tokens, a.tokens.Use
	}
	return o
}

// adminTokens are the tokens of the store for the operator; nil without a store.
func (a *App) adminTokens() admin.Tokens {
	if a.tokens == nil {
		return nil
	}
	return a.tokens
}

// adminHosts are the host names that the listener for health and metrics accepts.
func adminHosts(a config.Admin) []string {
	var out []string
	if host := a.Listen.Host(); host != "" {
		out = append(out, host)
	}
	for _, h := range a.Hosts {
		out = append(out, string(h))
	}
	return out
}

func (a *App) serviceOptions(tenants *tenant.Registry, recorder bridge.Recorder) bridge.Options {
	c := a.config
	return bridge.Options{
		Log:      a.log,
		Tenants:  tenants,
		Observer: a.metrics,
		Recorder: recorder,
		Locker:   &apply.Locks{},
		Ledger:   a.ledger(),
		Directory: directory.Options{
			MaxMemory: c.Index.MaxMemoryBytes, Now: a.options.Now, Invalidations: &directory.MemoryInvalidations{}, ObserveScan: a.metrics.Scan,
			Snapshots: a.snapshots(), Program: a.options.Version, ObserveRestore: a.restored, Differs: a.differs(),
		},
		BulkOperations: c.Bulk.MaxOperations, BulkPayload: c.Bulk.MaxPayloadBytes,
		ErrorDocs:  string(c.Server.ErrorDocs),
		MaxResults: c.Server.MaxResults, CursorTimeout: time.Duration(c.Server.CursorTimeout), HidePagination: c.Server.HidePagination,
	}
}

// ledger is the ledger of the removal brake.
func (a *App) ledger() guard.Ledger {
	if a.brakes == nil {
		return &guard.MemoryLedger{}
	}
	return a.brakes
}

func prefixes(networks []config.Network) []netip.Prefix {
	out := make([]netip.Prefix, len(networks))
	for i, n := range networks {
		out[i] = netip.Prefix(n)
	}
	return out
}

// warnOfExpiry logs tokens that expire soon, once a minute until the context ends.
func (a *App) warnOfExpiry(ctx context.Context) {
	expiry := auth.Expiry{Log: a.log}
	if a.tokens != nil {
		expiry.Tokens = a.tokens.Good
	}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		expiry.Check(a.Watcher.Tenants.All(), time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
