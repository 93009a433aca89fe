package bridge

import (
	"context"
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// madeBy reports whether a creation of the tenant made a resource with some attributes at a time. The time is exact:
// another creation with the same name has another time.
func (r *request) madeBy(c change.Change, attributes map[string][]string, created time.Time) bool {
	return r.Tenant.Owner.Made(attributes) && created.UnixMilli() == c.Begun.UnixMilli()
}

// made looks the account up in the whole realm, because a user belongs to an organization only with the last step.
func (userKind) made(ctx context.Context, r *request, c change.Change) (string, error) {
	state, err := r.Tenant.Mapping.UserState(r.Tenant.Owner, c.After)
	if err == nil && state.Username == "" {
		err = unsettled(namesUnknown)
	}
	if err != nil {
		return "", err
	}
	list, err := r.client.Users(ctx, keycloak.UserQuery{Username: state.Username, Max: 1})
	if err != nil || len(list) == 0 || !r.madeBy(c, list[0].Attributes, list[0].Created) {
		return "", err
	}
	return list[0].ID, nil
}

func (groupKind) made(ctx context.Context, r *request, c change.Change) (string, error) {
	name := c.After.String(scim.AttrDisplayName)
	if name == "" {
		return "", unsettled(namesUnknown)
	}
	list, err := r.wall.FindGroups(ctx, keycloak.GroupQuery{Search: name}, maxNamesakes)
	i := slices.IndexFunc(list, func(g keycloak.Group) bool {
		return g.Name == name && r.madeBy(c, g.Attributes, mapping.CreatedAt(g))
	})
	if err != nil || i < 0 {
		return "", err
	}
	return list[i].ID, nil
}

func (userKind) held(ctx context.Context, r *request) (current, error) {
	id, user, err := r.account(ctx)
	return current{user: user, userID: id}, err
}

func (groupKind) held(ctx context.Context, r *request) (current, error) {
	id, err := r.wall.GroupID(r.ID)
	if err != nil {
		return current{}, scim.NotFound(r.rt.Name)
	}
	group, err := r.client.Group(ctx, id)
	return current{group: group, groupID: id}, err
}

func (userKind) holds(r *request, cur current, doc scim.Document) (holds, told bool) {
	if r.Tenant.Owner.Ownership(cur.user) == mapping.Foreign {
		return false, false
	}
	state, err := r.Tenant.Mapping.UserState(r.Tenant.Owner, doc)
	if err != nil {
		return false, false
	}
	p, _ := plan.ForUser(r.Tenant.Owner, cur.userID, cur.user, state, time.Now())
	return len(p) == 0, true
}

func (groupKind) holds(r *request, cur current, doc scim.Document) (holds, told bool) {
	state, err := r.Tenant.Mapping.GroupState(doc)
	if err != nil {
		return false, false
	}
	p, _ := plan.ForGroup(r.Tenant.Owner.Key, cur.group, state, time.Now())
	return len(p) == 0, true
}

// proves reads of a group what a change needs that is planned without the group.
func (groupKind) proves(ctx context.Context, r *request) (current, error) {
	id, err := r.wall.GroupID(r.ID)
	if err != nil {
		return current{}, scim.NotFound(r.rt.Name)
	}
	group, _, err := r.wall.ProveGroup(ctx, id)
	return current{group: group, groupID: id}, err
}
