package index

import (
	"slices"

	"github.com/bits-and-blooms/bitset"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// Query asks for some of the resources that match a filter.
type Query struct {
	Filter filter.Expr // nil for all resources
	Sort   filter.Sort
	After  *filter.Position // begin after this position; nil: at the first
	Skip   int              // how many matching resources to skip
	Count  int              // the most resources to return
}

// Found holds the positions of resources in their order.
type Found struct {
	Page  []filter.Position
	Total int  // number of matching resources on all pages
	More  bool // whether more resources follow the page
}

// Find answers a query.
func (t *Table) Find(q Query) Found {
	rows := t.ordered(q.Sort)
	defer t.mu.RUnlock()
	matching, total := t.matching(q.Filter)
	p := t.placer(q.Sort)
	var at *filter.Placed
	if q.After != nil {
		at = new(p.sorter.Place(*q.After))
	}
	i, step := begin(p, rows, at, q.Sort.Descending)
	out := Found{Total: total}
	for skip := q.Skip; i >= 0 && i < len(rows); i += step {
		switch row := rows[i]; {
		case matching != nil && !matching.Test(uint(row)):
		case skip > 0:
			skip--
		case len(out.Page) == q.Count:
			out.More = true
			return out
		default:
			out.Page = append(out.Page, p.position(row))
		}
	}
	return out
}

// ordered returns the rows in an order. The table is locked for reading when ordered returns.
func (t *Table) ordered(s filter.Sort) []uint32 {
	t.mu.RLock()
	if s.Path.Attr == nil {
		return t.byID.rows
	}
	if i := slices.IndexFunc(t.orders, func(o *order) bool { return nameOf(o.sort.Path) == nameOf(s.Path) }); i >= 0 {
		return t.orders[i].rows
	}
	t.mu.RUnlock()
	t.mu.Lock()
	t.order(s)
	t.mu.Unlock()
	return t.ordered(s)
}

// begin returns the index of the first row after a position, and the step to the next row.
func begin(p *placer, rows []uint32, at *filter.Placed, descending bool) (i, step int) {
	step = 1
	if descending {
		i, step = len(rows)-1, -1
	}
	if at == nil {
		return i, step
	}
	i, found := slices.BinarySearchFunc(rows, *at, func(row uint32, at filter.Placed) int { return p.place(row).Compare(at) })
	switch {
	case descending:
		i--
	case found:
		i++
	}
	return i, step
}

// matching returns the rows that match, nil for all rows, and their number.
func (t *Table) matching(e filter.Expr) (*bitset.BitSet, int) {
	if e == nil {
		return nil, len(t.byID.rows)
	}
	matches := t.compile(e, nil)
	out, n := bitset.New(uint(len(t.ids.offsets))), 0
	for row, offset := range t.ids.offsets {
		if offset > 0 && matches(uint32(row), all) {
			out.Set(uint(row))
			n++
		}
	}
	return out, n
}
