package tenant

import (
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// ForOrganization returns the tenant of an organization with its tokens. The receiver is the tenant
// that holds the settings for all organizations of the realm (EveryOrganization). publicURL is the
// public URL of the bridge. The result is nil when the alias of the organization cannot be part of
// a URL.
func (t *Tenant) ForOrganization(o keycloak.Organization, tokens []Token, publicURL string) *Tenant {
	id, err := keycloak.ParseOrganizationID(o.ID)
	if err != nil || o.Alias == "" || strings.Contains(o.Alias, "/") || o.Alias == EveryOrganization {
		return nil
	}
	path := OrganizationPath(t.Realm, o.Alias)
	return &Tenant{
		Path: path, Realm: t.Realm, Organization: Organization{ID: id, Alias: o.Alias},
		Owner:   mapping.Owner{Key: o.ID, Organization: true, Shared: true},
		BaseURL: BaseURL(publicURL, path), Mapping: t.Mapping, Tokens: tokens, CursorKey: t.CursorKey, Policy: t.Policy, Found: true, Entry: t.Entry,
	}
}
