package app

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// newTenants makes the tenants of a configuration. A tenant whose mapping has a problem has no mapping; wrong has the
// problem by the tenant's path.
func newTenants(c config.Config, compiled mappings) (out []*tenant.Tenant, wrong map[string]string, err error) {
	wrong = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Realms)) {
		var p tenant.Places
		for _, t := range tenantsOfRealm(name, c.Realms[name]) {
			m, problems := compiled.load(t.Mapping, profileOf(t))
			if len(problems) == 0 {
				problems = p.Take(t, m)
			}
			if len(problems) > 0 {
				m, wrong[t.Path] = nil, problems[0].String()
			}
			made, err := newTenant(c, name, t, m)
			if err != nil {
				return nil, nil, err
			}
			out = append(out, made)
		}
	}
	return out, wrong, nil
}

// Tenants returns the tenants that a configuration names, in the order of their realms.
func Tenants(c config.Config) ([]*tenant.Tenant, error) { return allTenants(c, mappings{}) }

// allTenants is newTenants, but a mapping with a problem is an error.
func allTenants(c config.Config, compiled mappings) ([]*tenant.Tenant, error) {
	list, wrong, err := newTenants(c, compiled)
	for _, path := range slices.Sorted(maps.Keys(wrong)) {
		return nil, fmt.Errorf("tenant %s: %s", path, wrong[path])
	}
	return list, err
}

func newTenant(c config.Config, realmName string, t config.Tenant, m *mapping.Mapping) (*tenant.Tenant, error) {
	of := c.Realms[realmName].Protected
	protected := tenant.Listed{Users: of.Users, Policies: of.Policies == config.PoliciesListed, Delegated: of.Delegated == config.DelegatedRefuse}
	for _, path := range of.Groups {
		protected.Groups = append(protected.Groups, string(path))
	}
	cursorKey, err := cursorKey(c.Realms[realmName].Credentials)
	if err != nil {
		return nil, err
	}
	out := &tenant.Tenant{
		Path: t.Path, Realm: realmName, Mapping: m, Tokens: tokensOf(t.Tokens), AccessTokens: AccessTokens(c, realmName, t.AccessTokens), CursorKey: cursorKey, Organization: tenant.Organization{Alias: t.Organization},
		Owner:   mapping.Owner{Key: t.Key, Organization: t.Organization != "", Shared: isShared(c.Realms[realmName])},
		BaseURL: tenant.BaseURL(string(c.Server.PublicURL), t.Path),
		Policy: tenant.Policy{
			Policies: t.Policies, BareToken: t.BareToken, BasicAuth: t.BasicAuth, OwnedOnly: t.Scope == config.ScopeOwned, Protected: protected,
			Organizations: hasOrganizations(c.Realms[realmName]),
		},
		OfOrganization: t.OfOrganization, Entry: entryOf(c, realmName, t),
	}
	if out.OfOrganization {
		out.Tokens = nil // they are read later
	}
	if t.OrganizationID != "" {
		id, err := keycloak.ParseOrganizationID(t.OrganizationID)
		if err != nil {
			return nil, fmt.Errorf("tenant %s: organizationID: %w", t.Path, err)
		}
		out.Organization.ID = id
	}
	return out, nil
}

// entryOf is what messages need to name commands about a tenant. The commands must work in every directory.
func entryOf(c config.Config, realmName string, t config.Tenant) tenant.Entry {
	r := c.Realms[realmName]
	return tenant.Entry{File: absolute(c.File), Mapping: absolute(t.Mapping), ClientID: r.Credentials.ClientID, Every: r.Organizations.All}
}

// absolute is the absolute path of a file; "" stays "".
func absolute(file string) string {
	if whole, err := filepath.Abs(file); err == nil && file != "" {
		return whole
	}
	return file
}

// AccessTokens turns entries of accessTokens into the issuers and clients that a tenant trusts, with the URLs of
// their keys.
func AccessTokens(c config.Config, realmName string, list []config.AccessToken) []tenant.AccessToken {
	out, realm := make([]tenant.AccessToken, len(list)), string(c.Keycloak.URL)+"/realms/"+url.PathEscape(realmName)
	for i, a := range list {
		out[i] = tenant.AccessToken{
			Name: a.Name, Issuer: string(a.Issuer), KeysURL: string(a.JWKSURL), Audience: a.Audience, ClientID: a.ClientID, Subject: a.Subject,
			RequiredScope: a.RequiredScope, Scopes: tenant.ScopesOf(a.Scopes),
		}
		if a.Issuer == "" {
			out[i].Issuer, out[i].OfRealm = cmp.Or(string(c.Realms[realmName].Issuer), realm), true
			out[i].KeysURL = realm + "/protocol/openid-connect/certs"
		}
	}
	return out
}

// cursorKey is the key that seals cursors. It is made from the realm's credentials, so other replicas and later
// starts accept the cursors.
func cursorKey(c config.Credentials) ([]byte, error) {
	secret := []byte(c.Secret.Reveal())
	if !c.PrivateKey.IsZero() {
		var err error
		if secret, err = x509.MarshalPKCS8PrivateKey(c.PrivateKey.Signer()); err != nil {
			return nil, fmt.Errorf("encode the private key: %w", err)
		}
	}
	return directory.CursorKey(secret)
}
