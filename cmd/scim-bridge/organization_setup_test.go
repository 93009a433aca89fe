package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestSetupForAnOrganization binds the tenant to the organization's id and grants the least
// right that the server has; the one that opens the whole realm only when it is asked for.
func TestSetupForAnOrganization(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, admin := newEmptyRealm(t, server)
			args := []string{
				"setup", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password, "--yes",
				"--organization", "acme",
			}
			if _, told, code := command(t, "", args...); code != exitFailure || !strings.Contains(told, "Organizations are disabled") {
				t.Errorf("setup without Organizations = %d, %s", code, told)
			}
			adminSend(t, server, http.MethodPut, "/admin/realms/"+realm, `{"organizationsEnabled":true}`)
			if _, told, code := command(t, "", args...); code != exitFailure || !strings.Contains(told, `no organization has the alias "acme"`) {
				t.Errorf("setup without the organization = %d, %s", code, told)
			}
			if _, err := admin.CreateOrganization(t.Context(), keycloak.NewOrganization{Name: "acme", Alias: "acme"}); err != nil {
				t.Fatal(err)
			}
			least, err := admin.HasManagementRole(t.Context(), "manage-organizations")
			if err != nil {
				t.Fatal(err)
			}
			want := "manage-organizations"
			if !least {
				want = "manage-realm"
				if _, told, code := command(t, "", args...); code != exitFailure || !strings.Contains(told, "--allow-manage-realm") {
					t.Errorf("setup without the opt-in = %d, %s", code, told)
				}
			}
			args = append(args, "--allow-manage-realm")
			if _, told, code := command(t, "", args...); code != 0 || !strings.Contains(told, want) || want != "manage-realm" && strings.Contains(told, "manage-realm") {
				t.Errorf("setup = %d, %s, want %s granted", code, told, want)
			}
			if _, told, code := command(t, "", args...); code != 0 || !strings.Contains(told, "nothing to change") {
				t.Errorf("setup again = %d, %s", code, told)
			}
		})
	}
}

// TestDoctorOfAnOrganization finds what has become of the organization of a tenant.
func TestDoctorOfAnOrganization(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := newCustomers(t, server, nil)
			p := patient{c.realm, server}
			organization := "/admin/realms/" + c.realm.realm + "/organizations/" + c.ids["acme"].String()
			about := func(what string) string {
				return `{"name":"acme","alias":"acme","enabled":` + what + `,"domains":[{"name":"acme.test","verified":true}]}`
			}
			old := keycloaktest.OlderThan("26.7") && name == "real"
			expect := func(what string, severity realm.Severity, text string) {
				t.Helper()
				ill, _ := p.diagnose(t)
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
			p.set(t, `{"organizationsEnabled":false}`)
			expect("Organizations disabled", realm.Fail, "Organizations are disabled in the realm")
			p.set(t, `{"organizationsEnabled":true}`)
			adminSend(t, server, http.MethodPut, organization, about("false"))
			expect("the organization disabled", realm.Warn, "is disabled, so that writes are refused")
			adminSend(t, server, http.MethodPut, organization, strings.ReplaceAll(about("true"), `"verified":true`, `"verified":false`))
			expect("a domain that nobody verified", realm.Warn, `"acme" has no verified domain, so that every user with an address, or with an address as user name, is refused`)
			adminSend(t, server, http.MethodPut, organization, about("true"))
			expect("mended", realm.Pass, "")
			if err := c.realm.admin.DeleteOrganization(t.Context(), c.ids["acme"]); err != nil {
				t.Fatal(err)
			}
			expect("the organization deleted", realm.Fail, `the organization "acme" does not exist`)
			if _, err := c.realm.admin.CreateOrganization(t.Context(), keycloak.NewOrganization{Name: "acme", Alias: "acme"}); err != nil {
				t.Fatal(err)
			}
			expect("another one under the alias", realm.Fail, `"acme" is another one now`)
		})
	}
}
