package apply_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestACreationThatBreaksOffIsFinished where a value must be unique: the incomplete resource does
// not block its own creation.
func TestACreationThatBreaksOffIsFinished(t *testing.T) {
	t.Parallel()
	for _, rehire := range []config.Rehire{config.RehireRefuse, config.RehireRevive} {
		for _, adopt := range []config.Adopt{config.AdoptNever, config.AdoptUnowned} {
			t.Run(string(rehire)+" "+string(adopt), func(t *testing.T) {
				t.Parallel()
				c := newCrash(t, keycloaktest.NewFake(t).Server())
				c.Realm.Reconfigure(t, apptest.EachTenant(func(t *config.Tenant) { t.ExternalID, t.Rehire, t.Adopt = config.ExternalIDUnique, rehire, adopt }))
				c.Realm.UseMapping(t, c.Realm.Realm, crashMapping)
				c.Realm.UseMapping(t, tenant.OrganizationPath(c.Realm.Realm, "acme"), crashMapping)
				joins := func(string) string { return "" }
				const body = `{"userName":"NAME@acme.test","title":"T","externalId":"X-NAME"}`
				c.breakOff(t, "a-user-of-the-realm", crashProbe{c.Realm, "/Users", body, joins})
				c.breakOff(t, "a-user-of-an-organization", crashProbe{c.Of["acme"], "/Users", body, joins})
			})
		}
	}
}

// TestACreationWithALinkThatBreaksOffIsFinished: the existing link belongs to the same user.
func TestACreationWithALinkThatBreaksOffIsFinished(t *testing.T) {
	t.Parallel()
	c := newCrash(t, keycloaktest.NewFake(t).Server())
	c.Realm.Reconfigure(t, apptest.EachTenant(func(t *config.Tenant) { t.Adopt = config.AdoptNever }))
	apptest.AdminSend(t, c.Server, http.MethodPost, "/admin/realms/"+c.Realm.Realm+"/identity-provider/instances", `{"alias":"idp","providerId":"oidc","enabled":true}`)
	apptest.Patient{Bridge: c.Realm, Server: c.Server}.Right(t, "view-identity-providers", true)
	c.Realm.UseMapping(t, c.Realm.Realm, "version: 1\nusers: { defaultGroups: [/everyone], link: { identityProvider: idp, userId: externalId } }\n")
	joins := func(string) string { return "" }
	c.breakOff(t, "a-user-of-the-realm", crashProbe{c.Realm, "/Users", `{"userName":"NAME@acme.test","title":"T","externalId":"X-NAME"}`, joins})
	c.Realm.Create(t, "/Users", `{"userName":"one@acme.test2","externalId":"L"}`)
	for _, body := range []string{`{"userName":"other","externalId":"L"}`, `{"userName":"one@acme.test2","externalId":"L"}`} {
		c.Realm.Refused(t, http.StatusConflict, http.MethodPost, "/Users", body)
	}
}

// TestAReturnThatBreaksOffIsFinished by the next creation.
func TestAReturnThatBreaksOffIsFinished(t *testing.T) {
	t.Parallel()
	c := newCrash(t, keycloaktest.NewFake(t).Server())
	c.Realm.Reconfigure(t, apptest.EachTenant(func(t *config.Tenant) {
		t.OnDelete, t.Scope = config.OnDeleteLeave, config.ScopeOwned
		apptest.Reviving(t)
	}))
	c.Realm.UseMapping(t, c.Realm.Realm, crashMapping)
	c.Realm.UseMapping(t, tenant.OrganizationPath(c.Realm.Realm, "acme"), crashMapping)
	for of, b := range map[string]apptest.Bridge{"a-user-of-the-realm": c.Realm, "a-user-of-an-organization": c.Of["acme"]} {
		c.breakOff(t, of, crashProbe{b, "/Users", `{"userName":"NAME@acme.test","title":"T","externalId":"X-NAME"}`, func(name string) string {
			id := b.Create(t, "/Users", `{"userName":"before-`+name+`@acme.test","externalId":"X-`+name+`"}`)
			b.Must(t, http.MethodDelete, "/Users/"+id, "")
			return id
		}})
	}
}

