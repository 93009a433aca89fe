package keycloaktest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// role is a role of a realm or of a client.
type role struct {
	id, name, description string

	container string  // the id of the realm or of the client
	client    *client // nil for a role of the realm
	includes  []*role
}

// defaultRoles creates the roles of a new realm. Every user gets the first.
func (r *realm) defaultRoles() {
	prefix := "default-roles-"
	r.roles = []*role{{name: prefix + r.name, description: "${role_default-roles}"}}
	for _, name := range []string{"offline_access", "uma_authorization"} {
		r.roles = append(r.roles, &role{name: name, description: "${role_" + strings.ReplaceAll(name, "_", "-") + "}"})
	}
	for _, one := range r.roles {
		one.id, one.container = newID(), r.id
	}
	r.roles[0].includes = r.roles[1:3:3]
}

// everyRole lists the roles of the realm and of its clients.
func (r *realm) everyRole() []*role {
	out := slices.Clone(r.roles)
	for _, c := range r.clients {
		out = append(out, c.roles...)
	}
	return out
}

// show is a representation; without full it has no attributes.
func (r *role) show(full bool) map[string]any {
	out := map[string]any{"id": r.id, "name": r.name, "composite": len(r.includes) > 0, "clientRole": r.client != nil, "containerId": r.container}
	if r.description != "" {
		out["description"] = r.description
	}
	if full {
		out["attributes"] = map[string]any{}
	}
	return out
}

func showRoles(roles []*role) []any {
	out := []any{}
	for _, r := range slices.SortedFunc(slices.Values(roles), func(a, b *role) int { return strings.Compare(a.name, b.name) }) {
		out = append(out, r.show(false))
	}
	return out
}

// visible leaves out the roles of clients that the caller may not see, as 26.7 does.
func (c *call) visible(roles []*role) []*role {
	return filter(slices.Clone(roles), func(r *role) bool { return r.client == nil || c.caller.may(viewClients, manageClients) })
}

// namesByClient are the names of roles by client; roles of the realm are under "".
func namesByClient(roles []*role) map[string][]string {
	out := map[string][]string{}
	for _, r := range roles {
		client := ""
		if r.client != nil {
			client = r.client.clientID
		}
		out[client] = append(out[client], r.name)
	}
	return out
}

func noRole() error { return refuse(http.StatusNotFound, "Could not find role") }

// container are the roles of the path: the roles of a client or of the realm.
func (c *call) container() (*client, []*role, error) {
	if c.path("client") == "" {
		return nil, c.realm.roles, nil
	}
	cl, err := c.clientByID()
	if err != nil {
		return nil, nil, err
	}
	return cl, cl.roles, nil
}

func listRoles(c *call) (reply, error) {
	_, roles, err := c.container()
	if err != nil {
		return reply{}, err
	}
	return found(showRoles(roles))
}

func readRole(c *call) (reply, error) {
	r, err := c.roleByName()
	if err != nil {
		return reply{}, err
	}
	return found(r.show(true))
}

func createRole(c *call) (reply, error) {
	cl, roles, err := c.container()
	if err != nil {
		return reply{}, err
	}
	var body struct{ Name string }
	if json.Unmarshal(c.body, &body) != nil || body.Name == "" {
		return reply{}, notModelled("role without a name")
	}
	if slices.ContainsFunc(roles, func(r *role) bool { return r.name == body.Name }) {
		return reply{}, message(http.StatusConflict, "Role with name "+body.Name+" already exists")
	}
	made := &role{id: newID(), name: body.Name, client: cl, container: c.realm.id}
	if cl == nil {
		c.realm.roles = append(c.realm.roles, made)
	} else {
		made.container, cl.roles = cl.id, append(cl.roles, made)
	}
	return created(c.f.server.URL+c.r.URL.EscapedPath()+"/"+url.PathEscape(made.name), nil)
}

// deleteRole also revokes a role of the realm from everybody who has it.
func deleteRole(c *call) (reply, error) {
	i := slices.IndexFunc(c.realm.roles, func(r *role) bool { return r.name == c.path("role") })
	if i < 0 {
		return reply{}, noRole()
	}
	gone := c.realm.roles[i]
	without := func(roles []*role) []*role { return slices.DeleteFunc(roles, func(r *role) bool { return r == gone }) }
	c.realm.roles = without(c.realm.roles)
	for _, r := range c.realm.everyRole() {
		r.includes = without(r.includes)
	}
	for _, u := range c.realm.users {
		u.roles = without(u.roles)
	}
	for _, g := range c.realm.groups {
		g.roles = without(g.roles)
	}
	return done()
}

