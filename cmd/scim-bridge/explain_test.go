package main

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// timeless replaces what differs between two runs.
func timeless(text string) string {
	for _, r := range []struct{ pattern, by string }{
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z`, "TIME"}, {`"createdTimestamp":\d+`, `"createdTimestamp":0`}, {`\|\w+\|1/1\|`, "|STAMP|1/1|"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.by)
	}
	return text
}

// TestExplain shows the target and the rule of each attribute, and the calls, and shows no secret.
func TestExplain(t *testing.T) {
	t.Parallel()
	out, told, code := command(t, "", "explain", "-f", "../../bridge/mapping/testdata/mapping.yaml", "--payload", "testdata/explain-user.json")
	if code != 0 || strings.Contains(out, "s3cret") {
		t.Fatalf("explain ended with %d: %s\n%s", code, told, out)
	}
	const file = "testdata/explain-user.txt"
	if *apptest.Update {
		if err := os.WriteFile(file, []byte(timeless(out)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if diff := cmp.Diff(string(want), timeless(out)); err != nil || diff != "" {
		t.Errorf("explain prints something else than %s, %v (-want +got):\n%s", file, err, diff)
	}
}

// explained runs explain and reads its JSON.
func explained(t *testing.T, input string, args ...string) (app.Explanation, int) {
	t.Helper()
	out, told, code := command(t, input, append([]string{"explain", "--output", "json"}, args...)...)
	var e app.Explanation
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		t.Fatalf("explain ended with %d and printed %q: %s", code, out, told)
	}
	return e, code
}

// TestExplainSaysWhatIsSent: the printed value of each attribute is the value in the call.
func TestExplainSaysWhatIsSent(t *testing.T) {
	t.Parallel()
	e, _ := explained(t, "", "-f", "../../bridge/mapping/testdata/mapping.yaml", "--payload", "testdata/explain-user.json")
	i := slices.IndexFunc(e.Calls, func(c keycloak.RehearsedCall) bool { return c.Method == http.MethodPost })
	sent := e.Calls[i].Body.(map[string]any)
	attributes := sent["attributes"].(map[string]any)
	said := map[string]bool{}
	for _, a := range e.Attributes {
		name, isAttribute := strings.CutPrefix(a.Target, "attributes.")
		if !isAttribute || name == "scim.remainder" {
			continue
		}
		said[name] = true
		got, err := json.Marshal(a.Stored)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(attributes[name])
		if strings.ReplaceAll(string(want), "-", "") != strings.ReplaceAll(string(got), "-", "") || err != nil {
			t.Errorf("explain says %s of %s, and %s is sent", got, name, want)
		}
	}
	for name := range attributes {
		if !said[name] && name != "scim.remainder" && name != "scim.owner" && name != "scim.modified" && name != "scim.roles" {
			t.Errorf("explain does not speak of %s", name)
		}
	}
}

// TestExplainOfAGroup explains a group with members and a role.
func TestExplainOfAGroup(t *testing.T) {
	t.Parallel()
	e, code := explained(t, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Sales","externalId":"g1","members":[{"value":"u1"}],"`+apptest.GroupURN+`":{"costCenter":"1","purpose":"p"}}`,
		"-f", "../../bridge/mapping/testdata/mapping.yaml", "--payload", "-")
	var rows, calls []string
	for _, a := range e.Attributes {
		rows = append(rows, a.Attribute+" "+a.Target+" "+strings.Join(a.Stored, ","))
	}
	for _, c := range e.Calls {
		calls = append(calls, c.Method+" "+c.Path)
	}
	wantRows := []string{
		"displayName name Sales", "externalId attributes.externalId g1", apptest.GroupURN + ":costCenter attributes.cost_center cc-1",
		apptest.GroupURN + ":purpose attributes.scim.remainder ", "groups.roles role mappings shop/seller",
	}
	wantCalls := []string{
		"GET /admin/realms/REALM/users?briefRepresentation=true&first=0&max=100&search=id:u1", "GET /admin/realms/REALM/roles-by-id/ID-OF-seller/composites",
		"POST /admin/realms/REALM/groups", "PUT /admin/realms/REALM/users/u1/groups/ID-OF-THE-NEW-GROUP",
		"POST /admin/realms/REALM/groups/ID-OF-THE-NEW-GROUP/role-mappings/clients/ID-OF-shop",
		"PUT /admin/realms/REALM/groups/ID-OF-THE-NEW-GROUP",
	}
	if diff := cmp.Diff(wantRows, rows); code != 0 || diff != "" {
		t.Errorf("explain ended with %d (-want +got):\n%s", code, diff)
	}
	if diff := cmp.Diff(wantCalls, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestExplainOfAttributesThatAreLeftOut: explain prints what is dropped, and prints a refusal.
func TestExplainOfAttributesThatAreLeftOut(t *testing.T) {
	t.Parallel()
	drop := apptest.MappingFile(t, "version: 1\nusers: { unmapped: drop }\n")
	e, code := explained(t, `{"userName":"jane","title":"Boss","name":{"formatted":"J"}}`, "-f", drop, "--payload", "-")
	var rows []string
	for _, a := range e.Attributes {
		rows = append(rows, a.Attribute+" "+compact(a.Value)+" "+a.Rule+" -> "+a.Target)
	}
	want := []string{`userName "jane" built in -> username`, `name.formatted "J" unmapped: drop -> `, `title "Boss" unmapped: drop -> `}
	if diff := cmp.Diff(want, rows); code != 0 || diff != "" {
		t.Errorf("explain ended with %d (-want +got):\n%s", code, diff)
	}
	for input, want := range map[string]string{
		`{"userName":"jane","title":["a","b"]}`: "400 invalidValue: title must be one value",
		`{"title":"x"}`:                         "400 invalidValue: userName is required",
	} {
		if e, code := explained(t, input, "--payload", "-"); code != exitFailure || !strings.HasPrefix(e.Error, want) || len(e.Calls) > 0 {
			t.Errorf("explain of %s ended with %d, %q, calls %v; want %q", input, code, e.Error, e.Calls, want)
		}
	}
}

// TestExplainIsUsedWrongly: the exit code is 2, or 3 when a file has a problem.
func TestExplainIsUsedWrongly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want int
		says string
	}{
		{nil, exitUsage, "--payload is required"},
		{[]string{"--payload", "testdata/explain-user.json", "--resource", "device"}, exitUsage, "--resource must be user or group"},
		{[]string{"--payload", "testdata/explain-user.json", "--output", "xml"}, exitUsage, `"--output" flag: give text or json`},
		{[]string{"--payload", "-"}, exitUsage, "the payload is a PATCH"},
		{[]string{"--payload", "testdata/explain-user.json", "--tenant", "acme"}, exitUsage, "--tenant needs --against-live; without --against-live, use --file to name a mapping file"},
		{[]string{"--payload", "testdata/explain-user.json", "--config", "config.yaml"}, exitUsage, "--config needs --against-live; without --against-live, use --file to name a mapping file"},
		{[]string{"--payload", "testdata/none.json"}, exitFailure, "read the payload: open testdata/none.json"},
		{[]string{"--payload", "../../bridge/mapping/testdata/mapping.yaml"}, exitFailure, "../../bridge/mapping/testdata/mapping.yaml: 400 invalidSyntax"},
		{[]string{"-f", "testdata/explain-user.json", "--payload", "testdata/explain-user.json"}, exitProblems, "testdata/explain-user.json:2:3: schemas"},
		{[]string{"--payload", "testdata/explain-user.json", "--against-live", "x", "--config", "../../bridge/mapping/testdata/mapping.yaml"}, exitProblems, "../../bridge/mapping/testdata/mapping.yaml:"},
	} {
		if _, told, code := command(t, `{"Operations":[]}`, append([]string{"explain"}, c.args...)...); code != c.want || !strings.Contains(told, c.says) {
			t.Errorf("explain %v ended with %d: %s; want %d and %q", c.args, code, told, c.want, c.says)
		}
	}
}

