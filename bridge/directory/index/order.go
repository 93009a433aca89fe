package index

import (
	"slices"

	"github.com/bits-and-blooms/bitset"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// order holds all rows in an order, ascending. The zero order is by id.
type order struct {
	sort filter.Sort
	rows []uint32
}

// placer computes the positions of rows.
type placer struct {
	t       *Table
	sort    filter.Sort
	sorter  *filter.Sorter
	values  func(row uint32) cell // nil when no resource has the attribute
	primary func(row uint32) cell // primary of a multi-valued attribute; nil when no resource has it
}

func (t *Table) placer(s filter.Sort) *placer {
	p := &placer{t: t, sort: s, sorter: s.Sorter()}
	if s.Path.Attr == nil {
		return p
	}
	p.values = t.cells(nameOf(s.Path))
	switch {
	case s.Path.Open:
		p.primary = t.cells(openName(s.Path.URN, s.Path.Name, scim.AttrPrimary, filter.KindBoolean))
	case s.Path.Attr.Sub(scim.AttrPrimary) != nil:
		p.primary = t.cells(name{urn: s.Path.URN, attr: s.Path.Name, sub: scim.AttrPrimary})
	}
	return p
}

// position returns the position of a row, by the rules of filter.Sort.Value.
func (p *placer) position(row uint32) filter.Position {
	id := p.t.id(row)
	if p.values == nil {
		return filter.Position{ID: id}
	}
	element := 0
	if p.primary != nil {
		for i, key := range p.primary(row).keys() {
			if key == "true" {
				element = i
				break
			}
		}
	}
	for i, key := range p.values(row).keys() {
		if i == element {
			return p.sort.Keyed(id, key, key != noKey)
		}
	}
	return filter.Position{ID: id}
}

func (p *placer) place(row uint32) filter.Placed { return p.sorter.Place(p.position(row)) }

// search returns the place of a position among the rows, or the place where it would be.
func (o *order) search(t *Table, at filter.Placed) (i int, found bool) {
	p := t.placer(o.sort)
	return slices.BinarySearchFunc(o.rows, at, func(row uint32, at filter.Placed) int { return p.place(row).Compare(at) })
}

// remove removes rows.
func (o *order) remove(rows []uint32) {
	if len(rows) == 0 {
		return
	}
	gone := setOf(rows)
	o.rows = slices.DeleteFunc(o.rows, func(row uint32) bool { return gone.Test(uint(row)) })
}

func setOf(rows []uint32) *bitset.BitSet {
	out := &bitset.BitSet{}
	for _, row := range rows {
		out.Set(uint(row))
	}
	return out
}

// update moves rows to their present places. The rows may be in the order already.
func (o *order) update(t *Table, rows []uint32) {
	if len(rows) == 0 {
		return
	}
	o.remove(rows)
	p := t.placer(o.sort)
	placed := make([]filter.Placed, len(rows))
	where := make([]int, len(rows)) // by rank
	byPlace := make([]int, len(rows))
	for i, row := range rows {
		placed[i], byPlace[i] = p.place(row), i
	}
	slices.SortFunc(byPlace, func(a, b int) int { return placed[a].Compare(placed[b]) })
	for rank, i := range byPlace {
		where[rank], _ = o.search(t, placed[i])
	}
	out := slices.Grow(o.rows, len(rows))[:len(o.rows)+len(rows)]
	end := len(o.rows) // end of the rows that are still to be moved
	for rank, i := range slices.Backward(byPlace) {
		at := where[rank]
		copy(out[at+rank+1:], out[at:end])
		out[at+rank], end = rows[i], at
	}
	o.rows = out
}

// maxOrders limits the orders that a table keeps.
const maxOrders = 8

// order returns the order of a Sort, ascending. It makes the order when the table does not have it.
func (t *Table) order(s filter.Sort) *order {
	s.Descending = false
	if s.Path.Attr == nil {
		return t.byID
	}
	i := slices.IndexFunc(t.orders, func(o *order) bool { return nameOf(o.sort.Path) == nameOf(s.Path) })
	if i >= 0 {
		return t.orders[i]
	}
	p := t.placer(s)
	placed := make([]filter.Placed, len(t.byID.rows))
	ranks := make([]uint32, len(t.byID.rows))
	for i, row := range t.byID.rows {
		placed[i], ranks[i] = p.place(row), uint32(i)
	}
	slices.SortFunc(ranks, func(a, b uint32) int { return placed[a].Compare(placed[b]) })
	for i, rank := range ranks {
		ranks[i] = t.byID.rows[rank]
	}
	o := &order{sort: s, rows: ranks}
	if len(t.orders) == maxOrders {
		t.orders = t.orders[1:]
	}
	t.orders = append(t.orders, o)
	return o
}
