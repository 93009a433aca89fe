package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Merge adds to a document everything that it lacks and more has: attributes, sub-attributes of
// complex attributes, and values of multi-valued attributes. Where both have a value, the
// document's value stays. The plan of an adoption uses the merged document, so that the adoption
// clears nothing.
func Merge(doc, more scim.Document) { mergeObject(doc, more) }

func mergeObject(object, more map[string]any) {
	spelled := spelling(object)
	for name, value := range more {
		if other, ok := spelled[scim.FoldName(name)]; ok {
			name = other
		}
		switch held := object[name].(type) {
		case nil:
			object[name] = scim.CloneValue(value)
		case map[string]any:
			inner, _ := value.(map[string]any)
			held = maps.Clone(held)
			mergeObject(held, inner)
			object[name] = held
		case []any:
			list, _ := value.([]any)
			object[name] = mergeList(held, list)
		}
	}
}

// spelling returns the names of an object by their folded forms. Names that no schema knows may
// differ in case.
func spelling(object map[string]any) map[string]string {
	out := make(map[string]string, len(object))
	for name := range object {
		out[scim.FoldName(name)] = name
	}
	return out
}

// mergeList adds the values that a list lacks. When the list has a primary value, no added value is
// primary.
func mergeList(list, more []any) []any {
	added := lacking(list, more)
	if slices.ContainsFunc(list, isPrimary) {
		for i, value := range added {
			if isPrimary(value) {
				object, _ := scim.CloneValue(value).(map[string]any)
				delete(object, scim.AttrPrimary)
				added[i] = object
			}
		}
	}
	return append(slices.Clip(list), added...)
}

func isPrimary(value any) bool {
	object, _ := value.(map[string]any)
	return object[scim.AttrPrimary] == true
}

// lacking returns the values that a list lacks. A complex value is lacking when the list has no
// element with the same value or the same type.
func lacking(list, values []any) []any {
	have := map[string]bool{}
	for _, value := range list {
		for _, key := range keysOf(value) {
			have[key] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(values), func(value any) bool {
		return slices.ContainsFunc(keysOf(value), func(key string) bool { return have[key] })
	})
}

// keysOf returns texts that identify a value of a list.
func keysOf(value any) []string {
	keys := []string{"= " + string(scim.AppendKey(nil, value))}
	object, _ := value.(map[string]any)
	for _, name := range []string{scim.AttrValue, scim.AttrType} {
		if text, _ := object[name].(string); text != "" {
			keys = append(keys, name+" "+strings.ToLower(text))
		}
	}
	return keys
}

// Unseen returns the part of a document that another document, a part of it, does not show. Merge
// adds this part to a change, so that the change does not clear what its client could not see.
func Unseen(whole, part scim.Document) scim.Document { return unseenObject(whole, part) }

func unseenObject(whole, part map[string]any) map[string]any {
	out, spelled := map[string]any{}, spelling(part)
	for name, value := range whole {
		var rest any
		shownAs := name
		if other, ok := spelled[scim.FoldName(name)]; ok {
			shownAs = other
		}
		switch shown := part[shownAs].(type) {
		case nil:
			rest = value
		case map[string]any:
			inner, _ := value.(map[string]any)
			rest = unseenObject(inner, shown)
		case []any:
			list, _ := value.([]any)
			rest = lacking(shown, list)
		}
		if !scim.IsEmpty(rest) {
			out[name] = rest
		}
	}
	return out
}
