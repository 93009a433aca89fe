package guard_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestWhatAFederationKeeps compares the refusals before a write with what Keycloak does (measured
// by TestUsersOfADirectory in bridge/directory).
func TestWhatAFederationKeeps(t *testing.T) {
	t.Parallel()
	readOnly := keycloak.Federation{LDAP: true, Enabled: true, Imports: true, EditMode: keycloak.EditReadOnly}
	writable := keycloak.Federation{LDAP: true, Enabled: true, Imports: true, EditMode: keycloak.EditWritable}
	unsynced := keycloak.Federation{LDAP: true, Enabled: true, Imports: true, EditMode: keycloak.EditUnsynced}
	absent := keycloak.Federation{LDAP: true, Enabled: true, EditMode: keycloak.EditWritable}
	off := writable
	off.Enabled = false
	user := keycloak.User{ID: "f:x:ann", Username: "ann", FirstName: "Ann", LastName: "Lee", Email: "ann@acme.test", FederationLink: "x"}
	update := func(u keycloak.UserUpdate) plan.Plan { return plan.Plan{plan.UpdateUser{Update: &u}} }
	attributes := update(keycloak.UserUpdate{Attributes: map[string][]string{}, Username: new("ann"), FirstName: new("Ann"), LastName: new("Lee"), Email: new("ann@acme.test")})
	for _, c := range []struct {
		what string
		f    keycloak.Federation
		p    plan.Plan
		want []guard.Refusal
	}{
		{"nothing", readOnly, nil, nil},
		{"sessions", off, plan.Plan{plan.EndSessions{}}, nil},
		{"enabled, read-only", readOnly, update(keycloak.UserUpdate{Enabled: new(false)}), nil},
		{"enabled, no copy", absent, update(keycloak.UserUpdate{Enabled: new(false)}), []guard.Refusal{guard.KeepsEnabled}},
		{"enabled, switched off", off, update(keycloak.UserUpdate{Enabled: new(true)}), []guard.Refusal{guard.KeepsEnabled}},
		{"a name, read-only", readOnly, update(keycloak.UserUpdate{FirstName: new("Zoe")}), []guard.Refusal{guard.KeepsFirstName}},
		{"a name, writable", writable, update(keycloak.UserUpdate{FirstName: new("Zoe")}), nil},
		{"a name, no copy", absent, update(keycloak.UserUpdate{LastName: new("Zoe")}), nil},
		{"the user name, no copy", absent, update(keycloak.UserUpdate{Username: new("zoe")}), []guard.Refusal{guard.KeepsUsername}},
		{"an address, no copy", absent, update(keycloak.UserUpdate{Email: new("z@acme.test"), EmailVerified: new(false)}), nil},
		{"a verified address, no copy", absent, update(keycloak.UserUpdate{Email: new("z@acme.test"), EmailVerified: new(true)}), []guard.Refusal{guard.KeepsEmail}},
		{"attributes, read-only", readOnly, attributes, []guard.Refusal{guard.KeepsAttributes}},
		{"attributes, unsynced", unsynced, attributes, nil},
		{"attributes, no copy", absent, attributes, []guard.Refusal{guard.KeepsAttributes}},
		{"a password, read-only", readOnly, update(keycloak.UserUpdate{Password: keycloak.NewUserPassword("x", false)}), []guard.Refusal{guard.KeepsPassword}},
		{"a password, no copy", absent, update(keycloak.UserUpdate{Password: keycloak.NewUserPassword("x", false)}), nil},
		{"a deletion, unsynced", unsynced, plan.ForDeletedUser(keycloak.UserID{}), []guard.Refusal{guard.KeepsAccount}},
		{"a deletion, writable", writable, plan.ForDeletedUser(keycloak.UserID{}), nil},
		{"a role, no copy", absent, plan.Plan{plan.GrantRoles{}}, []guard.Refusal{guard.KeepsRoles}},
		{"an organization, no copy", absent, plan.Plan{plan.AdmitUser{}}, []guard.Refusal{guard.KeepsMembership}},
		{"a group, no copy", absent, plan.Plan{plan.AddMember{}, plan.AddMember{}}, []guard.Refusal{guard.KeepsGroups}},
		{"all, of no LDAP", keycloak.Federation{Enabled: true}, attributes, nil},
	} {
		err := guard.Federated(tenant.Fitness{Federations: map[string]keycloak.Federation{"x": c.f}}, user, c.p)
		refused, _ := errors.AsType[guard.FederatedError](err)
		if !slices.Equal(refused.Refused, c.want) || (err == nil) != (len(c.want) == 0) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	if err := guard.Federated(tenant.Fitness{Federations: map[string]keycloak.Federation{"x": readOnly}}, keycloak.User{}, attributes); err != nil {
		t.Errorf("a user of Keycloak's own: %v", err)
	}
}
