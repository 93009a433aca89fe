package app

import (
	"net/http"
	"sync/atomic"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// renewable is a transport whose certificates can change while calls run.
type renewable struct {
	now atomic.Pointer[http.Transport]
}

func newRenewable(t *http.Transport) *renewable {
	out := &renewable{}
	out.now.Store(t)
	return out
}

// RoundTrip implements http.RoundTripper.
func (r *renewable) RoundTrip(req *http.Request) (*http.Response, error) {
	return r.now.Load().RoundTrip(req)
}

// renew makes all new calls use another transport. Running calls end on their old connections, which are then closed.
func (r *renewable) renew(next *http.Transport) { r.now.Swap(next).CloseIdleConnections() }

// keepSettings keeps the settings of the connections to Keycloak and to other servers, which only take effect at a
// start. It takes new certificates when their files have the same names.
func (a *App) keepSettings(c *config.Config) {
	keycloak, outbound := a.config.Keycloak, a.config.Outbound
	if c.Keycloak.CAFile == keycloak.CAFile {
		keycloak.RootCAs = c.Keycloak.RootCAs
	}
	if c.Keycloak.ClientCertFile == keycloak.ClientCertFile && c.Keycloak.ClientKeyFile == keycloak.ClientKeyFile {
		keycloak.ClientCertificate = c.Keycloak.ClientCertificate
	}
	if c.Outbound.CAFile == outbound.CAFile {
		outbound.RootCAs = c.Outbound.RootCAs
	}
	c.Keycloak, c.Outbound = keycloak, outbound
}

// newTransports are the new transports to Keycloak and to other servers. Each is nil when its certificates did not
// change.
func (a *App) newTransports(c config.Config) (keycloak, outbound *http.Transport, err error) {
	other := func(file config.File) bool { return a.config.Files[string(file)] != c.Files[string(file)] }
	if k := c.Keycloak; other(k.CAFile) || other(k.ClientCertFile) || other(k.ClientKeyFile) {
		if keycloak, err = NewTransport(k); err != nil {
			return nil, nil, err
		}
	}
	if other(c.Outbound.CAFile) {
		outbound, err = outboundTransport(c.Outbound)
	}
	return keycloak, outbound, err
}
