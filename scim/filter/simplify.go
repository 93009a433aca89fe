package filter

import (
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Constant is a filter that every resource of a type matches, or that no resource matches.
type Constant struct{ Value bool }

func (*Constant) isExpr() {}

// write prints a comparison of the id, because the filter language has no word for Constant and every resource has an
// id.
func (e *Constant) write(b *strings.Builder, _ precedence) {
	if e.Value {
		b.WriteString("id pr")
	} else {
		b.WriteString("not (id pr)")
	}
}

// Simplify decides the terms that are the same for all resources of the type: terms about attributes that the type does
// not have, about meta.resourceType and about the base schema.
func Simplify(e Expr, rt *scim.ResourceType) Expr {
	switch e := e.(type) {
	case *And:
		return simplifyTerms(e.Terms, rt, true, func(terms []Expr) Expr { return &And{Terms: terms} })
	case *Or:
		return simplifyTerms(e.Terms, rt, false, func(terms []Expr) Expr { return &Or{Terms: terms} })
	case *Not:
		inner := Simplify(e.Expr, rt)
		if c, ok := inner.(*Constant); ok {
			return &Constant{Value: !c.Value}
		}
		return &Not{Expr: inner}
	case *Compare:
		return e.simplify(rt)
	case *Present:
		if e.Path.Attr == nil {
			return &Constant{}
		}
	case *ValuePath:
		if e.Path.Attr == nil {
			return &Constant{}
		}
	}
	return e
}

// simplifyTerms drops the terms that change nothing: true in an "and", false in an "or". A term of the opposite value
// decides the whole.
func simplifyTerms(terms []Expr, rt *scim.ResourceType, neutral bool, join func([]Expr) Expr) Expr {
	var kept []Expr
	for _, term := range terms {
		term = Simplify(term, rt)
		c, ok := term.(*Constant)
		switch {
		case !ok:
			kept = append(kept, term)
		case c.Value != neutral:
			return c
		}
	}
	switch len(kept) {
	case 0:
		return &Constant{Value: neutral}
	case 1:
		return kept[0]
	}
	return join(kept)
}

func (e *Compare) simplify(rt *scim.ResourceType) Expr {
	switch {
	case e.Path.Attr == nil:
		return &Constant{Value: e.match(nil)}
	case e.Path.URN != "":
	case e.Path.Name == scim.AttrMeta && e.Path.Sub == scim.AttrResourceType:
		return &Constant{Value: e.match([]any{rt.Name})}
	case e.Path.Name == scim.AttrSchemas && e.Op == Eq && e.Value == any(rt.Schema.ID):
		return &Constant{Value: true}
	}
	return e
}
