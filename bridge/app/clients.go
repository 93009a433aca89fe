package app

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"go.uber.org/zap"
)

// watch are functions that get the calls of clients. The zero value watches nothing.
type watch struct {
	wrap   func(http.RoundTripper) http.RoundTripper
	call   func(context.Context, keycloak.Call)
	outage func(realm string, outage bool)
}

// Clients makes a client for each realm, all with the same transport.
func Clients(c config.Config, transport http.RoundTripper) (map[string]*keycloak.Client, error) {
	return newClients(c, transport, watch{})
}

// newClients is Clients with functions that get the calls.
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

// NewTransport makes the transport to Keycloak that a configuration describes.
func NewTransport(k config.Keycloak) (*http.Transport, error) {
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

// watchedClients makes clients whose calls are traced, and counted in the metrics and in the log line of the request.
// Outages are logged.
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
				log.Error("Keycloak does not answer: the bridge makes no call for keycloak.breakerDelay, then one call tests whether Keycloak answers again", zap.String("realm", realm))
			} else {
				log.Info("Keycloak answers again", zap.String("realm", realm))
			}
		},
	})
}
