package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// remedy is a fault that the test makes. Doctor's remedy for it must end it and break nothing else.
type remedy struct {
	name    string
	provoke func(*testing.T, apptest.Patient)
	check   string
	text    string // part of the finding
	// says are parts of the fix that name what byHand does, where an operator must click or write. The
	// test runs the commands of the fix after byHand, exactly as doctor prints them.
	says   []string
	byHand func(*testing.T, apptest.Patient)
	// after does what the fix says about the files that a command made in a directory.
	after func(t *testing.T, p apptest.Patient, dir string)
}

// theRealm changes settings of the realm, where a fix says to set them in Keycloak's console.
func theRealm(settings string) func(*testing.T, apptest.Patient) {
	return func(t *testing.T, p apptest.Patient) { t.Helper(); p.Set(t, settings) }
}

// theRight gives the bridge's account a right of realm-management, or removes the right.
func theRight(name string, given bool) func(*testing.T, apptest.Patient) {
	return func(t *testing.T, p apptest.Patient) { t.Helper(); p.Right(t, name, given) }
}

// declared changes one attribute of the user profile.
func declared(name string, change func(*keycloak.ProfileAttribute)) func(*testing.T, apptest.Patient) {
	return func(t *testing.T, p apptest.Patient) {
		t.Helper()
		p.Profile(t, func(u *keycloak.UserProfile) { change(u.Attribute(name)) })
	}
}

// inFile changes a file beside the configuration. It returns an error when nothing changes.
func inFile(name, pattern, with string) func(*testing.T, apptest.Patient) {
	return func(t *testing.T, p apptest.Patient) {
		t.Helper()
		p.EditFile(t, name, func(s string) string {
			out := regexp.MustCompile(pattern).ReplaceAllString(s, with)
			if out == s {
				t.Fatalf("%s has no %s:\n%s", name, pattern, s)
			}
			return out
		})
	}
}

// both does one thing after another.
func both(all ...func(*testing.T, apptest.Patient)) func(*testing.T, apptest.Patient) {
	return func(t *testing.T, p apptest.Patient) {
		t.Helper()
		for _, do := range all {
			do(t, p)
		}
	}
}

// obey runs a command as doctor printed it. It answers yes to setup's questions; the
// administrator's name and password are in the environment.
func obey(t *testing.T, p apptest.Patient, line string) (dir string) {
	t.Helper()
	if strings.HasPrefix(line, "kcadm.sh remove-roles ") {
		words := apptest.ShellWords(t, line)
		for i, word := range words {
			if word == "--rolename" {
				p.Right(t, words[i+1], false)
			}
		}
		return ""
	}
	if strings.HasPrefix(line, "kcadm.sh ") {
		apptest.MendByAdminCLI(t, p.Server, line)
		return ""
	}
	words := apptest.ShellWords(t, line)[1:]
	if words[0] == "setup" {
		words = append(words, "--yes")
	}
	if i := slices.Index(words, "DIR"); i >= 0 {
		dir = t.TempDir()
		words[i] = dir
	}
	out, told, code := command(t, "", words...)
	if code != 0 && words[0] != "doctor" {
		t.Errorf("%s ends with %d:\n%s%s", line, code, out, told)
	}
	return dir
}

// noOwnGroups is what doctor says before Keycloak 26.6.
const noOwnGroups = "this Keycloak has no groups of organizations, so the tenant has no groups"

// illness returns the findings that did not pass. It leaves out what an older Keycloak cannot
// avoid, and the findings that TestDoctorReportsExistingUsers and TestDoctorReportsExternalIDs cover.
func illness(all []realm.Finding) []realm.Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f realm.Finding) bool {
		return f.OK() || apptest.AboutAccounts(f) || f.Check == "privileges" && strings.Contains(f.Text, "need manage-realm on this Keycloak") || strings.Contains(f.Text, noOwnGroups)
	})
}

