package bridge

import (
	"context"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// notCreatedHere refuses to rename or delete a group that the tenant neither made nor took over.
func notCreatedHere(g keycloak.Group, what string) *scim.Error {
	if !mapping.Unowned(g.Attributes) {
		return scim.Forbidden(codeGroupNotCreatedHere, "nothing was changed: another endpoint created the group, and this one cannot %s; change its members, or do it where the group comes from", what)
	}
	return scim.Forbidden(codeGroupNotCreatedHere, "nothing was changed: the group was there before this endpoint, which did not create it and cannot %s; change its members, or have the operator let this endpoint take the group over", what)
}

// adoptsGroup reports whether the tenant may take over a group: one that no tenant owns.
func (r *request) adoptsGroup(g keycloak.Group) bool {
	return (r.adopting || r.Tenant.Policy.Adopts()) && mapping.Unowned(g.Attributes)
}

// ownedState is the state of a group with its change. The first change of a group that the tenant may
// take over makes it the tenant's own. Nobody else's group is renamed, nor is one with that change.
func ownedState(r *request, current keycloak.Group, state mapping.GroupState) (mapping.GroupState, error) {
	renamed := state.Name != current.Name
	switch party := r.Tenant.Party; {
	case renamed && r.wall.KeepsGroup(current.ID): // whosever it is
		return state, guard.KeptError{ID: current.ID}
	case party.Left(current.Attributes) || party.HalfMade(current.Attributes):
		return state.Owned(), nil
	case party.OwnsGroup(current):
	case r.adoptsGroup(current) && renamed:
		return state, scim.Forbidden(codeAdoption, "nothing was changed: with its first change the group becomes this endpoint's own, and that cannot change its displayName; send another attribute first, or have the operator let this endpoint take the group over")
	case r.adoptsGroup(current):
		return state.Adopted(), nil
	case renamed:
		return state, notCreatedHere(current, "rename it")
	}
	return state, nil
}

// adopt plans that a group becomes the tenant's own: it gets what the document says, keeps what that does
// not say, and nobody leaves it.
func (k groupKind) adopt(ctx context.Context, r *request, cur current, doc scim.Document) (planned, error) {
	ids, err := patch.MemberIDs(doc[scim.AttrMembers])
	if err != nil {
		return planned{}, err
	}
	doc = doc.Clone()
	mapping.Merge(doc, cur.resource.Document)
	return k.change(ctx, r, cur, patch.Result{Document: doc, Members: patch.Members{Add: patch.Distinct(ids)}})
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

// refuseProtectedMembers refuses to end the memberships of a group when SCIM may not change a member.
func (k groupKind) refuseProtectedMembers(ctx context.Context, r *request, id keycloak.GroupID) error {
	ids, err := r.wall.ProtectedMembers(ctx, id)
	if err != nil || len(ids) == 0 {
		return err
	}
	known, _, err := r.wall.Prove(ctx, ids) // of others the client is not told
	if err != nil {
		return err
	}
	r.readsMembers(known)
	shown := make([]string, len(known))
	for i, m := range known {
		shown[i] = m.ID.String()
	}
	return guard.ProtectedUsers(shown...)
}

// planEnd plans what the policy makes of a group that its client deletes.
func (k groupKind) planEnd(ctx context.Context, r *request, cur current) (plan.Plan, error) {
	policy := r.Tenant.Policy
	if policy.Deletes() {
		return plan.ForDeletedGroup(cur.groupID), nil
	}
	var gone []keycloak.UserID
	if policy.Disables() {
		list, err := members(ctx, r, cur.groupID)
		if err != nil {
			return nil, err
		}
		gone = idsOf(list)
	}
	return plan.ForLeavingGroup(r.Tenant.Party, cur.groupID, cur.group, gone, time.Now()), nil
}
