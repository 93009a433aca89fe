package directory_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

const departmentOf = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"

// session logs in a person of the directory and returns the refresh token.
func session(t *testing.T, f apptest.Federated, uid string) string {
	t.Helper()
	_, answer := apptest.AskToken(t, f.Server, f.Realm, url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {uid}, "password": {keycloaktest.LDAPUserPassword}})
	refresh, ok := answer["refresh_token"].(string)
	if !ok {
		t.Fatalf("%s cannot log in: %v", uid, answer)
	}
	return refresh
}

// refreshes reports whether a session still works.
func refreshes(t *testing.T, f apptest.Federated, refresh string) bool {
	t.Helper()
	status, _ := apptest.AskToken(t, f.Server, f.Realm, url.Values{"grant_type": {"refresh_token"}, "client_id": {"admin-cli"}, "refresh_token": {refresh}})
	return status == http.StatusOK
}

// federationKinds are the ways in which a realm can have the people of a directory.
func federationKinds() []federationKind {
	return []federationKind{
		{"imported, READ_ONLY", keycloaktest.FederationOptions{EditMode: "READ_ONLY", Imports: true}},
		{"imported, WRITABLE", keycloaktest.FederationOptions{EditMode: "WRITABLE", Imports: true}},
		{"imported, UNSYNCED", keycloaktest.FederationOptions{EditMode: "UNSYNCED", Imports: true}},
		{"not imported, READ_ONLY", keycloaktest.FederationOptions{EditMode: "READ_ONLY"}},
		{"not imported, WRITABLE", keycloaktest.FederationOptions{EditMode: "WRITABLE"}},
	}
}

type federationKind struct {
	name    string
	options keycloaktest.FederationOptions
}

// federationRow is a request about a user of the directory.
type federationRow struct {
	uid, text string
	method    string
	path      string                                 // "" for the user's path
	body      string                                 // $ID is the user's id
	holds     func(before, after keycloak.User) bool // what must be true after a 2xx
	seen      func(t *testing.T, f apptest.Federated, u keycloak.User) bool
	ends      bool // whether sessions end, whatever the answer is
}

