package keycloaktest

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// creator makes the administrators of tests. It is the administrator of the whole server, and logs in once for a test
// run.
type creator struct {
	client      *keycloak.Client
	createRealm keycloak.Role
	err         error
}

//nolint:gochecknoglobals // one token serves all tests of a run
var theCreator = sync.OnceValue(func() (c creator) {
	realm, err := keycloak.ParseRealm(masterRealm)
	if err != nil {
		return creator{err: err}
	}
	s := serverOfRun()
	transport, err := keycloak.NewTransport(keycloak.TransportConfig{ResponseTimeout: time.Minute})
	if err != nil {
		return creator{err: err}
	}
	c.client, c.err = keycloak.New(keycloak.Config{BaseURL: s.URL, Transport: transport, Realm: realm, Credentials: keycloak.Password(s.Admin, s.Password)})
	if c.err == nil {
		c.createRealm, c.err = c.client.FindRole(context.Background(), keycloak.RoleName{Name: "create-realm"})
	}
	return c
})

// serverOfRun is the server that the variables name, with the administrator of all its realms.
func serverOfRun() Server {
	return Server{URL: os.Getenv(EnvURL), Admin: os.Getenv(EnvAdmin), Password: os.Getenv(EnvPassword)}
}

// own gives a test its own administrator, who may create realms and administers only those. Keycloak reads all roles of
// an administrator again after each new realm. This takes 80 ms for an administrator of 390 realms, and 5 ms for an
// administrator of one.
func (s Server) own(tb testing.TB) Server {
	tb.Helper()
	c := theCreator()
	if c.err != nil {
		tb.Fatalf("the administrator of the server: %v", c.err)
	}
	name, password := "test-"+strings.ToLower(rand.Text()[:12]), rand.Text()
	id, err := c.client.CreateUser(tb.Context(), keycloak.NewUser{
		Username: name, Email: name + "@tests.test", FirstName: "Test", LastName: "Administrator", Enabled: true,
		Password: keycloak.NewUserPassword(password, false),
	})
	if err == nil {
		err = c.client.GrantRoles(tb.Context(), id, []keycloak.Role{c.createRealm})
	}
	if err != nil {
		tb.Fatalf("make an administrator: %v", err)
	}
	if os.Getenv(EnvEphemeral) == "" {
		tb.Cleanup(func() { c.remove(tb, id) })
	}
	return Server{URL: s.URL, Admin: name, Password: password, all: &s}
}

// WithAllRealms is the server with the administrator of all its realms. Only this administrator may make a user a
// realm-admin.
func (s Server) WithAllRealms() Server {
	if s.all == nil {
		return s
	}
	return *s.all
}

func (c creator) remove(tb testing.TB, id keycloak.UserID) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.client.DeleteUser(ctx, id); err != nil {
		tb.Errorf("delete the administrator of a test: %v", err)
	}
}
