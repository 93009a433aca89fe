package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

const (
	hrURN    = "urn:acme:params:scim:schemas:extension:hr:2.0:User"
	itURN    = "urn:acme:params:scim:schemas:extension:it:2.0:User"
	groupURN = "urn:acme:params:scim:schemas:extension:group:2.0:Group"
)

// newMappedBridge is a tenant with testdata/mapping.yaml, in a realm that setup made fit
// for it and that has the roles and the identity provider which the mapping names.
func newMappedBridge(t *testing.T, server keycloaktest.Server, edits ...func(*config.Config)) testBridge {
	t.Helper()
	return newRoleBridge(t, server, atRoot(t, "cmd/scim-bridge/testdata/mapping.yaml"), edits...)
}

// TestAMappedUserComesBack as it was sent, from the attributes that the mapping names.
func TestAMappedUserComesBack(t *testing.T) {
	t.Parallel()
	b := newMappedBridge(t, keycloaktest.Real(t))
	const sent = `{"userName":"jane","title":"Boss","userType":"Employee","emails":[{"value":"jane@acme.test","primary":true}],
		"phoneNumbers":[{"type":"home","value":"1"},{"type":"work","value":"2","primary":true}],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D","costCenter":"c"},
		"` + hrURN + `":{"costCenter":"4711","personnelNumber":"P1","level":7,"badges":["red","blue"],"hired":"2026","pin":"1234","desk":{"floor":3,"note":"window"}},
		"` + itURN + `":{"accounts":[{"value":"jd","system":"ldap"},{"value":"JD","system":"sap"}]}}`
	created, err := b.send(t, http.MethodPost, "/Users", sent)
	if err != nil {
		t.Fatal(err)
	}
	want := decode(t, sent)
	want["active"] = true
	delete(want[hrURN].(map[string]any), "pin") // never returned
	want[itURN].(map[string]any)["mailHost"] = "acme.test"
	if diff := cmp.Diff(want, written(created)); diff != "" {
		t.Errorf("answer to the create (-sent +got):\n%s", diff)
	}
	read, err := b.send(t, http.MethodGet, "/Users/"+created["id"].(string), "")
	if diff := cmp.Diff(created, read); err != nil || diff != "" {
		t.Errorf("a read differs from the create (-created +read): %v\n%s", err, diff)
	}
	u := b.user(t, created["id"].(string))
	for name, values := range map[string][]string{
		"job_title": {"Boss"}, "kind": {"Employee/acme"}, "department": {"R&D"}, "phone": {"2"}, "cost_center": {"4711"}, "personnel_number": {"P1"},
		"level": {"7"}, "badges": {"blue", "red"}, "hired": {"2026"}, "floor": {"3"}, "mail_host": {"acme.test"}, "accounts": {"JD", "jd"},
	} {
		if got := slices.Sorted(slices.Values(u.Attributes[name])); !slices.Equal(got, values) {
			t.Errorf("Keycloak holds %s = %q, want %q", name, got, values)
		}
	}
	if got := b.rolesOf(t, u.ID); got != "employee shop/editor" {
		t.Errorf("roles = %s", got)
	}
	if linked, err := b.admin.Users(t.Context(), keycloak.UserQuery{Link: &keycloak.Link{IdentityProvider: "corp", UserID: "jane"}}); err != nil || len(linked) != 1 || linked[0].ID != u.ID {
		t.Errorf("linked are %v, %v", linked, err)
	}
	for filter, want := range map[string]int{
		hrURN + `:costCenter eq "4711"`: 1, hrURN + `:personnelNumber eq "p1"`: 0, hrURN + `:badges eq "red"`: 1, `userType eq "Employee"`: 1, `userType eq "Employee/acme"`: 0,
		itURN + `:accounts.value eq "jd"`: 1, hrURN + `:level gt 6`: 1, `phoneNumbers[type eq "work" and value eq "2"]`: 1, itURN + `:mailHost eq "acme.test"`: 1,
	} {
		found, err := b.Find(t.Context(), "/Users", filter, "")
		if err != nil || len(found) != want {
			t.Errorf("%s finds %d, %v, want %d", filter, len(found), err, want)
		}
	}
}

