package app

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/server"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// rehearse carries out the plan of a dry run. The client must use a keycloak.Rehearsal, which records the calls.
// rehearse returns the status that a client would get for the method.
func rehearse(ctx context.Context, c *keycloak.Client, method string, of bridge.Result) (status int, err error) {
	_, err = (&apply.Applier{}).Apply(ctx, c, &apply.Held{}, of.Plan)
	return server.StatusOf(method, of), err
}
