package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// testBridge is a bridge over a realm of its own in a real Keycloak, made the way
// an operator makes one: setup, then the configuration that it wrote.
type testBridge struct {
	*client.Client
	admin *keycloak.Client // of the realm
	realm string
}

// newBridge sets a realm up and serves it on a socket until the test ends.
func newBridge(t *testing.T, edit func(*config.Config)) testBridge {
	t.Helper()
	server := keycloaktest.Real(t)
	realm := keycloaktest.RandomRealm(t)
	admin, err := adminClient(server.URL, realm, "master", server.Admin, server.Password)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.CreateRealm(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin.DeleteRealm(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	made := runSetup(t, server, realm)
	c, problems := config.Load(made.Config)
	if len(problems) > 0 {
		t.Fatalf("the configuration that setup wrote has problems: %v", problems)
	}
	return testBridge{Client: serveConfig(t, c, realm, made.Token, edit), admin: admin, realm: realm}
}

// runSetup runs the command as an operator would.
func runSetup(t *testing.T, server keycloaktest.Server, realm string) result {
	t.Helper()
	var out, told bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetErr(&told)
	root.SetIn(strings.NewReader(""))
	root.SetArgs([]string{
		"setup", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password,
		"--yes", "--relax-validators", "--allow-username-changes", "--out", t.TempDir(), "--output", "json",
	})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("setup: %v\n%s", err, told.String())
	}
	var r result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("setup printed %q: %v", out.String(), err)
	}
	return r
}

func serveConfig(t *testing.T, c config.Config, realm, token string, edit func(*config.Config)) *client.Client {
	t.Helper()
	listener := httptest.NewUnstartedServer(nil)
	c.Server.PublicURL = config.URL("http://" + listener.Listener.Addr().String())
	if edit != nil {
		edit(&c)
	}
	a, err := newApp(c, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if !a.watcher.Look(t.Context()) {
		t.Fatalf("the realm that setup made is not fit: %v", a.watcher.Tenants[0].Fitness())
	}
	listener.Config.Handler = a.handler
	listener.Config.MaxHeaderBytes = maxHeader
	listener.Start()
	t.Cleanup(listener.Close)
	return &client.Client{Base: string(c.Server.PublicURL) + "/realms/" + realm + "/scim/v2", Token: token, HTTP: http.DefaultClient}
}
