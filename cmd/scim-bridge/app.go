package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
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
	service *bridge.Service
	handler http.Handler
	health  *observe.Health
	watcher *realm.Watcher
	config  config.Config
	// mappings are the digests of the mapping files as they were loaded, by name.
	mappings map[string]config.Digest
}

func newApp(c config.Config, log *zap.Logger) (*app, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics := observe.NewMetrics(registry, buildVersion())
	transport, err := newTransport(c.Keycloak)
	if err != nil {
		return nil, err
	}
	clients, err := newClients(c, transport, observer(metrics))
	if err != nil {
		return nil, err
	}
	list, mappings, err := newTenants(c)
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
	service := bridge.New(clients, bridge.Options{
		Log:            log,
		ObserveStep:    func(kind plan.Kind, err error) { metrics.Step(string(kind), err) },
		ObserveIgnored: metrics.Ignored,
	})
	return &app{
		service: service,
		handler: server.New(service, server.Options{
			Tenants: tenants, PublicURL: string(c.Server.PublicURL), Log: log, Metrics: metrics,
			MaxBody: c.Server.MaxBodyBytes, Timeout: time.Duration(c.Server.RequestTimeout),
		}),
		health: observe.NewHealth(registry, func() []observe.TenantStatus { return status(tenants) }),
		watcher: &realm.Watcher{
			Tenants: tenants, Clients: clients, Log: log, Observe: metrics.Fit, ObserveMapping: metrics.Mapping,
			Organizations: organizationsOf(c, log),
		},
		config: c, mappings: mappings,
	}, nil
}

// newClients makes one client a realm over one transport. observe may be nil.
func newClients(c config.Config, transport http.RoundTripper, observe func(context.Context, keycloak.Call)) (map[string]*keycloak.Client, error) {
	clients := make(map[string]*keycloak.Client, len(c.Realms))
	for name, r := range c.Realms {
		parsed, err := keycloak.ParseRealm(name)
		if err != nil {
			return nil, err
		}
		clients[name], err = keycloak.New(keycloak.Config{
			BaseURL: string(c.Keycloak.URL), Realm: parsed, Credentials: credentials(r.Credentials),
			Transport: transport, MaxInFlight: c.Keycloak.MaxInFlight, Observe: observe,
		})
		if err != nil {
			return nil, fmt.Errorf("realm %s: %w", name, err)
		}
	}
	return clients, nil
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

// observer counts calls, for the metrics and for the line of their request.
func observer(metrics *observe.Metrics) func(context.Context, keycloak.Call) {
	return func(ctx context.Context, c keycloak.Call) {
		outcome := string(c.Kind)
		if outcome == "" {
			outcome = "ok"
		}
		metrics.Call(c.Op, outcome, c.Duration)
		observe.CountCall(ctx)
	}
}

func newTenants(c config.Config) (out []*tenant.Tenant, mappings map[string]config.Digest, err error) {
	mappings = map[string]config.Digest{}
	for name, r := range c.Realms {
		for _, t := range tenantsOfRealm(name, r) {
			m, digest, problems := loadMappingFile(t)
			if t.Mapping != "" {
				mappings[t.Mapping] = digest
			}
			if len(problems) > 0 {
				return nil, nil, fmt.Errorf("tenant %s: %s", t.Path, problems[0])
			}
			made, err := newTenant(c, name, t, m)
			if err != nil {
				return nil, nil, err
			}
			out = append(out, made)
		}
	}
	return out, mappings, nil
}

func newTenant(c config.Config, realmName string, t config.Tenant, m *mapping.Mapping) (*tenant.Tenant, error) {
	protected := tenant.Listed{Users: c.Realms[realmName].Protected.Users}
	for _, path := range c.Realms[realmName].Protected.Groups {
		protected.Groups = append(protected.Groups, string(path))
	}
	tokens := make([]tenant.Token, len(t.Tokens))
	for i, token := range t.Tokens {
		tokens[i] = tenant.Token{Name: token.Name, SHA256: token.SHA256, Expires: token.Expires.Time}
	}
	out := &tenant.Tenant{
		Path: t.Path, Realm: realmName, Mapping: m, Tokens: tokens, Organization: tenant.Organization{Alias: t.Organization},
		Party:   mapping.Party{Key: t.Key, Organization: t.Organization != "", Shared: isShared(c.Realms[realmName])},
		BaseURL: tenant.BaseURL(string(c.Server.PublicURL), t.Path),
		Policy: tenant.Policy{
			Policies: t.Policies, BareToken: t.BareToken, OwnedOnly: t.Scope == config.ScopeOwned, Protected: protected,
			Organizations: hasOrganizations(c.Realms[realmName]),
		},
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

func status(tenants *tenant.Registry) []observe.TenantStatus {
	var out []observe.TenantStatus
	for _, t := range tenants.All() {
		problem := t.Fitness().Problem
		out = append(out, observe.TenantStatus{Tenant: t.Path, Realm: t.Realm, Fit: problem == "", Problem: problem, Mapping: t.Unapplied()})
	}
	return out
}
