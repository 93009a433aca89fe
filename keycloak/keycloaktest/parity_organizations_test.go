package keycloaktest_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	kct "github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// organizationsCaller is a service account with the rights that every version needs: manage-organizations since 26.7,
// manage-realm before that.
func (p *probe) organizationsCaller() *keycloak.Client {
	p.t.Helper()
	secret, err := p.r.AddClient(p.ctx, "organizer", []string{"manage-users", "view-realm", "manage-organizations", "manage-realm", "view-identity-providers", "view-events"})
	if err != nil {
		p.t.Fatalf("AddClient() = %v", err)
	}
	return p.r.As(p.t, keycloak.ClientSecret("organizer", secret))
}

func organizations(p *probe) {
	c := p.organizationsCaller()
	_, err := c.Organizations(p.ctx, 0, 0)
	p.err("Organizations, switched off", err)
	p.raw(http.MethodPut, "", `{"organizationsEnabled":true}`)
	made := func(label string, o keycloak.NewOrganization) keycloak.OrganizationID {
		id, err := c.CreateOrganization(p.ctx, o)
		p.know(id.String(), label)
		p.got("CreateOrganization "+label, id.String(), err)
		return id
	}
	acme := made("acme", keycloak.NewOrganization{Name: "Acme", Alias: "acme", Domains: []keycloak.Domain{{Name: "acme.test", Verified: true}}, Attributes: map[string][]string{"k": {"b", "a"}}})
	beta := made("beta", keycloak.NewOrganization{Name: "Beta", Alias: "beta-x"})
	made("of a name that is taken", keycloak.NewOrganization{Name: "Acme", Alias: "other"})
	made("of an alias that is taken", keycloak.NewOrganization{Name: "Other", Alias: "acme"})
	nothing, _ := keycloak.ParseOrganizationID("00000000-0000-0000-0000-000000000000")
	o, err := c.Organization(p.ctx, acme)
	p.got("Organization acme", o, err)
	_, err = c.Organization(p.ctx, nothing)
	p.err("Organization of none", err)
	list, err := c.Organizations(p.ctx, 0, 0)
	p.got("Organizations", list, err)
	list, err = c.Organizations(p.ctx, 1, 1)
	p.got("Organizations, a page", list, err)
	for _, alias := range []string{"acme", "ACME", "acm", "beta-x", `a" b:c`, "none"} {
		o, ok, err := c.FindOrganization(p.ctx, alias)
		p.got("FindOrganization "+alias, []any{o.Name, ok}, err)
	}
	_, err = p.c.Organization(p.ctx, acme)
	p.err("Organization without rights", err)
	for i, values := range [][]string{{"x", "y"}, {"z"}, nil} {
		p.err(fmt.Sprintf("SetOrganizationAttribute %d", i), c.SetOrganizationAttribute(p.ctx, acme, "scim.credentials", values))
		o, err := c.Organization(p.ctx, acme)
		p.got(fmt.Sprintf("Organization after SetOrganizationAttribute %d", i), o, err)
	}
	p.err("SetOrganizationAttribute of none", c.SetOrganizationAttribute(p.ctx, nothing, "k", nil))
	p.make("/identity-provider/instances", map[string]any{"alias": "corp", "providerId": "oidc", "enabled": true, "config": map[string]string{
		"clientId": "a", "clientSecret": "b", "tokenUrl": "http://127.0.0.1:1/t", "authorizationUrl": "http://127.0.0.1:1/a",
	}})
	p.make("/organizations/"+acme.String()+"/identity-providers", "corp")
	for _, alias := range []string{"corp", "nope", "a/b"} {
		for _, id := range []keycloak.OrganizationID{acme, beta, nothing} {
			has, err := c.OrganizationHasProvider(p.ctx, id, alias)
			p.got(fmt.Sprintf("OrganizationHasProvider %s of %s", alias, id), has, err)
		}
	}
	p.members(c, acme, beta, nothing)
	p.err("DeleteOrganization", c.DeleteOrganization(p.ctx, acme))
	p.err("DeleteOrganization again", c.DeleteOrganization(p.ctx, acme))
}

