// Package filtertest makes random filters and resources for tests that compare two implementations.
package filtertest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// texts are values that matching code confuses: patterns, quotes, blanks, case, Unicode.
var texts = []string{
	"", "a", "A", "ab", "aB", "b", "jane", "Jane", "JANE@Acme.test", "jane@acme.test", "%", "_", "*", "a%", "a_", `\`, `a\`, `"`, `a"b`, ":", "a:b",
	" ", "a b", "ä", "Ä", "a\u0308", "ß", "ss", "SS", "Ａ", "İ", "日本", "😀", "work", "home", "true", "null", "0", "10", "9",
}

// Text is a random text of those that matching code confuses. A client may send each of them.
func Text(r *rand.Rand) string { return texts[r.IntN(len(texts))] }

var times = []string{"2026-01-31T08:30:00Z", "2026-01-31T09:30:00+01:00", "2026-01-31T08:30:00.5Z", "2030-12-01T00:00:00Z", "1999-01-01T00:00:00-11:00"}

var numbers = []string{"0", "-0", "1", "1.0", "10e-1", "-1", "-10", "-1.5", "9", "10", "1e3", "999.99", "1e-7", "123456789012345678901234567890", "123456789012345678901234567891"}

// leaf is a path that a filter can compare, from a resource or inside […].
type leaf struct {
	path string
	attr *scim.Attribute
}

func leaves(rt *scim.ResourceType) (out []leaf, plural []leaf) {
	add := func(prefix string, attributes []*scim.Attribute) {
		for _, a := range attributes {
			if a.Returned == scim.ReturnedNever || a.Name == scim.AttrMembers || a.Name == scim.AttrGroups {
				continue
			}
			if a.MultiValued {
				plural = append(plural, leaf{prefix + a.Name, a})
			}
			if a.Type != scim.TypeComplex {
				out = append(out, leaf{prefix + a.Name, a})
			}
			for _, sub := range a.SubAttributes {
				out = append(out, leaf{prefix + a.Name + "." + sub.Name, sub})
			}
		}
	}
	add("", rt.Schema.Attributes)
	for _, name := range []string{scim.AttrID, scim.AttrExternalID, scim.AttrSchemas, scim.AttrMeta} {
		add("", []*scim.Attribute{rt.Attribute(name)})
	}
	for _, s := range rt.Extensions {
		add(s.ID+":", s.Attributes)
	}
	open, openPlural := openLeaves()
	return append(out, open...), append(plural, openPlural...)
}

// Filter is the text of a valid filter on resources of the type, without members and groups.
func Filter(r *rand.Rand, rt *scim.ResourceType) string {
	all, plural := leaves(rt)
	const depth = 3
	return expression(r, all, plural, depth)
}

// SortBy is an attribute by which resources of the type can be sorted, and sometimes "".
func SortBy(r *rand.Rand, rt *scim.ResourceType) string {
	all, _ := leaves(rt)
	if r.IntN(8) == 0 { //nolint:mnd // at times
		return ""
	}
	return all[r.IntN(len(all))].path
}

//nolint:mnd // how often which form comes
func expression(r *rand.Rand, all, plural []leaf, depth int) string {
	if depth == 0 {
		return comparison(r, all[r.IntN(len(all))])
	}
	inner := func() string { return expression(r, all, plural, depth-1) }
	switch r.IntN(8) {
	case 0:
		return inner() + " and " + inner()
	case 1:
		return "(" + inner() + " or " + inner() + ")"
	case 2:
		return "not (" + inner() + ")"
	case 3:
		of := plural[r.IntN(len(plural))]
		return of.path + "[" + expression(r, within(of.attr), nil, 0) + " and not (" + expression(r, within(of.attr), nil, 0) + ")]"
	case 4:
		of := plural[r.IntN(len(plural))]
		return of.path + "[" + expression(r, within(of.attr), nil, 0) + " or " + expression(r, within(of.attr), nil, 0) + "]"
	case 5:
		if slices.ContainsFunc(plural, func(l leaf) bool { return l.path == scim.AttrEmails }) {
			return meant(r)
		}
	}
	return comparison(r, all[r.IntN(len(all))])
}

// meant is a filter about the work value or the primary value of an attribute of users.
func meant(r *rand.Rand) string {
	of := []string{scim.AttrEmails, scim.AttrPhoneNumbers, scim.AttrAddresses}[r.IntN(3)]                   //nolint:mnd // one of them
	which := []string{`type eq "work"`, `primary eq true`, `type eq "Work" and primary eq true`}[r.IntN(3)] //nolint:mnd // likewise
	if of != scim.AttrAddresses && r.IntN(2) == 0 {
		which += ` and value eq ` + strconv.Quote([]string{"a", "b", "jane"}[r.IntN(3)]) //nolint:mnd // likewise
	}
	return of + "[" + which + "]"
}

func within(a *scim.Attribute) []leaf {
	if a.Open {
		return withinOpen()
	}
	if a.Type != scim.TypeComplex {
		return []leaf{{scim.AttrValue, a}}
	}
	var out []leaf
	for _, sub := range a.SubAttributes {
		out = append(out, leaf{sub.Name, sub})
	}
	return out
}

//nolint:mnd // how often which form comes
func comparison(r *rand.Rand, l leaf) string {
	switch r.IntN(10) {
	case 0:
		return l.path + " pr"
	case 1:
		return l.path + " eq null"
	case 2:
		return l.path + " ne null"
	}
	ops := []string{"eq", "ne"}
	if l.attr.Type != scim.TypeBoolean && l.attr.Type != scim.TypeBinary {
		ops = append(ops, "gt", "ge", "lt", "le")
	}
	if l.attr.Type == scim.TypeString || l.attr.Type == scim.TypeReference {
		ops = append(ops, "co", "sw", "ew", "eq")
	}
	return fmt.Sprintf("%s %s %s", l.path, ops[r.IntN(len(ops))], literal(r, l.attr))
}

func literal(r *rand.Rand, a *scim.Attribute) string {
	value := Value(r, a)
	if text, ok := value.(string); ok {
		data, _ := scim.Encode(text) // a text always encodes
		return strings.TrimSpace(string(data))
	}
	return fmt.Sprint(value)
}

// Value is a value of a simple attribute: a string, a bool or a json.Number, as in a document.
func Value(r *rand.Rand, a *scim.Attribute) any {
	switch a.Type {
	case scim.TypeBoolean:
		return r.IntN(2) == 0
	case scim.TypeDateTime:
		return times[r.IntN(len(times))]
	case scim.TypeInteger, scim.TypeDecimal:
		return json.Number(numbers[r.IntN(len(numbers))])
	case scim.TypeString, scim.TypeReference, scim.TypeBinary, scim.TypeComplex:
	}
	return Text(r)
}

// Object is a resource with the id and some attributes of its type, in the form of scim.ResourceType.Object.
func Object(r *rand.Rand, rt *scim.ResourceType, id string) map[string]any {
	out := fill(r, rt.Schema.Attributes)
	for _, s := range rt.Extensions {
		if r.IntN(2) == 0 {
			out[s.ID] = fill(r, s.Attributes)
		}
	}
	for _, urn := range []string{OpenURN, OtherURN} {
		if r.IntN(2) == 0 {
			out[urn] = Open(r)
		}
	}
	out[scim.AttrID] = id
	out[scim.AttrExternalID] = Text(r)
	out[scim.AttrSchemas] = []any{rt.Schema.ID}
	out[scim.AttrMeta] = map[string]any{
		scim.AttrResourceType: rt.Name, "location": rt.Location(Base, id), "created": times[r.IntN(len(times))], scim.AttrVersion: strconv.Itoa(r.IntN(2)),
	}
	return out
}

// Base is the service root of the resources that Object makes.
const Base = "https://bridge.test/scim/v2"

func fill(r *rand.Rand, attributes []*scim.Attribute) map[string]any {
	out := map[string]any{}
	for _, a := range attributes {
		if r.IntN(2) == 0 || a.Name == scim.AttrMembers || a.Name == scim.AttrGroups {
			continue
		}
		if !a.MultiValued {
			out[a.Name] = value(r, a)
			continue
		}
		list := []any{}
		for range r.IntN(4) { //nolint:mnd // 0 to 3 values
			if element := value(r, a); a.Type != scim.TypeComplex || !scim.IsEmpty(element) { // no document has an empty object
				list = append(list, element)
			}
		}
		out[a.Name] = list
	}
	return out
}

func value(r *rand.Rand, a *scim.Attribute) any {
	if a.Type == scim.TypeComplex {
		return fill(r, a.SubAttributes)
	}
	return Value(r, a)
}