// TestAChangeOfRolesThatBreaksOffAnywhere: the bridge is cut off before or after any of its calls.
// A repetition leaves the roles and the record of an undisturbed change, and the roles from a
// person.
func TestAChangeOfRolesThatBreaksOffAnywhere(t *testing.T) {
	t.Parallel()
	const rules = `version: 1
grantableRoles: [employee, extra, { client: shop, role: editor }]
users:
  roles:
    - when: '"Editor" in groups'
      grant: [extra]
    - when: resource.title == "Clerk"
      grant: [employee]
    - when: resource.title == "Editor"
      grant: [{ client: shop, role: editor }]
groups:
  roles:
    Clerk: [employee]
    Editor: [{ client: shop, role: editor }]
`
	for server, start := range apptest.BothServers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			c := newCrash(t, start(t))
			b := c.Realm
			b.AddRole(t, c.Server, "boss")
			b.AddRole(t, c.Server, "extra")
			b.UseMapping(t, b.Realm, rules)
			for endpoint, attribute := range map[string]string{"/Users": "title", "/Groups": "displayName"} {
				held := func(id string) (roles string, record []string) {
					if endpoint == "/Users" {
						return b.RolesOf(t, id), b.InKeycloak(t, id).Attributes[mapping.AttrRoles]
					}
					parsed, err := keycloak.ParseGroupID(id)
					if err != nil {
						t.Fatal(err)
					}
					group, err := b.Admin.Group(t.Context(), parsed)
					if err != nil {
						t.Fatal(err)
					}
					return b.RolesOfGroup(t, id), group.Attributes[mapping.AttrRoles]
				}
				cut := 0
				for _, stage := range []keycloaktest.Stage{keycloaktest.Before, keycloaktest.After} {
					for n := 1; ; n++ {
						name := strings.Join([]string{endpoint[1:], fmt.Sprint(stage), fmt.Sprint(n)}, "-")
						user := b.Create(t, "/Users", `{"userName":"`+name+`@acme.test","title":"Clerk"}`)
						id := user
						if endpoint == "/Groups" {
							id = b.Create(t, endpoint, `{"displayName":"Clerk","members":[{"value":"`+user+`"}]}`)
						}
						b.ByHand(t, endpoint, id, "boss")
						change := apptest.PatchBody(`{"op":"replace","path":"` + attribute + `","value":"Editor"}`)
						c.proxy.Inject(keycloaktest.Fault{Nth: n, Stage: stage, Drop: true})
						c.proxy.Inject(keycloaktest.Fault{From: n + 1, Drop: true})
						_, err := b.Send(t, http.MethodPatch, endpoint+"/"+id, change)
						c.proxy.ClearFaults()
						if err != nil {
							cut++
							b.Must(t, http.MethodPatch, endpoint+"/"+id, change)
						}
						roles, record := held(id)
						if diff := cmp.Diff([]string{"realm|shop/editor"}, record); diff != "" || roles != "boss shop/editor" {
							t.Errorf("%s, cut off at call %d (%v): the roles are %q, and recorded is another (-want +got):\n%s", endpoint, n, stage, roles, diff)
						}
						if endpoint == "/Groups" { // the next group has its name
							if got := b.RolesOf(t, user); got != "employee extra" {
								t.Errorf("cut off at call %d (%v): the roles of its member are %q", n, stage, got)
							}
							b.Must(t, http.MethodDelete, endpoint+"/"+id, "")
						}
						if err == nil {
							break
						}
					}
				}
				if cut < 8 {
					t.Errorf("%s was cut off %d times, which proves little", endpoint, cut)
				}
			}
		})
	}
}
