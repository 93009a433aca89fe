package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// ResourceKind is the type of resources that a Reader reads.
type ResourceKind struct {
	Name     string // users or groups
	Endpoint string
	Named    string // the attribute that Get accepts instead of an id
}

// Reader reads the resources of one tenant as clients see them. It needs Keycloak and the configuration, and no
// running bridge.
type Reader struct {
	kind    ResourceKind
	call    bridge.Call
	rt      *scim.ResourceType
	service *bridge.Service
}

// readerPage is the number of resources that a Reader asks for at once.
const readerPage = 200

// NewReader makes a Reader for the tenant at a path; "" for the only tenant.
func NewReader(ctx context.Context, c config.Config, path string, k ResourceKind) (*Reader, error) {
	s, err := selectLive(ctx, c, path)
	if err != nil {
		return nil, err
	}
	t, err := s.One()
	if err != nil {
		return nil, err
	}
	if err := s.identify(ctx, t); err != nil {
		return nil, err
	}
	service := s.service(bridge.Options{
		MaxResults: readerPage, CursorTimeout: time.Hour, Directory: directory.Options{MaxMemory: c.Index.MaxMemoryBytes},
	})
	rt := t.Mapping.User
	if k.Endpoint != rt.Endpoint {
		rt = t.Mapping.Group
	}
	return &Reader{k, bridge.Call{By: t.Operator(), Endpoint: k.Endpoint}, rt, service}, nil
}

// Get returns the resource with an id, or else the resource with a name.
func (r *Reader) Get(ctx context.Context, text string) (map[string]any, error) {
	call := r.call
	call.ID = text
	answer, err := r.service.Get(ctx, call)
	if e, ok := errors.AsType[*scim.Error](err); ok && e.Status == http.StatusNotFound {
		var found bridge.Result
		found, err = r.service.List(ctx, call, bridge.Query{Filter: filter.String(&filter.Compare{
			Path: scim.AttrPath{Name: r.kind.Named}, Op: filter.Eq, Value: text,
		})})
		list, _ := found.Shown["Resources"].([]map[string]any)
		switch {
		case err != nil:
		case len(list) == 0:
			return nil, fmt.Errorf("the tenant %s has no resource with the id or %s %q", r.call.By.Tenant.Path, r.kind.Named, text)
		case len(list) > 1:
			return nil, fmt.Errorf("the tenant %s has several resources with the %s %q: use an id", r.call.By.Tenant.Path, r.kind.Named, text)
		default:
			answer.Shown = list[0]
		}
	}
	return answer.Shown, err
}

// Columns resolves names of attributes.
func (r *Reader) Columns(names []string) ([]scim.AttrPath, error) {
	out := make([]scim.AttrPath, len(names))
	for i, name := range names {
		path, err := r.rt.Resolve(name)
		if err != nil || !path.Known() {
			return nil, UsageError{fmt.Errorf("--columns: %s have no attribute %q", r.kind.Name, name)}
		}
		out[i] = path
	}
	return out, nil
}

// ListOptions say which resources List shows, and which attributes.
type ListOptions struct {
	Filter, SortBy string
	Descending     bool
	Limit          int      // 0 for all
	Attributes     []string // nil for whole resources
}

// List calls show for each resource, and calls tell with the progress. It waits while an index is built.
func (r *Reader) List(ctx context.Context, o ListOptions, tell func(string), show func(map[string]any) error) error {
	call := r.call
	call.Attributes = o.Attributes
	order := map[bool]string{true: "descending"}[o.Descending]
	for cursor, shown := "", 0; ; {
		count := readerPage
		if o.Limit > 0 {
			count = min(count, o.Limit-shown)
		}
		answer, err := r.service.List(ctx, call, bridge.Query{Filter: o.Filter, SortBy: o.SortBy, SortOrder: order, Count: &count, Cursor: &cursor})
		if e, ok := errors.AsType[*scim.Error](err); ok && e.Status == http.StatusServiceUnavailable && errors.Is(err, directory.ErrIndexing) && ctx.Err() == nil {
			tell(e.Detail)
			continue
		}
		if err != nil {
			return err
		}
		list, _ := answer.Shown["Resources"].([]map[string]any)
		for _, object := range list {
			if err := show(object); err != nil {
				return err
			}
			if shown++; shown == o.Limit {
				return nil
			}
		}
		var more bool
		if cursor, more = answer.Shown["nextCursor"].(string); !more {
			return nil
		}
		if shown%1000 == 0 {
			tell(fmt.Sprintf("%d of %v", shown, answer.Shown["totalResults"]))
		}
	}
}
