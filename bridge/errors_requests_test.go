package bridge_test

import (
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// requestErrors are the errors of the URL, the credential and the form of a request.
func requestErrors() map[string][]provocation {
	authorized := func(header func(token string) string) provocation {
		return func(t *testing.T, s sharedBridges) answer {
			t.Helper()
			return answerOf(t, s.tolerant, http.MethodGet, "/Users", "", "Authorization", header(s.tolerant.Token))
		}
	}
	credential := func(text string) provocation { return authorized(func(string) string { return text }) }
	return map[string][]provocation{
		"no-endpoint":             {tolerant(http.MethodGet, "/Nothing", ""), tolerant(http.MethodGet, "/Users/ID/name", "")},
		"method-not-allowed":      {tolerant(http.MethodDelete, "/Users", "")},
		"not-supported":           {tolerant(http.MethodGet, "/Me", "")},
		"credential-missing":      {credential(""), credential("Digest username=\"jane\""), credential("Bearer")},
		"credential-malformed":    {authorized(func(token string) string { return "Bearer Bearer " + token }), authorized(func(token string) string { return "Bearer " + token[:len(token)-3] }), severalCredentials},
		"credential-invalid":      {credential("Bearer nobodys"), credential("nobodys"), credential("Basic amFuZTpzZWNyZXQ="), authorized(func(token string) string { return token }), unknownTenant},
		"credential-from-browser": {tolerant(http.MethodGet, "/Users", "", "Authorization", "Basic amFuZTpzZWNyZXQ=", "Origin", "https://page.example")},
		"credential-expired":      {onOwn(otherTokens, http.MethodGet, "/Users", "", "Authorization", "Bearer expired")},
		"credential-lacks-scope":  {onOwn(otherTokens, http.MethodPost, "/Users", `{"userName":"jane"}`, "Authorization", "Bearer reads-alone")},
		"credential-failures": {func(t *testing.T, _ sharedBridges) answer {
			t.Helper()
			return untilRefused(t, func(c *config.Config) { c.Server.FailuresPerMinute = 1 }, http.StatusTooManyRequests, "Bearer nobodys")
		}},
		"credential-keys-unavailable": {keysAway},
		"endpoint-paused":             {onTenant(func(tenant *config.Tenant) { tenant.Access = config.AccessPaused }, http.MethodGet, "/Users", "")},
		"endpoint-read-only":          {onTenant(func(tenant *config.Tenant) { tenant.Access = config.AccessReadOnly }, http.MethodPost, "/Users", `{"userName":"jane"}`)},
		"rate-limited": {func(t *testing.T, _ sharedBridges) answer {
			t.Helper()
			return untilRefused(t, apptest.EachTenant(func(tenant *config.Tenant) { tenant.Limits = config.Limits{RequestsPerSecond: 1, InFlight: 1} }), http.StatusTooManyRequests, "")
		}},
		"media-type":                {tolerant(http.MethodPost, "/Users", "x", "Content-Type", "text/plain"), tolerant(http.MethodPost, "/Users", "x", "Content-Encoding", "gzip")},
		"body-too-large":            {onOwn(func(c *config.Config) { c.Server.MaxBodyBytes = 1000 }, http.MethodPost, "/Users", `{"userName":"`+strings.Repeat("x", 1000)+`"}`)},
		"body-too-many-values":      {tolerant(http.MethodPost, "/Users", `{"userName":"x","many":[`+strings.Repeat("0,", 100_001)+`0]}`)},
		"bodies-under-way":          {noRoomForBodies},
		"body-malformed":            {tolerant(http.MethodPost, "/Users", `{"userName":`), tolerant(http.MethodPost, "/Users", `[]`), tolerant(http.MethodPost, "/Users", `{"userName":"a","USERNAME":"b"}`)},
		"query-malformed":           {tolerant(http.MethodGet, "/Users?count=1&count=2", ""), tolerant(http.MethodGet, "/Users?count=many", ""), tolerant(http.MethodGet, "/Users?cursor=&count=many", "")},
		"discovery-takes-no-filter": {tolerant(http.MethodGet, "/Schemas?filter=id+eq+%22x%22", "")},
		"schemas-wrong":             {strictly(http.MethodPost, "/Users", `{"userName":"jane"}`), strictly(http.MethodPost, "/Users", `{"schemas":["urn:x"],"userName":"jane"}`)},
	}
}

// otherTokens adds a token that has expired and a token that may only read.
func otherTokens(c *config.Config) {
	for _, r := range c.Realms {
		r.Tenants[0].Tokens = append(r.Tenants[0].Tokens, apptest.ExpiredToken(), config.Token{Name: "reader", SHA256: sha256.Sum256([]byte("reads-alone")), Scopes: []config.TokenScope{"users:read"}})
	}
}

// onOwn provokes an error by one request to a new bridge, on a fake.
func onOwn(edit func(*config.Config), method, path, body string, header ...string) provocation {
	return func(t *testing.T, _ sharedBridges) answer {
		t.Helper()
		return answerOf(t, apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), edit), method, path, body, header...)
	}
}

