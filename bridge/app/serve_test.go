package app_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// senders counts the goroutines that send traces.
func senders(t *testing.T) int {
	t.Helper()
	var out strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&out, 2); err != nil {
		t.Fatal(err)
	}
	return strings.Count(out.String(), "batchSpanProcessor).processQueue(")
}

// tracedConfig is the configuration of a bridge that uses the fake and sends traces. Its admin listener gets a free
// port.
func tracedConfig(t *testing.T) config.Config {
	t.Helper()
	server := keycloaktest.NewFake(t).Server()
	realm, _ := apptest.NewEmptyRealm(t, server)
	collector := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(collector.Close)
	c, problems := config.Load(apptest.RunSetup(t, server, realm).Config)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	c.Admin.Listen, c.Tracing.Endpoint = "127.0.0.1:0", config.URL(collector.URL)
	return c
}

// TestABridgeThatDoesNotStartLeavesNothingBehind: the addresses and the socket are free again, and no goroutine sends
// traces. It runs beside no other test.
func TestABridgeThatDoesNotStartLeavesNothingBehind(t *testing.T) { //nolint:paralleltest // it counts goroutines of the whole process
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	traced, before := tracedConfig(t), senders(t)
	for what, edit := range map[string]func(*config.Config){
		"server.listen": func(c *config.Config) { c.Server.Listen = config.Address(taken.Addr().String()) },
		"admin.listen":  func(c *config.Config) { c.Admin.Listen = config.Address(taken.Addr().String()) },
		"admin.socket":  func(c *config.Config) { c.Admin.Socket = filepath.Dir(c.Admin.Socket) },
		"keycloak":      func(c *config.Config) { c.Keycloak.URL = "http://[" },
	} {
		c := traced
		free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := free.Close(); err != nil {
			t.Fatal(err)
		}
		c.Server.Listen = config.Address(free.Addr().String())
		edit(&c)
		a, err := app.New(c, app.Options{Log: zap.NewNop()})
		if err == nil {
			err = a.Serve(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), what) && what != "keycloak" {
			t.Errorf("%s: the bridge ends with %v", what, err)
		}
		if n := senders(t); n != before {
			t.Errorf("%s: %d goroutines send traces, want %d", what, n, before)
		}
		again, err := new(net.ListenConfig).Listen(t.Context(), "tcp", free.Addr().String())
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestABridgeThatEndsLeavesNothingBehind: the bridge can be started again at once. It runs beside no other test.
func TestABridgeThatEndsLeavesNothingBehind(t *testing.T) { //nolint:paralleltest // it counts goroutines of the whole process
	c := tracedConfig(t)
	c.Server.Listen = "127.0.0.1:0"
	before := senders(t)
	for range 2 {
		a, err := app.New(c, app.Options{Log: zap.NewNop()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Serve(ctx) }()
		for answers := false; !answers; {
			select {
			case err := <-ended:
				t.Fatalf("the bridge ends before it answers: %v", err)
			default:
				_, err := (control.Client{Socket: c.Admin.Socket}).Tenants(t.Context())
				answers = err == nil
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the bridge ends with %v", err)
		}
		if n := senders(t); n != before {
			t.Errorf("%d goroutines send traces, want %d", n, before)
		}
		if _, err := (control.Client{Socket: c.Admin.Socket}).Tenants(t.Context()); err == nil {
			t.Error("the socket still answers")
		}
	}
}