// user reads a user past the bridge.
func (b testBridge) user(t *testing.T, id string) keycloak.User {
	t.Helper()
	parsed, err := keycloak.ParseUserID(id)
	if err != nil {
		t.Fatal(err)
	}
	u, err := b.admin.User(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestAMappedTenantRefuses what its schemas and rules do not take, and changes nothing.
func TestAMappedTenantRefuses(t *testing.T) {
	t.Parallel()
	b := newMappedBridge(t, keycloaktest.Real(t))
	body := func(hr string) string { return `{"userName":"jane","` + hrURN + `":{` + hr + `}}` }
	jane, err := b.send(t, http.MethodPost, "/Users", body(`"personnelNumber":"P1","hired":"2026"`))
	if err != nil {
		t.Fatal(err)
	}
	path := "/Users/" + jane["id"].(string)
	patch := func(op, path, value string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"` + op + `","path":"` + path + `","value":` + value + `}]}`
	}
	for name, c := range map[string]struct{ method, path, body, want string }{
		"a wrong type":                  {http.MethodPut, path, body(`"level":"high"`), "400 invalidValue: " + hrURN + ":level"},
		"several values where one fits": {http.MethodPut, path, body(`"costCenter":["a","b"]`), "400 invalidValue: " + hrURN + ":costCenter takes one value"},
		"a value too long":              {http.MethodPut, path, body(`"costCenter":"` + strings.Repeat("x", 2049) + `"`), "400 invalidValue: " + hrURN + ":costCenter can have at most 2048"},
		"a change of an immutable":      {http.MethodPatch, path, patch("replace", hrURN+":hired", `"2027"`), "400 mutability: " + hrURN + ":hired"},
		"a change of a readOnly":        {http.MethodPatch, path, patch("replace", itURN+":mailHost", `"x"`), "mutability: Operations[0]: " + itURN + ":mailHost"},
		"a value that another one has":  {http.MethodPost, "/Users", `{"userName":"joe","` + hrURN + `":{"personnelNumber":" P1 "}}`, "409 uniqueness: another resource has this value of " + hrURN + ":personnelNumber"},
		"two phones where one fits":     {http.MethodPut, path, `{"userName":"jane","phoneNumbers":[{"type":"work","value":"1"},{"type":"work","value":"2"}]}`, `400 invalidValue: phoneNumbers[type eq "work"].value has several values`},
	} {
		_, err := b.send(t, c.method, c.path, c.body)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	after, err := b.send(t, http.MethodGet, path, "")
	if diff := cmp.Diff(jane, after); err != nil || diff != "" {
		t.Errorf("something was changed: %v\n%s", err, diff)
	}
	if _, err := b.send(t, http.MethodPut, path, body(`"personnelNumber":"P1","level":8`)); err != nil {
		t.Errorf("a user may keep its own unique value: %v", err)
	}
}

// TestMappedGroupAttributes come back, from the attributes that the mapping names.
func TestMappedGroupAttributes(t *testing.T) {
	t.Parallel()
	b := newMappedBridge(t, keycloaktest.Real(t))
	created, err := b.send(t, http.MethodPost, "/Groups", `{"displayName":"Sales","`+groupURN+`":{"costCenter":"no1","purpose":"sell"}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"displayName": "Sales", groupURN: map[string]any{"costCenter": "no1", "purpose": "sell"}}
	if diff := cmp.Diff(want, written(created)); diff != "" {
		t.Errorf("answer to the create (-want +got):\n%s", diff)
	}
	if got := b.rolesOfGroup(t, created["id"].(string)); got != "shop/seller" {
		t.Errorf("roles = %s", got)
	}
	found, err := b.Find(t.Context(), "/Groups", groupURN+`:costCenter eq "no1"`, "")
	if err != nil || len(found) != 1 {
		t.Errorf("the filter finds %v, %v", found, err)
	}
}

