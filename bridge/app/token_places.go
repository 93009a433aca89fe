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
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// tokenPlace is the place where the tokens of one tenant are kept.
type tokenPlace interface {
	// path is the path of the tenant, url the URL of its service root.
	path() string
	url() string
	tokens() []config.Token
	// accessTokens are the issuers and clients whose JWTs the tenant accepts. tenantKey is the key of the tenant, and
	// entry its position in the configuration.
	accessTokens() []config.AccessToken
	tenantKey() string
	entry(c config.Config) config.TenantEntry
	// add stores another token. When add cannot do so, todo says what the operator has to do. taken says when a
	// running bridge accepts the token.
	add(ctx context.Context, t config.Token) (taken, todo string, err error)
	// warn says why the tenant refuses users even with a valid token, and the remedy. Both are "" when it does not.
	warn() (text, fix string)
	// remove deletes a token.
	remove(ctx context.Context, t config.Token) (taken string, err error)
	// kept is where the tokens are: admin.InFile or admin.InOrganization.
	kept() string
}

// filePlace is a tenant that the configuration names.
type filePlace struct {
	config.Tenant

	base string
}

// WithinASecond says when a running bridge applies a change of a file.
const WithinASecond = "a running bridge that reads the file applies the change within a second"

func (p filePlace) path() string { return p.Path }

func (p filePlace) url() string { return p.base }

func (p filePlace) kept() string { return admin.InFile }

func (p filePlace) tokens() []config.Token { return p.Tokens }

func (p filePlace) tenantKey() string { return p.Key }

func (p filePlace) accessTokens() []config.AccessToken { return p.AccessTokens }

func (p filePlace) entry(c config.Config) config.TenantEntry {
	for name, r := range c.Realms {
		if i := slices.IndexFunc(r.Tenants, func(t config.Tenant) bool { return t.Path == p.Path }); i >= 0 {
			return config.TenantEntry{Realm: name, Index: i}
		}
	}
	return config.TenantEntry{Index: -1}
}

// warn implements tokenPlace. For a tenant of the configuration, doctor reports the problems.
func (p filePlace) warn() (text, fix string) { return "", "" }

func (p filePlace) add(_ context.Context, t config.Token) (taken, todo string, err error) {
	if p.TokensFile == "" {
		return "", fmt.Sprintf("Add this to %s.tokens in %s:\n%s", p.Where.Path, p.Where.File, t.Render()), nil
	}
	err = config.ChangeTokens(string(p.TokensFile), func(list []config.Token) []config.Token { return append(list, t) })
	if errors.Is(err, config.ErrLink) {
		return "", fmt.Sprintf("Add this to tokens in the origin of %s:\n%s", p.TokensFile, t.Render()), nil
	}
	return WithinASecond, "", err
}

func (p filePlace) remove(_ context.Context, t config.Token) (string, error) {
	if t.Where.File != string(p.TokensFile) {
		return "", fmt.Errorf("the token is in %s:%d: remove it there; a running bridge applies the change within a second", t.Where.File, t.Where.Line)
	}
	err := config.ChangeTokens(string(p.TokensFile), func(list []config.Token) []config.Token {
		return slices.DeleteFunc(list, func(other config.Token) bool { return other.SHA256 == t.SHA256 })
	})
	if errors.Is(err, config.ErrLink) {
		err = fmt.Errorf("remove it from the origin of the file, line %d: %w", t.Where.Line, err)
	}
	return WithinASecond, err
}

// organizationPlace is an organization whose credentials are in its own attributes.
type organizationPlace struct {
	client       *keycloak.Client
	organization keycloak.Organization
	id           keycloak.OrganizationID
	key          []byte
	anyDomain    bool
	override     config.Override // of this organization; zero when it has no override
	revoked      realm.Revoked
	realm        string
	socket       string
	tenantPath   string
	base         string
}

func newOrganizationPlace(c config.Config, name string, client *keycloak.Client, o keycloak.Organization, revoked realm.Revoked) (organizationPlace, error) {
	id, err := keycloak.ParseOrganizationID(o.ID)
	path := tenant.OrganizationPath(name, o.Alias)
	var override config.Override
	if i := slices.IndexFunc(c.Realms[name].Organizations.Overrides, func(one config.Override) bool { return one.OrganizationID == o.ID }); i >= 0 {
		override = c.Realms[name].Organizations.Overrides[i]
	}
	return organizationPlace{
		client: client, override: override, organization: o, id: id, key: []byte(c.Realms[name].CredentialKey.Reveal()), anyDomain: c.Realms[name].Organizations.Of(o.ID).Domains == config.DomainsAny, revoked: revoked, realm: name, socket: c.Admin.Socket,
		tenantPath: path, base: tenant.BaseURL(string(c.Server.PublicURL), path),
	}, err
}