// TestExplainAgainstALiveResource reads the resource, writes nothing, and prints the calls that the
// same request then makes.
func TestExplainAgainstALiveResource(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewMappedBridge(t, server)
			before, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"jane","title":"Boss","`+apptest.HRURN+`":{"level":7}}`)
			if err != nil {
				t.Fatal(err)
			}
			id := before["id"].(string)
			for _, c := range []struct{ method, body, want string }{
				{http.MethodPut, `{"userName":"jane","title":"Clerk","active":false}`, "GET users; GET role-mappings; GET clients; PUT users; DELETE clients; PUT users; POST logout; GET consents"},
				{http.MethodPatch, `{"Operations":[{"op":"replace","path":"password","value":"s3cret"},{"op":"replace","path":"title","value":"Clerk"}]}`, "GET users; GET role-mappings; PUT users"},
				{http.MethodPut, `{"userName":"jane","title":"Boss","` + apptest.HRURN + `":{"level":7}}`, "GET users; GET role-mappings"},
			} {
				e, code := explained(t, c.body, "--payload", "-", "--config", b.File, "--against-live", id)
				var calls []string
				for _, call := range e.Calls {
					part := regexp.MustCompile(`role-mappings$|clients|logout|consents|users`).FindAllString(strings.Split(call.Path, "?")[0], -1)
					calls = append(calls, call.Method+" "+part[len(part)-1])
				}
				slices.Sort(calls)
				want := strings.Split(c.want, "; ")
				slices.Sort(want)
				if diff := cmp.Diff(want, calls); code != 0 || diff != "" || e.Request != c.method+" /Users/"+id || strings.Contains(compact(e), "s3cret") {
					t.Errorf("explain %s %s ended with %d, %s: %s (-want +got):\n%s", c.method, c.body, code, e.Request, e.Error, diff)
				}
			}
			after, err := b.Send(t, http.MethodGet, "/Users/"+id, "")
			if diff := cmp.Diff(before, after); err != nil || diff != "" {
				t.Errorf("explain changed the user: %v\n%s", err, diff)
			}
			if got := b.RolesOf(t, id); got != "employee shop/editor" {
				t.Errorf("explain changed the roles: %s", got)
			}
			e, code := explained(t, `{"userName":"jane"}`, "--payload", "-", "--config", b.File, "--against-live", "00000000-0000-0000-0000-000000000000")
			if code != exitFailure || !strings.HasPrefix(e.Error, "404") {
				t.Errorf("explain against nobody ended with %d: %s", code, e.Error)
			}
		})
	}
}

// TestExplainWithoutKeycloak: explain says that Keycloak does not answer.
func TestExplainWithoutKeycloak(t *testing.T) {
	t.Parallel()
	p := apptest.Patient{Bridge: apptest.NewMappedBridge(t, keycloaktest.NewFake(t).Server())}
	p.EditFile(t, "config.yaml", func(s string) string {
		return regexp.MustCompile(`http://127[^" ]*`).ReplaceAllString(s, "http://127.0.0.1:1")
	})
	_, told, code := command(t, `{"userName":"jane"}`, "explain", "--payload", "-", "--config", p.File, "--against-live", "x")
	if code != exitFailure || !strings.Contains(told, "connection refused") {
		t.Errorf("explain ended with %d: %s", code, told)
	}
}

