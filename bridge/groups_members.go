package bridge

import (
	"context"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// planMembers plans a change of members. It returns the members afterwards when it had to read them.
func (k groupKind) planMembers(ctx context.Context, r *request, cur current, m patch.Members) (plan.Plan, []guard.Member, error) {
	id := cur.groupID
	if m.Replace {
		return k.planReplaced(ctx, r, cur, m.Add)
	}
	matching, err := k.matching(ctx, r, id, m)
	if err != nil {
		return nil, nil, err
	}
	remove, err := k.removable(ctx, r, slices.Concat(m.Remove, matching))
	if err != nil {
		return nil, nil, err
	}
	if len(m.Add) == 1 && !r.Tenant.Policy.IgnoresUnknownMembers() {
		if user, err := keycloak.ParseUserID(m.Add[0]); err == nil && !wantsMember(r, user) {
			return plan.ForMembers(id, []keycloak.UserID{user}, remove), nil, nil
		}
	}
	add, err := k.prove(ctx, r, m.Add)
	return plan.ForMembers(id, idsOf(add), remove), nil, err
}

// planReplaced plans a new list of members. When the client's precondition was compared with the members, it uses
// those: a user who joined later stays a member.
func (k groupKind) planReplaced(ctx context.Context, r *request, cur current, ids []string) (plan.Plan, []guard.Member, error) {
	id, present := cur.groupID, cur.members
	if !cur.known {
		var err error
		if present, err = members(ctx, r, id); err != nil {
			return nil, nil, err
		}
	}
	byID := make(map[string]guard.Member, len(present))
	for _, m := range present {
		byID[m.ID.String()] = m
	}
	var after []guard.Member
	var missing []string
	for _, id := range ids {
		if m, ok := byID[id]; ok {
			after = append(after, m)
			delete(byID, id)
		} else {
			missing = append(missing, id)
		}
	}
	add, err := k.prove(ctx, r, missing)
	if err != nil {
		return nil, nil, err
	}
	var remove []keycloak.UserID
	var kept []guard.Member
	for _, m := range present {
		_, gone := byID[m.ID.String()]
		switch {
		case gone && r.wall.ProtectsUser(m.ID.String()):
			kept = append(kept, m)
		case gone:
			remove = append(remove, m.ID)
		}
	}
	if err := k.refuse(r, kept); err != nil {
		return nil, nil, err
	}
	after = append(after, kept...)
	return plan.ForMembers(id, idsOf(add), remove), append(after, add...), nil
}
