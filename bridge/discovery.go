package bridge

import (
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// ServiceProviderConfig is what /ServiceProviderConfig shows (RFC 7644 section 4).
func (s *Service) ServiceProviderConfig(c Call) (Result, error) {
	if err := Permit(c.By, 0); err != nil {
		return Result{}, err
	}
	return s.providerConfig(c.By.Tenant, c.By.Tenant.BaseURL), nil
}

// AnyServiceProviderConfig is what the service root at base shows of itself to somebody who proved nothing, be there a
// tenant or not: what a tenant without a mapping file would (RFC 7643 section 5).
func (s *Service) AnyServiceProviderConfig(base string) Result { return s.providerConfig(nil, base) }

func (s *Service) providerConfig(t *tenant.Tenant, base string) Result {
	f := scim.Features{
		MaxResults: s.options.MaxResults, DefaultResults: s.defaultResults(), ChangePassword: t != nil && t.Mapping.ChangesPasswords(), Basic: t != nil && t.Policy.BasicAuth,
		BulkOperations: s.options.BulkOperations, BulkPayload: s.options.BulkPayload,
	}
	if !s.options.HidePagination {
		f.CursorTimeout = int(s.options.CursorTimeout.Seconds())
	}
	return Result{Shown: scim.ServiceProviderConfig(base, f)}
}

// ResourceTypes is what /ResourceTypes shows; with an id of the call, /ResourceTypes/{id}.
func (s *Service) ResourceTypes(c Call) (Result, error) {
	if err := Permit(c.By, 0); err != nil {
		return Result{}, err
	}
	t := c.By.Tenant
	var objects []map[string]any
	for _, rt := range t.Mapping.Types() {
		objects = append(objects, rt.Discovery(t.BaseURL))
	}
	return discovered("ResourceType", objects, c.ID)
}

// Schemas is what /Schemas shows; with an id of the call, /Schemas/{id}.
func (s *Service) Schemas(c Call) (Result, error) {
	if err := Permit(c.By, 0); err != nil {
		return Result{}, err
	}
	t := c.By.Tenant
	var objects []map[string]any
	for _, rt := range t.Mapping.Types() {
		for _, schema := range append([]*scim.Schema{rt.Schema}, rt.Extensions...) {
			objects = append(objects, schema.Discovery(t.BaseURL))
		}
	}
	return discovered("Schema", objects, c.ID)
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
