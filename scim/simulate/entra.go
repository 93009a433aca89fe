package simulate

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Entra plays Microsoft Entra ID without feature flags: operations in capitals,
// booleans as text, multi-operation PATCHes with paths, members with a null $ref.
func Entra(ctx context.Context, c *client.Client, prefix string, size Size, progress func(done, all int)) (Directory, error) {
	return run(ctx, c, entra{}, prefix, size, progress)
}

type entra struct{}

func (entra) name() string { return "entra" }

// connection searches a user who cannot exist: Entra expects an empty list, not a 404.
func (entra) connection() (string, bool) {
	return "/Users?filter=" + url.QueryEscape("userName eq "+client.Quote(rand.Text())), true
}

func (entra) deletes() bool { return true }

func (entra) findUser(u *User) (string, string) {
	return "userName eq " + client.Quote(u.UserName), ""
}

func (entra) newUser(u *User) map[string]any {
	return map[string]any{
		"schemas":    []string{scim.UserURN, scim.EnterpriseUserURN},
		"externalId": u.ExternalID, "userName": u.UserName, "active": u.Active,
		"displayName": u.GivenName + " " + u.FamilyName, "title": u.Title,
		"emails": []any{map[string]any{"primary": true, "type": "work", "value": u.Email}},
		"meta":   map[string]any{"resourceType": "User"},
		"name": map[string]any{
			"formatted": u.GivenName + " " + u.FamilyName, "familyName": u.FamilyName, "givenName": u.GivenName,
		},
		"roles":                []any{},
		scim.EnterpriseUserURN: map[string]any{"department": u.Department, "employeeNumber": u.ExternalID},
	}
}

func (entra) findGroup(g *Group) (string, string) {
	return "displayName eq " + client.Quote(g.Name), "excludedAttributes=members"
}

func (entra) newGroup(g *Group) map[string]any {
	return map[string]any{
		"schemas":    []string{scim.GroupURN, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"},
		"externalId": "group-" + g.Name, "displayName": g.Name,
		"meta": map[string]any{"resourceType": "Group"},
	}
}

// addMembers sends members in one operation, with Entra's null $ref.
func (entra) addMembers(ctx context.Context, c *client.Client, g *Group) error {
	var members []any
	for _, u := range g.Members {
		members = append(members, map[string]any{"$ref": nil, "value": u.id})
	}
	return patch(ctx, c, "/Groups/"+g.id, operation("Add", "members", members))
}

func (entra) change(ctx context.Context, c *client.Client, u *User) error {
	if _, err := c.Do(ctx, http.MethodGet, "/Users/"+u.id, nil); err != nil {
		return err
	}
	return patch(ctx, c, "/Users/"+u.id,
		operation("Replace", "title", u.Title),
		operation("Add", scim.EnterpriseUserURN+":department", u.Department),
	)
}

func (entra) disable(ctx context.Context, c *client.Client, u *User) error {
	return patch(ctx, c, "/Users/"+u.id, operation("Replace", "active", "False"))
}

func operation(op, path string, value any) map[string]any {
	return map[string]any{"op": op, "path": path, "value": value}
}

func patch(ctx context.Context, c *client.Client, path string, operations ...any) error {
	_, err := c.Do(ctx, http.MethodPatch, path, map[string]any{
		"schemas": []string{scim.PatchOpURN}, "Operations": operations,
	})
	return err
}
