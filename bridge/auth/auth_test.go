package auth_test

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

func now() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func newTenant(bare bool) *tenant.Tenant {
	return &tenant.Tenant{
		Tokens: []tenant.Token{
			{Name: "old", SHA256: sha256.Sum256([]byte("old")), Expires: now()},
			{Name: "entra", SHA256: sha256.Sum256([]byte("s3cret")), Expires: now().Add(time.Second)},
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
		"an expired token":              {"Bearer old", false, "", auth.ErrInvalid},
		"the hash is no token":          {"Bearer 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", false, "", auth.ErrInvalid},
		"another scheme":                {"Basic s3cret", false, "", auth.ErrMissing},
		"Bearer twice":                  {"Bearer Bearer s3cret", false, "", auth.ErrDoubled},
		"a bare token":                  {"s3cret", false, "", auth.ErrMissing},
		"a bare token where allowed":    {"s3cret", true, "entra", nil},
		"Basic where bare is allowed":   {"Basic s3cret", true, "", auth.ErrMissing},
		"nothing where bare is allowed": {" ", true, "", auth.ErrMissing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := auth.Authenticate(newTenant(c.bare), c.header, now())
			if p.Name != c.client || !errors.Is(err, c.err) {
				t.Errorf("Authenticate(%q) = %q, %v, want %q, %v", c.header, p.Name, err, c.client, c.err)
			}
		})
	}
	if _, err := auth.Authenticate(&tenant.Tenant{}, "Bearer x", now()); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("a tenant without tokens = %v, want ErrInvalid", err)
	}
}
