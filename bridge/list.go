package bridge

import (
	"context"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// Query is a search (RFC 7644 section 3.4.2).
type Query struct {
	Filter     string // "" for none
	StartIndex *int   // nil: 1; less is read as 1
	Count      *int   // nil: directory.DefaultPage; negative is read as 0
}

// maxStart is the last index that Keycloak's paging takes.
const maxStart = 1<<31 - 1

func (q Query) page() directory.Page {
	page := directory.Page{Start: 1, Count: directory.DefaultPage}
	if q.StartIndex != nil {
		page.Start = min(max(1, *q.StartIndex), maxStart)
	}
	if q.Count != nil {
		page.Count = min(max(0, *q.Count), directory.MaxPage)
	}
	return page
}

// List answers a search: 200 with a ListResponse, whatever matches. A Call without an
// endpoint searches all types, one behind the other (RFC 7644 section 3.4.2.1).
func (s *Service) List(ctx context.Context, c Call, q Query) (Answer, error) {
	requests, err := s.beginSearch(c, q)
	if err != nil {
		return Answer{}, err
	}
	page := q.page()
	list := scim.List{StartIndex: page.Start}
	for _, r := range requests {
		found, err := r.kind.find(ctx, r.request, r.expr, directory.Page{
			Start: max(1, page.Start-list.Total), Count: page.Count - len(list.Resources),
		})
		if err != nil {
			return Answer{}, s.fail(r.request, err)
		}
		objects, err := s.listed(ctx, r.request, found.Resources)
		if err != nil {
			return Answer{}, s.fail(r.request, err)
		}
		list.Total += found.Total
		list.Resources = append(list.Resources, objects...)
	}
	return Answer{Status: http.StatusOK, Body: list.Object()}, nil
}

// searched is a search of one type of resource.
type searched struct {
	*request
	expr filter.Expr // nil for everything
}

// beginSearch reads the filter for every type before anything is looked up.
func (s *Service) beginSearch(c Call, q Query) ([]searched, error) {
	endpoints, parse := []string{c.Endpoint}, filter.Parse
	if c.Endpoint == "" {
		endpoints, parse = []string{endpointUsers, endpointGroups}, filter.ParseAtRoot
	}
	out := make([]searched, len(endpoints))
	for i, endpoint := range endpoints {
		c.Endpoint = endpoint
		r, err := s.begin(c)
		if err != nil {
			return nil, err
		}
		out[i] = searched{request: r}
		if q.Filter == "" {
			continue
		}
		if out[i].expr, err = parse(q.Filter, r.rt); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// listParallel bounds the resources of a list whose members or groups are read at
// once.
const listParallel = 4

// listed are the resources of a page as the client asked to see them.
func (s *Service) listed(ctx context.Context, r *request, resources []scim.Resource) ([]map[string]any, error) {
	objects := make([]map[string]any, len(resources))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(listParallel)
	for i, found := range resources {
		g.Go(func() error {
			resource, err := r.kind.resource(ctx, r, current{resource: found})
			objects[i] = r.rt.Project(r.rt.Object(resource, r.Tenant.BaseURL), r.projection)
			return err
		})
	}
	return objects, g.Wait()
}
