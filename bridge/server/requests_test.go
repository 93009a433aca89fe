package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// remembered are Requests in memory.
type remembered struct {
	requests []Request
	counts   map[string]int
}

func (r *remembered) Request(q Request) { r.requests = append(r.requests, q) }

func (r *remembered) Count(_ time.Time, tenant string, code scim.Code) {
	if r.counts == nil {
		r.counts = map[string]int{}
	}
	r.counts[tenant]++
	_ = code
}

// TestACountedRequestAllocatesNothing: a read that succeeds, and a request without a good credential.
func TestACountedRequestAllocatesNothing(t *testing.T) {
	s, _ := newServer(t)
	of := &asked{by: (&tenant.Tenant{Path: "acme"}).Operator(), route: route{method: http.MethodGet, path: "/Users/:id", endpoint: "/Users"}, id: "x"}
	refused := &scim.Error{Code: code.Invalid, Status: http.StatusUnauthorized}
	seen := &observe.Request{Tenant: "acme"}
	r := &remembered{}
	s.options.Requests = r
	note := func() {
		s.note(of, seen, Request{Method: http.MethodGet, Route: "/Users/:id", Status: http.StatusOK}, bridge.Result{}, nil)
		s.note(&asked{}, seen, Request{Method: http.MethodPost, Route: "/Users", Status: http.StatusUnauthorized}, bridge.Result{}, refused)
	}
	note()
	if n := testing.AllocsPerRun(100, note); n > 1 { // the second asked
		t.Errorf("two requests allocate %.0f times", n)
	}
	if len(r.requests) > 0 || r.counts["acme"] < 200 {
		t.Errorf("there are %d rows and %v", len(r.requests), r.counts)
	}
}

// TestABodyIsKeptForARefusedWriteOnly, within the bound, and an id only in the form of a UUID.
func TestABodyIsKeptForARefusedWriteOnly(t *testing.T) {
	t.Parallel()
	const id = "5F3C0D0E-4F2B-4C5E-9D3A-000000000001"
	refused := &scim.Error{Code: scim.CodeValue, Status: http.StatusBadRequest, Detail: "x is wrong"}
	put := route{method: http.MethodPut, path: "/Users/:id", endpoint: "/Users"}
	for name, c := range map[string]struct {
		route      route
		id, body   string
		err        error
		wantID     string
		want       Sent
		wantLength int
	}{
		"a write that succeeded":      {put, id, `{"userName":"jane"}`, nil, strings.ToLower(id), Sent{}, 0},
		"a write that was refused":    {put, id, `{"userName":"jane"}`, refused, strings.ToLower(id), Sent{Detail: "x is wrong"}, 1},
		"an id that is a name":        {put, "jane@acme.test", `{"userName":"jane"}`, refused, "", Sent{Detail: "x is wrong"}, 1},
		"a password":                  {put, id, `{"userName":"jane","Password":"x"}`, refused, strings.ToLower(id), Sent{Password: true}, 1},
		"a body of the largest size":  {put, id, `{"x":"` + strings.Repeat("x", 92) + `"}`, refused, strings.ToLower(id), Sent{Detail: "x is wrong"}, 1},
		"a body that is larger":       {put, id, `{"x":"` + strings.Repeat("x", 93) + `"}`, refused, strings.ToLower(id), Sent{TooLarge: true}, 0},
		"no JSON":                     {put, id, `{"x":`, refused, strings.ToLower(id), Sent{Invalid: true}, 0},
		"no body":                     {put, id, ``, refused, strings.ToLower(id), Sent{}, 0},
		"a search that was refused":   {route{method: http.MethodPost, path: "/Users/.search", endpoint: "/Users"}, "", `{"filter":"userName eq \"jane\""}`, refused, "", Sent{}, 0},
		"a read that was refused":     {route{method: http.MethodGet, path: "/Groups/:id", endpoint: "/Groups"}, id, ``, refused, strings.ToLower(id), Sent{}, 0},
		"a request for several types": {route{method: http.MethodPost, path: "/Bulk"}, "", `{"Operations":[]}`, refused, "", Sent{Detail: "x is wrong"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := newServer(t)
			r := &remembered{}
			s.options.Requests = r
			of := &asked{by: (&tenant.Tenant{Path: "acme"}).Operator(), route: c.route, id: c.id, most: 100}
			of.sent([]byte(c.body), int64(len(c.body)))
			s.note(of, &observe.Request{}, Request{Method: c.route.method, Route: c.route.path}, bridge.Result{}, c.err)
			if len(r.requests) != 1 {
				t.Fatalf("there are %d rows", len(r.requests))
			}
			got := r.requests[0]
			if got.ID != c.wantID || got.Size != int64(len(c.body)) || len(got.Sent.Document) != c.wantLength {
				t.Errorf("the row is %+v", got)
			}
			got.Sent.Document = nil
			if got.Sent.Password != c.want.Password || got.Sent.TooLarge != c.want.TooLarge || got.Sent.Invalid != c.want.Invalid || got.Sent.Detail != c.want.Detail {
				t.Errorf("sent is %+v, want %+v", got.Sent, c.want)
			}
		})
	}
}
