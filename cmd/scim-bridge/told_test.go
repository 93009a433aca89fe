package main

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestAConflictNamesAllThatIsTaken: Keycloak tells of the address alone when the user name is taken too.
func TestAConflictNamesAllThatIsTaken(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBridgeOn(t, start(t), nil)
			b.create(t, "/Users", `{"userName":"jane","emails":[{"value":"jane@acme.test","primary":true}]}`)
			b.create(t, "/Users", `{"userName":"joe","emails":[{"value":"joe@acme.test","primary":true}]}`)
			ann := b.create(t, "/Users", `{"userName":"ann","emails":[{"value":"ann@acme.test","primary":true}]}`)
			const both, address, user = "userName and the primary e-mail address are in use", "the primary e-mail address is in use", "userName is in use"
			for _, c := range []struct{ method, path, body, want string }{
				{http.MethodPost, "/Users", `{"userName":"jane","emails":[{"value":"jane@acme.test","primary":true}]}`, both},
				{http.MethodPost, "/Users", `{"userName":"JANE","emails":[{"value":"joe@acme.test","primary":true}]}`, both},
				{http.MethodPost, "/Users", `{"userName":"new","emails":[{"value":"jane@acme.test","primary":true}]}`, address},
				{http.MethodPost, "/Users", `{"userName":"jane","emails":[{"value":"new@acme.test","primary":true}]}`, user},
				{http.MethodPut, "/Users/" + ann, `{"userName":"jane","emails":[{"value":"joe@acme.test","primary":true}]}`, both},
				{http.MethodPut, "/Users/" + ann, `{"userName":"ann","emails":[{"value":"joe@acme.test","primary":true}]}`, address},
				{http.MethodPut, "/Users/" + ann, `{"userName":"ANN","emails":[{"value":"joe@acme.test","primary":true}]}`, address},
				{http.MethodPatch, "/Users/" + ann, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"userName","value":"joe"}]}`, user},
			} {
				if got := b.refused(t, http.StatusConflict, c.method, c.path, c.body); !strings.HasPrefix(got, c.want) {
					t.Errorf("%s %s is refused with %q, want %q", c.method, c.body, got, c.want)
				}
			}
		})
	}
}

// TestARefusedUserNameNamesTheCharacterAndWhatAllowsIt: the two validators of Keycloak that refuse characters
// answer with one code, and have a remedy each.
func TestARefusedUserNameNamesTheCharacterAndWhatAllowsIt(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, admin := newEmptyRealm(t, server)
			strict := []string{"setup", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password, "--yes"}
			made := runSetup(t, server, realm, "--relax-validators=false", "--allow-username-changes=false")
			b := newBridgeOf(t, made, realm, admin, nil)
			cases := []struct{ body, wants, flag string }{
				{`{"userName":"o'neil"}`, `userName holds "'"`, "--relax-validators"},
				{`{"userName":"guest#EXT#"}`, `userName holds "#"`, "--relax-validators"},
				{`{"userName":"john smith"}`, `userName holds " "`, "--relax-validators"},
				{`{"userName":"neil","name":{"familyName":"O#Neil"}}`, `name.familyName holds "#"`, "--relax-validators"},
				{`{"userName":"山田太郎"}`, `userName holds "山"`, "--allow-all-scripts"},
				{`{"userName":"иван"}`, `userName holds "и"`, "--allow-all-scripts"},
			}
			for _, c := range cases {
				got := b.refused(t, http.StatusBadRequest, http.MethodPost, "/Users", c.body)
				if !strings.Contains(got, c.wants) || !strings.Contains(got, "have the operator of this endpoint allow") || strings.Contains(got, "--") {
					t.Errorf("%s is refused with %q, want %q", c.body, got, c.wants)
				}
				if got := b.remedyInLog(); got != "setup "+c.flag {
					t.Errorf("%s: the log has the remedy %q, want %s", c.body, got, c.flag)
				}
			}
			both := b.refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{"userName":"o'и"}`)
			if got := b.remedyInLog(); got != "setup --relax-validators, setup --allow-all-scripts" || !strings.Contains(both, `"'"`) || !strings.Contains(both, `"и"`) {
				t.Errorf("what both validators refuse is refused with %q, and the log has the remedy %q", both, got)
			}
			for _, flag := range []string{"--relax-validators", "--allow-all-scripts"} {
				if _, told, code := command(t, "", append(slices.Clone(strict), flag)...); code != 0 {
					t.Fatal(told)
				}
				for _, c := range cases {
					if c.flag == flag {
						b.create(t, "/Users", c.body)
					}
				}
			}
			if _, told, _ := command(t, "", append(slices.Clone(strict), "--relax-validators", "--allow-all-scripts")...); !strings.Contains(told, "nothing to change") {
				t.Errorf("setup again: %s", told)
			}
		})
	}
}

