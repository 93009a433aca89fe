package tenant

import (
	"fmt"
	"sort"
	"sync/atomic"
)

// Registry finds tenants. Which there are is fixed; each may be replaced. It is safe for
// concurrent use.
type Registry struct {
	byPath map[string]*atomic.Pointer[Tenant]
}

// NewRegistry makes a registry; two tenants with one path are an error.
func NewRegistry(tenants ...*Tenant) (*Registry, error) {
	byPath := make(map[string]*atomic.Pointer[Tenant], len(tenants))
	for _, t := range tenants {
		if byPath[t.Path] != nil {
			return nil, fmt.Errorf("two tenants have the path %q", t.Path)
		}
		byPath[t.Path] = new(atomic.Pointer[Tenant])
		byPath[t.Path].Store(t)
	}
	return &Registry{byPath: byPath}, nil
}

// ByPath returns the tenant with that path segment, or nil. A request keeps to the one
// it got, whatever replaces it meanwhile.
func (r *Registry) ByPath(path string) *Tenant {
	if p := r.byPath[path]; p != nil {
		return p.Load()
	}
	return nil
}

// Replace puts a tenant in the place of the one with its path; there must be one.
func (r *Registry) Replace(t *Tenant) {
	if p := r.byPath[t.Path]; p != nil {
		p.Store(t)
	}
}

// All are the tenants in the order of their paths.
func (r *Registry) All() []*Tenant {
	out := make([]*Tenant, 0, len(r.byPath))
	for _, t := range r.byPath {
		out = append(out, t.Load())
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out
}
