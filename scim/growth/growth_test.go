package growth_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/growth"
)

func texts(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%08d", i)
	}
	return out
}

// TestSuperlinear distinguishes a set from a list that is read for each of its elements.
func TestSuperlinear(t *testing.T) {
	for name, c := range map[string]struct {
		work   func([]string)
		linear bool
	}{
		"a set": {func(list []string) {
			seen := map[string]bool{}
			for _, text := range list {
				seen[text] = true
			}
		}, true},
		"sorting": {func(list []string) { slices.Sort(list) }, true},
		"a list": {func(list []string) {
			var seen []string
			for _, text := range list {
				if !slices.Contains(seen, text) {
					seen = append(seen, text)
				}
			}
		}, false},
	} {
		grew := growth.Superlinear(3000, growth.Enough, func(n int) func() {
			list := texts(n)
			return func() { c.work(list) }
		})
		if (grew == "") != c.linear {
			t.Errorf("%s: %q", name, grew)
		}
	}
}

func TestAllocated(t *testing.T) {
	var kept [][]byte
	got := growth.Allocated(func() {
		for range 100 {
			kept = append(kept, make([]byte, 10_000))
		}
	})
	if got < 1_000_000 || got > 2_000_000 || len(kept) != 100 {
		t.Errorf("100 times 10 kB are %d bytes", got)
	}
}
