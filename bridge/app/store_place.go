package app

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// storePlace is the store of a running bridge, as the place of the tokens of one tenant. Nil is no store.
type storePlace struct {
	tokenPlace // where the tenant keeps its other tokens

	bridge control.Client
	realm  string
	known  []admin.Credential // of the tenant, in the store
}

// storePlaceOf is the store of the bridge that runs with a configuration; nil when there is no such bridge.
func storePlaceOf(ctx context.Context, c config.Config, p tokenPlace) (*storePlace, error) {
	if !c.Store.On() || c.Admin.Socket == "" {
		return nil, nil //nolint:nilnil // nil is no store
	}
	out := &storePlace{tokenPlace: p, bridge: control.Client{Socket: c.Admin.Socket}, realm: p.entry(c).Realm}
	_, err := out.bridge.StoreStats(ctx)
	if errors.Is(err, control.ErrAbsent) || errors.Is(err, admin.ErrNoStore) {
		return nil, nil //nolint:nilnil // the bridge has not yet got the section store
	}
	if err == nil {
		out.known, err = out.bridge.Credentials(ctx)
	}
	if err != nil {
		return nil, err
	}
	out.known = slices.DeleteFunc(out.known, func(c admin.Credential) bool { return c.Tenant != p.path() || c.Place != admin.InStore })
	return out, nil
}

// names are the names of the tokens in the store.
func (s *storePlace) names() []string {
	if s == nil {
		return nil
	}
	out := make([]string, len(s.known))
	for i, c := range s.known {
		out[i] = c.Name
	}
	return out
}

// has reports whether the store has a token with a name or a key id.
func (s *storePlace) has(which string) bool {
	return s != nil && slices.ContainsFunc(s.known, func(c admin.Credential) bool { return c.Name == which || which != "" && c.KeyID == which })
}

func (s *storePlace) hasKeyID(which string) bool {
	return slices.ContainsFunc(s.known, func(c admin.Credential) bool { return c.KeyID == which })
}

// add keeps a token in the store.
func (s *storePlace) add(ctx context.Context, t config.Token) (taken string, err error) {
	token := tokenOf(t)
	err = s.bridge.AddToken(ctx, admin.NewToken{
		Tenant: s.path(), Realm: s.realm, Key: s.tenantKey(), Name: token.Name, KeyID: token.KeyID, SHA256: hex.EncodeToString(token.SHA256[:]), Scopes: token.Scopes, Expires: token.Expires,
	})
	if err != nil {
		return "", err
	}
	if s.kept() == admin.InOrganization {
		return "the bridge on this machine keeps the token in its store, and accepts it within two seconds", nil
	}
	return "the bridge on this machine keeps the token in its store, and accepts it now", nil
}

// remove revokes a token of the store.
func (s *storePlace) remove(ctx context.Context, which string) (name, taken string, err error) {
	c, err := s.bridge.RevokeToken(ctx, s.path(), which)
	if err != nil {
		return "", "", err
	}
	return c.Name, "the bridge on this machine refuses the token now", nil
}

// AcceptTokens accepts the tokens of the store that are suspended since it was restored: those of the chosen tenant, or
// all with the zero choice. It returns how many were suspended.
func AcceptTokens(ctx context.Context, c config.Config, of TokenChoice) (int, error) {
	if c.Admin.Socket == "" {
		return 0, UsageError{errors.New("the configuration has no admin.socket; a running bridge needs it to answer this command")}
	}
	path := ""
	if of != (TokenChoice{}) {
		p, err := of.place(ctx, c)
		if err != nil {
			return 0, err
		}
		path = p.path()
	}
	return control.Client{Socket: c.Admin.Socket}.AcceptTokens(ctx, path)
}
