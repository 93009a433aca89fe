package realm_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	logtest "go.uber.org/zap/zaptest/observer"
	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// closed is a Keycloak that issues no tokens, so that a check finds nothing new.
type closed struct{ calls int }

func (c *closed) RoundTrip(r *http.Request) (*http.Response, error) {
	c.calls++
	return &http.Response{
		StatusCode: http.StatusUnauthorized, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"error":"unauthorized_client"}`)), Request: r,
	}, nil
}

// TestARealmOfWhichNothingIsWrittenIsLookedAtSoon, like an unfit realm: a repair by the operator
// takes effect at once.
func TestARealmOfWhichNothingIsWrittenIsLookedAtSoon(t *testing.T) {
	t.Parallel()
	name, err := keycloak.ParseRealm("acme")
	if err != nil {
		t.Fatal(err)
	}
	calls := func(f tenant.Fitness) (n int) {
		synctest.Test(t, func(t *testing.T) {
			server := &closed{}
			c, err := keycloak.New(keycloak.Config{BaseURL: "http://keycloak.test", Realm: name, Credentials: keycloak.ClientSecret("id", "secret"), Transport: server})
			if err != nil {
				t.Fatal(err)
			}
			one := &tenant.Tenant{Path: "acme", Realm: "acme", Mapping: &mapping.Mapping{}}
			one.SetFitness(f)
			registry, err := tenant.NewRegistry(one)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second)
			defer cancel()
			(&realm.Watcher{Tenants: registry, Realms: keycloak.NewRealms(map[string]*keycloak.Client{"acme": c}), Log: zap.NewNop()}).Run(ctx)
			n = server.calls
		})
		return n
	}
	once := calls(tenant.Fitness{Protected: &tenant.Protected{}})
	if once == 0 {
		t.Fatal("nobody looked")
	}
	for what, f := range map[string]tenant.Fitness{
		"one that is not fit":             {Problem: "a right is missing"},
		"one of which nothing is written": {Protected: &tenant.Protected{Unknown: "a policy cannot be read"}},
	} {
		if got, want := calls(f), 30*once; got != want {
			t.Errorf("looks at %s take %d calls in a minute, want %d: thirty times those of one", what, got, want)
		}
	}
}

// TestTwoChecksAtOnce run one after the other. A command and the clock each start a check, and both
// write to the log.
func TestTwoChecksAtOnce(t *testing.T) {
	t.Parallel()
	name, err := keycloak.ParseRealm("acme")
	if err != nil {
		t.Fatal(err)
	}
	c, err := keycloak.New(keycloak.Config{BaseURL: "http://keycloak.test", Realm: name, Credentials: keycloak.ClientSecret("id", "secret"), Transport: &closed{}})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := tenant.NewRegistry(&tenant.Tenant{Path: "acme", Realm: "acme", Mapping: &mapping.Mapping{}})
	if err != nil {
		t.Fatal(err)
	}
	core, lines := logtest.New(zap.DebugLevel)
	w := &realm.Watcher{Tenants: registry, Realms: keycloak.NewRealms(map[string]*keycloak.Client{"acme": c}), Log: zap.New(core)}
	var g errgroup.Group
	for range 4 {
		g.Go(func() error { w.Check(t.Context()); return nil })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := lines.FilterMessage("the realm cannot be checked").Len(); n != 1 {
		t.Errorf("four looks that find the same tell it %d times, want once", n)
	}
}

// TestABridgeThatEndsDoesNotWarnOfTheRealm: the check broke off, and found nothing wrong.
func TestABridgeThatEndsDoesNotWarnOfTheRealm(t *testing.T) {
	t.Parallel()
	name, err := keycloak.ParseRealm("acme")
	if err != nil {
		t.Fatal(err)
	}
	c, err := keycloak.New(keycloak.Config{BaseURL: "http://keycloak.test", Realm: name, Credentials: keycloak.ClientSecret("id", "secret"), Transport: &closed{}})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := tenant.NewRegistry(&tenant.Tenant{Path: "acme", Realm: "acme", Mapping: &mapping.Mapping{}})
	if err != nil {
		t.Fatal(err)
	}
	core, lines := logtest.New(zap.DebugLevel)
	w := &realm.Watcher{Tenants: registry, Realms: keycloak.NewRealms(map[string]*keycloak.Client{"acme": c}), Log: zap.New(core)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.Check(ctx)
	if got := lines.FilterMessage("the realm cannot be checked").All(); len(got) != 0 {
		t.Errorf("a check that was broken off warns: %v", got)
	}
}