// tryRemedies provokes each finding, does what its fix says, and checks that the finding is gone
// and nothing else is broken.
func tryRemedies(t *testing.T, p apptest.Patient, path string, list []remedy) {
	t.Helper()
	if ill := illness(p.FindingsAt(t, path)); len(ill) > 0 {
		t.Fatalf("of a tenant in health doctor says %+v", ill)
	}
	for _, r := range list {
		r.provoke(t, p)
		ill := illness(p.FindingsAt(t, path))
		i := slices.IndexFunc(ill, func(f realm.Finding) bool { return f.Check == r.check && strings.Contains(f.Text, r.text) })
		if i < 0 {
			t.Fatalf("%s: doctor says %+v, want %s %q", r.name, ill, r.check, r.text)
		}
		fix := ill[i].Fix
		for _, part := range r.says {
			if !strings.Contains(fix, part) {
				t.Errorf("%s: the fix %q does not say %q", r.name, fix, part)
			}
		}
		if (r.byHand == nil) != (r.says == nil) {
			t.Fatalf("%s: what is done by hand has to be said", r.name)
		}
		if r.byHand != nil {
			r.byHand(t, p)
		} else if len(apptest.CommandsOf(fix)) == 0 {
			t.Errorf("%s: the fix %q has no command", r.name, fix)
		}
		for _, line := range apptest.CommandsOf(fix) {
			if dir := obey(t, p, line); r.after != nil {
				r.after(t, p, dir)
			}
		}
		if ill := illness(p.FindingsAt(t, path)); len(ill) > 0 {
			t.Fatalf("%s: after its fix %q doctor says %+v", r.name, fix, ill)
		}
	}
}

