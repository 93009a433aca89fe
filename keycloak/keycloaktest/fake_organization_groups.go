package keycloaktest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// grouped admits calls about groups of an organization. A group of the realm or of another organization gets another
// answer than a group that does not exist.
func grouped(members bool, handle func(*call) (reply, error)) func(*call) (reply, error) {
	return organized(members, func(c *call) (reply, error) {
		id := c.path("below")
		if id == "" || c.organization().groups[id] != nil {
			return handle(c)
		}
		if c.realm.groups[id] != nil || c.realm.organizationGroup(id) {
			return reply{}, message(http.StatusBadRequest, "Group does not belong to the organization")
		}
		return reply{}, noOrganizationGroup()
	})
}

func noOrganizationGroup() error { return message(http.StatusNotFound, "Group does not exist") }

// organizationGroup reports whether any organization has a group; the root group counts too.
func (r *realm) organizationGroup(id string) bool {
	for _, o := range r.organizations {
		if o.groups[id] != nil {
			return true
		}
	}
	return false
}

func (c *call) below() *group { return c.organization().groups[c.path("below")] }

// showBelow is the representation of a group. The root group, which contains all others, has no parent.
func (c *call) showBelow(g *group, full bool) map[string]any {
	path := "/" + g.name
	if g.parent != "" {
		for above := c.organization().groups[g.parent]; above.parent != ""; above = c.organization().groups[above.parent] {
			path = "/" + above.name + path
		}
	}
	out := map[string]any{"id": g.id, "name": g.name, "path": path, "subGroups": []any{}}
	if g.parent != "" {
		out["parentId"] = g.parent
	}
	if full {
		out["attributes"], out["realmRoles"], out["clientRoles"] = g.attributes, []any{}, map[string]any{}
	}
	return out
}

// level are the groups for which keep is true, by name.
func (o *organization) level(keep func(*group) bool) []*group {
	var out []*group
	for _, g := range o.groups {
		if g.parent != "" && keep(g) {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b *group) int { return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.id, b.id)) })
	return out
}

// hasAllFolded compares without regard to case, unlike for groups of the realm.
func (g *group) hasAllFolded(pairs map[string]string) bool {
	for name, value := range pairs {
		if !slices.ContainsFunc(g.attributes[name], func(v *string) bool { return v != nil && strings.EqualFold(*v, value) }) {
			return false
		}
	}
	return true
}

func (c *call) showAll(groups []*group, full bool) (reply, error) {
	out := []any{}
	for _, g := range groups {
		out = append(out, c.showBelow(g, full))
	}
	return found(out)
}

