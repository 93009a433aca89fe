package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestTheBudgetOfBodies: all requests together cannot use more than the budget. A tenant with several requests cannot
// use more than half. Released memory can be used again.
func TestTheBudgetOfBodies(t *testing.T) {
	t.Parallel()
	b := newBodies(200 << 20)
	take := func(tenant string, mebibytes int64, want bool) *share {
		t.Helper()
		s := &share{of: b}
		if err := s.grow(tenant, mebibytes<<20); (err == nil) != want {
			t.Errorf("%d MiB of %s: %v; %s", mebibytes, tenant, err, b)
		} else if err != nil && (asSCIM(err).Status != http.StatusServiceUnavailable || asSCIM(err).RetryAfter < 1) {
			t.Errorf("the refusal is %v", err)
		}
		return s
	}
	first := take("acme", 60, true)
	take("acme", 60, false) // more than half
	second := take("acme", 40, true)
	take("acme", 1, false)
	globex := take("globex", 64, true)
	take("other", 64, false) // more than the whole budget
	if err := globex.grow("globex", 100<<20); err != nil {
		t.Errorf("the only body of its tenant: %v", err)
	}
	if err := first.grow("acme", 10<<20); err != nil || first.size != 60<<20 {
		t.Errorf("a share shrinks: %v", err)
	}
	for _, s := range []*share{first, second, globex, {of: b}} {
		s.release()
		s.release()
	}
	if got := b.String(); got != "0 of 209715200 by 0 tenants" {
		t.Errorf("after all releases: %s", got)
	}
	alone := &share{of: newBodies(1)}
	if err := errors.Join(alone.grow("acme", 1<<20), alone.grow("acme", 64<<20)); err != nil {
		t.Errorf("a single body has no room when the budget is tiny: %v", err)
	}
	if (&share{of: alone.of}).grow("globex", 1) == nil {
		t.Error("there is room for a second body")
	}
}

// TestTheBudgetIsHalfOfTheMemoryLimit: without a limit it is half of the assumed limit.
func TestTheBudgetIsHalfOfTheMemoryLimit(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	for limit, want := range map[int64]int64{math.MaxInt64: 256 << 20, 1 << 30: 512 << 20, 256 << 20: 128 << 20, 64 << 20: 32 << 20} {
		debug.SetMemoryLimit(limit)
		if got := NewBodies().limit; got != want {
			t.Errorf("the budget of %d MiB is %d MiB, want %d", limit>>20, got>>20, want>>20)
		}
	}
}

// served is a server of one tenant whose realm is not fit, so every request ends after its body was read, or earlier.
func served(t *testing.T) (*Server, http.Handler) {
	t.Helper()
	s, _ := newServer(t)
	acme := &tenant.Tenant{
		Path: "acme", Realm: "acme", Mapping: mapping.Default(scim.Tolerant),
		Tokens: []tenant.Token{{Name: "a", SHA256: sha256.Sum256([]byte("good")), Scopes: tenant.AllScopes}},
	}
	acme.Policy.Limits.RequestsPerSecond, acme.Policy.Limits.InFlight = 1000, 1000
	acme.SetFitness(tenant.Fitness{Problem: "has no realm"})
	tenants, err := tenant.NewRegistry(acme)
	if err != nil {
		t.Fatal(err)
	}
	s.options.Tenants = tenants
	s.options.Bodies = newBodies(1 << 20)
	return s, newEcho(s)
}

// watched is a body that records the used budget while it is read.
type watched struct {
	io.Reader

	of   *Bodies
	used int64
}

func (w *watched) Read(p []byte) (int, error) {
	w.of.mu.Lock()
	w.used = max(w.used, w.of.used)
	w.of.mu.Unlock()
	return w.Reader.Read(p)
}

