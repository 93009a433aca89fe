package index

import (
	"slices"
	"sync"

	"github.com/bits-and-blooms/bitset"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// Table holds the comparison keys of resources of one type. It is safe for concurrent use.
type Table struct {
	rt   *scim.ResourceType
	base string // URL of the service root, with which a resource's location begins

	mu      sync.RWMutex
	ids     *column
	free    []uint32 // rows without a resource
	columns map[name]*column
	open    *open
	byID    *order
	orders  []*order       // other orders that queries used; the last used is last
	marks   *bitset.BitSet // by row
	// versions are those of the documents, by row; 0 when a version is not known.
	versions []uint64
	changes  int // how often resources were put or deleted
	counted  shared
}

// name names an attribute or a sub-attribute.
type name struct {
	urn, attr, sub string

	open bool        // no schema describes the attribute
	kind filter.Kind // the kind of an open attribute
}

func nameOf(p scim.AttrPath) name {
	if p.Open {
		return openName(p.URN, p.Name, p.Sub, kindOf(p.Leaf()))
	}
	return name{urn: p.URN, attr: p.Name, sub: p.Sub}
}

// New makes an empty table; base is the URL of the service root.
func New(rt *scim.ResourceType, base string) *Table {
	return &Table{rt: rt, base: base, ids: newColumn(), columns: map[name]*column{}, open: newOpen(), byID: &order{}, marks: &bitset.BitSet{}, changes: 1}
}

// Resource is the part of a resource that a Table stores: its object from scim.ResourceType.Object.
type Resource struct {
	ID     string
	Object map[string]any
	Mark   bool // see Marked
	// Version tells documents apart that the keys do not tell apart, such as by the case of letters; 0 for no version.
	Version uint64
}

// Len returns the number of resources in the table.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byID.rows)
}

// Bytes returns roughly how much memory the table takes.
func (t *Table) Bytes() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	const row, version = 4, 8
	n := t.ids.bytes() + t.open.column.bytes() + t.open.bytes + row*(cap(t.free)+cap(t.byID.rows)) + version*cap(t.versions)
	for _, c := range t.columns {
		n += c.bytes()
	}
	for _, o := range t.orders {
		n += row * cap(o.rows)
	}
	return n
}

// IDs returns the ids of all resources, in their order.
func (t *Table) IDs() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := make([]string, len(t.byID.rows))
	for i, row := range t.byID.rows {
		out[i] = t.id(row)
	}
	return out
}

// Changes counts the changes of the table.
func (t *Table) Changes() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.changes
}

// Has reports whether the table has a resource.
func (t *Table) Has(id string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, ok := t.find(id)
	return ok
}

// Put stores resources and replaces resources with the same ids. It reports whether this changed
// anything.
func (t *Table) Put(resources ...Resource) (changed bool) {
	changed, _ = t.Replace(resources...)
	return changed
}

// Replace is Put. It also returns the ids of the resources that are new or that differ from what the
// table had.
func (t *Table) Replace(resources ...Resource) (changed bool, differ []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes++
	var added, moved []uint32
	for _, r := range resources {
		row, isNew := t.take(r.ID, added)
		t.marks.SetTo(uint(row), r.Mark)
		differs := t.write(row, r.Object)
		if t.writeVersion(row, r.Version, differs) || isNew {
			differ = append(differ, r.ID)
		}
		switch {
		case isNew:
			added = append(added, row)
		case differs && !slices.Contains(added, row) && !slices.Contains(moved, row):
			moved = append(moved, row)
		}
	}
	t.byID.update(t, added)
	moved = append(moved, added...)
	for _, o := range t.orders {
		o.update(t, moved)
	}
	return len(moved) > 0, differ
}

// writeVersion stores a version, and reports whether the row had another. Without versions the keys
// decide.
func (t *Table) writeVersion(row uint32, version uint64, differs bool) bool {
	if n := int(row) + 1; n > len(t.versions) {
		t.versions = append(t.versions, make([]uint64, n-len(t.versions))...)
	}
	before := t.versions[row]
	t.versions[row] = version
	if before == 0 || version == 0 {
		return differs
	}
	return before != version
}