func (p *probe) members(c *keycloak.Client, acme, beta, nothing keycloak.OrganizationID) {
	var ids []keycloak.UserID
	for i := range 3 {
		ids = append(ids, p.user(keycloak.NewUser{Username: fmt.Sprintf("member%d", i), Email: fmt.Sprintf("m%d@acme.test", i), FirstName: "Same", Enabled: true}))
	}
	nobody, _ := keycloak.ParseUserID("00000000-0000-0000-0000-000000000000")
	for n, i := range []int{1, 0, 1} {
		p.err(fmt.Sprintf("AddOrganizationMember %d: %d", n, i), c.AddOrganizationMember(p.ctx, acme, ids[i]))
	}
	p.err("AddOrganizationMember to another", c.AddOrganizationMember(p.ctx, beta, ids[1]))
	p.err("AddOrganizationMember nobody", c.AddOrganizationMember(p.ctx, acme, nobody))
	p.err("AddOrganizationMember to none", c.AddOrganizationMember(p.ctx, nothing, ids[1]))
	p.err("AddOrganizationMember without rights", p.c.AddOrganizationMember(p.ctx, acme, ids[2]))
	for i, id := range append(ids, nobody) {
		u, err := c.OrganizationMember(p.ctx, acme, id)
		p.got(fmt.Sprintf("OrganizationMember %d", i), u, err)
		list, err := c.OrganizationsOf(p.ctx, id)
		p.got(fmt.Sprintf("OrganizationsOf %d", i), len(list), err)
	}
	_, err := c.OrganizationMember(p.ctx, nothing, ids[0])
	p.err("OrganizationMember of none", err)
	list, err := c.OrganizationMembers(p.ctx, acme, 0, 0)
	p.got("OrganizationMembers", list, err)
	list, err = c.OrganizationMembers(p.ctx, acme, 1, 5)
	p.got("OrganizationMembers, a page", list, err)
	for _, text := range []string{"member1", "MEMBER1", "m0@acme.test", "Same", "member", "nobody", `a"b`} {
		list, err = c.FindOrganizationMembers(p.ctx, acme, text, 0, 0)
		p.got("FindOrganizationMembers "+text, list, err)
	}
	list, err = c.FindOrganizationMembers(p.ctx, acme, "Same", 1, 1)
	p.got("FindOrganizationMembers, a page", list, err)
	n, err := c.CountOrganizationMembers(p.ctx, acme)
	p.got("CountOrganizationMembers", n, err)
	p.raw(http.MethodPut, "/users/"+ids[1].String(), `{"email":""}`)
	p.err("UpdateUser of a member, without an address", p.c.UpdateUser(p.ctx, ids[1], keycloak.UserUpdate{
		Username: new("member1"), Email: new(""), FirstName: new("Same"), LastName: new(""), Attributes: map[string][]string{},
	}))
	p.state("a member without an address", ids[1])
	p.raw(http.MethodPut, "/organizations/"+acme.String(), `{"name":"Acme 2","alias":"acme","enabled":false,"domains":[{"name":"acme.test","verified":true}]}`)
	p.raw(http.MethodPut, "/organizations/"+acme.String(), `{"name":"Acme 2","alias":"acme2","enabled":false}`)
	o, err := c.Organization(p.ctx, acme)
	p.got("Organization, disabled", o, err)
	p.err("RemoveOrganizationMember", c.RemoveOrganizationMember(p.ctx, acme, ids[0]))
	p.err("RemoveOrganizationMember again", c.RemoveOrganizationMember(p.ctx, acme, ids[0]))
	p.err("RemoveOrganizationMember nobody", c.RemoveOrganizationMember(p.ctx, acme, nobody))
	p.state("a user who left", ids[0])
	p.err("DeleteUser of a member", p.c.DeleteUser(p.ctx, ids[1]))
	n, err = c.CountOrganizationMembers(p.ctx, acme)
	p.got("CountOrganizationMembers, then", n, err)
}

// organizationGroups needs 26.6; older servers have no groups of organizations.
func organizationGroups(p *probe) {
	c := p.organizationsCaller()
	p.raw(http.MethodPut, "", `{"organizationsEnabled":true}`)
	made := func(o keycloak.NewOrganization) keycloak.OrganizationID {
		id, err := c.CreateOrganization(p.ctx, o)
		p.know(id.String(), o.Alias)
		p.err("CreateOrganization "+o.Alias, err)
		return id
	}
	acme, beta := made(keycloak.NewOrganization{Name: "acme", Alias: "acme"}), made(keycloak.NewOrganization{Name: "beta", Alias: "beta"})
	_, err := c.OrganizationGroups(p.ctx, acme, 0, 0)
	p.err("OrganizationGroups, none yet", err)
	if !kct.OlderThan("26.6") {
		p.organizationGroups(c, acme, beta)
	}
}

