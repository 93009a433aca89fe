package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/storetest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// succeeds runs a command, and returns what it prints.
func succeeds(t *testing.T, args ...string) string {
	t.Helper()
	out, told, code := command(t, "", args...)
	if code != 0 || told != "" {
		t.Errorf("%v = %d, %s%s", args, code, out, told)
	}
	return out
}

// entriesOf decodes JSON lines of entries.
func entriesOf(t *testing.T, out string) []admin.Entry {
	t.Helper()
	var all []admin.Entry
	for line := range strings.Lines(out) {
		var e admin.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, e)
	}
	return all
}

// TestTheCommandsAnswerWhoDidWhat: an operator finds the change that disabled an account, and its
// client, also after the account is deleted.
func TestTheCommandsAnswerWhoDidWhat(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil), nil)
	file := b.Controlled(t)
	jane := b.Create(t, "/Users", `{"userName":"jane@acme.example","name":{"familyName":"Doe"},"emails":[{"value":"jane@acme.example","primary":true}],"externalId":"4711"}`)
	joe := b.Create(t, "/Users", `{"userName":"joe@acme.example"}`)
	group := b.Create(t, "/Groups", `{"displayName":"Sales","members":[{"value":"`+jane+`"},{"value":"`+joe+`"}]}`)
	b.Must(t, http.MethodPatch, "/Users/"+jane, apptest.PatchBody(`{"op":"replace","path":"name.familyName","value":"Smith"}`))
	b.Must(t, http.MethodPatch, "/Users/"+jane, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
	b.Must(t, http.MethodDelete, "/Users/"+jane, "")

	for _, who := range []string{jane, "jane@acme.example", "JANE@acme.example", "4711"} {
		out := succeeds(t, "history", "--config", file, who)
		for _, want := range []string{
			"  client idp  created User jane@acme.example  done\n", `  userName: - -> "jane@acme.example"` + "\n", "  updated Group Sales  done\n", "  member added: " + jane + "\n",
			`  name.familyName: "Doe" -> "Smith"` + "\n", "  client idp  deactivated User jane@acme.example  done\n  active: true -> false\n", "  deleted User jane@acme.example  done\n",
			"\n5 changes about the user " + jane + " (jane@acme.example) in the realm " + b.Realm + "\n",
		} {
			if want = strings.Replace(want, "updated Group", "created Group", 1); !strings.Contains(out, want) {
				t.Errorf("history %s has no %q:\n%s", who, want, out)
			}
		}
		if strings.Contains(out, joe) {
			t.Errorf("history %s names another person:\n%s", who, out)
		}
	}

	list := succeeds(t, "changes", "list", "--config", file)
	rows := strings.Split(strings.TrimSpace(list), "\n")
	if len(rows) != 7 || !strings.HasPrefix(rows[0], "TIME ") || !strings.Contains(rows[1], "  deleted ") || !strings.Contains(rows[6], "  created ") || !strings.Contains(rows[1], "  User jane@acme.example  done  ") {
		t.Errorf("changes list:\n%s", list)
	}
	id := rows[2][strings.LastIndex(rows[2], " ")+1:]
	shown := succeeds(t, "changes", "show", "--config", file, id)
	for _, want := range []string{
		"id          " + id + "\n", "position    1-5\n", "actor       client idp, key id ", "interface   request\n", "tenant      " + b.Realm + "\n", "resource    User jane@acme.example, id " + jane + "\n",
		"op          deactivated\n", "outcome     done\n", "steps done  2 of 2\n", "steps       update_user " + jane + " [enabled]\n            end_sessions " + jane + "\n", "values      active: true -> false\n",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("changes show has no %q:\n%s", want, shown)
		}
	}
	members := succeeds(t, "changes", "list", "--config", file, "--resource", group, "--output", "json")
	var all []admin.Entry
	if err := json.Unmarshal([]byte(members), &all); err != nil || len(all) != 1 || !slices.Equal(all[0].MembersAdded, []string{jane, joe}) {
		t.Errorf("changes list of the group = %v, %s", err, members)
	}
	if out := succeeds(t, "changes", "list", "--config", file, "--user", "joe@acme.example", "--op", "created", "--since", "7d", "--until", "2100-01-01", "--oldest", "--limit", "0", "--output", "csv", "--tenant", b.Realm, "--outcome", "done"); true {
		table, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(table) != 3 || !slices.Equal(table[0], []string{"time", "tenant", "actor", "op", "type", "resource", "name", "outcome", "id"}) || !slices.Equal(table[1][2:8], []string{"client idp", "created", "User", joe, "joe@acme.example", "done"}) {
			t.Errorf("changes list as CSV = %v, %v", table, err)
		}
	}
	if out, told, code := command(t, "", "changes", "list", "--config", file, "--limit", "2"); code != 0 || strings.Count(out, "\n") != 3 || told != "the list ends at --limit 2; --limit 0 lists all\n" {
		t.Errorf("changes list = %d, %s%s", code, out, told)
	}
	if out := succeeds(t, "changes", "show", "--config", file, id, "--output", "json"); len(entriesOf(t, out)[0].Differences) != 1 {
		t.Errorf("changes show as JSON = %s", out)
	}
	if out := succeeds(t, "changes", "list", "--config", file, "--since", "0s"); strings.Count(out, "\n") != 1 {
		t.Errorf("changes list of the future = %s", out)
	}
	if out := succeeds(t, "history", "--config", file, "nobody"); !strings.HasPrefix(out, `the store has no change about "nobody": `) {
		t.Errorf("history of nobody = %s", out)
	} else if !strings.Contains(out, "scim-bridge users get") {
		t.Errorf("history of nobody does not say that the id finds memberships: %s", out)
	}
	if out := succeeds(t, "history", "--config", file, joe, "--output", "csv"); !strings.Contains(out, "members added: "+joe) {
		t.Errorf("history as CSV does not say who joined the group: %s", out)
	}
}