// TestTheRemediesOfDoctor: the account, the user profile, the realm and the tokens.
func TestTheRemediesOfDoctor(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	p := apptest.Patient{Bridge: apptest.NewMappedBridge(t, server), Server: server}
	inTokens := func(pattern, with string) func(*testing.T, apptest.Patient) {
		return inFile("tokens.yaml", pattern, with)
	}
	var config string
	kept := func(change func(*testing.T, apptest.Patient)) func(*testing.T, apptest.Patient) {
		return func(t *testing.T, p apptest.Patient) {
			t.Helper()
			config = apptest.ReadPage(t, p.File)
			change(t, p)
		}
	}
	restored := func(t *testing.T, p apptest.Patient) {
		t.Helper()
		p.EditFile(t, "config.yaml", func(string) string { return config })
	}
	tryRemedies(t, p, "", []remedy{
		{name: "a missing right", provoke: theRight("view-realm", false), check: "rights", text: "view-realm"},
		{name: "a missing right of links", provoke: theRight("view-identity-providers", false), check: "rights", text: "view-identity-providers"},
		{
			name: "no way to manage users", provoke: both(theRight("manage-users", false), theRight("query-users", true), theRight("query-groups", true)), check: "rights", text: "no fine-grained permission",
			says: []string{"remove query-users and query-groups from it"}, byHand: both(theRight("query-users", false), theRight("query-groups", false)),
		},
		{name: "too many rights", provoke: theRight("manage-realm", true), check: "privileges", text: "manage-realm"},
		{
			name: "a role beside permissions", provoke: both(theRealm(`{"adminPermissionsEnabled":true}`), theRight("query-users", true), theRight("query-groups", true)), check: "privileges", text: "besides query-users",
			says: []string{"remove query-users and query-groups"}, byHand: both(theRight("query-users", false), theRight("query-groups", false)),
		},
		{name: "an attribute that is not declared", provoke: apptest.Undeclared("cost_center"), check: "user profile", text: "cost_center"},
		{name: "an attribute of the bridge that is not declared", provoke: apptest.Undeclared("scim.owner"), check: "user profile", text: "scim.owner"},
		{name: "an attribute of the bridge's account", provoke: apptest.Undeclared("scim.revoked"), check: "user profile", text: "scim.revoked"},
		{name: "an attribute that users edit", provoke: declared("cost_center", func(a *keycloak.ProfileAttribute) { a.Edit = []string{"admin", "user"} }), check: "user profile", text: "edited by users"},
		{name: "an attribute of the bridge that users edit", provoke: declared("scim.owner", func(a *keycloak.ProfileAttribute) { a.Edit = []string{"admin", "user"} }), check: "user profile", text: "edited by users"},
		{name: "an attribute that administrators do not see", provoke: declared("floor", func(a *keycloak.ProfileAttribute) { a.View = []string{"user"} }), check: "user profile", text: "cannot be read"},
		{name: "an attribute with one value", provoke: declared("badges", func(a *keycloak.ProfileAttribute) { a.MultiValued = false }), check: "user profile", text: "needs several"},
		{name: "a validator of user names", provoke: declared("username", func(a *keycloak.ProfileAttribute) {
			a.Validations["username-prohibited-characters"] = jsontext.Value("{}")
		}), check: "validators", text: "username-prohibited-characters"},
		{name: "a validator of names", provoke: declared("lastName", func(a *keycloak.ProfileAttribute) {
			a.Validations["person-name-prohibited-characters"] = jsontext.Value("{}")
		}), check: "validators", text: "person-name-prohibited-characters"},
		{name: "user names that stay", provoke: theRealm(`{"editUsernameAllowed":false}`), check: "user names", text: "changes of userName are refused"},
		{name: "user names that are addresses", provoke: theRealm(`{"registrationEmailAsUsername":true}`), check: "user names", text: "uses e-mail addresses", says: []string{"switch off Email as username"}, byHand: theRealm(`{"registrationEmailAsUsername":false}`)},
		{name: "addresses of several", provoke: theRealm(`{"loginWithEmailAllowed":false,"duplicateEmailsAllowed":true}`), check: "e-mail addresses", text: "several users", says: []string{"switch off Duplicate emails"}, byHand: theRealm(`{"duplicateEmailsAllowed":false,"loginWithEmailAllowed":true}`)},
		{name: "something to do first", provoke: func(t *testing.T, p apptest.Patient) { t.Helper(); p.Action(t, "true") }, check: "first login", text: "UPDATE_PROFILE", says: []string{"under Authentication, Required actions", "by default"}, byHand: func(t *testing.T, p apptest.Patient) { t.Helper(); p.Action(t, "false") }},
		{name: "adoption and registration", provoke: both(theRealm(`{"registrationAllowed":true}`), kept(inFile("config.yaml", "      - tokensFile:", "      - adopt: unowned\n        tokensFile:"))), check: "adoption", text: "anybody can register", says: []string{"switch off User registration"}, byHand: both(theRealm(`{"registrationAllowed":false}`), restored)},
		{name: "all accounts and registration", provoke: theRealm(`{"registrationAllowed":true}`), check: "registration", text: "anybody can register", says: []string{"switch off User registration"}, byHand: theRealm(`{"registrationAllowed":false}`)},
		{
			name: "all accounts and registration, the other way", provoke: both(theRealm(`{"registrationAllowed":true}`), kept(func(*testing.T, apptest.Patient) {})), check: "registration", text: "with a password of their own choice", says: []string{"set scope: owned"},
			byHand: both(inFile("config.yaml", "      - tokensFile:", "      - scope: owned\n        tokensFile:"), func(t *testing.T, p apptest.Patient) {
				t.Helper()
				if ill := illness(p.FindingsAt(t, "")); len(ill) > 0 {
					t.Errorf("with scope: owned doctor says %+v", ill)
				}
				p.Set(t, `{"registrationAllowed":false}`)
			}, restored),
		},
		{
			name: "adoption and registration, the other way", provoke: both(theRealm(`{"registrationAllowed":true}`), inFile("config.yaml", "      - tokensFile:", "      - adopt: unowned\n        tokensFile:")), check: "adoption", text: "anybody can register", says: []string{"write adopt: never"},
			byHand: both(inFile("config.yaml", "adopt: unowned", "adopt: never"), func(t *testing.T, p apptest.Patient) {
				t.Helper()
				if ill := p.FindingsAt(t, ""); slices.ContainsFunc(ill, func(f realm.Finding) bool { return f.Check == "adoption" }) {
					t.Errorf("with adopt: never doctor says %+v", ill)
				}
				p.Set(t, `{"registrationAllowed":false}`)
			}),
		},
		{name: "a role that is gone", provoke: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			apptest.AdminSend(t, p.Server, "DELETE", "/admin/realms/"+p.Realm+"/roles/employee", "")
		}, check: "roles", text: "does not exist", says: []string{"create it in Keycloak"}, byHand: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			apptest.AdminSend(t, p.Server, "POST", "/admin/realms/"+p.Realm+"/roles", `{"name":"employee"}`)
		}},
		{name: "a role that administers", provoke: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.Compose(t, p.Server, p.KnownRole(t, keycloak.RoleName{Name: "employee"}), apptest.ManagementRole("manage-users"))
		}, check: "roles", text: "contains the right manage-users", says: []string{"remove that right from the role"}, byHand: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			decompose(t, p, p.KnownRole(t, keycloak.RoleName{Name: "employee"}), p.KnownRole(t, apptest.ManagementRole("manage-users")))
		}},
		{name: "an identity provider that is gone", provoke: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			apptest.AdminSend(t, p.Server, "DELETE", "/admin/realms/"+p.Realm+"/identity-provider/instances/corp", "")
		}, check: "identity provider", text: "does not exist", says: []string{"create it in Keycloak"}, byHand: func(t *testing.T, p apptest.Patient) { t.Helper(); apptest.AddProvider(t, p.Server, p.Realm, "corp") }},
		{name: "a default role that administers", provoke: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.Compose(t, p.Server, defaultRole(t, p), apptest.ManagementRole("manage-users"))
		}, check: "protected", text: "every user of the realm is an administrator", says: []string{"remove the right or the permission from the role"}, byHand: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			decompose(t, p, defaultRole(t, p), p.KnownRole(t, apptest.ManagementRole("manage-users")))
		}},
		{name: "a role that cannot be looked up", provoke: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			p.MakeRole(t, p.Server, "", "a/b", apptest.ManagementRole("manage-users"))
		}, check: "protected", text: "the bridge cannot find out who has the role", says: []string{"give the role another name"}, byHand: func(t *testing.T, p apptest.Patient) {
			t.Helper()
			renameRole(t, p, "a/b", "a-b")
		}},
		{name: "a wrong secret", provoke: inFile("secret", ".+", "wrong"), check: "account", text: "refuses the client's credentials", says: []string{"put the client's secret where clientSecretFile"}, byHand: func(*testing.T, apptest.Patient) {}, after: func(t *testing.T, p apptest.Patient, dir string) {
			t.Helper()
			p.EditFile(t, "secret", func(string) string { return apptest.ReadPage(t, filepath.Join(dir, "secret")) })
		}},
		{name: "a wrong path", provoke: kept(inFile("config.yaml", regexp.QuoteMeta(server.URL), server.URL+"/auth")), check: "keycloak", text: "there is no Keycloak at", says: []string{"correct keycloak.url"}, byHand: restored},
		{name: "a wrong server", provoke: kept(inFile("config.yaml", regexp.QuoteMeta(server.URL), "http://127.0.0.1:1")), check: "keycloak", text: "does not answer", says: []string{"check keycloak.url"}, byHand: restored},
		{name: "a wrong realm", provoke: kept(inFile("config.yaml", `(?m)^  "?`+p.Realm+`"?:`, "  nobody:")), check: "keycloak", text: "has no realm", says: []string{"correct the name of the realm"}, byHand: restored},
		{name: "a token that ended", provoke: inTokens("expires: .*", "expires: 2026-01-31"), check: "token", text: "has no other valid token"},
		{name: "a token that ends soon", provoke: inTokens("expires: .*", "expires: "+time.Now().AddDate(0, 0, 10).Format(time.DateOnly)), check: "token", text: "expires in"},
		{name: "a token that ended beside a good one", provoke: inTokens(`tokens:\n`, "tokens:\n  - name: \"old one\"\n    sha256: "+strings.Repeat("ab", 32)+"\n    expires: 2026-01-31\n"), check: "token", text: `"old one" expired`},
		{name: "no token", provoke: inTokens(`(?s)tokens:\n.*`, "tokens: []\n"), check: "token", text: "the tenant has no token"},
	})
}

