package filter

import (
	"encoding/json"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// openValues are the values of an attribute that no schema describes, whose names are compared
// without case (RFC 7643 section 2.1).
func openValues(p scim.AttrPath, object map[string]any) []any {
	if p.URN != "" {
		ext, _ := scim.Member(object, p.URN)
		object, _ = ext.(map[string]any)
	}
	value, _ := scim.Member(object, p.Name)
	if p.Sub == "" {
		return Elements(value)
	}
	return OpenParts(p.Sub, Elements(value))
}

// OpenParts are the values of a sub-attribute of some elements of an attribute that no schema
// describes. A simple element is its own "value".
func OpenParts(sub string, elements []any) []any {
	var out []any
	for _, element := range elements {
		object, ok := element.(map[string]any)
		switch {
		case ok:
			value, _ := scim.Member(object, sub)
			out = append(out, Elements(value)...)
		case IsValue(sub):
			out = append(out, Elements(element)...)
		}
	}
	return out
}

// IsValue reports whether the name of a sub-attribute is "value".
func IsValue(sub string) bool { return scim.FoldName(sub) == scim.AttrValue }

// compared are the values that a path is compared by: of complex elements that no schema describes
// their "value", as toValue has it where a schema says that there is one.
func compared(p scim.AttrPath, object map[string]any) []any {
	values := Values(p, object)
	if p.URN == "" || p.Sub != "" || p.Attr == nil || !p.Attr.Open {
		return values
	}
	return OpenParts(scim.AttrValue, values)
}

// Kind is what type a value has that no schema describes.
type Kind byte

// The kinds, in the order in which values are sorted.
const (
	KindNumber  Kind = 'n'
	KindText    Kind = 't'
	KindBoolean Kind = 'u' // behind texts
)

// Type is that of the attribute of which such a value would be.
func (k Kind) Type() scim.Type {
	switch k {
	case KindNumber:
		return scim.TypeDecimal
	case KindBoolean:
		return scim.TypeBoolean
	case KindText:
	}
	return scim.TypeString
}

// KindOf is the kind of a simple value; ok is false for any other.
func KindOf(value any) (k Kind, ok bool) {
	switch value.(type) {
	case json.Number:
		return KindNumber, true
	case bool:
		return KindBoolean, true
	case string:
		return KindText, true
	}
	return 0, false
}

// OpenKey is the Key of a value that no schema describes, ok as of Key.
func OpenKey(value any) (k Kind, key string, ok bool) {
	k, ok = KindOf(value)
	if ok {
		key, ok = Key(scim.OpenAttribute("", k.Type()), value)
	}
	return k, key, ok
}

// SortKey is a key of a kind in an order of values of all kinds; "" for what counts as no value.
func (k Kind) SortKey(key string) string {
	if key == "" {
		return ""
	}
	return string(byte(k)) + key
}

// openElement is what of an element is sorted by: its sub-attribute, or "value" where none is named.
func openElement(sub string, element any) any {
	if sub == "" {
		sub = scim.AttrValue
	}
	list := OpenParts(sub, []any{element})
	for _, kind := range []Kind{KindNumber, KindText, KindBoolean} {
		for _, value := range list {
			if k, _ := KindOf(value); k == kind {
				return value
			}
		}
	}
	return nil
}

// IsPrimary reports whether an element that no schema describes says that it is the primary one.
func IsPrimary(element any) bool {
	object, _ := element.(map[string]any)
	value, _ := scim.Member(object, scim.AttrPrimary)
	return value == true
}
