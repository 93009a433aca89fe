package filter

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Lone matches where one value of a multi-valued attribute does not say whether it is the one that
// […] asks for, and no other value says that it is: it matches the rest of the filter, and alone
// lacks what is assumed of it (the tolerance scim.LoneUntyped). Where several do, the primary one
// of them is meant; without one none is.
type Lone struct {
	Path    scim.AttrPath
	Assumed []*Compare // with eq, each of a sub-attribute that the value lacks
	Rest    []*Compare // of the same […], which the value matches
}

func (*Lone) isExpr() {}

// write has no word of its own in the language; it is what is assumed, with the rest.
func (e *Lone) write(b *strings.Builder, within precedence) {
	var terms []Expr
	for _, term := range slices.Concat(e.Assumed, e.Rest) {
		terms = append(terms, term)
	}
	(&ValuePath{Path: e.Path, Filter: &And{Terms: terms}}).write(b, within)
}

// work is the type of the value that identity providers know one of.
const work = "work"

// takesLone reports whether an attribute is one of those of which identity providers name the
// work value or the primary one, whatever the client before them said of it.
func takesLone(p scim.AttrPath) bool {
	return p.URN == "" && p.Sub == "" && slices.Contains([]string{scim.AttrEmails, scim.AttrPhoneNumbers, scim.AttrAddresses}, p.Name)
}

// assumable reports whether a term is one that a value may fulfil without saying so.
func assumable(term *Compare) bool {
	text, _ := term.Value.(string)
	return term.Path.Name == scim.AttrType && strings.EqualFold(text, work) || term.Path.Name == scim.AttrPrimary && term.Value == any(true)
}

// Lones are the ways to take a value for the one that the filter in […] describes though it does
// not say so, the one that assumes least first. There are none for an attribute or a filter that
// is not about the work or the primary value, by plain eq terms.
func Lones(path scim.AttrPath, e Expr) []*Lone {
	terms, ok := conjunction(e)
	if !ok || !takesLone(path) {
		return nil
	}
	var names []string
	for _, term := range terms {
		if assumable(term) && !slices.Contains(names, term.Path.Name) {
			names = append(names, term.Path.Name)
		}
	}
	var out []*Lone
	for _, name := range names {
		out = append(out, newLone(path, terms, name))
	}
	if len(names) > 1 {
		out = append(out, newLone(path, terms, names...))
	}
	return out
}

// conjunction are the terms of a filter that says nothing but what sub-attributes equal.
func conjunction(e Expr) (terms []*Compare, ok bool) {
	switch e := e.(type) {
	case *And:
		for _, term := range e.Terms {
			inner, ok := conjunction(term)
			if !ok {
				return nil, false
			}
			terms = append(terms, inner...)
		}
		return terms, true
	case *Compare:
		return []*Compare{e}, e.Op == Eq && e.Value != nil && e.Path.Sub == ""
	}
	return nil, false
}

func newLone(path scim.AttrPath, terms []*Compare, names ...string) *Lone {
	l := &Lone{Path: path}
	for _, term := range terms {
		if slices.Contains(names, term.Path.Name) && assumable(term) {
			l.Assumed = append(l.Assumed, term)
		} else {
			l.Rest = append(l.Rest, term)
		}
	}
	return l
}

// Choose is the place of the value that is meant among so many, -1 for none; several says that
// more than one could be. matches, lacks and primary tell of the value at a place.
func (e *Lone) Choose(count int, matches, lacks func(i int, term *Compare) bool, primary func(i int) bool) (place int, several bool) {
	var found, first []int
	for i := range count {
		if slices.ContainsFunc(e.Assumed, func(c *Compare) bool { return matches(i, c) }) {
			return -1, false
		}
		unlike := func(c *Compare) bool { return !lacks(i, c) }
		unmatched := func(c *Compare) bool { return !matches(i, c) }
		if slices.ContainsFunc(e.Assumed, unlike) || slices.ContainsFunc(e.Rest, unmatched) {
			continue
		}
		if found = append(found, i); primary(i) {
			first = append(first, i)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], false
	case len(first) == 1:
		return first[0], false
	}
	return -1, len(found) > 1
}

// Find is Choose among the values of a document.
func (e *Lone) Find(elements []any) (place int, several bool) {
	return e.Choose(len(elements),
		func(i int, c *Compare) bool { return MatchElement(c, elements[i]) },
		func(i int, c *Compare) bool {
			object, _ := elements[i].(map[string]any)
			return object != nil && !present(Elements(object[c.Path.Name]))
		},
		func(i int) bool {
			object, _ := elements[i].(map[string]any)
			return object[scim.AttrPrimary] == true
		})
}

// Loosen is a filter that also matches the values that Lones take for those of each […]; ok is
// false when there are none.
func Loosen(e Expr) (loose Expr, ok bool) {
	switch e := e.(type) {
	case *And:
		terms, ok := loosenAll(e.Terms)
		return &And{Terms: terms}, ok
	case *Or:
		terms, ok := loosenAll(e.Terms)
		return &Or{Terms: terms}, ok
	case *Not:
		inner, ok := Loosen(e.Expr)
		return &Not{Expr: inner}, ok
	case *ValuePath:
		lones := Lones(e.Path, e.Filter)
		if len(lones) == 0 {
			return e, false
		}
		terms := []Expr{e}
		for _, l := range lones {
			terms = append(terms, l)
		}
		return &Or{Terms: terms}, true
	}
	return e, false
}

func loosenAll(terms []Expr) (out []Expr, loosened bool) {
	for _, term := range terms {
		loose, ok := Loosen(term)
		out, loosened = append(out, loose), loosened || ok
	}
	return out, loosened
}
