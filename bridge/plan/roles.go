package plan

import (
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Roles holds the present roles of a holder, and what the rules say about them. The zero value
// changes no role.
type Roles struct {
	Has   []keycloak.RoleName
	Rules mapping.Roles
	Known map[keycloak.RoleName]keycloak.Role // the realm's roles by their names
}

// roleChange is the planned change of a holder's roles.
type roleChange struct {
	steps         Plan     // a call for the realm and one for each client
	before, after []string // the records in scim.roles before and after the steps
}

// of plans the change for a holder with some attributes.
func (r Roles) of(owner mapping.Owner, h Holder, attributes map[string][]string) roleChange {
	c := r.Rules.Change(owner, r.Has, attributes)
	var p Plan
	for _, roles := range r.byClient(c.Revoke) {
		p = append(p, RevokeRoles{h, roles})
	}
	for _, roles := range r.byClient(c.Grant) {
		p = append(p, GrantRoles{h, roles})
	}
	return roleChange{steps: p, before: c.Before, after: c.After}
}

// ForUserRoles adds the change of a user's roles to a plan. after is the user after that plan.
// Granted roles are recorded before the grant, together with the rest of the plan, and the records
// of revoked roles are removed at the end. It returns the user as Keycloak will store it.
func ForUserRoles(owner mapping.Owner, id keycloak.UserID, p Plan, after keycloak.User, roles Roles) (Plan, keycloak.User) {
	c := roles.of(owner, Holder{User: id}, after.Attributes)
	p, after = recordUser(id, p, after, c.before)
	last, after := recordUser(id, nil, after, c.after)
	return slices.Concat(p, c.steps, last), after
}

// recordUser adds to a plan that values of scim.roles are stored.
func recordUser(id keycloak.UserID, p Plan, after keycloak.User, values []string) (Plan, keycloak.User) {
	if mapping.HoldsRoles(after.Attributes, values) {
		return p, after
	}
	after.Attributes = mapping.WithRoles(after.Attributes, values)
	all := fullUpdate(after)
	all.Attributes = mapping.WithoutLock(all.Attributes)
	for i, s := range p {
		if update, is := s.(UpdateUser); is {
			all.EmailVerified, all.Enabled, all.Password = update.Update.EmailVerified, update.Update.Enabled, update.Update.Password
			update.Update = &all
			p[i] = update
			return p, after
		}
	}
	return append(p, UpdateUser{User: id, Update: &all}), after
}

// recordGroup is recordUser for a group. after has the name that the group will have then.
func recordGroup(current keycloak.Group, p Plan, after keycloak.Group, values []string) (Plan, keycloak.Group) {
	if mapping.HoldsRoles(after.Attributes, values) {
		return p, after
	}
	after.Attributes = mapping.WithRoles(after.Attributes, values)
	update := keycloak.GroupUpdate{Attributes: after.Attributes}
	if after.Name != current.Name {
		update.Name = &after.Name
	}
	step := UpdateGroup{Group: &current, Update: &update}
	if len(p) > 0 {
		p[0] = step
		return p, after
	}
	return Plan{step}, after
}

// byClient returns the roles with some names, one list for the realm and one for each client. The
// names are sorted by their clients.
func (r Roles) byClient(names []keycloak.RoleName) [][]keycloak.Role {
	var out [][]keycloak.Role
	for i, n := range names {
		if i == 0 || names[i-1].Client != n.Client {
			out = append(out, nil)
		}
		last := len(out) - 1
		out[last] = append(out[last], r.Known[n])
	}
	return out
}
