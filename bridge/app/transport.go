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

// takeCertificates takes new certificates when their files have the same names.
func takeCertificates(c *config.Config, read config.Config) {
	if c.Keycloak.CAFile == read.Keycloak.CAFile {
		c.Keycloak.RootCAs = read.Keycloak.RootCAs
	}
	if c.Keycloak.ClientCertFile == read.Keycloak.ClientCertFile && c.Keycloak.ClientKeyFile == read.Keycloak.ClientKeyFile {
		c.Keycloak.ClientCertificate = read.Keycloak.ClientCertificate
	}
	if c.Outbound.CAFile == read.Outbound.CAFile {
		c.Outbound.RootCAs = read.Outbound.RootCAs
	}
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
