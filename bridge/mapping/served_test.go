package mapping_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// TestAMappedUserComesBack as the client sent it, from the attributes that the mapping names.
func TestAMappedUserComesBack(t *testing.T) {
	t.Parallel()
	b := apptest.NewMappedBridge(t, keycloaktest.Real(t))
	const sent = `{"userName":"jane","title":"Boss","userType":"Employee","emails":[{"value":"jane@acme.test","primary":true}],
		"phoneNumbers":[{"type":"home","value":"1"},{"type":"work","value":"2","primary":true}],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D","costCenter":"c"},
		"` + apptest.HRURN + `":{"costCenter":"4711","personnelNumber":"P1","level":7,"badges":["red","blue"],"hired":"2026","pin":"1234","desk":{"floor":3,"note":"window"}},
		"` + apptest.ITURN + `":{"accounts":[{"value":"jd","system":"ldap"},{"value":"JD","system":"sap"}]}}`
	created, err := b.Send(t, http.MethodPost, "/Users", sent)
	if err != nil {
		t.Fatal(err)
	}
	want := apptest.DecodeJSON(t, sent)
	want["active"] = true
	delete(want[apptest.HRURN].(map[string]any), "pin") // never returned
	want[apptest.ITURN].(map[string]any)["mailHost"] = "acme.test"
	if diff := cmp.Diff(want, apptest.Written(created)); diff != "" {
		t.Errorf("answer to the create (-sent +got):\n%s", diff)
	}
	read, err := b.Send(t, http.MethodGet, "/Users/"+created["id"].(string), "")
	if diff := cmp.Diff(created, read); err != nil || diff != "" {
		t.Errorf("a read differs from the create (-created +read): %v\n%s", err, diff)
	}
	u := b.InKeycloak(t, created["id"].(string))
	for name, values := range map[string][]string{
		"job_title": {"Boss"}, "kind": {"Employee/acme"}, "department": {"R&D"}, "phone": {"2"}, "cost_center": {"4711"}, "personnel_number": {"P1"},
		"level": {"7"}, "badges": {"blue", "red"}, "hired": {"2026"}, "floor": {"3"}, "mail_host": {"acme.test"}, "accounts": {"JD", "jd"},
	} {
		if got := slices.Sorted(slices.Values(u.Attributes[name])); !slices.Equal(got, values) {
			t.Errorf("Keycloak holds %s = %q, want %q", name, got, values)
		}
	}
	if got := b.RolesOf(t, u.ID); got != "employee shop/editor" {
		t.Errorf("roles = %s", got)
	}
	if linked, err := b.Admin.Users(t.Context(), keycloak.UserQuery{Link: &keycloak.Link{IdentityProvider: "corp", UserID: "jane"}}); err != nil || len(linked) != 1 || linked[0].ID != u.ID {
		t.Errorf("linked are %v, %v", linked, err)
	}
	for filter, want := range map[string]int{
		apptest.HRURN + `:costCenter eq "4711"`: 1, apptest.HRURN + `:personnelNumber eq "p1"`: 0, apptest.HRURN + `:badges eq "red"`: 1, `userType eq "Employee"`: 1, `userType eq "Employee/acme"`: 0,
		apptest.ITURN + `:accounts.value eq "jd"`: 1, apptest.HRURN + `:level gt 6`: 1, `phoneNumbers[type eq "work" and value eq "2"]`: 1, apptest.ITURN + `:mailHost eq "acme.test"`: 1,
	} {
		found, err := b.Find(t.Context(), "/Users", filter, "")
		if err != nil || len(found) != want {
			t.Errorf("%s finds %d, %v, want %d", filter, len(found), err, want)
		}
	}
}

