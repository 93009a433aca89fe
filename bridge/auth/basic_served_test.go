package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/server"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// basicOf returns the header of Basic with a token as the password.
func basicOf(user, token string) []string {
	return []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+token))}
}

// askAs sends a request with an Authorization header and further headers.
func askAs(t *testing.T, b apptest.Bridge, method, path string, credential []string, more map[string]string) (status int, header http.Header, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.Base+path, strings.NewReader(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane@acme.test"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Authorization"] = credential
	for name, value := range more {
		req.Header.Set(name, value)
	}
	return apptest.Exchange(t, req)
}

// withBasic accepts Basic at the tenant of acme, which also has a token for reading users.
func withBasic(c *config.Config) {
	for _, r := range c.Realms {
		r.Tenants[0].BasicAuth = true
		r.Tenants[0].Tokens = append(r.Tenants[0].Tokens, config.Token{Name: "reader", SHA256: sha256.Sum256([]byte("the-token-that-reads")), Scopes: []config.TokenScope{"users:read"}})
	}
}

// TestBasicIsForTheTenantsThatHaveIt: the token as the password opens what it opens as Bearer, at
// tenants with basicAuth and at no other. Only the clients of such a tenant see that it accepts
// Basic.
func TestBasicIsForTheTenantsThatHaveIt(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), withBasic)
	acme, globex := c.Of["acme"], c.Of["globex"]
	if status, _, body := askAs(t, acme, http.MethodPost, "/Users", basicOf("entra", acme.Token), nil); status != http.StatusCreated {
		t.Errorf("a creation by Basic = %d %s", status, body)
	}
	if status, _, body := askAs(t, acme, http.MethodPost, "/Users", basicOf("entra", "the-token-that-reads"), nil); status != http.StatusForbidden || !strings.Contains(body, "credential-lacks-scope") {
		t.Errorf("a creation by Basic with a token for reading = %d %s", status, body)
	}
	for name, credential := range map[string][]string{
		"a wrong one": basicOf("entra", "no-token-of-anybody"), "one of another tenant": basicOf("entra", globex.Token), "malformed": {"Basic :"}, "two": append(basicOf("a", acme.Token), "Bearer "+acme.Token),
	} {
		status, header, body := askAs(t, acme, http.MethodGet, "/Users", credential, nil)
		if challenges := header.Values("WWW-Authenticate"); status != http.StatusUnauthorized || len(challenges) != 1 || !strings.HasPrefix(challenges[0], "Bearer ") {
			t.Errorf("%s = %d %s with the challenge %q", name, status, body, challenges)
		}
	}
	_, _, wrong := askAs(t, acme, http.MethodGet, "/Users", basicOf("entra", "no-token-of-anybody"), nil)
	for name, b := range map[string]apptest.Bridge{"without Basic": globex, "that does not exist": c.Realm.At(c.Realm.Realm + "/organizations/nobody")} {
		if status, _, body := askAs(t, b, http.MethodGet, "/Users", basicOf("entra", globex.Token), nil); status != http.StatusUnauthorized || body != wrong {
			t.Errorf("a tenant %s answers %d %s, and a wrong password is %s", name, status, body, wrong)
		}
	}
	for name, one := range map[string]struct {
		b          apptest.Bridge
		credential []string
		want       bool
	}{
		"with Basic, to its client": {acme, apptest.BearerOf(acme.Token), true}, "with Basic, by Basic": {acme, basicOf("", acme.Token), true}, "with Basic, to nobody": {acme, nil, false}, "without Basic": {globex, apptest.BearerOf(globex.Token), false},
	} {
		status, _, body := askAs(t, one.b, http.MethodGet, "/ServiceProviderConfig", one.credential, nil)
		if status != http.StatusOK || strings.Contains(body, `"httpbasic"`) != one.want || !strings.Contains(body, `"oauthbearertoken"`) {
			t.Errorf("%s: the service provider configuration = %d %s", name, status, body)
		}
	}
}

