package keycloaktest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// authorize creates a policy or a permission as the administrator, and returns its id.
func (p *probe) authorize(at, path, body string) string {
	p.t.Helper()
	status, _, answer := p.send(http.MethodPost, at+path, body, "application/json")
	var made struct{ ID, Name string }
	if err := json.Unmarshal(answer, &made); err != nil || status != http.StatusCreated {
		p.t.Fatalf("POST %s: %d %s", path, status, answer)
	}
	p.know(made.ID, made.Name)
	return made.ID
}

// permissions tests fine-grained admin permissions, and to which users they are given.
func permissions(p *probe) {
	first, err := p.c.FirstPermissions(p.ctx)
	p.got("FirstPermissions", first, err)
	before, err := p.c.RealmSettings(p.ctx)
	p.got("RealmSettings without permissions", before.AdminPermissionsClient, err)
	p.raw(http.MethodPut, "", `{"adminPermissionsEnabled":true}`)
	settings, err := p.c.RealmSettings(p.ctx)
	p.know(settings.AdminPermissionsClient.ID, "permissions")
	p.got("RealmSettings with permissions", fmt.Sprint(settings.AdminPermissionsEnabled, settings.AdminPermissionsClient), err)
	client, err := keycloak.ParseClientUUID(settings.AdminPermissionsClient.ID)
	if err != nil {
		p.t.Fatalf("ParseClientUUID() = %v", err)
	}
	caller := p.clientsCaller()
	clients, err := caller.Clients(p.ctx, 0, 100)
	p.got("Clients with policies", mapped(clients, func(c keycloak.ClientInfo) string { return fmt.Sprint(c.ClientID, c.ServiceAccount, c.Authorization) }), err)
	at := "/clients/" + client.String() + "/authz/resource-server"
	jane, joe := p.user(keycloak.NewUser{Username: "jane"}), p.user(keycloak.NewUser{Username: "joe"})
	team, gone := p.group(keycloak.NewGroup{Name: "team"}), p.group(keycloak.NewGroup{Name: "gone"})
	for _, name := range []string{"manager", "former"} {
		p.make("/roles", map[string]string{"name": name})
	}
	manager, former := p.role(keycloak.RoleName{Name: "manager"}), p.role(keycloak.RoleName{Name: "former"})
	users := p.authorize(at, "/policy/user", fmt.Sprintf(`{"name":"users","users":[%q,%q]}`, jane, joe))
	isNot := p.authorize(at, "/policy/user", fmt.Sprintf(`{"name":"is not","users":[%q],"logic":"NEGATIVE"}`, jane))
	groups := p.authorize(at, "/policy/group", fmt.Sprintf(`{"name":"groups","groups":[{"id":%q,"extendChildren":true},{"id":%q}]}`, team, gone))
	p.authorize(at, "/policy/group", fmt.Sprintf(`{"name":"claim","groupsClaim":"groups","groups":[{"id":%q}]}`, team))
	roles := p.authorize(at, "/policy/role", fmt.Sprintf(`{"name":"roles","roles":[{"id":%q},{"id":%q}]}`, manager.ID, former.ID))
	hours := p.authorize(at, "/policy/time", `{"name":"hours","notOnOrAfter":"2099-01-01 00:00:00"}`)
	p.authorize(at, "/permission/scope", fmt.Sprintf(`{"name":"all users","resourceType":"Users","scopes":["view","manage","reset-password"],"policies":[%q,%q]}`, users, isNot))
	p.authorize(at, "/permission/scope", fmt.Sprintf(`{"name":"one group","resourceType":"Groups","resources":[%q],"scopes":["view-members"],"policies":[%q,%q]}`, team, groups, roles))
	p.authorize(at, "/permission/scope", fmt.Sprintf(`{"name":"lone","resourceType":"Clients","scopes":["manage"],"policies":[%q]}`, hours))
	nobodys := p.authorize(at, "/permission/scope", `{"name":"for nobody","resourceType":"Roles","scopes":["map-role"],"policies":[]}`)
	p.listed(caller, client, "whole")
	page, err := caller.Policies(p.ctx, client, 1, 2)
	p.got("Policies, second page", mapped(page, func(o keycloak.Policy) string { return o.Name }), err)
	permissions, err := caller.Permissions(p.ctx, client, 1, 2)
	p.got("Permissions, second page", mapped(permissions, func(o keycloak.Permission) string { return o.Name }), err)
	_, err = caller.PermissionScopes(p.ctx, client, keycloak.Permission{ID: "nope"})
	p.got("PermissionScopes of nobody", keycloak.KindOf(err), nil)
	_, err = caller.PermissionPolicies(p.ctx, client, keycloak.Permission{ID: "a/b"})
	p.err("PermissionPolicies of no id", err)
	p.raw(http.MethodPost, at+"/policy/user", `{"name":"users","users":[]}`)
	p.raw(http.MethodPost, at+"/permission/scope", `{"name":"wrong","resourceType":"Users","scopes":["nope"],"policies":[]}`)
	p.raw(http.MethodDelete, at+"/policy/time/"+hours, "")
	if err := p.c.DeleteUser(p.ctx, joe); err != nil {
		p.t.Fatalf("DeleteUser() = %v", err)
	}
	if err := p.c.DeleteGroup(p.ctx, gone); err != nil {
		p.t.Fatalf("DeleteGroup() = %v", err)
	}
	p.raw(http.MethodDelete, "/roles/former", "")
	p.listed(caller, client, "after deletions")
	p.raw(http.MethodDelete, at+"/permission/scope/"+nobodys, "")
	for _, rights := range []string{"view-users", "query-users"} {
		secret, err := p.r.AddClient(p.ctx, "has-"+rights, []string{rights})
		if err != nil {
			p.t.Fatalf("AddClient() = %v", err)
		}
		_, err = p.r.As(p.t, keycloak.ClientSecret("has-"+rights, secret)).Policies(p.ctx, client, 0, 10)
		p.err("Policies with "+rights, err)
	}
	_, err = p.c.Permissions(p.ctx, client, 0, 10)
	p.err("Permissions without view-clients", err)
	p.raw(http.MethodPut, "", `{"adminPermissionsEnabled":false}`)
	settings, err = p.c.RealmSettings(p.ctx)
	p.got("RealmSettings, off again", fmt.Sprint(settings.AdminPermissionsEnabled, settings.AdminPermissionsClient), err)
}

