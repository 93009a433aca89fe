package bridge_test

import (
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// canned answers like Keycloak, without a network.
type canned struct{}

func (canned) RoundTrip(r *http.Request) (*http.Response, error) {
	body := `{"id":"1","username":"jane@acme.test","firstName":"Jane","lastName":"Doe","email":"jane@acme.test","enabled":true,"createdTimestamp":1,` +
		`"attributes":{"externalId":["x"],"displayName":["Jane Doe"],"scim.owner":["realm"],"scim.modified":["2026-01-01T00:00:00.000Z"]}}`
	if strings.HasSuffix(r.URL.Path, "/token") {
		body = `{"access_token":"t","expires_in":300}`
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}, "Location": {"http://keycloak.test/admin/realms/acme/users/1"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

// newCanned is a service with canned answers, and a call of its tenant for the user.
func newCanned(tb testing.TB) (*bridge.Service, bridge.Call) {
	tb.Helper()
	realm, err := keycloak.ParseRealm("acme")
	if err != nil {
		tb.Fatal(err)
	}
	client, err := keycloak.New(keycloak.Config{
		BaseURL: "http://keycloak.test", Realm: realm, Credentials: keycloak.ClientSecret("c", "s"), Transport: canned{},
	})
	if err != nil {
		tb.Fatal(err)
	}
	t := &tenant.Tenant{
		Path: "acme", Realm: "acme", Owner: mapping.Owner{Key: "realm"}, BaseURL: tenant.BaseURL("http://bridge.test", "acme"),
		Mapping: mapping.Default(scim.Tolerant), Tokens: []tenant.Token{{SHA256: sha256.Sum256(nil)}},
	}
	t.SetFitness(tenant.Fitness{Protected: &tenant.Protected{At: time.Now()}})
	return bridge.New(keycloak.NewRealms(map[string]*keycloak.Client{"acme": client}), bridge.Options{Log: zap.NewNop()}), bridge.Call{By: t.Operator(), Endpoint: "/Users", ID: "1", Origin: change.Request}
}

func read(ctx context.Context, tb testing.TB, s *bridge.Service, c bridge.Call) {
	tb.Helper()
	answer, err := s.Get(ctx, c)
	if err == nil {
		_, err = scim.Encode(answer.Shown)
	}
	if err != nil || answer.Shown["userName"] != "jane@acme.test" {
		tb.Fatal(answer, err)
	}
}

// TestAReadOfAUserAllocatesLittle: at most 100 allocations more than net/http makes for the call to Keycloak.
func TestAReadOfAUserAllocatesLittle(t *testing.T) {
	s, call := newCanned(t)
	read(t.Context(), t, s, call) // the token
	all := testing.AllocsPerRun(100, func() { read(t.Context(), t, s, call) })
	client := &http.Client{Transport: canned{}}
	bare := testing.AllocsPerRun(100, func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://keycloak.test/admin/realms/acme/users/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer t")
		req.Header.Set("Accept", "application/json")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(res.Body); err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if all-bare > 100 {
		t.Errorf("a read allocates %.0f times beside the %.0f of net/http, want at most 100", all-bare, bare)
	}
}

// jane is a user that a client creates.
func jane() map[string]any {
	return map[string]any{
		"schemas": []any{scim.UserURN}, "userName": "jane@acme.test", "externalId": "x", "active": true, "name": map[string]any{"givenName": "Jane", "familyName": "Doe"},
		"emails": []any{map[string]any{"value": "jane@acme.test", "type": "work", "primary": true}},
	}
}

// TestACreationOfAUserAllocatesLittle: nothing that is the same for all creations is made again.
func TestACreationOfAUserAllocatesLittle(t *testing.T) {
	s, call := newCanned(t)
	body := jane()
	create := func() {
		if answer, err := s.Create(t.Context(), call, body); err != nil || answer.Op != change.Created {
			t.Fatal(answer, err)
		}
	}
	create() // the token
	if all := testing.AllocsPerRun(100, create); all > 300 {
		t.Errorf("a creation allocates %.0f times, want at most 300", all)
	}
}

func BenchmarkCreateUser(b *testing.B) {
	s, call := newCanned(b)
	body := jane()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Create(b.Context(), call, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetUser(b *testing.B) {
	s, call := newCanned(b)
	b.ReportAllocs()
	for b.Loop() {
		read(b.Context(), b, s, call)
	}
}