// TestSecurity_59_BasicIsNotTakenFromABrowser: whichever web page sends it, on every route and at
// every tenant, and whatever the credential is. A program's request still works.
func TestSecurity_59_BasicIsNotTakenFromABrowser(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := apptest.NewCustomers(t, fake.Server(), withBasic)
	acme := c.Of["acme"]
	for _, route := range server.Routes() {
		for name, more := range map[string]map[string]string{
			"a form": {"Origin": "https://evil.test"}, "a sandboxed form": {"Origin": "null"}, "a link": {"Sec-Fetch-Site": "cross-site"}, "a neighbour": {"Sec-Fetch-Site": "same-site"},
		} {
			for _, credential := range [][]string{basicOf("x", acme.Token), basicOf("x", "no-token-of-anybody")} {
				for _, b := range []apptest.Bridge{acme, c.Of["globex"], c.Realm.At("nobody")} {
					before := len(fake.Calls())
					status, header, body := askAs(t, b, route.Method, strings.Replace(route.Path, ":id", apptest.AbsentID, 1), credential, more)
					if status != http.StatusForbidden || !strings.Contains(body, "[credential-from-browser]") || header.Get("WWW-Authenticate") != "" || len(fake.Calls()) != before {
						t.Fatalf("%s %s of %s = %d %s, challenge %q", route.Method, route.Path, name, status, body, header.Get("WWW-Authenticate"))
					}
				}
			}
		}
	}
	for name, one := range map[string]struct {
		credential []string
		more       map[string]string
	}{
		"a program": {basicOf("x", acme.Token), nil}, "a person who typed the URL": {basicOf("x", acme.Token), map[string]string{"Sec-Fetch-Site": "none"}},
		"a page with a bearer token, which no browser adds": {apptest.BearerOf(acme.Token), map[string]string{"Origin": "https://acme.test", "Sec-Fetch-Site": "cross-site"}},
	} {
		if status, _, body := askAs(t, acme, http.MethodGet, "/Users", one.credential, one.more); status != http.StatusOK {
			t.Errorf("%s = %d %s", name, status, body)
		}
	}
}

// TestBasicCountsAsAFailure: a client that guesses passwords, or sends them from web pages, is
// slowed down like a client that guesses bearer tokens. A correct password is still accepted.
func TestBasicCountsAsAFailure(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]map[string]string{"a guess": nil, "a page": {"Origin": "https://evil.test"}} {
		b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
			withBasic(c)
			c.Server.FailuresPerMinute = 5
		})
		for n := range 7 {
			status, _, body := askAs(t, b, http.MethodGet, "/Users", basicOf("x", "no-token-of-anybody"), more)
			if throttled := status == http.StatusTooManyRequests; throttled != (n >= 5) {
				t.Errorf("%s, the %d. time = %d %s", name, n+1, status, body)
			}
		}
		if status, _, body := askAs(t, b, http.MethodGet, "/Users", basicOf("x", b.Token), nil); status != http.StatusOK {
			t.Errorf("a good token by Basic then = %d %s", status, body)
		}
	}
}

// TestBasicOfOrganizationsThatBringTheirTokens: the setting for all organizations, and for one
// organization.
func TestBasicOfOrganizationsThatBringTheirTokens(t *testing.T) {
	t.Parallel()
	c := apptest.NewEvery(t, keycloaktest.NewFake(t).Server())
	acme, globex := c.NewToken(t, "acme"), c.NewToken(t, "globex")
	c.Check(t)
	look := func(when string, of map[string]bool) {
		for alias, want := range of {
			b := map[string]apptest.Bridge{"acme": acme, "globex": globex}[alias]
			if status, _, body := askAs(t, b, http.MethodGet, "/Users", basicOf("x", b.Token), nil); (status == http.StatusOK) != want {
				t.Errorf("%s: Basic at %s = %d %s", when, alias, status, body)
			}
		}
	}
	look("by default", map[string]bool{"acme": false, "globex": false})
	override := c.Override("globex", "")
	c.Realm.ApplyFile(t, "config.yaml", apptest.Replaced(t, `organizations: "*"`, strings.Replace(override, "{ overrides", "{ basicAuth: true, overrides", 1)))
	c.Check(t)
	look("for all", map[string]bool{"acme": true, "globex": true})
	c.Realm.ApplyFile(t, "config.yaml", apptest.Replaced(t, "basicAuth: true, overrides: [{ ", "basicAuth: true, overrides: [{ basicAuth: false, "))
	c.Check(t)
	look("for all but one", map[string]bool{"acme": true, "globex": false})
}