// TestALateChangeHasTheTimeWhenItWasMade: the store recorded it two hours later, because it was away.
func TestALateChangeHasTheTimeWhenItWasMade(t *testing.T) {
	t.Parallel()
	made := time.Date(2030, 1, 31, 8, 30, 0, 0, time.UTC)
	m := storetest.NewMemory(func() time.Time { return made.Add(2 * time.Hour) })
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), m, nil)
	file := b.Controlled(t)
	ids := map[string]string{}
	for user, begun := range map[string]time.Time{"late": made, "prompt": made.Add(2*time.Hour - time.Second), "timeless": {}} {
		c := change.Change{ID: change.NewID(), Begun: begun, Tenant: b.Realm, Realm: b.Realm, Op: change.Deactivated, Outcome: change.Done, Resource: change.Resource{Type: "User", ID: user}, After: scim.Document{"userName": user}, Steps: []string{"update_user"}}
		if err := errors.Join(m.Intend(t.Context(), c), m.Settle(t.Context(), c)); err != nil {
			t.Fatal(err)
		}
		ids[user] = string(c.ID)
	}
	for user, want := range map[string]string{"late": "2030-01-31T08:30:00Z", "prompt": "2030-01-31T10:29:59Z", "timeless": "2030-01-31T10:30:00Z"} {
		list := []string{"changes", "list", "--config", file, "--resource", user}
		if out := succeeds(t, list...); !strings.Contains(out, "\n"+want+"  ") {
			t.Errorf("changes list of %s:\n%s", user, out)
		}
		if out := succeeds(t, append(list, "--output", "csv")...); !strings.Contains(out, "\n"+want+",") {
			t.Errorf("changes list of %s as CSV:\n%s", user, out)
		}
		if out := succeeds(t, "history", "--config", file, user); !strings.HasPrefix(out, want+"  ") {
			t.Errorf("history of %s:\n%s", user, out)
		}
		if got := entriesOf(t, succeeds(t, "history", "--config", file, user, "--output", "json"))[0]; timeText(got.Begun) != want || timeText(got.Settled) != "2030-01-31T10:30:00Z" {
			t.Errorf("history of %s as JSON = %v, recorded %v", user, got.Begun, got.Settled)
		}
		shown := succeeds(t, "changes", "show", "--config", file, ids[user])
		if !strings.Contains(shown, "\nmade        "+want+"\nrecorded    2030-01-31T10:30:00Z") || strings.Contains(shown, "Z, 2h0m0s after the change was made, because the bridge could not record it at once\n") != (user == "late") {
			t.Errorf("changes show of %s:\n%s", user, shown)
		}
	}
}