// decompose removes a role from a composite role.
func decompose(t *testing.T, p apptest.Patient, from, what keycloak.Role) {
	t.Helper()
	apptest.AdminSend(t, p.Server.WithAllRealms(), "DELETE", "/admin/realms/"+p.Realm+"/roles-by-id/"+from.ID+"/composites", fmt.Sprintf(`[{"id":%q,"name":%q}]`, what.ID, what.Name))
}

// defaultRole is the role that each user of the realm has.
func defaultRole(t *testing.T, p apptest.Patient) keycloak.Role {
	t.Helper()
	s, err := p.Admin.RealmSettings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.DefaultRole
}

// renameRole gives a role of the realm another name. It finds the role by its id.
func renameRole(t *testing.T, p apptest.Patient, from, to string) {
	t.Helper()
	roles, err := p.Admin.Roles(t.Context(), keycloak.ClientInfo{})
	i := slices.IndexFunc(roles, func(r keycloak.Role) bool { return r.Name == from })
	if err != nil || i < 0 {
		t.Fatalf("the roles are %v, %v", roles, err)
	}
	apptest.AdminSend(t, p.Server, "PUT", "/admin/realms/"+p.Realm+"/roles-by-id/"+roles[i].ID, fmt.Sprintf(`{"id":%q,"name":%q,"composite":true}`, roles[i].ID, to))
}

