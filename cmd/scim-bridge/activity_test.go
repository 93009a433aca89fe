package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// requestsOf decodes a JSON array of requests.
func requestsOf(t *testing.T, out string) []admin.Request {
	t.Helper()
	var all []admin.Request
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return all
}

// TestARefusedRequestCanBeFoundAndSentAgain: an operator finds what a client sent, and the commands that activity show
// prints send it once more.
func TestARefusedRequestCanBeFoundAndSentAgain(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil), nil)
	file := b.Controlled(t)
	jane := b.Create(t, "/Users", `{"userName":"jane@acme.example"}`)
	joe := b.Create(t, "/Users", `{"userName":"joe@acme.example"}`)
	b.Refused(t, http.StatusConflict, http.MethodPut, "/Users/"+joe, `{"userName":"jane@acme.example","title":"Boss","password":"not-Stored-1"}`)
	b.Must(t, http.MethodDelete, "/Users/"+jane, "")

	list := succeeds(t, "activity", "list", "--config", file)
	rows := strings.Split(strings.TrimSpace(list), "\n")
	if len(rows) != 5 || !strings.HasPrefix(rows[0], "TIME") || !strings.Contains(rows[1], "DELETE /Users/:id") || !strings.Contains(rows[2], "PUT /Users/:id") || !strings.Contains(rows[2], "409     value-taken") {
		t.Fatalf("the list is\n%s", list)
	}
	for _, args := range [][]string{{"--failed"}, {"--code", "value-taken"}, {"--resource", joe, "--failed"}, {"--user", "Jane@acme.example", "--failed"}, {"--tenant", b.Realm, "--failed", "--since", "1h"}, {"--failed", "--oldest", "--limit", "0"}} {
		if got := requestsOf(t, succeeds(t, append([]string{"activity", "list", "--config", file, "--output", "json"}, args...)...)); len(got) != 1 || got[0].Status != http.StatusConflict {
			t.Errorf("activity list %v = %+v", args, got)
		}
	}
	if got := succeeds(t, "activity", "list", "--config", file, "--output", "csv", "--failed"); !strings.HasPrefix(got, "time,tenant,actor,request,type,resource,name,status,code,id\n") || !strings.Contains(got, ",User,"+joe+",jane@acme.example,409,value-taken,") {
		t.Errorf("as CSV the list is\n%s", got)
	}
	found := requestsOf(t, succeeds(t, "activity", "list", "--config", file, "--output", "json", "--failed"))[0]
	text := succeeds(t, "activity", "show", "--config", file, found.ID)
	for _, want := range []string{"PUT /Users/:id", "client idp, key id ", "value-taken", `"title": "Boss"`, "the client sent a password, which is never kept", "send again"} {
		if !strings.Contains(text, want) {
			t.Errorf("activity show has no %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "not-Stored-1") {
		t.Errorf("activity show has the password:\n%s", text)
	}
	sendAgain(t, text)
	if user := b.Must(t, http.MethodGet, "/Users/"+joe, ""); user["userName"] != "jane@acme.example" || user["title"] != "Boss" {
		t.Errorf("after the request was sent again, the user is %v", user)
	}
	if last := requestsOf(t, succeeds(t, "activity", "list", "--config", file, "--output", "json", "--limit", "0"))[0]; last.Actor.Kind != "operator" || last.Method != http.MethodPut || last.Change == "" {
		t.Errorf("the request of the operator is %+v", last)
	}
}

// sendAgain pastes the command that activity show prints into a shell.
func sendAgain(t *testing.T, text string) {
	t.Helper()
	for _, program := range []string{"curl", "jq"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	_, command, found := strings.Cut(text, "\nsend again")
	if !found {
		t.Fatalf("no command:\n%s", text)
	}
	shell := exec.CommandContext(t.Context(), "sh", "-c", command)
	shell.Dir = t.TempDir()
	shell.Env = append(os.Environ(), "PATH="+filepath.Dir(apptest.BuildProgram(t))+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("the command %s fails with %v: %s", command, err, out)
	}
}

// TestTheOperationsOfABulkRequestAreFound from the request.
func TestTheOperationsOfABulkRequestAreFound(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil), nil)
	file := b.Controlled(t)
	b.Create(t, "/Users", `{"userName":"jane"}`)
	b.Bulk(t, "", apptest.BulkPost("/Users", "a", `{"userName":"jane"}`), apptest.BulkPost("/Users", "b", `{"userName":"joe"}`))
	all := requestsOf(t, succeeds(t, "activity", "list", "--config", file, "--output", "json"))
	whole := all[0]
	if whole.Route != "/Bulk" || whole.Failed != 1 || whole.Path != "" {
		t.Fatalf("the newest request is %+v", whole)
	}
	text := succeeds(t, "activity", "show", "--config", file, whole.ID)
	if want := "1; scim-bridge activity list --of " + whole.ID + " lists them"; !strings.Contains(text, want) {
		t.Errorf("activity show has no %q:\n%s", want, text)
	}
	of := requestsOf(t, succeeds(t, "activity", "list", "--config", file, "--output", "json", "--of", whole.ID))
	if len(of) != 1 || of[0].Of != whole.ID || of[0].Document["userName"] != "jane" || of[0].Path != "/Users" {
		t.Errorf("the operations are %+v", of)
	}
	if shown := entriesOf(t, succeeds(t, "changes", "show", "--config", file, "--output", "json", of[0].Change)); shown[0].Outcome != "failed" || shown[0].After["userName"] != "jane" {
		t.Errorf("the change of the operation is %+v", shown)
	}
}