// TestSchemasOfAMappedTenant are the core ones and those of its file, exactly.
func TestSchemasOfAMappedTenant(t *testing.T) {
	t.Parallel()
	b := newMappedBridge(t, keycloaktest.NewFake(t).Server())
	for path, want := range map[string]string{
		"/Schemas/" + hrURN:    "testdata/schema-hr.json",
		"/Schemas/" + itURN:    "testdata/schema-it.json",
		"/Schemas/" + groupURN: "testdata/schema-group.json",
		"/ResourceTypes/User":  "testdata/resource-type-user.json",
	} {
		got, err := b.send(t, http.MethodGet, path, "")
		if err != nil {
			t.Fatal(err)
		}
		delete(got, "meta")
		data, err := os.ReadFile(want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decode(t, string(data)), got); diff != "" {
			t.Errorf("%s (-%s +got):\n%s", path, want, diff)
		}
	}
	all, err := b.send(t, http.MethodGet, "/Schemas", "")
	if err != nil || len(all["Resources"].([]any)) != 6 {
		t.Errorf("there are %d schemas, %v, want User, enterprise User, Group and three of the file", len(all["Resources"].([]any)), err)
	}
}

// TestAChangedMappingFileIsApplied while the bridge runs, once its realm is fit for it. A
// file with a problem changes nothing.
func TestAChangedMappingFileIsApplied(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	write := func(text string) {
		t.Helper()
		next := file + ".new"
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil {
			t.Fatal(err)
		}
	}
	write("version: 1\n")
	b := newBridgeOn(t, server, nil, "--mapping", file)
	b.watch(t)
	title := func(name string) string {
		t.Helper()
		u, err := b.send(t, http.MethodPost, "/Users", `{"userName":"`+name+`","title":"Boss"}`)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(b.user(t, u["id"].(string)).Attributes["job_title"], ",")
	}
	if got := title("before"); got != "" {
		t.Errorf("job_title = %q before there is a rule", got)
	}
	write("version: 1\nusers: { attributes: { titel: { keycloak: job_title } } }\n")
	b.waitForMapping(t, `Did you mean`)
	if got := title("bad"); got != "" {
		t.Errorf("job_title = %q with a bad file, want the mapping before it", got)
	}
	write("version: 1\nusers: { attributes: { title: { keycloak: job_title } } }\n")
	b.waitForMapping(t, `the realm is not fit for it: user attribute \"job_title\" is not declared`)
	if got := title("unfit"); got != "" {
		t.Errorf("job_title = %q in a realm that does not declare it", got)
	}
	runSetup(t, server, b.realm, "--mapping", file)
	b.waitForMapping(t, "")
	if got := title("after"); got != "Boss" {
		t.Errorf("job_title = %q, want the rule applied", got)
	}
}

