package main

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

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// federated is a bridge over a realm with a user federation.
type federated struct {
	testBridge

	server   keycloaktest.Server
	ldap     *keycloaktest.LDAP
	provider *keycloaktest.Federation
	writable bool // whether the directory has what is written
}

const (
	// corp is the name of the provider.
	corp = "corp directory"
	// departmentRule maps an attribute that the provider has from the directory.
	departmentRule = "version: 1\nusers:\n  password: accept\n  attributes:\n    \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department\": { keycloak: department }\n"
	departmentOf   = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"
)

// person is an entry with all that Keycloak's mappers read.
func person(uid string) keycloaktest.Person {
	return keycloaktest.Person{UID: uid, GivenName: "Ann", Surname: "Lee", Mail: uid + "@acme.test", Department: "Sales"}
}

func persons(uids ...string) []keycloaktest.Person {
	out := make([]keycloaktest.Person, len(uids))
	for i, uid := range uids {
		out[i] = person(uid)
	}
	return out
}

// newFederated is a bridge for a realm that has people of a directory, before anybody read it.
func newFederated(t *testing.T, people []keycloaktest.Person, groups map[string][]string, o keycloaktest.FederationOptions, edit func(*config.Config)) federated {
	t.Helper()
	server := keycloaktest.Real(t)
	realm, admin := newEmptyRealm(t, server)
	f := federated{server: server, ldap: keycloaktest.StartLDAP(t, people, groups), writable: o.EditMode == keycloak.EditWritable}
	o.Name = corp
	f.provider = f.ldap.Federate(t, server, realm, o)
	mapping := mappingFile(t, departmentRule)
	f.testBridge = newBridgeIn(t, server, realm, admin, func(c *config.Config) {
		c.Realms[realm].Tenants[0].Mapping = mapping
		if edit != nil {
			edit(c)
		}
	}, "--mapping", mapping)
	return f
}

// named is the account of a user name, as Keycloak has it.
func (b testBridge) named(t *testing.T, name string) keycloak.User {
	t.Helper()
	list, err := b.admin.Users(t.Context(), keycloak.UserQuery{Username: name})
	if err != nil || len(list) != 1 {
		t.Fatalf("the accounts called %s are %v, %v", name, list, err)
	}
	return list[0]
}

// logged in is a refresh token of a person of the directory.
func (f federated) session(t *testing.T, uid string) string {
	t.Helper()
	_, answer := token(t, f.server, f.realm, url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {uid}, "password": {keycloaktest.LDAPUserPassword}})
	refresh, ok := answer["refresh_token"].(string)
	if !ok {
		t.Fatalf("%s cannot log in: %v", uid, answer)
	}
	return refresh
}

