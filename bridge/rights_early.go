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

// deactivating reports whether operations set active to false, in one of the forms that identity providers send. It is
// a guess; the plan decides.
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

// readRightsEarly starts the read that a dangerous change of a user needs (guard.Allow), so that it runs while the user
// is read. At an organization it is not started: the answer about a foreign user would then take longer than the answer
// about an absent user.
func (r *request) readRightsEarly(ctx context.Context) {
	id, err := keycloak.ParseUserID(r.ID)
	if err != nil || r.Endpoint != endpointUsers || r.Tenant.Owner.Organization || r.wall.ProtectsUser(r.ID) {
		return
	}
	r.rights = guard.ReadRights(ctx, r.client, r.fitness, id)
	r.atEnd = append(r.atEnd, r.rights.Wait)
}
