package bridge_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// expiring is a Locker that loses its leases as soon as the user is read. It is also the transport, to see the read.
type expiring struct {
	lost  chan struct{}
	calls []string // calls that write
	held  int
}

func (e *expiring) Lock(context.Context, ...apply.Key) (apply.Lease, error) {
	e.held++
	return e, nil
}

func (e *expiring) Lost() <-chan struct{} { return e.lost }

func (e *expiring) Release() { e.held-- }

func (e *expiring) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case r.Method == http.MethodPut:
		e.calls = append(e.calls, r.Method+" "+r.URL.Path)
	case r.Method == http.MethodGet && !isLost(e.lost):
		close(e.lost)
	}
	return canned{}.RoundTrip(r)
}

func isLost(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestARequestThatLosesItsLeaseWritesNothing: another request may be writing the user by then. The error asks the
// client to repeat the request.
func TestARequestThatLosesItsLeaseWritesNothing(t *testing.T) {
	t.Parallel()
	e := &expiring{lost: make(chan struct{})}
	realm, err := keycloak.ParseRealm("acme")
	if err != nil {
		t.Fatal(err)
	}
	client, err := keycloak.New(keycloak.Config{BaseURL: "http://keycloak.test", Realm: realm, Credentials: keycloak.ClientSecret("c", "s"), Transport: e})
	if err != nil {
		t.Fatal(err)
	}
	of := &tenant.Tenant{Path: "acme", Realm: "acme", Owner: mapping.Owner{Key: "realm"}, BaseURL: tenant.BaseURL("http://bridge.test", "acme"), Mapping: mapping.Default(scim.Tolerant)}
	of.SetFitness(tenant.Fitness{Protected: &tenant.Protected{At: time.Now()}})
	kept := &journal{}
	service := bridge.New(keycloak.NewRealms(map[string]*keycloak.Client{"acme": client}), bridge.Options{Log: zap.NewNop(), Locker: e, Recorder: kept})
	body := map[string]any{"schemas": []any{scim.UserURN}, "userName": "jane@acme.test", "displayName": "Janet", "emails": []any{map[string]any{"value": "jane@acme.test", "primary": true}}}
	_, err = service.Replace(t.Context(), bridge.Call{By: of.Operator(), Endpoint: "/Users", ID: "1", Origin: change.Request}, body)
	told, is := errors.AsType[*scim.Error](err)
	if !is || told.Status != http.StatusServiceUnavailable || told.RetryAfter == 0 || !errors.Is(told.Cause, apply.ErrLost) {
		t.Errorf("the request = %v, want 503 to be repeated", err)
	}
	if len(kept.settled) != 1 || kept.settled[0].Outcome != change.Refused || kept.settled[0].Reason != "update_user: "+apply.ErrLost.Error() {
		t.Errorf("the change is settled as %+v", kept.settled)
	}
	if !slices.Equal(e.calls, nil) || e.held != 0 {
		t.Errorf("Keycloak was told %q, and %d leases are held; want nothing", e.calls, e.held)
	}
}
