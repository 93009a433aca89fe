package tenant

import (
	"fmt"
	"sort"
	"sync"
)

// Registry finds tenants. It is safe for concurrent use.
type Registry struct {
	mu     sync.RWMutex
	byPath map[string]*Tenant
}

// NewRegistry makes a registry. Two tenants with the same path are an error.
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

// ByPath returns the tenant with a path, or nil. A request keeps the tenant that it got, even if
// the tenant is replaced meanwhile. A background job must look the tenant up again for each
// request: a replaced tenant keeps its old policies, and after a quarter of an hour nothing is
// written for it.
func (r *Registry) ByPath(path string) *Tenant {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byPath[path]
}

// Put adds a tenant, and replaces the tenant with the same path.
func (r *Registry) Put(t *Tenant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byPath[t.Path] = t
}

// Swap replaces an old tenant, unless another tenant has replaced it meanwhile.
func (r *Registry) Swap(old, t *Tenant) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byPath[old.Path] != old {
		return false
	}
	r.byPath[old.Path] = t
	return true
}

// Remove removes the tenant with a path.
func (r *Registry) Remove(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byPath, path)
}

// All returns the tenants in the order of their paths.
func (r *Registry) All() []*Tenant {
	r.mu.RLock()
	out := make([]*Tenant, 0, len(r.byPath))
	for _, t := range r.byPath {
		out = append(out, t)
	}
	r.mu.RUnlock()
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out
}
