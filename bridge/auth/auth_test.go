package auth_test

import (
	"crypto/sha256"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

func newTenant(bare bool) *tenant.Tenant {
	now := time.Now()
	return &tenant.Tenant{
		Tokens: []tenant.Token{
			{Name: "first", SHA256: sha256.Sum256([]byte("old")), Expires: now},
			{Name: "entra", SHA256: sha256.Sum256([]byte("s3cret")), Expires: now.Add(time.Hour), Scopes: tenant.UsersRead},
			{Name: "okta", SHA256: sha256.Sum256([]byte("other"))},
		},
		Policy: tenant.Policy{BareToken: bare},
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header string
		bare   bool
		client string
		err    error
	}{
		"a token":                       {"Bearer s3cret", false, "entra", nil},
		"the scheme in any case":        {"bEARER  s3cret ", false, "entra", nil},
		"another token of the tenant":   {"Bearer other", false, "okta", nil},
		"no header":                     {"", false, "", auth.ErrMissing},
		"no token":                      {"Bearer ", false, "", auth.ErrMissing},
		"a wrong token":                 {"Bearer nope", false, "", auth.ErrInvalid},
		"a part of a token":             {"Bearer s3cre", false, "", auth.ErrInvalid},
		"an expired token":              {"Bearer old", false, "", auth.ErrExpired},
		"the hash is no token":          {"Bearer 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", false, "", auth.ErrInvalid},
		"another scheme":                {"Digest s3cret", false, "", auth.ErrMissing},
		"Bearer twice":                  {"Bearer Bearer s3cret", false, "", auth.ErrDoubled},
		"a bare token":                  {"s3cret", false, "", auth.ErrInvalid},
		"the scheme alone":              {"Bearer", true, "", auth.ErrMissing},
		"a bare token where allowed":    {"s3cret", true, "entra", nil},
		"Basic where bare is allowed":   {"Basic s3cret", true, "", auth.ErrBasic},
		"nothing where bare is allowed": {" ", true, "", auth.ErrMissing},
		"a token of the bridge's form":  {"Bearer ksb_0123abCD_0123456789abcdefghijABCDEFGHIJxy_000000", false, "", auth.ErrTypo},
		"the form alone":                {"Bearer ksb_", false, "", auth.ErrTypo},
		"an access token":               {"Bearer eyJ.e30.x", false, "", auth.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := auth.New(auth.Options{}).Authenticate(t.Context(), newTenant(c.bare), c.header, false)
			if p.Actor.Name != c.client || !errors.Is(err, c.err) {
				t.Errorf("Authenticate(%q) = %q, %v, want %q, %v", c.header, p.Actor.Name, err, c.client, c.err)
			}
			if c.client == "entra" && p.Scopes != tenant.UsersRead {
				t.Errorf("the scopes are %s", p.Scopes)
			}
			if cause := auth.Cause(err); cause != nil && strings.Contains(cause.Error(), strings.TrimPrefix(c.header, "Bearer ")) {
				t.Errorf("the cause shows the token: %v", cause)
			}
		})
	}
	if _, err := auth.New(auth.Options{}).Authenticate(t.Context(), &tenant.Tenant{}, "Bearer x", false); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("a tenant without tokens = %v, want ErrInvalid", err)
	}
}

// TestTokensOfTheBridge have the form that scanners look for, a key id, and a checksum that finds
// every single wrong character. No two tokens are the same.
func TestTokensOfTheBridge(t *testing.T) {
	t.Parallel()
	pattern, seen, letters := regexp.MustCompile("^"+auth.TokenPattern+"$"), map[string]bool{}, map[rune]bool{}
	for range 100 {
		token, id, sum := auth.NewToken()
		got, err := auth.KeyID(token)
		if !pattern.MatchString(token) || got != id || err != nil || sum != sha256.Sum256([]byte(token)) || seen[token] || seen[id] {
			t.Fatalf("NewToken() = %q, %q, and KeyID() = %q, %v", token, id, got, err)
		}
		seen[token], seen[id] = true, true
		for _, c := range token {
			letters[c] = true
		}
	}
	if len(letters) != 63 {
		t.Errorf("%d characters are used, want all of 63", len(letters))
	}
	token, _, _ := auth.NewToken()
	for i := range token {
		if i < 4 {
			continue // another form
		}
		changed := token[:i] + string(token[i]^1) + token[i+1:]
		if _, err := auth.KeyID(changed); !errors.Is(err, auth.ErrTypo) {
			t.Errorf("KeyID(%q) = %v, want ErrTypo", changed, err)
		}
		if _, err := auth.KeyID(token[:i]); !errors.Is(err, auth.ErrTypo) {
			t.Errorf("KeyID(%q) = %v, want ErrTypo", token[:i], err)
		}
	}
	if id, err := auth.KeyID("of another server"); id != "" || err != nil {
		t.Errorf("KeyID() of another form = %q, %v", id, err)
	}
}

// TestExpiryWarnsOnceEach 30, 7 and 1 days before the end, and at the end. A token that replaces
// another is a new token for the warnings.
func TestExpiryWarnsOnceEach(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	e := auth.Expiry{Log: zap.New(core)}
	end := time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC)
	tenants := []*tenant.Tenant{{Path: "acme", Tokens: []tenant.Token{{Name: "idp", KeyID: "k", Expires: end}, {Name: "never"}}}}
	for hours := 40 * 24; hours > -48; hours-- {
		e.Check(tenants, end.Add(-time.Duration(hours)*time.Hour))
	}
	var days []any
	for _, entry := range logs.TakeAll() {
		fields := entry.ContextMap()
		if fields["tenant"] != "acme" || fields["client"] != "idp" || fields["key_id"] != "k" {
			t.Errorf("the warning says %v", fields)
		}
		days = append(days, fields["within_days"])
	}
	if len(days) != 4 || days[0] != int64(30) || days[1] != int64(7) || days[2] != int64(1) || days[3] != nil {
		t.Errorf("warned within %v days, want 30, 7, 1 and at the end", days)
	}
	tenants[0].Tokens[0].Expires = end.AddDate(0, 0, 20)
	e.Check(tenants, end)
	if logs.Len() != 1 {
		t.Errorf("%d warnings of a token that ends in 20 days after all", logs.Len())
	}
	logs.TakeAll()
	e.Tokens = func(t *tenant.Tenant) []tenant.Token {
		return append(t.Tokens[:1:1], tenant.Token{Name: "in the store", Expires: end})
	}
	e.Check(tenants, end)
	if all := logs.TakeAll(); len(all) != 1 || all[0].ContextMap()["client"] != "in the store" {
		t.Errorf("of a token that is kept elsewhere there are the warnings %v", all)
	}
}

// TestCheckingAKnownTokenAllocatesNothing, static or JWT.
func TestCheckingAKnownTokenAllocatesNothing(t *testing.T) { //nolint:paralleltest // the test counts allocations
	i := newIssuer(t)
	text, _, sum := auth.NewToken()
	a, acme := i.authenticator(), i.tenant(true)
	acme.Tokens = []tenant.Token{{SHA256: sum}}
	for name, header := range map[string]string{"static": "Bearer " + text, "JWT": "Bearer " + i.Sign(t, authtest.FirstKey, i.claims(nil))} {
		ctx := t.Context()
		if n := testing.AllocsPerRun(100, func() {
			if _, err := a.Authenticate(ctx, acme, header, false); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("checking a token that is %s allocates %v times", name, n)
		}
	}
}
