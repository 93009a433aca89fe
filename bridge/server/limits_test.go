package server_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// retryAfter is the value of the header in seconds, 0 without the header.
func retryAfter(header http.Header) int {
	n, _ := strconv.Atoi(header.Get("Retry-After"))
	return n
}

// TestSecurity_36_ANoisyTenantSlowsOnlyItself: a tenant beyond its limits gets 429 with Retry-After. Another tenant of the
// realm is served as before.
func TestSecurity_36_ANoisyTenantSlowsOnlyItself(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := apptest.NewCustomers(t, fake.Server(), func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[0].Limits = config.Limits{RequestsPerSecond: 1, InFlight: 1}
		}
	})
	acme, globex := c.Of["acme"], c.Of["globex"]
	release := make(chan struct{})
	held := fake.Inject(keycloaktest.Fault{Nth: 1, Hold: release})
	done := make(chan int, 1)
	go func() {
		status, _, _ := apptest.AskWith(t, acme, apptest.ListUsers(), apptest.BearerOf(acme.Token))
		done <- status
	}()
	<-held
	status, header, body := apptest.AskWith(t, acme, apptest.ListUsers(), apptest.BearerOf(acme.Token))
	if status != http.StatusTooManyRequests || retryAfter(header) < 1 {
		t.Errorf("a second request while one runs = %d %s, Retry-After %q, want 429", status, body, header.Get("Retry-After"))
	}
	globex.Must(t, http.MethodGet, "/Users", "")
	close(release)
	if status := <-done; status != http.StatusOK {
		t.Errorf("the running request = %d", status)
	}
	throttled := 0
	for range 10 {
		status, header, _ := apptest.AskWith(t, acme, apptest.ListUsers(), apptest.BearerOf(acme.Token))
		if status == http.StatusTooManyRequests && retryAfter(header) >= 1 {
			throttled++
		}
		globex.Must(t, http.MethodGet, "/Users", "")
	}
	if throttled == 0 {
		t.Error("ten requests at once do not exceed a limit of one request per second")
	}
}

// TestSecurity_36_AFloodWithoutACredential makes no call to Keycloak or of an issuer. A client with a valid token is
// still served.
func TestSecurity_36_AFloodWithoutACredential(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.NewBridgeOn(t, fake.Server(), func(c *config.Config) { c.Server.FailuresPerMinute = 5 })
	fake.ResetCalls()
	statuses := map[int]int{}
	for range 50 {
		status, header, body := apptest.AskWith(t, b, apptest.ListUsers(), apptest.BearerOf("a-guess-of-a-token"))
		statuses[status]++
		if status == http.StatusTooManyRequests && retryAfter(header) < 1 {
			t.Errorf("%d %s has no Retry-After", status, body)
		}
	}
	if n := statuses[http.StatusUnauthorized]; n < 5 || statuses[http.StatusTooManyRequests] != 50-n || n > 20 {
		t.Errorf("the flood is answered %v, want 401 five times and then 429", statuses)
	}
	if n := len(fake.Calls()); n != 0 {
		t.Errorf("the flood costs %d calls", n)
	}
	b.Must(t, http.MethodGet, "/Users", "")
}
