package sqlstore

import (
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store/seal"
)

// TestWhatAChangeCosts: allocations, memory and bytes of the file for changes of two kilobytes by sixteen writers, with
// their requests. No other test runs meanwhile.
func TestWhatAChangeCosts(t *testing.T) { //nolint:paralleltest // it counts the allocations of the process
	const (
		changes, writers = 1000, 16
		mostAllocations  = 650        // for each change; about 410 were measured, and more with the race detector
		mostBytes        = 3 << 10    // of the file, for each change
		mostHeap         = 25_000_000 // bytes after a garbage collection
	)
	s := open(t, filepath.Join(t.TempDir(), "store.db"), ring(t, seal.NewKey()))
	work := make(chan int)
	write := func() {
		for n := range work {
			c := twoKilobytes(n)
			if err := s.Intend(t.Context(), c); err != nil {
				t.Error(err)
			}
			c.Outcome = change.Done
			if err := s.Settle(t.Context(), c); err != nil {
				t.Error(err)
			}
			s.Act(succeeded(c))
		}
	}
	heapBefore := heap()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	for range writers {
		all.Go(write)
	}
	for n := range changes {
		work <- n
	}
	close(work)
	all.Wait()
	flushed(t, s)
	runtime.ReadMemStats(&after)
	if got := (after.Mallocs - before.Mallocs) / changes; got > mostAllocations {
		t.Errorf("a change takes %d allocations, want at most %d", got, mostAllocations)
	} else {
		t.Logf("%d allocations a change", got)
	}
	if got := heap() - heapBefore; got > mostHeap {
		t.Errorf("the heap is %d bytes larger afterwards, want at most %d", got, mostHeap)
	}
	size, err := s.size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := size / changes; got > mostBytes {
		t.Errorf("a change takes %d bytes of the file, want at most %d", got, mostBytes)
	}
}
