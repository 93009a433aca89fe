package directory_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestMembersOfAnOrganizationFromADirectory: a user of LDAP that Keycloak imports can be a member.
// A request of the organization's client succeeds, or the refusal does not say whose directory it
// is. A DELETE ends the membership, and the account remains. Keycloak accepts no member that it
// does not store.
func TestMembersOfAnOrganizationFromADirectory(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{keycloak.EditReadOnly, keycloak.EditWritable, keycloak.EditUnsynced} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			server := keycloaktest.Real(t)
			c := apptest.NewCustomers(t, server, apptest.AdoptUnowned)
			provider := keycloaktest.StartLDAP(t, apptest.Persons("ann", "bob"), nil).Federate(t, server, c.Realm.Realm, keycloaktest.FederationOptions{Name: apptest.Corp, EditMode: mode, Imports: true})
			c.Realm.App.Watcher.Check(t.Context())
			acme, ann := c.Of["acme"], c.Realm.Named(t, "ann").ID
			told := func(detail string, wanted ...string) {
				t.Helper()
				for _, text := range append(wanted, "nothing was changed") {
					if !strings.Contains(detail, text) {
						t.Errorf("%q lacks %q", detail, text)
					}
				}
				if strings.Contains(detail, apptest.Corp) || strings.Contains(detail, "changes were made") {
					t.Errorf("a customer is told %q", detail)
				}
			}
			if detail := acme.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"ann","emails":[{"value":"ann@acme.test","primary":true}]}`); strings.Contains(detail, apptest.Corp) || strings.Contains(detail, ann) {
				t.Errorf("a customer is told %q", detail)
			}
			acme.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+ann, "")
			c.Admit(t, ann, "acme")
			apptest.WantNames(t, "the members", acme.Names(t, "/Users"), "ann")
			for _, filter := range []string{`userName eq "ann"`, `emails.value eq "ann@acme.test"`, fmt.Sprintf("id eq %q", ann)} {
				if found, err := acme.Find(t.Context(), "/Users", filter, ""); err != nil || len(found) != 1 {
					t.Errorf("%s finds %v, %v", filter, found, err)
				}
			}
			if mode == keycloak.EditReadOnly {
				told(acme.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Users/"+ann, apptest.ReplaceBody("externalId", `"A"`)), "[account-federated]", "externalId", "a user federation of the realm")
			} else {
				acme.Must(t, http.MethodPatch, "/Users/"+ann, apptest.ReplaceBody("externalId", `"A"`))
				if shown := acme.Must(t, http.MethodGet, "/Users/"+ann, ""); shown["externalId"] != "A" {
					t.Errorf("the member is %v", shown)
				}
			}
			told(acme.Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+ann, apptest.ReplaceBody("name.familyName", `"Zoe"`)), "where the account comes from")
			leaving := acme.Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+ann, apptest.ReplaceBody("active", "false"))
			if told(leaving, "where the account comes from", "DELETE ends the membership"); strings.Contains(leaving, "adopt") {
				t.Errorf("nobody takes over the account of a directory: %q", leaving)
			}
			acme.Must(t, http.MethodDelete, "/Users/"+ann, "")
			acme.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+ann, "")
			if after := c.Realm.Named(t, "ann"); after.ID != ann || !after.Enabled {
				t.Errorf("after the membership the account is %+v", after)
			}
			if mode != keycloak.EditUnsynced {
				provider.Set("importEnabled", "false")
				bob := mustUserID(t, c.Realm.Named(t, "bob").ID)
				if err := c.Realm.Admin.AddOrganizationMember(t.Context(), c.IDs["acme"], bob); err == nil || bob.Federation() == "" {
					t.Errorf("Keycloak takes %s as a member", bob)
				}
			}
		})
	}
}
