package realm_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// fault is something that the test breaks.
type fault struct {
	name     string
	do, mend func(*testing.T, apptest.Patient)
	severity realm.Severity
	check    string
	text     string // part of the finding's text
	fix      string // part of the remedy
}

func settingOfBridge(broken, good string) (do, mend func(*testing.T, apptest.Patient)) {
	set := func(settings string) func(*testing.T, apptest.Patient) {
		return func(t *testing.T, p apptest.Patient) { t.Helper(); p.Set(t, settings) }
	}
	return set(broken), set(good)
}

func faults() []fault {
	userNames, userNamesAgain := settingOfBridge(`{"editUsernameAllowed":false}`, `{"editUsernameAllowed":true}`)
	duplicates, duplicatesAgain := settingOfBridge(`{"loginWithEmailAllowed":false,"duplicateEmailsAllowed":true}`, `{"duplicateEmailsAllowed":false,"loginWithEmailAllowed":true}`)
	rights := func(name string, broken bool) func(*testing.T, apptest.Patient) {
		return func(t *testing.T, p apptest.Patient) { t.Helper(); p.Right(t, name, broken) }
	}
	secret, token, ended := "", "", ""
	return []fault{
		{"a missing role", rights("view-realm", false), rights("view-realm", true), realm.Fail, "rights", "lacks the realm-management roles view-realm", "scim-bridge setup --url "},
		{"an undeclared attribute", func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.Profile(t, func(u *keycloak.UserProfile) {
				u.Attributes = slices.DeleteFunc(u.Attributes, func(a keycloak.ProfileAttribute) bool { return a.Name == "cost_center" })
			})
		}, func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.Profile(t, func(u *keycloak.UserProfile) {
				admin := []string{"admin"}
				u.Attributes = append(u.Attributes, keycloak.ProfileAttribute{Name: "cost_center", View: admin, Edit: admin})
			})
		}, realm.Fail, "user profile", `user attribute "cost_center" is not declared in the user profile, so Keycloak silently drops it`, " --url http://127.0.0.1:"},
		{"a wrong secret", func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.EditFile(t, "secret", func(s string) string { secret = s; return "not-the-secret" })
		}, func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.EditFile(t, "secret", func(string) string { return secret })
		}, realm.Fail, "account", "Keycloak refuses the client's credentials (unauthorized_client: Invalid client or Invalid client credentials)", "clientSecretFile"},
		{"user names that cannot be changed", userNames, userNamesAgain, realm.Warn, "user names", "changes of userName are refused", "--allow-username-changes"},
		{"an account with too many rights", rights("manage-realm", true), rights("manage-realm", false), realm.Warn, "privileges", "more rights than it needs, manage-realm: somebody with its secret could change the realm", "remove these roles"},
		{"addresses of several users", duplicates, duplicatesAgain, realm.Warn, "e-mail addresses", "several users may have the same address", "Duplicate emails"},
		{"a role that is gone", func(t *testing.T, p apptest.Patient) {
			t.Helper()
			apptest.AdminSend(t, p.Server, http.MethodDelete, "/admin/realms/"+p.Realm+"/roles/employee", "")
		}, func(t *testing.T, p apptest.Patient) {
			t.Helper()
			apptest.AdminSend(t, p.Server, http.MethodPost, "/admin/realms/"+p.Realm+"/roles", `{"name":"employee"}`)
		}, realm.Fail, "roles", `the role "employee" of the mapping does not exist`, "create it in Keycloak, or change the mapping"},
		{"adoption where anybody can register", func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.Set(t, `{"registrationAllowed":true}`)
			p.EditFile(t, "config.yaml", func(s string) string {
				ended = s
				return strings.Replace(s, "      - tokensFile:", "      - adopt: unowned\n        tokensFile:", 1)
			})
		}, func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.Set(t, `{"registrationAllowed":false}`)
			p.EditFile(t, "config.yaml", func(string) string { return ended })
		}, realm.Warn, "adoption", "anybody can register an account under a name", "switch off User registration"},
		{"something to do at the first login", func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.Action(t, "true")
		}, func(t *testing.T, p apptest.Patient) { t.Helper(); p.Action(t, "false") }, realm.Warn, "first login", "UPDATE_PROFILE", "Required actions"},
		{"a token that ended", func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.EditFile(t, "tokens.yaml", func(s string) string {
				ended = s
				return regexp.MustCompile(`expires: .*`).ReplaceAllString(s, "expires: 2026-01-31")
			})
		}, func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.EditFile(t, "tokens.yaml", func(string) string { return ended })
		}, realm.Fail, "token", `"idp" expired on 2026-01-31, and the tenant has no other`, "make a new token"},
		{"a token that ended beside a good one", func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.EditFile(t, "tokens.yaml", func(s string) string {
				ended = s
				more := "- name: \"old\"\n    sha256: " + strings.Repeat("ab", 32) + "\n    expires: 2026-01-31\n  - name: \"idp\""
				return strings.Replace(s, `- name: "idp"`, more, 1)
			})
		}, func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.EditFile(t, "tokens.yaml", func(string) string { return ended })
		}, realm.Warn, "token", `"old" expired on 2026-01-31`, "tokens revoke"},
		{"a token that ends soon", func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.EditFile(t, "tokens.yaml", func(s string) string {
				token = s
				return regexp.MustCompile(`expires: .*`).ReplaceAllString(s, "expires: "+time.Now().AddDate(0, 0, 10).Format(time.DateOnly))
			})
		}, func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.EditFile(t, "tokens.yaml", func(string) string { return token })
		}, realm.Warn, "token", `"idp" expires in`, "make a new token"},
	}
}