func federationRows() []federationRow {
	return []federationRow{
		{
			uid: "found", text: "GET, and filters by `id`, `userName`, `emails.value` and mapped attributes", method: http.MethodGet,
			seen: func(t *testing.T, f apptest.Federated, u keycloak.User) bool {
				t.Helper()
				for _, filter := range []string{"id eq %[1]q", "userName eq %[2]q", "emails.value eq %[3]q", "emails.value eq %[3]q and active eq true"} {
					if found, err := f.Find(t.Context(), "/Users", fmt.Sprintf("("+filter+")", u.ID, u.Username, u.Email), ""); err != nil || len(found) != 1 || found[0]["id"] != u.ID {
						return false
					}
				}
				sales, salesErr := f.Find(t.Context(), "/Users", departmentOf+` eq "Sales" and userName eq "found"`, "")
				all, allErr := f.Find(t.Context(), "/Users", departmentOf+` eq "Sales"`, "")
				nobody, nobodyErr := f.Find(t.Context(), "/Users", `externalId eq "nobodys"`, "")
				return errors.Join(salesErr, allErr, nobodyErr) == nil && len(sales) == 1 && len(all) == len(federationRows()) && len(nobody) == 0
			},
		},
		{uid: "met", text: "POST with the `userName`", method: http.MethodPost, path: "/Users", body: `{"userName":"met","name":{"givenName":"A","familyName":"B"},"emails":[{"value":"met2@acme.test","primary":true}]}`},
		{uid: "mailmet", text: "POST with the address", method: http.MethodPost, path: "/Users", body: `{"userName":"somebody","name":{"givenName":"A","familyName":"B"},"emails":[{"value":"mailmet@acme.test","primary":true}]}`},
		{uid: "same", text: "PUT of what is shown", method: http.MethodPut, holds: func(a, b keycloak.User) bool { return gocmp.Equal(a, b) }},
		{uid: "given", text: "`name.familyName`", method: http.MethodPatch, body: apptest.ReplaceBody("name.familyName", `"Zoe"`), holds: func(_, b keycloak.User) bool { return b.LastName == "Zoe" }, seen: inDirectory("sn", "Zoe")},
		{uid: "named", text: "`userName`", method: http.MethodPatch, body: apptest.ReplaceBody("userName", `"renamed"`), holds: func(a, b keycloak.User) bool { return b.Username == "renamed" && a.ID == b.ID }, seen: inDirectory("uid", "renamed")},
		{uid: "mailed", text: "the primary address", method: http.MethodPatch, body: apptest.ReplaceBody(`emails[type eq "work"].value`, `"other@acme.test"`), holds: func(_, b keycloak.User) bool { return b.Email == "other@acme.test" }, seen: inDirectory("mail", "other@acme.test")},
		{uid: "mapped", text: "an attribute that the mapping and a mapper of the provider have", method: http.MethodPatch, body: apptest.ReplaceBody(departmentOf, `"Tours"`), holds: func(_, b keycloak.User) bool { return slices.Equal(b.Attributes["department"], []string{"Tours"}) }, seen: inDirectory("departmentNumber", "Tours")},
		{uid: "extern", text: "`externalId`, and all else that is kept in Keycloak", method: http.MethodPatch, body: apptest.ReplaceBody("externalId", `"E-1"`), holds: func(_, b keycloak.User) bool { return len(b.Attributes["externalId"]) == 1 }, seen: func(t *testing.T, f apptest.Federated, u keycloak.User) bool {
			t.Helper()
			found, err := f.Find(t.Context(), "/Users", `externalId eq "E-1"`, "")
			return err == nil && len(found) == 1 && found[0]["id"] == u.ID
		}},
		{uid: "passed", text: "`password`", method: http.MethodPatch, body: apptest.ReplaceBody("password", `"Another-1-of-them"`), seen: func(t *testing.T, f apptest.Federated, u keycloak.User) bool {
			t.Helper()
			return f.CanLogIn(t, f.Server, u.Username, "Another-1-of-them")
		}},
		{uid: "active", text: "`active: false` by a PATCH", method: http.MethodPatch, body: apptest.ReplaceBody("active", "false"), holds: isDisabled, ends: true},
		{uid: "put", text: "`active: false` by a PUT that changes more", method: http.MethodPut, body: `{"userName":"put","externalId":"E-2","name":{"givenName":"Else","familyName":"Else"},"active":false}`, holds: isDisabled, ends: true},
		{uid: "member", text: "member of a group", method: http.MethodPost, path: "/Groups", body: `{"displayName":"team","members":[{"value":"$ID"}]}`, seen: func(t *testing.T, f apptest.Federated, u keycloak.User) bool {
			t.Helper()
			found, err := f.Find(t.Context(), "/Groups", `displayName eq "team"`, "")
			return err == nil && len(found) == 1 && strings.Contains(fmt.Sprint(found[0]["members"]), u.ID)
		}},
		{uid: "deleted", text: "DELETE", method: http.MethodDelete},
	}
}

func isDisabled(_, after keycloak.User) bool { return !after.Enabled }

// inDirectory reports whether an entry of the directory has a value, if values are written there.
func inDirectory(attribute, value string) func(*testing.T, apptest.Federated, keycloak.User) bool {
	return func(t *testing.T, f apptest.Federated, _ keycloak.User) bool {
		t.Helper()
		return f.Writable == f.LDAP.Holds(t, attribute, value)
	}
}