// watch runs what serve runs beside the listeners, until the test ends.
func (b testBridge) watch(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var g errgroup.Group
	g.Go(func() error { b.app.Watcher.Run(ctx); return nil })
	g.Go(func() error { return b.app.WatchFiles(ctx) })
	t.Cleanup(func() {
		stop()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// waitForMapping waits until /statusz says that of the tenant's mapping.
func (b testBridge) waitForMapping(t *testing.T, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		w := httptest.NewRecorder()
		b.app.Health.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/statusz", nil))
		said := strings.Contains(w.Body.String(), `"mapping":`)
		if want == "" && !said || want != "" && said && strings.Contains(w.Body.String(), want) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("statusz says %s, want %q", w.Body, want)
		}
	}
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	out, err := scim.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCheckReportsTheMappingOfATenant: what is wrong with a mapping file is a problem of
// the configuration.
func TestCheckReportsTheMappingOfATenant(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"secret":       "s3cret-value\n",
		"tokens.yaml":  config.TokenList{}.Render(),
		"mapping.yaml": "version: 1\nusers:\n  attributes:\n    titel: { keycloak: t }\n",
		"config.yaml": config.Render(config.Draft{
			KeycloakURL: "http://127.0.0.1:1", Realm: "acme", ClientID: "c", SecretFile: "secret", TokensFile: "tokens.yaml", Mapping: "mapping.yaml",
		}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, told, code := command(t, "", "check", "--config", filepath.Join(dir, "config.yaml"))
	if code != exitProblems || !strings.Contains(told, `mapping.yaml:4:5: users.attributes.titel`) || !strings.Contains(told, "titel: { keycloak: t }") {
		t.Errorf("check ended with %d:\n%s", code, told)
	}
}

// TestValidate prints problems with line, column, excerpt and the nearest name, and ends
// with 3.
func TestValidate(t *testing.T) {
	t.Parallel()
	file := mappingFile(t, "version: 1\nusers:\n  attributes:\n    titel: { keycloak: t }\n")
	out, _, code := command(t, "", "validate", "-f", file)
	want := file + ":4:5: users.attributes.titel: the schemas of a User have no such attribute. Did you mean \"title\"?\n" +
		"  4 |     titel: { keycloak: t }\n" +
		"    |     ^\n"
	if code != exitProblems || out != want {
		t.Errorf("validate ended with %d:\n%s\nwant\n%s", code, out, want)
	}
	out, _, code = command(t, "", "validate", "-f", file, "--output", "json")
	got := decode(t, out)["problems"].([]any)[0].(map[string]any)
	if code != exitProblems || got["line"] != json.Number("4") || got["column"] != json.Number("5") || got["hint"] != "Did you mean \"title\"?" {
		t.Errorf("validate ended with %d: %v", code, got)
	}
	out, told, code := command(t, "", "validate", "-f", "testdata/mapping.yaml")
	if code != 0 || out != "testdata/mapping.yaml: no problem\n" {
		t.Errorf("validate ended with %d: %s%s", code, out, told)
	}
	if _, told, code := command(t, "", "validate", "--output", "xml"); code != exitUsage {
		t.Errorf("validate --output xml ended with %d: %s", code, told)
	}
}

// newBridgeWith is a tenant of the mapping file that a text makes.
func newBridgeWith(t *testing.T, server keycloaktest.Server, text string) testBridge {
	t.Helper()
	return newBridgeOn(t, server, nil, "--mapping", mappingFile(t, text))
}

func mappingFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestPasswords: by the mapping they are set with the user and by a change, or at the
// creation alone, to be changed at the first login. One that breaks the realm's policy
// changes nothing.
func TestPasswords(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := newBridgeWith(t, server, "version: 1\nusers: { password: accept }\n")
	login := func(b testBridge, name, password string) (int, any) {
		status, answer := token(t, server, b.realm, url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {name}, "password": {password}})
		return status, answer["error_description"]
	}
	user := func(password, title string) string {
		return `{"userName":"jane","name":{"givenName":"J","familyName":"D"},"emails":[{"value":"jane@acme.test","primary":true}],"title":"` + title + `","password":"` + password + `"}`
	}
	config, err := b.send(t, http.MethodGet, "/ServiceProviderConfig", "")
	if err != nil || config["changePassword"].(map[string]any)["supported"] != true {
		t.Errorf("changePassword = %v, %v", config["changePassword"], err)
	}
	adminPut(t, server, "/admin/realms/"+b.realm, `{"passwordPolicy":"length(8)"}`)
	if _, err := b.send(t, http.MethodPost, "/Users", user("short", "a")); err == nil || !strings.Contains(err.Error(), "400 invalidValue: password is refused by the realm's password policy (minimum length 8)") {
		t.Errorf("a short password: %v", err)
	}
	jane, err := b.send(t, http.MethodPost, "/Users", user("long enough", "a"))
	if err != nil || jane["password"] != nil {
		t.Fatalf("%v, %v", jane, err)
	}
	path := "/Users/" + jane["id"].(string)
	if status, why := login(b, "jane", "long enough"); status != http.StatusOK {
		t.Errorf("login after the creation = %d %v", status, why)
	}
	if _, err := b.send(t, http.MethodPut, path, user("short", "b")); err == nil {
		t.Error("a short password was taken")
	}
	if got, err := b.send(t, http.MethodGet, path, ""); err != nil || got["title"] != "a" {
		t.Errorf("title = %v, %v, want nothing changed by the refused request", got["title"], err)
	}
	if _, err := b.send(t, http.MethodPatch, path, `{"Operations":[{"op":"replace","path":"password","value":"another one"}]}`); err != nil {
		t.Fatal(err)
	}
	if status, _ := login(b, "jane", "long enough"); status == http.StatusOK {
		t.Error("the old password is good after the change")
	}
	if status, why := login(b, "jane", "another one"); status != http.StatusOK {
		t.Errorf("login after the change = %d %v", status, why)
	}

	b = newBridgeWith(t, server, "version: 1\nusers: { password: initial }\n")
	jane, err = b.send(t, http.MethodPost, "/Users", user("first one", "a"))
	if err != nil {
		t.Fatal(err)
	}
	if status, why := login(b, "jane", "first one"); status != http.StatusBadRequest || why != "Account is not fully set up" {
		t.Errorf("login with the initial password = %d %v, want that it must be changed", status, why)
	}
	if _, err := b.send(t, http.MethodPut, "/Users/"+jane["id"].(string), user("second one", "a")); err != nil {
		t.Fatal(err)
	}
	if _, why := login(b, "jane", "first one"); why != "Account is not fully set up" {
		t.Errorf("a later password was taken: %v", why)
	}
}

// bothServers are the fake and the real Keycloak.
func bothServers() map[string]func(*testing.T) keycloaktest.Server {
	return map[string]func(*testing.T) keycloaktest.Server{
		"fake": func(t *testing.T) keycloaktest.Server { t.Helper(); return keycloaktest.NewFake(t).Server() },
		"real": func(t *testing.T) keycloaktest.Server { t.Helper(); return keycloaktest.Real(t) },
	}
}

// TestDefaultGroups: a new user is a member of them, or is not created at all.
func TestDefaultGroups(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newUnfitBridge(t, server, "version: 1\nusers: { defaultGroups: [/everyone, /org/staff] }\n")
			if problem := b.app.Watcher.Tenants.All()[0].Fitness().Problem; !strings.Contains(problem, `the group "/everyone" of the mapping does not exist`) || !strings.Contains(problem, `"/org/staff"`) {
				t.Errorf("the tenant is fit without the groups: %q", problem)
			}
			b.group(t, "everyone", keycloak.GroupID{})
			staff := b.group(t, "staff", b.group(t, "org", keycloak.GroupID{}))
			if !b.app.Watcher.Look(t.Context()) {
				t.Fatal("the tenant is not fit with the groups")
			}
			jane, err := b.send(t, http.MethodPost, "/Users?attributes=groups", createJane)
			if err != nil {
				t.Fatal(err)
			}
			if groups, _ := jane["groups"].([]any); len(groups) != 2 {
				t.Errorf("groups = %v, want two", jane["groups"])
			}
			if err := b.admin.DeleteGroup(t.Context(), staff); err != nil {
				t.Fatal(err)
			}
			_, err = b.send(t, http.MethodPost, "/Users", `{"userName":"joe"}`)
			if client.StatusOf(err) != http.StatusServiceUnavailable {
				t.Errorf("a create while a default group is missing = %v, want 503", err)
			}
			if found, err := b.Find(t.Context(), "/Users", `userName eq "joe"`, ""); err != nil || len(found) != 0 {
				t.Errorf("the user is left behind: %v, %v", found, err)
			}
		})
	}
}

