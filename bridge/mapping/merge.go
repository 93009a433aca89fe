package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Merge gives a document what another one has and it lacks: attributes, the sub-attributes of complex
// ones, and the values of multi-valued ones. What both have stays as the document says. An adoption
// is planned by such a document, so that it clears nothing.
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

// spelling are the names of an object by their folded forms: those that no schema knows may differ
// in case.
func spelling(object map[string]any) map[string]string {
	out := make(map[string]string, len(object))
	for name := range object {
		out[scim.FoldName(name)] = name
	}
	return out
}

// mergeList adds the values that a list lacks. Beside a primary value none that is added is primary.
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

// lacking are those of some values that a list lacks: of simple ones those that it does not have, of
// complex ones those in whose place it has none. An element is in the place of another one of the
// same value or of the same type.
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

// keysOf are texts by which a value of a list is known again.
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

// Unseen is what a document has and another one, a part of it, does not show: what Merge gives to a
// change of the part, lest the change clears what its client could not see.
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