func (p organizationPlace) path() string { return p.tenantPath }

func (p organizationPlace) url() string { return p.base }

func (p organizationPlace) kept() string { return admin.InOrganization }

func (p organizationPlace) tenantKey() string { return p.organization.ID }

func (p organizationPlace) accessTokens() []config.AccessToken { return p.override.AccessTokens }

func (p organizationPlace) entry(c config.Config) config.TenantEntry {
	return config.TenantEntry{
		Realm: p.realm, Override: true, Organization: p.organization.Alias, OrganizationID: p.organization.ID,
		Index: slices.IndexFunc(c.Realms[p.realm].Organizations.Overrides, func(o config.Override) bool { return o.OrganizationID == p.organization.ID }),
	}
}

func (p organizationPlace) warn() (text, fix string) {
	if p.anyDomain {
		return "", ""
	}
	return tenant.NoDomain(p.realm, p.organization)
}

func (p organizationPlace) tokens() []config.Token {
	var out []config.Token
	for _, t := range TokensOf(p.organization, p.key, p.revoked, func(string, string) {}) {
		out = append(out, config.Token{Name: t.Name, KeyID: config.KeyID(t.KeyID), SHA256: t.SHA256, Expires: config.Expiry{Time: t.Expires}, Scopes: t.Scopes.Names()})
	}
	return out
}

func (p organizationPlace) add(ctx context.Context, t config.Token) (taken, todo string, err error) {
	token := tokenOf(t)
	if p.revoked.Has(p.organization.ID, token) {
		return "", "", UsageError{errors.New("that token was revoked for this organization and stays so: make another one")}
	}
	entry, err := auth.Entry(p.key, p.organization.ID, token)
	if err != nil {
		return "", "", UsageError{err}
	}
	taken, err = p.set(ctx, append(p.organization.Attributes[auth.AttrCredentials], entry))
	return taken, "", err
}

// tokensOf turns tokens of the configuration into tokens of a tenant.
func tokensOf(list []config.Token) []tenant.Token {
	out := make([]tenant.Token, len(list))
	for i, t := range list {
		out[i] = tokenOf(t)
	}
	return out
}

func tokenOf(t config.Token) tenant.Token {
	return tenant.Token{Name: t.Name, KeyID: string(t.KeyID), SHA256: t.SHA256, Expires: t.Expires.Time, Scopes: tenant.ScopesOf(t.Scopes)}
}

// remove revokes the token before it deletes the entry. Without the revocation, a person who may edit the
// organization could write the entry again.
func (p organizationPlace) remove(ctx context.Context, t config.Token) (string, error) {
	revoked := tokenOf(t)
	kept := slices.DeleteFunc(slices.Clone(p.organization.Attributes[auth.AttrCredentials]), func(text string) bool {
		entry, err := auth.ReadEntry(p.key, p.organization.ID, text)
		same := err == nil && entry.SHA256 == t.SHA256
		if same && !revoked.Expires.IsZero() && (entry.Expires.IsZero() || entry.Expires.After(revoked.Expires)) {
			revoked.Expires = entry.Expires // one token may have several entries; each could be written again
		}
		return same
	})
	if err := p.revoke(ctx, realm.Revocation(p.id, revoked)); err != nil {
		return "", err
	}
	return p.set(ctx, kept)
}

// revoke asks the local bridge to record the revocation, if a bridge runs here. Otherwise revocations that the bridge
// records at the same time could get lost.
func (p organizationPlace) revoke(ctx context.Context, revocation string) error {
	if p.socket != "" {
		if err := (control.Client{Socket: p.socket}).Revoke(ctx, p.realm, revocation); !errors.Is(err, control.ErrAbsent) {
			return err
		}
	}
	return realm.Revoke(ctx, p.client, revocation, time.Now())
}

// set writes the credentials, and asks the local bridge to read them.
func (p organizationPlace) set(ctx context.Context, entries []string) (taken string, err error) {
	if err := p.client.SetOrganizationAttribute(ctx, p.id, auth.AttrCredentials, entries); err != nil {
		return "", err
	}
	if p.socket != "" && (control.Client{Socket: p.socket}).Refresh(ctx) == nil {
		return "the bridge on this machine applies the change within two seconds, other bridges within a minute", nil
	}
	return "a running bridge applies the change within a minute", nil
}
