package bridge

import (
	"context"
	"net/http"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// groupKind plugs groups into the pipeline.
type groupKind struct{ s *Service }

func (groupKind) resourceType(t *tenant.Tenant) *scim.ResourceType { return t.Mapping.Group }

func (groupKind) read(ctx context.Context, r *request) (current, error) {
	id, err := r.wall.GroupID(r.ID)
	if err != nil {
		return current{}, scim.NotFound(r.rt.Name)
	}
	group, err := r.wall.Group(ctx, id)
	if err != nil {
		return current{}, err
	}
	return r.currentGroup(id, group)
}

// currentGroup is a current resource for a group that was read.
func (r *request) currentGroup(id keycloak.GroupID, group keycloak.Group) (current, error) {
	resource, err := r.Tenant.Mapping.GroupResource(r.Tenant.Owner.Key, group)
	return current{resource: resource, group: group, groupID: id}, err
}

func (k groupKind) find(ctx context.Context, r *request, q directory.Query) (directory.Found, error) {
	return k.s.directory.Groups(ctx, r.view(), q)
}

func (k groupKind) create(ctx context.Context, r *request, d desired) (planned, error) {
	doc, state := d.doc, d.group
	parent, err := r.wall.GroupParent()
	if err != nil {
		return planned{}, scim.Forbidden(code.NoGroups, "this endpoint has no groups, because this version of Keycloak has no groups of organizations and the operator configured no group of the realm for them; ask the operator")
	}
	unique, err := k.s.lockUnique(ctx, r, r.Tenant.Mapping.GroupUnique(), nil, doc)
	if err != nil {
		return planned{}, err
	}
	members, err := k.proven(ctx, r, doc[scim.AttrMembers])
	if err != nil {
		return planned{}, err
	}
	roles, err := k.planRolesOf(ctx, r, regrouping{name: state.Name, add: idsOf(members)})
	if err != nil {
		return planned{}, err
	}
	own := plan.Roles{Rules: state.Roles, Known: r.fitness.Resolved.Roles}
	now := time.Now().Truncate(time.Millisecond)
	p, after := plan.ForNewGroup(r.Tenant.Owner, state, parent, idsOf(members), own, roles, now)
	check := func(ctx context.Context) error { return k.s.unused(ctx, r, unique, doc) }
	return planned{plan: p, op: change.Created, after: current{group: after, members: members, known: true}, created: now, check: check}, nil
}

func (k groupKind) desired(r *request, doc scim.Document) (desired, error) {
	state, err := r.Tenant.Mapping.GroupState(doc)
	k.s.dropped(r, state.Dropped)
	return desired{doc: doc, group: state}, err
}

// change plans the new document of a group. A PUT may adopt a group without an owner; such an adoption removes nothing.
func (k groupKind) change(ctx context.Context, r *request, cur current, result patch.Result) (planned, error) {
	if r.replacing && r.adoptsGroup(cur.group) {
		return k.adopt(ctx, r, cur, result)
	}
	return k.plan(ctx, r, cur, result)
}

// plan plans a change of a group to the document of result.
func (k groupKind) plan(ctx context.Context, r *request, cur current, result patch.Result) (planned, error) {
	d, err := k.desired(r, result.Document)
	if err != nil {
		return planned{}, err
	}
	return k.planDesired(ctx, r, cur, d, result.Members)
}

// planDesired plans that a group is what is desired, and what becomes of its members.
func (k groupKind) planDesired(ctx context.Context, r *request, cur current, d desired, delta patch.Members) (planned, error) {
	if err := k.s.checkUnique(ctx, r, r.Tenant.Mapping.GroupUnique(), cur.resource.Document, d.doc); err != nil {
		return planned{}, err
	}
	state, err := ownedState(r, cur.group, d.group)
	if err != nil {
		return planned{}, err
	}
	members, after, err := k.planMembers(ctx, r, cur, delta)
	if err != nil {
		return planned{}, err
	}
	roles, err := k.planRolesOfChange(ctx, r, cur, state.Name, members)
	if err != nil {
		return planned{}, err
	}
	p, group := plan.ForGroup(r.Tenant.Owner.Key, cur.group, state, time.Now())
	own := plan.Roles{Has: cur.group.Roles, Rules: state.Roles, Known: r.fitness.Resolved.Roles}
	last := state.BecomesOwned() || group.Name != cur.group.Name && len(roles) > 0
	p, group = plan.ForGroupRoles(r.Tenant.Owner, cur.groupID, cur.group, p, group, own, append(members, roles...), last)
	return planned{plan: p, op: groupOp(r, cur.group, state), after: current{group: group, groupID: cur.groupID, members: after, known: delta.Replace}}, nil
}

// groupOp is the kind of a change of an existing group.
func groupOp(r *request, g keycloak.Group, state mapping.GroupState) change.Op {
	switch {
	case r.Tenant.Owner.Departed(g.Attributes):
		return change.Joined
	case mapping.Unowned(g.Attributes) && state.BecomesOwned():
		return change.Adopted
	}
	return change.Updated
}

// patchesBlind plans operations that change only members, without reading the group. Reading members costs Keycloak far
// more than changing them, and Entra and Okta accept a 204. The cost does not depend on the size of the group.
// Additions and removals have no order among each other: Keycloak stores each membership by itself.
func (k groupKind) patchesBlind(ctx context.Context, r *request, ops []patch.Operation) (plan.Plan, bool, error) {
	m, ok, err := patch.OnlyMembers(ctx, r.rt, ops)
	if !ok || err != nil {
		return nil, ok, err
	}
	id, err := r.wall.GroupID(r.ID)
	if err != nil {
		return nil, true, scim.NotFound(r.rt.Name)
	}
	hold, name := k.s.share, membersLock(r, r.ID)
	if m.Replace || len(m.Matching) > 0 || r.Tenant.Mapping.RolesFollowGroups() {
		hold, name = k.s.lock, resourceLock(r, r.ID)
	}
	if err := hold(ctx, r, name); err != nil {
		return nil, true, err
	}
	reads, err := k.proveGroup(ctx, r, id) // before the members, whose error would distinguish a foreign group from an absent one
	if err != nil {
		return nil, true, err
	}
	p, _, err := k.planMembers(ctx, r, current{groupID: id}, m)
	if err == nil && r.Tenant.Mapping.RolesFollowGroups() {
		p, err = k.withRoles(ctx, r, id, p)
	}
	if err == nil && len(p) == 0 && !m.Replace && !reads { // without changes an absent group must still be a 404
		_, err = k.read(ctx, r)
	}
	return p, true, err
}

// proveGroup proves that a group belongs to the tenant and is not protected. read says that it read the group for that.
func (groupKind) proveGroup(ctx context.Context, r *request, id keycloak.GroupID) (read bool, err error) {
	var group keycloak.Group
	protected := r.wall.ProtectsGroup(id.String())
	if protected || !id.IsCanonical() {
		read = true
		group, err = r.wall.Group(ctx, id)
	} else {
		group, read, err = r.wall.ProveGroup(ctx, id)
	}
	if read && err == nil {
		var cur current
		cur, err = r.currentGroup(id, group)
		r.reads(cur)
	}
	if err == nil && protected {
		err = guard.ProtectedGroup(id.String())
	}
	return read, err
}

// remove refuses a group with sub-groups, which Keycloak would delete with it.
func (k groupKind) remove(ctx context.Context, r *request, cur current) (plan.Plan, error) {
	if r.wall.KeepsGroup(cur.groupID.String()) { // with or without sub-groups
		return nil, guard.KeptError{ID: cur.groupID.String()}
	}
	if owner := r.Tenant.Owner; !owner.OwnsGroup(cur.group) && !owner.Departed(cur.group.Attributes) {
		return nil, notCreatedHere(cur.group, "delete it")
	}
	if refused := r.protects(cur); refused != nil { // before its members are read
		return nil, refused
	}
	nested, err := r.wall.HasSubGroups(ctx, cur.group)
	if err != nil {
		return nil, err
	}
	if nested {
		return nil, &scim.Error{
			Code: code.Subgroups, Status: http.StatusConflict,
			Detail: "the group has sub-groups in Keycloak, which would be deleted with it; remove the sub-groups in Keycloak first",
		}
	}
	if !r.Tenant.Policy.Leaves() { // otherwise nobody loses a membership
		if err := k.refuseProtectedMembers(ctx, r, cur.groupID); err != nil {
			return nil, err
		}
	}
	all, err := k.allMembers(ctx, r, cur.groupID)
	if err != nil {
		return nil, err
	}
	// before the deletion, because afterwards nobody could repeat it
	roles, err := k.planRolesOf(ctx, r, regrouping{id: cur.groupID, all: all})
	if err != nil {
		return nil, err
	}
	rest, err := k.planEnd(ctx, r, cur)
	return append(roles, rest...), err
}

// stored shows a group as its resource.
func (groupKind) stored(r *request, cur current) (scim.Resource, error) {
	if cur.resource.Document != nil {
		return cur.resource, nil
	}
	return r.Tenant.Mapping.GroupResource(r.Tenant.Owner.Key, cur.group)
}

func (k groupKind) resource(ctx context.Context, r *request, cur current) (scim.Resource, error) {
	resource, err := k.stored(r, cur)
	if err != nil {
		return scim.Resource{}, err
	}
	if !r.projection.Wants(r.rt.Attribute(scim.AttrMembers)) {
		return resource, nil
	}
	list := cur.members
	if !cur.known {
		id, err := r.wall.GroupID(resource.ID)
		if err != nil {
			return scim.Resource{}, err
		}
		known, err := k.s.directory.Members(ctx, r.view(), id)
		if err != nil {
			return scim.Resource{}, err
		}
		list = proven(known)
	}
	if len(list) > 0 {
		resource.Derived = map[string]any{scim.AttrMembers: memberObjects(r, list)}
	}
	resource.Linked = versionOfMembers(r, list)
	return resource, nil
}

// adopt plans that the tenant adopts a group. The group gets the values of the document, keeps all other values, and
// loses no member.
func (k groupKind) adopt(ctx context.Context, r *request, cur current, result patch.Result) (planned, error) {
	doc := result.Document.Clone()
	mapping.Merge(doc, cur.resource.Document)
	return k.plan(ctx, r, cur, patch.Result{Document: doc, Members: patch.Members{Add: result.Members.Add}})
}