// TestDoctorFinds exactly what the test broke, and nothing after the repair.
func TestDoctorFinds(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			p := apptest.Patient{Bridge: apptest.NewMappedBridge(t, server), Server: server}
			if ill, code := p.Diagnose(t); code != 0 || len(ill) > 0 {
				t.Fatalf("of a tenant in health doctor ends with %d and says %v", code, ill)
			}
			for _, f := range faults() {
				f.do(t, p)
				ill, code := p.Diagnose(t)
				want := 1
				if f.severity == realm.Warn {
					want = 0
				}
				if code != want || len(ill) != 1 || ill[0].Severity != f.severity || ill[0].Check != f.check || !strings.Contains(ill[0].Text, f.text) || !strings.Contains(ill[0].Fix, f.fix) {
					t.Errorf("%s: doctor ends with %d and says %+v, want %d and %s %s %q, fix %q", f.name, code, ill, want, f.severity, f.check, f.text, f.fix)
				}
				f.mend(t, p)
			}
			if ill, code := p.Diagnose(t); code != 0 || len(ill) > 0 {
				t.Errorf("of a tenant that was mended doctor ends with %d and says %v", code, ill)
			}
		})
	}
}

// TestDoctorWithoutKeycloak: without the realm, and without the server.
func TestDoctorWithoutKeycloak(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	p := apptest.Patient{Bridge: apptest.NewMappedBridge(t, server), Server: server}
	if err := p.Admin.DeleteRealm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ill, code := p.Diagnose(t); code != 1 || len(ill) != 1 || !strings.Contains(ill[0].Text, "Keycloak has no realm") {
		t.Errorf("without the realm doctor ends with %d and says %v", code, ill)
	}
	p.EditFile(t, "config.yaml", func(s string) string { return strings.ReplaceAll(s, server.URL, "http://127.0.0.1:1") })
	if ill, code := p.Diagnose(t); code != 1 || len(ill) != 1 || !strings.Contains(ill[0].Text, "Keycloak does not answer") || !strings.Contains(ill[0].Fix, "keycloak.url") {
		t.Errorf("without a server doctor ends with %d and says %v", code, ill)
	}
}