// TestARefusedReadSaysWhyItHasNoDetail: a filter can name a person.
func TestARefusedReadSaysWhyItHasNoDetail(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil), nil)
	file := b.Controlled(t)
	b.Refused(t, http.StatusBadRequest, http.MethodGet, "/Users?filter="+url.QueryEscape(`userName qe "jane"`), "")
	found := requestsOf(t, succeeds(t, "activity", "list", "--config", file, "--output", "json", "--failed"))[0]
	text := succeeds(t, "activity", "show", "--config", file, found.ID)
	if !strings.Contains(text, "the detail of the error is only kept with a document, because it can name a person; docs/reference/errors.md explains the code") || strings.Contains(text, "jane") || strings.Contains(text, "send again") {
		t.Errorf("activity show says\n%s", text)
	}
}

// TestTheCountsOfRequestsAreShown: what has no row in the activity.
func TestTheCountsOfRequestsAreShown(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil), nil)
	file := b.Controlled(t)
	b.Names(t, "/Users")
	b.With("wrong").Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	out := succeeds(t, "activity", "counts", "--config", file, "--output", "csv", "--since", "1h", "--tenant", b.Realm)
	for _, want := range []string{"from,until,tenant,what,requests\n", "," + b.Realm + ",read,1\n", "," + b.Realm + ",credential-invalid,1\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("the counts have no %q:\n%s", want, out)
		}
	}
	if out := succeeds(t, "activity", "counts", "--config", file, "--output", "json", "--until", "1h"); strings.TrimSpace(out) != "[]" {
		t.Errorf("the counts of earlier requests are %s", out)
	}
}

// TestTheActivitySaysWhatIsWrong with an id, a time, a tenant, or a bridge without a store.
func TestTheActivitySaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil), nil)
	file := b.Controlled(t)
	without := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	bare := without.Controlled(t)
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{exitUsage, "the id of a request looks like", []string{"show", "--config", file, "x"}},
		{exitFailure, "the activity has no request", []string{"show", "--config", file, string(change.NewID())}},
		{exitUsage, "is not a time", []string{"list", "--config", file, "--since", "soon"}},
		{exitUsage, "must be before", []string{"counts", "--config", file, "--since", "1h", "--until", "2h"}},
		{exitUsage, "limit is not a whole number from 0", []string{"list", "--config", file, "--limit", "-1"}},
		{exitUsage, "nobody", []string{"list", "--config", file, "--tenant", "nobody"}},
		{exitUsage, "nobody", []string{"counts", "--config", file, "--tenant", "nobody"}},
		{exitFailure, "this bridge has no store", []string{"list", "--config", bare}},
		{exitFailure, "this bridge has no store", []string{"counts", "--config", bare}},
	} {
		out, told, code := command(t, "", append([]string{"activity"}, c.args...)...)
		if code != c.code || strings.TrimSpace(out) != "" || !strings.Contains(told, c.want) {
			t.Errorf("activity %v = %d, %s%s, want %d and %q", c.args, code, out, told, c.code, c.want)
		}
	}
}

// TestAPersonThatOnlyARequestNamesIsForgotten: store forget finds the request and erases its document.
func TestAPersonThatOnlyARequestNamesIsForgotten(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil), nil)
	file := b.Controlled(t)
	b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{"userName":"jane","active":"maybe"}`)
	out, told, code := command(t, "y\n", "store", "forget", "--config", file, "--user", "jane")
	if code != 0 || !strings.Contains(told, `every request that names the person ("jane" finds 1)`) || strings.Contains(told, "change:") || !strings.Contains(out, "erased the person from 1 change or request\n") {
		t.Errorf("store forget = %d, %s%s", code, out, told)
	}
	if got := requestsOf(t, succeeds(t, "activity", "list", "--config", file, "--output", "json")); len(got) != 1 || got[0].Document != nil || got[0].Missing != "a person was erased" {
		t.Errorf("the requests are %+v", got)
	}
	if out := succeeds(t, "store", "forget", "--config", file, "--user", "jane", "--yes"); !strings.Contains(out, "nothing was erased") {
		t.Errorf("a second time store forget says %s", out)
	}
}

// TestAHostileDocumentCannotWriteLines: control characters of a document are shown as such.
func TestAHostileDocumentCannotWriteLines(t *testing.T) {
	t.Parallel()
	lines := requestLines(admin.Request{ID: "1", At: time.Unix(0, 0), Method: "POST", Route: "/Users", Path: "/Users", Tenant: "a'b;c", Document: map[string]any{"userName": "jane\nerased true\x1b[2J\u202e"}}, "/etc/a b.yaml", "/run/a b")
	for _, l := range lines {
		for text := range strings.SplitSeq(l.Text, "\n") {
			if strings.HasPrefix(text, "erased") || strings.ContainsAny(text, "\x1b\u202e") {
				t.Errorf("%s has the line %q", l.Name, text)
			}
		}
		if l.Name == "send again" && !strings.Contains(l.Text, `scim-bridge activity show --config '/etc/a b.yaml' --output json 1 | jq --exit-status .document >document.json &&`+"\n"+`curl --fail-with-body --silent --show-error --unix-socket '/run/a b' -X POST -H 'Content-Type: application/scim+json' --data @document.json 'http://bridge/scim/realms/a'\''b;c/scim/v2/Users'`) {
			t.Errorf("the command is %s", l.Text)
		}
	}
}
