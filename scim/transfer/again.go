package transfer

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

const (
	// tries is how often a request is sent that fails for a reason that may pass.
	tries = 8
	// longestWait is how long it waits for the next of them.
	longestWait = 30 * time.Second
)

// passes reports whether a status may be another one the next time; 0 is no answer.
func passes(status int) bool {
	return status == 0 || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// waitFor waits for the next try, from 1, of a request that failed: as long as the bridge asks for,
// longer each time. It returns the failure when there is none.
func waitFor(ctx context.Context, try int, failure error) error {
	if ctx.Err() != nil || try >= tries || !passes(client.StatusOf(failure)) {
		return failure
	}
	pause := time.Second << min(try-1, 4) //nolint:mnd // 16 s
	if e, ok := errors.AsType[*client.Error](failure); ok {
		pause = max(pause, e.RetryAfter)
	}
	timer := time.NewTimer(min(pause, longestWait))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return failure
	}
}