// TestWrongArgumentsOfChanges have exit code 2 and a text that says what to write.
func TestWrongArgumentsOfChanges(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil), nil)
	file := b.Controlled(t)
	absent := string(change.NewID())
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{exitUsage, `--since: "yesterday" is not a time; write a date like 2030-01-31`, []string{"changes", "list", "--since", "yesterday"}},
		{exitUsage, `--until: "2030-02-30" is not a time`, []string{"changes", "list", "--until", "2030-02-30"}},
		{exitUsage, `--since: "-1h" is not a time`, []string{"changes", "list", "--since", "-1h"}},
		{exitUsage, `--since: "0001-01-01" is not a time`, []string{"audit", "export", "--since", "0001-01-01"}},
		{exitUsage, "--since (2030-01-02T00:00:00Z) must be before --until (2030-01-01T00:00:00Z)", []string{"audit", "export", "--since", "2030-01-02", "--until", "2030-01-01"}},
		{exitUsage, "give created, updated, deactivated", []string{"changes", "list", "--op", "drop"}},
		{exitUsage, "give done, failed, refused or unknown", []string{"changes", "list", "--outcome", "ok"}},
		{exitUsage, "limit is not a whole number from 0", []string{"changes", "list", "--limit", "-1"}},
		{exitUsage, "invalid argument", []string{"changes", "list", "--limit", "99999999999999999999"}},
		{exitUsage, `the bridge has no tenant "nope"; it has ` + b.Realm, []string{"changes", "list", "--tenant", "nope"}},
		{exitUsage, "name the user by an id", []string{"changes", "list", "--user", " "}},
		{exitUsage, `"../x" is not the id of a change`, []string{"changes", "show", "../x"}},
		{exitFailure, "the journal has no change " + absent, []string{"changes", "show", absent}},
		{exitUsage, "give the id of the change, as changes list shows it and nothing else", []string{"changes", "show"}},
		{exitUsage, "give the id, the userName, an address or the externalId of the user", []string{"history"}},
		{exitUsage, "name the user by an id", []string{"history", ""}},
		{exitUsage, `--head: "x" is not the head of a journal`, []string{"audit", "verify", "--head", "x"}},
		{exitUsage, "--user is required", []string{"store", "forget"}},
		{exitUsage, "give the file to write", []string{"store", "backup"}},
		{exitUsage, `the bridge has no tenant "nope"`, []string{"export", "--user", "jane", "--tenant", "nope"}},
		{exitUsage, "name the user by an id", []string{"export", "--user", ""}},
	} {
		out, told, code := command(t, "", append(c.args, "--config", file)...)
		if code != c.code || !strings.Contains(told, c.want) || strings.Contains(out, "{") {
			t.Errorf("%v = %d, %s%s, want %d and %s", c.args, code, out, told, c.code, c.want)
		}
	}
}

