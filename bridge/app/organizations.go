package app

import (
	"slices"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// isShared reports whether a realm can have users of several tenants.
func isShared(r config.Realm) bool { return len(r.Tenants) > 1 || r.Organizations.All }

// hasOrganizations reports whether a realm has tenants of organizations.
func hasOrganizations(r config.Realm) bool {
	return r.Organizations.All || slices.ContainsFunc(r.Tenants, func(t config.Tenant) bool { return t.Organization != "" })
}

// tenantsOfRealm returns the tenants that the configuration names. With organizations, it adds a tenant that
// represents all other organizations, and the tenants of the overrides.
func tenantsOfRealm(name string, r config.Realm) []config.Tenant {
	out := r.Tenants
	if o := r.Organizations; o.All {
		out = append(slices.Clip(out), config.Tenant{
			Organization: tenant.EveryOrganization, Path: tenant.OrganizationPath(name, tenant.EveryOrganization),
			BareToken: o.BareToken, BasicAuth: o.BasicAuth, Profile: o.Profile, Tolerances: o.Tolerances, Mapping: o.Mapping, Policies: o.Policies, Where: o.Where,
		})
		for _, one := range o.Overrides {
			out = append(out, config.Tenant{
				Organization: one.Organization, OrganizationID: one.OrganizationID, Key: one.OrganizationID, Path: tenant.OrganizationPath(name, one.Organization),
				AccessTokens: one.AccessTokens, BareToken: one.BareToken, BasicAuth: one.BasicAuth, Profile: one.Profile, Tolerances: one.Tolerances, Mapping: one.Mapping, Policies: one.Policies, Where: one.Where,
				OfOrganization: true, SharesMapping: one.SharesMapping,
			})
		}
	}
	return out
}

// organizationsOf returns, by realm, the function that makes the tenants of organizations with their own credentials. It
// returns no tenant for an organization without a credential, or whose alias a URL cannot contain.
func (a *App) organizationsOf(c config.Config) map[string]realm.Organizations {
	out := map[string]realm.Organizations{}
	for name, r := range c.Realms {
		if r.Organizations.All {
			key := []byte(r.CredentialKey.Reveal())
			told := map[string]bool{} // only the watcher uses it, so it needs no lock
			warn := func(organization, why string) {
				if !told[organization+why] {
					a.log.Warn(why, zap.String("organization", organization))
				}
				told[organization+why] = true
			}
			out[name] = func(o keycloak.Organization, like *tenant.Tenant, revoked realm.Revoked) *tenant.Tenant {
				tokens := slices.DeleteFunc(TokensOf(o, key, revoked, warn), func(t tenant.Token) bool {
					void := a.tokens != nil && a.tokens.Revoked(store.Owner{Realm: name, Key: o.ID}, t.SHA256)
					if void {
						warn(o.ID, revokedCredential)
					}
					return void
				})
				if len(tokens) == 0 && !a.hasTokens(name, o.ID) {
					return nil
				}
				return like.ForOrganization(o, tokens, string(c.Server.PublicURL))
			}
		}
	}
	return out
}

// The warnings of TokensOf about credentials that it leaves out.
const (
	voidCredential    = "a credential in the attributes of an organization is not valid: this bridge did not make it, or made it with another key" //nolint:gosec // a text for people
	revokedCredential = "a credential in the attributes of an organization is not valid: it was revoked, and somebody wrote it again"              //nolint:gosec // a text for people
)

// TokensOf returns the credentials in the attributes of an organization. It leaves out credentials that the bridge
// did not make and revoked credentials, and calls warn for each of them.
func TokensOf(o keycloak.Organization, key []byte, revoked realm.Revoked, warn func(organization, why string)) []tenant.Token {
	var out []tenant.Token
	for _, text := range o.Attributes[auth.AttrCredentials] {
		token, err := auth.ReadEntry(key, o.ID, text)
		switch {
		case err != nil:
			warn(o.ID, voidCredential)
		case revoked.Has(o.ID, token):
			warn(o.ID, revokedCredential)
		default:
			out = append(out, token)
		}
	}
	return out
}

// hasTokens reports whether the store has tokens of an organization.
func (a *App) hasTokens(name, id string) bool {
	return a.tokens != nil && a.tokens.HasTokens(store.Owner{Realm: name, Key: id})
}