// TestUsersOfADirectory: after each request about a user of LDAP, Keycloak has what the client
// sent, or the answer names the federation and the remedy and nothing was changed.
// docs/guides/user-federation.md has the table that this test computes.
func TestUsersOfADirectory(t *testing.T) {
	t.Parallel()
	var uids []string
	for _, row := range federationRows() {
		uids = append(uids, row.uid)
	}
	table := map[string]string{} // by kind and row
	for _, kind := range federationKinds() {
		f := apptest.NewFederated(t, apptest.Persons(uids...), nil, kind.options, nil)
		held := map[string]keycloak.User{}
		for _, row := range federationRows() {
			held[row.uid] = f.Named(t, row.uid)
			table[kind.name+row.text] = probe(t, f, kind.name, row)
		}
		f.Provider.Sync()
		for _, row := range federationRows() {
			if table[kind.name+row.text] != done || row.holds == nil {
				continue
			}
			if after, err := f.Admin.User(t.Context(), mustUserID(t, held[row.uid].ID)); err != nil || !row.holds(held[row.uid], after) {
				table[kind.name+row.text] = doneForNow
			}
		}
	}
	var b strings.Builder
	b.WriteString("| |")
	for _, kind := range federationKinds() {
		b.WriteString(" " + kind.name + " |")
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(federationKinds())) + "\n")
	for _, row := range federationRows() {
		b.WriteString("| " + row.text + " |")
		for _, kind := range federationKinds() {
			b.WriteString(" " + table[kind.name+row.text] + " |")
		}
		b.WriteString("\n")
	}
	if err := docs.GeneratedPart("../../docs/guides/user-federation.md", b.String(), *apptest.Update, "go test ./bridge/directory -update -run TestUsersOfADirectory"); err != nil {
		t.Error(err)
	}
}

// Outcomes of a request about a user of a directory.
const (
	done       = "yes"
	doneForNow = "until the next synchronisation"
	notDone    = "no"
)

// probe sends the request of a row and reads the user back.
func probe(t *testing.T, f apptest.Federated, kind string, row federationRow) string {
	t.Helper()
	what := kind + ", " + row.text
	before := f.Named(t, row.uid)
	path, body := cmp.Or(row.path, "/Users/"+before.ID), strings.ReplaceAll(row.body, "$ID", before.ID)
	if row.uid == "same" {
		data, err := json.Marshal(f.Must(t, http.MethodGet, path, ""))
		if err != nil {
			t.Fatal(err)
		}
		body = string(data)
	}
	session := session(t, f, row.uid)
	_, err := f.Send(t, row.method, path, body)
	after, look := f.Admin.User(t.Context(), mustUserID(t, before.ID))
	if look != nil {
		t.Errorf("%s: the user is %v", what, look)
	}
	if row.ends && refreshes(t, f, session) {
		t.Errorf("%s: the session lives", what)
	}
	if err == nil {
		if row.holds != nil && !row.holds(before, after) || row.seen != nil && !row.seen(t, f, after) {
			t.Errorf("%s: a 2xx without effect: %+v became %+v", what, before, after)
		}
		return done
	}
	status, code := http.StatusBadRequest, "[account-federated]"
	switch {
	case row.path == "/Users":
		status, code = http.StatusConflict, "[value-taken]"
	case row.method == http.MethodDelete || row.path != "":
		status, code = http.StatusForbidden, "[federation-keeps]"
	}
	told := &client.Error{}
	if !errors.As(err, &told) || told.Status != status || !strings.Contains(told.Detail, code) || !strings.Contains(told.Detail, fmt.Sprintf("%q", apptest.Corp)) {
		t.Errorf("%s: %v, want %d that names the federation", what, err, status)
	}
	for _, misleading := range []string{"scim.", "adopt", "profile", "changes were made", "setup"} {
		if strings.Contains(told.Detail, misleading) {
			t.Errorf("%s: %v misleads by %q", what, err, misleading)
		}
	}
	if diff := gocmp.Diff(before, after); diff != "" {
		t.Errorf("%s: refused, and changed: %s", what, diff)
	}
	return notDone
}

func mustUserID(t *testing.T, text string) keycloak.UserID {
	t.Helper()
	id, err := keycloak.ParseUserID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
