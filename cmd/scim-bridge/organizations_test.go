package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestAnOverrideKeepsTheTokenAndTheEndpoint: an organization gets its own mapping while the bridge
// runs. Its client keeps the token, and no request is refused meanwhile. The same holds when the
// mapping is removed again.
func TestAnOverrideKeepsTheTokenAndTheEndpoint(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewEvery(t, start(t))
			acme, globex := c.NewToken(t, "acme"), c.NewToken(t, "globex")
			c.Check(t)
			const first = `{"userName":"jane@acme.test","externalId":"7","title":"Boss"}`
			acme.Create(t, "/Users", first)
			override := c.Override("acme", ", mapping: "+apptest.MappingFile(t, "version: 1\nusers: { unmapped: refuse, attributes: { title: { keycloak: job_title } } }\n"))
			c.Realm.ApplyFile(t, "config.yaml", apptest.Replaced(t, `organizations: "*"`, override))
			apptest.WantNames(t, "acme's users before the look", acme.Names(t, "/Users"), "jane@acme.test")
			if c.Realm.App.Watcher.Check(t.Context()) {
				t.Error("the realm is fit for a mapping whose attribute it does not declare")
			}
			apptest.WantNames(t, "acme's users while the mapping waits", acme.Names(t, "/Users"), "jane@acme.test")
			acme.Create(t, "/Users", `{"userName":"joe@acme.test","nickName":"kept"}`)
			changed, _ := config.Load(c.Realm.File)
			if _, told, code := command(t, "", "setup", "--url", c.Server.URL, "--realm", c.Realm.Realm, "--admin-user", c.Server.Admin, "--admin-password", c.Server.Password,
				"--yes", "--all-organizations", "--allow-manage-realm", "--mapping", changed.Realms[c.Realm.Realm].Organizations.Overrides[0].Mapping); code != 0 {
				t.Fatal(told)
			}
			c.Check(t)
			acme.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{"userName":"no@acme.test","nickName":"refused"}`)
			if found := acme.Must(t, http.MethodGet, "/Users?filter=externalId+eq+%227%22", ""); fmt.Sprint(found["totalResults"]) != "1" {
				t.Errorf("the tenant has lost the users that it had: %v", found)
			}
			acme.Create(t, "/Users", `{"userName":"ann@acme.test","title":"Clerk"}`)
			users, err := c.Realm.Admin.Users(t.Context(), keycloak.UserQuery{Username: "ann@acme.test", Max: 1})
			if err != nil || len(users) != 1 || len(users[0].Attributes["job_title"]) != 1 {
				t.Errorf("the mapping of the organization is not applied: %v, %v", users, err)
			}
			globex.Create(t, "/Users", `{"userName":"bob@globex.test","nickName":"kept"}`)
			if _, told, code := command(t, "", "doctor", "--config", c.Realm.File, "--tenant", c.Realm.Realm+"/organizations/acme"); code != 0 {
				t.Errorf("doctor of the organization ends with %d: %s", code, told)
			}

			c.Realm.ApplyFile(t, "config.yaml", apptest.Replaced(t, override, `organizations: "*"`))
			acme.Must(t, http.MethodGet, "/Users", "")
			c.Check(t)
			acme.Create(t, "/Users", `{"userName":"eve@acme.test","nickName":"kept"}`)
		})
	}
}

// TestAnOverrideAfterAStart answers 503 until its tokens are read. Its tokens can be revoked even
// when the other organizations are not fit.
func TestAnOverrideAfterAStart(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewEvery(t, start(t))
			acme := c.NewToken(t, "acme")
			second := c.NewToken(t, "acme")
			gone := apptest.MappingFile(t, "version: 1\nusers: { defaultGroups: [/gone] }\n") // for all other organizations, which become unfit
			c.Realm.EditFile(t, "config.yaml", apptest.Replaced(t, `organizations: "*"`, strings.Replace(c.Override("acme", ", mapping: "+apptest.MappingFile(t, "version: 1\n")), "{ overrides", "{ mapping: "+gone+", overrides", 1)))
			both, problems := config.Load(c.Realm.File)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			listener := apptest.NewListener()
			both.Server.PublicURL = config.URL("http://" + listener.Listener.Addr().String())
			a := apptest.NewTestApp(t, both)
			served := apptest.ServeHandler(t, listener, a.Handler, c.Realm)
			for _, b := range []*apptest.Bridge{&acme, &second} {
				token := b.Token
				b.App, b.Client = a, served
				*b = b.At(c.Realm.Realm + "/organizations/acme")
				b.Token = token
			}
			acme.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
			a.Watcher.Check(t.Context())
			acme.Create(t, "/Users", `{"userName":"jane@acme.test"}`)
			second.Must(t, http.MethodGet, "/Users", "")
			if _, told, code := command(t, "", "tokens", "revoke", "--config", c.Realm.File, "--tenant", c.Realm.Realm+"/organizations/acme", strings.Split(acme.Token, "_")[1]); code != 0 {
				t.Fatalf("tokens revoke ends with %d: %s", code, told)
			}
			a.Watcher.Check(t.Context())
			acme.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			second.Must(t, http.MethodGet, "/Users", "")
			if err := c.Realm.Admin.DeleteOrganization(t.Context(), c.IDs["acme"]); err != nil {
				t.Fatal(err)
			}
			a.Watcher.Check(t.Context())
			second.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "") // as for every named organization that is deleted
			out, _, _ := command(t, "", "doctor", "--config", c.Realm.File)
			if !strings.Contains(out, "remove the entry from organizations.overrides") || strings.Contains(out, "remove the tenant") {
				t.Errorf("doctor says of the entry:\n%s", out)
			}
		})
	}
}

// TestAnEntryInTenantsPassesTheOrganizationsTokensBy: such an endpoint does not accept the tokens
// in the organization's attributes, and doctor says so.
func TestAnEntryInTenantsPassesTheOrganizationsTokensBy(t *testing.T) {
	t.Parallel()
	c := apptest.NewEvery(t, keycloaktest.NewFake(t).Server())
	acme := c.NewToken(t, "acme")
	entry := fmt.Sprintf("tenants: [{ organization: acme, organizationID: %q, tokens: [{ name: x, sha256: %s }] }]\n    organizations: \"*\"", c.IDs["acme"], strings.Repeat("ab", 32))
	c.Realm.ApplyFile(t, "config.yaml", apptest.Replaced(t, `organizations: "*"`, entry))
	c.Check(t)
	acme.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	out, _, code := command(t, "", "doctor", "--config", c.Realm.File, "--tenant", c.Realm.Realm+"/organizations/acme")
	if code != 0 || !strings.Contains(out, `"acme" has tokens in its attributes, and this endpoint does not accept them, because it is an entry of tenants`) || !strings.Contains(out, "move the entry from tenants to organizations.overrides") {
		t.Errorf("doctor ends with %d:\n%s", code, out)
	}
	c.Realm.ApplyFile(t, "config.yaml", apptest.Replaced(t, entry, c.Override("acme", "")))
	c.Check(t)
	acme.Must(t, http.MethodGet, "/Users", "")
	if out, _, _ := command(t, "", "doctor", "--config", c.Realm.File, "--tenant", c.Realm.Realm+"/organizations/acme"); strings.Contains(out, "does not accept them") {
		t.Errorf("doctor says still:\n%s", out)
	}
}

// TestCommandsKnowOrganizationsWithTokensOfTheirOwn by the path in their URL.
func TestCommandsKnowOrganizationsWithTokensOfTheirOwn(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewEvery(t, start(t))
			acme := c.NewToken(t, "acme")
			c.Check(t)
			jane := acme.Create(t, "/Users", `{"userName":"jane@acme.test"}`)
			path := c.Realm.Realm + "/organizations/acme"
			payload := filepath.Join(t.TempDir(), "payload.json")
			if err := os.WriteFile(payload, []byte(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"jane@acme.test","title":"Boss"}`), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, one := range []struct {
				args []string
				want string
			}{
				{[]string{"doctor"}, "tenant " + path + ", realm"},
				{[]string{"users", "list"}, "jane@acme.test"},
				{[]string{"users", "get", "jane@acme.test"}, jane},
				{[]string{"groups", "list"}, "DISPLAYNAME"},
				{[]string{"explain", "--payload", payload, "--against-live", jane}, "PUT"},
				{[]string{"tokens", "list"}, path},
				{[]string{"tokens", "new"}, "ksb_"},
			} {
				out, told, code := command(t, "", append(one.args, "--config", c.Realm.File, "--tenant", path)...)
				if code != 0 || !strings.Contains(strings.ToUpper(out), strings.ToUpper(one.want)) {
					t.Errorf("%v ends with %d, want %q:\n%s%s", one.args, code, one.want, out, told)
				}
			}
			for _, one := range []struct {
				tenant, want string
				code         int
			}{
				{c.Realm.Realm + "/organizations/nope", `no organization has the alias "nope"`, exitFailure},
				{"other/organizations/acme", "organizations/ALIAS for each organization", exitUsage},
				{"", "organizations/ALIAS for each organization", exitUsage},
				{c.Realm.Realm + "/organizations/*", "organizations/ALIAS for each organization", exitUsage},
			} {
				if out, told, code := command(t, "", "users", "list", "--config", c.Realm.File, "--tenant", one.tenant); code != one.code || !strings.Contains(told, one.want) {
					t.Errorf("users list of %q ends with %d, want %d %q: %s%s", one.tenant, code, one.code, one.want, out, told)
				}
			}
			if out, _, code := command(t, "", "doctor", "--config", c.Realm.File, "--tenant", c.Realm.Realm+"/organizations/globex"); code != exitFailure || !strings.Contains(out, "FAIL  token") {
				t.Errorf("doctor of an organization without a token ends with %d:\n%s", code, out)
			}
		})
	}
}

