package guard

import (
	"context"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// organizationUsers are the members of an organization without service accounts. Keycloak answers
// for a user who is not a member as for an absent user, so each read proves the membership.
type organizationUsers struct {
	people

	id keycloak.OrganizationID
}

func (w organizationUsers) User(ctx context.Context, id keycloak.UserID) (keycloak.User, error) {
	user, err := w.c.OrganizationMember(ctx, w.id, id)
	if err != nil {
		return keycloak.User{}, err
	}
	seen, err := w.has(ctx, user)
	if err == nil && !seen {
		err = noUser("get member of organization")
	}
	if err != nil {
		return keycloak.User{}, err
	}
	return user, nil
}

// FindUsers searches names and addresses only among the members, so that neither the number of
// calls nor their time shows anything about other accounts. An attribute is searched in the whole
// realm, and each hit is proved. A query should name the tenant's key, so that it finds few users of
// other tenants.
func (w organizationUsers) FindUsers(ctx context.Context, q keycloak.UserQuery, most int) ([]keycloak.User, error) {
	if len(q.Attributes) > 0 {
		users, err := drain(most, func(first, limit int) ([]keycloak.User, error) {
			q.First, q.Max = first, limit
			return w.c.Users(ctx, q)
		})
		if err != nil {
			return nil, err
		}
		return proved(ctx, w, users)
	}
	text, of := q.Username, func(u keycloak.User) string { return u.Username }
	if text == "" {
		text, of = q.Email, func(u keycloak.User) string { return u.Email }
	}
	users, err := drain(most, func(first, limit int) ([]keycloak.User, error) {
		return w.c.FindOrganizationMembers(ctx, w.id, text, first, limit)
	})
	if err != nil {
		return nil, err
	}
	return w.among(ctx, keep(users, func(u keycloak.User) bool { return strings.EqualFold(of(u), text) }))
}

func (w organizationUsers) ListUsers(ctx context.Context, first, limit int) ([]keycloak.User, []string, error) {
	list, err := w.c.OrganizationMembers(ctx, w.id, first, limit)
	if err != nil {
		return nil, nil, err
	}
	members, err := w.among(ctx, list)
	return members, ids(list), err
}

func (w organizationUsers) CountUsers(ctx context.Context) (int, error) {
	return w.c.CountOrganizationMembers(ctx, w.id)
}

// UsersByID needs a call for every id, because Keycloak finds no members by their ids.
func (w organizationUsers) UsersByID(ctx context.Context, ids []string) ([]keycloak.User, error) {
	var asked []keycloak.User
	for _, id := range keycloak.ParseUserIDs(ids) {
		asked = append(asked, keycloak.User{ID: id.String()})
	}
	return proved(ctx, w, asked)
}

// Prove needs as many calls as UsersByID.
func (w organizationUsers) Prove(ctx context.Context, ids []string) (known []Member, unknown []string, err error) {
	found, err := w.UsersByID(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	known, unknown = sorted(ids, found)
	return known, unknown, nil
}

// organizationGroups are the top-level groups of an organization. The calls of the Admin API reach
// more: the groups below them, and the root above them, which contains all of them and can be
// deleted.
type organizationGroups struct {
	people

	id keycloak.OrganizationID
}

func (w organizationGroups) GroupID(text string) (keycloak.GroupID, error) {
	return w.id.ParseGroupID(text)
}

func (w organizationGroups) Group(ctx context.Context, id keycloak.GroupID) (keycloak.Group, error) {
	group, err := w.c.Group(ctx, id)
	if err == nil && !w.Listed(group) {
		err = noGroup()
	}
	if err != nil {
		return keycloak.Group{}, err
	}
	return group, nil
}

func (w organizationGroups) FindGroups(ctx context.Context, q keycloak.GroupQuery, most int) ([]keycloak.Group, error) {
	q.In = w.id
	groups, err := drain(most, func(first, limit int) ([]keycloak.Group, error) {
		q.First, q.Max = first, limit
		return w.c.Groups(ctx, q)
	})
	return keep(groups, w.Listed), err
}

func (w organizationGroups) ListGroups(ctx context.Context, first, limit int) ([]keycloak.Group, error) {
	return w.c.OrganizationGroups(ctx, w.id, first, limit)
}

// CountGroups needs a call for every hundred groups, because Keycloak does not count the groups of
// an organization.
func (w organizationGroups) CountGroups(ctx context.Context) (int, error) {
	n := 0
	for {
		part, err := w.c.OrganizationGroups(ctx, w.id, n, keycloak.MaxPage)
		if n += len(part); err != nil || len(part) < keycloak.MaxPage {
			return n, err
		}
	}
}

// Listed recognises a group of the top level by its parent, the root, which the group's path leaves
// out.
func (organizationGroups) Listed(g keycloak.Group) bool {
	return g.ParentID != "" && g.Path == "/"+g.Name
}

func (w organizationGroups) HasSubGroups(ctx context.Context, g keycloak.Group) (bool, error) {
	id, err := w.GroupID(g.ID)
	if err != nil {
		return false, err
	}
	children, err := w.c.Children(ctx, id, 0, 1)
	return len(children) > 0, err
}

func (w organizationGroups) GroupsOf(ctx context.Context, id keycloak.UserID) ([]keycloak.Group, error) {
	groups, err := w.c.OrganizationGroupsOf(ctx, w.id, id)
	if err == nil && w.protected.ServiceAccount(id.String()) {
		return nil, noUser("list groups of user")
	}
	return keep(groups, w.Listed), err
}

func (w organizationGroups) GroupMembers(ctx context.Context, id keycloak.GroupID, first, limit int) ([]keycloak.User, []string, error) {
	list, err := w.c.Members(ctx, id, first, limit)
	if err != nil {
		return nil, nil, err
	}
	members, err := w.among(ctx, list)
	return members, ids(list), err
}

// Shows: groups below the top level do not belong to the tenant.
func (w organizationGroups) Shows(g keycloak.Group) bool { return w.Listed(g) }

func (w organizationGroups) ProveGroup(ctx context.Context, id keycloak.GroupID) (g keycloak.Group, read bool, err error) {
	g, err = w.Group(ctx, id)
	return g, true, err
}

func (w organizationGroups) GroupParent() (keycloak.GroupID, error) { return w.id.TopLevel(), nil }

// DepartedGroup finds nothing: only presentGroups knows which groups left the tenant.
func (organizationGroups) DepartedGroup(context.Context, string) (keycloak.Group, bool, error) {
	return keycloak.Group{}, false, nil
}
