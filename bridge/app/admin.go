package app

import (
	"net/http"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Administrator is an account of an administrator of Keycloak.
type Administrator struct {
	Realm, Name, Password string // Realm is the realm of the account
}

// AdminTimeout is the time limit of one call of a command. Keycloak is slow after its start, and an operator prefers
// to wait.
const AdminTimeout = 30 * time.Second

// Client makes a client of a realm, for the Keycloak at a URL.
func (a Administrator) Client(url, realmName string) (*keycloak.Client, error) {
	transport, err := keycloak.NewTransport(keycloak.TransportConfig{ResponseTimeout: AdminTimeout})
	if err != nil {
		return nil, err
	}
	return a.client(url, realmName, transport)
}

// ClientOf makes a client of a realm, for the Keycloak of a configuration.
func (a Administrator) ClientOf(c config.Config, realmName string) (*keycloak.Client, error) {
	c.Keycloak.ResponseTimeout = max(c.Keycloak.ResponseTimeout, config.Duration(AdminTimeout))
	transport, err := NewTransport(c.Keycloak)
	if err != nil {
		return nil, err
	}
	return a.client(string(c.Keycloak.URL), realmName, transport)
}

func (a Administrator) client(url, realmName string, transport *http.Transport) (*keycloak.Client, error) {
	parsed, err := keycloak.ParseRealm(realmName)
	if err != nil {
		return nil, err
	}
	home, err := keycloak.ParseRealm(a.Realm)
	if err != nil {
		return nil, err
	}
	return keycloak.New(keycloak.Config{
		BaseURL: url, Realm: parsed, TokenRealm: home, Transport: transport,
		Credentials: keycloak.Password(a.Name, a.Password),
	})
}