// listed writes down all permissions and policies.
func (p *probe) listed(caller *keycloak.Client, client keycloak.ClientUUID, when string) {
	p.t.Helper()
	policies, err := caller.Policies(p.ctx, client, 0, 100)
	for _, policy := range policies {
		slices.Sort(policy.Users) // Keycloak keeps no order
		slices.Sort(policy.Roles)
		slices.SortFunc(policy.Groups, func(a, b keycloak.PolicyGroup) int { return len(fmt.Sprint(a)) - len(fmt.Sprint(b)) })
	}
	p.got("Policies, "+when, len(policies), err)
	for _, policy := range policies {
		p.got("policy "+policy.Name+", "+when, fmt.Sprint(policy.Type, policy.Negative, policy.GroupsClaim, len(policy.Users), len(policy.Roles), policy.Groups), nil)
	}
	permissions, err := caller.Permissions(p.ctx, client, 0, 100)
	p.got("Permissions, "+when, permissions, err)
	for _, one := range permissions {
		scopes, err := caller.PermissionScopes(p.ctx, client, one)
		slices.Sort(scopes)
		p.got("PermissionScopes of "+one.Name+", "+when, scopes, err)
		ids, err := caller.PermissionPolicies(p.ctx, client, one)
		slices.Sort(ids)
		p.got("PermissionPolicies of "+one.Name+", "+when, len(ids), err)
	}
}
