package outside

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// unreadable is the reason of an entry without a document.
const unreadable = "the resource could not be read for some time"

// ofAny fills in the change of a resource: the tenant that has the resource, and its states. ok is false when no tenant
// has the resource.
func (r *round) ofAny(ctx context.Context, c change.Change, hopeless bool) (out change.Change, ok bool, err error) {
	list, exists, err := r.owners(ctx, c.Resource)
	if hopeless && err != nil {
		list, exists, err = r.withWhole(nil), true, nil
	}
	if err != nil {
		return c, false, err
	}
	for _, t := range list {
		out, ok, err = r.inTenant(ctx, t, c, exists, hopeless)
		if ok || err != nil {
			return out, ok, err
		}
	}
	return c, false, nil
}

// inTenant fills in the change of a resource in a tenant. ok is false when the tenant has not got the resource, and had
// not got it before as far as the journal knows. A resource that is gone can have been the tenant's.
func (r *round) inTenant(ctx context.Context, t *tenant.Tenant, c change.Change, exists, hopeless bool) (out change.Change, ok bool, err error) {
	before, err := r.last(ctx, t.Path, c.Resource)
	if err != nil {
		return c, false, err
	}
	var now bridge.Look
	if exists {
		now, err = r.o.Looker.Look(ctx, t, c.Resource)
		if hopeless && err != nil {
			now, err = bridge.Look{Seen: true, Reason: unreadable}, nil
		}
		if err != nil {
			return c, false, err
		}
	}
	had := before.tenant != "" && !before.gone
	if exists && !now.Seen && !had {
		return c, false, nil
	}
	out = in(t, c)
	out.Before, out.After, out.Reason = before.doc, now.Document, now.Reason
	switch {
	case before.gone, c.Op == change.Created, c.Op == change.Joined:
		out.Before = nil
	}
	if c.Op == change.Deleted || c.Op == change.Left {
		out.After = nil
	}
	if c.Op == change.Updated {
		out.Op = turned(out.Before, out.After)
	}
	return out, true, nil
}

// turned says whether an update ended the access of a user or gave it back.
func turned(before, after scim.Document) change.Op {
	was, known := before[scim.AttrActive].(bool)
	is, shown := after[scim.AttrActive].(bool)
	switch {
	case !known || !shown || was == is:
		return change.Updated
	case is:
		return change.Reactivated
	}
	return change.Deactivated
}
