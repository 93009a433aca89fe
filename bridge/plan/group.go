package plan

import (
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// ForNewGroup plans the creation of a group with its members and roles and tells what
// Keycloak will hold then, id aside. Members are added by id after the group:
// Keycloak takes none with it. A zero parent is the top level. others are the roles of members.
//
// A group that needs more than its creation is marked until its last step, so that the next
// creation of its name sees what is left to do if the bridge ends before.
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

// ForGroup plans the change of a group itself and tells what Keycloak will hold
// then.
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

// ForGroupRoles adds the change of a group's roles, and others of its members, to the plan of a
// change after which Keycloak holds the group. last says that the group itself comes last, so that a
// repetition sees by it what is left to do. It tells what Keycloak will hold then.
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

// orEmpty keeps a resource without attributes apart from a new one.
func orEmpty(attributes map[string][]string) map[string][]string {
	if attributes == nil {
		return map[string][]string{}
	}
	return attributes
}

// ForMembers plans changes of memberships. A zero group stands for the one that
// the plan creates.
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

// ForLeavingGroup plans that a group of the tenant's own stays in Keycloak, without those who remove
// names, and is no longer the tenant's.
func ForLeavingGroup(owner mapping.Owner, id keycloak.GroupID, current keycloak.Group, remove []keycloak.UserID, now time.Time) Plan {
	update := keycloak.GroupUpdate{Attributes: owner.Depart(current.Attributes, now)}
	return append(ForMembers(id, nil, remove), UpdateGroup{Group: &current, Update: &update})
}

// ForReleasedGroup plans that a group is no tenant's any more.
func ForReleasedGroup(current keycloak.Group) Plan {
	update := keycloak.GroupUpdate{Attributes: mapping.Release(current.Attributes)}
	return Plan{UpdateGroup{Group: &current, Update: &update}}
}

// ForDeletedGroup plans the deletion of a group.
func ForDeletedGroup(id keycloak.GroupID) Plan {
	return Plan{DeleteGroup{id}}
}