// TestAMappedTenantRefuses what its schemas and rules do not accept, and changes nothing.
func TestAMappedTenantRefuses(t *testing.T) {
	t.Parallel()
	b := apptest.NewMappedBridge(t, keycloaktest.Real(t))
	body := func(hr string) string { return `{"userName":"jane","` + apptest.HRURN + `":{` + hr + `}}` }
	jane, err := b.Send(t, http.MethodPost, "/Users", body(`"personnelNumber":"P1","hired":"2026"`))
	if err != nil {
		t.Fatal(err)
	}
	path := "/Users/" + jane["id"].(string)
	patch := func(op, path, value string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"` + op + `","path":"` + path + `","value":` + value + `}]}`
	}
	for name, c := range map[string]struct{ method, path, body, want string }{
		"a wrong type":                  {http.MethodPut, path, body(`"level":"high"`), "400 invalidValue: " + apptest.HRURN + ":level"},
		"several values where one fits": {http.MethodPut, path, body(`"costCenter":["a","b"]`), "400 invalidValue: " + apptest.HRURN + ":costCenter must be one value"},
		"a value too long":              {http.MethodPut, path, body(`"costCenter":"` + strings.Repeat("x", 2049) + `"`), "400 invalidValue: " + apptest.HRURN + ":costCenter can have at most 2048"},
		"a change of an immutable":      {http.MethodPatch, path, patch("replace", apptest.HRURN+":hired", `"2027"`), "400 mutability: " + apptest.HRURN + ":hired"},
		"a change of a readOnly":        {http.MethodPatch, path, patch("replace", apptest.ITURN+":mailHost", `"x"`), "mutability: Operations[0]: " + apptest.ITURN + ":mailHost"},
		"a value that another one has":  {http.MethodPost, "/Users", `{"userName":"joe","` + apptest.HRURN + `":{"personnelNumber":" P1 "}}`, "409 uniqueness: another resource has this value of " + apptest.HRURN + ":personnelNumber"},
		"two phones where one fits":     {http.MethodPut, path, `{"userName":"jane","phoneNumbers":[{"type":"work","value":"1"},{"type":"work","value":"2"}]}`, `400 invalidValue: phoneNumbers[type eq "work"].value has several values`},
	} {
		_, err := b.Send(t, c.method, c.path, c.body)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	after, err := b.Send(t, http.MethodGet, path, "")
	if diff := cmp.Diff(jane, after); err != nil || diff != "" {
		t.Errorf("something was changed: %v\n%s", err, diff)
	}
	if _, err := b.Send(t, http.MethodPut, path, body(`"personnelNumber":"P1","level":8`)); err != nil {
		t.Errorf("a user may keep its own unique value: %v", err)
	}
}

// TestMappedGroupAttributes come back, from the attributes that the mapping names.
func TestMappedGroupAttributes(t *testing.T) {
	t.Parallel()
	b := apptest.NewMappedBridge(t, keycloaktest.Real(t))
	created, err := b.Send(t, http.MethodPost, "/Groups", `{"displayName":"Sales","`+apptest.GroupURN+`":{"costCenter":"no1","purpose":"sell"}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"displayName": "Sales", apptest.GroupURN: map[string]any{"costCenter": "no1", "purpose": "sell"}}
	if diff := cmp.Diff(want, apptest.Written(created)); diff != "" {
		t.Errorf("answer to the create (-want +got):\n%s", diff)
	}
	if got := b.RolesOfGroup(t, created["id"].(string)); got != "shop/seller" {
		t.Errorf("roles = %s", got)
	}
	found, err := b.Find(t.Context(), "/Groups", apptest.GroupURN+`:costCenter eq "no1"`, "")
	if err != nil || len(found) != 1 {
		t.Errorf("the filter finds %v, %v", found, err)
	}
}

// TestSchemasOfAMappedTenant are the core ones and those of its file, exactly.
func TestSchemasOfAMappedTenant(t *testing.T) {
	t.Parallel()
	b := apptest.NewMappedBridge(t, keycloaktest.NewFake(t).Server())
	for path, want := range map[string]string{
		"/Schemas/" + apptest.HRURN:    "testdata/schema-hr.json",
		"/Schemas/" + apptest.ITURN:    "testdata/schema-it.json",
		"/Schemas/" + apptest.GroupURN: "testdata/schema-group.json",
		"/ResourceTypes/User":          "testdata/resource-type-user.json",
	} {
		got, err := b.Send(t, http.MethodGet, path, "")
		if err != nil {
			t.Fatal(err)
		}
		delete(got, "meta")
		data, err := os.ReadFile(want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(apptest.DecodeJSON(t, string(data)), got); diff != "" {
			t.Errorf("%s (-%s +got):\n%s", path, want, diff)
		}
	}
	all, err := b.Send(t, http.MethodGet, "/Schemas", "")
	if err != nil || len(all["Resources"].([]any)) != 6 {
		t.Errorf("there are %d schemas, %v, want User, enterprise User, Group and three of the file", len(all["Resources"].([]any)), err)
	}
}

// TestAChangedMappingFileIsApplied while the bridge runs, once its realm is fit for the new
// mapping. A file with a problem changes nothing.
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
	b := apptest.NewBridgeOn(t, server, nil, "--mapping", file)
	watch(t, b)
	title := func(name string) string {
		t.Helper()
		u, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"`+name+`","title":"Boss"}`)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(b.InKeycloak(t, u["id"].(string)).Attributes["job_title"], ",")
	}
	if got := title("before"); got != "" {
		t.Errorf("job_title = %q before there is a rule", got)
	}
	write("version: 1\nusers: { attributes: { titel: { keycloak: job_title } } }\n")
	waitForMapping(t, b, `Did you mean`)
	if got := title("bad"); got != "" {
		t.Errorf("job_title = %q with a bad file, want the mapping before it", got)
	}
	write("version: 1\nusers: { attributes: { title: { keycloak: job_title } } }\n")
	waitForMapping(t, b, `the realm is not fit for it: user attribute \"job_title\" is not declared`)
	if got := title("unfit"); got != "" {
		t.Errorf("job_title = %q in a realm that does not declare it", got)
	}
	apptest.RunSetup(t, server, b.Realm, "--mapping", file)
	waitForMapping(t, b, "")
	if got := title("after"); got != "Boss" {
		t.Errorf("job_title = %q, want the rule applied", got)
	}
}

