package bridge

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
)

// Recorder records what a Service changes, by every entry point. Intend is called before the first call that writes, and
// Settle of its result at the end of the change. A dry run is not recorded, and a call that was refused before there was
// a plan is not recorded either.
type Recorder interface {
	// Intend records a change that is about to be made. After an error the change is not begun. The client gets a
	// *scim.Error as it is; any other error is a failure of the bridge.
	Intend(ctx context.Context, c change.Change) (Intent, error)
}

// Intent is a change that was begun.
type Intent interface {
	// Settle records how the change ended. It is called once, also when the request was given up or panics; its context
	// does not end with the request. An error is logged and does not change the answer, because Keycloak has the change
	// already.
	Settle(ctx context.Context, c change.Change, err error) error
	// Withdraw says that the change was refused before it was begun, by a check that ran beside Intend. Nothing of the
	// change is kept. It is called instead of Settle, and its context does not end with the request.
	Withdraw(ctx context.Context, c change.Change) error
}

// Unrecorded is a Recorder that keeps nothing.
type Unrecorded struct{}

// Intend implements Recorder.
func (Unrecorded) Intend(context.Context, change.Change) (Intent, error) { return Unrecorded{}, nil }

// Settle implements Intent.
func (Unrecorded) Settle(context.Context, change.Change, error) error { return nil }

// Withdraw implements Intent.
func (Unrecorded) Withdraw(context.Context, change.Change) error { return nil }
