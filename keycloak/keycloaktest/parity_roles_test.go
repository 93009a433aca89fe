package keycloaktest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// make sends a POST as the administrator, and stops the test when it is refused.
func (p *probe) make(path string, body any) {
	p.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		p.t.Fatalf("encode: %v", err)
	}
	if status, _, answer := p.send(http.MethodPost, path, string(data), "application/json"); status >= http.StatusMultipleChoices {
		p.t.Fatalf("POST %s: %d %s", path, status, answer)
	}
}

func (p *probe) role(n keycloak.RoleName) keycloak.Role {
	p.t.Helper()
	r, err := p.admin.FindRole(p.ctx, n)
	p.know(r.ID, "role "+n.String())
	p.know(r.ContainerID, "container of "+n.String())
	p.got("FindRole "+n.String(), r, err)
	return r
}

// clientsCaller is a service account that may also see clients.
func (p *probe) clientsCaller() *keycloak.Client {
	p.t.Helper()
	secret, err := p.r.AddClient(p.ctx, "sees-clients", []string{"manage-users", "view-realm", "view-clients"})
	if err != nil {
		p.t.Fatalf("AddClient() = %v", err)
	}
	return p.r.As(p.t, keycloak.ClientSecret("sees-clients", secret))
}

func roles(p *probe) {
	shop, err := p.admin.CreateClient(p.ctx, "shop", "")
	if err != nil {
		p.t.Fatalf("CreateClient() = %v", err)
	}
	management, err := p.admin.ManagementClient(p.ctx)
	p.know(management.String(), "realm-management")
	p.got("ManagementClient", management.String(), err)
	administers := func(r keycloak.Role) bool { return r.ContainerID == management.String() }
	for _, name := range []string{"app user", "outer", "inner"} {
		p.make("/roles", map[string]string{"name": name})
	}
	p.make("/clients/"+shop.String()+"/roles", map[string]string{"name": "editor"})
	app, editor := p.role(keycloak.RoleName{Name: "app user"}), p.role(keycloak.RoleName{Client: "shop", Name: "editor"})
	outer, inner := p.role(keycloak.RoleName{Name: "outer"}), p.role(keycloak.RoleName{Name: "inner"})
	admin := p.role(keycloak.RoleName{Client: "realm-management", Name: "manage-users"})
	everybody, err := p.admin.FindRole(p.ctx, keycloak.RoleName{Name: "default-roles-" + p.r.Name.String()})
	p.got("FindRole of the default roles", everybody.Composite, err)
	for _, name := range []string{"manage-users", "manage-nothing"} {
		has, err := p.admin.HasManagementRole(p.ctx, name)
		p.got("HasManagementRole "+name, has, err)
	}
	for _, n := range []keycloak.RoleName{{Name: "nope"}, {Name: "a/b"}, {Client: "nope", Name: "editor"}, {Client: "shop", Name: "nope"}} {
		_, err := p.admin.FindRole(p.ctx, n)
		p.err("FindRole "+n.String(), err)
	}
	p.make("/roles-by-id/"+outer.ID+"/composites", []keycloak.Role{inner, editor})
	p.make("/roles-by-id/"+inner.ID+"/composites", []keycloak.Role{outer, admin}) // in a circle
	caller := p.clientsCaller()
	for _, r := range []keycloak.Role{app, editor, outer, inner, admin} {
		role, right, ok, err := caller.Administers(p.ctx, administers, []keycloak.Role{app, r})
		p.got("Administers "+r.Name, []any{role.Name, right, ok}, err)
		_, _, _, err = p.c.Administers(p.ctx, administers, []keycloak.Role{r})
		p.err("Administers "+r.Name+" without view-clients", err)
	}
	user, group := p.user(keycloak.NewUser{Username: "jdoe"}), p.group(keycloak.NewGroup{Name: "group"})
	p.mappings("user", caller, user, app, editor)
	p.mappings("group", caller, group, app, editor)
	for i, c := range []*keycloak.Client{caller, p.c} {
		label := []string{"", " without view-clients"}[i]
		names, err := c.UserRoles(p.ctx, user)
		p.got("UserRoles"+label, names, err)
		g, err := c.Group(p.ctx, group)
		p.got("Group"+label, g.Roles, err)
	}
	p.err("GrantRoles that administer", p.c.GrantRoles(p.ctx, user, []keycloak.Role{outer}))
	nobody, _ := keycloak.ParseUserID("00000000-0000-0000-0000-000000000000")
	p.err("GrantRoles to nobody", p.c.GrantRoles(p.ctx, nobody, []keycloak.Role{app}))
	_, err = p.c.UserRoles(p.ctx, nobody)
	p.err("UserRoles of nobody", err)
	status, _, _ := p.send(http.MethodDelete, "/roles/app%20user", "", "")
	p.got("delete a role", status, nil)
	p.err("GrantRoles of a role that is gone", p.c.GrantRoles(p.ctx, user, []keycloak.Role{app}))
	p.err("RevokeRoles of a role that is gone", p.c.RevokeRoles(p.ctx, user, []keycloak.Role{app}))
	p.err("GrantRoles of a client that is gone", p.c.GrantRoles(p.ctx, user, []keycloak.Role{{ID: editor.ID, Name: "editor", ClientRole: true, ContainerID: "00000000-0000-0000-0000-000000000000"}}))
	p.err("GrantRoles of two clients", p.c.GrantRoles(p.ctx, user, []keycloak.Role{inner, editor}))
}

