package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// patient is a tenant that doctor looks at.
type patient struct {
	testBridge
	server keycloaktest.Server
}

// diagnose is what doctor finds that did not pass, and the code with which the command ends.
func (p patient) diagnose(t *testing.T) (ill []realm.Finding, code int) {
	t.Helper()
	for _, f := range p.findingsAt(t, "") {
		if f.Severity == realm.Fail {
			code = 1
		}
		if f.Severity != realm.Pass && !aboutAccounts(f) {
			ill = append(ill, f)
		}
	}
	return ill, code
}

// set changes settings of the realm.
func (p patient) set(t *testing.T, settings string) {
	t.Helper()
	adminPut(t, p.server, "/admin/realms/"+p.realm, settings)
}

// right gives the service account a role of realm-management, or takes it away.
func (p patient) right(t *testing.T, name string, given bool) {
	t.Helper()
	role, err := p.admin.FindRole(t.Context(), keycloak.RoleName{Client: "realm-management", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	id, _, err := p.admin.FindClient(t.Context(), "scim-bridge")
	if err != nil {
		t.Fatal(err)
	}
	account, err := p.admin.ServiceAccount(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	change := p.admin.RevokeRoles
	if given {
		change = p.admin.GrantRoles
	}
	if err := change(t.Context(), account, []keycloak.Role{role}); err != nil {
		t.Fatal(err)
	}
}

// profile changes the declarations of the realm's user profile.
func (p patient) profile(t *testing.T, change func(*keycloak.UserProfile)) {
	t.Helper()
	profile, err := p.admin.UserProfile(t.Context())
	if err == nil {
		change(&profile)
		err = p.admin.UpdateUserProfile(t.Context(), profile)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// write changes a file beside the configuration.
func (b testBridge) write(t *testing.T, name string, change func(string) string) {
	t.Helper()
	file := filepath.Join(filepath.Dir(b.file), name)
	data, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(change(string(data))), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// fault is something broken on purpose.
type fault struct {
	name     string
	do, mend func(*testing.T, patient)
	severity realm.Severity
	check    string
	text     string // part of what doctor says
	fix      string // part of the remedy
}

func setting(broken, good string) (do, mend func(*testing.T, patient)) {
	set := func(settings string) func(*testing.T, patient) {
		return func(t *testing.T, p patient) { t.Helper(); p.set(t, settings) }
	}
	return set(broken), set(good)
}

func faults() []fault {
	userNames, userNamesAgain := setting(`{"editUsernameAllowed":false}`, `{"editUsernameAllowed":true}`)
	duplicates, duplicatesAgain := setting(`{"loginWithEmailAllowed":false,"duplicateEmailsAllowed":true}`, `{"duplicateEmailsAllowed":false,"loginWithEmailAllowed":true}`)
	rights := func(name string, broken bool) func(*testing.T, patient) {
		return func(t *testing.T, p patient) { t.Helper(); p.right(t, name, broken) }
	}
	secret, token, ended := "", "", ""
	return []fault{
		{"a missing role", rights("view-realm", false), rights("view-realm", true), realm.Fail, "rights", "lacks the realm-management roles view-realm", "scim-bridge setup --url "},
		{"an undeclared attribute", func(t *testing.T, p patient) {
			t.Helper()
			p.profile(t, func(u *keycloak.UserProfile) {
				u.Attributes = slices.DeleteFunc(u.Attributes, func(a keycloak.ProfileAttribute) bool { return a.Name == "cost_center" })
			})
		}, func(t *testing.T, p patient) {
			t.Helper()
			p.profile(t, func(u *keycloak.UserProfile) {
				admin := []string{"admin"}
				u.Attributes = append(u.Attributes, keycloak.ProfileAttribute{Name: "cost_center", View: admin, Edit: admin})
			})
		}, realm.Fail, "user profile", `user attribute "cost_center" is not declared in the user profile, so that Keycloak drops it`, " --url http://127.0.0.1:"},
		{"a wrong secret", func(t *testing.T, p patient) {
			t.Helper()
			p.write(t, "secret", func(s string) string { secret = s; return "not-the-secret" })
		}, func(t *testing.T, p patient) {
			t.Helper()
			p.write(t, "secret", func(string) string { return secret })
		}, realm.Fail, "account", "Keycloak refuses the client's credentials (unauthorized_client: Invalid client or Invalid client credentials)", "clientSecretFile"},
		{"user names that cannot be changed", userNames, userNamesAgain, realm.Warn, "user names", "changes of userName are refused", "--allow-username-changes"},
		{"an account with too many rights", rights("manage-realm", true), rights("manage-realm", false), realm.Warn, "privileges", "more than it needs, manage-realm: who has its secret could change the realm", "take these roles"},
		{"addresses of several users", duplicates, duplicatesAgain, realm.Warn, "e-mail addresses", "several users may have one address", "Duplicate emails"},
		{"a role that is gone", func(t *testing.T, p patient) {
			t.Helper()
			adminSend(t, p.server, http.MethodDelete, "/admin/realms/"+p.realm+"/roles/employee", "")
		}, func(t *testing.T, p patient) {
			t.Helper()
			adminSend(t, p.server, http.MethodPost, "/admin/realms/"+p.realm+"/roles", `{"name":"employee"}`)
		}, realm.Fail, "roles", `the role "employee" of the mapping does not exist`, "create it in Keycloak, or change the mapping"},
		{"adoption where anybody can register", func(t *testing.T, p patient) {
			t.Helper()
			p.set(t, `{"registrationAllowed":true}`)
			p.write(t, "config.yaml", func(s string) string {
				ended = s
				return strings.Replace(s, "      - tokensFile:", "      - adopt: unowned\n        tokensFile:", 1)
			})
		}, func(t *testing.T, p patient) {
			t.Helper()
			p.set(t, `{"registrationAllowed":false}`)
			p.write(t, "config.yaml", func(string) string { return ended })
		}, realm.Warn, "adoption", "anybody can register one under a name", "switch off User registration"},
		{"something to do at the first login", func(t *testing.T, p patient) {
			t.Helper()
			p.action(t, "true")
		}, func(t *testing.T, p patient) { t.Helper(); p.action(t, "false") }, realm.Warn, "first login", "UPDATE_PROFILE", "Required actions"},
		{"a token that ended", func(t *testing.T, p patient) {
			t.Helper()
			p.write(t, "tokens.yaml", func(s string) string {
				ended = s
				return regexp.MustCompile(`expires: .*`).ReplaceAllString(s, "expires: 2026-01-31")
			})
		}, func(t *testing.T, p patient) {
			t.Helper()
			p.write(t, "tokens.yaml", func(string) string { return ended })
		}, realm.Fail, "token", `"idp" expired on 2026-01-31, and the tenant has no other`, "make a new token"},
		{"a token that ended beside a good one", func(t *testing.T, p patient) {
			t.Helper()
			p.write(t, "tokens.yaml", func(s string) string {
				ended = s
				more := "- name: \"old\"\n    sha256: " + strings.Repeat("ab", 32) + "\n    expires: 2026-01-31\n  - name: \"idp\""
				return strings.Replace(s, `- name: "idp"`, more, 1)
			})
		}, func(t *testing.T, p patient) {
			t.Helper()
			p.write(t, "tokens.yaml", func(string) string { return ended })
		}, realm.Warn, "token", `"old" expired on 2026-01-31`, "tokens revoke"},
		{"a token that ends soon", func(t *testing.T, p patient) {
			t.Helper()
			p.write(t, "tokens.yaml", func(s string) string {
				token = s
				return regexp.MustCompile(`expires: .*`).ReplaceAllString(s, "expires: "+time.Now().AddDate(0, 0, 10).Format(time.DateOnly))
			})
		}, func(t *testing.T, p patient) {
			t.Helper()
			p.write(t, "tokens.yaml", func(string) string { return token })
		}, realm.Warn, "token", `"idp" expires in`, "make a new token"},
	}
}

// action makes an action one that every new user has to do, or none.
func (p patient) action(t *testing.T, byDefault string) {
	t.Helper()
	adminPut(t, p.server, "/admin/realms/"+p.realm+"/authentication/required-actions/UPDATE_PROFILE",
		`{"alias":"UPDATE_PROFILE","name":"Update Profile","enabled":true,"defaultAction":`+byDefault+`}`)
}

// TestDoctorFinds what is broken on purpose, that alone, and nothing once it is mended.
func TestDoctorFinds(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			p := patient{newMappedBridge(t, server), server}
			if ill, code := p.diagnose(t); code != 0 || len(ill) > 0 {
				t.Fatalf("of a tenant in health doctor ends with %d and says %v", code, ill)
			}
			for _, f := range faults() {
				f.do(t, p)
				ill, code := p.diagnose(t)
				want := 1
				if f.severity == realm.Warn {
					want = 0
				}
				if code != want || len(ill) != 1 || ill[0].Severity != f.severity || ill[0].Check != f.check || !strings.Contains(ill[0].Text, f.text) || !strings.Contains(ill[0].Fix, f.fix) {
					t.Errorf("%s: doctor ends with %d and says %+v, want %d and %s %s %q, fix %q", f.name, code, ill, want, f.severity, f.check, f.text, f.fix)
				}
				f.mend(t, p)
			}
			if ill, code := p.diagnose(t); code != 0 || len(ill) > 0 {
				t.Errorf("of a tenant that was mended doctor ends with %d and says %v", code, ill)
			}
		})
	}
}

// TestDoctorWithoutKeycloak: a realm that is not there, and a server that is not there.
func TestDoctorWithoutKeycloak(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	p := patient{newMappedBridge(t, server), server}
	if err := p.admin.DeleteRealm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ill, code := p.diagnose(t); code != 1 || len(ill) != 1 || !strings.Contains(ill[0].Text, "it knows no realm") {
		t.Errorf("without the realm doctor ends with %d and says %v", code, ill)
	}
	p.write(t, "config.yaml", func(s string) string { return strings.ReplaceAll(s, server.URL, "http://127.0.0.1:1") })
	if ill, code := p.diagnose(t); code != 1 || len(ill) != 1 || !strings.Contains(ill[0].Text, "it does not answer") || !strings.Contains(ill[0].Fix, "keycloak.url") {
		t.Errorf("without a server doctor ends with %d and says %v", code, ill)
	}
}

// TestDoctorPrints a line for each check, and the remedies.
func TestDoctorPrints(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	b := newMappedBridge(t, server)
	out, _, code := command(t, "", "doctor", "--config", b.file)
	for _, want := range []string{
		"tenant " + b.realm + ", realm " + b.realm + "\n",
		"PASS  rights            the service account has manage-users, view-realm, view-clients, view-identity-providers\n",
		"PASS  protected         users that are protected: 0; groups: 0; service accounts, which no tenant has: 2\n",
		" passed, 0 warnings, 0 failed\n",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("doctor ended with %d and does not print %q:\n%s", code, want, out)
		}
	}
	if _, told, code := command(t, "", "doctor", "--config", b.file, "--tenant", "nope"); code != exitUsage || !strings.Contains(told, `no tenant "nope"; it has `+b.realm) {
		t.Errorf("doctor of another tenant ended with %d: %s", code, told)
	}
	if _, _, code := command(t, "", "doctor", "--config", b.file, "--output", "xml"); code != exitUsage {
		t.Errorf("doctor --output xml ended with %d", code)
	}
	if _, told, code := command(t, "", "doctor", "--config", "testdata/mapping.yaml"); code != exitProblems || !strings.Contains(told, "testdata/mapping.yaml:") {
		t.Errorf("doctor of a configuration with problems ended with %d: %s", code, told)
	}
}
