package keycloaktest

import (
	"context"
	"errors"
	"time"
)

// awaitStart waits until a process is ready, at most a minute. done is closed when the process ends.
func awaitStart(ctx context.Context, done <-chan struct{}, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-done:
			return errors.New("it ended while starting")
		case <-tick.C:
			if ready(ctx) {
				return nil
			}
		}
	}
}
