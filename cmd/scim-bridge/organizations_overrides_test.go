package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// override is what stands in the configuration in place of organizations: "*" for one organization.
func (c customers) override(alias, keys string) string {
	return fmt.Sprintf("organizations: { overrides: [{ organization: %s, organizationID: %q%s }] }", alias, c.ids[alias], keys)
}

// TestAnOverrideKeepsTheTokenAndTheEndpoint: an organization gets a mapping of its own while the bridge runs,
// with the token that its client has, and no request in between is refused for want of one. So it is when
// the mapping goes again.
func TestAnOverrideKeepsTheTokenAndTheEndpoint(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newEvery(t, start(t))
			acme, globex := c.token(t, "acme"), c.token(t, "globex")
			c.look(t)
			const first = `{"userName":"jane@acme.test","externalId":"7","title":"Boss"}`
			acme.create(t, "/Users", first)
			override := c.override("acme", ", mapping: "+mappingFile(t, "version: 1\nusers: { unmapped: refuse, attributes: { title: { keycloak: job_title } } }\n"))
			c.realm.change(t, "config.yaml", replaced(t, `organizations: "*"`, override))
			wantNames(t, "acme's users before the look", acme.names(t, "/Users"), "jane@acme.test")
			if c.realm.app.Watcher.Look(t.Context()) {
				t.Error("the realm is fit for a mapping whose attribute it does not declare")
			}
			wantNames(t, "acme's users while the mapping waits", acme.names(t, "/Users"), "jane@acme.test")
			acme.create(t, "/Users", `{"userName":"joe@acme.test","nickName":"kept"}`)
			changed, _ := config.Load(c.realm.file)
			if _, told, code := command(t, "", "setup", "--url", c.server.URL, "--realm", c.realm.realm, "--admin-user", c.server.Admin, "--admin-password", c.server.Password,
				"--yes", "--all-organizations", "--allow-manage-realm", "--mapping", changed.Realms[c.realm.realm].Organizations.Overrides[0].Mapping); code != 0 {
				t.Fatal(told)
			}
			c.look(t)
			acme.refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{"userName":"no@acme.test","nickName":"refused"}`)
			if found := acme.must(t, http.MethodGet, "/Users?filter=externalId+eq+%227%22", ""); fmt.Sprint(found["totalResults"]) != "1" {
				t.Errorf("the tenant has lost the users that it had: %v", found)
			}
			acme.create(t, "/Users", `{"userName":"ann@acme.test","title":"Clerk"}`)
			users, err := c.realm.admin.Users(t.Context(), keycloak.UserQuery{Username: "ann@acme.test", Max: 1})
			if err != nil || len(users) != 1 || len(users[0].Attributes["job_title"]) != 1 {
				t.Errorf("the mapping of the organization is not applied: %v, %v", users, err)
			}
			globex.create(t, "/Users", `{"userName":"bob@globex.test","nickName":"kept"}`)
			if _, told, code := command(t, "", "doctor", "--config", c.realm.file, "--tenant", c.realm.realm+"/organizations/acme"); code != 0 {
				t.Errorf("doctor of the organization ends with %d: %s", code, told)
			}

			c.realm.change(t, "config.yaml", replaced(t, override, `organizations: "*"`))
			acme.must(t, http.MethodGet, "/Users", "")
			c.look(t)
			acme.create(t, "/Users", `{"userName":"eve@acme.test","nickName":"kept"}`)
		})
	}
}

// TestAnOverrideAfterAStart answers 503 until its tokens are read, and its tokens can be revoked whatever
// holds for the others.
func TestAnOverrideAfterAStart(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newEvery(t, start(t))
			acme := c.token(t, "acme")
			second := c.token(t, "acme")
			gone := mappingFile(t, "version: 1\nusers: { defaultGroups: [/gone] }\n") // of all others, who are not fit
			c.realm.write(t, "config.yaml", replaced(t, `organizations: "*"`, strings.Replace(c.override("acme", ", mapping: "+mappingFile(t, "version: 1\n")), "{ overrides", "{ mapping: "+gone+", overrides", 1)))
			both, problems := config.Load(c.realm.file)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			listener := newListener()
			both.Server.PublicURL = config.URL("http://" + listener.Listener.Addr().String())
			a := newTestApp(t, both)
			served := serveHandler(t, listener, a.Handler, c.realm)
			for _, b := range []*testBridge{&acme, &second} {
				token := b.Token
				b.app, b.Client = a, served
				*b = b.at(c.realm.realm + "/organizations/acme")
				b.Token = token
			}
			acme.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
			a.Watcher.Look(t.Context())
			acme.create(t, "/Users", `{"userName":"jane@acme.test"}`)
			second.must(t, http.MethodGet, "/Users", "")
			if _, told, code := command(t, "", "tokens", "revoke", "--config", c.realm.file, "--tenant", c.realm.realm+"/organizations/acme", strings.Split(acme.Token, "_")[1]); code != 0 {
				t.Fatalf("tokens revoke ends with %d: %s", code, told)
			}
			a.Watcher.Look(t.Context())
			acme.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
			second.must(t, http.MethodGet, "/Users", "")
			if err := c.realm.admin.DeleteOrganization(t.Context(), c.ids["acme"]); err != nil {
				t.Fatal(err)
			}
			a.Watcher.Look(t.Context())
			second.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "") // as of every named organization that is gone
			out, _, _ := command(t, "", "doctor", "--config", c.realm.file)
			if !strings.Contains(out, "remove the entry from organizations.overrides") || strings.Contains(out, "remove the tenant") {
				t.Errorf("doctor says of the entry:\n%s", out)
			}
		})
	}
}

// TestAnOverridesMappingNamesWhatIsItsOwn: default groups and roles. A changed file is applied while the
// bridge runs.
func TestAnOverridesMappingNamesWhatIsItsOwn(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newEvery(t, start(t))
			acme := c.token(t, "acme")
			adminSend(t, c.server, http.MethodPost, "/admin/realms/"+c.realm.realm+"/roles", `{"name":"staff"}`)
			group := c.realm.group(t, "everyone", keycloak.GroupID{})
			file := mappingFile(t, "version: 1\nusers: { defaultGroups: [/everyone] }\n")
			c.realm.change(t, "config.yaml", replaced(t, `organizations: "*"`, c.override("acme", ", mapping: "+file)))
			c.look(t)
			jane := acme.create(t, "/Users", `{"userName":"jane@acme.test"}`)
			members, err := c.realm.admin.Members(t.Context(), group, 0, 10)
			if err != nil || len(members) != 1 || members[0].ID != jane {
				t.Errorf("the default group of the organization's mapping has %v, %v", members, err)
			}
			if err := os.WriteFile(file, []byte("version: 1\ngrantableRoles: [staff]\nusers: { roles: [{ grant: [staff] }] }\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			c.realm.app.Reload()
			c.look(t)
			joe := acme.create(t, "/Users", `{"userName":"joe@acme.test"}`)
			if got := c.realm.rolesOf(t, joe); got != "staff" {
				t.Errorf("the roles of the changed mapping are %q, want staff", got)
			}
		})
	}
}

// TestAnOverridesGroups live below the group that its own mapping names where organizations have none
// themselves (before Keycloak 26.6), and those of one that shares its mapping nowhere.
func TestAnOverridesGroups(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newEvery(t, start(t))
			acme, globex := c.token(t, "acme"), c.token(t, "globex")
			parent := c.realm.group(t, "of-acme", keycloak.GroupID{})
			all := "organizations: { overrides: [{ organization: globex, organizationID: " + c.ids["globex"].String() + ", adopt: unowned }, "
			c.realm.change(t, "config.yaml", replaced(t, `organizations: "*"`, strings.Replace(c.override("acme", ", mapping: "+mappingFile(t, "version: 1\ngroups: { parent: /of-acme }\n")), "organizations: { overrides: [", all, 1)))
			c.look(t)
			acme.create(t, "/Groups", `{"displayName":"Sales"}`)
			_, err := c.realm.admin.OrganizationGroups(t.Context(), c.ids["acme"], 0, 1)
			children, failed := c.realm.admin.Children(t.Context(), parent, 0, 10)
			if failed != nil || (err != nil) != (len(children) == 1) {
				t.Errorf("below the parent are %v, %v; groups of organizations: %v", children, failed, err)
			}
			if err != nil {
				globex.refused(t, http.StatusForbidden, http.MethodPost, "/Groups", `{"displayName":"Sales"}`)
			}
		})
	}
}

// TestWhatIsWrongWithAnOverride is its own affair: one whose mapping has a problem, or whose id is another
// organization's.
func TestWhatIsWrongWithAnOverride(t *testing.T) {
	t.Parallel()
	c := newEvery(t, keycloaktest.NewFake(t).Server())
	acme, globex := c.token(t, "acme"), c.token(t, "globex")
	c.look(t)
	bad := c.override("acme", ", mapping: "+mappingFile(t, "version: 1\nusers: { nope: 1 }\n"))
	c.realm.change(t, "config.yaml", replaced(t, `organizations: "*"`, bad))
	if said := c.realm.statusz(t); !strings.Contains(said, "organizations/acme cannot be added") {
		t.Errorf("/statusz says %q", said)
	}
	c.look(t)
	acme.must(t, http.MethodGet, "/Users", "") // as before
	c.realm.change(t, "config.yaml", replaced(t, bad, c.override("acme", ", access: paused")))
	c.look(t)
	acme.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
	globex.must(t, http.MethodGet, "/Users", "")
	swapped := strings.ReplaceAll(c.override("globex", ""), "organization: globex", "organization: acme")
	c.realm.change(t, "config.yaml", replaced(t, c.override("acme", ", access: paused"), swapped))
	c.realm.app.Watcher.Look(t.Context())
	acme.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "") // the tokens of the id are globex's
	acme.Token = globex.Token
	acme.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
	got := c.realm.app.Watcher.Tenants.ByPath(tenant.OrganizationPath(c.realm.realm, "acme")).Fitness().Problem
	if !strings.Contains(got, `has the alias "globex" and not "acme"`) {
		t.Errorf("the tenant is unfit for %q", got)
	}
}

// TestAnEntryInTenantsPassesTheOrganizationsTokensBy, which doctor tells.
func TestAnEntryInTenantsPassesTheOrganizationsTokensBy(t *testing.T) {
	t.Parallel()
	c := newEvery(t, keycloaktest.NewFake(t).Server())
	acme := c.token(t, "acme")
	entry := fmt.Sprintf("tenants: [{ organization: acme, organizationID: %q, tokens: [{ name: x, sha256: %s }] }]\n    organizations: \"*\"", c.ids["acme"], strings.Repeat("ab", 32))
	c.realm.change(t, "config.yaml", replaced(t, `organizations: "*"`, entry))
	c.look(t)
	acme.refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	out, _, code := command(t, "", "doctor", "--config", c.realm.file, "--tenant", c.realm.realm+"/organizations/acme")
	if code != 0 || !strings.Contains(out, `"acme" has tokens in its attributes, and this endpoint, which stands in tenants, does not take them`) || !strings.Contains(out, "move the entry from tenants to organizations.overrides") {
		t.Errorf("doctor ends with %d:\n%s", code, out)
	}
	c.realm.change(t, "config.yaml", replaced(t, entry, c.override("acme", "")))
	c.look(t)
	acme.must(t, http.MethodGet, "/Users", "")
	if out, _, _ := command(t, "", "doctor", "--config", c.realm.file, "--tenant", c.realm.realm+"/organizations/acme"); strings.Contains(out, "does not take them") {
		t.Errorf("doctor says still:\n%s", out)
	}
}

// TestCommandsKnowOrganizationsWithTokensOfTheirOwn by the path that their URL has.
func TestCommandsKnowOrganizationsWithTokensOfTheirOwn(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newEvery(t, start(t))
			acme := c.token(t, "acme")
			c.look(t)
			jane := acme.create(t, "/Users", `{"userName":"jane@acme.test"}`)
			path := c.realm.realm + "/organizations/acme"
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
				out, told, code := command(t, "", append(one.args, "--config", c.realm.file, "--tenant", path)...)
				if code != 0 || !strings.Contains(strings.ToUpper(out), strings.ToUpper(one.want)) {
					t.Errorf("%v ends with %d, want %q:\n%s%s", one.args, code, one.want, out, told)
				}
			}
			for _, one := range []struct {
				tenant, want string
				code         int
			}{
				{c.realm.realm + "/organizations/nope", `no organization has the alias "nope"`, exitFailure},
				{"other/organizations/acme", "organizations/ALIAS for each organization", exitUsage},
				{"", "organizations/ALIAS for each organization", exitUsage},
				{c.realm.realm + "/organizations/*", "organizations/ALIAS for each organization", exitUsage},
			} {
				if out, told, code := command(t, "", "users", "list", "--config", c.realm.file, "--tenant", one.tenant); code != one.code || !strings.Contains(told, one.want) {
					t.Errorf("users list of %q ends with %d, want %d %q: %s%s", one.tenant, code, one.code, one.want, out, told)
				}
			}
			if out, _, code := command(t, "", "doctor", "--config", c.realm.file, "--tenant", c.realm.realm+"/organizations/globex"); code != exitFailure || !strings.Contains(out, "FAIL  token") {
				t.Errorf("doctor of an organization without a token ends with %d:\n%s", code, out)
			}
		})
	}
}

// TestAnOrganizationWithoutAVerifiedDomain is told of wherever an operator looks, with a command that mends it.
func TestAnOrganizationWithoutAVerifiedDomain(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newEvery(t, start(t))
			acme := c.token(t, "acme")
			id := c.ids["acme"].String()
			const domains = `"domains":[{"name":"acme.test","verified":%t}]`
			organization := "/admin/realms/" + c.realm.realm + "/organizations/" + id
			adminSend(t, c.server, http.MethodPut, organization, `{"name":"acme","alias":"acme","enabled":true,`+fmt.Sprintf(domains, false)+`,"attributes":{"scim.credentials":[`+quotedCredentials(t, c, "acme")+`]}}`)
			c.look(t)
			acme.refused(t, http.StatusForbidden, http.MethodPost, "/Users", `{"userName":"jane@acme.test"}`)
			const text = `the organization "acme" has no verified domain`
			fix := `kcadm.sh update organizations/` + id + ` -r ` + c.realm.realm + ` -s 'domains=[{"name":"acme.test","verified":true}]'`
			path := c.realm.realm + "/organizations/acme"
			told := map[string]string{}
			told["tokens new"], _, _ = command(t, "", "tokens", "new", "--config", c.realm.file, "--organization", "acme")
			told["doctor"], _, _ = command(t, "", "doctor", "--config", c.realm.file, "--tenant", path)
			told["doctor of all"], _, _ = command(t, "", "doctor", "--config", c.realm.file)
			told["/statusz"] = page(t, c.realm.app, "/statusz")
			told["tenants show"] = shown(t, c.realm.app, path)
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
			mendByAdminCLI(t, c.server, fix)
			c.look(t)
			acme.create(t, "/Users", `{"userName":"jane@acme.test"}`)
			if got := page(t, c.realm.app, "/statusz") + shown(t, c.realm.app, path); strings.Contains(got, "no verified domain") {
				t.Errorf("it is told of still:\n%s", got)
			}
		})
	}
}

// TestTheStatusPageHasNoRowForAllOrganizations while it has no trouble of theirs to tell.
func TestTheStatusPageHasNoRowForAllOrganizations(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := newEvery(t, fake.Server())
	c.token(t, "acme")
	c.look(t)
	if got := page(t, c.realm.app, "/statusz"); strings.Contains(got, "organizations/*") || strings.Contains(got, `class="bad"`) || !strings.Contains(got, "organizations/acme") {
		t.Errorf("/statusz is\n%s", got)
	}
	c.realm.change(t, "config.yaml", replaced(t, `organizations: "*"`, "organizations: { mapping: "+mappingFile(t, "version: 1\nusers: { defaultGroups: [/gone] }\n")+" }"))
	c.realm.app.Watcher.Look(context.WithoutCancel(t.Context()))
	if got := page(t, c.realm.app, "/statusz"); !strings.Contains(got, "organizations/*") || !strings.Contains(got, "mapping file not applied") {
		t.Errorf("/statusz does not tell of the trouble of all:\n%s", got)
	}
}