// refreshes reports whether a session lives.
func (f federated) refreshes(t *testing.T, refresh string) bool {
	t.Helper()
	status, _ := token(t, f.server, f.realm, url.Values{"grant_type": {"refresh_token"}, "client_id": {"admin-cli"}, "refresh_token": {refresh}})
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

// federationRow is what a client does with a user of the directory.
type federationRow struct {
	uid, text string
	method    string
	path      string                                 // "" for the user's
	body      string                                 // $ID is the user's id
	holds     func(before, after keycloak.User) bool // what a 2xx says
	seen      func(t *testing.T, f federated, u keycloak.User) bool
	ends      bool // sessions, whatever the answer is
}

func replaceBody(path, value string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"` + strings.ReplaceAll(path, `"`, `\"`) + `","value":` + value + `}]}`
}

func federationRows() []federationRow {
	return []federationRow{
		{
			uid: "found", text: "GET, and filters by `id`, `userName`, `emails.value` and mapped attributes", method: http.MethodGet,
			seen: func(t *testing.T, f federated, u keycloak.User) bool {
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
		{uid: "given", text: "`name.familyName`", method: http.MethodPatch, body: replaceBody("name.familyName", `"Zoe"`), holds: func(_, b keycloak.User) bool { return b.LastName == "Zoe" }, seen: inDirectory("sn", "Zoe")},
		{uid: "named", text: "`userName`", method: http.MethodPatch, body: replaceBody("userName", `"renamed"`), holds: func(a, b keycloak.User) bool { return b.Username == "renamed" && a.ID == b.ID }, seen: inDirectory("uid", "renamed")},
		{uid: "mailed", text: "the primary address", method: http.MethodPatch, body: replaceBody(`emails[type eq "work"].value`, `"other@acme.test"`), holds: func(_, b keycloak.User) bool { return b.Email == "other@acme.test" }, seen: inDirectory("mail", "other@acme.test")},
		{uid: "mapped", text: "an attribute that the mapping and a mapper of the provider have", method: http.MethodPatch, body: replaceBody(departmentOf, `"Tours"`), holds: func(_, b keycloak.User) bool { return slices.Equal(b.Attributes["department"], []string{"Tours"}) }, seen: inDirectory("departmentNumber", "Tours")},
		{uid: "extern", text: "`externalId`, and all else that is kept in Keycloak", method: http.MethodPatch, body: replaceBody("externalId", `"E-1"`), holds: func(_, b keycloak.User) bool { return len(b.Attributes["externalId"]) == 1 }, seen: func(t *testing.T, f federated, u keycloak.User) bool {
			t.Helper()
			found, err := f.Find(t.Context(), "/Users", `externalId eq "E-1"`, "")
			return err == nil && len(found) == 1 && found[0]["id"] == u.ID
		}},
		{uid: "passed", text: "`password`", method: http.MethodPatch, body: replaceBody("password", `"Another-1-of-them"`), seen: func(t *testing.T, f federated, u keycloak.User) bool {
			t.Helper()
			return f.canLogIn(t, f.server, u.Username, "Another-1-of-them")
		}},
		{uid: "active", text: "`active: false` by a PATCH", method: http.MethodPatch, body: replaceBody("active", "false"), holds: isDisabled, ends: true},
		{uid: "put", text: "`active: false` by a PUT that changes more", method: http.MethodPut, body: `{"userName":"put","externalId":"E-2","name":{"givenName":"Else","familyName":"Else"},"active":false}`, holds: isDisabled, ends: true},
		{uid: "member", text: "member of a group", method: http.MethodPost, path: "/Groups", body: `{"displayName":"team","members":[{"value":"$ID"}]}`, seen: func(t *testing.T, f federated, u keycloak.User) bool {
			t.Helper()
			found, err := f.Find(t.Context(), "/Groups", `displayName eq "team"`, "")
			return err == nil && len(found) == 1 && strings.Contains(fmt.Sprint(found[0]["members"]), u.ID)
		}},
		{uid: "deleted", text: "DELETE", method: http.MethodDelete},
	}
}

func isDisabled(_, after keycloak.User) bool { return !after.Enabled }

// inDirectory reports whether an entry has a value, where it is written there.
func inDirectory(attribute, value string) func(*testing.T, federated, keycloak.User) bool {
	return func(t *testing.T, f federated, _ keycloak.User) bool {
		t.Helper()
		return f.writable == f.ldap.Holds(t, attribute, value)
	}
}

// TestUsersOfADirectory: whatever a client does with a user of LDAP, Keycloak has it afterwards, or the answer names the
// federation and what to do, and nothing was changed. The page about it has the table that this finds.
func TestUsersOfADirectory(t *testing.T) {
	t.Parallel()
	var uids []string
	for _, row := range federationRows() {
		uids = append(uids, row.uid)
	}
	table := map[string]string{} // by kind and row
	for _, kind := range federationKinds() {
		f := newFederated(t, persons(uids...), nil, kind.options, nil)
		held := map[string]keycloak.User{}
		for _, row := range federationRows() {
			held[row.uid] = f.named(t, row.uid)
			table[kind.name+row.text] = f.probe(t, kind.name, row)
		}
		f.provider.Sync()
		for _, row := range federationRows() {
			if table[kind.name+row.text] != done || row.holds == nil {
				continue
			}
			if after, err := f.admin.User(t.Context(), mustUserID(t, held[row.uid].ID)); err != nil || !row.holds(held[row.uid], after) {
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
	if err := docs.GeneratedPart("../../docs/guides/user-federation.md", b.String(), *update, "go test ./cmd/scim-bridge -update -run TestUsersOfADirectory"); err != nil {
		t.Error(err)
	}
}

// What becomes of a request about a user of a directory.
const (
	done       = "yes"
	doneForNow = "until the next synchronisation"
	notDone    = "no"
)

// probe sends the request of a row, and reads back.
func (f federated) probe(t *testing.T, kind string, row federationRow) string {
	t.Helper()
	what := kind + ", " + row.text
	before := f.named(t, row.uid)
	path, body := cmp.Or(row.path, "/Users/"+before.ID), strings.ReplaceAll(row.body, "$ID", before.ID)
	if row.uid == "same" {
		data, err := json.Marshal(f.must(t, http.MethodGet, path, ""))
		if err != nil {
			t.Fatal(err)
		}
		body = string(data)
	}
	session := f.session(t, row.uid)
	_, err := f.send(t, row.method, path, body)
	after, look := f.admin.User(t.Context(), mustUserID(t, before.ID))
	if look != nil {
		t.Errorf("%s: the user is %v", what, look)
	}
	if row.ends && f.refreshes(t, session) {
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
	if !errors.As(err, &told) || told.Status != status || !strings.Contains(told.Detail, code) || !strings.Contains(told.Detail, fmt.Sprintf("%q", corp)) {
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
