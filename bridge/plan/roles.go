package plan

import (
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Holder is whose roles a plan changes: a user, a group, or with neither what the plan
// creates.
type Holder struct {
	User  keycloak.UserID
	Group keycloak.GroupID
}

// Roles are those that a holder has, and what the rules say of them. The zero value changes none.
type Roles struct {
	Has   []keycloak.RoleName
	Rules mapping.Roles
	Known map[keycloak.RoleName]keycloak.Role // the realm's roles by their names
}

// roleChange is what is planned of the roles of a holder.
type roleChange struct {
	steps         Plan     // a call for the realm and one for each client
	before, after []string // what is recorded before and after them
}

// of plans the change for a holder with some attributes.
func (r Roles) of(party mapping.Party, h Holder, attributes map[string][]string) roleChange {
	c := r.Rules.Change(party, r.Has, attributes)
	return roleChange{steps: append(h.steps(RevokeRoles, c.Revoke, r.Known), h.steps(GrantRoles, c.Grant, r.Known)...), before: c.Before, after: c.After}
}

// ForUserRoles adds the change of a user's roles to a plan after which Keycloak holds the user. What
// is granted is recorded before, with the rest of the plan, and what was taken is forgotten behind
// it. It tells what Keycloak will hold then.
func ForUserRoles(party mapping.Party, id keycloak.UserID, p Plan, after keycloak.User, roles Roles) (Plan, keycloak.User) {
	c := roles.of(party, Holder{User: id}, after.Attributes)
	p, after = recordUser(id, p, after, c.before)
	last, after := recordUser(id, nil, after, c.after)
	return slices.Concat(p, c.steps, last), after
}

// recordUser has a plan store values of scim.roles.
func recordUser(id keycloak.UserID, p Plan, after keycloak.User, values []string) (Plan, keycloak.User) {
	if mapping.HoldsRoles(after.Attributes, values) {
		return p, after
	}
	after.Attributes = mapping.WithRoles(after.Attributes, values)
	all := everything(after)
	all.Attributes = mapping.WithoutLock(all.Attributes)
	at := slices.IndexFunc(p, func(s Step) bool { return s.Kind == UpdateUser })
	if at < 0 {
		return append(p, Step{Kind: UpdateUser, User: id, UserUpdate: &all}), after
	}
	update := p[at].UserUpdate
	all.EmailVerified, all.Enabled, all.Password = update.EmailVerified, update.Enabled, update.Password
	p[at].UserUpdate = &all
	return p, after
}

// recordGroup is recordUser for a group, which is called what it will be by then.
func recordGroup(current keycloak.Group, p Plan, after keycloak.Group, values []string) (Plan, keycloak.Group) {
	if mapping.HoldsRoles(after.Attributes, values) {
		return p, after
	}
	after.Attributes = mapping.WithRoles(after.Attributes, values)
	update := keycloak.GroupUpdate{Attributes: after.Attributes}
	if after.Name != current.Name {
		update.Name = &after.Name
	}
	step := Step{Kind: UpdateGroup, OldGroup: &current, GroupUpdate: &update}
	if len(p) > 0 {
		p[0] = step
		return p, after
	}
	return Plan{step}, after
}

// steps are the calls for names, which are sorted by their clients.
func (h Holder) steps(kind Kind, names []keycloak.RoleName, known map[keycloak.RoleName]keycloak.Role) Plan {
	var p Plan
	for i, n := range names {
		if i == 0 || names[i-1].Client != n.Client {
			p = append(p, Step{Kind: kind, User: h.User, Group: h.Group})
		}
		last := &p[len(p)-1]
		last.Roles = append(last.Roles, known[n])
	}
	return p
}
