package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// fileOf writes a file for a test.
func fileOf(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// imported runs import and returns the lines of its report, and the text on standard error.
func imported(t *testing.T, config, path, file string, more ...string) (lines []string, told string, code int) {
	t.Helper()
	out, told, code := command(t, "", append([]string{"import", "--config", config, "--tenant", path, file}, more...)...)
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n"), told, code
}

// exported runs export and returns the resources by name, with names in place of ids.
func exported(t *testing.T, config, path string) map[string]string {
	t.Helper()
	out, told, code := command(t, "", "export", "--config", config, "--tenant", path)
	if code != 0 {
		t.Fatalf("export ended with %d: %s", code, told)
	}
	var objects []map[string]any
	var ids []string
	for line := range strings.Lines(out) {
		object, err := scim.Decode([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprint(object["userName"])
		if object["userName"] == nil {
			name = fmt.Sprint(object["displayName"])
		}
		ids = append(ids, object["id"].(string), "id-of-"+name)
		objects = append(objects, object)
	}
	named := strings.NewReplacer(ids...)
	all := map[string]string{}
	for i, object := range objects {
		if members, ok := object["members"].([]any); ok {
			slices.SortFunc(members, func(a, b any) int {
				return strings.Compare(fmt.Sprint(a.(map[string]any)["display"]), fmt.Sprint(b.(map[string]any)["display"]))
			})
			for _, m := range members {
				delete(m.(map[string]any), "$ref")
			}
		}
		if enterprise, ok := object[scim.EnterpriseUserURN].(map[string]any); ok {
			if manager, ok := enterprise["manager"].(map[string]any); ok {
				delete(manager, "$ref")
			}
		}
		data, err := scim.Encode(object)
		if err != nil {
			t.Fatal(err)
		}
		all[ids[2*i+1]] = named.Replace(string(data))
	}
	return all
}

// people is a file in which managers come after their people, and two people manage each other.
const importedPeople = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1","userName":"jane@acme.test","externalId":"x1","name":{"givenName":"Jane","familyName":"Doe"},"active":false,"emails":[{"value":"jane@acme.test","type":"work","primary":true},{"value":"j@acme.test","type":"home"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D","manager":{"value":"3"}}}

{"id":"2","userName":"joe@acme.test","title":"Zoë \"quoted\" <b>","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"1"}},"meta":{"resourceType":"User"},"groups":[{"value":"g"}]}
{"ID":"3","username":"jim@acme.test","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"1"}}}
{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"g","displayName":"Team","externalId":"xg","Members":[{"Value":"3"},{"value":"1"}]}
{"displayName":"Empty"}
`

// TestAnImportIsWhatAnExportShows, for tenants of a realm and of an organization. The exported file
// can be imported into another tenant.
func TestAnImportIsWhatAnExportShows(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			config, acme := c.Realm.Controlled(t), tenant.OrganizationPath(c.Realm.Realm, "acme")
			lines, told, code := imported(t, config, acme, fileOf(t, "people.jsonl", importedPeople))
			if code != 0 || len(lines) != 1 || !strings.Contains(told, "5 rows are imported, 0 not") {
				t.Fatalf("import ended with %d: %s %s", code, lines, told)
			}
			got := exported(t, config, acme)
			for name, part := range map[string]string{
				"id-of-jane@acme.test": `"manager":{"value":"id-of-jim@acme.test"}`, "id-of-joe@acme.test": `"title":"Zoë \"quoted\" <b>"`,
				"id-of-jim@acme.test": `"manager":{"value":"id-of-jane@acme.test"}`, "id-of-Team": `"members":[{"display":"jane@acme.test","type":"User","value":"id-of-jane@acme.test"},{"display":"jim@acme.test"`,
				"id-of-Empty": `"displayName":"Empty"`,
			} {
				if !strings.Contains(got[name], part) {
					t.Errorf("%s is %s, want it to hold %s", name, got[name], part)
				}
			}
			if strings.Contains(got["id-of-jane@acme.test"], `"active":true`) || len(got) != 5 {
				t.Errorf("the export is %v", got)
			}
			// elsewhere
			out, _, _ := command(t, "", "export", "--config", config, "--tenant", acme)
			other := apptest.NewBridgeOn(t, start(t), nil)
			config = other.Controlled(t)
			if lines, told, code := imported(t, config, other.Realm, fileOf(t, "again.jsonl", out)); code != 0 {
				t.Fatalf("the second import ended with %d: %s %s", code, lines, told)
			}
			if diff := cmp.Diff(got, exported(t, config, other.Realm)); diff != "" {
				t.Errorf("what was exported and imported is otherwise (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnImportReportsEachBrokenRow and imports the other rows. After the file is corrected, a
// second run continues where the first stopped.
func TestAnImportReportsEachBrokenRow(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.CallBridge{Bridge: apptest.NewBridgeOn(t, fake.Server(), nil), Fake: fake}
	config := b.Controlled(t)
	b.Create(t, "/Users", `{"userName":"there"}`)
	rows := []struct{ text, want string }{
		{`{"userName":"good"}`, ""},
		{`{"userName":`, "line 2: "},
		{`["userName"]`, "line 3: "},
		{`{"userName":"a","userName":"b"}`, "line 4: "},
		{`{"userName":"a\u0000"}`, "line 5: "},
		{`{"userName":"deep","x":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`, "line 6: "},
		{`{"title":"nobody"}`, "line 7: it has no userName"},
		{`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]}`, "line 8: it has no displayName"},
		{`{"userName":"good"}`, `line 9 ("good"): it is the same as line 1`},
		{`{"userName":"there","id":"t"}`, `line 10 ("there"): 409: userName is in use`},
		{`{"userName":"bad","emails":[{"value":"no address","primary":true}]}`, `line 11 ("bad"): 400: `},
		{`{"userName":"typed","active":"perhaps"}`, `line 12 ("typed"): 400: active`},
		{`{"userName":"subordinate","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"t"}}}`, `line 13 ("subordinate"): the user was imported without its manager t`},
		{`{"displayName":"team","members":[{"value":"t"}]}`, `line 14 ("team"): the row of its member t was not imported`},
		{`{"displayName":"strangers","members":[{"value":"` + apptest.AbsentID + `"}]}`, `line 15 ("strangers"): 400: `},
		{`{"userName":"twice","id":"t"}`, `line 16 ("twice"): line 10 has the same id`},
		{`{"userName":"last","title":"L"}`, ""},
		{`{"displayName":"group","id":"t"}`, `line 18 ("group"): line 10 has the same id`},
	}
	text := ""
	for _, r := range rows {
		text += r.text + "\n"
	}
	file := fileOf(t, "broken.jsonl", text)
	lines, told, code := imported(t, config, b.Realm, file)
	if code != exitFailure || !strings.Contains(told, "2 rows are imported, 16 not") {
		t.Errorf("import ended with %d: %s", code, told)
	}
	for _, r := range rows {
		if r.want != "" && !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, r.want) }) {
			t.Errorf("no line of the report begins with %s:\n%s", r.want, strings.Join(lines, "\n"))
		}
	}
	apptest.WantNames(t, "the users", b.Names(t, "/Users"), "good", "last", "subordinate", "there")
	apptest.WantNames(t, "the groups", b.Names(t, "/Groups"))
	mended := rows[0].text + "\n" + rows[12].text + "\n" + strings.Replace(rows[9].text, "there", "other", 1) + "\n" + rows[13].text + "\n" + rows[16].text + "\n"
	if err := os.WriteFile(file, []byte(mended), 0o600); err != nil {
		t.Fatal(err)
	}
	var posts int
	for _, call := range b.Calls(func() { lines, told, code = imported(t, config, b.Realm, file) }) {
		if call == "POST /users" {
			posts++
		}
	}
	if code != 0 || posts != 2 { // other, and subordinate, which exists already
		t.Errorf("the second import ended with %d and made %d calls to create users: %s %s", code, posts, lines, told)
	}
	if files, err := filepath.Glob(file + ".*"); err != nil || len(files) > 0 {
		t.Errorf("the journal is left: %v, %v", files, err)
	}
	apptest.WantNames(t, "the users", b.Names(t, "/Users"), "good", "last", "other", "subordinate", "there")
	found, err := b.Find(t.Context(), "/Users", `userName eq "subordinate"`, "")
	if err != nil || len(found) != 1 || apptest.ManagerOf(found[0]) == "<nil>" {
		t.Errorf("the user without its manager is %v, %v", found, err)
	}
}

// TestAnImportOfCSV: paths of attributes name the columns.
func TestAnImportOfCSV(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	config := b.Controlled(t)
	head := "\ufeffuserName,name.givenName,active,emails,\"emails[type eq \"\"home\"\"].value\",\"phoneNumbers[type eq \"\"work\"\"].value\",urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department,manager.value,id,roles\n"
	people := head +
		`"jane@acme.test","Jane ""J""",FALSE,jane@acme.test,j@home.test,1,"D, E",,j,"[{""value"":""a""},{""value"":""b""}]"` + "\n" +
		"joe@acme.test,Joe,,,,,,,,\n"
	lines, told, code := imported(t, config, b.Realm, fileOf(t, "people.csv", people))
	if code != 0 {
		t.Fatalf("import ended with %d: %s %s", code, lines, told)
	}
	found, err := b.Find(t.Context(), "/Users", `userName eq "jane@acme.test"`, "")
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	delete(found[0], "meta")
	delete(found[0], "id")
	data, err := scim.Encode(found[0])
	const want = `{"active":false,"emails":[{"value":"jane@acme.test"},{"type":"home","value":"j@home.test"}],"name":{"givenName":"Jane \"J\""},` +
		`"phoneNumbers":[{"type":"work","value":"1"}],"roles":[{"value":"a"},{"value":"b"}],"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],` +
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D, E"},"userName":"jane@acme.test"}`
	if diff := cmp.Diff(want, string(data)); err != nil || diff != "" {
		t.Errorf("the user is otherwise (-want +got):\n%s", diff)
	}
	groups := "displayName,externalId\nTeam,g1\n"
	if lines, told, code := imported(t, config, b.Realm, fileOf(t, "groups.csv", groups)); code != 0 {
		t.Errorf("import of groups ended with %d: %s %s", code, lines, told)
	}
	apptest.WantNames(t, "the groups", b.Names(t, "/Groups"), "Team")
	for text, want := range map[string]string{
		"":                                 "line 1 has to name the attributes",
		"userName,emails[type co \"x\"]\n": "line 1",
		"userName,a b\n":                   "line 1, column 2",
		"userName,title\none\n":            "line 2: wrong number of fields",
		"userName,title\none,\"x\n":        "line 2",
		"userName,active\nuser1,perhaps\n": `line 2: active: "perhaps" is neither true nor false`,
		"userName,roles\nuser1,[nothing\n": "line 2: roles: it begins like JSON, but is not JSON",
		"userName,name\nuser1,Jane Doe\n":  "line 2: name: it has sub-attributes",
		"userName,title\n,nobody\n":        "line 2: it has no userName",
	} {
		lines, told, code := imported(t, config, b.Realm, fileOf(t, "broken.csv", text))
		if code == 0 || !strings.Contains(strings.Join(lines, "\n")+told, want) {
			t.Errorf("%q: import ended with %d: %s %s, want %s", text, code, lines, told, want)
		}
	}
	apptest.WantNames(t, "the users", b.Names(t, "/Users"), "jane@acme.test", "joe@acme.test")
}

// TestAnImportUpdates: --update replaces existing resources, and a dry run changes nothing.
func TestAnImportUpdates(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	config := b.Controlled(t)
	id := b.Create(t, "/Users", `{"userName":"jane","title":"old","nickName":"goes"}`)
	member := b.Create(t, "/Users", `{"userName":"joe"}`)
	group := b.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+member+`"}]}`)
	file := fileOf(t, "people.jsonl", `{"userName":"JANE","id":"j","title":"new"}`+"\n"+`{"displayName":"Team","members":[{"value":"j"}]}`+"\n")
	if _, told, code := imported(t, config, b.Realm, file, "--dry-run"); code != 0 || !strings.Contains(told, "2 rows can be sent") {
		t.Errorf("the dry run ended with %d: %s", code, told)
	}
	if lines, told, code := imported(t, config, b.Realm, file, "--output", "json"); code == 0 || !strings.Contains(lines[0], `{"line":1,"name":"JANE","status":409,"reason":"`) {
		t.Errorf("without --update import ended with %d: %s %s", code, lines, told)
	}
	if jane := b.Must(t, http.MethodGet, "/Users/"+id, ""); jane["title"] != "old" {
		t.Errorf("without --update the user is %v", jane)
	}
	if lines, told, code := imported(t, config, b.Realm, file, "--update"); code != 0 {
		t.Errorf("import ended with %d: %s %s", code, lines, told)
	}
	if jane := b.Must(t, http.MethodGet, "/Users/"+id, ""); jane["title"] != "new" || jane["nickName"] != nil {
		t.Errorf("the user is %v", jane)
	}
	if got := apptest.MemberIDs(b.Must(t, http.MethodGet, "/Groups/"+group, "")); !slices.Equal(got, []string{id}) {
		t.Errorf("the members are %v, want %s", got, id)
	}
}

