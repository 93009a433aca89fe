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

	expr filter.Expr
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

// List answers a search: 200 with a ListResponse, whatever matches.
func (s *Service) List(ctx context.Context, c Call, q Query) (Answer, error) {
	r, err := s.begin(c)
	if err != nil {
		return Answer{}, err
	}
	if q.Filter != "" {
		if q.expr, err = filter.Parse(q.Filter, r.rt); err != nil {
			return Answer{}, err
		}
	}
	found, err := r.kind.find(ctx, r, q)
	if err != nil {
		return Answer{}, s.fail(r, err)
	}
	objects, err := s.listed(ctx, r, found.Resources)
	if err != nil {
		return Answer{}, s.fail(r, err)
	}
	list := scim.List{Total: found.Total, StartIndex: q.page().Start, Resources: objects}
	return Answer{Status: http.StatusOK, Body: list.Object()}, nil
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
