package filter

import (
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Parse reads a filter on resources of the type. It returns a *scim.Error with InvalidFilter for a malformed filter, an
// unknown attribute, and an operator that the attribute's type does not have.
func Parse(text string, rt *scim.ResourceType) (Expr, error) {
	return parse(text, newParser(text, rt))
}

// ParseAtRoot reads a filter of a query at the service root, for resources of one type. An attribute that the type does
// not have is unassigned (RFC 7644 section 3.4.2.1), and its path has no Attr.
func ParseAtRoot(text string, rt *scim.ResourceType) (Expr, error) {
	p := newParser(text, rt)
	p.atRoot = true
	return parse(text, p)
}

func parse(text string, p *parser) (Expr, error) {
	if err := checkBounds(text, scim.InvalidFilter); err != nil {
		return nil, err
	}
	p.advance()
	e, err := p.or()
	if err == nil && p.tok.kind != tokenEnd {
		err = p.expected(`"and", "or" or the end of the filter`)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// parser reads one filter by recursive descent, bounded in depth and terms.
type parser struct {
	lex     lexer
	tok     token
	rt      *scim.ResourceType
	atRoot  bool           // attributes that the type does not have are unassigned
	outer   *scim.AttrPath // the attribute in whose […] the parser is
	nesting int
	terms   int
}

func newParser(text string, rt *scim.ResourceType) *parser {
	return &parser{lex: lexer{text: text}, rt: rt}
}

func (p *parser) advance() { p.tok = p.lex.next() }

// expected makes a syntax error: the position, and what the parser expected there.
func (p *parser) expected(what string) error {
	return scim.BadRequest(scim.CodeFilter, scim.InvalidFilter, "the filter is malformed at character %d: expected %s", p.tok.pos+1, what)
}

// word reads the keyword if it is next.
func (p *parser) word(keyword string) bool {
	if p.tok.kind != tokenWord || !strings.EqualFold(p.tok.text, keyword) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) or() (Expr, error) {
	return p.list("or", p.and, func(terms []Expr) Expr { return &Or{Terms: terms} })
}

func (p *parser) and() (Expr, error) {
	return p.list("and", p.factor, func(terms []Expr) Expr { return &And{Terms: terms} })
}

// list reads operands joined by a keyword. A single operand is returned as it is.
func (p *parser) list(keyword string, operand func() (Expr, error), join func([]Expr) Expr) (Expr, error) {
	first, err := operand()
	if err != nil {
		return nil, err
	}
	var terms []Expr
	for p.word(keyword) {
		e, err := operand()
		if err != nil {
			return nil, err
		}
		if terms == nil {
			terms = []Expr{first}
		}
		terms = append(terms, e)
	}
	if terms == nil {
		return first, nil
	}
	return join(terms), nil
}

func (p *parser) factor() (Expr, error) {
	if p.tok.kind == tokenOpen {
		return p.group()
	}
	if p.tok.kind != tokenWord {
		return nil, p.expected(`an attribute, "not" or "("`)
	}
	if strings.EqualFold(p.tok.text, "not") {
		name := p.tok
		p.advance()
		if p.tok.kind != tokenOpen {
			p.tok = name
			return nil, p.expected("( behind not")
		}
		e, err := p.group()
		return &Not{Expr: e}, err
	}
	return p.term()
}

func (p *parser) group() (Expr, error) {
	if p.nesting++; p.nesting > maxNesting {
		return nil, scim.BadRequest(scim.CodeFilterTooLong, scim.InvalidFilter, "the filter nests deeper than %d levels; send a simpler filter", maxNesting)
	}
	p.advance()
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokenClose {
		return nil, p.expected(")")
	}
	p.advance()
	p.nesting--
	return e, nil
}

// term reads "path pr", "path op value" or "path[…]".
func (p *parser) term() (Expr, error) {
	if p.terms++; p.terms > maxTerms {
		return nil, scim.BadRequest(scim.CodeFilterTooLong, scim.InvalidFilter, "the filter has more than %d terms; send several requests with shorter filters", maxTerms)
	}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	p.advance()
	if p.tok.kind == tokenBegin {
		return p.valuePath(path)
	}
	return p.comparison(path)
}

func (p *parser) comparison(path scim.AttrPath) (Expr, error) {
	if p.word("pr") {
		return &Present{Path: path}, nil
	}
	op, ok := operator(p.tok.text)
	if p.tok.kind != tokenWord || !ok {
		return nil, p.expected("one of eq ne co sw ew gt ge lt le pr")
	}
	p.advance()
	return p.compare(path, op)
}

// path resolves the attribute that is next: of the resource, or of the value inside […].
func (p *parser) path() (scim.AttrPath, error) {
	if p.outer != nil {
		return p.relative()
	}
	path, err := p.rt.Resolve(p.tok.text)
	if err != nil || !canCompare(path) {
		if p.atRoot {
			return scim.AttrPath{Name: p.tok.text}, nil
		}
		if err == nil && path.Name == "" { // the URN of an extension without an attribute
			return path, scim.BadRequest(scim.CodeFilterAttribute, scim.InvalidFilter, "%s is an extension; name one of its attributes, as in %s:name", clip(path.URN), clip(path.URN))
		}
		return path, p.unknown(p.tok.text, p.rt.Name)
	}
	if path.Attr.Returned == scim.ReturnedNever {
		return path, scim.BadRequest(scim.CodeFilterUnsupported, scim.InvalidFilter, "filters cannot use %s; filter by another attribute", path)
	}
	return path, nil
}

// canCompare reports whether a filter can use a path: an attribute of a published schema, or of an extension that no
// schema publishes. URNs of the RFCs' own name spaces are excluded, because all their attributes are known.
func canCompare(path scim.AttrPath) bool {
	return path.Name != "" && (path.Known() || path.Open && !scim.IsReservedURN(path.URN))
}

func (p *parser) relative() (scim.AttrPath, error) {
	name := p.tok.text
	switch {
	case p.outer.Attr == nil:
		return scim.AttrPath{Name: name}, nil
	case p.outer.Attr.Open && scim.ValidName(name):
		return scim.AttrPath{Name: name, Attr: scim.OpenAttribute(name, "")}, nil
	}
	sub := p.outer.Attr.Sub(name)
	if sub == nil && p.outer.Attr.Type != scim.TypeComplex && strings.EqualFold(name, scim.AttrValue) {
		sub = p.outer.Attr // a value of a simple multi-valued attribute has only "value"
	}
	if sub == nil {
		return scim.AttrPath{}, p.unknown(name, p.outer.Name)
	}
	name = sub.Name
	if sub == p.outer.Attr {
		name = scim.AttrValue
	}
	return scim.AttrPath{Name: name, Attr: sub}, nil
}

func (p *parser) unknown(name, of string) error {
	return scim.BadRequest(scim.CodeFilterAttribute, scim.InvalidFilter, "%s has no attribute %q; GET /Schemas lists them", of, clip(name))
}

// takesFilter reports whether an attribute can have several values.
func takesFilter(a *scim.Attribute) bool { return a.MultiValued || a.Open }

// valuePath reads […] and a sub-attribute after it.
func (p *parser) valuePath(path scim.AttrPath) (Expr, error) {
	if p.outer != nil || path.Sub != "" || path.Attr != nil && !takesFilter(path.Attr) {
		return nil, scim.BadRequest(scim.CodeFilter, scim.InvalidFilter, "%s cannot have a filter in brackets, because it is not multi-valued; leave the brackets out", path)
	}
	inner, err := p.brackets(path)
	if err != nil {
		return nil, err
	}
	out := &ValuePath{Path: path, Filter: inner}
	if p.tok.kind != tokenWord || !strings.HasPrefix(p.tok.text, ".") || !p.rt.Profile.Takes(scim.SubBehindFilter) {
		return out, nil
	}
	return p.behind(out)
}

func (p *parser) brackets(path scim.AttrPath) (Expr, error) {
	p.advance()
	p.outer = &path
	inner, err := p.or()
	p.outer = nil
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokenFinish {
		return nil, p.expected("]")
	}
	p.advance()
	return inner, nil
}

// behind reads "].value eq …", which Entra sends although the RFC has no such form. The comparison becomes a term of
// the filter in the brackets.
func (p *parser) behind(v *ValuePath) (Expr, error) {
	p.tok.text = p.tok.text[1:]
	p.outer = &v.Path
	defer func() { p.outer = nil }()
	path, err := p.relative()
	if err != nil {
		return nil, err
	}
	p.advance()
	e, err := p.comparison(path)
	if err != nil {
		return nil, err
	}
	terms := []Expr{v.Filter, e}
	if and, ok := v.Filter.(*And); ok {
		terms = append(append([]Expr{}, and.Terms...), e)
	}
	return &ValuePath{Path: v.Path, Filter: &And{Terms: terms}}, nil
}

// clip bounds the client's text that an error repeats.
func clip(text string) string {
	const limit = 100
	return scim.Clip(text, limit)
}