// TestTheCommandsOfWhatPassed: the commands of findings that are no warnings work, too.
func TestTheCommandsOfWhatPassed(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	p := apptest.Patient{Bridge: apptest.NewBridgeOn(t, server, nil), Server: server}
	for check, want := range map[string]string{"change feed": "on: ", "scripts": "user names may have"} {
		finding := func() (out realm.Finding) {
			for _, f := range p.FindingsAt(t, "") {
				if f.Check == check {
					out = f
				}
			}
			return out
		}
		info := finding()
		if info.Severity != realm.Info || len(apptest.CommandsOf(info.Fix)) != 1 {
			t.Fatalf("%s: doctor finds %+v, which has no command", check, info)
		}
		obey(t, p, info.Fix)
		if got := finding(); got.Severity != realm.Pass || !strings.HasPrefix(got.Text, want) {
			t.Errorf("%s: after its command doctor finds %+v", check, got)
		}
	}
}

// TestACommandThatTextsNameIsTakenApartAsItWasPutTogether: a shell reads it correctly, whatever the
// names of files and realms are.
func TestACommandThatTextsNameIsTakenApartAsItWasPutTogether(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "it's here")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	server := keycloaktest.NewFake(t).Server()
	realmName, _ := apptest.NewEmptyRealm(t, server)
	made := apptest.RunSetup(t, server, realmName, "--out", dir, "--client-id", "another client")
	p := apptest.Patient{Bridge: apptest.Bridge{File: made.Config, Realm: realmName}, Server: server}
	p.EditFile(t, "tokens.yaml", func(s string) string {
		return regexp.MustCompile(`expires: .*`).ReplaceAllString(s, "expires: 2026-01-31")
	})
	for _, f := range illness(p.FindingsAt(t, "")) {
		for _, line := range apptest.CommandsOf(f.Fix) {
			obey(t, p, line)
		}
	}
	if ill := illness(p.FindingsAt(t, "")); len(ill) > 0 {
		t.Errorf("doctor says %+v", ill)
	}
	for _, f := range p.FindingsAt(t, "") {
		if f.Check == "change feed" && !strings.Contains(f.Fix, "--client-id 'another client'") {
			t.Errorf("the command would make another client: %s", f.Fix)
		}
	}
}