// TestWithoutAStoreTheCommandsSayWhatToConfigure, and without a bridge what to start.
func TestWithoutAStoreTheCommandsSayWhatToConfigure(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	file := b.Controlled(t)
	absent := filepath.Join(filepath.Dir(file), "absent.yaml")
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(absent, []byte(strings.Replace(string(text), "  socket: ", "  socket: /nowhere", 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"changes", "list"},
		{"changes", "show", string(change.NewID())},
		{"history", "jane"},
		{"audit", "verify"},
		{"audit", "export"},
		{"export", "--user", "jane"},
		{"store", "check"},
		{"store", "backup", filepath.Join(t.TempDir(), "backup")},
		{"store", "forget", "--user", "jane", "--yes"},
		{"store", "rekey"},
	} {
		if out, told, code := command(t, "", append(args, "--config", file)...); code != exitFailure || !strings.Contains(told, "this bridge has no store") || !strings.Contains(told, "scim-bridge store newkey makes") {
			t.Errorf("%v without a store = %d, %s%s", args, code, out, told)
		}
		if out, told, code := command(t, "", append(args, "--config", absent)...); code != exitFailure || !strings.Contains(told, "no bridge answers on /nowhere") || !strings.Contains(told, "scim-bridge serve with the same configuration starts one") {
			t.Errorf("%v without a bridge = %d, %s%s", args, code, out, told)
		}
	}
}

// hostile is text that could command a terminal, forge a line or turn the text around.
const hostile = "\x1b[2J\r\n2030-01-31T00:00:00Z  forged\u202e\u0085\x7f"

// TestHostileValuesCommandNoTerminal: no format except JSON prints a character that is not printable, and no value
// begins a line.
func TestHostileValuesCommandNoTerminal(t *testing.T) {
	t.Parallel()
	m := storetest.NewMemory(nil)
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), m, nil)
	file := b.Controlled(t)
	members := make([]string, 5000)
	for i := range members {
		members[i] = "m" + strconv.Itoa(i) + hostile
	}
	doc := scim.Document{"userName": "jane" + hostile, "x" + hostile: strings.Repeat("long", 1000), "emails": []any{map[string]any{"value": "=cmd" + hostile}}}
	c := change.Change{
		ID: change.NewID(), Begun: time.Now(), Actor: change.Actor{Kind: "client", Name: "idp" + hostile, KeyID: "k" + hostile}, Origin: change.Request, Tenant: b.Realm, Realm: b.Realm + hostile,
		Organization: change.Organization{ID: "o" + hostile, Alias: "a" + hostile}, Op: change.Created, Resource: change.Resource{Type: "User", ID: "u1" + hostile}, After: doc,
		MembersAdded: members, MembersRemoved: members, Steps: []string{"step" + hostile}, Reason: "reason" + hostile, Outcome: change.Failed, Unseen: []change.Part{change.Password}, Recovered: true,
	}
	if err := errors.Join(m.Intend(t.Context(), c), m.Settle(t.Context(), c)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"changes", "list"}, {"changes", "show", string(c.ID)}, {"history", c.Resource.ID}, {"history", "jane" + hostile}} {
		args = append(args, "--config", file)
		out, told, code := command(t, "", args...)
		if i := strings.IndexFunc(out+told, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); code != 0 || i >= 0 || len(out) > 20_000 {
			t.Errorf("%.40q = %d, %d bytes, with an unprintable character at %d: %q", args, code, len(out), i, out)
		}
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "2030") {
				t.Errorf("%.40q prints a forged line: %q", args, line)
			}
		}
		if !strings.Contains(out, "and 4980 more; --output json has all 5000") && args[1] != "list" && args[0] != "history" {
			t.Errorf("%.40q does not say how many members there are: %s", args, out)
		}
	}
	var shown admin.Entry
	if err := json.Unmarshal([]byte(succeeds(t, "changes", "show", string(c.ID), "--config", file, "--output", "json")), &shown); err != nil || len(shown.MembersAdded) != 5000 || shown.After["userName"] != "jane"+hostile {
		t.Errorf("as JSON the change is %v, %v", shown, err)
	}
	rows, err := csv.NewReader(strings.NewReader(succeeds(t, "history", c.Resource.ID, "--config", file, "--output", "csv"))).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][6] != "jane"+strings.ReplaceAll(hostile, "\r", "") {
		t.Errorf("as CSV the change is %q, %v", rows, err)
	}
}

