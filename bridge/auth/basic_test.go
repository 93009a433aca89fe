package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// basic returns what a client sends as an Authorization header (RFC 7617).
func basic(userAndPassword string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(userAndPassword))
}

// TestBasic accepts a token as the password when the tenant allows it, whatever the user name is.
func TestBasic(t *testing.T) {
	t.Parallel()
	broken, _, _ := auth.NewToken()
	for name, c := range map[string]struct {
		header, client string
		err            error
	}{
		"a token":                       {basic("scim:s3cret"), "entra", nil},
		"without a user name":           {basic(":s3cret"), "entra", nil},
		"a user name beyond ASCII":      {basic("Zoë@acme:s3cret"), "entra", nil},
		"the scheme in any case":        {"bASIC  " + strings.TrimPrefix(basic("x:s3cret"), "Basic ") + " ", "entra", nil},
		"a token with a colon":          {basic("scim:with:colons:"), "colons", nil},
		"a token beyond ASCII":          {basic("scim:Größe 10 €"), "utf8", nil},
		"that token as Latin-1":         {basic("scim:Gr\xf6\xdfe 10 EUR"), "", auth.ErrBasic},
		"an expired token":              {basic("scim:old"), "", auth.ErrExpired},
		"a wrong token":                 {basic("scim:nope"), "", auth.ErrBasic},
		"a blank behind the token":      {basic("scim:s3cret "), "", auth.ErrBasic},
		"the token as the user name":    {basic("s3cret:"), "", auth.ErrBasic},
		"the token in both places":      {basic("s3cret:s3cret"), "entra", nil},
		"without a colon":               {basic("s3cret"), "", auth.ErrBasic},
		"an empty password":             {basic("scim:"), "", auth.ErrBasic},
		"nothing encoded":               {basic(""), "", auth.ErrBasic},
		"the scheme alone":              {"Basic", "", auth.ErrBasic},
		"the scheme and a blank":        {"Basic ", "", auth.ErrBasic},
		"no Base64":                     {"Basic scim:s3cret", "", auth.ErrBasic},
		"Base64 without its end":        {strings.TrimRight(basic("x:s3cret"), "="), "", auth.ErrBasic},
		"Base64 cut off":                {basic("scim:s3cret")[:len(basic("scim:s3cret"))-3], "", auth.ErrBasic},
		"Base64 of URLs":                {"Basic " + base64.URLEncoding.EncodeToString([]byte("scim?~~:s3cret")), "", auth.ErrBasic},
		"the scheme twice":              {"Basic " + basic("scim:s3cret"), "", auth.ErrBasic},
		"Bearer in front":               {"Bearer " + basic("scim:s3cret"), "", auth.ErrInvalid},
		"two in one header":             {basic("scim:s3cret") + ", Bearer s3cret", "", auth.ErrBasic},
		"a token that is not whole":     {basic("scim:" + broken[:len(broken)-1]), "", auth.ErrTypo},
		"no scheme, though Basic is on": {"s3cret", "", auth.ErrBare},
		"a bearer token all the same":   {"Bearer s3cret", "entra", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on := newTenant(false)
			on.Policy.BasicAuth = true
			on.Tokens = append(on.Tokens, tenant.Token{Name: "colons", SHA256: sha256.Sum256([]byte("with:colons:"))}, tenant.Token{Name: "utf8", SHA256: sha256.Sum256([]byte("Größe 10 €"))})
			p, err := auth.New(auth.Options{}).Authenticate(t.Context(), on, c.header, false)
			if p.Actor.Name != c.client || !errors.Is(err, c.err) {
				t.Errorf("Authenticate(%q) = %q, %v, want %q, %v", c.header, p.Actor.Name, err, c.client, c.err)
			}
			if c.client == "entra" && p.Scopes != tenant.UsersRead {
				t.Errorf("the scopes are %s", p.Scopes)
			}
			if text := fmt.Sprint(err, auth.Cause(err)); strings.Contains(text, "s3cret") || strings.Contains(text, "c2NpbTpz") || strings.Contains(text, "acme") {
				t.Errorf("the error shows the header: %s", text)
			}
		})
	}
}

