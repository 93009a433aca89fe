package directory

import (
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// term is "path eq text".
type term struct {
	path scim.AttrPath
	text string
}

// ranking orders the paths that Keycloak can find exactly; the cheapest path has the lowest rank.
// ok is false for other paths.
type ranking func(scim.AttrPath) (rank int, ok bool)

// lookups returns terms that together find every resource that the filter can match; ok is false
// when there are no such terms. outer is the attribute whose […] contains the filter.
func (r ranking) lookups(e filter.Expr, outer scim.AttrPath) (terms []term, ok bool) {
	switch e := e.(type) {
	case *filter.Compare:
		text, isText := e.Value.(string)
		path := absolute(outer, e.Path)
		_, found := r(path)
		return []term{{path: path, text: text}}, found && isText && text != "" && e.Op == filter.Eq
	case *filter.ValuePath:
		return r.lookups(e.Filter, e.Path)
	case *filter.Lone:
		rest := make([]filter.Expr, len(e.Rest))
		for i, term := range e.Rest {
			rest[i] = term
		}
		return r.cheapest(rest, e.Path)
	case *filter.And:
		return r.cheapest(e.Terms, outer)
	case *filter.Or:
		return r.union(e.Terms, outer)
	default:
		return nil, false
	}
}

// absolute turns a path inside attr[…] into a path from the resource.
func absolute(outer, p scim.AttrPath) scim.AttrPath {
	if outer.Name == "" {
		return p
	}
	return scim.AttrPath{URN: outer.URN, Name: outer.Name, Sub: p.Name, Attr: outer.Attr, SubAttr: p.Attr}
}

// cheapest chooses a term of an "and". Each of them finds all matches.
func (r ranking) cheapest(exprs []filter.Expr, outer scim.AttrPath) (chosen []term, ok bool) {
	for _, e := range exprs {
		terms, found := r.lookups(e, outer)
		if found && (!ok || r.cost(terms) < r.cost(chosen)) {
			chosen, ok = terms, true
		}
	}
	return chosen, ok
}

func (r ranking) cost(terms []term) int {
	sum := 0
	for _, t := range terms {
		rank, _ := r(t.path)
		sum += 1 + rank
	}
	return sum
}

func (r ranking) union(exprs []filter.Expr, outer scim.AttrPath) (all []term, ok bool) {
	for _, e := range exprs {
		terms, found := r.lookups(e, outer)
		if !found {
			return nil, false
		}
		all = append(all, terms...)
	}
	return all, true
}

// mentions counts the terms of a filter that name an attribute of the base schema.
func mentions(e filter.Expr, name string) int {
	switch e := e.(type) {
	case *filter.Compare:
		return count(e.Path, name)
	case *filter.Present:
		return count(e.Path, name)
	case *filter.ValuePath:
		n := count(e.Path, name)
		if n > 0 { // terms that no look-up checks count separately
			n += mentions(e.Filter, scim.AttrDisplay) + mentions(e.Filter, scim.AttrRef)
		}
		return n
	case *filter.Not:
		return mentions(e.Expr, name)
	case *filter.And:
		return sum(e.Terms, name)
	case *filter.Or:
		return sum(e.Terms, name)
	}
	return 0
}

func count(p scim.AttrPath, name string) int {
	if p.URN == "" && p.Name == name {
		return 1
	}
	return 0
}

func sum(exprs []filter.Expr, name string) int {
	n := 0
	for _, e := range exprs {
		n += mentions(e, name)
	}
	return n
}
