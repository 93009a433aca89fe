package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// ListTokens returns the credentials of the chosen tenant, or of all tenants, without secrets.
func ListTokens(ctx context.Context, c config.Config, of TokenChoice, now time.Time) ([]admin.Credential, error) {
	places, err := of.places(ctx, c)
	if err != nil {
		return nil, err
	}
	out := []admin.Credential{}
	for _, p := range places {
		out = append(out, admin.CredentialsOf(p.path(), tokensOf(p.tokens()), AccessTokens(c, p.entry(c).Realm, p.accessTokens()), now)...)
	}
	return out, nil
}

// NewToken describes a token to issue for a tenant.
type NewToken struct {
	Name   string // "" for a name made from the month
	Months int    // how long the token is valid; 0 for no end
	Scopes []config.TokenScope
	SHA256 *config.Digest // the hash of an existing token of another server; nil to make a new token
}

// IssuedToken is a token that a tenant accepts. The command tokens new prints it.
type IssuedToken struct {
	BaseURL string `json:"baseURL,omitempty"`
	Token   string `json:"token,omitempty"` // only shown once
	Config  string `json:"config"`
	Name    string `json:"name"`
	KeyID   string `json:"keyID,omitempty"`
	// Expires is when the token ends; nil for no end.
	Expires *time.Time `json:"expires,omitempty"`
	Todo    string     `json:"todo,omitempty"` // what the operator has to do

	// Warning says why the endpoint would still refuse users, and Fix what to do.
	Warning string `json:"warning,omitempty"`
	Fix     string `json:"fix,omitempty"`

	Taken string `json:"-"` // when a running bridge accepts the token; "" with Todo
}

// IssueToken makes a token for the chosen tenant, and stores its hash.
func IssueToken(ctx context.Context, c config.Config, of TokenChoice, n NewToken) (IssuedToken, error) {
	p, err := of.place(ctx, c)
	if err != nil {
		return IssuedToken{}, err
	}
	token, text := n.make(time.Now())
	if token.Name, err = ownName(p.tokens(), token, n.Name); err != nil {
		return IssuedToken{}, UsageError{err}
	}
	out := IssuedToken{BaseURL: p.url(), Token: text, Config: c.File, Name: token.Name, KeyID: string(token.KeyID)}
	if !token.Expires.IsZero() {
		out.Expires = &token.Expires.Time
	}
	if out.Taken, out.Todo, err = p.add(ctx, token); err != nil {
		return IssuedToken{}, err
	}
	out.Warning, out.Fix = p.warn()
	return out, nil
}

// make returns the token without a name, and the text of the token; "" for a token of another server.
func (n NewToken) make(now time.Time) (t config.Token, text string) {
	if n.Months > 0 {
		t.Expires.Time = now.UTC().AddDate(0, n.Months, 0).Truncate(time.Second)
	}
	t.Scopes = n.Scopes
	if n.SHA256 != nil {
		t.SHA256 = *n.SHA256
		return t, ""
	}
	text, id, sum := auth.NewToken()
	t.KeyID, t.SHA256 = config.KeyID(id), sum
	return t, text
}

// ownName is a name that no other token of the tenant has.
func ownName(tokens []config.Token, token config.Token, asked string) (string, error) {
	taken := func(name string) bool {
		return slices.ContainsFunc(tokens, func(t config.Token) bool { return t.Name == name })
	}
	if slices.ContainsFunc(tokens, func(t config.Token) bool { return t.SHA256 == token.SHA256 }) {
		return "", errors.New("the tenant has that token already")
	}
	if asked != "" {
		if taken(asked) {
			return "", fmt.Errorf("a token with the name %s exists already: choose another --name", asked)
		}
		return asked, nil
	}
	name := TokenName + "-" + time.Now().UTC().Format("2006-01")
	for n := 2; taken(name); n++ {
		name = fmt.Sprintf("%s-%s-%d", TokenName, time.Now().UTC().Format("2006-01"), n)
	}
	return name, nil
}

// RevokeToken revokes the token with a name or a key id, and says when a running bridge refuses the token. An
// organization may have several entries for the same token.
func RevokeToken(ctx context.Context, c config.Config, of TokenChoice, which string) (name, taken string, err error) {
	p, err := of.place(ctx, c)
	if err != nil {
		return "", "", err
	}
	var found []config.Token
	for _, t := range p.tokens() {
		same := func(other config.Token) bool { return other.SHA256 == t.SHA256 }
		if (t.Name == which || string(t.KeyID) == which) && !slices.ContainsFunc(found, same) {
			found = append(found, t)
		}
	}
	switch {
	case len(found) == 0 && slices.ContainsFunc(p.accessTokens(), func(a config.AccessToken) bool { return a.Name == which }):
		return "", "", UsageError{fmt.Errorf("%q is an entry of accessTokens: use --oauth", which)}
	case len(found) == 0:
		return "", "", UsageError{fmt.Errorf("the tenant %s has no token %q; this command lists them: %s", p.path(), which, tenant.CommandLine("scim-bridge", "tokens", "list", "--config", c.File, "--tenant", p.path()))}
	case len(found) > 1:
		return "", "", UsageError{fmt.Errorf("%d tokens have the name %q: use the key id", len(found), which)}
	}
	taken, err = p.remove(ctx, found[0])
	return found[0].Name, taken, err
}
