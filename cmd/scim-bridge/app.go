package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/server"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// app is the bridge, wired.
type app struct {
	service  *bridge.Service
	handler  http.Handler
	operator http.Handler // see server.Options
	health   *observe.Health
	watcher  *realm.Watcher
	log      *zap.Logger
	metrics  *observe.Metrics

	tracer   *observe.Tracer
	activity *observe.Activity

	transport http.RoundTripper // to Keycloak

	began   time.Time
	started config.Config // that it was made of: what of it needs a start stays in force

	// What follows is for reload alone, which is not called twice at a time.
	config   config.Config // as it is applied
	mappings mappings
	problem  atomic.Pointer[string] // why the files as they are now are not applied
}

// newApp wires a bridge. now is the clock of its indexes.
func newApp(c config.Config, log *zap.Logger, now func() time.Time) (*app, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics := observe.NewMetrics(registry, buildVersion())
	transport, err := newTransport(c.Keycloak)
	if err != nil {
		return nil, err
	}
	tracer, err := observe.NewTracer(observe.TracerOptions{
		Endpoint: string(c.Tracing.Endpoint), Sample: float64(c.Tracing.Sample) / float64(config.All), Version: buildVersion(), Log: log, Metrics: metrics,
	})
	if err != nil {
		return nil, err
	}
	clients, err := watchedClients(c, transport, metrics, tracer, log)
	if err != nil {
		return nil, err
	}
	compiled := mappings{}
	list, err := allTenants(c, compiled)
	if err != nil {
		return nil, err
	}
	tenants, err := tenant.NewRegistry(list...)
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		metrics.Tenant(t.Path)
	}
	realms := keycloak.NewRealms(clients)
	service := bridge.New(realms, serviceOptions(c, tenants, log, metrics, now))
	metrics.Show(observe.State{
		Indexes: func() []observe.Index { return indexes(service.Directory()) },
		Feeds:   service.Directory().Feeds,
		Tokens:  func() []observe.Token { return endingTokens(tenants) },
	})
	activity := &observe.Activity{}
	options := server.Options{
		Tenants: tenants, PublicURL: string(c.Server.PublicURL), ErrorDocs: string(c.Server.ErrorDocs), Log: log, Metrics: metrics, Tracer: tracer, Activity: activity,
		Auth:    auth.New(auth.Options{Realm: transport, Other: http.DefaultTransport}),
		MaxBody: c.Server.MaxBodyBytes, Timeout: time.Duration(c.Server.RequestTimeout),
		TrustedProxies: prefixes(c.Server.TrustedProxies), FailuresPerMinute: c.Server.FailuresPerMinute, Bodies: server.NewBodies(),
	}
	public := server.New(service, options)
	options.Operator = true
	out := &app{
		service: service, handler: public, operator: server.New(service, options),
		watcher: &realm.Watcher{
			Tenants: tenants, Realms: realms, Log: log, Observe: metrics.Fit, ObserveMapping: metrics.Mapping,
			Forget: func(path string) {
				metrics.Forget(path)
				activity.Forget(path)
				service.Directory().Forget(path)
			},
			Organizations: organizationsOf(c, log),
		},
		log: log, metrics: metrics, tracer: tracer, activity: activity, transport: transport, began: time.Now(), started: c, config: c, mappings: compiled,
	}
	out.health = observe.NewHealth(registry, out.status, adminHosts(c.Admin)...)
	return out, nil
}

// adminHosts are the names of the listener for health and metrics.
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

func serviceOptions(c config.Config, tenants *tenant.Registry, log *zap.Logger, metrics *observe.Metrics, now func() time.Time) bridge.Options {
	return bridge.Options{
		Log:            log,
		Tenants:        tenants,
		ObserveStep:    func(kind plan.Kind, err error) { metrics.Step(string(kind), err) },
		ObserveIgnored: metrics.Ignored, ObserveHeld: metrics.Held,
		ObserveWrite:   func(ctx context.Context, w bridge.Write) { audit(ctx, log, w) },
		Directory:      directory.Options{MaxMemory: c.Index.MaxMemoryBytes, Now: now, ObserveScan: metrics.Scan},
		BulkOperations: c.Bulk.MaxOperations, BulkPayload: c.Bulk.MaxPayloadBytes,
		ErrorDocs:  string(c.Server.ErrorDocs),
		MaxResults: c.Server.MaxResults, CursorTimeout: time.Duration(c.Server.CursorTimeout), HidePagination: c.Server.HidePagination,
	}
}

// indexes are the indexes of all tenants for the metrics.
func indexes(d *directory.Directory) []observe.Index {
	all := d.Status()
	out := make([]observe.Index, len(all))
	for i, s := range all {
		out[i] = observe.Index(s)
	}
	return out
}

