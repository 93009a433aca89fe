package filter

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// compare reads the value of a comparison and checks it against the attribute.
func (p *parser) compare(path scim.AttrPath, op Op) (Expr, error) {
	value, err := p.literal()
	if err != nil {
		return nil, err
	}
	p.advance()
	if path.Attr == nil { // at the root: the type does not have the attribute
		return &Compare{Path: path, Op: op, Value: value}, nil
	}
	path = openAs(toValue(path), value)
	leaf := path.Leaf()
	if leaf.Type == scim.TypeComplex && value != nil {
		return nil, scim.BadRequest(scim.CodeFilterValue, scim.InvalidFilter, "%s is complex; compare one of its sub-attributes", path)
	}
	if value, err = typed(p.rt.Profile, leaf, path, value); err != nil {
		return nil, err
	}
	if err := allowed(leaf, path, op, value); err != nil {
		return nil, err
	}
	return (&Compare{Path: path, Op: op, Value: value}).withKey(), nil
}

// toValue replaces a complex attribute by its "value" (emails eq "x", manager eq "x"), as figure 2 of the RFC does.
func toValue(path scim.AttrPath) scim.AttrPath {
	if path.Sub != "" || path.Attr.Type != scim.TypeComplex {
		return path
	}
	if sub := path.Attr.Sub(scim.AttrValue); sub != nil {
		path.Sub, path.SubAttr = sub.Name, sub
	}
	return path
}

// openAs gives an attribute that no schema describes the type of the compared value. Values of another type are not
// equal to it.
func openAs(path scim.AttrPath, value any) scim.AttrPath {
	leaf := path.Leaf()
	if !leaf.Open {
		return path
	}
	typed := scim.OpenAttribute(leaf.Name, scim.TypeString)
	switch value.(type) {
	case bool:
		typed.Type = scim.TypeBoolean
	case json.Number:
		typed.Type = scim.TypeDecimal
	}
	if path.Sub != "" {
		path.SubAttr = typed
	} else {
		path.Attr = typed
	}
	return path
}

// literal reads the next value: JSON, with true, false and null in any case.
func (p *parser) literal() (any, error) {
	switch p.tok.kind {
	case tokenString:
		return p.tok.text, nil
	case tokenWord:
		switch strings.ToLower(p.tok.text) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		case "null":
			return nil, nil
		}
		if number := json.Number(p.tok.text); isNumber(p.tok.text) {
			return number, nil
		}
		return nil, p.expected("a value; put a text into double quotes")
	case tokenBad:
		return nil, p.expected("a text that ends with a double quote, with the escapes of JSON")
	default:
		return nil, p.expected("a value")
	}
}

func isNumber(text string) bool {
	if text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return false
	}
	return json.Valid([]byte(text))
}

// typed checks the type of a value. "True" and "False" count as booleans (Entra: roles[primary eq "True"]).
func typed(profile scim.Profile, a *scim.Attribute, path scim.AttrPath, value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	switch a.Type {
	case scim.TypeBoolean:
		return as[bool](profile.Boolean(value), path, "true or false")
	case scim.TypeInteger, scim.TypeDecimal:
		return as[json.Number](value, path, "a number")
	case scim.TypeDateTime:
		text, ok := value.(string)
		if _, err := time.Parse(time.RFC3339Nano, text); !ok || err != nil {
			return nil, scim.BadRequest(scim.CodeFilterValue, scim.InvalidFilter, "%s is compared with a date and time such as \"2030-01-31T08:30:00Z\"", path)
		}
		return text, nil
	case scim.TypeString, scim.TypeReference, scim.TypeBinary, scim.TypeComplex:
		if text, ok := profile.TextOf(a, value); ok {
			return text, nil
		}
	}
	return as[string](value, path, "a text in double quotes")
}

func as[T any](value any, path scim.AttrPath, what string) (any, error) {
	if _, ok := value.(T); !ok {
		return nil, scim.BadRequest(scim.CodeFilterValue, scim.InvalidFilter, "%s is compared with %s", path, what)
	}
	return value, nil
}

// allowed refuses operators that a type does not have (RFC 7644 section 3.4.2.2).
func allowed(a *scim.Attribute, path scim.AttrPath, op Op, value any) error {
	if op == Eq || op == Ne {
		return nil
	}
	if value == nil {
		return scim.BadRequest(scim.CodeFilterValue, scim.InvalidFilter, "null can only be compared with eq or ne")
	}
	textual := a.Type == scim.TypeString || a.Type == scim.TypeReference
	substring := op == Co || op == Sw || op == Ew
	ordered := a.Type != scim.TypeBoolean && a.Type != scim.TypeBinary
	if substring && !textual || !substring && !ordered {
		return scim.BadRequest(scim.CodeFilterValue, scim.InvalidFilter, "%s is of type %s, which has no operator %s; use another operator", path, a.Type, op)
	}
	return nil
}
