package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestSecurity_62_AnAdoptionTakesNoValueOfAnotherTenant: what the realm's tenant wrote to an account that
// nobody owns is neither shown to an organization that takes the account over nor stored with the
// organization's values: by no method, and by no later request.
func TestSecurity_62_AnAdoptionTakesNoValueOfAnotherTenant(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), adoptUnowned)
			b := c.of["acme"]
			file := b.controlled(t)
			for how, takeOver := range map[string]func(name, id string){
				"patch": func(_, id string) {
					b.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"displayName","value":"D"}`))
				},
				"put": func(name, id string) {
					b.must(t, http.MethodPut, "/Users/"+id, fmt.Sprintf(`{"userName":%q,"active":true,"displayName":"D"}`, name))
				},
				"post": func(name, _ string) { b.must(t, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q}`, name)) },
				"command": func(name, _ string) {
					if got := b.adoptions(t, file, tenant.OrganizationPath(b.realm, "acme"))[name]; got.Outcome != "adopted" {
						t.Errorf("the command says %+v", got)
					}
				},
			} {
				name := "jane-" + how
				id, err := b.admin.CreateUser(t.Context(), keycloak.NewUser{Username: name, Email: name + "@acme.test", EmailVerified: true, FirstName: "F", LastName: "L", Enabled: true})
				if err != nil {
					t.Fatal(err)
				}
				c.admit(t, id.String(), "acme")
				c.realm.must(t, http.MethodPatch, "/Users/"+id.String(), patchBody(`{"op":"add","path":"externalId","value":"realm-secret"},{"op":"add","path":"title","value":"realm-secret"},{"op":"add","path":"phoneNumbers","value":[{"type":"work","value":"realm-secret"}]}`))
				takeOver(name, id.String())
				user := b.user(t, id.String())
				if !slices.Contains(user.Attributes["scim.owner"], c.ids["acme"].String()) {
					t.Errorf("%s: the owner is %v", how, user.Attributes["scim.owner"])
				}
				for attribute, values := range user.Attributes {
					for _, value := range values {
						if strings.HasPrefix(value, c.ids["acme"].String()) && strings.Contains(value, "realm-secret") {
							t.Errorf("%s: the organization has %s = %q", how, attribute, value)
						}
					}
				}
				for _, path := range []string{"/Users/" + id.String(), "/Users"} {
					if shown, _ := json.Marshal(b.must(t, http.MethodGet, path, "")); strings.Contains(string(shown), "realm-secret") {
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

// TestAnAdoptionKeepsTheExternalIdOfTheTenantItself: an organization's own value stands before one that is in
// Keycloak from another SCIM server, whoever else has a value of the account.
func TestAnAdoptionKeepsTheExternalIdOfTheTenantItself(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			b := c.of["acme"]
			former, own := b.account(t, "former", true).String(), b.account(t, "own", true).String()
			for _, id := range []string{former, own} {
				c.admit(t, id, "acme")
				c.admit(t, id, "globex")
				c.of["globex"].must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"add","path":"externalId","value":"of-globex"}`))
			}
			b.must(t, http.MethodPatch, "/Users/"+own, patchBody(`{"op":"add","path":"externalId","value":"of-acme"}`))
			b.adoptions(t, b.controlled(t), tenant.OrganizationPath(b.realm, "acme"))
			for id, want := range map[string]string{former: "before-former", own: "of-acme"} {
				if got := b.must(t, http.MethodGet, "/Users/"+id, "")["externalId"]; got != want {
					t.Errorf("the externalId is %v, want %s", got, want)
				}
				if got := c.of["globex"].must(t, http.MethodGet, "/Users/"+id, "")["externalId"]; got != "of-globex" {
					t.Errorf("the externalId of the other organization is %v", got)
				}
			}
		})
	}
}
