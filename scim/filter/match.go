package filter

import (
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Match reports whether a resource matches. object is a document, or a resource in the form of
// scim.ResourceType.Object.
func Match(e Expr, object map[string]any) bool {
	switch e := e.(type) {
	case *And:
		for _, term := range e.Terms {
			if !Match(term, object) {
				return false
			}
		}
		return true
	case *Or:
		for _, term := range e.Terms {
			if Match(term, object) {
				return true
			}
		}
		return false
	case *Not:
		return !Match(e.Expr, object)
	case *Compare:
		if e.Value == nil {
			return e.match(Values(e.Path, object))
		}
		return e.match(compared(e.Path, object))
	case *Present:
		return present(Values(e.Path, object))
	case *Constant:
		return e.Value
	case *Lone:
		i, _ := e.Find(Values(e.Path, object))
		return i >= 0
	case *ValuePath:
		for _, element := range Values(e.Path, object) {
			if MatchElement(e.Filter, element) {
				return true
			}
		}
	}
	return false
}

// MatchElement reports whether one value of a multi-valued attribute matches the
// filter in […]. A simple value is its own "value".
func MatchElement(e Expr, element any) bool {
	object, ok := element.(map[string]any)
	if !ok {
		object = map[string]any{scim.AttrValue: element}
	}
	return Match(e, object)
}

// Values are the values at a path of a resource or a document, flattened over multi-valued attributes.
func Values(p scim.AttrPath, object map[string]any) []any {
	if p.Attr == nil { // at the root: the type has no such attribute
		return nil
	}
	if p.Attr.Open {
		return openValues(p, object)
	}
	if p.URN != "" {
		ext, _ := object[p.URN].(map[string]any)
		object = ext
	}
	top := Elements(object[p.Name])
	if p.Sub == "" {
		return top
	}
	var out []any
	for _, value := range top {
		if complexValue, ok := value.(map[string]any); ok {
			out = append(out, Elements(complexValue[p.Sub])...)
		}
	}
	return out
}

// Elements are the values of an attribute: the elements of a list, or the single value.
func Elements(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// HasContent reports whether one of the values has content; see Present.
func HasContent(list []any) bool { return present(list) }

// present is false for null, empty text and complex values without content
// (RFC 7644 section 3.4.2.2).
func present(list []any) bool {
	for _, value := range list {
		if object, ok := value.(map[string]any); ok {
			if presentObject(object) {
				return true
			}
		} else if !scim.IsEmpty(value) {
			return true
		}
	}
	return false
}

func presentObject(object map[string]any) bool {
	for _, value := range object {
		if present(Elements(value)) {
			return true
		}
	}
	return false
}

// match reports whether one of the values fits. "ne" is "eq" negated, so it also matches a resource without a value.
func (e *Compare) match(list []any) bool {
	if e.Value == nil {
		return present(list) == (e.Op == Ne)
	}
	if len(list) == 0 { // also of an attribute that the type does not have
		return e.Op == Ne
	}
	want, ok := e.want()
	if !ok {
		return e.Op == Ne
	}
	op := e.Op
	if op == Ne {
		op = Eq
	}
	for _, value := range list {
		if key, ok := Key(e.Path.Leaf(), value); ok && op.Holds(key, want) {
			return e.Op != Ne
		}
	}
	return e.Op == Ne
}

// withKey computes the key once for a comparison with many values.
func (e *Compare) withKey() *Compare {
	if e.Path.Attr != nil && e.Value != nil {
		e.key, e.keyed = Key(e.Path.Leaf(), e.Value)
	}
	return e
}

// want is the key of the compared value. ok is false for a value that equals nothing.
func (e *Compare) want() (key string, ok bool) {
	if e.keyed {
		return e.key, true
	}
	return Key(e.Path.Leaf(), e.Value)
}
