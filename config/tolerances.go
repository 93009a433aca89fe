package config

import (
	"fmt"
	"slices"
)

// Tolerances names the deviations from the RFCs that a tenant refuses in the tolerant profile.
type Tolerances struct {
	// Off is `off`: the names of [tolerances](tolerances.md), like `[any-op-case, role-text]`. The tenant treats
	// these deviations as in `profile: strict`, and accepts all others.
	// Refused: not the name of a tolerance; a name given twice.
	Off []Tolerance `json:"off,omitempty"`
}

// Tolerance is the name of a deviation in the table of docs/reference/tolerances.md.
type Tolerance string

// words returns the names in the order of the table. A test of bridge/app compares them with
// scim.Tolerances.
func (Tolerance) words() []string {
	return []string{
		"no-content-type", "filter-on-write", "any-schemas", "number-text", "attributes-text", "unknown-attributes", "boolean-text", "number-for-text",
		"wrapped-single", "unwrapped-multi", "bare-complex", "role-text", "many-primaries", "free-country", "any-certificate", "opaque-manager", "any-op-case",
		"pathless-patch", "short-extension-path", "dot-after-urn", "lone-untyped", "create-on-no-match", "whole-element-path", "merge-on-replace", "remove-listed",
		"sub-behind-filter", "encoded-twice",
	}
}

// ToleranceNames returns the names of all tolerances, in the order of the table.
func ToleranceNames() []string { return Tolerance("").words() }

// UnmarshalText refuses what is not the name of a tolerance.
func (t *Tolerance) UnmarshalText(text []byte) error {
	names := ToleranceNames()
	if slices.Contains(names, string(text)) {
		*t = Tolerance(text)
		return nil
	}
	hint := "docs/reference/tolerances.md lists the names"
	if meant := nearest(string(text), names); meant != "" {
		hint = "Did you mean " + meant + "?"
	}
	return fault{fmt.Sprintf("%q is not a tolerance", shorten(string(text))), hint}
}

// tolerances checks the tolerances of a tenant at a path. p is the profile of the tenant.
func (k checker) tolerances(path string, t Tolerances, p Profile) {
	path += ".tolerances"
	if p == ProfileStrict && k.given(path) {
		k.add(path, "has no effect with profile: strict, which has no tolerances", "Remove it, or use profile: tolerant")
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