// TestAnOrganizationWithoutAVerifiedDomain: each place where an operator looks says so, and names a
// command that mends it.
func TestAnOrganizationWithoutAVerifiedDomain(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewEvery(t, start(t))
			acme := c.NewToken(t, "acme")
			id := c.IDs["acme"].String()
			const domains = `"domains":[{"name":"acme.test","verified":%t}]`
			organization := "/admin/realms/" + c.Realm.Realm + "/organizations/" + id
			apptest.AdminSend(t, c.Server, http.MethodPut, organization, `{"name":"acme","alias":"acme","enabled":true,`+fmt.Sprintf(domains, false)+`,"attributes":{"scim.credentials":[`+quotedCredentials(t, c, "acme")+`]}}`)
			c.Check(t)
			acme.Refused(t, http.StatusForbidden, http.MethodPost, "/Users", `{"userName":"jane@acme.test"}`)
			const text = `the organization "acme" has no verified domain`
			fix := `kcadm.sh update organizations/` + id + ` -r ` + c.Realm.Realm + ` -s 'domains=[{"name":"acme.test","verified":true}]'`
			path := c.Realm.Realm + "/organizations/acme"
			told := map[string]string{}
			told["tokens new"], _, _ = command(t, "", "tokens", "new", "--config", c.Realm.File, "--organization", "acme")
			told["doctor"], _, _ = command(t, "", "doctor", "--config", c.Realm.File, "--tenant", path)
			told["doctor of all"], _, _ = command(t, "", "doctor", "--config", c.Realm.File)
			told["/statusz"] = apptest.HTMLPage(t, c.Realm.App, "/statusz")
			told["tenants show"] = shown(t, c.Realm.App, path)
			for where, got := range told {
				want := []string{text, fix}
				if where == "doctor of all" {
					want = []string{"WARN", path, "scim-bridge doctor"}
				}
				for _, w := range want {
					if !strings.Contains(got, w) {
						t.Errorf("%s does not say %s:\n%s", where, w, got)
					}
				}
			}
			apptest.MendByAdminCLI(t, c.Server, fix)
			c.Check(t)
			acme.Create(t, "/Users", `{"userName":"jane@acme.test"}`)
			if got := apptest.HTMLPage(t, c.Realm.App, "/statusz") + shown(t, c.Realm.App, path); strings.Contains(got, "no verified domain") {
				t.Errorf("it is told of still:\n%s", got)
			}
		})
	}
}