func prefixes(networks []config.Network) []netip.Prefix {
	out := make([]netip.Prefix, len(networks))
	for i, n := range networks {
		out[i] = netip.Prefix(n)
	}
	return out
}

// endingTokens are the static tokens that have an end.
func endingTokens(tenants *tenant.Registry) []observe.Token {
	var out []observe.Token
	for _, t := range tenants.All() {
		for _, token := range t.Tokens {
			if !token.Expires.IsZero() {
				out = append(out, observe.Token{Tenant: t.Path, Name: token.Name, KeyID: token.KeyID, Expires: token.Expires})
			}
		}
	}
	return out
}

// warnOfExpiry speaks of tokens that end, once a minute until the context ends.
func (a *app) warnOfExpiry(ctx context.Context) {
	expiry := auth.Expiry{Log: a.log}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		expiry.Look(a.watcher.Tenants.All(), time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// watch is told what clients do; its zero value is nobody.
type watch struct {
	wrap   func(http.RoundTripper) http.RoundTripper
	call   func(context.Context, keycloak.Call)
	outage func(realm string, outage bool)
}

// newClients makes one client a realm over one transport.
func newClients(c config.Config, transport http.RoundTripper, w watch) (map[string]*keycloak.Client, error) {
	clients := make(map[string]*keycloak.Client, len(c.Realms))
	for name, r := range c.Realms {
		parsed, err := keycloak.ParseRealm(name)
		if err != nil {
			return nil, err
		}
		settings := keycloak.Config{
			BaseURL: string(c.Keycloak.URL), Realm: parsed, Credentials: credentials(r.Credentials),
			Transport: transport, MaxInFlight: c.Keycloak.MaxInFlight, BreakerDelay: time.Duration(c.Keycloak.BreakerDelay), Wrap: w.wrap, Observe: w.call,
		}
		if w.outage != nil {
			settings.ObserveOutage = func(outage bool) { w.outage(name, outage) }
		}
		clients[name], err = keycloak.New(settings)
		if err != nil {
			return nil, fmt.Errorf("realm %s: %w", name, err)
		}
	}
	return clients, nil
}

// cursorKey seals cursors: who has the credentials of the realm, as another replica or the next
// start, takes them.
func cursorKey(c config.Credentials) ([]byte, error) {
	secret := []byte(c.Secret.Reveal())
	if !c.PrivateKey.IsZero() {
		var err error
		if secret, err = x509.MarshalPKCS8PrivateKey(c.PrivateKey.Signer()); err != nil {
			return nil, fmt.Errorf("encode the private key: %w", err)
		}
	}
	return directory.CursorKey(secret)
}

func newTransport(k config.Keycloak) (*http.Transport, error) {
	return keycloak.NewTransport(keycloak.TransportConfig{
		RootCAs: k.RootCAs, ClientCertificate: k.ClientCertificate, Proxy: string(k.Proxy), MaxInFlight: k.MaxInFlight,
		ConnectTimeout: time.Duration(k.ConnectTimeout), ResponseTimeout: time.Duration(k.ResponseTimeout),
	})
}

func credentials(c config.Credentials) keycloak.Credentials {
	if !c.PrivateKey.IsZero() {
		return keycloak.PrivateKeyJWT(c.ClientID, c.PrivateKey.Signer(), c.KeyID)
	}
	return keycloak.ClientSecret(c.ClientID, c.Secret.Reveal())
}

// watchedClients are clients whose calls are traced and counted, for the metrics and for the line
// of their request, and whose outages are told.
func watchedClients(c config.Config, transport http.RoundTripper, metrics *observe.Metrics, tracer *observe.Tracer, log *zap.Logger) (map[string]*keycloak.Client, error) {
	for name := range c.Realms {
		metrics.Realm(name)
	}
	return newClients(c, transport, watch{
		wrap: func(next http.RoundTripper) http.RoundTripper {
			return tracer.Calls(next, keycloak.Op, func(err error) (int, string) { return keycloak.StatusOf(err), string(keycloak.KindOf(err)) })
		},
		call: func(ctx context.Context, c keycloak.Call) {
			outcome := string(c.Kind)
			if outcome == "" {
				outcome = "ok"
			}
			metrics.Call(c.Op, outcome, c.Duration)
			observe.CountCall(ctx)
		},
		outage: func(realm string, outage bool) {
			metrics.Outage(realm, outage)
			if outage {
				log.Error("Keycloak does not answer: no call is made for keycloak.breakerDelay, then one finds out", zap.String("realm", realm))
			} else {
				log.Info("Keycloak answers again", zap.String("realm", realm))
			}
		},
	})
}

// newTenants makes the tenants of a configuration, and says by path what is wrong with the
// mapping of one, which has none then.
func newTenants(c config.Config, compiled mappings) (out []*tenant.Tenant, wrong map[string]string, err error) {
	wrong = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Realms)) {
		var p places
		for _, t := range tenantsOfRealm(name, c.Realms[name]) {
			m, problems := compiled.load(t)
			if len(problems) == 0 {
				problems = p.take(t, m)
			}
			if len(problems) > 0 {
				m, wrong[t.Path] = nil, problems[0].String()
			}
			made, err := newTenant(c, name, t, m)
			if err != nil {
				return nil, nil, err
			}
			out = append(out, made)
		}
	}
	return out, wrong, nil
}

