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
	// longestWait is the longest wait before the next try.
	longestWait = 30 * time.Second
)

// passes reports whether a status may be different at the next try; 0 means no answer.
func passes(status int) bool {
	return status == 0 || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// waitFor waits before the next try of a failed request; the first try is 1. It waits as long as the bridge asks for,
// and longer with each try. After the last try it returns the failure.
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