// onTenant is onOwn with a tenant with another configuration.
func onTenant(edit func(*config.Tenant), method, path, body string) provocation {
	return onOwn(apptest.EachTenant(edit), method, path, body)
}

// untilRefused repeats a read until the status comes.
func untilRefused(t *testing.T, edit func(*config.Config), status int, credential string) answer {
	t.Helper()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), edit)
	if credential == "" {
		credential = "Bearer " + b.Token
	}
	const tries = 20
	for range tries {
		if got, _, body := apptest.AskWith(t, b, apptest.ListUsers(), []string{credential}); got == status {
			return answerFrom(t, got, body)
		}
	}
	t.Fatalf("%d requests are none too many", tries)
	return answer{}
}

// severalCredentials sends two headers.
func severalCredentials(t *testing.T, s sharedBridges) answer {
	t.Helper()
	status, _, body := apptest.AskWith(t, s.tolerant, apptest.ListUsers(), append(apptest.BearerOf(s.tolerant.Token), apptest.BearerOf(s.tolerant.Token)...))
	return answerFrom(t, status, body)
}

// unknownTenant sends a request to the URL of a tenant that does not exist. The answer is the same as for a wrong
// token.
func unknownTenant(t *testing.T, s sharedBridges) answer {
	t.Helper()
	nobodys := s.tolerant.At("nobody")
	return answerOf(t, nobodys, http.MethodGet, "/Users", "")
}

// keysAway sends an access token of an issuer whose keys cannot be read.
func keysAway(t *testing.T, _ sharedBridges) answer {
	t.Helper()
	b, issuer, header := issuedBridge(t)
	issuer.Answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	return answerOf(t, b, http.MethodGet, "/Users", "", "Authorization", header)
}

// issuedBridge accepts access tokens of an issuer; header has a valid token.
func issuedBridge(t *testing.T) (b apptest.Bridge, issuer *authtest.Issuer, header string) {
	t.Helper()
	issuer = authtest.NewIssuer(t)
	return apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), apptest.WithCredentials(issuer)), issuer, "Bearer " + issuer.Sign(t, authtest.FirstKey, apptest.IssuerClaims(nil))
}

// noRoomForBodies sends a request while another body of unknown length may take all memory.
func noRoomForBodies(t *testing.T, _ sharedBridges) answer {
	t.Helper()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) { c.Server.MaxBodyBytes = 1 << 40 })
	begun, end := make(chan struct{}), make(chan struct{})
	body := &heldBody{begun: begun, end: end}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, b.Base+"/Users", body)
		req.ContentLength = -1
		req.Header.Set("Authorization", "Bearer "+b.Token)
		b.App.Handler.ServeHTTP(httptest.NewRecorder(), req)
	}()
	<-begun
	out := answerOf(t, b, http.MethodPost, "/Users", `{"userName":"jane"}`)
	close(end)
	<-answered
	return out
}

// heldBody is a body that closes begun when it is read, and ends when end is closed.
type heldBody struct{ begun, end chan struct{} }

func (b *heldBody) Read([]byte) (int, error) {
	if b.begun != nil {
		close(b.begun)
		b.begun = nil
	}
	<-b.end
	return 0, io.EOF
}