// TestAnImportThatIsKilled: the next run continues where the killed run stopped, also when the
// bridge was killed meanwhile.
func TestAnImportThatIsKilled(t *testing.T) {
	t.Parallel()
	proxy := keycloaktest.NewProxy(t, keycloaktest.Real(t))
	victim := apptest.NewServed(t, proxy.Server())
	var text strings.Builder
	for i := range 200 {
		fmt.Fprintf(&text, `{"id":"%d","userName":"person%d","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"%d"}}}`+"\n", i, i, (i+1)%200)
	}
	for i := range 10 {
		fmt.Fprintf(&text, `{"displayName":"group%d","members":[{"value":"%d"},{"value":"%d"}]}`+"\n", i, i, 199-i)
	}
	file := fileOf(t, "people.jsonl", text.String())
	for kill := 0; ; kill++ {
		if kill == 100 {
			t.Fatal("the import does not come to an end")
		}
		cmd := exec.CommandContext(t.Context(), victim.Program, "import", "--config", victim.File, file)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		at := proxy.Inject(keycloaktest.Fault{Nth: 150 + 120*kill, Stage: keycloaktest.Stage(kill % 2 * int(keycloaktest.After)), Drop: true})
		ended := make(chan error, 1)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { ended <- cmd.Wait() }()
		var err error
		select {
		case <-at:
			_ = cmd.Process.Kill() // it may have ended already
			if kill%3 == 2 {
				_ = victim.Cmd.Process.Kill() // the process runs
				victim.Rest()
				_ = victim.Cmd.Wait()
			}
			err = <-ended
			proxy.ClearFaults()
			if kill%3 == 2 {
				victim.Start(t)
			}
		case err = <-ended:
			proxy.ClearFaults()
		}
		if err == nil {
			t.Logf("killed %d times", kill)
			if kill < 5 {
				t.Errorf("the import was killed %d times, which proves little", kill)
			}
			break
		}
		if cmd.ProcessState.Exited() {
			t.Fatalf("import ended by itself with %v: %s", err, out.String())
		}
	}
	list := victim.Must(t, http.MethodGet, "/Users?count=0", "")
	groups := victim.Must(t, http.MethodGet, "/Groups?count=100", "")
	if fmt.Sprintf("%v %v", list["totalResults"], groups["totalResults"]) != "200 10" {
		t.Errorf("%v users and %v groups are there, want 200 and 10", list["totalResults"], groups["totalResults"])
	}
	got := exported(t, victim.File, victim.Realm)
	for i := range 200 {
		if want := fmt.Sprintf(`"manager":{"value":"id-of-person%d"}`, (i+1)%200); !strings.Contains(got[fmt.Sprintf("id-of-person%d", i)], want) {
			t.Errorf("person%d is %s, want %s", i, got[fmt.Sprintf("id-of-person%d", i)], want)
		}
	}
	for i := range 10 {
		if group := got[fmt.Sprintf("id-of-group%d", i)]; strings.Count(group, `"type":"User"`) != 2 {
			t.Errorf("group%d is %s", i, group)
		}
	}
}
