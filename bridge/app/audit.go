package app

import (
	"context"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
)

// audit is a Recorder that writes an audit record for every change, after the change has ended.
type audit struct{ log *zap.Logger }

// Intend implements bridge.Recorder.
func (a audit) Intend(context.Context, change.Change) (bridge.Intent, error) { return a, nil }

// Settle implements bridge.Intent.
// Withdraw implements bridge.Intent. There is no record of a change that was not begun.
func (audit) Withdraw(context.Context, change.Change) error { return nil }

// Settle implements bridge.Intent.
func (a audit) Settle(ctx context.Context, c change.Change, _ error) error {
	observe.Audit(ctx, a.log, observe.Write{
		Tenant: c.Tenant, Actor: c.Actor.Kind, Client: c.Actor.Name, KeyID: c.Actor.KeyID, Resource: c.Resource.Type, ID: c.Resource.ID, Plan: c.Steps, Done: c.Done, Result: string(c.Outcome), Reason: c.Reason, Recovered: c.Recovered,
	})
	return nil
}
