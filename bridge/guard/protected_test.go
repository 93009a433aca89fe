package guard_test

import (
	"errors"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestSecurity_39_AllowADelegate: no plan does anything to a user who administers by a permission
// except to end the user's access.
func TestSecurity_39_AllowADelegate(t *testing.T) {
	t.Parallel()
	id, err := keycloak.ParseUserID("delegate")
	if err != nil {
		t.Fatal(err)
	}
	fitness := tenant.Fitness{Protected: &tenant.Protected{Delegates: map[string]bool{"delegate": true}}}
	off, on, name := false, true, "mine"
	for what, c := range map[string]struct {
		step    plan.Step
		allowed bool
	}{
		"deactivate":            {plan.UpdateUser{User: id, Update: &keycloak.UserUpdate{Enabled: &off}}, true},
		"end its sessions":      {plan.EndSessions{User: id}, true},
		"activate":              {plan.UpdateUser{User: id, Update: &keycloak.UserUpdate{Enabled: &on}}, false},
		"deactivate and rename": {plan.UpdateUser{User: id, Update: &keycloak.UserUpdate{Enabled: &off, Username: &name}}, false},
		"deactivate and write":  {plan.UpdateUser{User: id, Update: &keycloak.UserUpdate{Enabled: &off, Attributes: map[string][]string{}}}, false},
		"set a password":        {plan.UpdateUser{User: id, Update: &keycloak.UserUpdate{Password: keycloak.NewUserPassword("mine", false)}}, false},
		"nothing":               {plan.UpdateUser{User: id, Update: &keycloak.UserUpdate{}}, false},
		"delete":                {plan.DeleteUser{User: id}, false},
		"join a group":          {plan.AddMember{User: id}, false},
		"leave a group":         {plan.RemoveMember{User: id}, false},
		"get a role":            {plan.GrantRoles{Holder: plan.Holder{User: id}}, false},
		"lose a role":           {plan.RevokeRoles{Holder: plan.Holder{User: id}}, false},
		"admit":                 {plan.AdmitUser{User: id}, false},
		"expel":                 {plan.ExpelUser{User: id}, false},
		"link":                  {plan.LinkUser{User: id}, false},
	} {
		err := guard.Allow(t.Context(), nil, fitness, plan.Plan{c.step}, nil)
		if _, refused := errors.AsType[guard.ProtectedError](err); refused == c.allowed || c.allowed && err != nil {
			t.Errorf("%s: %v, want it allowed: %t", what, err, c.allowed)
		}
	}
}
