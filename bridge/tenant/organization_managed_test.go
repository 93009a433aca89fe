package tenant_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// brokeredUnverified is brokered with an address that Keycloak does not count as verified, which is
// usual.
func brokeredUnverified(t *testing.T, c apptest.Customers, alias, name string) keycloak.UserID {
	t.Helper()
	c.ProviderThat(t, alias, name, false)
	return c.FirstLogin(t, name)
}

// TestAManagedMember is an account of the organization that no client provisioned. The tenant
// changes the account, but not its identity, and never deletes the account by ending the
// membership.
func TestAManagedMember(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.Real(t), nil)
	acme := c.Of["acme"]
	const name = "mia@acme.test"
	id := c.Brokered(t, "acme", name)
	member, err := acme.Admin.OrganizationMember(t.Context(), c.IDs["acme"], id)
	if err != nil || !member.Managed {
		t.Fatalf("the member = %+v, %v, want a managed one", member, err)
	}
	path := "/Users/" + id.String()
	if got := acme.Must(t, http.MethodGet, path, ""); got["userName"] != name || got["active"] != true {
		t.Errorf("the member = %v", got)
	}
	apptest.WantNames(t, "globex's users", c.Of["globex"].Names(t, "/Users"))
	acme.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"add","value":{"externalId":"M","title":"Own"}}`))
	if found, err := acme.Find(t.Context(), "/Users", `externalId eq "M" and title eq "Own"`, ""); err != nil || len(found) != 1 {
		t.Errorf("the member by what the tenant said = %v, %v", found, err)
	}
	acme.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"name.familyName","value":"Wed"}`))
	if detail := acme.Refused(t, http.StatusForbidden, http.MethodDelete, path, ""); !strings.Contains(detail, "belongs to the organization") {
		t.Errorf("DELETE says %q", detail)
	}
	organization := "/admin/realms/" + acme.Realm + "/organizations/" + c.IDs["acme"].String()
	apptest.AdminSend(t, c.Server, http.MethodPut, organization, `{"name":"acme","alias":"acme","enabled":false,"domains":[{"name":"acme.test","verified":true}]}`)
	acme.App.Watcher.Check(t.Context())
	acme.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"title","value":"x"}`))
	apptest.AdminSend(t, c.Server, http.MethodPut, organization, `{"name":"acme","alias":"acme","enabled":true,"domains":[{"name":"acme.test","verified":true}]}`)
	acme.App.Watcher.Check(t.Context())
	acme.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
	if user, err := acme.Admin.User(t.Context(), id); err != nil || user.Enabled || user.Username != name || user.LastName != "Wed" {
		t.Errorf("the account = %+v, %v", user, err)
	}
}

// TestAFirstLoginLandsOnTheProvisionedAccount without a password form: the mapping links the user
// at the creation or at the adoption.
func TestAFirstLoginLandsOnTheProvisionedAccount(t *testing.T) {
	t.Parallel()
	const name = "mia@acme.test"
	for _, tenantOf := range []string{"organization", "realm"} {
		for _, way := range []string{"created", "adopted", "adopted by the command"} {
			t.Run(tenantOf+" "+way, func(t *testing.T) {
				t.Parallel()
				c := apptest.NewCustomers(t, keycloaktest.Real(t), apptest.AdoptUnowned)
				b, path, alias := c.Of["acme"], tenant.OrganizationPath(c.Realm.Realm, "acme"), "acme"
				if tenantOf == "realm" {
					b, path, alias = c.Realm, c.Realm.Realm, ""
				}
				sub := c.Provider(t, alias, name)
				apptest.Patient{Bridge: b, Server: c.Server}.Right(t, "view-identity-providers", true)
				b.UseMapping(t, path, linkTo("idp"))
				id := ""
				if way != "created" {
					made, err := b.Admin.CreateUser(t.Context(), keycloak.NewUser{
						Username: name, Email: name, EmailVerified: true, FirstName: "F", LastName: "L", Enabled: true, Attributes: map[string][]string{"externalId": {sub}},
					})
					if err != nil {
						t.Fatal(err)
					}
					id = made.String()
				}
				switch {
				case way == "adopted by the command" && tenantOf == "realm":
					if a := b.Adoptions(t, b.Controlled(t), path)[name]; !a.Linked {
						t.Fatalf("the adoption = %+v", a)
					}
				case way == "adopted by the command": // an organization's tenant has its own externalId
					c.Admit(t, id, "acme")
					b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"add","path":"externalId","value":"`+sub+`"}`))
				default:
					got := b.Create(t, "/Users", `{"userName":"`+name+`","externalId":"`+sub+`","name":{"givenName":"F","familyName":"L"},"emails":[{"value":"`+name+`","primary":true}]}`)
					if id != "" && got != id {
						t.Fatalf("the user is %s, want %s", got, id)
					}
					id = got
				}
				c.LogIn(t, name)
				sessions, err := b.Admin.Users(t.Context(), keycloak.UserQuery{Email: name})
				if err != nil || len(sessions) != 1 || sessions[0].ID != id {
					t.Errorf("after the login the users with the address are %v, %v", sessions, err)
				}
				if tenantOf == "organization" {
					if member, err := b.Admin.OrganizationMember(t.Context(), c.IDs["acme"], apptest.UserID(t, id)); err != nil || member.Managed {
						t.Errorf("the member = %+v, %v, want one that Keycloak does not manage", member, err)
					}
				}
			})
		}
	}
}