func (p *probe) organizationGroups(c *keycloak.Client, acme, beta keycloak.OrganizationID) {
	made := func(label string, g keycloak.NewGroup) keycloak.GroupID {
		id, err := c.CreateGroup(p.ctx, g)
		p.know(id.String(), label)
		p.got("CreateGroup "+label, id.String(), err)
		return id
	}
	top := acme.TopLevel()
	team := made("team", keycloak.NewGroup{Name: "team", Parent: top, Attributes: map[string][]string{"k": {"v"}}})
	slash := made("slash", keycloak.NewGroup{Name: "a/b", Parent: top, Attributes: map[string][]string{"k": {"V"}}})
	made("twice", keycloak.NewGroup{Name: "team", Parent: top})
	foreign := made("foreign", keycloak.NewGroup{Name: "team", Parent: beta.TopLevel()})
	ofRealm := p.group(keycloak.NewGroup{Name: "ofrealm"})
	p.raw(http.MethodPost, "/organizations/"+acme.String()+"/groups/"+team.String()+"/children", `{"name":"team of one"}`)
	var odd []keycloak.GroupID
	for _, name := range oddGroupNames() {
		odd = append(odd, made("odd "+name, keycloak.NewGroup{Name: name, Parent: top, Attributes: map[string][]string{"odd": {name}}}))
	}
	for _, name := range oddGroupNames() {
		list, err := c.Groups(p.ctx, keycloak.GroupQuery{In: acme, Search: name})
		p.got("Groups named "+name, slices.ContainsFunc(list, func(g keycloak.Group) bool { return g.Name == name }), err)
		list, err = c.Groups(p.ctx, keycloak.GroupQuery{In: acme, Attribute: &keycloak.AttributeQuery{Name: "odd", Value: name}})
		p.got("Groups with "+name, slices.ContainsFunc(list, func(g keycloak.Group) bool { return g.Name == name }), err)
	}
	for _, id := range odd {
		p.err("DeleteGroup "+id.String(), c.DeleteGroup(p.ctx, id))
	}
	list, err := c.OrganizationGroups(p.ctx, acme, 0, 0)
	p.groupsOf("OrganizationGroups", list, err)
	list, err = c.OrganizationGroups(p.ctx, acme, 1, 1)
	p.groupsOf("OrganizationGroups, a page", list, err)
	nested, err := c.Children(p.ctx, team, 0, 10)
	for _, g := range nested {
		p.know(g.ID, "nested")
	}
	p.groupsOf("Children", nested, err)
	for _, q := range []keycloak.GroupQuery{{Search: "TEAM"}, {Search: "none"}, {Attribute: &keycloak.AttributeQuery{Name: "k", Value: "v"}}} {
		q.In = acme
		list, err = c.Groups(p.ctx, q)
		p.groupsOf(fmt.Sprintf("Groups %q %v", q.Search, q.Attribute != nil), list, err)
	}
	under := func(label string, id string) {
		g, _ := acme.ParseGroupID(id)
		read, err := c.Group(p.ctx, g)
		p.got("Group "+label, read, err)
		_, err = c.Members(p.ctx, g, 0, 0)
		p.err("Members of "+label, err)
	}
	under("team", team.String())
	under("foreign", foreign.String())
	under("of the realm", ofRealm.String())
	under("none", "00000000-0000-0000-0000-000000000000")
	p.organizationGroupMembers(c, acme, team, foreign)
	read, err := c.Group(p.ctx, team)
	p.err("Group, to change", err)
	p.err("UpdateGroup to a name that is taken", c.UpdateGroup(p.ctx, read, keycloak.GroupUpdate{Name: new("a/b")}))
	p.err("UpdateGroup", c.UpdateGroup(p.ctx, read, keycloak.GroupUpdate{Name: new("Team"), Attributes: map[string][]string{"x": {"1", "2"}}}))
	read, err = c.Group(p.ctx, team)
	p.got("Group, changed", read, err)
	read.Organization = beta
	p.err("UpdateGroup by another organization", c.UpdateGroup(p.ctx, read, keycloak.GroupUpdate{Name: new("evil")}))
	elsewhere, _ := beta.ParseGroupID(slash.String())
	p.err("DeleteGroup by another organization", c.DeleteGroup(p.ctx, elsewhere))
	p.err("DeleteGroup", c.DeleteGroup(p.ctx, slash))
	p.err("DeleteGroup again", c.DeleteGroup(p.ctx, slash))
	root, _ := acme.ParseGroupID(read.ParentID)
	p.know(root.String(), "root")
	above, err := c.Group(p.ctx, root)
	p.got("Group of the root, parent", above.ParentID, err)
}

