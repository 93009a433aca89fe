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

// compared are the values by which a path is compared. For complex elements that no schema describes these are their
// "value" sub-attributes, as toValue does for attributes of a schema.
func compared(p scim.AttrPath, object map[string]any) []any {
	values := Values(p, object)
	if p.URN == "" || p.Sub != "" || p.Attr == nil || !p.Attr.Open {
		return values
	}
	return OpenParts(scim.AttrValue, values)
}

// Kind is the type of a value that no schema describes.
type Kind byte

// The kinds, in the order in which values are sorted.
const (
	KindNumber  Kind = 'n'
	KindText    Kind = 't'
	KindBoolean Kind = 'u' // sorts after texts
)

// Type is the attribute type for values of the kind.
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

// KindOf is the kind of a simple value; ok is false for a complex value or a list.
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

// OpenKey is the Key of a value that no schema describes, with the same ok.
func OpenKey(value any) (k Kind, key string, ok bool) {
	k, ok = KindOf(value)
	if ok {
		key, ok = Key(scim.OpenAttribute("", k.Type()), value)
	}
	return k, key, ok
}

// SortKey is a key that sorts values of all kinds together; "" for a value that counts as absent.
func (k Kind) SortKey(key string) string {
	if key == "" {
		return ""
	}
	return string(byte(k)) + key
}

// openElement is the value by which an element is sorted: its sub-attribute, or its "value" when no sub-attribute is
// named.
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

// IsPrimary reports whether an element that no schema describes says that it is primary.
func IsPrimary(element any) bool {
	object, _ := element.(map[string]any)
	value, _ := scim.Member(object, scim.AttrPrimary)
	return value == true
}
