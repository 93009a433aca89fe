package keycloak

import (
	"context"
	"encoding/json"
	"net/http"
)

// The calls of this file find administrators by fine-grained admin permissions. They only need view-realm on 26.6 and
// 26.7, and view-clients on 26.4. No list has the scopes and the policies of a permission on every version (measured on
// 26.4, 26.6 and 26.7).

// Permission is a fine-grained admin permission.
type Permission struct {
	ID, Name string

	// Negative says that the permission inverts the decision of its policies.
	Negative bool
	// Unanimous says that the permission is not given to a user that one of its policies refuses.
	Unanimous bool
}

// Policy says to which users a permission is given.
type Policy struct {
	ID, Name string
	Type     string // "user", "group", "role" and others
	Negative bool   // given to everybody except the users that it names

	// Set for the types that name people.
	Users       []string // ids
	Roles       []string // ids
	Groups      []PolicyGroup
	GroupsClaim string // the claim of a token that names the groups instead of the realm; "" for the realm
}

// PolicyGroup is a group whose members a policy names.
type PolicyGroup struct {
	ID       string `json:"id"`
	Children bool   `json:"extendChildren"` // whether members of the groups below are named too
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

// Permissions lists the permissions, which belong to the realm's client for permissions.
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

// PermissionScopes are the scopes of a permission, such as "view" and "manage".
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

// PermissionPolicies are the ids of the policies of a permission. The other values in this list are not reliable: it
// shows each policy as positive (measured on 26.4, 26.6 and 26.7).
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

// Policies lists the policies, with the people that they name. Deleted users, groups and roles are still listed
// (measured on 26.4, 26.6 and 26.7).
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
			text string // "" when the type has no such list
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

// FirstPermissions reports whether the server uses the first version of fine-grained permissions, which the feature
// admin-fine-grained-authz:v1 switches on. Without the feature the server answers 501 (measured on 26.4, 26.6 and
// 26.7).
func (c *Client) FirstPermissions(ctx context.Context) (bool, error) {
	var answer struct{}
	err := c.get(ctx, "read permissions of the first version", "/users-management-permissions", nil, &answer)
	if StatusOf(err) == http.StatusNotImplemented || KindOf(err) == NotFound {
		return false, nil
	}
	return err == nil, err
}