// newUnfitBridge is a bridge whose tenant has a mapping that its realm need not be fit for.
func newUnfitBridge(t *testing.T, server keycloaktest.Server, text string) testBridge {
	t.Helper()
	file := mappingFile(t, text)
	return newBridgeOn(t, server, func(c *config.Config) {
		for _, realm := range c.Realms {
			realm.Tenants[0].Mapping = file
		}
	})
}

// group makes a group past the bridge.
func (b testBridge) group(t *testing.T, name string, parent keycloak.GroupID) keycloak.GroupID {
	t.Helper()
	id, err := b.admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: name, Parent: parent})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestGroupsBelowAParent: a tenant with a parent has the groups right below it and no
// others, whatever a client asks for.
func TestGroupsBelowAParent(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newUnfitBridge(t, server, "version: 1\ngroups: { parent: /scim }\n")
			parent := b.group(t, "scim", keycloak.GroupID{})
			other := b.group(t, "admins", keycloak.GroupID{}).String()
			if !b.app.Watcher.Look(t.Context()) {
				t.Fatal("the tenant is not fit with the parent")
			}
			jane, err := b.send(t, http.MethodPost, "/Users", createJane)
			if err != nil {
				t.Fatal(err)
			}
			id := jane["id"].(string)
			sales, err := b.send(t, http.MethodPost, "/Groups", `{"displayName":"sales","externalId":"x","members":[{"value":"`+id+`"}]}`)
			if err != nil {
				t.Fatal(err)
			}
			if parsed, err := keycloak.ParseGroupID(sales["id"].(string)); err != nil {
				t.Error(err)
			} else if g, err := b.admin.Group(t.Context(), parsed); err != nil || g.ParentID != parent.String() {
				t.Errorf("the group is below %q, %v", g.ParentID, err)
			}
			for filter, want := range map[string]int{
				"": 1, `displayName eq "sales"`: 1, `externalId eq "x"`: 1, `members.value eq "` + id + `"`: 1, `displayName co "a"`: 1,
				`displayName eq "admins"`: 0, `id eq "` + other + `"`: 0, `id eq "` + parent.String() + `"`: 0,
			} {
				found, err := b.Find(t.Context(), "/Groups", filter, "")
				if err != nil || len(found) != want {
					t.Errorf("%q finds %d, %v, want %d", filter, len(found), err, want)
				}
			}
			add := `{"Operations":[{"op":"add","path":"members","value":[{"value":"` + id + `"}]}]}`
			for _, foreign := range []string{other, parent.String()} {
				for method, body := range map[string]string{http.MethodGet: "", http.MethodPatch: add, http.MethodPut: `{"displayName":"mine"}`, http.MethodDelete: ""} {
					if _, err := b.send(t, method, "/Groups/"+foreign, body); client.StatusOf(err) != http.StatusNotFound {
						t.Errorf("%s of a group elsewhere = %v, want 404", method, err)
					}
				}
				for _, op := range []string{"add", "replace"} {
					body := `{"Operations":[{"op":"` + op + `","path":"members","value":[{"value":"nobody"},{"value":"nobody2"}]}]}`
					if _, err := b.send(t, http.MethodPatch, "/Groups/"+foreign, body); client.StatusOf(err) != http.StatusNotFound {
						t.Errorf("%s of unknown members to a group elsewhere = %v, want 404 as for an absent one", op, err)
					}
				}
			}
			if _, err := b.send(t, http.MethodPatch, "/Groups/"+sales["id"].(string), add); err != nil {
				t.Error(err)
			}
			if otherID, err := keycloak.ParseGroupID(other); err != nil {
				t.Error(err)
			} else if user, err := keycloak.ParseUserID(id); err != nil {
				t.Error(err)
			} else if err := b.admin.AddMember(t.Context(), user, otherID); err != nil {
				t.Error(err)
			}
			read, err := b.send(t, http.MethodGet, "/Users/"+id+"?attributes=groups", "")
			if groups, _ := read["groups"].([]any); err != nil || len(groups) != 1 {
				t.Errorf("groups of the user = %v, %v, want the one below the parent", read["groups"], err)
			}
			if err := b.admin.DeleteGroup(t.Context(), parent); err != nil {
				t.Fatal(err)
			}
			b.app.Watcher.Look(t.Context())
			fitness := b.app.Watcher.Tenants.All()[0].Fitness()
			if _, err := b.send(t, http.MethodPost, "/Groups", `{"displayName":"stray"}`); client.StatusOf(err) != http.StatusServiceUnavailable || fitness.Resolved.Groups["/scim"] != parent {
				t.Errorf("without the parent a create = %v; requests under way have the parent %v, want 503 and the one they began with", err, fitness.Resolved.Groups)
			}
		})
	}
}

