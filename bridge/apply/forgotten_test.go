package apply

import "testing"

// TestALockThatNobodyHoldsIsForgotten: otherwise the bridge would keep a lock for each resource and
// value that was ever written.
func TestALockThatNobodyHoldsIsForgotten(t *testing.T) {
	t.Parallel()
	locks := &Locks{}
	for range 2 {
		one, err := locks.Lock(t.Context(), Key{Name: "a"}, Key{Name: "b", Shared: true})
		if err != nil {
			t.Fatal(err)
		}
		two, err := locks.Lock(t.Context(), Key{Name: "b", Shared: true})
		if err != nil {
			t.Fatal(err)
		}
		one.Release()
		if len(locks.held) != 1 {
			t.Errorf("%d locks are remembered, want the one that is held", len(locks.held))
		}
		two.Release()
		if len(locks.held) != 0 {
			t.Errorf("%d locks are remembered that nobody holds", len(locks.held))
		}
	}
}
