package apptest

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/server"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// TestIssuer is the issuer of the tokens that tests sign.
const TestIssuer = "https://issuer.test/"

// BearerOf is the list of Authorization headers for a token.
func BearerOf(token string) []string { return []string{"Bearer " + token} }

// IssuerClaims are the claims of a valid token of the test's issuer, with changes.
func IssuerClaims(change map[string]any) map[string]any {
	now := time.Now()
	out := map[string]any{"iss": TestIssuer, "aud": "bridge", "sub": "sub-1", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	maps.Copy(out, change)
	return out
}

// WithCredentials adds credentials to the first tenant of each realm: an expired token, a revoked token, tokens with
// few scopes, and an issuer of JWTs.
func WithCredentials(issuer *authtest.Issuer) func(*config.Config) {
	return func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[0].Tokens = append(r.Tenants[0].Tokens,
				config.Token{Name: "ended", SHA256: sha256.Sum256([]byte("the-token-that-ended")), Expires: config.Expiry{Time: time.Unix(1, 0)}},
				config.Token{Name: "read-only", SHA256: sha256.Sum256([]byte("the-token-that-reads")), Scopes: []config.TokenScope{"users:read", "groups:read"}},
				config.Token{Name: "users", SHA256: sha256.Sum256([]byte("the-token-of-users")), Scopes: []config.TokenScope{"users:read", "users:write"}},
				config.Token{Name: "revoked", SHA256: sha256.Sum256([]byte("the-token-that-goes"))},
			)
			r.Tenants[0].Limits = config.Limits{RequestsPerSecond: 100_000, InFlight: 2} // refused requests take no place in flight
			r.Tenants[0].AccessTokens = []config.AccessToken{{
				Name: "jwt", Issuer: TestIssuer, JWKSURL: config.KeysURL(issuer.URL), Audience: "bridge", Subject: "sub-1", Scopes: []config.TokenScope{"users:read", "bulk"},
			}}
		}
	}
}

// AskWith sends a request on a route with Authorization headers.
func AskWith(t *testing.T, b Bridge, route server.Route, headers []string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), route.Method, b.Base+strings.Replace(route.Path, ":id", AbsentID, 1), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Authorization"] = headers
	return Exchange(t, req)
}

// AskToken requests a token, and returns the status and the object of the answer.
func AskToken(t *testing.T, server keycloaktest.Server, realm string, form url.Values) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/realms/"+realm+"/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, _, body := Exchange(t, req)
	answer := map[string]any{}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	return status, answer
}

// Claims in the tokens of Entra.
const (
	// EntraIssuer is the issuer of tokens of a tenant of Entra, which a configuration trusts.
	EntraIssuer = "https://login.microsoftonline.com/5f6f6a3e-0000-4000-8000-000000000001/v2.0"
	// EntraApp is the object id of an application there.
	EntraApp = "api://5f6f6a3e-0000-4000-8000-000000000002"
	// EntraSubject is the claim sub of its tokens.
	EntraSubject = "5f6f6a3e-0000-4000-8000-000000000003" // the object id of the service principal that provisions
)

// With returns the bridge with another token.
func (b Bridge) With(token string) Bridge {
	b.Client = &client.Client{Base: b.Base, Token: token, HTTP: http.DefaultClient}
	return b
}
