package keycloaktest

import (
	"net/http"
	"slices"
)

func (c *call) membership() (*user, *group, error) {
	u := c.realm.users[c.path("id")]
	if u == nil {
		return nil, nil, noUser()
	}
	g := c.realm.groups[c.path("group")]
	if g == nil {
		return nil, nil, refuse(http.StatusNotFound, "Group not found")
	}
	return u, g, nil
}

// addMember may be repeated. Of two calls at the same time, one can be a conflict.
func addMember(c *call) (reply, error) {
	u, g, err := c.membership()
	if err != nil {
		return reply{}, err
	}
	if slices.Contains(u.groups, g.id) {
		return unchanged()
	}
	c.between()
	if slices.Contains(u.groups, g.id) {
		return reply{}, raced()
	}
	u.groups = append(u.groups, g.id)
	return done()
}

func removeMember(c *call) (reply, error) {
	u, g, err := c.membership()
	if err != nil {
		return reply{}, err
	}
	if !slices.Contains(u.groups, g.id) {
		return unchanged()
	}
	u.groups = slices.DeleteFunc(u.groups, func(id string) bool { return id == g.id })
	return done()
}

// listMembers lists direct members by user name.
func listMembers(c *call) (reply, error) {
	id := c.path("group")
	users, err := page(c, filter(c.realm.sortedUsers(), func(u *user) bool { return slices.Contains(u.groups, id) }), 100)
	if err != nil {
		return reply{}, err
	}
	return c.showUsers(users)
}

// showUsers shows users without the caller's rights on them.
func (c *call) showUsers(users []*user) (reply, error) {
	out := []any{}
	for _, u := range users {
		out = append(out, c.realm.show(u, c.r.URL.Query().Get("briefRepresentation") == "true", nil))
	}
	return found(out)
}

// listGroupsOfUser lists all groups by name: there is no default page.
func listGroupsOfUser(c *call) (reply, error) {
	u := c.realm.users[c.path("id")]
	if u == nil {
		return reply{}, noUser()
	}
	search := c.r.URL.Query().Get("search")
	groups, err := page(c, c.realm.groupsWhere(func(g *group) bool {
		return slices.Contains(u.groups, g.id) && named(g, search, false)
	}), -1)
	if err != nil {
		return reply{}, err
	}
	out := []any{}
	for _, g := range groups {
		out = append(out, c.showGroup(g, c.r.URL.Query().Get("briefRepresentation") == "false", false, nil))
	}
	return found(out)
}
