package scim

import (
	"maps"
	"reflect"
)

// Document is a resource as data, with canonical names and checked types. Values are string, bool, json.Number,
// map[string]any for a complex value and for an extension (under its URN), and []any for a multi-valued attribute.
// Absent, null and empty are the same (RFC 7643 section 2.5): the name is not in the map.
//
// A document holds only what a client may write: no schemas, id, meta or groups. Attributes that the schemas do not
// know are in it as they were sent.
type Document map[string]any

// Clone copies the document deeply.
func (d Document) Clone() Document {
	return Document(cloneObject(d))
}

func cloneObject(object map[string]any) map[string]any {
	if object == nil {
		return nil
	}
	out := make(map[string]any, len(object))
	for name, value := range object {
		out[name] = CloneValue(value)
	}
	return out
}

// CloneValue copies a value of a document deeply.
func CloneValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return cloneObject(v)
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = CloneValue(element)
		}
		return out
	default:
		return value
	}
}

// Equal reports whether two values of documents are the same. To find a value among many, compare keys instead; see
// AppendKey.
func Equal(a, b any) bool { return reflect.DeepEqual(a, b) }

// String is the string attribute with that name, or "".
func (d Document) String(name string) string {
	text, _ := d[name].(string)
	return text
}

// Object is the complex attribute or extension with that name, or nil.
func (d Document) Object(name string) map[string]any {
	object, _ := d[name].(map[string]any)
	return object
}

// Values are the values of the multi-valued attribute with that name, or nil.
func (d Document) Values(name string) []any {
	values, _ := d[name].([]any)
	return values
}

// Without is a shallow copy of the document without the named attributes.
func (d Document) Without(names ...string) Document {
	out := maps.Clone(d)
	for _, name := range names {
		delete(out, name)
	}
	return out
}

// IsEmpty reports whether a value counts as unassigned: null, "", an empty array and an object without members (RFC
// 7643 section 2.5). "" counts because Entra clears attributes with it.
func IsEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return false
	}
}
