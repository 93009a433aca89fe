package realm_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestDoctorOfAnOrganization finds what happened to the organization of a tenant.
func TestDoctorOfAnOrganization(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, nil)
			p := apptest.Patient{Bridge: c.Realm, Server: server}
			organization := "/admin/realms/" + c.Realm.Realm + "/organizations/" + c.IDs["acme"].String()
			about := func(what string) string {
				return `{"name":"acme","alias":"acme","enabled":` + what + `,"domains":[{"name":"acme.test","verified":true}]}`
			}
			old := keycloaktest.OlderThan("26.7") && name == "real"
			expect := func(what string, severity realm.Severity, text string) {
				t.Helper()
				ill, _ := p.Diagnose(t)
				ill = slices.DeleteFunc(ill, func(f realm.Finding) bool {
					return old && f.Check == "privileges" && strings.Contains(f.Text, "need manage-realm on this Keycloak")
				})
				if severity == realm.Pass && len(ill) == 0 {
					return
				}
				if len(ill) != 1 || ill[0].Severity != severity || ill[0].Check != "organization" || !strings.Contains(ill[0].Text, text) {
					t.Errorf("%s: doctor says %+v, want %s %q", what, ill, severity, text)
				}
			}
			expect("in health", realm.Pass, "")
			p.Set(t, `{"organizationsEnabled":false}`)
			expect("Organizations disabled", realm.Fail, "Organizations are disabled in the realm")
			p.Set(t, `{"organizationsEnabled":true}`)
			apptest.AdminSend(t, server, http.MethodPut, organization, about("false"))
			expect("the organization disabled", realm.Warn, "is disabled, so that writes are refused")
			apptest.AdminSend(t, server, http.MethodPut, organization, strings.ReplaceAll(about("true"), `"verified":true`, `"verified":false`))
			expect("a domain that nobody verified", realm.Warn, `"acme" has no verified domain, so it refuses every user with an address, or with an address as user name`)
			apptest.AdminSend(t, server, http.MethodPut, organization, about("true"))
			expect("mended", realm.Pass, "")
			if err := c.Realm.Admin.DeleteOrganization(t.Context(), c.IDs["acme"]); err != nil {
				t.Fatal(err)
			}
			expect("the organization deleted", realm.Fail, `the organization "acme" does not exist`)
			if _, err := c.Realm.Admin.CreateOrganization(t.Context(), keycloak.NewOrganization{Name: "acme", Alias: "acme"}); err != nil {
				t.Fatal(err)
			}
			expect("another one under the alias", realm.Fail, `"acme" is now another organization`)
		})
	}
}
