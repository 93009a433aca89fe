package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestSecurity_38_SetupKeepsTheBridgeWithoutManageUsers: another run of setup does not restore the
// removed right, and keeps the other rights. Doctor reports when somebody gave the right back. Its
// remedy also helps an account that has no permissions yet.
func TestSecurity_38_SetupKeepsTheBridgeWithoutManageUsers(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t).WithAllRealms() // an administrator who grants roles when fine-grained permissions are on
			b := apptest.NewBridgeOn(t, server, nil)
			p := apptest.Patient{Bridge: b, Server: server}
			boss := b.MakeAccount(t, "boss", true)
			b.Grant(t, boss, b.KnownRole(t, apptest.ManagementRole("realm-admin")))
			account := b.WithoutManageUsers(t, server)
			setup := func() string {
				t.Helper()
				_, told, code := command(t, "", "setup", "--url", server.URL, "--realm", b.Realm, "--admin-user", server.Admin, "--admin-password", server.Password, "--yes", "--allow-username-changes")
				if code != 0 {
					t.Fatalf("setup ended with %d: %s", code, told)
				}
				return told
			}
			has := func(role string) bool {
				t.Helper()
				roles, err := b.Admin.EffectiveRoles(t.Context(), account, b.ManagementClient(t))
				if err != nil {
					t.Fatal(err)
				}
				return slices.Contains(roles, role)
			}
			found := func(check string) (text, fix string) {
				t.Helper()
				ill, _ := p.Diagnose(t)
				for _, f := range ill {
					if f.Check == check {
						return string(f.Severity) + " " + f.Text, f.Fix
					}
				}
				return fmt.Sprint(ill), ""
			}

			text, fix := found("rights")
			if !strings.Contains(text, "FAIL the service account lacks the realm-management role manage-users, and no fine-grained permission") ||
				!strings.Contains(fix, "the permissions of step 4") || !strings.Contains(fix, "remove query-users and query-groups from it, and let setup grant manage-users:\nscim-bridge setup --url "+server.URL+" --realm "+b.Realm) {
				t.Errorf("without permissions doctor says %s, and to %s", text, fix)
			}
			if told := setup(); !strings.Contains(told, "nothing to change") || has("manage-users") {
				t.Errorf("setup says %s, and the account has manage-users: %t", told, has("manage-users"))
			}
			recent := name == "real" && !keycloaktest.OlderThan("26.6")
			if recent { // the first remedy
				b.Permit(t, server, account, boss)
				if ill, code := p.Diagnose(t); len(ill) > 0 || code != 0 {
					t.Errorf("with the permissions doctor ends with %d: %+v", code, ill)
				}
				form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"scim-bridge"}, "client_secret": {b.Config.Realms[b.Realm].Credentials.Secret.Reveal()}}
				reset := apptest.Request{Method: http.MethodPut, Path: "/users/" + boss.String() + "/reset-password", Body: `{"type":"password","value":"Mine-of-the-attacker-1","temporary":false}`}
				setup()
				if got := b.AdminAs(t, server, form, reset); got != http.StatusForbidden {
					t.Errorf("after setup the bridge's secret sets an administrator's password: %d", got)
				}
			}

			p.Right(t, "view-realm", false)
			if told := setup(); !strings.Contains(told, "grant it the realm-management roles view-realm\n") || !has("view-realm") || has("manage-users") {
				t.Errorf("setup of an account that lacks view-realm says %s", told)
			}

			p.Right(t, "manage-users", true)
			text, fix = found("privileges")
			if !strings.Contains(text, "WARN the account has manage-users besides query-users and query-groups") || !strings.Contains(fix, "remove manage-users from the service account") {
				t.Errorf("with manage-users again doctor says %s, and to %s", text, fix)
			}
			p.Right(t, "manage-users", false)
			if ill, _ := p.Diagnose(t); slices.ContainsFunc(ill, func(f realm.Finding) bool { return f.Check == "privileges" }) || recent && len(ill) > 0 {
				t.Errorf("without it doctor says %+v", ill)
			}

			p.Right(t, "query-users", false) // the second remedy
			p.Right(t, "query-groups", false)
			if told := setup(); !strings.Contains(told, "grant it the realm-management roles manage-users\n") {
				t.Errorf("setup of an account that lacks manage-users says %s", told)
			}
			if ill, code := p.Diagnose(t); len(ill) > 0 || code != 0 {
				t.Errorf("with manage-users alone doctor ends with %d: %+v", code, ill)
			}
			p.Right(t, "manage-users", false)
			p.Right(t, "view-users", true) // contains query-users and query-groups, and needs no permissions
			if setup(); !has("manage-users") {
				t.Error("setup takes view-users for permissions")
			}
		})
	}
}

// TestSetupForAnOrganization binds the tenant to the organization's id and grants the smallest
// right that the server has. Setup grants the right to the whole realm only with its flag.
func TestSetupForAnOrganization(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, admin := apptest.NewEmptyRealm(t, server)
			args := []string{
				"setup", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password, "--yes",
				"--organization", "acme",
			}
			if _, told, code := command(t, "", args...); code != exitFailure || !strings.Contains(told, "Organizations are disabled") {
				t.Errorf("setup without Organizations = %d, %s", code, told)
			}
			apptest.AdminSend(t, server, http.MethodPut, "/admin/realms/"+realm, `{"organizationsEnabled":true}`)
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

// TestSetupTellsWhatItCannotMake: roles and identity providers that a mapping names.
func TestSetupTellsWhatItCannotMake(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	realm, _ := apptest.NewEmptyRealm(t, server)
	_, told, code := command(t, "", "setup", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password,
		"--yes", "--mapping", "../../bridge/mapping/testdata/mapping.yaml")
	for _, want := range []string{
		"manage-users, view-realm, view-clients, view-identity-providers;\n    view-clients: to find administrators (also lets it read the secrets of the realm's clients)",
		`you must still do this: the role "employee" of the mapping does not exist`, `you must still do this: the role "shop/editor" of the mapping does not exist`,
		`you must still do this: the identity provider "corp" of the mapping does not exist`,
	} {
		if code != 0 || !strings.Contains(told, want) {
			t.Errorf("setup ended with %d and does not say %q:\n%s", code, want, told)
		}
	}
}
