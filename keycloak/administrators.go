package keycloak

import (
	"context"
	"net/url"
	"slices"
	"strings"
)

// The calls of this file find the administrators of a realm. They need view-realm and view-clients; view-clients also
// shows the secrets of the realm's clients (measured on 26.4, 26.6 and 26.7).

// EffectiveRoles are the sorted names of all roles of a client that a user has: directly, by a group or a group above
// it, or within another role. For realm-management they are the user's rights of the Admin API.
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

// ClientInfo is a client of a realm, with the fields that the bridge reads.
type ClientInfo struct {
	UUID           ClientUUID
	ClientID       string
	ServiceAccount bool // whether it may use a service account
	Public         bool // a public client has no service account
	Authorization  bool // whether it has policies and permissions
}

// Clients lists the clients of the realm.
func (c *Client) Clients(ctx context.Context, first, limit int) ([]ClientInfo, error) {
	return c.listClients(ctx, page(first, limit))
}

// findClients lists the clients whose clientId contains a text, in any case. % and _ also match other characters
// (measured).
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

// Roles lists all roles of a client, or of the realm when the client is zero.
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

// RoleUsers lists the users who have a role directly, without attributes. It returns ErrInvalidID for a role whose name
// cannot be part of a URL.
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

// RoleGroups lists the groups of the realm that have a role directly. Its errors are those of RoleUsers.
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

// path is the path of a role, by its name.
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

// roleSegment is the name of a role as a segment of a path. The name may contain blanks.
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

// Composites lists the roles that a role contains directly. The Composite flag of the role may be out of date.
func (c *Client) Composites(ctx context.Context, r Role) ([]Role, error) {
	id, err := parseSegment(r.ID)
	if err != nil {
		return nil, &Error{Op: "list composites", Kind: Invalid, Err: err}
	}
	var list []Role
	err = c.get(ctx, "list composites", "/roles-by-id/"+id.escaped()+"/composites", nil, &list)
	return list, err
}
