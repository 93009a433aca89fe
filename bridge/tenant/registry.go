package tenant

import (
	"fmt"
	"sort"
)

// Registry finds tenants. It is immutable and safe for concurrent use.
type Registry struct {
	byPath map[string]*Tenant
}

// NewRegistry makes a registry; two tenants with one path are an error.
func NewRegistry(tenants ...*Tenant) (*Registry, error) {
	byPath := make(map[string]*Tenant, len(tenants))
	for _, t := range tenants {
		if byPath[t.Path] != nil {
			return nil, fmt.Errorf("two tenants have the path %q", t.Path)
		}
		byPath[t.Path] = t
	}
	return &Registry{byPath: byPath}, nil
}

// ByPath returns the tenant with that path segment, or nil.
func (r *Registry) ByPath(path string) *Tenant { return r.byPath[path] }

// All are the tenants in the order of their paths.
func (r *Registry) All() []*Tenant {
	out := make([]*Tenant, 0, len(r.byPath))
	for _, t := range r.byPath {
		out = append(out, t)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out
}
