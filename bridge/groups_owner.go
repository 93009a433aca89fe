package bridge

import (
	"context"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// notCreatedHere refuses to rename or delete a group that the tenant neither created nor adopted.
func notCreatedHere(g keycloak.Group, what string) *scim.Error {
	if !mapping.Unowned(g.Attributes) {
		return scim.Forbidden(code.GroupNotCreatedHere, "nothing was changed: another endpoint created the group, and this endpoint cannot %s; change only its members, or use the endpoint that created it", what)
	}
	return scim.Forbidden(code.GroupNotCreatedHere, "nothing was changed: the group existed before this endpoint, which did not create it and cannot %s; change only its members, or ask the operator to let this endpoint take the group over", what)
}

// adoptsGroup reports whether the tenant may adopt a group: the policy allows it, and the group has no owner.
func (r *request) adoptsGroup(g keycloak.Group) bool {
	return (r.adopting || r.Tenant.Policy.Adopts()) && mapping.Unowned(g.Attributes)
}

// ownedState is the state of a group with its change. The tenant adopts a group with the first change, if it may adopt
// the group. That change cannot rename the group, and a group of another owner is never renamed.
func ownedState(r *request, current keycloak.Group, state mapping.GroupState) (mapping.GroupState, error) {
	renamed := state.Name != current.Name
	switch owner := r.Tenant.Owner; {
	case renamed && r.wall.KeepsGroup(current.ID): // with any owner
		return state, guard.KeptError{ID: current.ID}
	case owner.Departed(current.Attributes) || owner.Unfinished(current.Attributes):
		return state.Owned(), nil
	case owner.OwnsGroup(current):
	case r.adoptsGroup(current) && renamed:
		return state, scim.Forbidden(code.Adoption, "nothing was changed: the first change of this group cannot change its displayName; send another attribute first, or ask the operator to let this endpoint take the group over")
	case r.adoptsGroup(current):
		return state.Adopted(), nil
	case renamed:
		return state, notCreatedHere(current, "rename it")
	}
	return state, nil
}

// refuseProtectedMembers refuses to end the memberships of a group when SCIM may not change one of its members.
func (k groupKind) refuseProtectedMembers(ctx context.Context, r *request, id keycloak.GroupID) error {
	ids, err := r.wall.ProtectedMembers(ctx, id)
	if err != nil || len(ids) == 0 {
		return err
	}
	known, _, err := r.wall.Prove(ctx, ids) // the client does not learn about the others
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

// planEnd plans what the policy says for a group that its client deletes.
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
	return plan.ForLeavingGroup(r.Tenant.Owner, cur.groupID, cur.group, gone, time.Now()), nil
}
