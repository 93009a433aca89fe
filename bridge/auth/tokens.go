package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Tokens is the store in which static tokens of tenants are looked up. All bridges that serve a
// tenant need the same Tokens, so that every bridge refuses a revoked token. Many requests call it
// at the same time.
type Tokens interface {
	// Token finds the token of a tenant by its hash. It also returns an expired token, so that the
	// client learns of the expiry. It returns nil when the tenant has no token with this hash. It is
	// called for everything that a client sends, also for a JWT. An ErrSuspended says that the tenant
	// has the token and does not accept it yet. Another error says that the answer cannot be known
	// now: the client may try again.
	Token(ctx context.Context, t *tenant.Tenant, sum [sha256.Size]byte) (*tenant.Token, error)
}

// TenantTokens are the tokens in each tenant's configuration, and the tokens in the attributes of
// its organization at the last read of the realm.
type TenantTokens struct{}

// Token implements Tokens. It compares every token, so that the time does not show which token was
// similar.
func (TenantTokens) Token(_ context.Context, t *tenant.Tenant, sum [sha256.Size]byte) (*tenant.Token, error) {
	var found *tenant.Token
	for i := range t.Tokens {
		if subtle.ConstantTimeCompare(sum[:], t.Tokens[i].SHA256[:]) == 1 {
			found = &t.Tokens[i]
		}
	}
	return found, nil //nolint:nilnil // see Tokens
}
