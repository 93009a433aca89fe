package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestTheRemediesOfAnOrganization that has an entry in tenants.
func TestTheRemediesOfAnOrganization(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	realm, admin := apptest.NewEmptyRealm(t, server)
	apptest.AdminSend(t, server, http.MethodPut, "/admin/realms/"+realm, `{"organizationsEnabled":true}`)
	apptest.AddProvider(t, server, realm, "corp")
	domains := []keycloak.Domain{{Name: "acme.test", Verified: true}}
	id, err := admin.CreateOrganization(t.Context(), keycloak.NewOrganization{Name: "acme", Alias: "acme", Domains: domains})
	if err != nil {
		t.Fatal(err)
	}
	at := "/organizations/" + id.String()
	about := func(enabled, verified bool, attributes string) string {
		return fmt.Sprintf(`{"name":"acme","alias":"acme","enabled":%t,"domains":[{"name":"acme.test","verified":%t}],"attributes":{%s}}`, enabled, verified, attributes)
	}
	apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+realm+at+"/identity-providers", `"corp"`)
	parent := ""
	if _, err := admin.OrganizationGroups(t.Context(), id, 0, 1); err != nil { // before 26.6
		apptest.Bridge{Server: server, Admin: admin, Realm: realm}.MakeGroup(t, "of-acme", keycloak.GroupID{})
		parent = ", parent: /of-acme"
	}
	file := apptest.MappingFile(t, "version: 1\nusers: { link: { identityProvider: corp, userId: userName } }\ngroups: { unmapped: keep"+parent+" }\n")
	flags := []string{"--organization", "acme", "--allow-manage-realm", "--mapping", file}
	p := apptest.Patient{Bridge: apptest.Bridge{File: apptest.RunSetup(t, server, realm, flags...).Config, Realm: realm, Admin: admin}, Server: server}
	list := []remedy{
		{name: "Organizations off", provoke: theRealm(`{"organizationsEnabled":false}`), check: "organization", text: "Organizations are disabled", says: []string{"enable Organizations in the realm's settings"}, byHand: theRealm(`{"organizationsEnabled":true}`)},
		{name: "the organization off", provoke: adminDoes(http.MethodPut, at, about(false, true, "")), check: "organization", text: "is disabled", says: []string{"enable the organization in Keycloak"}, byHand: adminDoes(http.MethodPut, at, about(true, true, ""))},
		{name: "no verified domain", provoke: adminDoes(http.MethodPut, at, about(true, false, "")), check: "organization", text: "no verified domain"},
		{
			name: "no verified domain, any taken", provoke: adminDoes(http.MethodPut, at, about(true, false, "")), check: "organization", text: "no verified domain", says: []string{"or set domains: any for it in the configuration"},
			byHand: func(t *testing.T, p apptest.Patient) {
				t.Helper()
				inFile("config.yaml", "      - tokensFile:", "      - domains: any\n        tokensFile:")(t, p)
				if ill := illness(p.FindingsAt(t, "")); len(ill) > 0 {
					t.Errorf("with domains: any doctor says %+v", ill)
				}
			},
		},
		{name: "a provider of nobody", provoke: adminDoes(http.MethodDelete, at+"/identity-providers/corp", ""), check: "identity provider", text: "does not belong to the organization", says: []string{"add it to the organization in Keycloak"}, byHand: adminDoes(http.MethodPost, at+"/identity-providers", `"corp"`)},
		{name: "another alias", provoke: inFile("config.yaml", `organization: "acme"`, `organization: "typo"`), check: "organization", text: `has the alias "acme" and not "typo"`, says: []string{"write the right alias or the right id into the configuration"}, byHand: inFile("config.yaml", `organization: "typo"`, `organization: "acme"`)},
	}
	if least, err := admin.HasManagementRole(t.Context(), "manage-organizations"); err == nil && least {
		list = append(list, remedy{name: "a missing right", provoke: theRight("manage-organizations", false), check: "rights", text: "manage-organizations"})
	}
	if parent == "" {
		list = append(list, remedy{
			name: "roles of groups without effect", provoke: func(t *testing.T, p apptest.Patient) {
				t.Helper()
				apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+realm+"/roles", `{"name":"staff"}`)
				inMapping(file, "groups: { unmapped: keep", "grantableRoles: [staff]\ngroups: { roles: { Sales: [staff] }, unmapped: keep")(t, p)
			}, check: "groups", text: "groups.roles of the mapping has no effect", says: []string{"grant the roles by users.roles"},
			byHand: both(inMapping(file, "groups: { roles: { Sales: \\[staff\\] }, ", "groups: { "), inMapping(file, "userId: userName }", `userId: userName }, roles: [{ when: '"Sales" in groups', grant: [staff] }]`)),
		})
	}
	list = append(list, remedy{
		name: "another organization", provoke: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			inMapping(file, "link: { identityProvider: corp, userId: userName }", "unmapped: keep")(t, p)
			if err := admin.DeleteOrganization(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if id, err = admin.CreateOrganization(t.Context(), keycloak.NewOrganization{Name: "acme", Alias: "acme", Domains: domains}); err != nil {
				t.Fatal(err)
			}
		}, check: "organization", text: "is now another organization", says: []string{"write the new organizationID"}, byHand: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			inFile("config.yaml", `organizationID: .*`, "organizationID: "+id.String())(t, p)
		},
	}, remedy{
		name: "no organization", provoke: func(t *testing.T, _ apptest.Patient) {
			t.Helper()
			if err := admin.DeleteOrganization(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}, check: "organization", text: `the organization "acme" does not exist`, says: []string{"write the new organizationID and new tokens once you know whose organization it is"}, byHand: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			if id, err = admin.CreateOrganization(t.Context(), keycloak.NewOrganization{Name: "acme", Alias: "acme", Domains: domains}); err != nil {
				t.Fatal(err)
			}
			inFile("config.yaml", `organizationID: .*`, "organizationID: "+id.String())(t, p)
		},
	})
	tryRemedies(t, p, "", list)
}

