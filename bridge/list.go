package bridge

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// Query is a search (RFC 7644 section 3.4.2, RFC 9865 section 2).
type Query struct {
	Filter     string  // "" for all resources
	SortBy     string  // "" for no order
	SortOrder  string  // "" means ascending
	StartIndex *int    // nil means 1; smaller values count as 1
	Count      *int    // nil means defaultResults; on a page by index a negative value counts as 0
	Cursor     *string // nil means a page by index; "" means the first page by cursor
}

const (
	// maxStart is the largest index that Keycloak's paging accepts.
	maxStart = 1<<31 - 1
	// maxDefault is the page size for a client that sends no count, unless MaxResults is smaller.
	maxDefault = 100
)

func (s *Service) defaultResults() int { return min(maxDefault, s.options.MaxResults) }

// page is the part of the query that is the same for every type.
func (s *Service) page(q Query) (directory.Query, error) {
	page := directory.Query{Start: 1, Count: s.defaultResults(), Cursor: q.Cursor != nil}
	switch {
	case page.Cursor && q.StartIndex != nil:
		return page, scim.BadRequest(scim.CodeQuery, scim.InvalidValue, "a query can have a startIndex or a cursor, but not both; leave one of them out")
	case page.Cursor && q.Count != nil && *q.Count < 1:
		return page, scim.BadRequest(scim.CodeQuery, scim.InvalidCount, "the count of a page by cursor must be at least 1")
	}
	if q.StartIndex != nil {
		page.Start = min(max(1, *q.StartIndex), maxStart)
	}
	if q.Count != nil {
		page.Count = min(max(0, *q.Count), s.options.MaxResults)
	}
	return page, nil
}

// List searches and shows a ListResponse. A Call without an endpoint searches all types, one after the other (RFC 7644
// section 3.4.2.1).
func (s *Service) List(ctx context.Context, c Call, q Query) (Result, error) {
	page, err := s.page(q)
	if err != nil {
		return Result{}, err
	}
	requests, err := s.beginSearch(c, q)
	if err != nil {
		return Result{}, err
	}
	at, err := s.openCursor(c, q)
	if err != nil {
		return Result{}, err
	}
	list := scim.List{StartIndex: page.Start}
	if page.Cursor {
		list.StartIndex = 0
	}
	var next *directory.Cursor
	for i, r := range requests {
		part := page
		part.Filter, part.Sort, part.Count = r.expr, r.sort, page.Count-len(list.Resources)
		switch from := at.Endpoint == r.Endpoint; {
		case !page.Cursor:
			part.Start = max(1, page.Start-list.Total)
		case from:
			part.After, at.Endpoint = at.After, ""
		case at.Endpoint != "" || next != nil: // no resource of this type is on the page: it is only counted
			part.Cursor, part.Count = false, 0
		}
		found, err := r.kind.find(ctx, r.request, part)
		if err != nil {
			return Result{}, s.fail(r.request, err)
		}
		objects, err := s.listed(ctx, r.request, found.Resources)
		if err != nil {
			return Result{}, s.fail(r.request, err)
		}
		list.Total += found.Total
		list.Resources = append(list.Resources, objects...)
		switch full := part.Cursor && len(list.Resources) == page.Count; {
		case found.Next != nil:
			next = &directory.Cursor{Endpoint: r.Endpoint, After: found.Next}
		case full && i+1 < len(requests):
			next = &directory.Cursor{Endpoint: requests[i+1].Endpoint}
		}
	}
	if next != nil {
		if list.NextCursor, err = s.sealCursor(c, q, *next); err != nil {
			return Result{}, err
		}
	}
	return Result{Shown: list.Object()}, nil
}

// binding is what a cursor belongs to: the tenant, the rights of its client, and the query.
func binding(c Call, q Query) []string {
	t := c.By.Tenant
	return []string{
		t.Realm, t.Owner.Key, t.Organization.ID.String(), strconv.Itoa(int(c.By.Scopes)), c.Endpoint, q.Filter, strings.ToLower(q.SortBy), strings.ToLower(q.SortOrder),
	}
}

func (s *Service) sealCursor(c Call, q Query, at directory.Cursor) (string, error) {
	at.Expires = time.Now().Add(s.options.CursorTimeout).Unix()
	return at.Seal(c.By.Tenant.CursorKey, binding(c, q)...)
}

// openCursor is the position where a walk continues; zero at the beginning and without a cursor.
func (s *Service) openCursor(c Call, q Query) (directory.Cursor, error) {
	if q.Cursor == nil || *q.Cursor == "" {
		return directory.Cursor{}, nil
	}
	at, err := directory.OpenCursor(c.By.Tenant.CursorKey, *q.Cursor, time.Now(), binding(c, q)...)
	switch {
	case errors.Is(err, directory.ErrCursorExpired):
		return at, scim.BadRequest(code.CursorExpired, scim.ExpiredCursor, "the cursor has expired; begin again with an empty cursor, and read each page within %d seconds", int(s.options.CursorTimeout.Seconds()))
	case err != nil:
		return at, scim.BadRequest(code.Cursor, scim.InvalidCursor, "the cursor does not belong to this query; repeat filter, sortBy and sortOrder as they were, or begin again with an empty cursor")
	}
	return at, nil
}

// searched is a search of one type of resource.
type searched struct {
	*request
	expr filter.Expr // nil matches everything
	sort filter.Sort
}

// beginSearch reads the filter for every type before anything is searched.
func (s *Service) beginSearch(c Call, q Query) ([]searched, error) {
	endpoints, parse := []string{c.Endpoint}, filter.Parse
	if c.Endpoint == "" && q.SortBy != "" {
		return nil, scim.BadRequest(scim.CodeSort, scim.InvalidValue, "resources of several types cannot be sorted together; sort /Users and /Groups separately")
	}
	if c.Endpoint == "" {
		endpoints, parse = []string{endpointUsers, endpointGroups}, filter.ParseAtRoot
	}
	out := make([]searched, len(endpoints))
	for i, endpoint := range endpoints {
		c.Endpoint = endpoint
		r, err := s.begin(c, reading)
		if err != nil {
			return nil, err
		}
		out[i] = searched{request: r}
		if out[i].sort, err = filter.ParseSort(q.SortBy, q.SortOrder, r.rt); err != nil {
			return nil, err
		}
		if q.Filter == "" {
			continue
		}
		if out[i].expr, err = parse(q.Filter, r.rt); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// listParallel bounds the resources of a list whose members or groups are read at the same time.
const listParallel = 4

// listed are the resources of a page in the form that the client asked for.
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
