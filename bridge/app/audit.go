package app

import (
	"context"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
)

// audit writes the record of a write.
func audit(ctx context.Context, log *zap.Logger, w bridge.Write) {
	steps := make([]string, len(w.Plan))
	for i, step := range w.Plan {
		steps[i] = step.String()
	}
	observe.Audit(ctx, log, observe.Write{
		Tenant: w.Tenant, Client: w.Actor.Name, KeyID: w.Actor.KeyID, Resource: w.Resource, ID: w.ID, Plan: steps, Done: w.Done, Result: string(w.Result), Reason: w.Reason,
	})
}
