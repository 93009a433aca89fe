package apptest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// AdminPut writes to Keycloak as its administrator, without the bridge.
func AdminPut(t *testing.T, server keycloaktest.Server, path, body string) {
	t.Helper()
	AdminSend(t, server, http.MethodPut, path, body)
}

// AdminSend makes a call of Keycloak's Admin API that has to succeed.
func AdminSend(t *testing.T, server keycloaktest.Server, method, path, body string) {
	t.Helper()
	AdminCall(t, server, method, path, body)
}

// AdminCall is AdminSend that returns the answer.
func AdminCall(t *testing.T, server keycloaktest.Server, method, path, body string) string {
	t.Helper()
	return AdminRequest(t, server, method, path, "application/json", body)
}

// AdminRequest is AdminCall with a body of any type.
func AdminRequest(t *testing.T, server keycloaktest.Server, method, path, contentType, body string) string {
	t.Helper()
	_, admin := AskToken(t, server, "master", url.Values{
		"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {server.Admin}, "password": {server.Password},
	})
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", fmt.Sprint("Bearer ", admin["access_token"]))
	req.Header.Set("Content-Type", contentType)
	status, _, answer := Exchange(t, req)
	if status >= http.StatusMultipleChoices {
		t.Fatalf("%s %s = %d %s", method, path, status, answer)
	}
	return answer
}

// MakeRole makes a role that contains other roles. The role belongs to the realm, or to a new client when of is set.
func (b Bridge) MakeRole(t *testing.T, server keycloaktest.Server, of, name string, within ...keycloak.RoleName) keycloak.Role {
	t.Helper()
	at, in := "/admin/realms/"+b.Realm, keycloak.ClientInfo{}
	if of != "" {
		id, err := b.Admin.CreateClient(t.Context(), of, "")
		if err != nil {
			t.Fatal(err)
		}
		at, in = at+"/clients/"+id.String(), keycloak.ClientInfo{UUID: id, ClientID: of}
	}
	AdminSend(t, server, http.MethodPost, at+"/roles", fmt.Sprintf(`{"name":%q}`, name))
	roles, err := b.Admin.Roles(t.Context(), in)
	i := slices.IndexFunc(roles, func(r keycloak.Role) bool { return r.Name == name })
	if err != nil || i < 0 {
		t.Fatalf("the roles are %v, %v", roles, err)
	}
	b.Compose(t, server, roles[i], within...)
	return roles[i]
}

// KnownRole returns an existing role.
func (b Bridge) KnownRole(t *testing.T, n keycloak.RoleName) keycloak.Role {
	t.Helper()
	r, err := b.Admin.FindRole(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Compose adds roles to a composite role, also roles of administrators.
func (b Bridge) Compose(t *testing.T, server keycloaktest.Server, into keycloak.Role, what ...keycloak.RoleName) {
	t.Helper()
	roles := []keycloak.Role{}
	for _, n := range what {
		roles = append(roles, b.KnownRole(t, n))
	}
	data, err := json.Marshal(roles)
	if err != nil {
		t.Fatal(err)
	}
	AdminSend(t, server.WithAllRealms(), http.MethodPost, "/admin/realms/"+b.Realm+"/roles-by-id/"+into.ID+"/composites", string(data))
}

// Grant gives a role to a user or a group, also a role of the realm's administrators.
func (b Bridge) Grant(t *testing.T, h keycloak.RoleHolder, r keycloak.Role) {
	t.Helper()
	if err := adminOf(t, b.Server.WithAllRealms(), b.Realm).GrantRoles(t.Context(), h, []keycloak.Role{r}); err != nil {
		t.Fatal(err)
	}
}

// UserID parses the id of a user.
func UserID(t *testing.T, text string) keycloak.UserID {
	t.Helper()
	id, err := keycloak.ParseUserID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// ManagementRole is a role of realm-management.
func ManagementRole(name string) keycloak.RoleName {
	return keycloak.RoleName{Client: "realm-management", Name: name}
}

// ProtectListed protects the user the-list and the group /listed in the configuration of every realm.
func ProtectListed(c *config.Config) {
	for name, r := range c.Realms {
		r.Protected = config.Protected{Users: []string{"the-list"}, Groups: []config.GroupPath{"/listed"}}
		c.Realms[name] = r
	}
}

// ManagementClient returns the UUID of the client realm-management.
func (b Bridge) ManagementClient(t *testing.T) keycloak.ClientUUID {
	t.Helper()
	id, err := b.Admin.ManagementClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// AdminGet reads from Keycloak's Admin API.
func AdminGet(t *testing.T, server keycloaktest.Server, path string) string {
	t.Helper()
	return AdminCall(t, server, http.MethodGet, path, "")
}