func (p *probe) mappings(label string, c *keycloak.Client, h keycloak.RoleHolder, realm, client keycloak.Role) {
	p.err(label+" GrantRoles of none", c.GrantRoles(p.ctx, h, nil))
	for _, r := range []keycloak.Role{realm, client} {
		one := []keycloak.Role{r}
		p.err(label+" RevokeRoles before, "+r.Name, c.RevokeRoles(p.ctx, h, one))
		p.err(label+" GrantRoles "+r.Name, c.GrantRoles(p.ctx, h, one))
		p.err(label+" GrantRoles again, "+r.Name, c.GrantRoles(p.ctx, h, one))
		p.err(label+" RevokeRoles "+r.Name, c.RevokeRoles(p.ctx, h, one))
		p.err(label+" GrantRoles anew, "+r.Name, c.GrantRoles(p.ctx, h, one))
	}
}

func links(p *probe) {
	p.make("/identity-provider/instances", map[string]any{"alias": "corp", "providerId": "oidc", "enabled": true, "config": map[string]string{
		"clientId": "a", "clientSecret": "b", "tokenUrl": "http://127.0.0.1:1/t", "authorizationUrl": "http://127.0.0.1:1/a",
	}})
	for _, alias := range []string{"corp", "nope", "a/b"} {
		has, err := p.admin.HasIdentityProvider(p.ctx, alias)
		p.got("HasIdentityProvider "+alias, has, err)
	}
	find := func(label, id string) {
		found, err := p.c.Users(p.ctx, keycloak.UserQuery{Link: &keycloak.Link{IdentityProvider: "corp", UserID: id}})
		var names []string
		for _, u := range found {
			names = append(names, u.Username)
		}
		p.got(label, names, err)
	}
	find("a link before", "sub 1&x")
	for i, l := range []keycloak.Link{
		{IdentityProvider: "corp", UserID: "sub 1&x", UserName: "n"},
		{IdentityProvider: "nope", UserID: "sub 1&x"},
		{IdentityProvider: "corp", UserID: "sub 1&x", UserName: "other"},
		{IdentityProvider: "corp", UserID: "SUB 1&X"},
	} {
		id := p.user(keycloak.NewUser{Username: fmt.Sprint("linked", i), Enabled: true, Link: &l})
		p.raw(http.MethodGet, "/users/"+id.String()+"/federated-identity", "")
	}
	find("a link of two", "sub 1&x")
	late := p.user(keycloak.NewUser{Username: "late", Enabled: true})
	for _, l := range []keycloak.Link{
		{IdentityProvider: "corp", UserID: "sub 1&x", UserName: "n"},
		{IdentityProvider: "corp", UserID: "sub 1&x", UserName: "n"},
		{IdentityProvider: "corp", UserID: "sub 2"},
		{IdentityProvider: "nope", UserID: "sub 1&x"},
		{IdentityProvider: "a/b", UserID: "sub 1&x"},
		{IdentityProvider: "corp", UserID: "a\x00"},
	} {
		p.err(fmt.Sprintf("AddLink %s %q %d", l.IdentityProvider, l.UserID, len(p.entries)), p.c.AddLink(p.ctx, late, l))
	}
	have, err := p.c.Links(p.ctx, late)
	p.got("Links", have, err)
	find("a link of three", "sub 1&x")
	find("a link of another case", "SUB 1&X")
	find("a link of nobody", "sub")
	_, err = p.c.CreateUser(p.ctx, keycloak.NewUser{Username: "nul", Link: &keycloak.Link{IdentityProvider: "corp", UserID: "a\x00"}})
	p.err("a link with NUL", err)
}

