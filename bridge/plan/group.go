package plan

import (
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// ForNewGroup plans the creation of a group with its members and roles, and returns the group as
// Keycloak will store it, without its id. Members are added by their ids after the group, because
// Keycloak accepts no members in the creation. A zero parent means the top level. others are the
// roles of members.
//
// A group that needs more steps than its creation is marked until its last step. If the bridge
// stops before, the next creation with that name sees what is left to do.
func ForNewGroup(owner mapping.Owner, s mapping.GroupState, parent keycloak.GroupID, members []keycloak.UserID, roles Roles, others Plan, now time.Time) (Plan, keycloak.Group) {
	own := roles.of(owner, Holder{}, nil)
	attributes := mapping.WithRoles(s.GroupAttributes(owner.Key, nil, now), own.after)
	group := keycloak.NewGroup{Name: s.Name, Parent: parent, Attributes: attributes}
	rest := slices.Concat(ForMembers(keycloak.GroupID{}, members, nil), own.steps, others)
	if len(rest) > 0 {
		rest = append(rest, UpdateGroup{New: new(group), Update: &keycloak.GroupUpdate{Attributes: attributes}})
		group.Attributes = owner.MarkUnfinished(attributes)
	}
	return append(Plan{CreateGroup{&group}}, rest...), keycloak.Group{Name: s.Name, ParentID: parent.String(), Attributes: attributes}
}

// ForGroup plans the change of the group itself, and returns the group as Keycloak will store it.
func ForGroup(tenantKey string, current keycloak.Group, s mapping.GroupState, now time.Time) (Plan, keycloak.Group) {
	var update keycloak.GroupUpdate
	after := current
	if current.Name != s.Name {
		after.Name = s.Name
		update.Name = &after.Name
	}
	if update.Name != nil || !s.AttributesEqual(tenantKey, current.Attributes) {
		attributes := s.GroupAttributes(tenantKey, orEmpty(current.Attributes), now)
		update.Attributes, after.Attributes = attributes, attributes
	}
	if update.Attributes == nil {
		return nil, after
	}
	return Plan{UpdateGroup{Group: &current, Update: &update}}, after
}

// ForGroupRoles adds the change of a group's roles, and of its members' roles (others), to the plan
// of a change. after is the group after that plan. last says that the step for the group itself
// comes last, so that a repetition sees what is left to do. It returns the group as Keycloak will
// store it.
func ForGroupRoles(owner mapping.Owner, id keycloak.GroupID, current keycloak.Group, p Plan, after keycloak.Group, roles Roles, others Plan, last bool) (Plan, keycloak.Group) {
	c := roles.of(owner, Holder{Group: id}, current.Attributes)
	if last {
		first, _ := recordGroup(current, nil, current, c.before)
		p, after = recordGroup(current, p, after, c.after)
		return slices.Concat(first, others, c.steps, p), after
	}
	p, after = recordGroup(current, p, after, c.before)
	rest, after := recordGroup(current, nil, after, c.after)
	return slices.Concat(p, c.steps, rest, others), after
}

// orEmpty makes a resource without attributes different from a new resource, whose attributes are
// nil.
func orEmpty(attributes map[string][]string) map[string][]string {
	if attributes == nil {
		return map[string][]string{}
	}
	return attributes
}

// ForMembers plans changes of memberships. A zero group means the group that the plan creates.
func ForMembers(group keycloak.GroupID, add, remove []keycloak.UserID) Plan {
	p := make(Plan, 0, len(add)+len(remove))
	for _, user := range remove {
		p = append(p, RemoveMember{Group: group, User: user})
	}
	for _, user := range add {
		p = append(p, AddMember{Group: group, User: user})
	}
	return p
}

// ForLeavingGroup plans that a group which the tenant owns leaves the tenant. The group stays in
// Keycloak, without the users in remove.
func ForLeavingGroup(owner mapping.Owner, id keycloak.GroupID, current keycloak.Group, remove []keycloak.UserID, now time.Time) Plan {
	update := keycloak.GroupUpdate{Attributes: owner.Depart(current.Attributes, now)}
	return append(ForMembers(id, nil, remove), UpdateGroup{Group: &current, Update: &update})
}

// ForReleasedGroup plans that a group no longer belongs to a tenant.
func ForReleasedGroup(current keycloak.Group) Plan {
	update := keycloak.GroupUpdate{Attributes: mapping.Release(current.Attributes)}
	return Plan{UpdateGroup{Group: &current, Update: &update}}
}

// ForDeletedGroup plans the deletion of a group.
func ForDeletedGroup(id keycloak.GroupID) Plan {
	return Plan{DeleteGroup{id}}
}
