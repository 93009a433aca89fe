package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Tokens keeps static tokens of tenants, by their hashes. No method gets the text of a token.
type Tokens interface {
	// Tokens returns everything that the store knows about credentials, in one state.
	Tokens(ctx context.Context) (TokenState, error)
	// AddToken keeps a token. When it returns nil, a crash cannot lose the token. It returns ErrTokenExists for a token
	// that the tenant has, and ErrTokenRevoked for a token that was revoked for the tenant. It ignores Suspended.
	AddToken(ctx context.Context, t Token) error
	// RevokeToken removes a token, and records the revocation. When it returns nil, a crash cannot undo it. It returns
	// ErrNoToken for a token that the tenant does not have.
	RevokeToken(ctx context.Context, of Owner, sum Sum) error
	// Revoke records revocations of tokens that are kept elsewhere. It ignores revocations that the store has, and
	// drops revocations of tokens that have expired.
	Revoke(ctx context.Context, list ...Revocation) error
	// AcceptTokens ends the suspension of the tokens of a tenant; of all tenants with the zero Owner. It returns how many
	// tokens were suspended.
	AcceptTokens(ctx context.Context, of Owner) (int, error)
	// Used records when credentials were used. It returns when the record waits for the next group commit; a crash can
	// lose it.
	Used(ctx context.Context, list ...Use) error
}

// Errors of Tokens.
var (
	ErrTokenExists  = errors.New("the tenant has that token already")
	ErrTokenRevoked = errors.New("that token was revoked for this tenant and stays so: make another token")
	ErrNoToken      = errors.New("the tenant has no such token in the store")
)

// Sum is the SHA-256 of a token.
type Sum = [32]byte

// Owner is the tenant of a token. The zero value is no tenant.
type Owner struct {
	Realm string
	Key   string // of the tenant, which outlives its path; of an organization the id
}

// OwnerOf is the owner of a tenant's tokens.
func OwnerOf(t *tenant.Tenant) Owner { return Owner{t.Realm, t.Owner.Key} }

// Token is a token in the store.
type Token struct {
	tenant.Token

	Of   Owner
	Path string // of the tenant when the token was made
	Made time.Time
	// Suspended says that the token was made before the store was restored from a backup. Somebody may have revoked the
	// token after the backup, so it is refused until an operator accepts it.
	Suspended bool
}

// Revocation says that a token of a tenant is refused, wherever it is kept.
type Revocation struct {
	Of      Owner
	SHA256  Sum
	KeyID   string
	Expires time.Time // the end of the token; the zero time when it has no end
}

// RevocationSkew is how long a revocation is kept after the end of its token, because clocks of machines differ.
const RevocationSkew = 24 * time.Hour

// Ended reports whether the token of a revocation has expired.
func (r Revocation) Ended(now time.Time) bool {
	return !r.Expires.IsZero() && r.Expires.Add(RevocationSkew).Before(now)
}

// Use is the last use of a credential.
type Use struct {
	Credential

	At time.Time
}

// Credential names a credential of a tenant.
type Credential struct {
	Of    Owner
	KeyID string // "" for a credential without a key id
	Name  string // "" for a credential with a key id
}

// DropRevoked removes the tokens that are revoked.
func (s *TokenState) DropRevoked() {
	s.Tokens = slices.DeleteFunc(s.Tokens, func(t Token) bool {
		return slices.ContainsFunc(s.Revoked, func(r Revocation) bool { return r.Of == t.Of && r.SHA256 == t.SHA256 })
	})
}

// TokenState is what a store knows about credentials.
type TokenState struct {
	Tokens  []Token      // without revoked ones; by the realm and the key of the tenant, oldest first
	Revoked []Revocation // in no order
	Uses    []Use        // in no order
	// UsesSince is the time from which on every use is known. A credential without a Use was not used since then.
	UsesSince time.Time
	// Forged counts the tokens that somebody wrote or changed without the key of the store. Tokens does not have them.
	Forged int
}
