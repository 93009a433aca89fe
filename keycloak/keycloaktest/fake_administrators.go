package keycloaktest

import (
	"slices"
	"strings"
)

// rolesOf are the roles that a user has directly, by its groups and by the groups above them, with the roles that these
// contain.
func (r *realm) rolesOf(u *user) []*role {
	todo := slices.Clone(u.roles)
	for _, id := range u.groups {
		for g := r.groups[id]; g != nil; g = r.groups[g.parent] {
			todo = append(todo, g.roles...)
		}
	}
	var out []*role
	for ; len(todo) > 0; todo = todo[1:] {
		if !slices.Contains(out, todo[0]) {
			out = append(out, todo[0])
			todo = append(todo, todo[0].includes...)
		}
	}
	return out
}

func listEffectiveRoles(c *call) (reply, error) {
	_, roles, err := c.mappable()
	if err != nil {
		return reply{}, err
	}
	held := c.realm.rolesOf(c.realm.users[c.path("id")])
	return found(showRoles(filter(held, func(r *role) bool { return slices.Contains(roles, r) })))
}

// roleByName is the role in the path.
func (c *call) roleByName() (*role, error) {
	_, roles, err := c.container()
	if err != nil {
		return nil, err
	}
	for _, r := range roles {
		if r.name == c.path("role") {
			return r, nil
		}
	}
	return nil, noRole()
}

func listUsersOfRole(c *call) (reply, error) {
	r, err := c.roleByName()
	if err != nil {
		return reply{}, err
	}
	users, err := page(c, filter(c.realm.sortedUsers(), func(u *user) bool { return slices.Contains(u.roles, r) }), 100)
	if err != nil {
		return reply{}, err
	}
	return c.showUsers(users)
}

func listGroupsOfRole(c *call) (reply, error) {
	r, err := c.roleByName()
	if err != nil {
		return reply{}, err
	}
	groups, err := page(c, c.realm.groupsWhere(func(g *group) bool { return slices.Contains(g.roles, r) }), 100)
	if err != nil {
		return reply{}, err
	}
	out := []any{}
	for _, g := range groups {
		out = append(out, c.showGroup(g, false, false, nil))
	}
	return found(out)
}

func listDefaultGroups(c *call) (reply, error) {
	out := []any{}
	for _, id := range c.realm.defaultGroups {
		if g := c.realm.groups[id]; g != nil {
			out = append(out, c.showGroup(g, false, false, nil))
		}
	}
	return found(out)
}

func addDefaultGroup(c *call) (reply, error) {
	c.realm.defaultGroups = append(c.realm.defaultGroups, c.path("group"))
	return done()
}

func removeDefaultGroup(c *call) (reply, error) {
	c.realm.defaultGroups = slices.DeleteFunc(c.realm.defaultGroups, func(id string) bool { return id == c.path("group") })
	return done()
}

// removeComposites removes roles from a role.
func removeComposites(c *call) (reply, error) {
	r, err := c.roleByID()
	if err != nil {
		return reply{}, err
	}
	unwanted, err := c.named(c.realm.everyRole())
	if err != nil {
		return reply{}, err
	}
	r.includes = slices.DeleteFunc(r.includes, func(r *role) bool { return slices.Contains(unwanted, r) })
	return done()
}

// clientsPage sorts clients by their clientId.
func (c *call) clientsPage(clients []*client) ([]*client, error) {
	slices.SortFunc(clients, func(a, b *client) int { return strings.Compare(a.clientID, b.clientID) })
	return page(c, clients, -1)
}
