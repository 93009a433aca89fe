package scim

import (
	"maps"
	"slices"
	"strings"
)

// respelled is a stored document in which published extensions have the names of their schemas. A document that was
// stored before the schema was published has the names of the client. When a name is there in several spellings, the
// value under the schema's own spelling is kept.
func (rt *ResourceType) respelled(doc Document) Document {
	var others []string
	for name, value := range doc {
		if !strings.ContainsRune(name, ':') {
			continue
		}
		object, ok := value.(map[string]any)
		if ext := rt.Extension(name); ext != nil && ok && (name != ext.ID || !spells(object, ext.Attribute)) {
			others = append(others, name)
		}
	}
	if len(others) == 0 {
		return doc
	}
	slices.Sort(others)
	out := maps.Clone(doc)
	for _, itself := range []bool{true, false} { // values under the schema's own name come first
		for _, name := range others {
			ext := rt.Extension(name)
			if (name == ext.ID) != itself {
				continue
			}
			object, _ := out[name].(map[string]any)
			delete(out, name)
			held, _ := out[ext.ID].(map[string]any)
			out[ext.ID] = respell(held, object, ext.Attribute)
		}
	}
	return out
}

// spells reports whether an object spells all names that a schema knows as the schema does.
func spells(object map[string]any, of func(name string) *Attribute) bool {
	for name, value := range object {
		a := of(name)
		if a == nil {
			continue
		}
		if a.Name != name {
			return false
		}
		if a.SubAttributes == nil {
			continue
		}
		if inner, ok := value.(map[string]any); ok && !spells(inner, a.Sub) {
			return false
		}
		list, _ := value.([]any)
		for _, element := range list {
			if inner, ok := element.(map[string]any); ok && !spells(inner, a.Sub) {
				return false
			}
		}
	}
	return true
}

// respell adds the members of an object to those in held, in the spelling of a schema.
func respell(held, object map[string]any, of func(name string) *Attribute) map[string]any {
	out := maps.Clone(held)
	if out == nil {
		out = make(map[string]any, len(object))
	}
	for _, itself := range []bool{true, false} {
		for _, name := range SortedNames(object) {
			spelled, value := name, object[name]
			a := of(name)
			if a != nil {
				spelled = a.Name
			}
			if _, there := out[spelled]; there || (spelled == name) != itself {
				continue
			}
			out[spelled] = respellValue(value, a)
		}
	}
	return out
}

func respellValue(value any, a *Attribute) any {
	if a == nil || a.SubAttributes == nil {
		return value
	}
	switch v := value.(type) {
	case map[string]any:
		return respell(nil, v, a.Sub)
	case []any:
		out := slices.Clone(v)
		for i, element := range v {
			out[i] = respellValue(element, a)
		}
		return out
	}
	return value
}
