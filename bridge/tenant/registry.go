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

// ByPath returns the tenant with that path, or nil. A request keeps to the one it got,
// whatever replaces it meanwhile. Whoever works longer than that, as a job in the background, looks the tenant up again
// for each request: one that was replaced keeps its old policies, and a quarter of an hour later nothing is written for it.
func (r *Registry) ByPath(path string) *Tenant {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byPath[path]
}

// Put adds a tenant, in the place of the one with its path if there is one.
func (r *Registry) Put(t *Tenant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byPath[t.Path] = t
}

// Swap puts a tenant in the place of an old one, unless another one took that place
// meanwhile.
func (r *Registry) Swap(old, t *Tenant) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byPath[old.Path] != old {
		return false
	}
	r.byPath[old.Path] = t
	return true
}

// Remove takes the tenant with that path out.
func (r *Registry) Remove(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byPath, path)
}

// All are the tenants in the order of their paths.
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