// oddGroupNames are names that look like patterns, or have outer blanks that a search cuts.
func oddGroupNames() []string {
	return []string{"a%b", "a_b", "a*b", " lead", "trail ", "%", "A_B", "\u00dcn\u00ef", `q"x`, "x  y"}
}

// groupsOf compares names and attributes. It leaves out roles, which Keycloak 26.6 does not always send.
func (p *probe) groupsOf(label string, list []keycloak.Group, err error) {
	var out []any
	for _, g := range list {
		out = append(out, g.ID, g.Name, g.Path, g.ParentID, g.Attributes, g.Organization)
	}
	p.got(label, out, err)
}

func (p *probe) organizationGroupMembers(c *keycloak.Client, acme keycloak.OrganizationID, team, foreign keycloak.GroupID) {
	in := p.user(keycloak.NewUser{Username: "insider", Enabled: true})
	out := p.user(keycloak.NewUser{Username: "outsider", Enabled: true})
	nobody, _ := keycloak.ParseUserID("00000000-0000-0000-0000-000000000000")
	p.err("AddOrganizationMember for a group", c.AddOrganizationMember(p.ctx, acme, in))
	elsewhere, _ := acme.ParseGroupID(foreign.String())
	for _, g := range []struct {
		label string
		id    keycloak.GroupID
	}{{"team", team}, {"foreign", elsewhere}} {
		p.err("AddMember in "+g.label, c.AddMember(p.ctx, in, g.id))
		p.err("AddMember again in "+g.label, c.AddMember(p.ctx, in, g.id))
		p.err("AddMember out "+g.label, c.AddMember(p.ctx, out, g.id))
		p.err("AddMember nobody "+g.label, c.AddMember(p.ctx, nobody, g.id))
		members, err := c.Members(p.ctx, g.id, 0, 0)
		p.got("Members "+g.label, len(members), err)
		p.err("RemoveMember out "+g.label, c.RemoveMember(p.ctx, out, g.id))
		p.err("RemoveMember nobody "+g.label, c.RemoveMember(p.ctx, nobody, g.id))
	}
	for i, id := range []keycloak.UserID{in, out, nobody} {
		list, err := c.OrganizationGroupsOf(p.ctx, acme, id)
		p.groupsOf(fmt.Sprintf("OrganizationGroupsOf %d", i), list, err)
	}
	list, err := c.UserGroups(p.ctx, in)
	p.got("UserGroups of a member of a group of an organization", len(list), err)
	ofRealm, _ := keycloak.ParseGroupID(team.String())
	_, err = c.Group(p.ctx, ofRealm)
	p.err("Group of an organization, as one of the realm", err)
	p.err("RemoveOrganizationMember of a group", c.RemoveOrganizationMember(p.ctx, acme, in))
	members, err := c.Members(p.ctx, team, 0, 0)
	p.got("Members, once the member left the organization", len(members), err)
}

// organizationEvents are the admin events about members and, from 26.6 on, groups.
func organizationEvents(p *probe) {
	start := time.Now().Add(-time.Minute)
	c := p.organizationsCaller()
	p.raw(http.MethodPut, "", `{"organizationsEnabled":true,"adminEventsEnabled":true}`)
	acme, err := c.CreateOrganization(p.ctx, keycloak.NewOrganization{Name: "Acme", Alias: "acme"})
	if err != nil {
		p.t.Fatal(err)
	}
	p.know(acme.String(), "acme")
	user := p.user(keycloak.NewUser{Username: "jane", Enabled: true})
	p.err("AddOrganizationMember", c.AddOrganizationMember(p.ctx, acme, user))
	p.err("AddOrganizationMember again", c.AddOrganizationMember(p.ctx, acme, user))
	if !kct.OlderThan("26.6") {
		group, err := c.CreateGroup(p.ctx, keycloak.NewGroup{Name: "team", Parent: acme.TopLevel()})
		if err != nil {
			p.t.Fatal(err)
		}
		p.know(group.String(), "team")
		p.err("AddMember", c.AddMember(p.ctx, user, group))
		g, err := c.Group(p.ctx, group)
		p.err("UpdateGroup", errors.Join(err, c.UpdateGroup(p.ctx, g, keycloak.GroupUpdate{Name: new("team2")})))
		p.err("RemoveMember", c.RemoveMember(p.ctx, user, group))
		p.err("DeleteGroup", c.DeleteGroup(p.ctx, group))
	}
	p.err("RemoveOrganizationMember", c.RemoveOrganizationMember(p.ctx, acme, user))
	p.events(c, start)
}
