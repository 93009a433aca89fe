package tenant_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestSecurity_62_AnAdoptionTakesNoValueOfAnotherTenant: the realm's tenant wrote values to an
// account without an owner. An organization that takes the account over neither sees these values
// nor stores them with its own, with any method and any later request.
func TestSecurity_62_AnAdoptionTakesNoValueOfAnotherTenant(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.AdoptUnowned)
			b := c.Of["acme"]
			file := b.Controlled(t)
			for how, takeOver := range map[string]func(name, id string){
				"patch": func(_, id string) {
					b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"displayName","value":"D"}`))
				},
				"put": func(name, id string) {
					b.Must(t, http.MethodPut, "/Users/"+id, fmt.Sprintf(`{"userName":%q,"active":true,"displayName":"D"}`, name))
				},
				"post": func(name, _ string) { b.Must(t, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q}`, name)) },
				"command": func(name, _ string) {
					if got := b.Adoptions(t, file, tenant.OrganizationPath(b.Realm, "acme"))[name]; got.Outcome != "adopted" {
						t.Errorf("the command says %+v", got)
					}
				},
			} {
				name := "jane-" + how
				id, err := b.Admin.CreateUser(t.Context(), keycloak.NewUser{Username: name, Email: name + "@acme.test", EmailVerified: true, FirstName: "F", LastName: "L", Enabled: true})
				if err != nil {
					t.Fatal(err)
				}
				c.Admit(t, id.String(), "acme")
				c.Realm.Must(t, http.MethodPatch, "/Users/"+id.String(), apptest.PatchBody(`{"op":"add","path":"externalId","value":"realm-secret"},{"op":"add","path":"title","value":"realm-secret"},{"op":"add","path":"phoneNumbers","value":[{"type":"work","value":"realm-secret"}]}`))
				takeOver(name, id.String())
				user := b.InKeycloak(t, id.String())
				if !slices.Contains(user.Attributes["scim.owner"], c.IDs["acme"].String()) {
					t.Errorf("%s: the owner is %v", how, user.Attributes["scim.owner"])
				}
				for attribute, values := range user.Attributes {
					for _, value := range values {
						if strings.HasPrefix(value, c.IDs["acme"].String()) && strings.Contains(value, "realm-secret") {
							t.Errorf("%s: the organization has %s = %q", how, attribute, value)
						}
					}
				}
				for _, path := range []string{"/Users/" + id.String(), "/Users"} {
					if shown, _ := json.Marshal(b.Must(t, http.MethodGet, path, "")); strings.Contains(string(shown), "realm-secret") {
						t.Errorf("%s: GET %s shows the organization %s", how, path, shown)
					}
				}
				for _, filter := range []string{`externalId eq "realm-secret"`, `externalId sw "realm"`, `title pr`} {
					if found, err := b.Find(t.Context(), "/Users", filter, ""); err != nil || len(found) != 0 {
						t.Errorf("%s: %s finds %v, %v", how, filter, found, err)
					}
				}
			}
		})
	}
}

// TestAnAdoptionKeepsTheExternalIdOfTheTenantItself: an organization's own value has priority over
// a value that another SCIM server wrote to Keycloak, whatever other tenants store about the
// account.
func TestAnAdoptionKeepsTheExternalIdOfTheTenantItself(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			b := c.Of["acme"]
			former, own := b.MakeAccount(t, "former", true).String(), b.MakeAccount(t, "own", true).String()
			for _, id := range []string{former, own} {
				c.Admit(t, id, "acme")
				c.Admit(t, id, "globex")
				c.Of["globex"].Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"add","path":"externalId","value":"of-globex"}`))
			}
			b.Must(t, http.MethodPatch, "/Users/"+own, apptest.PatchBody(`{"op":"add","path":"externalId","value":"of-acme"}`))
			b.Adoptions(t, b.Controlled(t), tenant.OrganizationPath(b.Realm, "acme"))
			for id, want := range map[string]string{former: "before-former", own: "of-acme"} {
				if got := b.Must(t, http.MethodGet, "/Users/"+id, "")["externalId"]; got != want {
					t.Errorf("the externalId is %v, want %s", got, want)
				}
				if got := c.Of["globex"].Must(t, http.MethodGet, "/Users/"+id, "")["externalId"]; got != "of-globex" {
					t.Errorf("the externalId of the other organization is %v", got)
				}
			}
		})
	}
}
