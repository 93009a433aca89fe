package index

import (
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// all means all elements of an attribute.
const all = -1

// matcher decides about a row as filter.Match decides about the resource. With the number of an
// element of an attribute, it decides about that element.
type matcher func(row uint32, element int) bool

// compile turns a filter into a matcher. For a filter in the brackets of a value path, within is the
// attribute before the brackets; otherwise it is nil.
func (t *Table) compile(e filter.Expr, within *scim.AttrPath) matcher {
	switch e := e.(type) {
	case *filter.And:
		return first(t.compileAll(e.Terms, within), false)
	case *filter.Or:
		return first(t.compileAll(e.Terms, within), true)
	case *filter.Not:
		m := t.compile(e.Expr, within)
		return func(row uint32, i int) bool { return !m(row, i) }
	case *filter.Compare:
		return t.compare(e, within)
	case *filter.Present:
		return t.present(e.Path, within)
	case *filter.ValuePath:
		return t.valuePath(e)
	case *filter.Lone:
		return t.lone(e)
	case *filter.Constant:
		return constant(e.Value)
	}
	return constant(false)
}

func constant(value bool) matcher { return func(uint32, int) bool { return value } }

func (t *Table) compileAll(terms []filter.Expr, within *scim.AttrPath) []matcher {
	out := make([]matcher, len(terms))
	for i, term := range terms {
		out[i] = t.compile(term, within)
	}
	return out
}

// first returns the given outcome if any term has that outcome, otherwise the opposite.
func first(terms []matcher, outcome bool) matcher {
	return func(row uint32, i int) bool {
		for _, m := range terms {
			if m(row, i) == outcome {
				return outcome
			}
		}
		return !outcome
	}
}

// nameWithin returns the attribute of a path. Inside […] the path names a sub-attribute. A simple
// attribute has only a value.
func nameWithin(p scim.AttrPath, within *scim.AttrPath) name {
	switch {
	case within == nil:
		return nameOf(p)
	case within.Open:
		return openName(within.URN, within.Name, p.Name, kindOf(p.Attr))
	case within.Attr.Type == scim.TypeComplex:
		return name{urn: within.URN, attr: within.Name, sub: p.Name}
	}
	return nameOf(*within)
}

func (t *Table) compare(e *filter.Compare, within *scim.AttrPath) matcher {
	if e.Value == nil {
		m, wanted := t.present(e.Path, within), e.Op == filter.Ne
		return func(row uint32, i int) bool { return m(row, i) == wanted }
	}
	negated, op := e.Op == filter.Ne, e.Op
	if negated {
		op = filter.Eq
	}
	cells := t.cells(nameWithin(e.Path, within))
	want, ok := filter.Key(e.Path.Leaf(), e.Value)
	if cells == nil || !ok {
		return constant(negated)
	}
	return func(row uint32, i int) bool { return cells(row).holds(i, op, want) != negated }
}

// present matches rows where a path has a value, or any sub-attribute of a complex attribute has a
// value.
func (t *Table) present(p scim.AttrPath, within *scim.AttrPath) matcher {
	n := nameWithin(p, within)
	var parts []matcher
	for _, n := range t.parts(n, p.Leaf(), within == nil && p.Sub == "") {
		if cells := t.cells(n); cells != nil {
			parts = append(parts, func(row uint32, i int) bool { return cells(row).present(i) })
		}
	}
	return first(parts, true)
}

// parts returns the sub-attributes of a complex attribute, or the attribute itself when it is not
// complex. whole is true when the name is not a sub-attribute.
func (t *Table) parts(n name, a *scim.Attribute, whole bool) []name {
	if n.open {
		return t.open.parts(n, whole)
	}
	if a.Type != scim.TypeComplex {
		return []name{n}
	}
	out := make([]name, len(a.SubAttributes))
	for i, sub := range a.SubAttributes {
		out[i] = name{urn: n.urn, attr: n.attr, sub: sub.Name}
	}
	return out
}

func (t *Table) valuePath(e *filter.ValuePath) matcher {
	elements, m := t.elements(e.Path), t.compile(e.Filter, &e.Path)
	return func(row uint32, _ int) bool {
		for i := range elements(row) {
			if m(row, i) {
				return true
			}
		}
		return false
	}
}

// elements counts the elements of an attribute.
func (t *Table) elements(p scim.AttrPath) func(row uint32) int {
	var parts []func(row uint32) cell
	for _, n := range t.parts(nameOf(p), p.Attr, true) {
		if cells := t.cells(n); cells != nil {
			parts = append(parts, cells)
		}
	}
	return func(row uint32) int {
		elements := 0
		for _, cells := range parts {
			elements = max(elements, cells(row).elements())
		}
		return elements
	}
}

func (t *Table) lone(e *filter.Lone) matcher {
	elements, isPrimary := t.elements(e.Path), constant(false)
	fits, has := map[*filter.Compare]matcher{}, map[*filter.Compare]matcher{}
	for _, c := range slices.Concat(e.Assumed, e.Rest) {
		fits[c], has[c] = t.compare(c, &e.Path), t.present(c.Path, &e.Path)
	}
	if cells := t.cells(name{urn: e.Path.URN, attr: e.Path.Name, sub: scim.AttrPrimary}); cells != nil {
		key, _ := filter.Key(e.Path.Attr.Sub(scim.AttrPrimary), true)
		isPrimary = func(row uint32, i int) bool { return cells(row).holds(i, filter.Eq, key) }
	}
	return func(row uint32, _ int) bool {
		i, _ := e.Choose(elements(row),
			func(i int, c *filter.Compare) bool { return fits[c](row, i) },
			func(i int, c *filter.Compare) bool { return !has[c](row, i) },
			func(i int) bool { return isPrimary(row, i) })
		return i >= 0
	}
}
