package keycloaktest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// showGroup is the representation of a group with nested children.
func (c *call) showGroup(g *group, full, counted bool, children []any) map[string]any {
	out := map[string]any{"id": g.id, "name": g.name, "path": c.realm.groupPath(g), "subGroups": append([]any{}, children...)}
	if g.parent != "" {
		out["parentId"] = g.parent
	}
	if g.description != nil {
		out["description"] = *g.description
	}
	if full {
		roles := namesByClient(c.visible(g.roles))
		out["attributes"], out["realmRoles"] = g.attributes, append([]string{}, roles[""]...)
		delete(roles, "")
		out["clientRoles"] = roles
	}
	if counted {
		may := c.caller.may(manageUsers)
		out["subGroupCount"] = len(c.realm.children(g.id))
		out["access"] = map[string]bool{"view": true, "viewMembers": true, "manageMembers": may, "manage": may, "manageMembership": may}
	}
	return out
}

func readGroup(c *call) (reply, error) {
	return found(c.showGroup(c.realm.groups[c.path("group")], true, true, nil))
}

// readGroupByPath accepts a path with or without a slash at its start.
func readGroupByPath(c *call) (reply, error) {
	if g := c.realm.groupAt("", strings.Split(c.path("path"), "/")); g != nil {
		return found(c.showGroup(g, true, true, nil))
	}
	return reply{}, refuse(http.StatusNotFound, "Group path does not exist")
}

// groupAt follows a path as Keycloak does, and returns nil when it leads nowhere. A name may contain slashes; Keycloak
// uses the shortest name that a group has, even if the rest of the path then fails.
func (r *realm) groupAt(parent string, names []string) *group {
	for i := range names {
		for _, g := range r.children(parent) {
			switch {
			case g.name != strings.Join(names[:i+1], "/"):
			case i+1 == len(names):
				return g
			default:
				return r.groupAt(g.id, names[i+1:])
			}
		}
	}
	return nil
}

// listGroups lists the top level when there is no criterion, otherwise matches of all levels. Matches are nested in
// their ancestors, or flat without populateHierarchy.
func listGroups(c *call) (reply, error) {
	matches, criterion, err := c.findGroups()
	if err != nil {
		return reply{}, err
	}
	if matches, err = page(c, matches, -1); err != nil {
		return reply{}, err
	}
	full := c.r.URL.Query().Get("briefRepresentation") == "false"
	out := []any{}
	if criterion && c.r.URL.Query().Get("populateHierarchy") != "false" {
		return found(append(out, c.tree("", matches, full)...))
	}
	for _, g := range matches {
		out = append(out, c.showGroup(g, full, true, nil))
	}
	return found(out)
}

// tree nests matches in their ancestors.
func (c *call) tree(parent string, matches []*group, full bool) []any {
	var out []any
	for _, g := range c.realm.children(parent) {
		children := c.tree(g.id, matches, full)
		if len(children) > 0 || slices.Contains(matches, g) {
			out = append(out, c.showGroup(g, full, true, children))
		}
	}
	return out
}

// findGroups finds groups by q, or by search when there is no q.
func (c *call) findGroups() (matches []*group, criterion bool, err error) {
	q, _ := c.query("q")
	if strings.TrimSpace(q) != "" {
		pairs, err := parseQuery(q)
		if err != nil {
			return nil, false, err
		}
		return c.realm.groupsWhere(func(g *group) bool { return g.hasAll(pairs) }), true, nil
	}
	search, _ := c.query("search")
	if search = strings.TrimSpace(search); search == "" {
		return c.realm.children(""), false, nil
	}
	exact := c.r.URL.Query().Get("exact") == "true"
	return c.realm.groupsWhere(func(g *group) bool { return named(g, search, exact) }), true, nil
}

func named(g *group, search string, exact bool) bool {
	if exact {
		return g.name == search
	}
	return like("%"+escapeLike(strings.ToLower(search))+"%", strings.ToLower(g.name))
}

// hasAll compares attributes, also their case. A pair without a name matches every group.
func (g *group) hasAll(pairs map[string]string) bool {
	for name, value := range pairs {
		if name != "" && !slices.ContainsFunc(g.attributes[name], func(v *string) bool { return v != nil && *v == value }) {
			return false
		}
	}
	return true
}

func (r *realm) groupsWhere(keep func(*group) bool) []*group {
	return slices.SortedFunc(maps.Values(maps.Collect(func(yield func(string, *group) bool) {
		for id, g := range r.groups {
			if keep(g) && !yield(id, g) {
				return
			}
		}
	})), r.byName)
}

func countGroups(c *call) (reply, error) {
	search := strings.TrimSpace(c.r.URL.Query().Get("search"))
	top := c.r.URL.Query().Get("top") == "true"
	list := c.realm.groupsWhere(func(g *group) bool { return (!top || g.parent == "") && named(g, search, false) })
	return found(map[string]int{"count": len(list)})
}

// groupBody reads a body and checks its name.
func (c *call) groupBody() (name string, object map[string]any, attributes map[string][]*string, err error) {
	if object, err = c.object("GroupRepresentation", groupFields); err != nil {
		return "", nil, nil, err
	}
	if object == nil {
		return "", nil, nil, broke()
	}
	if name, _, err = text(object, "name"); err != nil {
		return "", nil, nil, err
	}
	if blank(name) {
		return "", nil, nil, message(http.StatusBadRequest, "Group name is missing")
	}
	attributes, err = groupAttributes(object)
	return name, object, attributes, err
}

