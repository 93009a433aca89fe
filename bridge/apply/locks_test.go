package apply_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
)

func TestOneKeyHasOneHolder(t *testing.T) {
	t.Parallel()
	var l apply.Locks
	var a, b int
	var wg sync.WaitGroup
	for range 200 {
		for key, n := range map[string]*int{"a": &a, "b": &b} {
			wg.Go(func() {
				unlock, err := l.Lock(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				*n++ // the race detector sees two holders
				unlock()
			})
		}
	}
	wg.Wait()
	if a != 200 || b != 200 {
		t.Errorf("counts = %d and %d, want 200 each", a, b)
	}
}

func TestWaitingForALockEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l apply.Locks
		unlock, err := l.Lock(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error)
		go func() {
			_, err := l.Lock(ctx, "a")
			result <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("Lock = %v, want context.Canceled", err)
		}
		unlock()
		unlock, err = l.Lock(t.Context(), "a")
		if err != nil {
			t.Fatalf("the lock is lost after a waiter gave up: %v", err)
		}
		unlock()
	})
}
