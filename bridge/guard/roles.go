package guard

import (
	"context"
	"fmt"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// RoleError is a role that cannot be granted: the operator has to act.
type RoleError struct{ Role, Problem string }

// Error is for the log.
func (e RoleError) Error() string {
	return fmt.Sprintf("the role %q of the mapping %s", e.Role, e.Problem)
}

// Grants refuses a plan that would make an administrator, with a RoleError. What a role
// contains is looked up for each that is granted: it may have changed since the last look
// at the realm.
func Grants(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, p plan.Plan) error {
	var granted []keycloak.Role
	for _, step := range p {
		if step.Kind == plan.GrantRoles {
			granted = append(granted, step.Roles...)
		}
	}
	if len(granted) == 0 {
		return nil
	}
	role, right, ok, err := c.Administers(ctx, t.Fitness().Resolved.Management, granted)
	switch {
	case ok:
		return RoleError{role.String(), "contains the right " + right + " of realm-management: nobody becomes an administrator by SCIM"}
	case keycloak.KindOf(err) == keycloak.NotFound:
		return RoleError{role.String(), "does not exist any more"}
	}
	return err
}