// TestADirectoryFullOfNamesakes: a text that names several users shows all, lists the users, and gives nobody another
// person's data.
func TestADirectoryFullOfNamesakes(t *testing.T) {
	t.Parallel()
	m := storetest.NewMemory(nil)
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), m, nil)
	file := b.Controlled(t)
	for _, id := range []string{"u1", "u2"} {
		c := change.Change{ID: change.NewID(), Tenant: b.Realm, Realm: b.Realm, Op: change.Created, Outcome: change.Done, Resource: change.Resource{Type: "User", ID: id}, After: scim.Document{"userName": "user-" + id, "externalId": "17"}}
		if err := errors.Join(m.Intend(t.Context(), c), m.Settle(t.Context(), c)); err != nil {
			t.Fatal(err)
		}
	}
	out := succeeds(t, "history", "--config", file, "17")
	if !strings.Contains(out, "\n"+`"17" names 2 users; the id of one shows only that user:`+"\n") || !strings.Contains(out, "\n  u1 (user-u1) in the realm "+b.Realm+": 1 change, the last at 20") || !strings.Contains(out, "\n  u2 (user-u2) ") {
		t.Errorf("history of two users:\n%s", out)
	}
	_, told, _ := command(t, "", "history", "--config", file, "17", "--output", "json")
	if !strings.Contains(told, "names 2 users") {
		t.Errorf("history of two users as JSON says %s", told)
	}
	target := filepath.Join(t.TempDir(), "out")
	for _, args := range [][]string{{"export", "--user", "17", "--file", target}, {"store", "forget", "--user", "17", "--yes"}} {
		out, told, code := command(t, "", append(args, "--config", file)...)
		if code != exitUsage || out != "" || !strings.Contains(told, "--user names several users; give the id of one of them") || !strings.Contains(told, "u2 (user-u2)") {
			t.Errorf("%v = %d, %s%s", args, code, out, told)
		}
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("a file was written")
	}
	if n := len(entriesOf(t, succeeds(t, "audit", "export", "--config", file))); n != 2 {
		t.Errorf("the journal has %d entries", n)
	}
}

