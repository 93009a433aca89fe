package bridge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// deactivating reports whether operations say that active is false, in one of the forms that
// identity providers send. It guesses what the plan will be, which decides.
func deactivating(ops []patch.Operation) bool {
	return slices.ContainsFunc(ops, func(o patch.Operation) bool {
		value := o.Value
		if object, ok := value.(map[string]any); ok && o.Path == "" {
			value, _ = scim.Member(object, scim.AttrActive)
		} else if !strings.EqualFold(o.Path, scim.AttrActive) {
			return false
		}
		return strings.EqualFold(fmt.Sprint(value), "false")
	})
}

// readRightsEarly begins the look that a dangerous change of a user needs (guard.Allow), so that it does
// not take its time after the read of the user. At an organization it is not begun: a user of
// somebody else's would be answered later than nobody.
func (r *request) readRightsEarly(ctx context.Context) {
	id, err := keycloak.ParseUserID(r.ID)
	if err != nil || r.Endpoint != endpointUsers || r.Tenant.Owner.Organization || r.wall.ProtectsUser(r.ID) {
		return
	}
	r.rights = guard.ReadRights(ctx, r.client, r.fitness, id)
	r.atEnd = append(r.atEnd, r.rights.Wait)
}