// allTenants is newTenants, and what is wrong an error.
func allTenants(c config.Config, compiled mappings) ([]*tenant.Tenant, error) {
	list, wrong, err := newTenants(c, compiled)
	for _, path := range slices.Sorted(maps.Keys(wrong)) {
		return nil, fmt.Errorf("tenant %s: %s", path, wrong[path])
	}
	return list, err
}

func newTenant(c config.Config, realmName string, t config.Tenant, m *mapping.Mapping) (*tenant.Tenant, error) {
	of := c.Realms[realmName].Protected
	protected := tenant.Listed{Users: of.Users, Policies: of.Policies == config.PoliciesListed, Delegated: of.Delegated == config.DelegatedRefuse}
	for _, path := range of.Groups {
		protected.Groups = append(protected.Groups, string(path))
	}
	tokens := make([]tenant.Token, len(t.Tokens))
	for i, token := range t.Tokens {
		tokens[i] = tenant.Token{
			Name: token.Name, KeyID: string(token.KeyID), SHA256: token.SHA256, Expires: token.Expires.Time, Scopes: tenant.ScopesOf(token.Scopes),
		}
	}
	cursorKey, err := cursorKey(c.Realms[realmName].Credentials)
	if err != nil {
		return nil, err
	}
	out := &tenant.Tenant{
		Path: t.Path, Realm: realmName, Mapping: m, Tokens: tokens, AccessTokens: accessTokens(c, realmName, t.AccessTokens), CursorKey: cursorKey, Organization: tenant.Organization{Alias: t.Organization},
		Party:   mapping.Party{Key: t.Key, Organization: t.Organization != "", Shared: isShared(c.Realms[realmName])},
		BaseURL: tenant.BaseURL(string(c.Server.PublicURL), t.Path),
		Policy: tenant.Policy{
			Policies: t.Policies, BareToken: t.BareToken, BasicAuth: t.BasicAuth, OwnedOnly: t.Scope == config.ScopeOwned, Protected: protected,
			Organizations: hasOrganizations(c.Realms[realmName]),
		},
		OfOrganization: t.OfOrganization, Entry: entryOf(c, realmName, t),
	}
	if out.OfOrganization {
		out.Tokens = nil // nobody read them yet
	}
	if t.OrganizationID != "" {
		id, err := keycloak.ParseOrganizationID(t.OrganizationID)
		if err != nil {
			return nil, fmt.Errorf("tenant %s: organizationID: %w", t.Path, err)
		}
		out.Organization.ID = id
	}
	return out, nil
}

// entryOf is what commands need that texts about a tenant name, wherever they are run.
func entryOf(c config.Config, realmName string, t config.Tenant) tenant.Entry {
	r := c.Realms[realmName]
	return tenant.Entry{File: absolute(c.File), Mapping: absolute(t.Mapping), ClientID: r.Credentials.ClientID, Every: r.Organizations.All}
}

// absolute is the whole path of a file, "" for none.
func absolute(file string) string {
	if whole, err := filepath.Abs(file); err == nil && file != "" {
		return whole
	}
	return file
}

// accessTokens are whose JWTs a tenant takes, with where their keys are.
func accessTokens(c config.Config, realmName string, list []config.AccessToken) []tenant.AccessToken {
	out, realm := make([]tenant.AccessToken, len(list)), string(c.Keycloak.URL)+"/realms/"+url.PathEscape(realmName)
	for i, a := range list {
		out[i] = tenant.AccessToken{
			Name: a.Name, Issuer: string(a.Issuer), KeysURL: string(a.JWKSURL), Audience: a.Audience, ClientID: a.ClientID, Subject: a.Subject,
			RequiredScope: a.RequiredScope, Scopes: tenant.ScopesOf(a.Scopes),
		}
		if a.Issuer == "" {
			out[i].Issuer, out[i].OfRealm = cmp.Or(string(c.Realms[realmName].Issuer), realm), true
			out[i].KeysURL = realm + "/protocol/openid-connect/certs"
		}
	}
	return out
}
