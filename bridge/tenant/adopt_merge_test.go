package tenant_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// worn is an account with values that an identity provider does not send.
func worn(t *testing.T, b apptest.Bridge, name string) string {
	t.Helper()
	id, err := b.Admin.CreateUser(t.Context(), keycloak.NewUser{
		Username: name, Email: name + "@acme.test", EmailVerified: true, FirstName: "Old", LastName: "Name", Enabled: true,
		Attributes: map[string][]string{"cost_center": {"CC7"}, "badges": {"one", "two"}, "scim.emails": {"second@acme.test"}, "phone": {"+1 1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

const mappingOfWorn = `version: 1
schemas:
  urn:acme:2.0:User:
    resource: User
    attributes:
      costCenter: { type: string, keycloak: cost_center }
      badges: { type: string, multiValued: true, keycloak: badges }
users:
  attributes:
    "phoneNumbers[type eq \"work\"].value": { keycloak: phone }
`

// TestAnAdoptionClearsNothing: what a request that takes an account over leaves out stays in
// Keycloak, at every tenant and with every method.
func TestAnAdoptionClearsNothing(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.AdoptUnowned)
			apptest.RunSetup(t, c.Server, c.Realm.Realm, "--mapping", apptest.MappingFile(t, mappingOfWorn))
			for _, path := range []string{c.Realm.Realm, tenant.OrganizationPath(c.Realm.Realm, "acme")} {
				c.Realm.UseMapping(t, path, mappingOfWorn)
			}
			for of, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				for what, adopt := range map[string]func(name, id string){
					"bare": func(name, _ string) {
						b.Must(t, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"externalId":"X","active":true}`, name))
					},
					"some": func(name, _ string) {
						b.Must(t, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"externalId":"X","name":{"givenName":"New"},"emails":[{"value":%q,"type":"work","primary":true}],"urn:acme:2.0:User":{"badges":["three"]},"phoneNumbers":[{"type":"mobile","value":"+1 2"}]}`, name, name+"@acme.test"))
					},
					"patch": func(_, id string) {
						c.Member(t, of, id)
						b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"add","path":"externalId","value":"X"}`))
					},
					"put": func(name, id string) {
						c.Member(t, of, id)
						b.Must(t, http.MethodPut, "/Users/"+id, fmt.Sprintf(`{"userName":%q,"externalId":"X","active":true}`, name))
					},
				} {
					if of == "realm" && what == "put" { // a PUT is not an adoption here, because the realm's tenant has the account already
						continue
					}
					name := of + "-" + what
					id := worn(t, b, name)
					adopt(name, id)
					want := map[string][]string{"cost_center": {"CC7"}, "badges": {"one", "two"}, "scim.emails": {"second@acme.test"}, "phone": {"+1 1"}}
					first := "Old"
					if what == "some" {
						want["badges"], first = []string{"one", "three", "two"}, "New"
					}
					user, got := b.InKeycloak(t, id), map[string][]string{}
					for attribute := range want {
						got[attribute] = slices.Sorted(slices.Values(user.Attributes[attribute]))
					}
					if diff := cmp.Diff(want, got); diff != "" || user.FirstName != first || user.LastName != "Name" || user.Email != name+"@acme.test" {
						t.Errorf("%s: the adopted account = %+v:\n%s", name, user, diff)
					}
					if found, err := b.Find(t.Context(), "/Users", `externalId eq "X" and userName eq "`+name+`"`, ""); err != nil || len(found) != 1 {
						t.Errorf("%s is found as %v, %v", name, found, err)
					}
				}
			}
		})
	}
}
