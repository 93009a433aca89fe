package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// TokenList is the credentials of tenants, without secrets.
type TokenList struct {
	Credentials []admin.Credential
	// Missing says why the tokens of the store and the last uses are missing; "" when nothing is missing.
	Missing string
}

// ListTokens returns the credentials of the chosen tenant, or of all tenants. When a bridge with a store runs, these
// include the tokens of the store.
func ListTokens(ctx context.Context, c config.Config, of TokenChoice, now time.Time) (TokenList, error) {
	places, err := of.places(ctx, c)
	if err != nil {
		return TokenList{}, err
	}
	running, missing, err := runningCredentials(ctx, c)
	if err != nil {
		return TokenList{}, err
	}
	out := TokenList{Credentials: []admin.Credential{}, Missing: missing}
	listed := map[string]bool{}
	for _, p := range places {
		listed[p.path()] = true
		list := admin.CredentialsOf(p.path(), tokensOf(p.tokens()), AccessTokens(c, p.entry(c).Realm, p.accessTokens()), now)
		for i := range list {
			list[i].Place = admin.InFile
			if i < len(p.tokens()) {
				list[i].Place = p.kept()
			}
			known := slices.IndexFunc(running, list[i].Same)
			if known >= 0 {
				list[i].LastUsed, list[i].UnusedSince = running[known].LastUsed, running[known].UnusedSince
			}
		}
		out.Credentials = append(out.Credentials, list...)
		for _, one := range running {
			if one.Tenant == p.path() && one.Place == admin.InStore {
				out.Credentials = append(out.Credentials, one)
			}
		}
	}
	for _, one := range running {
		if of == (TokenChoice{}) && !listed[one.Tenant] && one.Place == admin.InStore {
			out.Credentials = append(out.Credentials, one)
		}
	}
	return out, nil
}

// runningCredentials are the credentials that a running bridge has, if the configuration has a store. missing says why
// they are not known.
func runningCredentials(ctx context.Context, c config.Config) (list []admin.Credential, missing string, err error) {
	if !c.Store.On() {
		return nil, "", nil
	}
	if c.Admin.Socket == "" {
		return nil, "the configuration has no admin.socket, so the tokens of the store and the last uses are missing", nil
	}
	list, err = control.Client{Socket: c.Admin.Socket}.Credentials(ctx)
	if errors.Is(err, control.ErrAbsent) {
		return nil, "no bridge answers on " + c.Admin.Socket + ", so the tokens of the store and the last uses are missing", nil
	}
	return list, "", err
}

// NewToken describes a token to issue for a tenant.
type NewToken struct {
	Name   string // "" for a name made from the month
	Months int    // how long the token is valid; 0 for no end
	Scopes []config.TokenScope
	SHA256 *config.Digest // the hash of an existing token of another server; nil to make a new token
	// Place says where to keep the token: admin.InStore, PlaceTenant, or "" for the store of a bridge that runs with the
	// configuration, else PlaceTenant.
	Place string
}

// PlaceTenant is where a tenant keeps its tokens without a store: its tokensFile, or the attributes of its organization.
const PlaceTenant = "tenant"

// IssuedToken is a token that a tenant accepts. The command tokens new prints it.
type IssuedToken struct {
	BaseURL string `json:"baseURL,omitempty"`
	Token   string `json:"token,omitempty"` // only shown once
	Config  string `json:"config"`
	Name    string `json:"name"`
	KeyID   string `json:"keyID,omitempty"`
	// Expires is when the token ends; nil for no end.
	Expires *time.Time `json:"expires,omitempty"`
	Place   string     `json:"place"`          // where the hash is kept: admin.InFile, InOrganization or InStore
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
	s, err := storePlaceOf(ctx, c, p)
	if err == nil && s == nil && n.Place == admin.InStore {
		err = UsageError{errors.New("no bridge with a store answers on admin.socket: start it, or use --place tenant")}
	}
	if err != nil {
		return IssuedToken{}, err
	}
	token, text := n.make(time.Now())
	if token.Name, err = ownName(p.tokens(), s.names(), token, n.Name); err != nil {
		return IssuedToken{}, UsageError{err}
	}
	out := IssuedToken{BaseURL: p.url(), Token: text, Config: c.File, Name: token.Name, KeyID: string(token.KeyID), Place: p.kept()}
	if !token.Expires.IsZero() {
		out.Expires = &token.Expires.Time
	}
	if s != nil && n.Place != PlaceTenant {
		out.Place = admin.InStore
		out.Taken, err = s.add(ctx, token)
	} else {
		out.Taken, out.Todo, err = p.add(ctx, token)
	}
	if err != nil {
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

// ownName is a name that no other token of the tenant has. others are the names of tokens in the store.
func ownName(tokens []config.Token, others []string, token config.Token, asked string) (string, error) {
	taken := func(name string) bool {
		return slices.Contains(others, name) || slices.ContainsFunc(tokens, func(t config.Token) bool { return t.Name == name })
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
	s, err := storePlaceOf(ctx, c, p)
	if err != nil {
		return "", "", err
	}
	if s.has(which) {
		for _, t := range p.tokens() {
			if t.Name == which && !s.hasKeyID(which) {
				return "", "", UsageError{fmt.Errorf("the tenant has a token with the name %q in the store and another one elsewhere: use the key id", which)}
			}
		}
		return s.remove(ctx, which)
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
	case len(found) == 0 && s == nil && c.Store.On():
		return "", "", UsageError{fmt.Errorf("the tenant %s has no token %q outside the store, and no bridge answers on admin.socket, which would know the tokens of the store: start it", p.path(), which)}
	case len(found) == 0:
		return "", "", UsageError{fmt.Errorf("the tenant %s has no token %q; this command lists them: %s", p.path(), which, tenant.CommandLine("scim-bridge", "tokens", "list", "--config", c.File, "--tenant", p.path()))}
	case len(found) > 1:
		return "", "", UsageError{fmt.Errorf("%d tokens have the name %q: use the key id", len(found), which)}
	}
	taken, err = p.remove(ctx, found[0])
	return found[0].Name, taken, err
}
