package apply_test

import (
	"net/http"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// world is a Keycloak in memory with one of each thing that a plan changes.
type world struct {
	*keycloaktest.Realm

	t       *testing.T
	fake    *keycloaktest.Fake
	applier *apply.Applier

	jane, nobody   keycloak.UserID
	team, nowhere  keycloak.GroupID // of the realm
	acme           keycloak.OrganizationID
	guild          keycloak.GroupID // of acme
	reader, writer keycloak.Role
}

const password = "Correct-horse-1"

func newWorld(t *testing.T) *world {
	t.Helper()
	fake := keycloaktest.NewFake(t)
	r := keycloaktest.NewRealm(t, fake.Server(), keycloaktest.RealmOptions{Roles: []string{"manage-users", "view-realm", "view-clients", "manage-organizations", "view-identity-providers"}})
	w := &world{Realm: r, t: t, fake: fake, applier: &apply.Applier{Locker: &apply.Locks{}}}
	r.Send(t, http.MethodPut, "", `{"organizationsEnabled":true}`)
	r.Send(t, http.MethodPost, "/identity-provider/instances", `{"alias":"corp","providerId":"oidc","enabled":true}`)
	for name, role := range map[string]*keycloak.Role{"reader": &w.reader, "writer": &w.writer} {
		r.Send(t, http.MethodPost, "/roles", `{"name":"`+name+`"}`)
		found, err := r.Client.FindRole(t.Context(), keycloak.RoleName{Name: name})
		w.must(err)
		*role = found
	}
	var err error
	w.jane, err = r.Client.CreateUser(t.Context(), keycloak.NewUser{
		Username: "jane", Email: "jane@acme.test", FirstName: "Jane", LastName: "Lee", Enabled: true, Password: keycloak.NewUserPassword(password, false),
	})
	w.must(err)
	w.team, err = r.Client.CreateGroup(t.Context(), keycloak.NewGroup{Name: "team"})
	w.must(err)
	w.acme, err = r.Client.CreateOrganization(t.Context(), keycloak.NewOrganization{Name: "Acme", Alias: "acme", Domains: []keycloak.Domain{{Name: "acme.test"}}})
	w.must(err)
	w.guild, err = r.Client.CreateGroup(t.Context(), keycloak.NewGroup{Name: "guild", Parent: w.acme.TopLevel()})
	w.must(err)
	const absent = "00000000-0000-0000-0000-000000000000"
	w.nobody, err = keycloak.ParseUserID(absent)
	w.must(err)
	w.nowhere, err = keycloak.ParseGroupID(absent)
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// exists reports whether there is a user with a name.
func (w *world) exists(username string) bool {
	w.t.Helper()
	list, err := w.Admin.Users(w.t.Context(), keycloak.UserQuery{Username: username})
	w.must(err)
	return len(list) > 0
}

// hasGroup reports whether there is a group with a name at the top level.
func (w *world) hasGroup(name string) bool {
	w.t.Helper()
	list, err := w.Admin.TopGroups(w.t.Context(), 0, 10)
	w.must(err)
	for _, g := range list {
		if g.Name == name {
			return true
		}
	}
	return false
}

// joined reports whether jane is in the team.
func (w *world) joined() bool {
	w.t.Helper()
	list, err := w.Admin.UserGroups(w.t.Context(), w.jane)
	w.must(err)
	return len(list) > 0
}

// offline returns the clients at which jane has offline sessions.
func (w *world) offline() []string {
	w.t.Helper()
	list, err := w.Admin.OfflineClients(w.t.Context(), w.jane)
	w.must(err)
	return list
}

// holders counts the users who have a role.
func (w *world) holders(r keycloak.Role) int {
	w.t.Helper()
	list, err := w.Admin.RoleUsers(w.t.Context(), r, 0, 10)
	w.must(err)
	return len(list)
}