// TestMappingImport: the annotations of Keycloak's own SCIM API become a mapping file.
func TestMappingImport(t *testing.T) {
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
			for _, a := range []struct{ name, path string }{
				{"job", "title"},
				{"dept", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department"},
				{"boss", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value"},
				{"ext", "externalId"},
				{"cost_center", hrURN + ":costCenter"},
				{"badges", hrURN + ":badges"},
				{"odd", "colour"},
				{"mail2", "emails"},
			} {
				profile.Attributes = append(profile.Attributes, keycloak.ProfileAttribute{
					Name: a.name, View: []string{"admin"}, Edit: []string{"admin"}, MultiValued: a.name == "badges",
					Annotations: map[string]jsontext.Value{"kc.scim.schema.attribute": jsontext.Value(`"` + a.path + `"`)},
				})
			}
			if err := admin.UpdateUserProfile(t.Context(), profile); err != nil {
				t.Fatal(err)
			}
			out, told, code := command(t, "", "mapping", "import", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password)
			want, err := os.ReadFile("testdata/imported.yaml")
			if diff := cmp.Diff(string(want), out); code != 0 || err != nil || diff != "" {
				t.Errorf("mapping import ended with %d, %s, %v (-want +got):\n%s", code, told, err, diff)
			}
			if out, _, code := command(t, "", "validate", "-f", mappingFile(t, out)); code != 0 {
				t.Errorf("what was imported has a problem: %s", out)
			}
		})
	}
}
