package keycloak

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// RoleName names a role of the realm or of a client.
type RoleName struct {
	Client string // the clientId; "" for a role of the realm
	Name   string
}

// String is the name; for the role of a client, the clientId and a slash come first.
func (n RoleName) String() string {
	if n.Client == "" {
		return n.Name
	}
	return n.Client + "/" + n.Name
}

// Compare orders roles: those of the realm first, then by client and name.
func (n RoleName) Compare(other RoleName) int {
	return cmp.Or(strings.Compare(n.Client, other.Client), strings.Compare(n.Name, other.Name))
}

// Role is a role as the Admin API shows it. A call that grants a role needs its id and name.
type Role struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Composite   bool   `json:"composite"` // whether it contains others
	ClientRole  bool   `json:"clientRole"`
	ContainerID string `json:"containerId"` // of the client or the realm

	Client string `json:"-"` // the clientId, set for a role of FindRole
}

// String is the role's name as RoleName writes it.
func (r Role) String() string { return RoleName{Client: r.Client, Name: r.Name}.String() }

// RoleHolder is a user or group that has roles: a UserID or a GroupID.
type RoleHolder interface{ roleMappings() string }

func (id UserID) roleMappings() string  { return "/users/" + id.escaped() + "/role-mappings" }
func (id GroupID) roleMappings() string { return "/groups/" + id.escaped() + "/role-mappings" }

// FindRole finds a role. It is NotFound when the role or its client does not exist. It needs view-realm, and
// view-clients for the role of a client.
func (c *Client) FindRole(ctx context.Context, n RoleName) (Role, error) {
	const op = "find role"
	name, err := roleSegment(n.Name)
	if err != nil {
		return Role{}, &Error{Op: op, Kind: NotFound, Err: err}
	}
	path := "/roles/" + name.escaped()
	if n.Client != "" {
		id, ok, err := c.FindClient(ctx, n.Client)
		if err != nil {
			return Role{}, err
		}
		if !ok {
			return Role{}, &Error{Op: op, Kind: NotFound, Err: errors.New("the client does not exist")}
		}
		path = "/clients/" + id.escaped() + path
	}
	r := Role{Client: n.Client}
	err = c.get(ctx, op, path, nil, &r)
	return r, err
}

// Administers finds the first of some roles that makes its holder an administrator. by is the role that does so: the
// role itself or a role that it contains, at any depth. administers decides about each role. ok is false when no role
// is found. The caller needs view-realm and view-clients: without view-clients, Keycloak leaves the roles of clients
// out of a composite role (measured on 26.7). An error is about the role.
func (c *Client) Administers(ctx context.Context, administers func(Role) bool, roles []Role) (role, by Role, ok bool, err error) {
	for _, r := range roles {
		if by, ok, err = c.roleWithin(ctx, r, administers); err != nil || ok {
			return r, by, ok, err
		}
	}
	return Role{}, Role{}, false, nil
}

// roleWithin is the first role for which wanted is true: the role itself or a role that it contains.
func (c *Client) roleWithin(ctx context.Context, r Role, wanted func(Role) bool) (Role, bool, error) {
	seen := map[string]bool{}
	for todo := []Role{r}; len(todo) > 0; {
		next := todo[0]
		todo = todo[1:]
		if wanted(next) {
			return next, true, nil
		}
		if seen[next.ID] {
			continue
		}
		seen[next.ID] = true
		within, err := c.Composites(ctx, next)
		if err != nil {
			return Role{}, false, err
		}
		todo = append(todo, within...)
	}
	return Role{}, false, nil
}

// UserRoles are the sorted names of the roles that a user has directly. They contain roles of clients only with
// view-clients (measured on 26.7).
func (c *Client) UserRoles(ctx context.Context, id UserID) ([]RoleName, error) {
	var answer struct {
		Realm  []Role `json:"realmMappings"`
		Client map[string]struct {
			Roles []Role `json:"mappings"`
		} `json:"clientMappings"`
	}
	if err := c.get(ctx, "list roles of user", id.roleMappings(), nil, &answer); err != nil {
		return nil, err
	}
	var out []RoleName
	for _, r := range answer.Realm {
		out = append(out, RoleName{Name: r.Name})
	}
	for client, m := range answer.Client {
		for _, r := range m.Roles {
			out = append(out, RoleName{Client: client, Name: r.Name})
		}
	}
	slices.SortFunc(out, RoleName.Compare)
	return out, nil
}

// GrantRoles grants roles, all of the realm or all of one client. It is no error when the holder already has a role.
// When a role is gone, the error is NotFound and nothing is granted.
func (c *Client) GrantRoles(ctx context.Context, h RoleHolder, roles []Role) error {
	return c.mapRoles(ctx, "grant roles", http.MethodPost, h, roles)
}

// RevokeRoles revokes roles, all of the realm or all of one client. It is no error when the holder does not have a
// role.
func (c *Client) RevokeRoles(ctx context.Context, h RoleHolder, roles []Role) error {
	return c.mapRoles(ctx, "revoke roles", http.MethodDelete, h, roles)
}

func (c *Client) mapRoles(ctx context.Context, op, method string, h RoleHolder, roles []Role) error {
	if len(roles) == 0 {
		return nil
	}
	container := roles[0].ContainerID
	if slices.ContainsFunc(roles, func(r Role) bool { return r.ContainerID != container }) {
		return &Error{Op: op, Kind: Invalid, Err: errors.New("the roles are of several clients")}
	}
	path := h.roleMappings() + "/realm"
	if roles[0].ClientRole {
		path = h.roleMappings() + "/clients/" + url.PathEscape(container)
	}
	return c.write(ctx, op, method, path, roles)
}
