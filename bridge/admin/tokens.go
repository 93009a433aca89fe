package admin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Tokens are the tokens of the store, and the last uses of all credentials.
type Tokens interface {
	// Of returns the tokens of a tenant, and All the tokens of all tenants.
	Of(t *tenant.Tenant) []store.Token
	All() []store.Token
	// LastUse returns the last use of a credential, and from when on every use is known. last is zero for a credential
	// that was not used since then.
	LastUse(c store.Credential) (last, since time.Time)
	// AddToken keeps a token, RevokeToken refuses it, and AcceptTokens accepts the suspended tokens of a tenant, or of
	// all tenants with the zero Owner. The next request sees the change.
	AddToken(ctx context.Context, t store.Token) error
	RevokeToken(ctx context.Context, of store.Owner, sum store.Sum) error
	AcceptTokens(ctx context.Context, of store.Owner) (int, error)
}

// Places where a credential is kept.
const (
	InFile         = "file"         // in the configuration or in its tokensFile
	InOrganization = "organization" // in the attributes of the organization
	InStore        = "store"
)

// credentials returns the credentials of a tenant, wherever they are kept.
func (a *Admin) credentials(t *tenant.Tenant) []Credential {
	now := a.o.Now()
	out := CredentialsOf(t.Path, t.Tokens, t.AccessTokens, now)
	for i := range out {
		out[i].Place = InFile
		if i < len(t.Tokens) && (t.Found || t.OfOrganization) {
			out[i].Place = InOrganization
		}
	}
	if a.o.Tokens == nil {
		return out
	}
	out = slices.Insert(out, len(t.Tokens), keptCredentials(t.Path, a.o.Tokens.Of(t), now)...)
	for i := range out {
		a.lastUse(&out[i], store.OwnerOf(t))
	}
	return out
}

// Same reports whether two views are of one credential. The two can be made by different programs.
func (c Credential) Same(other Credential) bool {
	return c.Tenant == other.Tenant && c.KeyID == other.KeyID && c.Name == other.Name && c.Issuer == other.Issuer && (c.Place == InStore) == (other.Place == InStore)
}

// keptCredentials are the credentials of tokens in the store. path is "" for the paths when the tokens were made.
func keptCredentials(path string, kept []store.Token, now time.Time) []Credential {
	var out []Credential
	for _, one := range kept {
		of := path
		if path == "" {
			of = one.Path
		}
		c := CredentialsOf(of, []tenant.Token{one.Token}, nil, now)[0]
		c.Place, c.Made = InStore, new(one.Made)
		if one.Suspended && c.State != Expired {
			c.State = Suspended
		}
		out = append(out, c)
	}
	return out
}

// lastUse adds the last use of a credential.
func (a *Admin) lastUse(c *Credential, of store.Owner) {
	name := store.Credential{Of: of, KeyID: c.KeyID}
	if c.KeyID == "" {
		name.Name = c.Name
	}
	last, since := a.o.Tokens.LastUse(name)
	switch {
	case !last.IsZero():
		c.LastUsed = new(last.UTC())
	case c.Made != nil && c.Made.After(since):
		c.UnusedSince = new(c.Made.UTC())
	case !since.IsZero():
		c.UnusedSince = new(since.UTC())
	}
}

// Credentials returns the credentials of all tenants, and the tokens in the store whose tenant the bridge does not have.
func (a *Admin) Credentials() []Credential {
	var out []Credential
	known := map[store.Owner]bool{}
	for _, t := range a.o.Tenants.All() {
		known[store.OwnerOf(t)] = true
		out = append(out, a.credentials(t)...)
	}
	if a.o.Tokens == nil {
		return out
	}
	for _, one := range a.o.Tokens.All() {
		if known[one.Of] {
			continue
		}
		c := keptCredentials("", []store.Token{one}, a.o.Now())[0]
		c.State = NoTenant
		a.lastUse(&c, one.Of)
		out = append(out, c)
	}
	return out
}

// NewToken is a token to keep in the store. It does not contain the token.
type NewToken struct {
	Tenant  string // the path
	Realm   string
	Key     string // of the tenant; of an organization the id
	Name    string
	KeyID   string
	SHA256  string // of the token, in hexadecimal digits
	Scopes  tenant.Scopes
	Expires time.Time // the zero time for no end
}

// maxCredentialName is the most characters of the name of a credential.
const maxCredentialName = 100

// AddToken keeps a token in the store.
func (a *Admin) AddToken(ctx context.Context, n NewToken) error {
	if a.o.Tokens == nil {
		return ErrNoStore
	}
	t := store.Token{Of: store.Owner{Realm: n.Realm, Key: n.Key}, Path: n.Tenant, Token: tenant.Token{Name: n.Name, KeyID: n.KeyID, Scopes: n.Scopes, Expires: n.Expires}}
	if sum, err := hex.DecodeString(n.SHA256); err != nil || len(sum) != len(t.SHA256) || hex.EncodeToString(sum) != n.SHA256 {
		return InputError{"the hash of the token is not a SHA-256 of 64 hexadecimal digits"}
	} else { //nolint:revive // sum is only needed here
		copy(t.SHA256[:], sum)
	}
	if err := a.fits(t); err != nil {
		return err
	}
	if err := a.o.Tokens.AddToken(ctx, t); err != nil {
		return tokenError(err)
	}
	a.did("made a token", zap.String("tenant", n.Tenant), zap.String("client", n.Name), zap.String("key_id", n.KeyID))
	a.Refresh() // an organization gets its endpoint with its first token
	return nil
}

