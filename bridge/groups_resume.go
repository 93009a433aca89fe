package bridge

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// maxNamesakes are the groups of one name in any spelling that are looked at.
const maxNamesakes = 100

// resume takes up the group in the way of a creation: one of the tenant's that left it or whose creation
// broke off, whose members become those of the document, or one that it adopts. Whatever else exists
// stays a conflict.
func (k groupKind) resume(ctx context.Context, r *request, doc scim.Document, failure error) (planned, bool, error) {
	taken, isTaken := errors.AsType[takenError](failure)
	if !isTaken && keycloak.KindOf(failure) != keycloak.Conflict {
		return planned{}, false, failure
	}
	r.end() // as for users
	r.ID = taken.id
	if !isTaken {
		if ch, ok, err := k.comeBack(ctx, r, doc); ok || err != nil {
			return ch, ok, err
		}
		path, err := r.rt.Resolve(scim.AttrDisplayName)
		if err != nil {
			return planned{}, false, err
		}
		found, err := k.find(ctx, r, directory.Query{
			Filter: &filter.Compare{Path: path, Op: filter.Eq, Value: doc.String(scim.AttrDisplayName)}, Start: 1, Count: maxNamesakes,
		})
		at := slices.IndexFunc(found.Resources, func(g scim.Resource) bool {
			return g.Document.String(scim.AttrDisplayName) == doc.String(scim.AttrDisplayName)
		})
		if err != nil || at < 0 {
			return planned{}, false, cmp.Or(err, failure)
		}
		r.ID = found.Resources[at].ID
	}
	if err := k.s.lock(ctx, r, resourceLock(r, r.ID)); err != nil { // until the request ends
		return planned{}, false, err
	}
	cur, err := k.read(ctx, r)
	switch party := r.Tenant.Party; {
	case keycloak.KindOf(err) == keycloak.NotFound:
		return planned{}, false, failure
	case err != nil:
		return planned{}, false, err
	case party.HalfMade(cur.group.Attributes):
		ch, err := k.replace(ctx, r, cur, doc)
		ch.op = change.Created
		return ch, true, err
	case !isTaken && r.adoptsGroup(cur.group):
		ch, err := k.adopt(ctx, r, cur, doc)
		return ch, true, err
	}
	return planned{}, false, failure
}

// comeBack takes up the group of a document's name that left the tenant; ok is false for none.
func (k groupKind) comeBack(ctx context.Context, r *request, doc scim.Document) (planned, bool, error) {
	group, ok, err := r.wall.LeftGroup(ctx, doc.String(scim.AttrDisplayName))
	if !ok || err != nil {
		return planned{}, false, err
	}
	r.ID = group.ID
	if err := k.s.lock(ctx, r, resourceLock(r, r.ID)); err != nil { // until the request ends
		return planned{}, false, err
	}
	id, err := r.wall.GroupID(group.ID)
	if err == nil {
		group, err = r.client.Group(ctx, id)
	}
	if keycloak.KindOf(err) == keycloak.NotFound || err == nil && !r.Tenant.Party.Left(group.Attributes) { // meanwhile
		return planned{}, false, nil
	}
	if err != nil {
		return planned{}, false, err
	}
	resource, err := r.Tenant.Mapping.GroupResource(r.Tenant.Party.Key, group)
	if err != nil {
		return planned{}, false, err
	}
	ch, err := k.replace(ctx, r, current{resource: resource, group: group, groupID: id}, doc) // which joins the tenant again
	return ch, true, err
}