// administrators tests which users have rights of the Admin API, in every way.
func administrators(p *probe) {
	shop, err := p.admin.CreateClient(p.ctx, "shop", "")
	if err != nil {
		p.t.Fatalf("CreateClient() = %v", err)
	}
	management, err := p.admin.ManagementClient(p.ctx)
	if err != nil {
		p.t.Fatalf("ManagementClient() = %v", err)
	}
	for path, name := range map[string]string{"/roles": "super user", "/clients/" + shop.String() + "/roles": "boss"} {
		p.make(path, map[string]string{"name": name})
	}
	right := map[string]keycloak.Role{}
	for _, name := range []string{"view-events", "manage-users", "view-users"} {
		right[name] = p.role(keycloak.RoleName{Client: "realm-management", Name: name})
	}
	super, boss := p.role(keycloak.RoleName{Name: "super user"}), p.role(keycloak.RoleName{Client: "shop", Name: "boss"})
	p.make("/roles-by-id/"+super.ID+"/composites", []keycloak.Role{right["view-events"]})
	p.make("/roles-by-id/"+boss.ID+"/composites", []keycloak.Role{super})
	parent := p.group(keycloak.NewGroup{Name: "parent"})
	child := p.group(keycloak.NewGroup{Name: "child", Parent: parent})
	grants := []struct {
		holder keycloak.RoleHolder
		role   keycloak.Role
	}{
		{p.user(keycloak.NewUser{Username: "direct"}), right["manage-users"]},
		{p.user(keycloak.NewUser{Username: "by-realm-role"}), super},
		{p.user(keycloak.NewUser{Username: "by-client-role"}), boss},
		{parent, right["view-users"]},
	}
	for _, g := range grants {
		if err := p.admin.GrantRoles(p.ctx, g.holder, []keycloak.Role{g.role}); err != nil {
			p.t.Fatalf("GrantRoles() = %v", err)
		}
	}
	users := map[string]keycloak.UserID{"in-parent": p.user(keycloak.NewUser{Username: "in-parent"}), "in-child": p.user(keycloak.NewUser{Username: "in-child"}), "plain": p.user(keycloak.NewUser{Username: "plain"})}
	for name, group := range map[string]keycloak.GroupID{"in-parent": parent, "in-child": child} {
		if err := p.c.AddMember(p.ctx, users[name], group); err != nil {
			p.t.Fatalf("AddMember() = %v", err)
		}
	}
	for i, name := range []string{"direct", "by-realm-role", "by-client-role"} {
		users[name], _ = grants[i].holder.(keycloak.UserID)
	}
	caller := p.clientsCaller()
	for _, role := range []string{"manage-users", "view-users", "view-realm"} {
		secret, err := p.r.AddClient(p.ctx, "has-"+role, []string{role})
		if err != nil {
			p.t.Fatalf("AddClient() = %v", err)
		}
		manages, err := p.r.As(p.t, keycloak.ClientSecret("has-"+role, secret)).ManagesUsers(p.ctx)
		p.got("ManagesUsers with "+role, manages, err)
	}
	for _, name := range []string{"direct", "by-realm-role", "by-client-role", "in-parent", "in-child", "plain"} {
		list, err := caller.EffectiveRoles(p.ctx, users[name], management)
		p.got("EffectiveRoles of "+name, list, err)
	}
	_, err = caller.EffectiveRoles(p.ctx, users["plain"], keycloak.ClientUUID{})
	p.got("EffectiveRoles of no client", err != nil, nil)
	_, err = p.c.EffectiveRoles(p.ctx, users["plain"], management)
	p.err("EffectiveRoles without view-clients", err)
	p.holders(caller, super, boss, right["manage-users"], right["view-users"])
	p.containers(caller, boss)
}

