package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/server"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

const testIssuer = "https://issuer.test/"

// credential is a way to ask, and the routes that it is good for.
type credential struct {
	headers []string
	good    tenant.Scopes // what it is good for; none: it is 401 everywhere
	valid   bool
}

func bearerOf(token string) []string { return []string{"Bearer " + token} }

// issuerClaims are those of a good token of the test's issuer, changed.
func issuerClaims(change map[string]any) map[string]any {
	now := time.Now()
	out := map[string]any{"iss": testIssuer, "aud": "bridge", "sub": "sub-1", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	maps.Copy(out, change)
	return out
}

// withCredentials adds the credentials of the matrix to the tenant of acme.
func withCredentials(issuer *authtest.Issuer) func(*config.Config) {
	return func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[0].Tokens = append(r.Tenants[0].Tokens,
				config.Token{Name: "ended", SHA256: sha256.Sum256([]byte("the-token-that-ended")), Expires: config.Expiry{Time: time.Unix(1, 0)}},
				config.Token{Name: "read-only", SHA256: sha256.Sum256([]byte("the-token-that-reads")), Scopes: []config.TokenScope{"users:read", "groups:read"}},
				config.Token{Name: "users", SHA256: sha256.Sum256([]byte("the-token-of-users")), Scopes: []config.TokenScope{"users:read", "users:write"}},
				config.Token{Name: "revoked", SHA256: sha256.Sum256([]byte("the-token-that-goes"))},
			)
			r.Tenants[0].Limits = config.Limits{RequestsPerSecond: 100_000, InFlight: 2} // what is refused takes no place
			r.Tenants[0].AccessTokens = []config.AccessToken{{
				Name: "jwt", Issuer: testIssuer, JWKSURL: config.KeysURL(issuer.URL), Audience: "bridge", Subject: "sub-1", Scopes: []config.TokenScope{"users:read", "bulk"},
			}}
		}
	}
}

// revoke takes a token from a tenant, as a change of the configuration does.
func (b testBridge) revoke(t *testing.T, path, name string) {
	t.Helper()
	old := b.app.Watcher.Tenants.ByPath(path)
	next := old.WithMapping(old.Mapping, old.Fitness())
	next.Tokens = nil
	for _, token := range old.Tokens {
		if token.Name != name {
			next.Tokens = append(next.Tokens, token)
		}
	}
	if len(next.Tokens) != len(old.Tokens)-1 || !b.app.Watcher.Tenants.Swap(old, next) {
		t.Fatalf("the tenant %s has no token %s", path, name)
	}
}

