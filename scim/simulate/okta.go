package simulate

import (
	"context"
	"net/http"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Okta plays Okta's catalogue app: PUT for profiles, path-less PATCH for active,
// PATCH for groups, a random password in every POST, never a DELETE of a user.
func Okta(ctx context.Context, c *client.Client, prefix string, size Size, progress func(done, all int)) (Directory, error) {
	return run(ctx, c, okta{}, prefix, size, progress)
}

type okta struct{}

func (okta) name() string { return "okta" }

func (okta) connection() (string, bool) { return "/Users?startIndex=1&count=2", false }

func (okta) deletes() bool { return false }

func (okta) findUser(u *User) (string, string) {
	return "userName eq " + client.Quote(u.UserName), "startIndex=1&count=100"
}

func (okta) newUser(u *User) map[string]any {
	return map[string]any{
		"schemas":  []string{scim.UserURN},
		"userName": u.UserName, "externalId": u.ExternalID, "active": u.Active,
		"name":        map[string]any{"givenName": u.GivenName, "familyName": u.FamilyName},
		"emails":      []any{map[string]any{"primary": true, "value": u.Email, "type": "work"}},
		"displayName": u.GivenName + " " + u.FamilyName, "locale": "en-US", "title": u.Title,
		"groups": []any{}, "password": "1mz050nq",
		scim.EnterpriseUserURN: map[string]any{"department": u.Department},
	}
}

func (okta) findGroup(g *Group) (string, string) {
	return "displayName eq " + client.Quote(g.Name), "startIndex=1&count=100"
}

func (okta) newGroup(g *Group) map[string]any {
	return map[string]any{"schemas": []string{scim.GroupURN}, "displayName": g.Name, "members": []any{}}
}

// addMembers also sends the name, as Okta does with every change of members.
func (okta) addMembers(ctx context.Context, c *client.Client, g *Group) error {
	var members []any
	for _, u := range g.Members {
		members = append(members, map[string]any{"value": u.id, "display": u.UserName})
	}
	return patch(ctx, c, "/Groups/"+g.id,
		map[string]any{"op": "replace", "value": map[string]any{"id": g.id, "displayName": g.Name}},
		operation("add", "members", members),
	)
}

// change reads the user, changes it and sends it back with PUT.
func (okta) change(ctx context.Context, c *client.Client, u *User) error {
	object, err := c.Do(ctx, http.MethodGet, "/Users/"+u.id, nil)
	if err != nil {
		return err
	}
	object["title"] = u.Title
	object[scim.EnterpriseUserURN] = map[string]any{"department": u.Department}
	_, err = c.Do(ctx, http.MethodPut, "/Users/"+u.id, object)
	return err
}

func (okta) disable(ctx context.Context, c *client.Client, u *User) error {
	return patch(ctx, c, "/Users/"+u.id, map[string]any{"op": "replace", "value": map[string]any{"active": false}})
}
