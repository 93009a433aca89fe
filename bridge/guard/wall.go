package guard

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Wall is all that one tenant can read of its realm. Whatever id or value a client names,
// what comes back is the tenant's; what is not is absent: NotFound, or not in the list.
// Who reads through a Wall cannot forget to ask, GroupMembers apart.
type Wall interface {
	// User reads a user.
	User(ctx context.Context, id keycloak.UserID) (keycloak.User, error)
	// FindUsers reads the users that match a query with a criterion, most at most, else
	// a *scim.Error with TooMany.
	FindUsers(ctx context.Context, q keycloak.UserQuery, most int) ([]keycloak.User, error)
	// ListUsers reads a page of all users in Keycloak's order, by user name.
	ListUsers(ctx context.Context, first, limit int) ([]keycloak.User, error)
	// CountUsers counts those that ListUsers lists.
	CountUsers(ctx context.Context) (int, error)
	// Prove finds out which ids are those of users, in their order, and which are not.
	Prove(ctx context.Context, ids []string) (known []Member, unknown []string, err error)

	// Group reads a group.
	Group(ctx context.Context, id keycloak.GroupID) (keycloak.Group, error)
	// FindGroups reads the groups that match a query and that ListGroups lists too, most
	// at most, else a *scim.Error with TooMany.
	FindGroups(ctx context.Context, q keycloak.GroupQuery, most int) ([]keycloak.Group, error)
	// ListGroups reads a page of the groups of the tenant's level by name.
	ListGroups(ctx context.Context, first, limit int) ([]keycloak.Group, error)
	// CountGroups counts those that ListGroups lists.
	CountGroups(ctx context.Context) (int, error)
	// Listed reports whether ListGroups lists a group that was read.
	Listed(g keycloak.Group) bool
	// GroupsOf reads the groups of which a user is a direct member.
	GroupsOf(ctx context.Context, id keycloak.UserID) ([]keycloak.Group, error)
	// GroupMembers reads a page of the members of a group by user name. It does not ask
	// whose the group is: its id must be one that Group or a list gave, unless
	// ConfinesGroups is false.
	GroupMembers(ctx context.Context, id keycloak.GroupID, first, limit int) ([]keycloak.User, error)
	// ConfinesGroups reports whether the tenant's groups are only some of those that its
	// realm's calls reach by id.
	ConfinesGroups() bool
	// GroupParent is the group below which new groups are made, zero for the top level.
	GroupParent() keycloak.GroupID
}

// For is the wall of a tenant over its realm's client.
func For(t *tenant.Tenant, c *keycloak.Client) Wall {
	return realmWall{c: c, parent: t.Fitness().Resolved.Groups[t.Mapping.GroupParent], confined: t.Mapping.GroupParent != ""}
}

// Member is a user that may be a member of a group.
type Member struct {
	ID       keycloak.UserID
	Username string
}

// page is the most that one call reads: on a cold cache Keycloak's cost grows with the
// square of it.
const page = 100

// drain reads pages until a short one: for what has no count. More than most resources are
// a *scim.Error with TooMany.
func drain[T any](most int, read func(first, limit int) ([]T, error)) ([]T, error) {
	var out []T
	for {
		part, err := read(len(out), page)
		if err != nil {
			return nil, err
		}
		out = append(out, part...)
		switch {
		case len(part) < page:
			return out, nil
		case len(out) >= most:
			return nil, scim.BadRequest(scim.TooMany, "more than %d resources match one term of the filter; add a term that is unique", most)
		}
	}
}

func keep[T any](list []T, wanted func(T) bool) []T {
	var out []T
	for _, v := range list {
		if wanted(v) {
			out = append(out, v)
		}
	}
	return out
}
