package filter

import (
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Lone finds a value that may be the one that […] asks for although it does not say so (the tolerance
// scim.LoneUntyped). The value lacks the Assumed sub-attributes, matches the Rest, and no other value of the attribute
// has an Assumed sub-attribute as asked. When several values qualify, the primary one is meant; without a primary one,
// no value is meant.
type Lone struct {
	Path    scim.AttrPath
	Assumed []*Compare // with eq, each on a sub-attribute that the value lacks
	Rest    []*Compare // other terms of the same […], which the value matches
}

func (*Lone) isExpr() {}

// write prints the assumed terms and the rest, because the filter language has no word for Lone.
func (e *Lone) write(b *strings.Builder, within precedence) {
	var terms []Expr
	for _, term := range slices.Concat(e.Assumed, e.Rest) {
		terms = append(terms, term)
	}
	(&ValuePath{Path: e.Path, Filter: &And{Terms: terms}}).write(b, within)
}

// work is the type of the one value that identity providers address.
const work = "work"

// takesLone reports whether identity providers address the work or primary value of an attribute, without regard to
// what another client stored there.
func takesLone(p scim.AttrPath) bool {
	return p.URN == "" && p.Sub == "" && slices.Contains([]string{scim.AttrEmails, scim.AttrPhoneNumbers, scim.AttrAddresses}, p.Name)
}

// assumable reports whether a value that lacks the sub-attribute of a term may still be the value that is meant.
func assumable(term *Compare) bool {
	text, _ := term.Value.(string)
	return term.Path.Name == scim.AttrType && strings.EqualFold(text, work) || term.Path.Name == scim.AttrPrimary && term.Value == any(true)
}

// Lones are the ways to read a value as the one that the filter in […] describes, although the value does not say so.
// The way that assumes least is first. The list is empty unless the filter asks for the work or the primary value by
// plain eq terms.
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

// conjunction are the terms of a filter that only compares sub-attributes with eq, joined by "and".
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

// Choose finds which of count values is meant. place is -1 when no value is meant; several is true when more than one
// could be meant. The functions describe the value at a place.
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

// Find is Choose for the values of a document.
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

// Loosen is a filter that also matches the values that Lones accept for each […]. ok is false when there are no Lones.
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
