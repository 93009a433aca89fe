package bridge

import (
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// ServiceProviderConfig is what /ServiceProviderConfig shows (RFC 7644 section 4).
// base is the URL of a service root. t is its tenant, nil when nobody proved that there is
// one: then the answer is that of a tenant without a mapping file.
func (s *Service) ServiceProviderConfig(t *tenant.Tenant, base string) Result {
	f := scim.Features{
		MaxResults: s.options.MaxResults, DefaultResults: s.defaultResults(), ChangePassword: t != nil && t.Mapping.ChangesPasswords(), Basic: t != nil && t.Policy.BasicAuth,
		BulkOperations: s.options.BulkOperations, BulkPayload: s.options.BulkPayload,
	}
	if !s.options.HidePagination {
		f.CursorTimeout = int(s.options.CursorTimeout.Seconds())
	}
	return Result{Shown: scim.ServiceProviderConfig(base, f)}
}

// ResourceTypes is what /ResourceTypes shows; with an id, /ResourceTypes/{id}.
func (s *Service) ResourceTypes(t *tenant.Tenant, id string) (Result, error) {
	var objects []map[string]any
	for _, rt := range t.Mapping.Types() {
		objects = append(objects, rt.Discovery(t.BaseURL))
	}
	return discovered("ResourceType", objects, id)
}

// Schemas is what /Schemas shows; with an id, /Schemas/{id}.
func (s *Service) Schemas(t *tenant.Tenant, id string) (Result, error) {
	var objects []map[string]any
	for _, rt := range t.Mapping.Types() {
		for _, schema := range append([]*scim.Schema{rt.Schema}, rt.Extensions...) {
			objects = append(objects, schema.Discovery(t.BaseURL))
		}
	}
	return discovered("Schema", objects, id)
}

// discovered shows all objects, or the one that has the id. Paging
// parameters are ignored (RFC 7644 section 4).
func discovered(name string, objects []map[string]any, id string) (Result, error) {
	if id == "" {
		list := scim.List{Total: len(objects), StartIndex: 1, Resources: objects}
		return Result{Shown: list.Object()}, nil
	}
	for _, object := range objects {
		if have, ok := object[scim.AttrID].(string); ok && strings.EqualFold(have, id) {
			return Result{Shown: object}, nil
		}
	}
	return Result{}, scim.NotFound(name)
}
