package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Tokens are where the static tokens of tenants are looked up. All bridges that serve a tenant need the same Tokens,
// so that a token that was taken back is refused everywhere. They are asked by many requests at a time.
type Tokens interface {
	// Token finds the token of a tenant by its hash, also one that has expired, which its client is told; nil when the
	// tenant has none of that hash. It is asked for whatever a client sends, also for a JWT. An error says that the answer
	// cannot be known now: the client may try again, and is not told that its token is wrong.
	Token(ctx context.Context, t *tenant.Tenant, sum [sha256.Size]byte) (*tenant.Token, error)
}

// TenantTokens are the tokens that each tenant was configured with, and those in the attributes of its organization
// as of the last look at the realm.
type TenantTokens struct{}

// Token implements Tokens. It compares every token, so that the time tells nothing about which one came close.
func (TenantTokens) Token(_ context.Context, t *tenant.Tenant, sum [sha256.Size]byte) (*tenant.Token, error) {
	var found *tenant.Token
	for i := range t.Tokens {
		if subtle.ConstantTimeCompare(sum[:], t.Tokens[i].SHA256[:]) == 1 {
			found = &t.Tokens[i]
		}
	}
	return found, nil //nolint:nilnil // as Tokens says
}