// take returns the row of an id, or a new row. added are rows that are in no order yet.
func (t *Table) take(id string, added []uint32) (row uint32, isNew bool) {
	if row, ok := t.find(id); ok {
		return row, false
	}
	for _, row := range added {
		if t.id(row) == id {
			return row, false
		}
	}
	if n := len(t.free); n > 0 {
		row, t.free = t.free[n-1], t.free[:n-1]
	} else {
		row = uint32(len(t.byID.rows) + len(added)) //nolint:gosec // each row takes some bytes of MaxBytes
	}
	t.ids.set(row, []byte(cellOf(id)))
	return row, true
}

// Delete removes resources, and reports whether any of them was in the table.
func (t *Table) Delete(ids ...string) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var gone []uint32
	for _, id := range ids {
		if row, ok := t.find(id); ok && !slices.Contains(gone, row) {
			gone = append(gone, row)
		}
	}
	if len(gone) == 0 {
		return false
	}
	t.byID.remove(gone)
	for _, o := range t.orders {
		o.remove(gone)
	}
	t.changes++
	for _, row := range gone {
		t.marks.Clear(uint(row))
		if int(row) < len(t.versions) {
			t.versions[row] = 0
		}
		t.ids.set(row, nil)
		for _, c := range t.columns {
			c.set(row, nil)
		}
		t.open.column.set(row, nil)
	}
	t.free = append(t.free, gone...)
	return true
}

func (t *Table) id(row uint32) string { return t.ids.at(row).first() }

func (t *Table) find(id string) (row uint32, ok bool) {
	i, ok := t.byID.search(t, filter.Placed{Position: filter.Position{ID: id}})
	if !ok {
		return 0, false
	}
	return t.byID.rows[i], true
}

// write stores the keys of an object, and reports whether the row had other keys.
func (t *Table) write(row uint32, object map[string]any) (changed bool) {
	var parts []part
	for key, value := range object {
		if a := t.rt.Attribute(key); a != nil {
			t.add("", a, value)
		} else if s := t.rt.Extension(key); s != nil {
			inner, _ := value.(map[string]any)
			for key, value := range inner {
				if a := s.Attribute(key); a != nil {
					t.add(s.ID, a, value)
				}
			}
		} else if inner, ok := value.(map[string]any); ok && t.rt.IsOpenExtension(key, value) {
			parts = t.open.extension(parts, key, inner)
		}
	}
	changed = t.open.flush(row, parts)
	for _, c := range t.columns {
		changed = c.flush(row) || changed
	}
	return changed
}

// add builds the cells of an attribute.
func (t *Table) add(urn string, a *scim.Attribute, value any) {
	for i, element := range filter.Elements(value) {
		object, isObject := element.(map[string]any)
		if !isObject {
			t.cell(name{urn: urn, attr: a.Name}, i, a, element)
			continue
		}
		for key, value := range object {
			if sub := a.Sub(key); sub != nil {
				t.cell(name{urn: urn, attr: a.Name, sub: sub.Name}, i, sub, filter.Elements(value)...)
			}
		}
	}
}

// noKey is the key of a value that equals nothing; no text has this key.
const noKey = "\xff"

func (t *Table) cell(n name, i int, leaf *scim.Attribute, values ...any) {
	if n.urn == "" && computed(n) {
		return
	}
	keys := make([]string, 0, len(values))
	for _, value := range values {
		key, ok := filter.Key(leaf, value)
		if !ok {
			key = noKey
		}
		keys = append(keys, key)
	}
	c := t.columns[n]
	if c == nil {
		c = newColumn()
		t.columns[n] = c
	}
	c.next.element(i, keys...)
}

// computed reports whether an attribute is computed from the id and the type.
func computed(n name) bool {
	return n.attr == scim.AttrID || n.attr == scim.AttrMeta && (n.sub == scim.AttrResourceType || n.sub == "location")
}

// cells returns the cells of an attribute by row; nil when no resource has the attribute.
func (t *Table) cells(n name) func(row uint32) cell {
	switch {
	case n.open:
		return t.open.cells(n)
	case n.urn == "" && n.attr == scim.AttrID:
		return t.ids.at
	case n.urn == "" && computed(n) && n.sub == scim.AttrResourceType:
		constant := cellOf(t.rt.Name)
		return func(uint32) cell { return constant }
	case n.urn == "" && computed(n):
		return func(row uint32) cell { return cellOf(t.rt.Location(t.base, t.id(row))) }
	}
	if c := t.columns[n]; c != nil {
		return c.at
	}
	return nil
}