// TestSecurity_1_CredentialsOfEveryKindOnEveryRoute: the whole matrix of credentials and routes,
// generated from the router. What is refused is a SCIM error with a challenge, and Keycloak
// hears nothing of it.
func TestSecurity_1_CredentialsOfEveryKindOnEveryRoute(t *testing.T) {
	t.Parallel()
	fake, issuer, mallory := keycloaktest.NewFake(t), authtest.NewIssuer(t), authtest.NewIssuer(t)
	c := newCustomers(t, fake.Server(), withCredentials(issuer))
	other := newCustomers(t, fake.Server(), nil)
	acme := c.of["acme"]
	acme.with("the-token-that-goes").must(t, http.MethodGet, "/Users", "")
	acme.revoke(t, c.realm.realm+"/organizations/acme", "revoked")
	public, err := x509.MarshalPKIXPublicKey(issuer.Key(authtest.FirstKey).Public())
	if err != nil {
		t.Fatal(err)
	}
	sign := func(change map[string]any) []string {
		return bearerOf(issuer.Sign(t, authtest.FirstKey, issuerClaims(change)))
	}
	unknown, _, _ := auth.NewToken()
	matrix := map[string]credential{
		"none":                     {nil, 0, false},
		"an empty header":          {[]string{""}, 0, false},
		"the scheme alone":         {[]string{"Bearer "}, 0, false},
		"malformed":                {[]string{"Token x"}, 0, false},
		"basic":                    {[]string{"Basic eDp5"}, 0, false},
		"doubled":                  {[]string{"Bearer Bearer " + acme.Token}, 0, false},
		"bare":                     {[]string{acme.Token}, 0, false},
		"two headers":              {[]string{"Bearer " + acme.Token, "Bearer " + acme.Token}, 0, false},
		"unknown":                  {bearerOf(unknown), 0, false},
		"one character less":       {bearerOf(acme.Token[:len(acme.Token)-1]), 0, false},
		"in another case":          {bearerOf(strings.ToUpper(acme.Token)), 0, false},
		"expired":                  {bearerOf("the-token-that-ended"), 0, false},
		"revoked":                  {bearerOf("the-token-that-goes"), 0, false},
		"of another tenant":        {bearerOf(c.of["globex"].Token), 0, false},
		"of the realm's tenant":    {bearerOf(c.realm.Token), 0, false},
		"of another realm":         {bearerOf(other.of["acme"].Token), 0, false},
		"the full token":           {bearerOf(acme.Token), tenant.AllScopes, true},
		"the scheme in lower case": {[]string{"bearer " + acme.Token}, tenant.AllScopes, true},
		"read-only":                {bearerOf("the-token-that-reads"), tenant.UsersRead | tenant.GroupsRead, true},
		"for users alone":          {bearerOf("the-token-of-users"), tenant.UsersRead | tenant.UsersWrite, true},
		"an access token":          {sign(nil), tenant.UsersRead | tenant.Bulk, true},
		"wrong audience":           {sign(map[string]any{"aud": "other"}), 0, false},
		"wrong issuer":             {sign(map[string]any{"iss": issuer.URL}), 0, false},
		"wrong subject":            {sign(map[string]any{"sub": "sub-2"}), 0, false},
		"expired access token":     {sign(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), 0, false},
		"not yet valid":            {sign(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), 0, false},
		"alg none":                 {bearerOf(authtest.Unsigned(t, `{"alg":"none","kid":"one"}`, issuerClaims(nil))), 0, false},
		"another's signature":      {bearerOf(mallory.Sign(t, authtest.FirstKey, issuerClaims(nil))), 0, false},
		"HMAC by the public key":   {bearerOf(authtest.Sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: public}, authtest.FirstKey, issuerClaims(nil))), 0, false},
		"an unknown key":           {bearerOf(authtest.Sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: issuer.Key(authtest.FirstKey)}, "flood", issuerClaims(nil))), 0, false},
	}
	for _, route := range server.Routes() {
		for name, credential := range matrix {
			before := len(fake.Calls())
			status, header, body := ask(t, acme, route, credential.headers)
			if open := route.Path == "/ServiceProviderConfig" && strings.Join(credential.headers, "") == ""; open {
				if status != http.StatusOK {
					t.Errorf("%s %s with %s = %d, want 200 (RFC 7643 section 5)", route.Method, route.Path, name, status)
				}
				continue
			}
			want := 0
			switch {
			case !credential.valid:
				want = http.StatusUnauthorized
			case !credential.good.Has(route.Needs):
				want = http.StatusForbidden
			}
			if want == 0 {
				if status == http.StatusUnauthorized || status == http.StatusForbidden && route.Path != "/ResourceTypes" {
					t.Errorf("%s %s with %s = %d %s, want it let in", route.Method, route.Path, name, status, body)
				}
				continue
			}
			var e struct {
				Schemas []string
				Status  string
				Detail  string
			}
			if err := json.Unmarshal([]byte(body), &e); err != nil || status != want || e.Status != fmt.Sprint(want) || len(e.Schemas) != 1 || e.Detail == "" {
				t.Errorf("%s %s with %s = %d %s, want a SCIM error %d", route.Method, route.Path, name, status, body, want)
			}
			challenge := header.Get("WWW-Authenticate")
			if !strings.HasPrefix(challenge, `Bearer realm="scim"`) || want == http.StatusForbidden && !strings.Contains(challenge, `error="insufficient_scope", scope="`+route.Needs.String()+`"`) {
				t.Errorf("%s %s with %s = %d with the challenge %q", route.Method, route.Path, name, status, challenge)
			}
			if after := len(fake.Calls()); after != before {
				t.Errorf("%s %s with %s makes %d calls", route.Method, route.Path, name, after-before)
			}
		}
	}
	if n := issuer.Reads.Load(); n > 4 {
		t.Errorf("the issuer's keys were read %d times", n)
	}
}

// ask sends a request on a route with Authorization headers.
func ask(t *testing.T, b testBridge, route server.Route, headers []string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), route.Method, b.Base+strings.Replace(route.Path, ":id", absentID, 1), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Authorization"] = headers
	return exchange(t, req)
}