// watch runs what serve runs besides the listeners, until the test ends.
func watch(t *testing.T, b apptest.Bridge) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var g errgroup.Group
	g.Go(func() error { b.App.Watcher.Run(ctx); return nil })
	g.Go(func() error { return b.App.WatchFiles(ctx) })
	t.Cleanup(func() {
		stop()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// waitForMapping waits until /statusz reports a state of the tenant's mapping.
func waitForMapping(t *testing.T, b apptest.Bridge, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		w := httptest.NewRecorder()
		b.App.Health.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/statusz", nil))
		said := strings.Contains(w.Body.String(), string(admin.OldMapping))
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

// TestPasswords: depending on the mapping, a password is set at the creation and by changes, or
// only at the creation, with a change at the first login. A password that breaks the realm's policy
// changes nothing.
func TestPasswords(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := apptest.NewBridgeWith(t, server, "version: 1\nusers: { password: accept }\n")
	login := func(b apptest.Bridge, name, password string) (int, any) {
		status, answer := apptest.AskToken(t, server, b.Realm, url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {name}, "password": {password}})
		return status, answer["error_description"]
	}
	user := func(password, title string) string {
		return `{"userName":"jane","name":{"givenName":"J","familyName":"D"},"emails":[{"value":"jane@acme.test","primary":true}],"title":"` + title + `","password":"` + password + `"}`
	}
	config, err := b.Send(t, http.MethodGet, "/ServiceProviderConfig", "")
	if err != nil || config["changePassword"].(map[string]any)["supported"] != true {
		t.Errorf("changePassword = %v, %v", config["changePassword"], err)
	}
	apptest.AdminPut(t, server, "/admin/realms/"+b.Realm, `{"passwordPolicy":"length(8)"}`)
	if _, err := b.Send(t, http.MethodPost, "/Users", user("short", "a")); err == nil || !strings.Contains(err.Error(), "400 invalidValue: password is refused by the realm's password policy (minimum length 8)") {
		t.Errorf("a short password: %v", err)
	}
	jane, err := b.Send(t, http.MethodPost, "/Users", user("long enough", "a"))
	if err != nil || jane["password"] != nil {
		t.Fatalf("%v, %v", jane, err)
	}
	path := "/Users/" + jane["id"].(string)
	if status, why := login(b, "jane", "long enough"); status != http.StatusOK {
		t.Errorf("login after the creation = %d %v", status, why)
	}
	if _, err := b.Send(t, http.MethodPut, path, user("short", "b")); err == nil {
		t.Error("a short password was taken")
	}
	if got, err := b.Send(t, http.MethodGet, path, ""); err != nil || got["title"] != "a" {
		t.Errorf("title = %v, %v, want nothing changed by the refused request", got["title"], err)
	}
	if _, err := b.Send(t, http.MethodPatch, path, `{"Operations":[{"op":"replace","path":"password","value":"another one"}]}`); err != nil {
		t.Fatal(err)
	}
	if status, _ := login(b, "jane", "long enough"); status == http.StatusOK {
		t.Error("the old password is good after the change")
	}
	if status, why := login(b, "jane", "another one"); status != http.StatusOK {
		t.Errorf("login after the change = %d %v", status, why)
	}

	b = apptest.NewBridgeWith(t, server, "version: 1\nusers: { password: initial }\n")
	jane, err = b.Send(t, http.MethodPost, "/Users", user("first one", "a"))
	if err != nil {
		t.Fatal(err)
	}
	if status, why := login(b, "jane", "first one"); status != http.StatusBadRequest || why != "Account is not fully set up" {
		t.Errorf("login with the initial password = %d %v, want that it must be changed", status, why)
	}
	if _, err := b.Send(t, http.MethodPut, "/Users/"+jane["id"].(string), user("second one", "a")); err != nil {
		t.Fatal(err)
	}
	if _, why := login(b, "jane", "first one"); why != "Account is not fully set up" {
		t.Errorf("a later password was taken: %v", why)
	}
}

// TestDefaultGroups: a new user becomes a member of all default groups, or is not created.
func TestDefaultGroups(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewUnfitBridge(t, server, "version: 1\nusers: { defaultGroups: [/everyone, /org/staff] }\n")
			if problem := b.App.Watcher.Tenants.All()[0].Fitness().Problem; !strings.Contains(problem, `the group "/everyone" of the mapping does not exist`) || !strings.Contains(problem, `"/org/staff"`) {
				t.Errorf("the tenant is fit without the groups: %q", problem)
			}
			b.MakeGroup(t, "everyone", keycloak.GroupID{})
			staff := b.MakeGroup(t, "staff", b.MakeGroup(t, "org", keycloak.GroupID{}))
			if !b.App.Watcher.Check(t.Context()) {
				t.Fatal("the tenant is not fit with the groups")
			}
			jane, err := b.Send(t, http.MethodPost, "/Users?attributes=groups", apptest.CreateJane)
			if err != nil {
				t.Fatal(err)
			}
			if groups, _ := jane["groups"].([]any); len(groups) != 2 {
				t.Errorf("groups = %v, want two", jane["groups"])
			}
			if err := b.Admin.DeleteGroup(t.Context(), staff); err != nil {
				t.Fatal(err)
			}
			_, err = b.Send(t, http.MethodPost, "/Users", `{"userName":"joe"}`)
			if client.StatusOf(err) != http.StatusServiceUnavailable {
				t.Errorf("a create while a default group is missing = %v, want 503", err)
			}
			if found, err := b.Find(t.Context(), "/Users", `userName eq "joe"`, ""); err != nil || len(found) != 0 {
				t.Errorf("the user is left behind: %v, %v", found, err)
			}
		})
	}
}

