package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// RevokedGrant is an entry of accessTokens to remove, and the client of the realm that was made for it.
type RevokedGrant struct {
	Realm, Tenant string // the path of the tenant
	Name          string
	Left          string // a message about a client that stays

	config  config.Config
	entry   config.AccessToken
	place   tokenPlace
	changes []realm.Change
}

// FindGrant finds an entry of the chosen tenant by its name or by the id of its client.
func FindGrant(ctx context.Context, c config.Config, of TokenChoice, which string) (*RevokedGrant, error) {
	p, err := of.place(ctx, c)
	if err != nil {
		return nil, err
	}
	list := p.accessTokens()
	i := slices.IndexFunc(list, func(a config.AccessToken) bool { return a.Name == which || a.ClientID == which })
	if i < 0 {
		return nil, UsageError{fmt.Errorf("accessTokens of the tenant %s has no entry %q", p.path(), which)}
	}
	return &RevokedGrant{Realm: p.entry(c).Realm, Tenant: p.path(), Name: list[i].Name, config: c, entry: list[i], place: p}, nil
}

// Elsewhere reports whether the client belongs to another issuer than the realm.
func (r *RevokedGrant) Elsewhere() bool { return r.entry.Issuer != "" }

// Plan lists what Revoke would change. admin is an administrator's client of Realm; with nil, the client in Keycloak
// stays. Plan changes nothing.
func (r *RevokedGrant) Plan(ctx context.Context, admin *keycloak.Client) (todo []string, err error) {
	todo = []string{fmt.Sprintf("%s: no longer accept the tokens of %q (accessTokens)", r.config.File, r.Name)}
	if admin == nil {
		r.Left = "Left      the client at its issuer was not deleted; the tenant refuses its tokens\n"
		return todo, nil
	}
	changes, asserter, err := realm.ForgetOAuth(ctx, admin, r.entry.ClientID, r.place.tenantKey())
	r.changes = changes
	if errors.Is(err, realm.ErrForeignClient) {
		r.Left = fmt.Sprintf("Left      the client %q in Keycloak was not deleted; tokens new --oauth did not make it for this tenant\n", r.entry.ClientID)
		return todo, nil
	}
	if asserter != "" {
		r.Left = fmt.Sprintf("Left      the identity provider %q in Keycloak was not deleted, because other clients may use it; delete it in Keycloak when no client uses it\n", asserter)
	}
	return append(todo, texts(r.changes)...), err
}

// Revoke removes the entry from the configuration, and then deletes the client. A running bridge refuses the tokens
// within a second after the first step.
func (r *RevokedGrant) Revoke(ctx context.Context) error {
	if err := config.RemoveAccessToken(r.config.File, r.place.entry(r.config), r.entry); err != nil {
		return fmt.Errorf("nothing was changed: %w; remove the entry %q from accessTokens in the origin of %s yourself, then remove the client with --oauth again or in Keycloak", err, r.Name, r.config.File)
	}
	if err := realm.Apply(ctx, r.changes); err != nil {
		return fmt.Errorf("the entry was removed from %s, but the client could not be deleted in Keycloak: %w", r.config.File, err)
	}
	return nil
}
