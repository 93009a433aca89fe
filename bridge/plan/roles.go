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

// ForRoles plans the difference between the roles that a holder has and those it shall
// have. Each step is a call: one for the realm and one for each client. known are the
// realm's roles by their names.
func ForRoles(h Holder, has []keycloak.RoleName, roles mapping.Roles, known map[keycloak.RoleName]keycloak.Role) Plan {
	var revoke, grant []keycloak.RoleName
	for _, n := range roles.Managed {
		wanted, held := slices.Contains(roles.Wanted, n), slices.Contains(has, n)
		switch {
		case wanted && !held:
			grant = append(grant, n)
		case held && !wanted:
			revoke = append(revoke, n)
		}
	}
	return append(h.steps(RevokeRoles, revoke, known), h.steps(GrantRoles, grant, known)...)
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
