package bridge

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// linked reads the members from Keycloak, because a change is planned from them.
func (k groupKind) linked(ctx context.Context, r *request, cur *current) (string, error) {
	if !cur.known {
		err := k.s.lock(ctx, r, membersLock(r, r.ID))
		if err == nil {
			cur.members, err = members(ctx, r, cur.groupID)
		}
		if err != nil {
			return "", err
		}
		cur.known = true
	}
	return versionOfMembers(r, cur.members), nil
}

// linked reads the groups. Only requests about groups change them, so they are compared but not kept for the change.
func (userKind) linked(ctx context.Context, r *request, cur *current) (string, error) {
	groups, err := r.wall.GroupsOf(ctx, cur.userID)
	return versionOfGroups(r, groups), err
}

// versionOfGroups is the version of the groups that groupsOf shows.
func versionOfGroups(r *request, groups []keycloak.Group) string {
	sees := r.sees(endpointGroups)
	return scim.LinkedVersion(func(yield func(value, display string) bool) {
		for _, g := range groups {
			display := ""
			if sees {
				display = g.Name
			}
			if !yield(g.ID, display) {
				return
			}
		}
	})
}
