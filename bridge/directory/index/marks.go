package index

import (
	"hash/maphash"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// Marked are the ids of the marked resources that match a filter. It costs the more the more are
// marked, and next to nothing when none is.
func (t *Table) Marked(e filter.Expr) []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.marks.None() {
		return nil
	}
	matches := t.compile(e, nil)
	var out []string
	for row := range t.marks.EachSet() {
		if row := uint32(row); matches(row, all) { //nolint:gosec // a row
			out = append(out, t.id(row))
		}
	}
	return out
}

// Marks is how many resources are marked.
func (t *Table) Marks() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return int(t.marks.Count())
}

// shared is a count of Shared, and the change of the table for which it holds.
type shared struct{ changes, count int }

// Shared is how many resources have a value of an attribute that another one has too. It is
// counted again after changes of the table, which takes some milliseconds for 100,000 resources.
func (t *Table) Shared(p scim.AttrPath) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counted.changes == t.changes {
		return t.counted.count
	}
	t.counted = shared{t.changes, t.share(p)}
	return t.counted.count
}

// share compares the values by their hashes, so that it takes little memory.
func (t *Table) share(p scim.AttrPath) int {
	cells := t.cells(nameOf(p))
	if cells == nil {
		return 0
	}
	seed, hashes := maphash.MakeSeed(), make([]uint64, 0, len(t.byID.rows))
	for _, row := range t.byID.rows {
		for _, key := range cells(row).keys() {
			hashes = append(hashes, maphash.String(seed, key))
		}
	}
	slices.Sort(hashes)
	n := 0
	for i, h := range hashes {
		if i > 0 && hashes[i-1] == h || i+1 < len(hashes) && hashes[i+1] == h {
			n++
		}
	}
	return n
}
