package outside

import (
	"context"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// known is what the journal last had of a resource.
type known struct {
	tenant  string // the path; "" when the journal has nothing
	doc     scim.Document
	gone    bool // the resource was no longer the tenant's
	settled time.Time
}

// maxKnown is how many entries of a resource are looked at. Changes of the members of a group have no document.
const maxKnown = 50

// last reads what the journal last had of a resource, in the tenant at a path, or in any tenant with "".
func (r *round) last(ctx context.Context, path string, of change.Resource) (known, error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Patience)
	defer cancel()
	if err := r.o.Store.Flush(ctx); err != nil { // what requests settled before is found
		return known{}, err
	}
	for e, err := range r.o.Store.Entries(ctx, store.Query{Tenant: path, Resource: of.ID, Newest: true, Limit: maxKnown}) {
		if err != nil {
			return known{}, err
		}
		if e.Realm != r.realm || e.Resource.Type != of.Type || e.Outcome != change.Done || e.Op == change.Erased {
			continue
		}
		gone := e.Op == change.Deleted || e.Op == change.Left
		switch {
		case e.Erased:
			return known{}, nil // a person was forgotten: what was before is not known any more
		case gone, e.After != nil:
			return known{tenant: e.Tenant, doc: e.After, gone: gone, settled: e.Settled}, nil
		}
	}
	return known{}, nil
}
