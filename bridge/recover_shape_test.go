package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// killPassword is the password that a probe sets.
const killPassword = "Correct-horse-2"

// shape is all that Keycloak stores of the resource of a probe, without ids and times; "" for nothing. Without an id
// the resource is found by its name.
func (k *kill) shape(t *testing.T, b apptest.Bridge, p killProbe, id, name string) string {
	t.Helper()
	if p.endpoint == "/Groups" {
		return k.shapeOfGroup(t, b, id, name)
	}
	if id == "" {
		list, err := b.Admin.Users(t.Context(), keycloak.UserQuery{Username: name + "@acme.test"})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return ""
		}
		id = list[0].ID
	}
	parsed := apptest.UserID(t, id)
	user, err := b.Admin.User(t.Context(), parsed)
	if keycloak.KindOf(err) == keycloak.NotFound {
		return ""
	}
	online, err1 := b.Admin.OnlineSessions(t.Context(), parsed)
	offline, err2 := b.Admin.OfflineClients(t.Context(), parsed)
	organizations, err3 := b.Admin.OrganizationsOf(t.Context(), parsed)
	groups, err4 := b.Admin.UserGroups(t.Context(), parsed)
	for _, err := range []error{err, err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if tenant := k.Realm.App.Watcher.Tenants.ByPath(b.Path(t)); tenant.Fitness().OrganizationGroups && len(organizations) > 0 {
		more, err := b.Admin.OrganizationGroupsOf(t.Context(), tenant.Organization.ID, parsed)
		if err != nil && keycloak.KindOf(err) != keycloak.NotFound {
			t.Fatal(err)
		}
		groups = append(groups, more...)
	}
	var names []string
	for _, g := range groups {
		names = append(names, strings.ReplaceAll(g.Name, name, "NAME"))
	}
	slices.Sort(names)
	password := p.password && b.CanLogIn(t, k.Server, user.Username, killPassword)
	return strings.ReplaceAll(fmt.Sprint(user.Username, user.Email, user.FirstName, user.LastName, user.Enabled, " online ", online, " offline ", offline, " organizations ", len(organizations),
		" groups ", names, " roles ", b.RolesOf(t, id), " password ", password, shapeOfAttributes(user.Attributes)), name, "NAME")
}

func (k *kill) shapeOfGroup(t *testing.T, b apptest.Bridge, id, name string) string {
	t.Helper()
	tenant := k.Realm.App.Watcher.Tenants.ByPath(b.Path(t))
	q := keycloak.GroupQuery{Search: name}
	if tenant.Fitness().OrganizationGroups {
		q.In = tenant.Organization.ID
	}
	if id == "" {
		list, err := b.Admin.Groups(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(g keycloak.Group) bool { return g.Name == name })
		if i < 0 {
			return ""
		}
		id = list[i].ID
	}
	group, err := b.Admin.Group(t.Context(), k.groupOf(t, b, id))
	if keycloak.KindOf(err) == keycloak.NotFound {
		return "gone " + k.rolesOfPeople(t, b)
	}
	if err != nil {
		t.Fatal(err)
	}
	members := []string{"others: " + fmt.Sprint(len(k.members(t, b, id)))}
	for _, person := range k.people {
		members = append(members, fmt.Sprint(slices.Contains(k.members(t, b, id), person)))
	}
	return strings.ReplaceAll(fmt.Sprint(group.Name, " members ", members, " roles ", group.Roles, k.rolesOfPeople(t, b), shapeOfAttributes(group.Attributes)), name, "NAME")
}

// rolesOfPeople are the roles of the users who can be members.
func (k *kill) rolesOfPeople(t *testing.T, b apptest.Bridge) string {
	t.Helper()
	var out []string
	for _, id := range k.people {
		out = append(out, b.RolesOf(t, id), fmt.Sprint(b.InKeycloak(t, id).Attributes[mapping.AttrRoles]))
	}
	return fmt.Sprint(out)
}

func shapeOfAttributes(attributes map[string][]string) string {
	var out []string
	for name, values := range attributes {
		values = slices.Sorted(slices.Values(values))
		switch name {
		case mapping.AttrModified, mapping.AttrCreated:
			continue
		case mapping.AttrRemainder: // the stamp in it differs
			values = []string{fmt.Sprint(len(values))}
		case mapping.AttrKey: // it is padded
			for i := range values {
				values[i] = strings.TrimRight(values[i], "-")
			}
		}
		out = append(out, fmt.Sprint(name, "=", values))
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}