// TestGroupsBelowAParent: a tenant with a parent has exactly the groups right below it, whatever a
// client asks for.
func TestGroupsBelowAParent(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewUnfitBridge(t, server, "version: 1\ngroups: { parent: /scim }\n")
			parent := b.MakeGroup(t, "scim", keycloak.GroupID{})
			other := b.MakeGroup(t, "admins", keycloak.GroupID{}).String()
			if !b.App.Watcher.Check(t.Context()) {
				t.Fatal("the tenant is not fit with the parent")
			}
			jane, err := b.Send(t, http.MethodPost, "/Users", apptest.CreateJane)
			if err != nil {
				t.Fatal(err)
			}
			id := jane["id"].(string)
			sales, err := b.Send(t, http.MethodPost, "/Groups", `{"displayName":"sales","externalId":"x","members":[{"value":"`+id+`"}]}`)
			if err != nil {
				t.Fatal(err)
			}
			if parsed, err := keycloak.ParseGroupID(sales["id"].(string)); err != nil {
				t.Error(err)
			} else if g, err := b.Admin.Group(t.Context(), parsed); err != nil || g.ParentID != parent.String() {
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
					if _, err := b.Send(t, method, "/Groups/"+foreign, body); client.StatusOf(err) != http.StatusNotFound {
						t.Errorf("%s of a group elsewhere = %v, want 404", method, err)
					}
				}
				for _, op := range []string{"add", "replace"} {
					body := `{"Operations":[{"op":"` + op + `","path":"members","value":[{"value":"nobody"},{"value":"nobody2"}]}]}`
					if _, err := b.Send(t, http.MethodPatch, "/Groups/"+foreign, body); client.StatusOf(err) != http.StatusNotFound {
						t.Errorf("%s of unknown members to a group elsewhere = %v, want 404 as for an absent one", op, err)
					}
				}
			}
			if _, err := b.Send(t, http.MethodPatch, "/Groups/"+sales["id"].(string), add); err != nil {
				t.Error(err)
			}
			if otherID, err := keycloak.ParseGroupID(other); err != nil {
				t.Error(err)
			} else if user, err := keycloak.ParseUserID(id); err != nil {
				t.Error(err)
			} else if err := b.Admin.AddMember(t.Context(), user, otherID); err != nil {
				t.Error(err)
			}
			read, err := b.Send(t, http.MethodGet, "/Users/"+id+"?attributes=groups", "")
			if groups, _ := read["groups"].([]any); err != nil || len(groups) != 1 {
				t.Errorf("groups of the user = %v, %v, want the one below the parent", read["groups"], err)
			}
			if err := b.Admin.DeleteGroup(t.Context(), parent); err != nil {
				t.Fatal(err)
			}
			b.App.Watcher.Check(t.Context())
			fitness := b.App.Watcher.Tenants.All()[0].Fitness()
			if _, err := b.Send(t, http.MethodPost, "/Groups", `{"displayName":"stray"}`); client.StatusOf(err) != http.StatusServiceUnavailable || fitness.Resolved.Groups["/scim"] != parent {
				t.Errorf("without the parent a create = %v; requests under way have the parent %v, want 503 and the one they began with", err, fitness.Resolved.Groups)
			}
		})
	}
}