// TestTheRemediesOfEveryOrganization: for the settings of all organizations, and for the
// organizations that the bridge found.
func TestTheRemediesOfEveryOrganization(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	c := apptest.NewEvery(t, server)
	p := apptest.Patient{Bridge: c.Realm, Server: server}
	c.NewToken(t, "acme")
	apptest.AddProvider(t, server, p.Realm, "corp")
	acme, at := p.Realm+"/organizations/acme", "/organizations/"+c.IDs["acme"].String()
	unverified := func(t *testing.T, p apptest.Patient) {
		t.Helper()
		apptest.AdminSend(t, server, http.MethodPut, "/admin/realms/"+p.Realm+at, `{"name":"acme","alias":"acme","enabled":true,"domains":[{"name":"acme.test","verified":false}],"attributes":{"`+auth.AttrCredentials+`":[`+quotedCredentials(t, c, "acme")+`]}}`)
	}
	link := "version: 1\nusers: { link: { identityProvider: corp, userId: userName } }\n"
	shared, own := apptest.MappingFile(t, link), apptest.MappingFile(t, link)
	all := func(what string) func(*testing.T, apptest.Patient) {
		return inFile("config.yaml", `(?m)^    organizations:.*$`, "    organizations: "+strings.ReplaceAll(what, "$", "$$"))
	}
	for _, f := range p.FindingsAt(t, acme) { // before 26.6
		if f.Text != noOwnGroups {
			continue
		}
		if !strings.Contains(f.Fix, "a mapping of its own in organizations.overrides, with a group of the realm in groups.parent") {
			t.Errorf("the fix is %q", f.Fix)
		}
		p.MakeGroup(t, "of-acme", keycloak.GroupID{})
		all(fmt.Sprintf("{ overrides: [{ organization: acme, organizationID: %s, mapping: %s }] }", c.IDs["acme"], apptest.MappingFile(t, "version: 1\ngroups: { parent: /of-acme }\n")))(t, p)
		for _, f := range p.FindingsAt(t, acme) {
			if f.Text == noOwnGroups || f.Severity == "FAIL" {
				t.Errorf("after the fix doctor says %+v", f)
			}
		}
		all(`"*"`)(t, p)
	}
	tryRemedies(t, p, acme, []remedy{
		{name: "no verified domain", provoke: unverified, check: "organization", text: "no verified domain"},
		{name: "a token that was taken back", provoke: adminDoes(http.MethodPut, at, `{"name":"acme","alias":"acme","enabled":true,"domains":[{"name":"acme.test","verified":true}],"attributes":{}}`), check: "token", text: "the tenant has no token"},
	})
	tryRemedies(t, p, p.Realm+"/organizations/*", []remedy{
		{
			name: "a provider that all would share", provoke: both(adminDoes(http.MethodPost, at+"/identity-providers", `"corp"`), all("{ mapping: "+shared+" }"), theRight("view-identity-providers", true)), check: "identity provider", text: "can belong to only one organization",
			says: []string{"give each organization a mapping of its own in organizations.overrides"}, byHand: func(t *testing.T, p apptest.Patient) {
				t.Helper()
				all(fmt.Sprintf("{ overrides: [{ organization: acme, organizationID: %s, mapping: %s }] }", c.IDs["acme"], own))(t, p)
				if ill := illness(p.FindingsAt(t, acme)); len(ill) > 0 {
					t.Errorf("of the organization with the mapping doctor says %+v", ill)
				}
			},
		},
		{name: "organizations without a domain", provoke: both(all(`"*"`), unverified), check: "organization", text: "without a verified domain refuse every user with an address: 1", says: []string{"doctor shows the remedy for each organization"}, byHand: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			for _, f := range illness(p.FindingsAt(t, acme)) {
				for _, line := range apptest.CommandsOf(f.Fix) {
					obey(t, p, line)
				}
			}
		}},
	})
}
