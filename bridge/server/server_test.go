package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// newServer is a server without tenants.
func newServer(t *testing.T) (*Server, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	tenants, err := tenant.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	tracer, err := observe.NewTracer(observe.TracerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return &Server{
		service: bridge.New(nil, bridge.Options{Log: zap.NewNop()}),
		options: Options{
			Tenants: tenants, Log: zap.NewNop(), Metrics: observe.NewMetrics(registry, "test", observe.EveryTenant), MaxBody: 1000, Timeout: time.Minute,
			Tracer: tracer, Activity: &tenant.Activity{}, Auth: auth.New(auth.Options{}), Bodies: NewBodies(),
		},
		limits: newLimits(1000),
	}, registry
}

// TestWhateverHappensIsASCIMError: also after a panic, an internal error, or an error with an internal cause.
func TestWhateverHappensIsASCIMError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		work   func() (bridge.Result, error)
		status int
	}{
		"a panic": {func() (bridge.Result, error) {
			routes()[len(routes())].path = "secret"
			return bridge.Result{}, nil
		}, 500},
		"an unexpected error": {func() (bridge.Result, error) { return bridge.Result{}, errors.New("secret") }, 500},
		"a cause": {func() (bridge.Result, error) {
			return bridge.Result{}, &scim.Error{Status: 503, Detail: "later", RetryAfter: 7, Cause: errors.New("secret")}
		}, 503},
		"a body that cannot be encoded": {func() (bridge.Result, error) {
			return bridge.Result{Shown: map[string]any{"secret": func() {}}}, nil
		}, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := newServer(t)
			w := httptest.NewRecorder()
			s.answer(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), "test", func(context.Context, *asked) (bridge.Result, error) { return c.work() })
			var e struct{ Status, Detail string }
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != c.status || e.Detail == "" {
				t.Errorf("answer = %d %s, %v, want %d with a detail", w.Code, w.Body, err, c.status)
			}
			if media := w.Header().Get("Content-Type"); media != scim.MediaType {
				t.Errorf("Content-Type = %q", media)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("the answer shows internals: %s", w.Body)
			}
			if c.status == 503 && w.Header().Get("Retry-After") != "7" {
				t.Errorf("Retry-After = %q, want 7", w.Header().Get("Retry-After"))
			}
		})
	}
}

// TestEveryRouteNeedsACredential goes through the route table.
func TestEveryRouteNeedsACredential(t *testing.T) {
	t.Parallel()
	s, registry := newServer(t)
	h := newEcho(s)
	for _, r := range routes() {
		path := strings.ReplaceAll("/realms/acme/scim/v2"+r.path, ":id", "x")
		for _, header := range []string{"", "Bearer x", "Basic eDp5"} {
			req := httptest.NewRequestWithContext(t.Context(), r.method, path, strings.NewReader("{}"))
			req.Header.Set("Authorization", header)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			want := http.StatusUnauthorized
			if r.path == "/ServiceProviderConfig" && header == "" {
				want = http.StatusOK // RFC 7643 section 5; this tenant does not exist
			}
			if w.Code != want {
				t.Errorf("%s %s with %q = %d, want %d", r.method, path, header, w.Code, want)
			}
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "INVENTED", "/realms/acme/scim/v2/Users", nil))
	families, err := registry.Gather()
	if err != nil || w.Code != http.StatusMethodNotAllowed {
		t.Fatalf("an invented method = %d, %v, want 405", w.Code, err)
	}
	for _, family := range families {
		if strings.Contains(family.String(), "INVENTED") {
			t.Errorf("%s has a label that a client chose", family.GetName())
		}
	}
}

func TestSplitUnescapesOnce(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][]string{
		"/realms/a/scim/v2/Users/x":       {"realms", "a", "scim", "v2", "Users", "x"},
		"/realms/a/scim/v2/Users/":        {"realms", "a", "scim", "v2", "Users"},
		"/realms/a%20b/scim/v2/Users":     {"realms", "a b", "scim", "v2", "Users"},
		"/realms/a/scim/v2/Users/a%2Fb":   {"realms", "a", "scim", "v2", "Users", "a/b"},
		"/realms/a/scim/v2/Users/a%252Fb": {"realms", "a", "scim", "v2", "Users", "a%2Fb"},
		"/realms//scim/v2/Users":          nil,
		"/realms/a/scim/v2//Users":        nil,
		"/realms/a/scim/v2/Users/%zz":     nil,
	} {
		got, ok := split(path)
		if ok != (want != nil) || ok && !slices.Equal(got, want) {
			t.Errorf("split(%q) = %q, %t, want %q", path, got, ok, want)
		}
	}
}

// TestTheStatusOfAnAnswer: the status follows from the method and the result.
func TestTheStatusOfAnAnswer(t *testing.T) {
	t.Parallel()
	shown := map[string]any{"id": "1"}
	for _, c := range []struct {
		method string
		came   bridge.Result
		want   int
	}{
		{http.MethodPost, bridge.Result{Op: change.Created, Shown: shown}, http.StatusCreated},
		{http.MethodPost, bridge.Result{Op: change.Adopted, Shown: shown}, http.StatusCreated},
		{http.MethodPost, bridge.Result{Shown: shown}, http.StatusOK}, // a search, or a bulk request
		{http.MethodGet, bridge.Result{Shown: shown}, http.StatusOK},
		{http.MethodHead, bridge.Result{Shown: shown}, http.StatusOK},
		{http.MethodGet, bridge.Result{Unchanged: true}, http.StatusNotModified},
		{http.MethodPut, bridge.Result{Op: change.Updated, Shown: shown}, http.StatusOK},
		{http.MethodPut, bridge.Result{Op: change.Adopted, Shown: shown}, http.StatusOK},
		{http.MethodPatch, bridge.Result{Op: change.Deactivated, Shown: shown}, http.StatusOK},
		{http.MethodPatch, bridge.Result{Op: change.Updated}, http.StatusNoContent},
		{http.MethodDelete, bridge.Result{Op: change.Deleted}, http.StatusNoContent},
		{http.MethodDelete, bridge.Result{Op: change.Left}, http.StatusNoContent},
	} {
		if got := StatusOf(c.method, c.came); got != c.want {
			t.Errorf("the status of %s with the result %q is %d, want %d", c.method, c.came.Op, got, c.want)
		}
	}
}

// TestTheWayInOfARequest: requests to the operator's handler are imports.
func TestTheWayInOfARequest(t *testing.T) {
	t.Parallel()
	for operator, want := range map[bool]change.Origin{false: change.Request, true: change.Import} {
		if got := (&Server{options: Options{Operator: operator}}).origin(); got != want {
			t.Errorf("operator %t: %s, want %s", operator, got, want)
		}
	}
}