// tokenError makes an error of the operator's input recognizable.
func tokenError(err error) error {
	for _, wrong := range []error{store.ErrTokenExists, store.ErrTokenRevoked, store.ErrNoToken} {
		if errors.Is(err, wrong) {
			return InputError{err.Error()}
		}
	}
	return err
}

// fits checks that a token is for a tenant that the bridge has or would have, and that its name is free.
func (a *Admin) fits(token store.Token) error {
	if !goodName(token.Name) || token.KeyID != "" && !goodKeyID(token.KeyID) || token.Scopes == 0 || token.Scopes&^tenant.AllScopes != 0 {
		return InputError{fmt.Sprintf("a token needs a name of at most %d printable characters without blanks at its ends, a key id of letters and digits, and scopes", maxCredentialName)}
	}
	t := a.o.Tenants.ByPath(token.Path)
	if t == nil {
		every := a.o.Tenants.ByPath(tenant.Every(token.Path))
		if every == nil || every.Realm != token.Of.Realm || token.Of.Key == every.Owner.Key {
			return NoTenantError{fmt.Sprintf("the bridge that runs here has no tenant %q, and no realm in which the organization could get its first token", token.Path)}
		}
		return nil
	}
	if store.OwnerOf(t) != token.Of || t.Every() {
		return NoTenantError{fmt.Sprintf("the bridge that runs here has another tenant at %q: its configuration is another one than the command's", token.Path)}
	}
	for _, c := range a.credentials(t) {
		if c.Name == token.Name {
			return InputError{fmt.Sprintf("a token with the name %s exists already: choose another --name", token.Name)}
		}
	}
	return nil
}

func goodName(name string) bool {
	return name != "" && utf8.ValidString(name) && utf8.RuneCountInString(name) <= maxCredentialName && strings.TrimSpace(name) == name &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

func goodKeyID(id string) bool {
	return len(id) <= maxCredentialName && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// RevokeToken revokes a token of the store, by the name of its client or its key id. path is the path of its tenant, or
// the path that the tenant had when the token was made.
func (a *Admin) RevokeToken(ctx context.Context, path, which string) (Credential, error) {
	if a.o.Tokens == nil {
		return Credential{}, ErrNoStore
	}
	var found []store.Token
	for _, one := range a.keptOf(path) {
		if which != "" && (one.Name == which || one.KeyID == which) {
			found = append(found, one)
		}
	}
	switch {
	case len(found) == 0:
		return Credential{}, InputError{fmt.Sprintf("the store has no token %q of the tenant %s", which, path)}
	case len(found) > 1:
		return Credential{}, InputError{fmt.Sprintf("%d tokens have the name %q: use the key id", len(found), which)}
	}
	one := found[0]
	if err := a.o.Tokens.RevokeToken(ctx, one.Of, one.SHA256); err != nil {
		return Credential{}, tokenError(err)
	}
	a.did("revoked a token", zap.String("tenant", path), zap.String("client", one.Name), zap.String("key_id", one.KeyID))
	a.Refresh()
	return keptCredentials(path, []store.Token{one}, a.o.Now())[0], nil
}

// keptOf are the tokens in the store of the tenant at a path, and those of a tenant that had the path and is gone.
func (a *Admin) keptOf(path string) []store.Token {
	known := map[store.Owner]bool{}
	for _, t := range a.o.Tenants.All() {
		known[store.OwnerOf(t)] = true
	}
	out := slices.DeleteFunc(slices.Clone(a.o.Tokens.All()), func(one store.Token) bool { return one.Path != path || known[one.Of] })
	if t := a.o.Tenants.ByPath(path); t != nil {
		out = append(out, a.o.Tokens.Of(t)...)
	}
	return out
}

// AcceptTokens accepts the tokens of a tenant that are suspended since the store was restored; with "" those of all
// tenants. It returns how many were suspended.
func (a *Admin) AcceptTokens(ctx context.Context, path string) (int, error) {
	if a.o.Tokens == nil {
		return 0, ErrNoStore
	}
	var of store.Owner
	if path != "" {
		t, err := a.endpoint(path)
		if err != nil {
			return 0, err
		}
		of = store.OwnerOf(t)
	}
	n, err := a.o.Tokens.AcceptTokens(ctx, of)
	if err == nil {
		a.did("accepted the tokens of the store", zap.String("tenant", path), zap.Int("tokens", n))
	}
	return n, err
}
