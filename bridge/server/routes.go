package server

import (
	"context"
	"net/http"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// root is the service root of a kind of tenant.
type root struct {
	pattern string
	// path is the path of the tenant, from the segments of a request's path; "" when no tenant can have it.
	path func(segments []string) string
}

// roots are the service roots of tenants of realms and of organizations.
func roots() []root {
	return []root{
		{"/realms/:tenant/scim/v2", func(s []string) string { return plain(s[1]) }},
		{"/realms/:realm/organizations/:alias/scim/v2", func(s []string) string {
			return tenant.OrganizationPath(plain(s[1]), plain(s[3])) //nolint:mnd // as the pattern says
		}},
	}
}

// plain is a segment without a slash, or "". With an escaped slash, a request for a realm's tenant could otherwise
// reach the tenant of an organization.
func plain(segment string) string {
	if strings.Contains(segment, "/") {
		return ""
	}
	return segment
}

// handler answers one request of an authenticated client.
type handler func(ctx context.Context, s *Server, x *exchange) (bridge.Result, error)

// route is a line of the route table. endpoint is the endpoint of the resource type, needs the scopes that a
// credential must have.
type route struct {
	method   string
	path     string // below the service root
	endpoint string
	needs    tenant.Scopes
	handle   handler
}

// routes are all routes of the server.
func routes() []route {
	table := []route{
		{http.MethodGet, "", "", tenant.UsersRead | tenant.GroupsRead, list},
		{http.MethodPost, "/.search", "", tenant.UsersRead | tenant.GroupsRead, search},
		{http.MethodPost, "/Bulk", "", tenant.Bulk, bulk},
		{http.MethodPost, "/Users/Bulk", "", tenant.Bulk, bulk}, // some clients send it there
		{http.MethodGet, "/ServiceProviderConfig", "", 0, serviceProviderConfig},
		{http.MethodGet, "/ResourceTypes", "", 0, resourceTypes},
		{http.MethodGet, "/ResourceTypes/:id", "", 0, resourceTypes},
		{http.MethodGet, "/Schemas", "", 0, schemas},
		{http.MethodGet, "/Schemas/:id", "", 0, schemas},
	}
	for _, of := range []struct {
		endpoint    string
		read, write tenant.Scopes
	}{{"/Users", tenant.UsersRead, tenant.UsersWrite}, {"/Groups", tenant.GroupsRead, tenant.GroupsWrite}} {
		table = append(table,
			route{http.MethodGet, of.endpoint, of.endpoint, of.read, list},
			route{http.MethodPost, of.endpoint, of.endpoint, of.write, create},
			route{http.MethodPost, of.endpoint + "/.search", of.endpoint, of.read, search},
			route{http.MethodGet, of.endpoint + "/:id", of.endpoint, of.read, get},
			route{http.MethodPut, of.endpoint + "/:id", of.endpoint, of.write, replace},
			route{http.MethodPatch, of.endpoint + "/:id", of.endpoint, of.write, patch},
			route{http.MethodDelete, of.endpoint + "/:id", of.endpoint, of.write, remove},
		)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		table = append(table, route{method, "/Me", "", 0, unsupported})
	}
	return table
}

// Route is a line of the route table: a method, a path below a service root, and the scopes that a credential must
// have.
type Route struct {
	Method, Path string
	Needs        tenant.Scopes
}

// Routes returns all routes of the server, for tests.
func Routes() []Route {
	var out []Route
	for _, r := range routes() {
		out = append(out, Route{r.method, r.path, r.needs})
	}
	return out
}

func serviceProviderConfig(_ context.Context, s *Server, x *exchange) (bridge.Result, error) {
	return s.service.ServiceProviderConfig(x.call)
}

// filtersNot refuses a filter on a discovery endpoint (RFC 7644 section 4).
func filtersNot(x *exchange) error {
	if x.params.Has("filter") {
		return &scim.Error{Code: code.DiscoveryFilter, Status: http.StatusForbidden, Detail: "discovery endpoints support no filter; send the GET without the parameter filter"}
	}
	return nil
}

func resourceTypes(_ context.Context, s *Server, x *exchange) (bridge.Result, error) {
	if err := filtersNot(x); err != nil {
		return bridge.Result{}, err
	}
	return s.service.ResourceTypes(x.call)
}

func schemas(_ context.Context, s *Server, x *exchange) (bridge.Result, error) {
	if err := filtersNot(x); err != nil {
		return bridge.Result{}, err
	}
	return s.service.Schemas(x.call)
}

func list(ctx context.Context, s *Server, x *exchange) (bridge.Result, error) {
	query, err := x.query()
	if err != nil {
		return bridge.Result{}, err
	}
	return s.service.List(ctx, x.call, query)
}

// search answers a query whose parameters are in the body, so that they are not in logs on the way (RFC 7644 section
// 3.4.3).
func search(ctx context.Context, s *Server, x *exchange) (bridge.Result, error) {
	body, err := x.body()
	if err != nil {
		return bridge.Result{}, err
	}
	r, err := scim.DecodeSearch(x.call.By.Tenant.Mapping.Profile(), body)
	if err != nil {
		return bridge.Result{}, err
	}
	x.call.Attributes, x.call.Excluded = r.Attributes, r.Excluded
	return s.service.List(ctx, x.call, bridge.Query{
		Filter: r.Filter, SortBy: r.SortBy, SortOrder: r.SortOrder, StartIndex: r.StartIndex, Count: r.Count, Cursor: r.Cursor,
	})
}

func create(ctx context.Context, s *Server, x *exchange) (bridge.Result, error) {
	body, err := x.body()
	if err != nil {
		return bridge.Result{}, err
	}
	return s.service.Create(ctx, x.call, body)
}

func get(ctx context.Context, s *Server, x *exchange) (bridge.Result, error) {
	return s.service.Get(ctx, x.call)
}

func replace(ctx context.Context, s *Server, x *exchange) (bridge.Result, error) {
	body, err := x.body()
	if err != nil {
		return bridge.Result{}, err
	}
	return s.service.Replace(ctx, x.call, body)
}

func patch(ctx context.Context, s *Server, x *exchange) (bridge.Result, error) {
	body, err := x.body()
	if err != nil {
		return bridge.Result{}, err
	}
	return s.service.Patch(ctx, x.call, body)
}

func remove(ctx context.Context, s *Server, x *exchange) (bridge.Result, error) {
	return s.service.Delete(ctx, x.call)
}

// bulk answers a bulk request, which has several operations.
func bulk(ctx context.Context, s *Server, x *exchange) (bridge.Result, error) {
	x.maxBody, x.limit = s.service.BulkPayload(), " (maxPayloadSize)"
	body, err := x.body()
	if err != nil {
		return bridge.Result{}, err
	}
	return s.service.Bulk(ctx, x.call, body)
}

// unsupported answers a request for a feature that ServiceProviderConfig does not list (RFC 7644 sections 3.7, 3.11
// and 3.12).
func unsupported(context.Context, *Server, *exchange) (bridge.Result, error) {
	return bridge.Result{}, &scim.Error{Code: code.Unsupported, Status: http.StatusNotImplemented, Detail: "this endpoint is not supported; GET /ServiceProviderConfig lists what is supported"}
}