// remedyInLog is what the last request's line in the log says that the operator can do.
func (b testBridge) remedyInLog() string {
	all := b.lines.FilterMessage("request").All()
	remedy, _ := all[len(all)-1].ContextMap()["remedy"].(string)
	return remedy
}

// TestSetupKeepsWhatTheRealmDeclared of attributes that a mapping names: who views them, and who edits them unless
// the operator agrees.
func TestSetupKeepsWhatTheRealmDeclared(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, admin := newEmptyRealm(t, server)
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
			file := mappingFile(t, `version: 1
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
				`left for you: user attribute "phone" can be edited by users themselves`, "scim-bridge setup --url " + server.URL + " --realm " + realm + " --mapping ", " --restrict-attributes\n",
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
			if !strings.Contains(told, `Users can change their phone`) || !strings.Contains(told, `take from users the right to edit phone`) {
				t.Errorf("setup asks:\n%s", told)
			}
			if got, want := rights(), "phone admin+user/admin, nick admin+user/admin, desk admin+user/admin, kind admin/admin"; got != want {
				t.Errorf("after setup that was agreed to the attributes are %s, want %s", got, want)
			}
		})
	}
}

// TestAWrongAddressOfKeycloakIsToldAsThat and not as a wrong password.
func TestAWrongAddressOfKeycloakIsToldAsThat(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, _ := newEmptyRealm(t, server)
			base := []string{"setup", "--realm", realm, "--admin-user", server.Admin, "--yes"}
			for _, c := range []struct {
				args []string
				want string
			}{
				{[]string{"--url", server.URL + "/auth", "--admin-password", server.Password}, "there is no Keycloak at this address"},
				{[]string{"--url", server.URL, "--admin-password", server.Password, "--admin-realm", "nobody"}, "--admin-realm"},
				{[]string{"--url", server.URL, "--admin-password", "wrong"}, "the administrator's name and password, --admin-realm when the account is not of the realm master"},
			} {
				_, told, code := command(t, "", append(slices.Clone(base), c.args...)...)
				hint := hintOf(t, append(slices.Clone(base), c.args...))
				if code != exitFailure || !strings.Contains(told+hint, c.want) || c.want != "the administrator's name and password, --admin-realm when the account is not of the realm master" && strings.Contains(told+hint, "password") {
					t.Errorf("%v = %d, %s\n%s\nwant %q", c.args, code, told, hint, c.want)
				}
			}
			b := newBridgeOn(t, server, nil)
			b.write(t, "config.yaml", func(s string) string { return strings.Replace(s, server.URL, server.URL+"/auth", 1) })
			out, _, code := command(t, "", "doctor", "--config", b.file)
			if code != exitFailure || !strings.Contains(out, "there is no Keycloak at "+server.URL+"/auth") || strings.Contains(out, "it knows no realm") {
				t.Errorf("doctor = %d, %s", code, out)
			}
		})
	}
}

// TestTheHintOfACommandNamesTheAccountThatIsMeant: those that read with the bridge's own account ask nobody for an
// administrator's password.
func TestTheHintOfACommandNamesTheAccountThatIsMeant(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	b.write(t, app.SecretName, func(string) string { return "wrong" })
	hint := hintOf(t, []string{"users", "list", "--config", b.file})
	if strings.Contains(hint, "administrator") || !strings.Contains(hint, "scim-bridge doctor --config "+b.file+" --tenant "+b.realm) {
		t.Errorf("the hint is %q", hint)
	}
}

// hintOf is what the program says below the error of a command.
func hintOf(t *testing.T, args []string) string {
	t.Helper()
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	root.SetIn(strings.NewReader(""))
	return hintFor(root.ExecuteContext(t.Context()))
}
