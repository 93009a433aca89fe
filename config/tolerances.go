package config

import (
	"fmt"
	"slices"
)

// Tolerances says which of the ways in which clients stray from the RFCs a tenant does not take.
type Tolerances struct {
	// Off is `off`: the names of [those rules](tolerances.md), like `[any-op-case, role-text]`. Each is answered
	// as `profile: strict` answers it, and all others as before.
	// Refused: no name of a rule; a name given twice.
	Off []Tolerance `json:"off,omitempty"`
}

// Tolerance is the name of such a way, of the table in docs/reference/tolerances.md.
type Tolerance string

// words are the names, in the order of the table. They are those of scim.Tolerances, as a test of bridge/app says.
func (Tolerance) words() []string {
	return []string{
		"no-content-type", "filter-on-write", "any-schemas", "number-text", "attributes-text", "unknown-attributes", "boolean-text", "number-for-text",
		"wrapped-single", "unwrapped-multi", "bare-complex", "role-text", "many-primaries", "free-country", "any-certificate", "opaque-manager", "any-op-case",
		"pathless-patch", "short-extension-path", "dot-after-urn", "lone-untyped", "create-on-no-match", "whole-element-path", "merge-on-replace", "remove-listed",
		"sub-behind-filter", "encoded-twice",
	}
}

// ToleranceNames are all names of tolerances, in the order of the table.
func ToleranceNames() []string { return Tolerance("").words() }

// UnmarshalText refuses what is no name of a tolerance.
func (t *Tolerance) UnmarshalText(text []byte) error {
	names := ToleranceNames()
	if slices.Contains(names, string(text)) {
		*t = Tolerance(text)
		return nil
	}
	hint := "The names are those of docs/reference/tolerances.md"
	if meant := nearest(string(text), names); meant != "" {
		hint = "Did you mean " + meant + "?"
	}
	return fault{fmt.Sprintf("%q is no tolerance", shorten(string(text))), hint}
}

// tolerances checks those of a tenant at a path, whose profile is known.
func (k checker) tolerances(path string, t Tolerances, p Profile) {
	path += ".tolerances"
	if p == ProfileStrict && k.given(path) {
		k.add(path, "does nothing with profile: strict, which takes no tolerance", "Remove it, or take profile: tolerant")
		return
	}
	seen := map[Tolerance]bool{}
	for i, name := range t.Off {
		if seen[name] && name != "" {
			k.add(item(path+".off", i), fmt.Sprintf("%q is given twice", name), "Remove one of the two")
		}
		seen[name] = true
	}
}