// listOrganizationGroups lists the top level, or the part that q finds. A search finds groups of all levels by the
// beginning of their names.
func listOrganizationGroups(c *call) (reply, error) {
	o := c.organization()
	if _, ok := c.query("exact"); ok {
		return reply{}, notModelled("exact search for groups of an organization")
	}
	q, _ := c.query("q")
	pairs, err := parseQuery(q)
	if err != nil {
		return reply{}, err
	}
	search := strings.TrimSpace(c.r.URL.Query().Get("search"))
	if strings.ContainsAny(search, `%_\`) {
		return reply{}, notModelled("the character of a pattern in a search for groups of an organization")
	}
	list := o.level(func(g *group) bool {
		if search != "" && len(pairs) == 0 {
			return like(strings.ReplaceAll(strings.ToLower(search), "*", "%")+"%", strings.ToLower(g.name))
		}
		return g.parent == o.root && g.hasAllFolded(pairs)
	})
	if list, err = page(c, list, -1); err != nil {
		return reply{}, err
	}
	return c.showAll(list, c.r.URL.Query().Get("briefRepresentation") == "false")
}

func (c *call) newBelow(parent string) (*group, error) {
	name, object, attributes, err := c.groupBody()
	if err != nil {
		return nil, err
	}
	if object["description"] != nil {
		return nil, notModelled("description of a group of an organization")
	}
	o := c.organization()
	if len(o.level(func(g *group) bool { return g.parent == parent && g.name == name })) > 0 {
		return nil, message(http.StatusConflict, "Group with the given name already exists.")
	}
	g := &group{id: newID(), name: name, parent: parent, attributes: map[string][]*string{}}
	if parent == o.root { // a nested group does not return them (measured)
		maps.Copy(g.attributes, attributes)
	}
	if err := g.fits(); err != nil {
		return nil, err
	}
	o.groups[g.id] = g
	return g, nil
}

func createOrganizationGroup(c *call) (reply, error) {
	g, err := c.newBelow(c.organization().root)
	if err != nil {
		return reply{}, err
	}
	return created(c.f.server.URL+c.r.URL.EscapedPath()+"/"+g.id, c.showBelow(g, false))
}

func createNestedGroup(c *call) (reply, error) {
	g, err := c.newBelow(c.path("below"))
	if err != nil {
		return reply{}, err
	}
	return created(c.f.server.URL+c.r.URL.EscapedPath()+"/"+g.id, c.showBelow(g, true))
}

func readOrganizationGroup(c *call) (reply, error) { return found(c.showBelow(c.below(), true)) }

func listNestedGroups(c *call) (reply, error) {
	list, err := page(c, c.organization().level(func(g *group) bool { return g.parent == c.path("below") }), -1)
	if err != nil {
		return reply{}, err
	}
	return c.showAll(list, false)
}

func updateOrganizationGroup(c *call) (reply, error) {
	name, object, attributes, err := c.groupBody()
	if err != nil {
		return reply{}, err
	}
	if object["description"] != nil {
		return reply{}, notModelled("description of a group of an organization")
	}
	o, g := c.organization(), c.below()
	if len(o.level(func(s *group) bool { return s != g && s.parent == g.parent && s.name == name })) > 0 {
		return reply{}, raced()
	}
	next := *g
	next.name = name
	if attributes != nil {
		next.attributes = merge(g.attributes, attributes)
	}
	if err := next.fits(); err != nil {
		return reply{}, err
	}
	*g = next
	return done()
}

// deleteOrganizationGroup also deletes the groups below, and accepts the root group too.
func deleteOrganizationGroup(c *call) (reply, error) {
	o := c.organization()
	for todo := []string{c.path("below")}; len(todo) > 0; todo = todo[1:] {
		for _, g := range o.level(func(g *group) bool { return g.parent == todo[0] }) {
			todo = append(todo, g.id)
		}
		c.realm.leave(todo[0])
		delete(o.groups, todo[0])
	}
	return done()
}

// leave ends all memberships of a group.
func (r *realm) leave(group string) {
	for _, u := range r.users {
		u.groups = slices.DeleteFunc(u.groups, func(id string) bool { return id == group })
	}
}

// organizationGroupMember is the user in the path.
func (c *call) organizationGroupMember() (*user, error) {
	u := c.realm.users[c.path("member")]
	if u == nil {
		return nil, message(http.StatusNotFound, "User does not exist")
	}
	return u, nil
}

func addOrganizationGroupMember(c *call) (reply, error) {
	u, err := c.organizationGroupMember()
	switch {
	case err != nil:
		return reply{}, err
	case !slices.Contains(c.organization().members, u.id):
		return reply{}, message(http.StatusBadRequest, "User is not member of the organization")
	case slices.Contains(u.groups, c.path("below")):
		return reply{}, message(http.StatusConflict, "User is already a member of the group")
	}
	u.groups = append(u.groups, c.path("below"))
	return done()
}

func removeOrganizationGroupMember(c *call) (reply, error) {
	u, err := c.organizationGroupMember()
	if err != nil {
		return reply{}, err
	}
	u.groups = slices.DeleteFunc(u.groups, func(id string) bool { return id == c.path("below") })
	return done()
}

func listOrganizationGroupMembers(c *call) (reply, error) {
	list, err := page(c, filter(c.realm.sortedUsers(), func(u *user) bool { return slices.Contains(u.groups, c.path("below")) }), 100)
	if err != nil {
		return reply{}, err
	}
	out := []any{}
	for _, u := range list {
		shown := c.realm.show(u, c.r.URL.Query().Get("briefRepresentation") == "true", nil)
		shown["membershipType"] = "UNMANAGED"
		out = append(out, shown)
	}
	return found(out)
}

func listOrganizationGroupsOf(c *call) (reply, error) {
	u, err := c.member()
	if err != nil {
		return reply{}, err
	}
	return c.showAll(c.organization().level(func(g *group) bool { return slices.Contains(u.groups, g.id) }), c.r.URL.Query().Get("briefRepresentation") == "false")
}
