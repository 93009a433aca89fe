package mapping

import (
	"maps"
	"slices"
)

// stampFormat is RFC 3339 in UTC with milliseconds.
const stampFormat = "2006-01-02T15:04:05.000Z"

// overlay copies attributes and sets the owned attributes.
func overlay(current, owned map[string][]string) map[string][]string {
	out := make(map[string][]string, len(current)+len(owned))
	maps.Copy(out, current)
	for name, values := range owned {
		setOrDelete(out, name, values)
	}
	return out
}

func setOrDelete(attributes map[string][]string, name string, values []string) {
	if len(values) == 0 {
		delete(attributes, name)
	} else {
		attributes[name] = values
	}
}

// attributesEqual compares attributes and ignores the order of values, which Keycloak does not
// keep. text is the text of the remainder. A damaged remainder differs from every state.
func attributesEqual(tenantKey string, owned map[string][]string, text string, current map[string][]string) bool {
	for name, values := range owned {
		if !sameValues(values, current[name]) {
			return false
		}
	}
	stored, ok := remainderText(tenantKey, current[AttrRemainder])
	return ok && stored == text
}

func sameValues(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	one, two := slices.Clone(a), slices.Clone(b)
	slices.Sort(one)
	slices.Sort(two)
	return slices.Equal(one, two)
}
