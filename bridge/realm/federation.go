package realm

import (
	"context"
	"fmt"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// checkFederation checks the user federation of the realm.
const checkFederation = "user federation"

// federations reads the user federation of the realm, and reports what SCIM cannot do with its
// users.
func (r *Report) federations(ctx context.Context, c *keycloak.Client) error {
	list, err := c.Federations(ctx)
	if err != nil {
		return fmt.Errorf("list user federations: %w", err)
	}
	r.Federations = make(map[string]keycloak.Federation, len(list))
	for _, f := range list {
		r.Federations[f.ID] = f
		r.federation(f)
	}
	return nil
}

// federation reports what a provider means for clients.
func (r *Report) federation(f keycloak.Federation) {
	switch {
	case !f.Enabled:
		r.warn(checkFederation, "switch the provider on, or remove it with its users, in User federation of Keycloak's console",
			"%q is switched off: its users are shown as inactive, and every change of them is refused", f.Name)
	case !f.LDAP:
		r.pass(checkFederation, "%q is not an LDAP federation: SCIM changes its users as far as the provider allows", f.Name)
	case f.Registers && !f.Imports:
		r.warn(checkFederation, "switch Import users on, or Sync Registrations off, for the provider",
			"%q stores new users and keeps no copy in Keycloak: SCIM cannot create users, cannot deactivate its users, and can store only their names", f.Name)
	case !f.Imports:
		r.warn(checkFederation, "switch Import users on for the provider, and synchronise all users",
			"%q does not import its users: SCIM cannot deactivate them and can store only their names, and the total of a list is known only at its end", f.Name)
	case f.EditMode == keycloak.EditReadOnly:
		r.warn(checkFederation, "set the edit mode of the provider to WRITABLE, or to UNSYNCED, if SCIM should change its users; docs/guides/user-federation.md explains both",
			"%q is READ_ONLY: SCIM can deactivate its users and make them members of groups, and every other change is refused", f.Name)
	case f.EditMode == keycloak.EditWritable && len(f.ReadOnly) > 0:
		r.warn(checkFederation, "switch off Read Only in those mappers of the provider; they kept it from the time when the edit mode was READ_ONLY",
			"%q is WRITABLE and its mappers of %s are read-only: what SCIM writes there does not reach the directory, and the next synchronisation overwrites it", f.Name, strings.Join(f.ReadOnly, ", "))
	case f.EditMode == keycloak.EditUnsynced:
		r.warn(checkFederation, "set the edit mode of the provider to WRITABLE, so that the directory gets the changes, or map nothing that the identity provider sends to the directory's attributes",
			"%q is UNSYNCED: names, addresses and other values of the directory that SCIM writes stay only until the next synchronisation, which overwrites them", f.Name)
	default:
		r.pass(checkFederation, "%q imports its users, and its edit mode %s lets SCIM change them", f.Name, f.EditMode)
	}
}
