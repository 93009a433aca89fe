package index

import (
	"hash/maphash"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// Marked returns the ids of the marked resources that match a filter. The cost grows with the
// number of marked resources.
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

// Marks returns the number of marked resources.
func (t *Table) Marks() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return int(t.marks.Count())
}

// shared is a result of Shared, and the change of the table for which it is valid.
type shared struct{ changes, count int }

// Shared returns the number of resources whose value of an attribute another resource has too. It
// counts again after changes of the table, which takes some milliseconds for 100,000 resources.
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
