package outside

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// ofUserEvent is the change that a user made of the user's own account.
func (r *round) ofUserEvent(ctx context.Context, e keycloak.UserEvent, id change.ID, hopeless bool) (c change.Change, ok bool, err error) {
	if e.User == "" {
		return c, false, nil
	}
	c = r.begun(id, e.Time, change.Actor{Kind: string(tenant.ActorHolder)}, change.Updated, change.Resource{Type: typeUser, ID: e.User})
	c.Steps, c.Done = []string{e.Type}, 1
	switch e.Type {
	case keycloak.EventRegister:
		c.Op = change.Created
	case keycloak.EventDeleteAccount:
		c.Op = change.Deleted
	case keycloak.EventInvited:
		c.Op = change.Joined
	}
	return r.ofAny(ctx, c, hopeless)
}