// fits breaks, as Keycloak does, on values that are too long for the columns.
func (g *group) fits() error {
	all := []string{g.name}
	if g.description != nil {
		all = append(all, *g.description)
	}
	for name, values := range g.attributes {
		all = append(all, name)
		for _, v := range values {
			if v != nil {
				all = append(all, *v)
			}
		}
	}
	if slices.ContainsFunc(all, func(s string) bool { return units(s) > maxColumn }) {
		return broke()
	}
	return nil
}

// newGroup creates the group of a body. When the body has the id of a group, it moves that group and changes nothing
// else (measured); it then returns nil.
func (c *call) newGroup(parent, taken string) (*group, error) {
	name, object, attributes, err := c.groupBody()
	if err != nil {
		return nil, err
	}
	if id, is := object["id"].(string); is {
		return nil, c.moveGroup(id, parent, taken)
	}
	g := &group{id: newID(), name: name, parent: parent, attributes: map[string][]*string{}}
	maps.Copy(g.attributes, attributes)
	if g.description, err = optional(object, "description"); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(c.realm.children(parent), func(s *group) bool { return s.name == name }) {
		return nil, message(http.StatusConflict, taken+" group named '"+name+"' already exists.")
	}
	if err := g.fits(); err != nil {
		return nil, err
	}
	c.realm.groups[g.id] = g
	return g, nil
}

func (c *call) moveGroup(id, parent, taken string) error {
	g := c.realm.groups[id]
	switch {
	case c.realm.flag("adminEventsEnabled"):
		return notModelled("the admin event of a move")
	case g == nil:
		return refuse(http.StatusNotFound, "Could not find child by id")
	case parent == id:
		return nil
	case slices.ContainsFunc(c.realm.children(parent), func(s *group) bool { return s != g && s.name == g.name }):
		return message(http.StatusConflict, taken+" group named '"+g.name+"' already exists.")
	}
	for above := c.realm.groups[parent]; above != nil; above = c.realm.groups[above.parent] {
		if above == g {
			return broke() // the group would be below itself
		}
	}
	g.parent = parent
	return nil
}

func optional(object map[string]any, name string) (*string, error) {
	value, ok, err := text(object, name)
	if !ok {
		return nil, err
	}
	return &value, nil
}

func (c *call) groupURL(g *group) string {
	return c.f.server.URL + "/admin/realms/" + url.PathEscape(c.realm.name) + "/groups/" + g.id
}

func createGroup(c *call) (reply, error) {
	g, err := c.newGroup("", "Top level")
	if err != nil || g == nil {
		return reply{status: http.StatusNoContent}, err // after a move
	}
	return created(c.groupURL(g), nil)
}

func createChild(c *call) (reply, error) {
	g, err := c.newGroup(c.path("group"), "Sibling")
	if err != nil || g == nil {
		return reply{status: http.StatusNoContent, header: http.Header{"Content-Type": {"application/json"}}}, err // after a move
	}
	body := c.showGroup(g, true, true, nil)
	delete(body, "subGroupCount")
	return created(c.groupURL(g), body)
}

// updateGroup replaces the name, and the attributes when the body has some. It erases the description unless the body
// repeats it.
func updateGroup(c *call) (reply, error) {
	g := c.realm.groups[c.path("group")]
	name, object, attributes, err := c.groupBody()
	if err != nil {
		return reply{}, err
	}
	if id, ok := object["id"]; ok && id != g.id {
		return reply{}, message(http.StatusBadRequest, "Invalid group id")
	}
	if slices.ContainsFunc(c.realm.children(g.parent), func(s *group) bool { return s != g && s.name == name }) {
		return reply{}, message(http.StatusConflict, "Sibling group named '"+name+"' already exists.")
	}
	next := *g
	next.name = name
	if next.description, err = optional(object, "description"); err != nil {
		return reply{}, err
	}
	if attributes != nil {
		next.attributes = merge(g.attributes, attributes)
	}
	if err := next.fits(); err != nil {
		return reply{}, err
	}
	*g = next
	return done()
}

// merge are the new attributes; a change of the order only keeps the old order.
func merge(old, next map[string][]*string) map[string][]*string {
	out := map[string][]*string{}
	for name, values := range next {
		out[name] = values
		if sameValues(derefs(old[name]), derefs(values)) {
			out[name] = old[name]
		}
		if len(values) == 0 {
			delete(out, name)
		}
	}
	return out
}

func derefs(values []*string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		if v != nil {
			out[i] = *v
		}
	}
	return out
}

func deleteGroup(c *call) (reply, error) {
	c.realm.removeGroup(c.realm.groups[c.path("group")])
	return done()
}

// listChildren has pages of ten by default, unlike all other lists.
func listChildren(c *call) (reply, error) {
	groups, err := page(c, c.realm.children(c.path("group")), 10)
	if err != nil {
		return reply{}, err
	}
	out := []any{}
	for _, g := range groups {
		out = append(out, c.showGroup(g, c.r.URL.Query().Get("briefRepresentation") != "true", true, nil))
	}
	return found(out)
}
