package apply_test

import (
	"context"
	"errors"
	"slices"
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

// TestWhoSharesALockKeepsOutWhoWantsItAlone, and comes behind who waits for that.
func TestWhoSharesALockKeepsOutWhoWantsItAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l apply.Locks
		var got []string
		take := func(name string, lock func(context.Context, string) (func(), error)) (release chan struct{}) {
			release = make(chan struct{})
			go func() {
				unlock, err := lock(t.Context(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				got = append(got, name) // nobody else runs: all wait, see synctest
				<-release
				unlock()
			}()
			synctest.Wait()
			return release
		}
		want := func(names ...string) {
			t.Helper()
			if !slices.Equal(got, names) {
				t.Errorf("the lock has or had %q, want %q", got, names)
			}
		}
		first, second := take("first", l.Share), take("second", l.Share)
		want("first", "second")
		alone := take("alone", l.Lock)
		third := take("third", l.Share)
		close(first)
		synctest.Wait()
		want("first", "second")
		close(second)
		synctest.Wait()
		want("first", "second", "alone")
		close(alone)
		synctest.Wait()
		want("first", "second", "alone", "third")
		close(third)
	})
}

// TestManyShareALock: any number of holders share a lock, and nobody shares it with one who holds it exclusively. The race detector looks.
func TestManyShareALock(t *testing.T) {
	t.Parallel()
	var l apply.Locks
	var n int
	var wg sync.WaitGroup
	for i := range 400 {
		lock := l.Share
		if i%10 == 0 {
			lock = l.Lock
		}
		wg.Go(func() {
			unlock, err := lock(t.Context(), "a")
			if err != nil {
				t.Error(err)
				return
			}
			if i%10 == 0 {
				n++
			} else if n > 400/10 {
				t.Errorf("%d held the lock exclusively at once", n)
			}
			unlock()
		})
	}
	wg.Wait()
	if n != 400/10 {
		t.Errorf("%d had the lock alone, want %d", n, 400/10)
	}
}