// TestABodyUsesTheBudget: a request reserves the length of its body, or the maximum length, before it reads the
// body. It releases the memory however it ends. A request without a credential reserves nothing.
func TestABodyUsesTheBudget(t *testing.T) {
	t.Parallel()
	const text = `{"userName":"u"}`
	for name, c := range map[string]struct {
		token, body string
		length      int64
		status      int
		used        int64
	}{
		"a good one":              {"good", text, int64(len(text)), http.StatusServiceUnavailable, int64(len(text))},
		"in chunks":               {"good", text, -1, http.StatusServiceUnavailable, 1000},
		"a wrong credential":      {"bad", text, int64(len(text)), http.StatusUnauthorized, 0},
		"a foreign tenant":        {"good", text, int64(len(text)), http.StatusUnauthorized, 0},
		"longer than it may":      {"good", strings.Repeat("x", 1001), 1001, http.StatusRequestEntityTooLarge, 0},
		"longer, in chunks":       {"good", strings.Repeat("x", 1001), -1, http.StatusRequestEntityTooLarge, 1000},
		"shorter than it says":    {"good", text, 500, http.StatusBadRequest, 500},
		"no JSON":                 {"good", `{`, 1, http.StatusBadRequest, 1},
		"nothing":                 {"good", ``, 0, http.StatusBadRequest, 0},
		"more than it may hold":   {"good", `{"x":[` + strings.Repeat("1,", 400) + `1]}`, -1, http.StatusServiceUnavailable, 1000},
		"a method without bodies": {"good", text, int64(len(text)), http.StatusMethodNotAllowed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, h := served(t)
			body := &watched{Reader: strings.NewReader(c.body), of: s.options.Bodies}
			method, path := http.MethodPost, "/realms/acme/scim/v2/Users"
			if name == "a foreign tenant" {
				path = "/realms/globex/scim/v2/Users"
			}
			if name == "a method without bodies" {
				method = http.MethodDelete
			}
			req := httptest.NewRequestWithContext(t.Context(), method, path, body)
			req.ContentLength = c.length
			req.Header.Set("Authorization", "Bearer "+c.token)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			if w.Code != c.status || body.used != c.used {
				t.Errorf("the answer is %d %s with %d bytes reserved, want %d and %d", w.Code, w.Body, body.used, c.status, c.used)
			}
			if got := s.options.Bodies.String(); !strings.HasPrefix(got, "0 of ") {
				t.Errorf("afterwards: %s", got)
			}
		})
	}
}

// TestABodyWithoutMemoryIs503: when other requests use all memory, and when this request needs more than it first
// reserved.
func TestABodyWithoutMemoryIs503(t *testing.T) {
	t.Parallel()
	for name, free := range map[string]int64{"nothing": 0, "as much as the body": 1000} {
		s, h := served(t)
		others := &share{of: s.options.Bodies}
		if err := others.grow("others", s.options.Bodies.limit-free); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/realms/acme/scim/v2/Users", strings.NewReader(`{"x":[`+strings.Repeat("{},", 300)+`1]}`))
		req.Header.Set("Authorization", "Bearer good")
		h.ServeHTTP(w, req)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), string(code.Bodies)) {
			t.Errorf("%s is free: %d %s, Retry-After %q", name, w.Code, w.Body, w.Header().Get("Retry-After"))
		}
		if got := s.options.Bodies.used; got != s.options.Bodies.limit-free {
			t.Errorf("%s is free: afterwards %d bytes are taken", name, got)
		}
	}
}

func TestAPanicGivesTheMemoryBack(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	s.answer(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), "test", func(_ context.Context, memory *asked) (bridge.Result, error) {
		if err := memory.grow("acme", 1000); err != nil {
			t.Error(err)
		}
		routes()[len(routes())].path = "panics"
		return bridge.Result{}, nil
	})
	if got := s.options.Bodies.String(); !strings.HasPrefix(got, "0 of ") {
		t.Errorf("afterwards: %s", got)
	}
}

// TestTheFootprintOfABody: it is never smaller than the memory that the parts need.
func TestTheFootprintOfABody(t *testing.T) {
	t.Parallel()
	small := footprint([]byte(`{"userName":"jane@acme.test","emails":[{"value":"jane@acme.test","primary":true}],"active":true}`))
	if small > 5<<10 {
		t.Errorf("a usual body needs %d bytes", small)
	}
	for mebibytes, want := range map[int]int64{2: 56, 4: 64, 8: 80} {
		if got := footprint([]byte(strings.Repeat(`{"a":1},`, mebibytes<<17))) >> 20; got != want {
			t.Errorf("a hostile body of %d MiB needs %d MiB, want %d", mebibytes, got, want)
		}
	}
}
