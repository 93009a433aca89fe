package apptest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// Federated is a bridge for a realm with a user federation.
type Federated struct {
	Bridge

	Server   keycloaktest.Server
	LDAP     *keycloaktest.LDAP
	Provider *keycloaktest.Federation
	Writable bool // whether the directory accepts writes
}

// Corp is the name of the provider.
const Corp = "corp directory"

// departmentRule maps an attribute that the provider reads from the directory.
const departmentRule = "version: 1\nusers:\n  password: accept\n  attributes:\n    \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department\": { keycloak: department }\n"

// Person is an entry with all attributes that Keycloak's mappers read.
func Person(uid string) keycloaktest.Person {
	return keycloaktest.Person{UID: uid, GivenName: "Ann", Surname: "Lee", Mail: uid + "@acme.test", Department: "Sales"}
}

// Persons are directory entries with these uids.
func Persons(uids ...string) []keycloaktest.Person {
	out := make([]keycloaktest.Person, len(uids))
	for i, uid := range uids {
		out[i] = Person(uid)
	}
	return out
}

// NewFederated makes a bridge for a realm with the people of a directory. Keycloak has not read any of them yet.
func NewFederated(t *testing.T, people []keycloaktest.Person, groups map[string][]string, o keycloaktest.FederationOptions, edit func(*config.Config)) Federated {
	t.Helper()
	server := keycloaktest.Real(t)
	realm, admin := NewEmptyRealm(t, server)
	f := Federated{Server: server, LDAP: keycloaktest.StartLDAP(t, people, groups), Writable: o.EditMode == keycloak.EditWritable}
	o.Name = Corp
	f.Provider = f.LDAP.Federate(t, server, realm, o)
	mapping := MappingFile(t, departmentRule)
	f.Bridge = NewBridgeIn(t, server, realm, admin, func(c *config.Config) {
		c.Realms[realm].Tenants[0].Mapping = mapping
		if edit != nil {
			edit(c)
		}
	}, "--mapping", mapping)
	return f
}

// Named is Keycloak's account with a user name.
func (b Bridge) Named(t *testing.T, name string) keycloak.User {
	t.Helper()
	list, err := b.Admin.Users(t.Context(), keycloak.UserQuery{Username: name})
	if err != nil || len(list) != 1 {
		t.Fatalf("the accounts with the name %s are %v, %v", name, list, err)
	}
	return list[0]
}

// ReplaceBody is the body of a PATCH that replaces the value of a path. value is JSON.
func ReplaceBody(path, value string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"` + strings.ReplaceAll(path, `"`, `\"`) + `","value":` + value + `}]}`
}

// MemberNames returns the user names of the members that a group shows.
func (b Bridge) MemberNames(t *testing.T, group string) []string {
	t.Helper()
	var out []string
	members, _ := b.Must(t, http.MethodGet, "/Groups/"+group, "")["members"].([]any)
	for _, m := range members {
		out = append(out, fmt.Sprint(m.(map[string]any)["display"]))
	}
	slices.Sort(out)
	return out
}

// AddMembers is the body of a PATCH that adds members.
func AddMembers(ids ...string) string {
	return PatchBody(`{"op":"add","path":"members","value":[{"value":"` + strings.Join(ids, `"},{"value":"`) + `"}]}`)
}

// RemoveMember is the body of a PATCH that removes a member.
func RemoveMember(id string) string {
	return PatchBody(`{"op":"remove","path":"members[value eq \"` + id + `\"]"}`)
}

// Indexed returns a list. It repeats the request while the index for the list is built.
func (b Bridge) Indexed(t *testing.T, path string) map[string]any {
	t.Helper()
	const tries = 20 // the bridge itself waits for the index in each try
	for range tries {
		list, err := b.Send(t, http.MethodGet, path, "")
		if err == nil {
			return list
		}
		if !strings.Contains(err.Error(), "[index-being-made]") {
			t.Fatalf("GET %s: %v", path, err)
		}
	}
	t.Fatalf("GET %s: the index is never ready", path)
	return nil
}

// Check runs a check of the realms, as the bridge does every minute.
func (f Federated) Check(t *testing.T) {
	t.Helper()
	if !f.App.Watcher.Check(t.Context()) {
		t.Fatalf("the realm is not fit: %v", f.App.Watcher.Tenants.All()[0].Fitness())
	}
}