// TestSecurity_27_AccessTokensOfTheRealm on the real Keycloak: those of the service account that
// is meant, for the bridge, and no other: not a person's own login by the same client, not
// another client's, not another realm's, not one for another audience.
func TestSecurity_27_AccessTokensOfTheRealm(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	b, foreign := newTokenBridge(t, kc), newTokenBridge(t, kc)
	grant := func(realm, client string, more url.Values) string {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {"secret-of-the-client"}}
		maps.Copy(form, more)
		status, answer := token(t, kc, realm, form)
		if status != http.StatusOK {
			t.Fatalf("the token endpoint answers %d %v", status, answer)
		}
		return answer["access_token"].(string)
	}
	add := func(realm, client, more string) {
		adminSend(t, kc, http.MethodPost, "/admin/realms/"+realm+"/clients", `{"clientId":"`+client+`","secret":"secret-of-the-client","serviceAccountsEnabled":true,"directAccessGrantsEnabled":true,`+more+`}`)
	}
	for _, realm := range []string{b.realm, foreign.realm} {
		add(realm, "entra", audience)
	}
	add(b.realm, "other", audience)
	jane := b.create(t, "/Users", `{"userName":"jane","name":{"givenName":"J","familyName":"D"},"emails":[{"value":"jane@acme.test","primary":true}]}`)
	adminPut(t, kc, "/admin/realms/"+b.realm+"/users/"+jane+"/reset-password", `{"type":"password","temporary":false,"value":"password-of-jane"}`)
	login := url.Values{"grant_type": {"password"}, "username": {"jane"}, "password": {"password-of-jane"}, "scope": {"openid"}}
	_, both := token(t, kc, b.realm, url.Values{"grant_type": {"password"}, "client_id": {"entra"}, "client_secret": {"secret-of-the-client"}, "username": {"jane"}, "password": {"password-of-jane"}, "scope": {"openid"}})
	good := grant(b.realm, "entra", nil)
	bad := map[string]string{
		"a person's own login by the same client": grant(b.realm, "entra", login),
		"a person's ID token":                     both["id_token"].(string),
		"a person's refresh token":                both["refresh_token"].(string),
		"another client's":                        grant(b.realm, "other", nil),
		"another realm's":                         grant(foreign.realm, "entra", nil),
	}
	for _, route := range server.Routes() {
		for name, text := range bad {
			if status, header, body := ask(t, b, route, bearerOf(text)); status != http.StatusUnauthorized || header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s with %s = %d %s, want 401", route.Method, route.Path, name, status, body)
			}
		}
	}
	b.with(good).must(t, http.MethodGet, "/Users", "")
	foreign.with(bad["another realm's"]).must(t, http.MethodGet, "/Users", "")
	add(b.realm, "narrow", `"protocolMappers":[]`)
	if status, _, _ := ask(t, b, server.Route{Method: http.MethodGet, Path: "/Users"}, bearerOf(grant(b.realm, "narrow", nil))); status != http.StatusUnauthorized {
		t.Errorf("a token without the audience = %d, want 401", status)
	}
}

// TestSecurity_25_NoTokenIsKept: neither the files that setup and the commands write nor the
// attributes of an organization hold a token, its secret or what could be one.
func TestSecurity_25_NoTokenIsKept(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	out, _, _ := command(t, "", "tokens", "new", "--config", b.file, "--output", "json")
	var made app.IssuedToken
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	c := newEvery(t, keycloaktest.NewFake(t).Server())
	acme := c.token(t, "acme")
	organization, err := c.realm.admin.Organization(t.Context(), c.ids["acme"])
	if err != nil {
		t.Fatal(err)
	}
	kept := fmt.Sprint(organization)
	for _, dir := range []string{filepath.Dir(b.file), filepath.Dir(c.realm.file)} {
		files, err := os.ReadDir(dir)
		if err != nil || len(files) < 3 {
			t.Fatalf("%s has %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			data, err := os.ReadFile(filepath.Join(dir, file.Name()))
			if err != nil {
				t.Fatal(err)
			}
			kept += string(data)
		}
	}
	for _, token := range []string{b.Token, made.Token, acme.Token} {
		secret := strings.Split(token, "_")[2]
		if len(secret) != 32 || strings.Contains(kept, secret) {
			t.Errorf("the secret %s of %s is kept", secret, token)
		}
		if !strings.Contains(kept, sha256Of(token)) {
			t.Errorf("the hash of %s is not kept", token)
		}
	}
}
