package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestADescribedStepIsReadAgain: the text of every kind of step says what the step changes.
func TestADescribedStepIsReadAgain(t *testing.T) {
	t.Parallel()
	user, err := keycloak.ParseUserID("f:5d0f:jane von acme")
	if err != nil {
		t.Fatal(err)
	}
	group, err := keycloak.ParseGroupID("g1")
	if err != nil {
		t.Fatal(err)
	}
	organization, err := keycloak.ParseOrganizationID("o1")
	if err != nil {
		t.Fatal(err)
	}
	const u, g = "f:5d0f:jane von acme", "g1"
	name, enabled := "n", true
	update := &keycloak.UserUpdate{Username: &name, Enabled: &enabled, Attributes: map[string][]string{"a": nil}, Password: keycloak.NewUserPassword("p", false)}
	roles := []keycloak.Role{{Name: "team lead"}, {Client: "shop", Name: "editor"}}
	for _, c := range []struct {
		step plan.Step
		want plan.Said
	}{
		{plan.CreateUser{User: &keycloak.NewUser{Enabled: true, Link: &keycloak.Link{IdentityProvider: "corp"}}}, plan.Said{}},
		{plan.UpdateUser{User: user, Update: update}, plan.Said{User: u}},
		{plan.UpdateUser{Update: update}, plan.Said{}},
		{plan.UpdateUser{User: user, Update: &keycloak.UserUpdate{}}, plan.Said{User: u}},
		{plan.DeleteUser{User: user}, plan.Said{User: u}},
		{plan.EndSessions{User: user, Always: true}, plan.Said{User: u}},
		{plan.CreateGroup{Group: &keycloak.NewGroup{Name: name}}, plan.Said{}},
		{plan.UpdateGroup{Group: &keycloak.Group{ID: g}, Update: &keycloak.GroupUpdate{Name: &name}}, plan.Said{Group: g}},
		{plan.UpdateGroup{New: &keycloak.NewGroup{Name: name}, Update: &keycloak.GroupUpdate{}}, plan.Said{}},
		{plan.DeleteGroup{Group: group}, plan.Said{Group: g}},
		{plan.AddMember{Group: group, User: user}, plan.Said{Group: g, User: u}},
		{plan.AddMember{Group: group}, plan.Said{Group: g}},
		{plan.AddMember{User: user}, plan.Said{User: u}},
		{plan.RemoveMember{Group: group, User: user}, plan.Said{Group: g, User: u}},
		{plan.AdmitUser{Organization: organization, User: user}, plan.Said{User: u}},
		{plan.AdmitUser{Organization: organization}, plan.Said{}},
		{plan.ExpelUser{Organization: organization, User: user}, plan.Said{User: u}},
		{plan.LinkUser{User: user, Link: keycloak.Link{IdentityProvider: "corp"}}, plan.Said{User: u}},
		{plan.GrantRoles{Holder: plan.Holder{User: user}, Roles: roles}, plan.Said{Holder: u, Roles: "team lead shop/editor"}},
		{plan.GrantRoles{Roles: roles[:1]}, plan.Said{Roles: "team lead"}},
		{plan.RevokeRoles{Holder: plan.Holder{Group: group}, Roles: roles[1:]}, plan.Said{Holder: g, Roles: "shop/editor"}},
	} {
		c.want.Kind = plan.KindOf(c.step)
		text := plan.Describe(c.step)
		if diff := cmp.Diff(c.want, plan.Read(text)); diff != "" {
			t.Errorf("%q is read as something else (-want +got):\n%s", text, diff)
		}
	}
	if got := plan.Read("a later_kind of step"); got != (plan.Said{Kind: "a"}) {
		t.Errorf("a text of another program is read as %+v", got)
	}
}

func TestAStepThatWritesAPasswordSaysSo(t *testing.T) {
	t.Parallel()
	password := keycloak.NewUserPassword("p", false)
	for _, c := range []struct {
		step plan.Step
		want bool
	}{
		{plan.CreateUser{User: &keycloak.NewUser{Password: password}}, true},
		{plan.CreateUser{User: &keycloak.NewUser{}}, false},
		{plan.UpdateUser{Update: &keycloak.UserUpdate{Password: password}}, true},
		{plan.UpdateUser{Update: &keycloak.UserUpdate{}}, false},
		{plan.EndSessions{}, false},
	} {
		if got := plan.WritesPassword(c.step); got != c.want {
			t.Errorf("WritesPassword(%v) = %t", plan.KindOf(c.step), got)
		}
	}
}