// TestBasicTellsNothingOfATenant: a tenant that accepts Basic, a tenant that does not and a tenant
// that does not exist give the same answer to a client without a token.
func TestBasicTellsNothingOfATenant(t *testing.T) {
	t.Parallel()
	a, broken := auth.New(auth.Options{}), "ksb_0123abCD_0123456789abcdefghijABCDEFGHIJxy_000000"
	on := newTenant(false)
	on.Policy.BasicAuth = true
	for _, header := range []string{basic("scim:nope"), basic("scim:" + broken), basic("nope"), basic(""), "Basic", "Basic ?", basic("scim:eyJ.e30.x")} {
		_, err := a.Authenticate(t.Context(), on, header, false)
		for name, other := range map[string]*tenant.Tenant{"without Basic": newTenant(false), "with bare tokens": newTenant(true), "of nobody": {}} {
			if _, got := a.Authenticate(t.Context(), other, header, false); err == nil || got == nil || got.Error() != err.Error() {
				t.Errorf("%q: a tenant %s answers %v, one with Basic %v", header, name, got, err)
			}
		}
	}
	if p, err := a.Authenticate(t.Context(), newTenant(true), basic("scim:s3cret"), false); !errors.Is(err, auth.ErrBasic) || !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("a good token by Basic to a tenant without it = %q, %v", p.Actor.Name, err)
	}
}

// TestBasicAcceptsNoAccessToken: a client that can get an access token can send it as Bearer.
func TestBasicAcceptsNoAccessToken(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	a, acme := i.authenticator(), i.tenant(true)
	acme.Policy.BasicAuth = true
	token := i.Sign(t, authtest.FirstKey, i.claims(nil))
	if _, err := a.Authenticate(t.Context(), acme, "Bearer "+token, false); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(t.Context(), acme, basic("scim:"+token), false); !errors.Is(err, auth.ErrBasic) {
		t.Errorf("an access token by Basic = %v", err)
	}
}

// TestFromBrowser finds web pages in browsers, by the headers that today's browsers send.
func TestFromBrowser(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header http.Header
		page   bool
	}{
		"a program":                        {http.Header{"Authorization": {basic("a:b")}}, false},
		"a page of another site":           {http.Header{"Authorization": {basic("a:b")}, "Sec-Fetch-Site": {"cross-site"}}, true},
		"a page of the same site":          {http.Header{"Authorization": {basic("a:b")}, "Sec-Fetch-Site": {"same-site"}}, true},
		"a page of the same origin":        {http.Header{"Authorization": {basic("a:b")}, "Sec-Fetch-Site": {"same-origin"}}, true},
		"one that is to come":              {http.Header{"Authorization": {basic("a:b")}, "Sec-Fetch-Site": {"else"}}, true},
		"twice, and one is of a page":      {http.Header{"Authorization": {basic("a:b")}, "Sec-Fetch-Site": {"none", "cross-site"}}, true},
		"a person who typed the URL":       {http.Header{"Authorization": {basic("a:b")}, "Sec-Fetch-Site": {"none"}}, false},
		"a form":                           {http.Header{"Authorization": {basic("a:b")}, "Origin": {"https://evil.test"}}, true},
		"a sandboxed form":                 {http.Header{"Authorization": {basic("a:b")}, "Origin": {"null"}}, true},
		"an empty origin":                  {http.Header{"Authorization": {basic("a:b")}, "Origin": {""}}, true},
		"Basic as the second header":       {http.Header{"Authorization": {"Bearer x", "basic x"}, "Origin": {"https://evil.test"}}, true},
		"malformed":                        {http.Header{"Authorization": {"BASIC"}, "Origin": {"https://evil.test"}}, true},
		"a bearer token, which is sent by": {http.Header{"Authorization": {"Bearer x"}, "Origin": {"https://acme.test"}}, false},
	} {
		if err := auth.FromBrowser(c.header); (err != nil) != c.page {
			t.Errorf("%s: FromBrowser(%v) = %v", name, c.header, err)
		}
	}
}
