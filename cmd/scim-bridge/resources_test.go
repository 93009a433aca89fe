package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
)

// TestUsersListAndGet read a tenant with only the configuration, as an operator does.
func TestUsersListAndGet(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			ids := map[string]string{}
			for _, user := range []string{"carol", "alice", "bob"} {
				ids[user] = b.Create(t, "/Users", `{"userName":"`+user+`","displayName":"`+user+`\u001b[31m","title":"=1+1","active":`+fmt.Sprint(user != "bob")+`,
					"emails":[{"value":"`+user+`@acme.test","primary":true},{"value":"`+user+`2@acme.test"}]}`)
			}
			b.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+ids["bob"]+`"}]}`)
			list := func(args ...string) string {
				out, told, code := command(t, "", append([]string{"users", "list", "--config", b.File}, args...)...)
				if code != 0 {
					t.Fatalf("users list %v ended with %d: %s", args, code, told)
				}
				return out
			}
			const table = "USERNAME  ACTIVE  EMAILS.VALUE\n" +
				"carol     true    carol@acme.test, carol2@acme.test\n" +
				"alice     true    alice@acme.test, alice2@acme.test\n"
			if diff := cmp.Diff(table, list("--filter", "active eq true", "--descending", "--columns", "userName,active,emails.value")); diff != "" {
				t.Errorf("the table is another (-want +got):\n%s", diff)
			}
			if got := list("--columns", "displayName", "--limit", "1"); got != "DISPLAYNAME\nalice\uFFFD[31m\n" {
				t.Errorf("a value that commands a terminal is printed as %q", got)
			}
			rows, err := csv.NewReader(strings.NewReader(list("--output", "csv", "--columns", "userName,title,id", "--sort-by", "emails.value"))).ReadAll()
			want := [][]string{{"userName", "title", "id"}, {"alice", "'=1+1", ids["alice"]}, {"bob", "'=1+1", ids["bob"]}, {"carol", "'=1+1", ids["carol"]}}
			if diff := cmp.Diff(want, rows); diff != "" || err != nil {
				t.Errorf("the rows of the CSV are others (-want +got), %v:\n%s", err, diff)
			}
			var objects []map[string]any
			if err := json.Unmarshal([]byte(list("--output", "json", "--filter", `userName eq "bob"`)), &objects); err != nil || len(objects) != 1 {
				t.Fatalf("the JSON has %d users, %v, want one", len(objects), err)
			}
			var one map[string]any
			for _, text := range []string{"BOB", ids["bob"]} {
				out, told, code := command(t, "", "users", "get", text, "--config", b.File)
				if err := json.Unmarshal([]byte(out), &one); err != nil || code != 0 {
					t.Fatalf("users get %s ended with %d, %v: %s", text, code, err, told)
				}
				asked := b.Must(t, http.MethodGet, "/Users/"+ids["bob"], "")
				if diff := cmp.Diff(apptest.Written(asked), apptest.Written(one)); diff != "" {
					t.Errorf("users get %s prints another user than the bridge answers (-want +got):\n%s", text, diff)
				}
			}
			if got := list("--output", "json", "--filter", `userName eq "nobody"`); got != "[]\n" {
				t.Errorf("nobody is %q", got)
			}
			if out, told, code := command(t, "", "groups", "list", "--config", b.File, "--columns", "displayName"); code != 0 || out != "DISPLAYNAME\nTeam\n" {
				t.Errorf("groups list ended with %d: %s%s", code, out, told)
			}
		})
	}
}

// TestUsersListSaysWhatIsWrong with its flags.
func TestUsersListSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	b.Create(t, "/Users", `{"userName":"jane"}`)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"users", "list", "--output", "xml"}, `invalid argument "xml" for "--output" flag: give text, json or csv`},
		{[]string{"users", "list", "--columns", "shoeSize"}, `--columns: users have no attribute "shoeSize"`},
		{[]string{"users", "list", "--filter", "shoeSize eq 1"}, `User has no attribute "shoeSize"`},
		{[]string{"users", "list", "--sort-by", "shoeSize"}, `sortBy: User has no attribute "shoeSize"`},
		{[]string{"users", "list", "--tenant", "nobody"}, `the configuration has no tenant "nobody"`},
		{[]string{"users", "get", "nobody"}, `has no resource with the id or userName "nobody"`},
		{[]string{"groups", "get", "nobody"}, `has no resource with the id or displayName "nobody"`},
		{[]string{"users", "get"}, "give the id or the userName and nothing else"},
	} {
		out, told, code := command(t, "", append(tt.args, "--config", b.File)...)
		if code == 0 || !strings.Contains(told, tt.want) || out != "" {
			t.Errorf("%v ended with %d: %s%s\nwant: %s", tt.args, code, out, told, tt.want)
		}
	}
}