// TestExplainAgainstAnUnfitRealm: explain says why the tenant is not ready.
func TestExplainAgainstAnUnfitRealm(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	b := apptest.NewMappedBridge(t, server)
	apptest.AdminSend(t, server, http.MethodDelete, "/admin/realms/"+b.Realm+"/roles/employee", "")
	_, told, code := command(t, `{"userName":"jane"}`, "explain", "--payload", "-", "--config", b.File, "--against-live", "x")
	if code != exitFailure || !strings.Contains(told, `refuses every request: the role "employee" of the mapping does not exist`) {
		t.Errorf("explain ended with %d: %s", code, told)
	}
}

// TestTheExampleOfExplainHolds: the example in docs/reference/mapping.md is what explain prints,
// without the bodies.
func TestTheExampleOfExplainHolds(t *testing.T) {
	t.Parallel()
	page := apptest.ReadPage(t, "../../docs/reference/mapping.md")
	block := func(pattern string) string {
		t.Helper()
		m := regexp.MustCompile("(?s)" + pattern).FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("the page has no %s", pattern)
		}
		return m[1]
	}
	out, told, code := command(t, block("```json user.json\n(.*?)```"), "explain", "-f", apptest.MappingFile(t, block("```yaml\n(.*?)```")), "--payload", "-")
	got := regexp.MustCompile("(?m)^      [{].*\n").ReplaceAllString(out, "")
	if diff := cmp.Diff(block("`explain` prints\n\n```\n(.*?)```"), got); code != 0 || diff != "" {
		t.Errorf("explain ended with %d, %s (-page +got):\n%s", code, told, diff)
	}
}
