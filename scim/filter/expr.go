package filter

import (
	"encoding/json"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Expr is a filter: *And, *Or, *Not, *Compare, *Present or *ValuePath. Simplify also makes *Constant, and Loosen makes
// *Lone.
type Expr interface {
	isExpr()
	write(b *strings.Builder, within precedence)
}

// And matches when all terms do; it has two or more.
type And struct{ Terms []Expr }

// Or matches when one term does; it has two or more.
type Or struct{ Terms []Expr }

// Not matches when its expression does not.
type Not struct{ Expr Expr }

// Compare is "path op value". Value is a string, a bool, a json.Number, or nil for null. It has the type that the
// schemas give the attribute.
type Compare struct {
	Path  scim.AttrPath
	Op    Op
	Value any

	// key is the Key of Value when keyed is true. It is computed once for comparisons with many values, because the
	// text of a filter may be long.
	key   string
	keyed bool
}

// Present is "path pr".
type Present struct{ Path scim.AttrPath }

// ValuePath is "path[filter]": one and the same value must match the whole filter. Paths inside are relative: their
// Name is the name of the sub-attribute, their Attr its definition.
type ValuePath struct {
	Path   scim.AttrPath
	Filter Expr
}

func (*And) isExpr()       {}
func (*Or) isExpr()        {}
func (*Not) isExpr()       {}
func (*Compare) isExpr()   {}
func (*Present) isExpr()   {}
func (*ValuePath) isExpr() {}

// Op is a comparison operator (RFC 7644 table 3).
type Op string

// The comparison operators of RFC 7644 table 3; "pr" is Present.
const (
	Eq Op = "eq"
	Ne Op = "ne"
	Co Op = "co"
	Sw Op = "sw"
	Ew Op = "ew"
	Gt Op = "gt"
	Ge Op = "ge"
	Lt Op = "lt"
	Le Op = "le"
)

func operator(word string) (Op, bool) {
	op := Op(strings.ToLower(word))
	switch op {
	case Eq, Ne, Co, Sw, Ew, Gt, Ge, Lt, Le:
		return op, true
	}
	return "", false
}

// precedence says how tightly an expression binds, loosest first.
type precedence int

const (
	looseOr precedence = iota
	looseAnd
	tight
)

// String writes an expression so that it parses to the same tree again. The text has values that the client sent: never
// log it.
func String(e Expr) string {
	var b strings.Builder
	e.write(&b, looseOr)
	return b.String()
}

func (e *And) write(b *strings.Builder, within precedence) {
	writeTerms(b, e.Terms, " and ", within > looseAnd, tight)
}

func (e *Or) write(b *strings.Builder, within precedence) {
	writeTerms(b, e.Terms, " or ", within > looseOr, looseAnd+1)
}

func writeTerms(b *strings.Builder, terms []Expr, word string, parens bool, inner precedence) {
	if parens {
		b.WriteByte('(')
	}
	for i, term := range terms {
		if i > 0 {
			b.WriteString(word)
		}
		term.write(b, inner)
	}
	if parens {
		b.WriteByte(')')
	}
}

func (e *Not) write(b *strings.Builder, _ precedence) {
	b.WriteString("not (")
	e.Expr.write(b, looseOr)
	b.WriteByte(')')
}

func (e *Compare) write(b *strings.Builder, _ precedence) {
	b.WriteString(e.Path.String() + " " + string(e.Op) + " ")
	switch v := e.Value.(type) {
	case json.Number:
		b.WriteString(v.String())
	default:
		data, _ := scim.Encode(v) // a string, a bool or nil always encodes
		b.Write(data)
	}
}

func (e *Present) write(b *strings.Builder, _ precedence) { b.WriteString(e.Path.String() + " pr") }

func (e *ValuePath) write(b *strings.Builder, _ precedence) {
	b.WriteString(e.Path.String() + "[")
	e.Filter.write(b, looseOr)
	b.WriteByte(']')
}

// MapText is a copy of the expression in which change has replaced every text.
func MapText(e Expr, change func(string) string) Expr {
	switch e := e.(type) {
	case *And:
		return &And{Terms: mapAll(e.Terms, change)}
	case *Or:
		return &Or{Terms: mapAll(e.Terms, change)}
	case *Not:
		return &Not{Expr: MapText(e.Expr, change)}
	case *ValuePath:
		return &ValuePath{Path: e.Path, Filter: MapText(e.Filter, change)}
	case *Compare:
		if text, ok := e.Value.(string); ok {
			return (&Compare{Path: e.Path, Op: e.Op, Value: change(text)}).withKey()
		}
	}
	return e
}

func mapAll(terms []Expr, change func(string) string) []Expr {
	out := make([]Expr, len(terms))
	for i, term := range terms {
		out[i] = MapText(term, change)
	}
	return out
}

// Terms counts the comparisons of an expression. Each is made for every value that the expression is matched against.
func Terms(e Expr) int {
	switch e := e.(type) {
	case *And:
		return termsOf(e.Terms)
	case *Or:
		return termsOf(e.Terms)
	case *Not:
		return Terms(e.Expr)
	case *ValuePath:
		return Terms(e.Filter)
	case *Lone:
		return len(e.Assumed) + len(e.Rest)
	}
	return 1
}

func termsOf(exprs []Expr) int {
	n := 0
	for _, e := range exprs {
		n += Terms(e)
	}
	return n
}

// EqualTerms are the sub-attributes and values of a filter that consists of plain "eq" terms joined by "and". ok is
// false for any other filter. They describe the value that a PATCH operation creates when no value matches its path.
func EqualTerms(e Expr) (terms map[string]any, ok bool) {
	terms = map[string]any{}
	return terms, equalTerms(e, terms)
}

func equalTerms(e Expr, terms map[string]any) bool {
	switch e := e.(type) {
	case *And:
		for _, term := range e.Terms {
			if !equalTerms(term, terms) {
				return false
			}
		}
		return true
	case *Compare:
		if e.Op != Eq || e.Value == nil || e.Path.Sub != "" {
			return false
		}
		terms[e.Path.Name] = e.Value
		return true
	}
	return false
}
