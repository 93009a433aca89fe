package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestFineGrainedPermissions in the place of manage-users: Keycloak itself keeps who has the
// bridge's secret away from named administrators, and the bridge works. Without the
// permissions, when Keycloak shows empty lists, the tenant is unfit, and on 26.4 with them.
func TestFineGrainedPermissions(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := newBridgeOn(t, server, nil)
	at := "/admin/realms/" + b.realm
	boss := b.account(t, "boss", true)
	b.grant(t, boss, b.known(t, right("realm-admin")))
	bridge, _, err := b.admin.FindClient(t.Context(), "scim-bridge")
	if err != nil {
		t.Fatal(err)
	}
	account, err := b.admin.ServiceAccount(t.Context(), bridge)
	if err != nil {
		t.Fatal(err)
	}
	adminSend(t, server, http.MethodPut, at, `{"adminPermissionsEnabled":true}`)
	p := patient{b, server}
	p.right(t, "manage-users", false)
	p.right(t, "query-users", true)
	p.right(t, "query-groups", true)
	b.app.watcher.Look(t.Context())
	if problem := b.app.watcher.Tenants.All()[0].Fitness().Problem; !strings.Contains(problem, "lacks the realm-management role manage-users, and no fine-grained permission") {
		t.Errorf("without permissions the look finds %q", problem)
	}
	permissions, _, err := b.admin.FindClient(t.Context(), "admin-permissions")
	if err != nil {
		t.Fatal(err)
	}
	at += "/clients/" + permissions.String() + "/authz/resource-server"
	add := func(path string, body map[string]any) string {
		t.Helper()
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(adminCall(t, server, http.MethodPost, at+path, string(data))), &made); err != nil {
			t.Fatal(err)
		}
		return made.ID
	}
	is := add("/policy/user", map[string]any{"name": "the bridge", "users": []string{account.String()}})
	isNot := add("/policy/user", map[string]any{"name": "not the bridge", "users": []string{account.String()}, "logic": "NEGATIVE"})
	add("/permission/scope", map[string]any{"name": "users", "resourceType": "Users", "scopes": []string{"view", "manage", "manage-group-membership"}, "policies": []string{is}})
	add("/permission/scope", map[string]any{"name": "groups", "resourceType": "Groups", "scopes": []string{"view", "manage", "view-members", "manage-members", "manage-membership"}, "policies": []string{is}})
	add("/permission/scope", map[string]any{"name": "administrators", "resourceType": "Users", "resources": []string{boss.String()}, "scopes": []string{"view", "manage", "manage-group-membership"}, "policies": []string{isNot}})
	if keycloaktest.OlderThan("26.6") { // it does not let the account see itself
		b.app.watcher.Look(t.Context())
		b.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
		return
	}
	b.look(t)
	remembers := func([]string) ([]string, error) { return []string{"kept"}, nil }
	if err := realm.Remember(t.Context(), b.app.watcher.Realms.Client(b.realm), mapping.AttrRevoked, remembers); err != nil {
		t.Errorf("the bridge cannot remember: %v", err)
	}
	jane := b.create(t, "/Users", `{"userName":"jane","externalId":"J","title":"t"}`)
	group := b.create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+jane+`"}]}`)
	b.must(t, http.MethodPatch, "/Users/"+jane, patchBody(`{"op":"replace","path":"title","value":"t2"},{"op":"replace","path":"active","value":false}`))
	b.must(t, http.MethodPatch, "/Groups/"+group, patchBody(`{"op":"remove","path":"members[value eq \"`+jane+`\"]"}`))
	wantNames(t, "users", b.names(t, "/Users"), "jane")
	if found, err := b.Find(t.Context(), "/Users", `externalId eq "J"`, ""); err != nil || len(found) != 1 {
		t.Errorf("jane is found as %v, %v", found, err)
	}
	own := b.secretClient(t)
	name := "mine"
	if err := own.UpdateUser(t.Context(), boss, keycloak.UserUpdate{FirstName: &name}); keycloak.KindOf(err) != keycloak.Denied {
		t.Errorf("with the bridge's secret the administrator can be changed: %v", err)
	}
	if err := own.DeleteUser(t.Context(), boss); keycloak.KindOf(err) != keycloak.Denied {
		t.Errorf("with the bridge's secret the administrator can be deleted: %v", err)
	}
	b.refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"boss"}`)
	b.must(t, http.MethodDelete, "/Groups/"+group, "")
	b.must(t, http.MethodDelete, "/Users/"+jane, "")
}

// secretClient is Keycloak as who holds the bridge's secret sees it.
func (b testBridge) secretClient(t *testing.T) *keycloak.Client {
	t.Helper()
	clients, err := newClients(b.config, http.DefaultTransport, watch{})
	if err != nil {
		t.Fatal(err)
	}
	return clients[b.realm]
}
