package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestARefusedUserNameNamesTheCharacterAndWhatAllowsIt: two validators of Keycloak refuse
// characters with the same error code, and each has its own remedy.
func TestARefusedUserNameNamesTheCharacterAndWhatAllowsIt(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, admin := apptest.NewEmptyRealm(t, server)
			strict := []string{"setup", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password, "--yes"}
			made := apptest.RunSetup(t, server, realm, "--relax-validators=false", "--allow-username-changes=false")
			b := apptest.NewBridgeOf(t, server, made, realm, admin, nil)
			cases := []struct{ body, wants, flag string }{
				{`{"userName":"o'neil"}`, `userName contains "'"`, "--relax-validators"},
				{`{"userName":"guest#EXT#"}`, `userName contains "#"`, "--relax-validators"},
				{`{"userName":"john smith"}`, `userName contains " "`, "--relax-validators"},
				{`{"userName":"neil","name":{"familyName":"O#Neil"}}`, `name.familyName contains "#"`, "--relax-validators"},
				{`{"userName":"山田太郎"}`, `userName contains "山"`, "--allow-all-scripts"},
				{`{"userName":"иван"}`, `userName contains "и"`, "--allow-all-scripts"},
			}
			for _, c := range cases {
				got := b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", c.body)
				if !strings.Contains(got, c.wants) || !strings.Contains(got, "ask the operator of this endpoint to allow") || strings.Contains(got, "--") {
					t.Errorf("%s is refused with %q, want %q", c.body, got, c.wants)
				}
				if got := remedyInLog(b); got != "setup "+c.flag {
					t.Errorf("%s: the log has the remedy %q, want %s", c.body, got, c.flag)
				}
			}
			both := b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{"userName":"o'и"}`)
			if got := remedyInLog(b); got != "setup --relax-validators, setup --allow-all-scripts" || !strings.Contains(both, `"'"`) || !strings.Contains(both, `"и"`) {
				t.Errorf("what both validators refuse is refused with %q, and the log has the remedy %q", both, got)
			}
			for _, flag := range []string{"--relax-validators", "--allow-all-scripts"} {
				if _, told, code := command(t, "", append(slices.Clone(strict), flag)...); code != 0 {
					t.Fatal(told)
				}
				for _, c := range cases {
					if c.flag == flag {
						b.Create(t, "/Users", c.body)
					}
				}
			}
			if _, told, _ := command(t, "", append(slices.Clone(strict), "--relax-validators", "--allow-all-scripts")...); !strings.Contains(told, "nothing to change") {
				t.Errorf("setup again: %s", told)
			}
		})
	}
}

// remedyInLog returns the remedy for the operator in the log line of the last request.
func remedyInLog(b apptest.Bridge) string {
	all := b.Lines.FilterMessage("request").All()
	remedy, _ := all[len(all)-1].ContextMap()["remedy"].(string)
	return remedy
}

// TestSetupKeepsWhatTheRealmDeclared: for attributes that a mapping names, setup keeps who may view
// them. It keeps who may edit them unless the operator agrees to a change.
func TestSetupKeepsWhatTheRealmDeclared(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, admin := apptest.NewEmptyRealm(t, server)
			profile, err := admin.UserProfile(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			everybody, users := []string{"admin", "user"}, []string{"user"}
			profile.Attributes = append(profile.Attributes,
				keycloak.ProfileAttribute{Name: "phone", View: everybody, Edit: everybody},
				keycloak.ProfileAttribute{Name: "nick", View: users, Edit: []string{"admin"}},
				keycloak.ProfileAttribute{Name: "desk", View: everybody, Edit: []string{"admin"}})
			if err := admin.UpdateUserProfile(t.Context(), profile); err != nil {
				t.Fatal(err)
			}
			file := apptest.MappingFile(t, `version: 1
users:
  attributes:
    title: { keycloak: phone }
    nickName: { keycloak: nick }
    displayName: { keycloak: desk }
    userType: { keycloak: kind }
`)
			args := []string{"setup", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password, "--mapping", file}
			rights := func() string {
				t.Helper()
				p, err := admin.UserProfile(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var out []string
				for _, name := range []string{"phone", "nick", "desk", "kind"} {
					a := p.Attribute(name)
					if a == nil {
						out = append(out, name+" none")
						continue
					}
					slices.Sort(a.View)
					slices.Sort(a.Edit)
					out = append(out, name+" "+strings.Join(a.View, "+")+"/"+strings.Join(a.Edit, "+"))
				}
				return strings.Join(out, ", ")
			}
			_, told, code := command(t, "", append(args, "--yes")...)
			for _, want := range []string{
				`let administrators view the user attribute nick, which the realm declares`,
				`declare the user attribute kind for administrators only`,
				`you must still do this: user attribute "phone" can be edited by users themselves`, "scim-bridge setup --url " + server.URL + " --realm " + realm + " --mapping ", " --restrict-attributes\n",
			} {
				if code != 0 || !strings.Contains(told, want) {
					t.Errorf("setup --mapping = %d, want %q in:\n%s", code, want, told)
				}
			}
			if strings.Contains(told, "desk") {
				t.Errorf("setup speaks of what it leaves as it is:\n%s", told)
			}
			if got, want := rights(), "phone admin+user/admin+user, nick admin+user/admin, desk admin+user/admin, kind admin/admin"; got != want {
				t.Errorf("after setup the attributes are %s, want %s", got, want)
			}
			_, told, _ = command(t, "n\nn\nn\nn\ny\ny\n", args...)
			if !strings.Contains(told, `Users can change their phone`) || !strings.Contains(told, `remove the users' right to edit phone`) {
				t.Errorf("setup asks:\n%s", told)
			}
			if got, want := rights(), "phone admin+user/admin, nick admin+user/admin, desk admin+user/admin, kind admin/admin"; got != want {
				t.Errorf("after setup that was agreed to the attributes are %s, want %s", got, want)
			}
		})
	}
}

