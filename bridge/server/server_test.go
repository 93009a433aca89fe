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
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// newServer is a server without a tenant.
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
			Tenants: tenants, Log: zap.NewNop(), Metrics: observe.NewMetrics(registry, "test"), MaxBody: 1000, Timeout: time.Minute,
			Tracer: tracer, Activity: &observe.Activity{}, Auth: auth.New(auth.Options{}), Bodies: NewBodies(),
		},
		limits: newLimits(1000),
	}, registry
}

// TestWhateverHappensIsASCIMError: a panic, an error that nobody made for a client, one
// with a cause.
func TestWhateverHappensIsASCIMError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		work   func() (bridge.Answer, error)
		status int
	}{
		"a panic": {func() (bridge.Answer, error) {
			routes()[len(routes())].path = "secret"
			return bridge.Answer{}, nil
		}, 500},
		"an unexpected error": {func() (bridge.Answer, error) { return bridge.Answer{}, errors.New("secret") }, 500},
		"a cause": {func() (bridge.Answer, error) {
			return bridge.Answer{}, &scim.Error{Status: 503, Detail: "later", RetryAfter: 7, Cause: errors.New("secret")}
		}, 503},
		"a body that cannot be encoded": {func() (bridge.Answer, error) {
			return bridge.Answer{Status: 200, Body: map[string]any{"secret": func() {}}}, nil
		}, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := newServer(t)
			w := httptest.NewRecorder()
			s.answer(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), "test", func(context.Context, *share) (bridge.Answer, error) { return c.work() })
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

// TestEveryRouteNeedsACredential, generated from the route table.
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
				want = http.StatusOK // RFC 7643 section 5; the tenant does not even exist
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