// roleByID is the role in the path, for callers who may see it.
func (c *call) roleByID() (*role, error) {
	for _, r := range c.realm.everyRole() {
		if r.id != c.path("byID") {
			continue
		}
		if r.client == nil && !c.caller.may(viewRealm, manageRealm) || r.client != nil && !c.caller.may(viewClients, manageClients) {
			return nil, forbidden()
		}
		return r, nil
	}
	return nil, refuse(http.StatusNotFound, "Could not find role with id")
}

func listComposites(c *call) (reply, error) {
	r, err := c.roleByID()
	if err != nil {
		return reply{}, err
	}
	return found(showRoles(c.visible(r.includes)))
}

func addComposites(c *call) (reply, error) {
	r, err := c.roleByID()
	if err != nil {
		return reply{}, err
	}
	wanted, err := c.named(c.realm.everyRole())
	if err != nil {
		return reply{}, err
	}
	r.includes = append(r.includes, wanted...)
	return done()
}

// named are the roles in a body. Each must be in among, by id and name.
func (c *call) named(among []*role) ([]*role, error) {
	var wanted []struct{ ID, Name string }
	if err := json.Unmarshal(c.body, &wanted); err != nil {
		return nil, notJSON("unknown_error")
	}
	var out []*role
	for _, w := range wanted {
		i := slices.IndexFunc(among, func(r *role) bool { return r.id == w.ID && r.name == w.Name })
		if i < 0 {
			return nil, refuse(http.StatusNotFound, "Role not found")
		}
		out = append(out, among[i])
	}
	return out, nil
}

// holder are the roles of the user or group in the path.
func (c *call) holder() (*[]*role, error) {
	if g := c.realm.groups[c.path("group")]; g != nil {
		return &g.roles, nil
	}
	u := c.realm.users[c.path("id")]
	if u == nil {
		return nil, noUser()
	}
	return &u.roles, nil
}

// mappable are the holder's roles and the roles of the path's container.
func (c *call) mappable() (holder *[]*role, roles []*role, err error) {
	if holder, err = c.holder(); err != nil {
		return nil, nil, err
	}
	if id := c.path("client"); id != "" && c.realm.clients[id] == nil {
		return nil, nil, refuse(http.StatusNotFound, "Client not found")
	}
	_, roles, err = c.container()
	return holder, roles, err
}

func listMappings(c *call) (reply, error) {
	holder, err := c.holder()
	if err != nil {
		return reply{}, err
	}
	out, clients := map[string]any{}, map[string]any{}
	for clientID := range namesByClient(c.visible(*holder)) {
		roles := filter(c.visible(*holder), func(r *role) bool {
			return r.client == nil && clientID == "" || r.client != nil && r.client.clientID == clientID
		})
		if clientID == "" {
			out["realmMappings"] = showRoles(roles)
		} else {
			clients[clientID] = map[string]any{"id": roles[0].container, "client": clientID, "mappings": showRoles(roles)}
			out["clientMappings"] = clients
		}
	}
	return found(out)
}

func listGrantedRoles(c *call) (reply, error) {
	holder, roles, err := c.mappable()
	if err != nil {
		return reply{}, err
	}
	return found(showRoles(filter(slices.Clone(*holder), func(r *role) bool { return slices.Contains(roles, r) })))
}

// grantRoles lets a caller grant roles that are not rights of the Admin API, and its own rights. On 26.7 manage-users
// may also grant the rights about users.
func grantRoles(c *call) (reply, error) {
	holder, roles, err := c.mappable()
	if err != nil {
		return reply{}, err
	}
	wanted, err := c.named(roles)
	if err != nil {
		return reply{}, err
	}
	for _, r := range wanted {
		management := r.client != nil && r.client.clientID == realmManagement
		if management && !c.caller.may(r.name, realmAdmin) && !slices.Contains([]string{viewUsers, queryUsers, queryGroups}, r.name) {
			return reply{}, forbidden()
		}
	}
	for _, r := range wanted {
		if !slices.Contains(*holder, r) {
			*holder = append(*holder, r)
		}
	}
	return done()
}

func revokeRoles(c *call) (reply, error) {
	holder, roles, err := c.mappable()
	if err != nil {
		return reply{}, err
	}
	unwanted, err := c.named(roles)
	if err != nil {
		return reply{}, err
	}
	*holder = slices.DeleteFunc(*holder, func(r *role) bool { return slices.Contains(unwanted, r) })
	return done()
}