// TestAWrongAddressOfKeycloakIsReportedAsSuch, and not as a wrong password.
func TestAWrongAddressOfKeycloakIsReportedAsSuch(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, _ := apptest.NewEmptyRealm(t, server)
			base := []string{"setup", "--realm", realm, "--admin-user", server.Admin, "--yes"}
			for _, c := range []struct {
				args []string
				want string
			}{
				{[]string{"--url", server.URL + "/auth", "--admin-password", server.Password}, "there is no Keycloak at this address"},
				{[]string{"--url", server.URL, "--admin-password", server.Password, "--admin-realm", "nobody"}, "--admin-realm"},
				{[]string{"--url", server.URL, "--admin-password", "wrong"}, "the administrator's name and password, check --admin-realm when the account is not in the realm master"},
			} {
				_, told, code := command(t, "", append(slices.Clone(base), c.args...)...)
				hint := hintOf(t, append(slices.Clone(base), c.args...))
				if code != exitFailure || !strings.Contains(told+hint, c.want) || c.want != "the administrator's name and password, check --admin-realm when the account is not in the realm master" && strings.Contains(told+hint, "password") {
					t.Errorf("%v = %d, %s\n%s\nwant %q", c.args, code, told, hint, c.want)
				}
			}
			b := apptest.NewBridgeOn(t, server, nil)
			b.EditFile(t, "config.yaml", func(s string) string { return strings.Replace(s, server.URL, server.URL+"/auth", 1) })
			out, _, code := command(t, "", "doctor", "--config", b.File)
			if code != exitFailure || !strings.Contains(out, "there is no Keycloak at "+server.URL+"/auth") || strings.Contains(out, "Keycloak has no realm") {
				t.Errorf("doctor = %d, %s", code, out)
			}
		})
	}
}

// TestTheHintOfACommandNamesTheAccountThatIsMeant: commands that use the bridge's own account do
// not ask for an administrator's password.
func TestTheHintOfACommandNamesTheAccountThatIsMeant(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	b.EditFile(t, app.SecretName, func(string) string { return "wrong" })
	hint := hintOf(t, []string{"users", "list", "--config", b.File})
	if strings.Contains(hint, "administrator") || !strings.Contains(hint, "scim-bridge doctor --config "+b.File+" --tenant "+b.Realm) {
		t.Errorf("the hint is %q", hint)
	}
}

// hintOf returns the hint below the error of a command.
func hintOf(t *testing.T, args []string) string {
	t.Helper()
	_, told, _ := command(t, "", args...)
	lines := strings.Split(strings.TrimSpace(told), "\n")
	if len(lines) < 2 {
		return ""
	}
	return lines[len(lines)-1]
}
