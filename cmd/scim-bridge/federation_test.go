package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	f := federated{server: server, ldap: keycloaktest.StartLDAP(t, people, groups)}
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
	path      string // below the user; "" for the user
	body      string
	holds     func(before, after keycloak.User) bool // what a 2xx says
}


func replaceBody(path, value string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"` + strings.ReplaceAll(path, `"`, `\"`) + `","value":` + value + `}]}`
}

func federationRows() []federationRow {
	return []federationRow{
		{uid: "same", text: "PUT of what is shown", method: http.MethodPut, holds: func(a, b keycloak.User) bool { return cmp.Equal(a, b) }},
		{uid: "given", text: "names", method: http.MethodPatch, body: replaceBody("name.givenName", `"Zoe"`), holds: func(_, b keycloak.User) bool { return b.FirstName == "Zoe" }},
		{uid: "named", text: "`userName`", method: http.MethodPatch, body: replaceBody("userName", `"renamed"`), holds: func(a, b keycloak.User) bool { return b.Username == "renamed" && a.ID == b.ID }},
		{uid: "mailed", text: "the primary address", method: http.MethodPatch, body: replaceBody("emails", `[{"value":"other@acme.test","primary":true}]`), holds: func(_, b keycloak.User) bool { return b.Email == "other@acme.test" }},
		{uid: "mapped", text: "an attribute of the mapping that the directory has", method: http.MethodPatch, body: replaceBody(departmentOf, `"Tours"`), holds: func(_, b keycloak.User) bool { return slices.Equal(b.Attributes["department"], []string{"Tours"}) }},
		{uid: "extern", text: "`externalId`, and all else that Keycloak has no field for", method: http.MethodPatch, body: replaceBody("externalId", `"E-1"`), holds: func(_, b keycloak.User) bool { return len(b.Attributes["externalId"]) == 1 }},
		{uid: "passed", text: "`password`", method: http.MethodPatch, body: replaceBody("password", `"Another-1-of-them"`)},
		{uid: "active", text: "`active: false`", method: http.MethodPatch, body: replaceBody("active", "false"), holds: func(_, b keycloak.User) bool { return !b.Enabled }},
		{uid: "deleted", text: "DELETE", method: http.MethodDelete},
	}
}

// TestUsersOfADirectory: whatever a client does with a user of LDAP, Keycloak has it afterwards, or the answer names the
// federation and what to do, and nothing was changed. The page about it has the table that this finds.
func TestUsersOfADirectory(t *testing.T) {
	t.Parallel()
	table := map[string]map[string]string{} // by row and kind
	var uids []string
	for _, row := range federationRows() {
		uids, table[row.text] = append(uids, row.uid), map[string]string{}
	}
	for _, kind := range federationKinds() {
		f := newFederated(t, persons(uids...), nil, kind.options, nil)
		for _, row := range federationRows() {
			table[row.text][kind.name] = f.probe(t, kind.name, row)
		}
	}
	_ = docs.GeneratedPart
}

// probe sends the request of a row, and reads back.
func (f federated) probe(t *testing.T, kind string, row federationRow) string {
	t.Helper()
	what := kind + ", " + row.text
	before := f.named(t, row.uid)
	path, body := "/Users/"+before.ID, row.body
	if row.method == http.MethodPut {
		data, err := json.Marshal(f.must(t, http.MethodGet, path, ""))
		if err != nil {
			t.Fatal(err)
		}
		body = string(data)
	}
	session := f.session(t, row.uid)
	_, err := f.send(t, row.method, path, body)
	t.Logf("%s: %v", what, err)
	after, look := f.admin.User(t.Context(), mustUserID(t, before.ID))
	switch {
	case err == nil && row.holds != nil && !row.holds(before, after):
		t.Errorf("%s: a 2xx without effect: %+v -> %+v", what, before, after)
	case err == nil:
		if look != nil {
			t.Errorf("%s: %v", what, look)
		}
		return "yes"
	}
	var told *client.Error
	if !asClientError(err, &told) || told.Status >= 500 || !strings.Contains(told.Detail, "[account-federated]") || !strings.Contains(told.Detail, corp) {
		t.Errorf("%s: %v, want a refusal that names the federation", what, err)
	}
	if strings.Contains(fmt.Sprint(err), "scim.") || strings.Contains(fmt.Sprint(err), "adopt") || strings.Contains(fmt.Sprint(err), "profile") || strings.Contains(fmt.Sprint(err), "changes were made") {
		t.Errorf("%s: %v misleads", what, err)
	}
	if !cmp.Equal(before, after) {
		t.Errorf("%s: refused, and changed: %s", what, cmp.Diff(before, after))
	}
	if row.uid == "active" && f.refreshes(t, session) {
		t.Errorf("%s: the session lives", what)
	}
	return "no"
}

func mustUserID(t *testing.T, text string) keycloak.UserID {
	t.Helper()
	id, err := keycloak.ParseUserID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
