package sqlstore

import (
	"path/filepath"
	"runtime"
	"testing"

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
	heapBefore := heap()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	write(t, s, changes, writers)
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
