package bridge

import (
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// ServiceProviderConfig is the answer to /ServiceProviderConfig (RFC 7644 section 4).
func (s *Service) ServiceProviderConfig(c Call) (Result, error) {
	if err := Permit(c.By, 0); err != nil {
		return Result{}, err
	}
	return s.providerConfig(c.By.Tenant, c.By.Tenant.BaseURL), nil
}

// AnyServiceProviderConfig is the answer of the service root at base to a client without credentials, even if no tenant
// exists there. It is the answer of a tenant without a mapping file (RFC 7643 section 5).
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

// ResourceTypes is the answer to /ResourceTypes or, with an id, to /ResourceTypes/{id}.
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

// Schemas is the answer to /Schemas or, with an id, to /Schemas/{id}.
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

// discovered shows all objects, or the object with the id. Paging parameters are ignored (RFC 7644 section 4).
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