// TestAFirstLoginWithoutALink ends at a form. This is why users are linked.
func TestAFirstLoginWithoutALink(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.Real(t), nil)
	const name = "mia@acme.test"
	c.Provider(t, "acme", name)
	c.Of["acme"].Create(t, "/Users", `{"userName":"`+name+`","emails":[{"value":"`+name+`"}]}`)
	if last := c.TryLogIn(t, name); !apptest.FormAction.MatchString(last) {
		t.Errorf("the login ends at %q, want a form", last)
	}
}

// TestSecurity_12_OnlyTheOrganizationsIdentityProvider is linked to. Another identity provider
// makes the tenant unfit, and so does one provider for all organizations.
func TestSecurity_12_OnlyTheOrganizationsIdentityProvider(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, nil)
			at := "/admin/realms/" + c.Realm.Realm
			for _, alias := range []string{"of-acme", "of-globex"} {
				apptest.AddProvider(t, server, c.Realm.Realm, alias)
				apptest.AdminSend(t, server, http.MethodPost, at+"/organizations/"+c.IDs[alias[3:]].String()+"/identity-providers", `"`+alias+`"`)
			}
			apptest.Patient{Bridge: c.Realm, Server: server}.Right(t, "view-identity-providers", true)
			b, path := c.Of["acme"], tenant.OrganizationPath(c.Realm.Realm, "acme")
			b.UseMapping(t, path, linkTo("of-acme"))
			id := b.Create(t, "/Users", `{"userName":"jane","externalId":"J"}`)
			if links, err := b.Admin.Links(t.Context(), apptest.UserID(t, id)); err != nil || len(links) != 1 || links[0].IdentityProvider != "of-acme" {
				t.Errorf("the links are %v, %v", links, err)
			}
			if why := b.Propose(t, path, linkTo("of-globex")); !strings.Contains(why, `the identity provider "of-globex" of the mapping does not belong to the organization`) {
				t.Errorf("the mapping of another's provider is not applied because of %q", why)
			}
			every := apptest.NewEvery(t, server)
			apptest.Patient{Bridge: every.Realm, Server: server}.Right(t, "view-identity-providers", true)
			apptest.AddProvider(t, server, every.Realm.Realm, "of-acme")
			path = tenant.OrganizationPath(every.Realm.Realm, tenant.EveryOrganization)
			if why := every.Realm.Propose(t, path, linkTo("of-acme")); !strings.Contains(why, "can belong to only one organization") {
				t.Errorf("the mapping for all organizations is not applied because of %q", why)
			}
		})
	}
}

func linkTo(alias string) string {
	return "version: 1\nusers: { link: { identityProvider: " + alias + ", userId: externalId } }\n"
}

// TestSecurity_7_AnAccountOfAnotherOrganization is not taken over by the organization that now has
// the domain of its address.
func TestSecurity_7_AnAccountOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.Real(t), apptest.AdoptUnowned)
	id := c.Brokered(t, "globex", "gus@globex.test")
	at := "/admin/realms/" + c.Realm.Realm + "/organizations/"
	apptest.AdminSend(t, c.Server, http.MethodPut, at+c.IDs["globex"].String(), `{"name":"globex","alias":"globex","enabled":true,"domains":[{"name":"other.test","verified":true}]}`)
	apptest.AdminSend(t, c.Server, http.MethodPut, at+c.IDs["acme"].String(), `{"name":"acme","alias":"acme","enabled":true,"domains":[{"name":"globex.test","verified":true}]}`)
	c.Realm.Check(t)
	c.Of["acme"].Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"mine","emails":[{"value":"gus@globex.test"}]}`)
	if _, err := c.Realm.Admin.OrganizationMember(t.Context(), c.IDs["acme"], id); keycloak.KindOf(err) != keycloak.NotFound {
		t.Errorf("the account became a member: %v", err)
	}
	if owner := c.Realm.InKeycloak(t, id.String()).Attributes["scim.owner"]; owner != nil {
		t.Errorf("the owner is %v", owner)
	}
}