// holders lists the users and groups that have roles.
func (p *probe) holders(caller *keycloak.Client, roles ...keycloak.Role) {
	p.t.Helper()
	name := func(u keycloak.User) string { return u.Username }
	group := func(g keycloak.Group) string { return g.Path }
	for _, r := range roles {
		users, err := caller.RoleUsers(p.ctx, r, 0, 10)
		p.got("RoleUsers of "+r.Name, mapped(users, name), err)
		groups, err := caller.RoleGroups(p.ctx, r, 0, 10)
		p.got("RoleGroups of "+r.Name, mapped(groups, group), err)
	}
	users, err := caller.RoleUsers(p.ctx, roles[0], 1, 1)
	p.got("RoleUsers, second page", mapped(users, name), err)
	_, err = p.c.RoleUsers(p.ctx, roles[1], 0, 10)
	p.err("RoleUsers without view-clients", err)
	_, err = p.c.RoleGroups(p.ctx, roles[1], 0, 10)
	p.err("RoleGroups without view-clients", err)
	for _, name := range []string{"nope", "a/b"} {
		_, err = caller.RoleUsers(p.ctx, keycloak.Role{Name: name}, 0, 10)
		p.err("RoleUsers of "+name, err)
		_, err = caller.RoleGroups(p.ctx, keycloak.Role{Name: name}, 0, 10)
		p.err("RoleGroups of "+name, err)
	}
}

// containers lists clients and their roles, the roles in a role, and default groups.
func (p *probe) containers(caller *keycloak.Client, boss keycloak.Role) {
	p.t.Helper()
	of := func(r keycloak.Role) string { return fmt.Sprint(r, r.Composite) }
	clients, err := caller.Clients(p.ctx, 0, 100)
	p.got("Clients", mapped(clients, func(c keycloak.ClientInfo) string { return fmt.Sprint(c.ClientID, c.ServiceAccount) }), err)
	second, err := caller.Clients(p.ctx, 1, 1)
	p.got("Clients, second page", mapped(second, func(c keycloak.ClientInfo) string { return c.ClientID }), err)
	_, err = p.c.Clients(p.ctx, 0, 100)
	p.err("Clients without view-clients", err)
	list, err := p.c.Roles(p.ctx, keycloak.ClientInfo{})
	p.got("Roles of the realm", slices.Sorted(slices.Values(mapped(list, of))), err) // in no order
	for _, c := range clients {
		if c.ClientID == "shop" {
			list, err = caller.Roles(p.ctx, c)
			p.got("Roles of shop", mapped(list, of), err)
			_, err = p.c.Roles(p.ctx, c)
			p.err("Roles of shop without view-clients", err)
		}
	}
	list, err = caller.Composites(p.ctx, boss)
	p.got("Composites", mapped(list, of), err)
	for _, label := range []string{"none", "one"} {
		groups, err := p.c.DefaultGroups(p.ctx)
		p.got("DefaultGroups, "+label, mapped(groups, func(g keycloak.Group) string { return g.Path }), err)
		id := p.group(keycloak.NewGroup{Name: "everybody" + label})
		status, _, _ := p.send(http.MethodPut, "/default-groups/"+id.String(), "", "")
		p.got("add a default group after "+label, status, nil)
	}
}

func mapped[T any](list []T, of func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = of(v)
	}
	return out
}
