package guard

import (
	"context"
	"math"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// presentGroups hides the groups that left the tenant, for a tenant whose policy lets groups leave.
// Keycloak lists and counts these groups too. A count or a page therefore reads all groups of the
// tenant's level, with a call for every hundred.
type presentGroups struct {
	groups

	owner mapping.Owner
}

func (w presentGroups) present(g keycloak.Group) bool { return !w.owner.Departed(g.Attributes) }

func (w presentGroups) Group(ctx context.Context, id keycloak.GroupID) (keycloak.Group, error) {
	g, err := w.groups.Group(ctx, id)
	if err == nil && !w.present(g) {
		return keycloak.Group{}, noGroup()
	}
	return g, err
}

func (w presentGroups) FindGroups(ctx context.Context, q keycloak.GroupQuery, most int) ([]keycloak.Group, error) {
	list, err := w.groups.FindGroups(ctx, q, most)
	return keep(list, w.present), err
}

func (w presentGroups) ListGroups(ctx context.Context, first, limit int) ([]keycloak.Group, error) {
	all, err := w.all(ctx)
	return all[min(first, len(all)):min(first+limit, len(all))], err
}

func (w presentGroups) CountGroups(ctx context.Context) (int, error) {
	all, err := w.all(ctx)
	return len(all), err
}

func (w presentGroups) all(ctx context.Context) ([]keycloak.Group, error) {
	all, err := drain(math.MaxInt, func(first, limit int) ([]keycloak.Group, error) { return w.groups.ListGroups(ctx, first, limit) })
	return keep(all, w.present), err
}

func (w presentGroups) Listed(g keycloak.Group) bool { return w.present(g) && w.groups.Listed(g) }

func (w presentGroups) GroupsOf(ctx context.Context, id keycloak.UserID) ([]keycloak.Group, error) {
	list, err := w.groups.GroupsOf(ctx, id)
	return keep(list, w.present), err
}

func (w presentGroups) Shows(g keycloak.Group) bool { return w.present(g) && w.groups.Shows(g) }

// ProveGroup always reads: a group that left the tenant is absent for it, wherever the group is.
func (w presentGroups) ProveGroup(ctx context.Context, id keycloak.GroupID) (g keycloak.Group, read bool, err error) {
	g, err = w.Group(ctx, id)
	return g, true, err
}

func (w presentGroups) DepartedGroup(ctx context.Context, name string) (keycloak.Group, bool, error) {
	list, err := w.groups.FindGroups(ctx, keycloak.GroupQuery{Search: name}, math.MaxInt)
	i := slices.IndexFunc(list, func(g keycloak.Group) bool { return g.Name == name && !w.present(g) })
	if err != nil || i < 0 {
		return keycloak.Group{}, false, err
	}
	return list[i], true, nil
}
