package bridge

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// rolesOf returns the roles of a user: those that the user has, and those that the rules give for a document. attributes
// are the user's, and more are names of groups that the user joins.
func (k userKind) rolesOf(ctx context.Context, r *request, id keycloak.UserID, attributes map[string][]string, doc scim.Document, more []string) (plan.Roles, error) {
	var groups []keycloak.Group
	if r.Tenant.Mapping.RolesFollowGroups() {
		var err error
		groups, err = r.wall.GroupsOf(ctx, id)
		if err != nil && keycloak.KindOf(err) != keycloak.NotFound { // only members of the organization can be in its groups
			return plan.Roles{}, err
		}
	}
	names := slices.Clone(more)
	for _, g := range groups {
		names = append(names, g.Name)
	}
	return k.rolesAmong(ctx, r, id, attributes, doc, names)
}

// rolesAmong is rolesOf for a user in groups with these names.
func (userKind) rolesAmong(ctx context.Context, r *request, id keycloak.UserID, attributes map[string][]string, doc scim.Document, groups []string) (plan.Roles, error) {
	if !r.Tenant.Mapping.ManagesUserRoles(r.Tenant.Owner, attributes) {
		return plan.Roles{}, nil
	}
	rules, err := r.Tenant.Mapping.UserRoles(doc, groups)
	if err != nil {
		return plan.Roles{}, err
	}
	has, err := r.client.UserRoles(ctx, id)
	return plan.Roles{Has: has, Rules: rules, Known: r.fitness.Resolved.Roles}, err
}

// regrouping is a change of a group that changes the groups of users.
type regrouping struct {
	id   keycloak.GroupID
	name string // the name of the group afterwards; "" when it is deleted
	add  []keycloak.UserID
	// remove are the users who leave the group. all are all its members before, when its name changes or it is deleted.
	remove, all []keycloak.UserID
}

// sides are the users who join a group and those who leave it.
type sides struct{ add, remove map[keycloak.UserID]bool }

func (g regrouping) sides() sides { return sides{setOf(g.add), setOf(g.remove)} }

func setOf(ids []keycloak.UserID) map[keycloak.UserID]bool {
	out := make(map[keycloak.UserID]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out
}

// after are the names of a user's groups afterwards.
func (g regrouping) after(s sides, user keycloak.UserID, before []keycloak.Group) []string {
	var names []string
	in := s.add[user]
	for _, group := range before {
		if group.ID == g.id.String() {
			in = in || !s.remove[user]
		} else {
			names = append(names, group.Name)
		}
	}
	if in && g.name != "" {
		names = append(names, g.name)
	}
	return names
}

// rolesParallel bounds the users whose roles are read at the same time.
const rolesParallel = 4

// planRolesOf plans the roles of all users whose groups change, if roles depend on groups. No other request changes
// these users until the request ends.
func (k groupKind) planRolesOf(ctx context.Context, r *request, g regrouping) (plan.Plan, error) {
	if !r.Tenant.Mapping.RolesFollowGroups() {
		return nil, nil
	}
	affected := slices.Concat(g.add, g.remove, g.all)
	slices.SortFunc(affected, func(a, b keycloak.UserID) int { return strings.Compare(a.String(), b.String()) })
	affected = slices.Compact(affected)
	locks := make([]string, len(affected))
	for i, id := range affected {
		locks[i] = endpointUsers + "/" + id.String()
	}
	if err := k.s.lock(ctx, r, locks...); err != nil {
		return nil, err
	}
	plans, sides := make([]plan.Plan, len(affected)), g.sides()
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(rolesParallel)
	for i, id := range affected {
		tasks.Go(func() (err error) {
			plans[i], err = k.planRolesOfMember(ctx, r, id, g, sides)
			return err
		})
	}
	err := tasks.Wait()
	return slices.Concat(plans...), err
}

// planRolesOfMember plans the roles of one user. When the account is foreign, protected or gone, roles do not change.
func (k groupKind) planRolesOfMember(ctx context.Context, r *request, id keycloak.UserID, g regrouping, s sides) (plan.Plan, error) {
	user, err := r.wall.User(ctx, id)
	switch {
	case keycloak.KindOf(err) == keycloak.NotFound:
		return nil, nil
	case err != nil:
		return nil, err
	case r.wall.ProtectsUser(user.ID) || r.Tenant.Owner.Ownership(user) == mapping.Foreign:
		return nil, nil
	}
	resource, err := r.Tenant.Mapping.UserResource(r.Tenant.Owner, user)
	if err != nil {
		return nil, err
	}
	groups, err := r.wall.GroupsOf(ctx, id)
	if err != nil {
		return nil, err
	}
	roles, err := userKind(k).rolesAmong(ctx, r, id, user.Attributes, resource.Document, g.after(s, id, groups))
	if err != nil {
		return nil, err
	}
	p, _ := plan.ForUserRoles(r.Tenant.Owner, id, nil, user, roles)
	return p, nil
}

// allMembers are the ids of the members of a group, if roles depend on the group.
func (groupKind) allMembers(ctx context.Context, r *request, id keycloak.GroupID) ([]keycloak.UserID, error) {
	if !r.Tenant.Mapping.RolesFollowGroups() {
		return nil, nil
	}
	list, err := members(ctx, r, id)
	return idsOf(list), err
}

// planRolesOfChange plans the roles of the users who join or leave a group by some steps. When the group gets another
// name, it plans the roles of all members.
func (k groupKind) planRolesOfChange(ctx context.Context, r *request, cur current, name string, steps plan.Plan) (plan.Plan, error) {
	g := regrouping{id: cur.groupID, name: name}
	for _, s := range steps {
		user, _ := plan.Target(s)
		if plan.Is[plan.AddMember](s) {
			g.add = append(g.add, user)
		} else {
			g.remove = append(g.remove, user)
		}
	}
	if name != cur.group.Name {
		var err error
		if g.all, err = k.allMembers(ctx, r, cur.groupID); err != nil {
			return nil, err
		}
	}
	return k.planRolesOf(ctx, r, g)
}

// withRoles adds the roles to steps that were planned without reading the group.
func (k groupKind) withRoles(ctx context.Context, r *request, id keycloak.GroupID, steps plan.Plan) (plan.Plan, error) {
	cur, err := r.kind.read(ctx, r)
	if err != nil {
		return nil, err
	}
	cur.groupID = id
	roles, err := k.planRolesOfChange(ctx, r, cur, cur.group.Name, steps)
	return append(steps, roles...), err
}
