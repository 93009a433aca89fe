package bridge

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
)

// Recorder keeps what a Service changes. Every change goes through it, whatever way in it came: Intend is told before
// the first call that writes, and what it returns how the change ended. A dry run is not told of, nor is a call that was
// refused before there was a plan.
type Recorder interface {
	// Intend keeps that a change is to be made. With an error the change is not begun; a client is told a *scim.Error
	// as it is, and any other error as a failure of the bridge.
	Intend(ctx context.Context, c change.Change) (Intent, error)
}

// Intent is a change that was begun.
type Intent interface {
	// Settle keeps how the change ended. It is called once, also when the request was given up or panics; its context
	// ends with neither. An error is logged and changes nothing of the answer: what Keycloak has stands.
	Settle(ctx context.Context, c change.Change, err error) error
}

// Unrecorded is a Recorder that keeps nothing.
type Unrecorded struct{}

// Intend implements Recorder.
func (Unrecorded) Intend(context.Context, change.Change) (Intent, error) { return Unrecorded{}, nil }

// Settle implements Intent.
func (Unrecorded) Settle(context.Context, change.Change, error) error { return nil }
