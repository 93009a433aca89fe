package auth_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth/authtest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// kept are tokens that are stored elsewhere than in the tenant.
type kept struct {
	tokens map[[sha256.Size]byte]tenant.Token
	err    error
}

func (k kept) Token(_ context.Context, _ *tenant.Tenant, sum [sha256.Size]byte) (*tenant.Token, error) {
	if t, ok := k.tokens[sum]; ok && k.err == nil {
		return &t, nil
	}
	return nil, k.err
}

// TestATokenIsLookedUpWhereTokensAreKept, and not in the tenant's configuration as well. When the
// store cannot answer, no client learns that its token is wrong.
func TestATokenIsLookedUpWhereTokensAreKept(t *testing.T) {
	t.Parallel()
	of := &tenant.Tenant{Path: "acme", Tokens: []tenant.Token{{Name: "configured", SHA256: sha256.Sum256([]byte("old"))}}}
	store := kept{tokens: map[[sha256.Size]byte]tenant.Token{sha256.Sum256([]byte("new")): {Name: "stored", KeyID: "1", Scopes: tenant.UsersRead}}}
	broken := kept{err: errors.New("no connection to the store")}
	for name, c := range map[string]struct {
		tokens auth.Tokens
		token  string
		want   string
		err    error
	}{
		"the tenant's own":          {nil, "old", "configured", nil},
		"unknown to the tenant":     {nil, "new", "", auth.ErrInvalid},
		"a token that is kept":      {store, "new", "stored", nil},
		"a token that is not kept":  {store, "old", "", auth.ErrInvalid},
		"nobody can say":            {broken, "new", "", auth.ErrUnavailable},
		"nobody can say of another": {broken, "old", "", auth.ErrUnavailable},
		"nobody can know":           {broken, "ksb_01234567_0123456789", "", auth.ErrTypo},
		"suspended":                 {kept{err: fmt.Errorf("%w: entra", auth.ErrSuspended)}, "new", "", auth.ErrSuspended},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := auth.New(auth.Options{Tokens: c.tokens}).Authenticate(t.Context(), of, "Bearer "+c.token, true)
			if !errors.Is(err, c.err) || p.Actor.Name != c.want {
				t.Errorf("Authenticate = %q, %v, want %q, %v", p.Actor.Name, err, c.want, c.err)
			}
			if cause := auth.Cause(err); errors.Is(err, auth.ErrUnavailable) && (cause == nil || cause.Error() != "the token cannot be looked up: no connection to the store") {
				t.Errorf("the log gets %v", cause)
			}
		})
	}
}

// TestAccessTokensNeedNoStore: they are checked by their signature. An access token that is not valid may be a token
// that only the store knows.
func TestAccessTokensNeedNoStore(t *testing.T) {
	t.Parallel()
	issuer, mallory := authtest.NewIssuer(t), authtest.NewIssuer(t)
	of := &tenant.Tenant{AccessTokens: []tenant.AccessToken{{Name: "jwt", Issuer: "https://issuer.test/", KeysURL: issuer.URL, Audience: "bridge", Subject: "sub-1"}}}
	claims := map[string]any{"iss": "https://issuer.test/", "aud": "bridge", "sub": "sub-1", "exp": time.Now().Add(time.Hour).Unix()}
	var used []string
	a := auth.New(auth.Options{
		Tokens: kept{err: errors.New("no connection to the store")}, Other: http.DefaultTransport, Realm: http.DefaultTransport,
		Used: func(_ *tenant.Tenant, by tenant.Actor) { used = append(used, by.Name) },
	})
	if p, err := a.Authenticate(t.Context(), of, "Bearer "+issuer.Sign(t, authtest.FirstKey, claims), false); err != nil || p.Actor.Name != "jwt" {
		t.Errorf("an access token is %q, %v", p.Actor.Name, err)
	}
	if _, err := a.Authenticate(t.Context(), of, "Bearer "+mallory.Sign(t, authtest.FirstKey, claims), false); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("a forged access token is %v", err)
	}
	if !slices.Equal(used, []string{"jwt"}) {
		t.Errorf("used are %v", used)
	}
}
