package apptest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// Permitting switches on fine-grained admin permissions in the realm.
func (b Bridge) Permitting(t *testing.T, server keycloaktest.Server) {
	t.Helper()
	AdminSend(t, server, http.MethodPut, "/admin/realms/"+b.Realm, `{"adminPermissionsEnabled":true}`)
}

// UserPolicy makes a policy that applies to a user, and returns its id.
func (b Bridge) UserPolicy(t *testing.T, server keycloaktest.Server, name, user string) string {
	t.Helper()
	return b.Policy(t, server, "user", fmt.Sprintf(`"name":%q,"users":[%q]`, name, user))
}

// RolePolicy makes a policy that applies to the holders of a role, and returns its id.
func (b Bridge) RolePolicy(t *testing.T, server keycloaktest.Server, name, role string) string {
	t.Helper()
	return b.Policy(t, server, "role", fmt.Sprintf(`"name":%q,"roles":[{"id":%q}]`, name, role))
}

// Drop deletes a permission.
func (b Bridge) Drop(t *testing.T, server keycloaktest.Server, permission string) {
	t.Helper()
	AdminSend(t, server, http.MethodDelete, b.Authorization(t)+"/permission/scope/"+permission, "")
}

// Permit gives the bridge's account the permissions of docs/explanation/security.md, and denies it access to
// administrators.
func (b Bridge) Permit(t *testing.T, server keycloaktest.Server, account keycloak.UserID, admins ...keycloak.UserID) {
	t.Helper()
	var names []string
	for _, id := range admins {
		names = append(names, id.String())
	}
	nobody := b.MakeRole(t, server, "", "nobody")
	is := b.Policy(t, server, "user", `"name":"the bridge","users":["`+account.String()+`"]`)
	isNobody := b.Policy(t, server, "role", `"name":"nobody","roles":[{"id":"`+nobody.ID+`"}]`)
	b.Permission(t, server, `"name":"users","resourceType":"Users","scopes":["view","manage","manage-group-membership"]`, is)
	b.Permission(t, server, `"name":"groups","resourceType":"Groups","scopes":["view","manage","view-members","manage-members","manage-membership"]`, is)
	b.Permission(t, server, `"name":"administrators","resourceType":"Users","resources":["`+strings.Join(names, `","`)+`"],"scopes":`+userScopes, isNobody)
}

// WithoutManageUsers switches on fine-grained permissions and revokes manage-users from the bridge's account.
func (b Bridge) WithoutManageUsers(t *testing.T, server keycloaktest.Server) (account keycloak.UserID) {
	t.Helper()
	client, _, err := b.Admin.FindClient(t.Context(), "scim-bridge")
	if err == nil {
		account, err = b.Admin.ServiceAccount(t.Context(), client)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := Patient{b, server}
	p.Set(t, `{"adminPermissionsEnabled":true}`)
	p.Right(t, "manage-users", false)
	p.Right(t, "query-users", true)
	p.Right(t, "query-groups", true)
	return account
}

// userScopes are all scopes that a permission on a user can have.
const userScopes = `["view","manage","manage-group-membership","map-roles","impersonate","reset-password"]`

// Policy makes a policy of the realm's fine-grained permissions and returns its id.
func (b Bridge) Policy(t *testing.T, server keycloaktest.Server, kind, members string) string {
	t.Helper()
	return b.authorize(t, server, "/policy/"+kind, "{"+members+"}")
}

// Permission makes a permission that the policies grant, and returns its id.
func (b Bridge) Permission(t *testing.T, server keycloaktest.Server, members string, policies ...string) string {
	t.Helper()
	data, err := json.Marshal(append([]string{}, policies...))
	if err != nil {
		t.Fatal(err)
	}
	return b.authorize(t, server, "/permission/scope", "{"+members+`,"policies":`+string(data)+"}")
}

func (b Bridge) authorize(t *testing.T, server keycloaktest.Server, path, body string) (id string) {
	t.Helper()
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(AdminCall(t, server, http.MethodPost, b.Authorization(t)+path, body)), &made); err != nil {
		t.Fatal(err)
	}
	return made.ID
}

// Authorization is the path of the realm's fine-grained permissions in the Admin API.
func (b Bridge) Authorization(t *testing.T) string {
	t.Helper()
	client, _, err := b.Admin.FindClient(t.Context(), "admin-permissions")
	if err != nil {
		t.Fatal(err)
	}
	return "/admin/realms/" + b.Realm + "/clients/" + client.String() + "/authz/resource-server"
}

// AdminAs makes a call of the Admin API with a token that form requests, and returns the status.
func (b Bridge) AdminAs(t *testing.T, server keycloaktest.Server, form url.Values, call Request) int {
	t.Helper()
	status, answer := AskToken(t, server, b.Realm, form)
	if status != http.StatusOK {
		t.Fatalf("no token: %v", answer)
	}
	req, err := http.NewRequestWithContext(t.Context(), call.Method, server.URL+"/admin/realms/"+b.Realm+call.Path, strings.NewReader(call.Body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+answer["access_token"].(string))
	req.Header.Set("Content-Type", "application/json")
	status, _, _ = Exchange(t, req)
	return status
}

// GrantManagement grants a user a role of realm-management.
func GrantManagement(t *testing.T, admin *keycloak.Client, user, role string) {
	t.Helper()
	found, err := admin.FindRole(t.Context(), keycloak.RoleName{Client: keycloak.RealmManagement, Name: role})
	if err != nil {
		t.Fatal(err)
	}
	id, err := keycloak.ParseUserID(user)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.GrantRoles(t.Context(), id, []keycloak.Role{found}); err != nil {
		t.Fatal(err)
	}
}
