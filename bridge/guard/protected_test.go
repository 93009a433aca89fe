package guard_test

import (
	"errors"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestSecurity_39_AllowADelegate: whatever planned it, nothing is done to who administers by a
// permission but to end its access.
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
		"deactivate":            {plan.Step{Kind: plan.UpdateUser, UserUpdate: &keycloak.UserUpdate{Enabled: &off}}, true},
		"end its sessions":      {plan.Step{Kind: plan.EndSessions}, true},
		"activate":              {plan.Step{Kind: plan.UpdateUser, UserUpdate: &keycloak.UserUpdate{Enabled: &on}}, false},
		"deactivate and rename": {plan.Step{Kind: plan.UpdateUser, UserUpdate: &keycloak.UserUpdate{Enabled: &off, Username: &name}}, false},
		"deactivate and write":  {plan.Step{Kind: plan.UpdateUser, UserUpdate: &keycloak.UserUpdate{Enabled: &off, Attributes: map[string][]string{}}}, false},
		"set a password":        {plan.Step{Kind: plan.UpdateUser, UserUpdate: &keycloak.UserUpdate{Password: keycloak.NewUserPassword("mine", false)}}, false},
		"nothing":               {plan.Step{Kind: plan.UpdateUser, UserUpdate: &keycloak.UserUpdate{}}, false},
		"delete":                {plan.Step{Kind: plan.DeleteUser}, false},
		"join a group":          {plan.Step{Kind: plan.AddMember}, false},
		"leave a group":         {plan.Step{Kind: plan.RemoveMember}, false},
		"get a role":            {plan.Step{Kind: plan.GrantRoles}, false},
		"lose a role":           {plan.Step{Kind: plan.RevokeRoles}, false},
		"admit":                 {plan.Step{Kind: plan.AdmitUser}, false},
		"expel":                 {plan.Step{Kind: plan.ExpelUser}, false},
		"link":                  {plan.Step{Kind: plan.LinkUser}, false},
	} {
		c.step.User = id
		err := guard.Allow(t.Context(), nil, fitness, plan.Plan{c.step}, nil)
		if _, refused := errors.AsType[guard.ProtectedError](err); refused == c.allowed || c.allowed && err != nil {
			t.Errorf("%s: %v, want it allowed: %t", what, err, c.allowed)
		}
	}
}
