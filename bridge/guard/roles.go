package guard

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// grants reads what each role contains that a plan grants, because this may have changed since the
// last read of the realm.
func grants(ctx context.Context, c *keycloak.Client, f tenant.Fitness, p plan.Plan) error {
	var granted []keycloak.Role
	for _, step := range p {
		if grant, is := step.(plan.GrantRoles); is {
			granted = append(granted, grant.Roles...)
		}
	}
	if len(granted) == 0 {
		return nil
	}
	role, by, ok, err := c.Administers(ctx, f.Protected.Administers, granted)
	switch {
	case ok:
		return RoleError{role.String(), "contains " + f.Protected.NameOf(by) + ": nobody becomes an administrator by SCIM"}
	case keycloak.KindOf(err) == keycloak.NotFound:
		return RoleError{role.String(), "does not exist any more"}
	}
	return err
}
