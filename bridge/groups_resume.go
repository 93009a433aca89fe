package bridge

import (
	"context"
	"errors"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// maxNamesakes is the most groups of one name, in any spelling, that are checked.
const maxNamesakes = 100

// obstacles are the group that had the new group's name and left the tenant, and the group that has the name now. When
// another value must be unique, the obstacle is the group with that value.
func (k groupKind) obstacles(d desired, failure error) []obstacle {
	taken, isTaken := errors.AsType[takenError](failure)
	present := obstacle{
		find:   func(ctx context.Context, r *request) (string, error) { return k.namesake(ctx, r, d.group.Name) },
		takeUp: func(ctx context.Context, r *request) (planned, bool, error) { return k.takeUp(ctx, r, d, !isTaken) },
	}
	if isTaken {
		present.find = func(context.Context, *request) (string, error) { return taken.id, nil }
		return []obstacle{present}
	}
	return []obstacle{{
		find: func(ctx context.Context, r *request) (string, error) {
			group, _, err := r.wall.DepartedGroup(ctx, d.group.Name)
			return group.ID, err
		},
		takeUp: func(ctx context.Context, r *request) (planned, bool, error) { return k.comeBack(ctx, r, d) },
	}, present}
}

// namesake is the id of the tenant's group with a name, or "".
func (k groupKind) namesake(ctx context.Context, r *request, name string) (string, error) {
	path, err := r.rt.Resolve(scim.AttrDisplayName)
	if err != nil {
		return "", err
	}
	found, err := k.find(ctx, r, directory.Query{Filter: &filter.Compare{Path: path, Op: filter.Eq, Value: name}, Start: 1, Count: maxNamesakes})
	at := slices.IndexFunc(found.Resources, func(g scim.Resource) bool { return g.Document.String(scim.AttrDisplayName) == name })
	if err != nil || at < 0 {
		return "", err
	}
	return found.Resources[at].ID, nil
}

// takeUp plans that a creation uses the request's group. It resumes a creation that broke off: the group gets exactly
// the members of the document. Or the tenant adopts the group.
func (k groupKind) takeUp(ctx context.Context, r *request, d desired, adopts bool) (planned, bool, error) {
	cur, err := k.read(ctx, r)
	switch owner := r.Tenant.Owner; {
	case keycloak.KindOf(err) == keycloak.NotFound:
		return planned{}, false, nil
	case err != nil:
		return planned{}, false, err
	case owner.Unfinished(cur.group.Attributes):
		ch, err := k.become(ctx, r, cur, d)
		ch.op = change.Created
		return ch, true, err
	case adopts && r.adoptsGroup(cur.group):
		result, err := replacing(d.doc)
		if err != nil {
			return planned{}, false, err
		}
		ch, err := k.adopt(ctx, r, cur, result)
		return ch, true, err
	}
	return planned{}, false, nil
}

// become plans that a group gets the values and members that a creation asks for.
func (k groupKind) become(ctx context.Context, r *request, cur current, d desired) (planned, error) {
	result, err := replacing(d.doc)
	if err == nil {
		cur, err = k.s.whole(ctx, r, cur)
	}
	if err != nil {
		return planned{}, err
	}
	return k.planDesired(ctx, r, cur, d, result.Members)
}

// comeBack plans that the request's group, which left the tenant, is a group of the tenant again. ok is false for a
// group that did not leave, or that came back meanwhile.
func (k groupKind) comeBack(ctx context.Context, r *request, d desired) (planned, bool, error) {
	id, err := r.wall.GroupID(r.ID)
	if err != nil {
		return planned{}, false, err
	}
	group, err := r.client.Group(ctx, id)
	if keycloak.KindOf(err) == keycloak.NotFound || err == nil && !r.Tenant.Owner.Departed(group.Attributes) {
		return planned{}, false, nil
	}
	if err != nil {
		return planned{}, false, err
	}
	cur, err := r.currentGroup(id, group)
	if err != nil {
		return planned{}, false, err
	}
	ch, err := k.become(ctx, r, cur, d) // it joins the tenant again
	return ch, true, err
}
