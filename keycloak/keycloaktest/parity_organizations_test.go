package keycloaktest_test

import (
	"fmt"
	"net/http"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// organizationsCaller is a service account with the rights that any version needs: the role
// manage-organizations came with 26.7, before it manage-realm is needed.
func (p *probe) organizationsCaller() *keycloak.Client {
	p.t.Helper()
	secret, err := p.r.AddClient(p.ctx, "organizer", []string{"manage-users", "view-realm", "manage-organizations", "manage-realm"})
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
	p.members(c, acme, beta, nothing)
	p.err("DeleteOrganization", c.DeleteOrganization(p.ctx, acme))
	p.err("DeleteOrganization again", c.DeleteOrganization(p.ctx, acme))
}

func (p *probe) members(c *keycloak.Client, acme, beta, nothing keycloak.OrganizationID) {
	var ids []keycloak.UserID
	for i := range 3 {
		ids = append(ids, p.user(keycloak.NewUser{Username: fmt.Sprintf("member%d", i), Email: fmt.Sprintf("m%d@acme.test", i), Enabled: true}))
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
	n, err := c.CountOrganizationMembers(p.ctx, acme)
	p.got("CountOrganizationMembers", n, err)
	p.err("RemoveOrganizationMember", c.RemoveOrganizationMember(p.ctx, acme, ids[0]))
	p.err("RemoveOrganizationMember again", c.RemoveOrganizationMember(p.ctx, acme, ids[0]))
	p.err("RemoveOrganizationMember nobody", c.RemoveOrganizationMember(p.ctx, acme, nobody))
	p.state("a user who left", ids[0])
	p.err("DeleteUser of a member", p.c.DeleteUser(p.ctx, ids[1]))
	n, err = c.CountOrganizationMembers(p.ctx, acme)
	p.got("CountOrganizationMembers, then", n, err)
}
