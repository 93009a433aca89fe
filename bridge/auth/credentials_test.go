package auth_test

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/server"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// credential is a way to call, and the routes that it opens.
type credential struct {
	headers []string
	good    tenant.Scopes // the routes that the credential opens; nil: 401 everywhere
	valid   bool
}

// revoke removes a token from a tenant, as a change of the configuration does.
func revoke(t *testing.T, b apptest.Bridge, path, name string) {
	t.Helper()
	old := b.App.Watcher.Tenants.ByPath(path)
	next := old.WithMapping(old.Mapping, old.Fitness())
	next.Tokens = nil
	for _, token := range old.Tokens {
		if token.Name != name {
			next.Tokens = append(next.Tokens, token)
		}
	}
	if len(next.Tokens) != len(old.Tokens)-1 || !b.App.Watcher.Tenants.Swap(old, next) {
		t.Fatalf("the tenant %s has no token %s", path, name)
	}
}

// TestSecurity_1_CredentialsOfEveryKindOnEveryRoute: all combinations of credentials and routes,
// generated from the router. A refusal is a SCIM error with a challenge, and Keycloak gets no call.
func TestSecurity_1_CredentialsOfEveryKindOnEveryRoute(t *testing.T) {
	t.Parallel()
	fake, issuer, mallory := keycloaktest.NewFake(t), authtest.NewIssuer(t), authtest.NewIssuer(t)
	c := apptest.NewCustomers(t, fake.Server(), apptest.WithCredentials(issuer))
	other := apptest.NewCustomers(t, fake.Server(), nil)
	acme := c.Of["acme"]
	acme.With("the-token-that-goes").Must(t, http.MethodGet, "/Users", "")
	revoke(t, acme, c.Realm.Realm+"/organizations/acme", "revoked")
	public, err := x509.MarshalPKIXPublicKey(issuer.Key(authtest.FirstKey).Public())
	if err != nil {
		t.Fatal(err)
	}
	sign := func(change map[string]any) []string {
		return apptest.BearerOf(issuer.Sign(t, authtest.FirstKey, apptest.IssuerClaims(change)))
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
		"unknown":                  {apptest.BearerOf(unknown), 0, false},
		"one character less":       {apptest.BearerOf(acme.Token[:len(acme.Token)-1]), 0, false},
		"in another case":          {apptest.BearerOf(strings.ToUpper(acme.Token)), 0, false},
		"expired":                  {apptest.BearerOf("the-token-that-ended"), 0, false},
		"revoked":                  {apptest.BearerOf("the-token-that-goes"), 0, false},
		"of another tenant":        {apptest.BearerOf(c.Of["globex"].Token), 0, false},
		"of the realm's tenant":    {apptest.BearerOf(c.Realm.Token), 0, false},
		"of another realm":         {apptest.BearerOf(other.Of["acme"].Token), 0, false},
		"the full token":           {apptest.BearerOf(acme.Token), tenant.AllScopes, true},
		"the scheme in lower case": {[]string{"bearer " + acme.Token}, tenant.AllScopes, true},
		"read-only":                {apptest.BearerOf("the-token-that-reads"), tenant.UsersRead | tenant.GroupsRead, true},
		"for users alone":          {apptest.BearerOf("the-token-of-users"), tenant.UsersRead | tenant.UsersWrite, true},
		"an access token":          {sign(nil), tenant.UsersRead | tenant.Bulk, true},
		"wrong audience":           {sign(map[string]any{"aud": "other"}), 0, false},
		"wrong issuer":             {sign(map[string]any{"iss": issuer.URL}), 0, false},
		"wrong subject":            {sign(map[string]any{"sub": "sub-2"}), 0, false},
		"expired access token":     {sign(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), 0, false},
		"not yet valid":            {sign(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), 0, false},
		"alg none":                 {apptest.BearerOf(authtest.Unsigned(t, `{"alg":"none","kid":"one"}`, apptest.IssuerClaims(nil))), 0, false},
		"another's signature":      {apptest.BearerOf(mallory.Sign(t, authtest.FirstKey, apptest.IssuerClaims(nil))), 0, false},
		"HMAC by the public key":   {apptest.BearerOf(authtest.Sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: public}, authtest.FirstKey, apptest.IssuerClaims(nil))), 0, false},
		"an unknown key":           {apptest.BearerOf(authtest.Sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: issuer.Key(authtest.FirstKey)}, "flood", apptest.IssuerClaims(nil))), 0, false},
	}
	for _, route := range server.Routes() {
		for name, credential := range matrix {
			before := len(fake.Calls())
			status, header, body := apptest.AskWith(t, acme, route, credential.headers)
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

// TestSecurity_27_AccessTokensOfTheRealm on the real Keycloak: only tokens of the configured
// service account for the bridge are accepted. The bridge refuses a person's login by the same
// client, and tokens of another client, of another realm or for another audience.
func TestSecurity_27_AccessTokensOfTheRealm(t *testing.T) {
	t.Parallel()
	kc := keycloaktest.Real(t)
	b, foreign := newTokenBridge(t, kc), newTokenBridge(t, kc)
	grant := func(realm, client string, more url.Values) string {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {"secret-of-the-client"}}
		maps.Copy(form, more)
		status, answer := apptest.AskToken(t, kc, realm, form)
		if status != http.StatusOK {
			t.Fatalf("the token endpoint answers %d %v", status, answer)
		}
		return answer["access_token"].(string)
	}
	add := func(realm, client, more string) {
		apptest.AdminSend(t, kc, http.MethodPost, "/admin/realms/"+realm+"/clients", `{"clientId":"`+client+`","secret":"secret-of-the-client","serviceAccountsEnabled":true,"directAccessGrantsEnabled":true,`+more+`}`)
	}
	for _, realm := range []string{b.Realm, foreign.Realm} {
		add(realm, "entra", audience)
	}
	add(b.Realm, "other", audience)
	jane := b.Create(t, "/Users", `{"userName":"jane","name":{"givenName":"J","familyName":"D"},"emails":[{"value":"jane@acme.test","primary":true}]}`)
	apptest.AdminPut(t, kc, "/admin/realms/"+b.Realm+"/users/"+jane+"/reset-password", `{"type":"password","temporary":false,"value":"password-of-jane"}`)
	login := url.Values{"grant_type": {"password"}, "username": {"jane"}, "password": {"password-of-jane"}, "scope": {"openid"}}
	_, both := apptest.AskToken(t, kc, b.Realm, url.Values{"grant_type": {"password"}, "client_id": {"entra"}, "client_secret": {"secret-of-the-client"}, "username": {"jane"}, "password": {"password-of-jane"}, "scope": {"openid"}})
	good := grant(b.Realm, "entra", nil)
	bad := map[string]string{
		"a person's own login by the same client": grant(b.Realm, "entra", login),
		"a person's ID token":                     both["id_token"].(string),
		"a person's refresh token":                both["refresh_token"].(string),
		"another client's":                        grant(b.Realm, "other", nil),
		"another realm's":                         grant(foreign.Realm, "entra", nil),
	}
	for _, route := range server.Routes() {
		for name, text := range bad {
			if status, header, body := apptest.AskWith(t, b, route, apptest.BearerOf(text)); status != http.StatusUnauthorized || header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s with %s = %d %s, want 401", route.Method, route.Path, name, status, body)
			}
		}
	}
	b.With(good).Must(t, http.MethodGet, "/Users", "")
	foreign.With(bad["another realm's"]).Must(t, http.MethodGet, "/Users", "")
	add(b.Realm, "narrow", `"protocolMappers":[]`)
	if status, _, _ := apptest.AskWith(t, b, server.Route{Method: http.MethodGet, Path: "/Users"}, apptest.BearerOf(grant(b.Realm, "narrow", nil))); status != http.StatusUnauthorized {
		t.Errorf("a token without the audience = %d, want 401", status)
	}
}
