package keycloak

import (
	"context"
	"net/url"
	"slices"
	"strings"
)

// The calls of this file say who administers a realm. They need view-realm and view-clients;
// the second also shows the secrets of the realm's clients (measured on 26.4, 26.6 and 26.7).

// EffectiveRoles are the names, sorted, of the roles of a client that a user has by any way: itself,
// by a group or one above it, or within another role. For realm-management they are the
// user's rights of the Admin API.
func (c *Client) EffectiveRoles(ctx context.Context, user UserID, client ClientUUID) ([]string, error) {
	var list []Role
	err := c.get(ctx, "list effective roles", user.roleMappings()+"/clients/"+client.escaped()+"/composite", nil, &list)
	out := make([]string, len(list))
	for i, r := range list {
		out[i] = r.Name
	}
	slices.Sort(out)
	return out, err
}

// ClientInfo is a client of a realm, as far as the bridge reads it.
type ClientInfo struct {
	UUID           ClientUUID
	ClientID       string
	ServiceAccount bool // whether it may use one
	Public         bool // so that it has none
	Authorization  bool // whether it has policies and permissions
}

// Clients lists the clients of the realm.
func (c *Client) Clients(ctx context.Context, first, limit int) ([]ClientInfo, error) {
	return c.listClients(ctx, page(first, limit))
}

// findClients lists those whose clientId has a text in it, without regard to case. % and _
// stand for other characters too (measured).
func (c *Client) findClients(ctx context.Context, text string, first int) ([]ClientInfo, error) {
	v := page(first, MaxPage)
	v.Set("clientId", text)
	v.Set("search", "true")
	return c.listClients(ctx, v)
}

func (c *Client) listClients(ctx context.Context, v url.Values) ([]ClientInfo, error) {
	var list []struct {
		ID       string `json:"id"`
		ClientID string `json:"clientId"`
		Service  bool   `json:"serviceAccountsEnabled"`
		Policies bool   `json:"authorizationServicesEnabled"`
		Public   bool   `json:"publicClient"`
	}
	if err := c.get(ctx, "list clients", "/clients", v, &list); err != nil {
		return nil, err
	}
	out := make([]ClientInfo, len(list))
	for i, j := range list {
		id, err := ParseClientUUID(j.ID)
		if err != nil {
			return nil, &Error{Op: "list clients", Kind: Unavailable, Err: err}
		}
		out[i] = ClientInfo{id, j.ClientID, j.Service, j.Public, j.Policies}
	}
	return out, nil
}

// Roles lists all roles of the realm or, unless it is the zero one, of a client.
func (c *Client) Roles(ctx context.Context, of ClientInfo) ([]Role, error) {
	path := "/roles"
	if !of.UUID.IsZero() {
		path = "/clients/" + of.UUID.escaped() + path
	}
	var list []Role
	err := c.get(ctx, "list roles", path, nil, &list)
	for i := range list {
		list[i].Client = of.ClientID
	}
	return list, err
}

// RoleUsers lists users who have a role themselves, without attributes. A role whose name
// cannot be part of a URL is ErrInvalidID.
func (c *Client) RoleUsers(ctx context.Context, r Role, first, limit int) ([]User, error) {
	path, err := r.path()
	if err != nil {
		return nil, err
	}
	v := page(first, limit)
	v.Set("briefRepresentation", "true")
	var list []userJSON
	err = c.get(ctx, "list users of role", path+"/users", v, &list)
	return users(list), err
}

// RoleGroups lists groups of the realm that have a role themselves; errors as of RoleUsers.
func (c *Client) RoleGroups(ctx context.Context, r Role, first, limit int) ([]Group, error) {
	path, err := r.path()
	if err != nil {
		return nil, err
	}
	v := page(first, limit)
	v.Set("briefRepresentation", "true")
	var list []Group
	err = c.get(ctx, "list groups of role", path+"/groups", v, &list)
	return list, err
}

// path is where a role is found by its name.
func (r Role) path() (string, error) {
	name, err := roleSegment(r.Name)
	if err != nil {
		return "", err
	}
	path := "/roles/" + name.escaped()
	if r.ClientRole {
		path = "/clients/" + url.PathEscape(r.ContainerID) + path
	}
	return path, nil
}

// roleSegment is the name of a role, which may hold blanks.
func roleSegment(name string) (segment, error) {
	s, err := parseSegment(strings.ReplaceAll(name, " ", "-"))
	if err == nil {
		s.text = name
	}
	return s, err
}

// DefaultGroups lists the groups that every new user joins.
func (c *Client) DefaultGroups(ctx context.Context) ([]Group, error) {
	var list []Group
	err := c.get(ctx, "list default groups", "/default-groups", nil, &list)
	return list, err
}

// Composites lists the roles that a role contains directly. What the role says of itself may
// be older than that.
func (c *Client) Composites(ctx context.Context, r Role) ([]Role, error) {
	id, err := parseSegment(r.ID)
	if err != nil {
		return nil, &Error{Op: "list composites", Kind: Invalid, Err: err}
	}
	var list []Role
	err = c.get(ctx, "list composites", "/roles-by-id/"+id.escaped()+"/composites", nil, &list)
	return list, err
}
