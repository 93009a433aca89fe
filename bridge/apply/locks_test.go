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
				lease, err := l.Lock(t.Context(), apply.Key{Name: key})
				if err != nil {
					t.Error(err)
					return
				}
				*n++ // the race detector reports two holders
				lease.Release()
			})
		}
	}
	wg.Wait()
	if a != 200 || b != 200 {
		t.Errorf("counts = %d and %d, want 200 each", a, b)
	}
}

// TestWaitingForALockEndsWithTheContext, and then no key of that request is held.
func TestWaitingForALockEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l apply.Locks
		b, err := l.Lock(t.Context(), apply.Key{Name: "b"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error)
		go func() {
			_, err := l.Lock(ctx, apply.Key{Name: "a"}, apply.Key{Name: "b"})
			result <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("Lock = %v, want context.Canceled", err)
		}
		for _, name := range []string{"a", "b"} {
			if name == "b" {
				b.Release()
			}
			lease, err := l.Lock(t.Context(), apply.Key{Name: name})
			if err != nil {
				t.Fatalf("the lock %s is not free after a waiter gave up: %v", name, err)
			}
			lease.Release()
		}
	})
}

// TestASharedLockKeepsOutAnExclusiveLock, and waits behind an earlier request for the exclusive
// lock.
func TestASharedLockKeepsOutAnExclusiveLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l apply.Locks
		var got []string
		take := func(name string, shared bool) (release chan struct{}) {
			release = make(chan struct{})
			go func() {
				lease, err := l.Lock(t.Context(), apply.Key{Name: "a", Shared: shared})
				if err != nil {
					t.Error(err)
					return
				}
				got = append(got, name) // nothing else runs: all others wait, see synctest
				<-release
				lease.Release()
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
		first, second := take("first", true), take("second", true)
		want("first", "second")
		alone := take("alone", false)
		third := take("third", true)
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

// TestManyShareALock: any number of holders share a lock, and no sharer holds it together with an
// exclusive holder. The race detector checks this.
func TestManyShareALock(t *testing.T) {
	t.Parallel()
	var l apply.Locks
	var n int
	var wg sync.WaitGroup
	for i := range 400 {
		wg.Go(func() {
			lease, err := l.Lock(t.Context(), apply.Key{Name: "a", Shared: i%10 != 0})
			if err != nil {
				t.Error(err)
				return
			}
			if i%10 == 0 {
				n++
			} else if n > 400/10 {
				t.Errorf("%d held the lock exclusively at once", n)
			}
			lease.Release()
		})
	}
	wg.Wait()
	if n != 400/10 {
		t.Errorf("%d had the lock alone, want %d", n, 400/10)
	}
}
