package keycloak

import (
	"context"
	"encoding/json"
	"net/http"
)

// The calls of this file say who administers a realm by its fine-grained admin permissions. They
// need view-realm on 26.6 and 26.7 and view-clients on 26.4, and nothing else. No list has what a
// permission gives, or whom it is given to, on every version (measured on 26.4, 26.6 and 26.7).

// Permission is a fine-grained admin permission.
type Permission struct {
	ID, Name string

	// Negative says that the permission turns what its policies decide.
	Negative bool
	// Unanimous says that the permission is given to nobody whom one of its policies refuses.
	Unanimous bool
}

// Policy says whom a permission is given to.
type Policy struct {
	ID, Name string
	Type     string // "user", "group", "role" and others
	Negative bool   // given to everybody but whom it names

	// Of the types that name people.
	Users       []string // ids
	Roles       []string // ids
	Groups      []PolicyGroup
	GroupsClaim string // where a token names the groups instead of the realm
}

// PolicyGroup is a group whose members a policy names.
type PolicyGroup struct {
	ID       string `json:"id"`
	Children bool   `json:"extendChildren"` // whether the members of the groups below it are too
}

const negative = "NEGATIVE"

type policyJSON struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Type     string `json:"type"`
	Logic    string `json:"logic"`
	Decision string `json:"decisionStrategy"`
	Config   struct {
		Users       string `json:"users"`
		Groups      string `json:"groups"`
		Roles       string `json:"roles"`
		GroupsClaim string `json:"groupsClaim"`
	} `json:"config"`
}

// Permissions lists the permissions of the realm's client for them.
func (c *Client) Permissions(ctx context.Context, of ClientUUID, first, limit int) ([]Permission, error) {
	var list []policyJSON
	if err := c.get(ctx, "list permissions", authorization(of)+"/permission", page(first, limit), &list); err != nil {
		return nil, err
	}
	out := make([]Permission, len(list))
	for i, p := range list {
		out[i] = Permission{ID: p.ID, Name: p.Name, Negative: p.Logic == negative, Unanimous: p.Decision == "UNANIMOUS"}
	}
	return out, nil
}

// PermissionScopes are the names of what a permission gives, such as "view" and "manage".
func (c *Client) PermissionScopes(ctx context.Context, of ClientUUID, p Permission) ([]string, error) {
	var list []struct {
		Name string `json:"name"`
	}
	err := c.ofPermission(ctx, "list scopes of permission", of, p, "/scopes", &list)
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = s.Name
	}
	return out, err
}

// PermissionPolicies are the ids of the policies of a permission. What Keycloak says of them beside
// is not to be trusted: each is positive there (measured on 26.4, 26.6 and 26.7).
func (c *Client) PermissionPolicies(ctx context.Context, of ClientUUID, p Permission) ([]string, error) {
	var list []policyJSON
	err := c.ofPermission(ctx, "list policies of permission", of, p, "/associatedPolicies", &list)
	out := make([]string, len(list))
	for i, j := range list {
		out[i] = j.ID
	}
	return out, err
}

func (c *Client) ofPermission(ctx context.Context, op string, of ClientUUID, p Permission, what string, out any) error {
	id, err := parseSegment(p.ID)
	if err != nil {
		return &Error{Op: op, Kind: Invalid, Err: err}
	}
	return c.get(ctx, op, authorization(of)+"/policy/"+id.escaped()+what, nil, out)
}

// Policies lists the policies, with the people that they name. Users, groups and roles that were
// deleted stay among them (measured on 26.4, 26.6 and 26.7).
func (c *Client) Policies(ctx context.Context, of ClientUUID, first, limit int) ([]Policy, error) {
	const op = "list policies"
	v := page(first, limit)
	v.Set("permission", "false")
	var list []policyJSON
	if err := c.get(ctx, op, authorization(of)+"/policy", v, &list); err != nil {
		return nil, err
	}
	out := make([]Policy, len(list))
	for i, j := range list {
		out[i] = Policy{ID: j.ID, Name: j.Name, Type: j.Type, Negative: j.Logic == negative, GroupsClaim: j.Config.GroupsClaim}
		var roles []struct {
			ID string `json:"id"`
		}
		for _, people := range []struct {
			text string // "" where the type has none
			to   any
		}{{j.Config.Users, &out[i].Users}, {j.Config.Groups, &out[i].Groups}, {j.Config.Roles, &roles}} {
			if people.text == "" {
				continue
			}
			if err := json.Unmarshal([]byte(people.text), people.to); err != nil {
				return nil, &Error{Op: op, Kind: Unavailable, Err: err}
			}
		}
		for _, r := range roles {
			out[i].Roles = append(out[i].Roles, r.ID)
		}
	}
	return out, nil
}

// authorization is the path of a client's policies and permissions.
func authorization(of ClientUUID) string {
	return "/clients/" + of.escaped() + "/authz/resource-server"
}

// FirstPermissions reports whether the server decides by the first version of fine-grained
// permissions, which the feature admin-fine-grained-authz:v1 switches on: without it the server
// answers 501 (measured on 26.4, 26.6 and 26.7).
func (c *Client) FirstPermissions(ctx context.Context) (bool, error) {
	var answer struct{}
	err := c.get(ctx, "read permissions of the first version", "/users-management-permissions", nil, &answer)
	if StatusOf(err) == http.StatusNotImplemented || KindOf(err) == NotFound {
		return false, nil
	}
	return err == nil, err
}