// TestAPersonGetsTheOwnData: everything of the person, with the values that a client sent last, and no other person.
func TestAPersonGetsTheOwnData(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil), nil)
	file := b.Controlled(t)
	jane := b.Create(t, "/Users", `{"userName":"jane@acme.example"}`)
	joe := b.Create(t, "/Users", `{"userName":"joe@acme.example"}`)
	b.Create(t, "/Groups", `{"displayName":"Sales","members":[{"value":"`+jane+`"},{"value":"`+joe+`"}]}`)
	b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"jane@acme.example","title":"Boss"}`)
	b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Groups", `{"displayName":"","members":[{"value":"`+jane+`"},{"value":"`+joe+`"}]}`)
	target := filepath.Join(t.TempDir(), "jane.jsonl")
	if out := succeeds(t, "export", "--config", file, "--user", "jane@acme.example", "--file", target); out != "" {
		t.Errorf("export prints %s", out)
	}
	data, err := os.ReadFile(target)
	info, _ := os.Stat(target)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if err != nil || info.Mode().Perm() != 0o600 || len(lines) != 7 || strings.Contains(string(data), joe) || strings.Contains(string(data), "joe@") || strings.Contains(string(data), "differences") {
		t.Fatalf("the file is %v:\n%s", err, data)
	}
	var last struct{ Applied admin.Applied }
	if err := json.Unmarshal([]byte(lines[6]), &last); err != nil || last.Applied.ID != jane || last.Applied.Tenant != b.Realm || last.Applied.Document["userName"] != "jane@acme.example" {
		t.Errorf("the last line is %s, %v", lines[6], err)
	}
	for i, want := range map[int]string{2: `"outcome":"failed"`, 3: `{"request":{"id"`, 4: `"document":{"title":"Boss","userName":"jane@acme.example"}`, 5: `"missing":"the document is left out, because it can name other people"`} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d has no %s: %s", i, want, lines[i])
		}
	}
	if _, told, code := command(t, "", "export", "--config", file, "--user", "jane@acme.example", "--file", target); code != exitFailure || !strings.Contains(told, "exists") {
		t.Errorf("export into a file that exists = %d, %s", code, told)
	}
	if out := succeeds(t, "export", "--config", file, "--user", joe, "--tenant", b.Realm); strings.Count(out, "\n") != 5 {
		t.Errorf("export = %s", out)
	}
	for _, args := range [][]string{{"--user", "nobody"}, {"--user", "nobody", "--file", filepath.Join(t.TempDir(), "nobody.jsonl")}} {
		out, told, code := command(t, "", append([]string{"export", "--config", file}, args...)...)
		if _, err := os.Stat(args[len(args)-1]); code != exitFailure || out != "" || !strings.Contains(told, `nothing was written: the store has nothing about "nobody". Check the id`) || !os.IsNotExist(err) {
			t.Errorf("export of nobody = %d, %s%s, the file %v", code, out, told, err)
		}
	}
}

// TestAnExportThatFailsLeavesNoFile: an incomplete file looks like a complete one.
func TestAnExportThatFailsLeavesNoFile(t *testing.T) {
	t.Parallel()
	m := storetest.NewMemory(nil)
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), m, nil)
	file := b.Controlled(t)
	target := filepath.Join(t.TempDir(), "out")
	m.Fail(errors.New("the disk is gone"))
	out, told, code := command(t, "", "audit", "export", "--config", file, "--file", target)
	if _, err := os.Stat(target); code != exitFailure || err == nil || out != "" || !strings.Contains(told, "the disk is gone") {
		t.Errorf("audit export = %d, %s%s, the file %v", code, out, told, err)
	}
}

// TestAnExportKeepsAFileThatExists, and says what to do.
func TestAnExportKeepsAFileThatExists(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil), nil)
	file := b.Controlled(t)
	target := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(target, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, told, code := command(t, "", "audit", "export", "--config", file, "--file", target)
	if kept, err := os.ReadFile(target); err != nil || string(kept) != "mine" || code != exitFailure || !strings.Contains(told, "exists: move it away, or name another file") {
		t.Errorf("audit export = %d, %s%s, the file has %q, %v", code, out, told, kept, err)
	}
}

// TestForgettingAPerson asks first, says how many changes it erases, and leaves a journal that verifies.
func TestForgettingAPerson(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), storetest.NewMemory(nil), nil)
	file := b.Controlled(t)
	jane := b.Create(t, "/Users", `{"userName":"jane@acme.example"}`)
	b.Create(t, "/Users", `{"userName":"joe@acme.example"}`)
	b.Create(t, "/Groups", `{"displayName":"Sales","members":[{"value":"`+jane+`"}]}`)
	b.Must(t, http.MethodDelete, "/Users/"+jane, "")
	forget := []string{"store", "forget", "--config", file, "--user", "jane@acme.example"}
	for _, answer := range []string{"", "\n", "n\n", "yess\n"} {
		out, told, code := command(t, answer, forget...)
		if code != exitFailure || out != "" || !strings.Contains(told, "This erases about the user "+jane+" (jane@acme.example) in the realm "+b.Realm+":\n  - 3 changes: names") || !strings.Contains(told, `  - every request that names the person ("jane@acme.example" finds 0): the document`) || strings.Contains(told, "last document") || !strings.HasSuffix(told, "scim-bridge: nothing was erased\n") {
			t.Errorf("store forget = %d, %s%s", code, out, told)
		}
	}
	if out, told, code := command(t, "y\n", forget...); code != 0 || out != "erased the person from 3 changes and requests\n" {
		t.Errorf("store forget = %d, %s%s", code, out, told)
	}
	if out := succeeds(t, forget...); out != "nothing was erased: the store has nothing about \"jane@acme.example\"\n" {
		t.Errorf("store forget again = %s", out)
	}
	if all := entriesOf(t, succeeds(t, "audit", "export", "--config", file)); all[len(all)-1].Op != "erased" || all[len(all)-1].Actor != (admin.Actor{Kind: "operator", Name: "operator"}) {
		t.Errorf("the erasure is recorded as %+v", all[len(all)-1])
	}
	left := succeeds(t, "audit", "export", "--config", file) + succeeds(t, "history", "--config", file, "joe@acme.example")
	if strings.Contains(left, "jane@") || !strings.Contains(left, `"op":"erased"`) || !strings.Contains(left, "joe@acme.example") {
		t.Errorf("the journal still has:\n%s", left)
	}
	if out := succeeds(t, "audit", "verify", "--config", file); !strings.Contains(out, "journal  as it was written\nentries  5\nerased   3 of them are about a forgotten person\n") {
		t.Errorf("audit verify = %s", out)
	}
	b.Create(t, "/Users", `{"userName":"ann@acme.example"}`)
	if out, told, code := command(t, "", "store", "forget", "--config", file, "--user", "ann@acme.example", "--yes"); code != 0 || out != "erased the person from 1 change or request, and the last documents\n" || strings.Contains(told, "[y/N]") || !strings.Contains(told, "  - 1 change: names") || !strings.Contains(told, "  - 1 last document: the values") {
		t.Errorf("store forget --yes = %d, %s%s", code, out, told)
	}
}

// TestTimesOfFlags: a date begins in UTC, and a duration ends now.
func TestTimesOfFlags(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2030-01-31": "2030-01-31T00:00:00Z", "2030-01-31T08:30:00+01:00": "2030-01-31T07:30:00Z", "24h": "2030-01-30T12:00:00Z", "7d": "2030-01-24T12:00:00Z", "0s": "2030-01-31T12:00:00Z", "9999-12-31": "9999-12-31T00:00:00Z",
	} {
		if got, err := timeOf("since", text, now); err != nil || timeText(got) != want {
			t.Errorf("timeOf(%q) = %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"1", "-7d", "7", "2030", "2030-1-1", "2030-01-31 08:30", "10000-01-01", "999999999999d", strings.Repeat("9", 1000) + "h", "now\n"} {
		if got, err := timeOf("since", text, now); err == nil || len(err.Error()) > 300 {
			t.Errorf("timeOf(%.40q) = %v, %v", text, got, err)
		}
	}
	if since, until, err := timesOf("", "", now); err != nil || !since.IsZero() || !until.IsZero() {
		t.Errorf("timesOf() = %v, %v, %v", since, until, err)
	}
}

// TestValuesInATextAreShort, and programs get them whole.
func TestValuesInATextAreShort(t *testing.T) {
	t.Parallel()
	for value, want := range map[any]string{nil: "-", "": `""`, "a\nb": `"a\nb"`, true: "true", strings.Repeat("é", 300): `"` + strings.Repeat("é", 199) + "… (302 characters)"} {
		if got := valueText(value); got != want {
			t.Errorf("valueText(%.20v) = %s, want %s", value, got, want)
		}
	}
	for actor, want := range map[admin.Actor]string{{}: "unknown", {Kind: "system"}: "system", {Kind: "account holder"}: "account holder", {Kind: "administrator", Name: "0a6c"}: "administrator 0a6c", {Kind: "operator", Name: "operator"}: "operator", {Kind: "client", Name: "idp"}: "client idp"} {
		if got := actorText(actor); got != want {
			t.Errorf("actorText(%v) = %s, want %s", actor, got, want)
		}
	}
	e := admin.Entry{Recovered: true, Erased: true, Unseen: []string{"password"}, MembersAdded: []string{"a"}, MembersRemoved: []string{"b"}}
	if text := fmt.Sprint(entryLines(e)); !strings.Contains(text, "ended before the change did") || !strings.Contains(text, "was erased from this entry") || !strings.Contains(text, "whether this was done: password") {
		t.Errorf("the notes of an entry are %s", text)
	}
	if text := changedColumn().cell(e); text != "members added: a; members removed: b" {
		t.Errorf("the changes of an entry are %s", text)
	}
}
