package index

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// An attribute that no schema describes has no column of its own, because clients choose the names.
// All such attributes of a resource are in one cell of one column, each by the number of its name.
// An element of that cell is
//
//	number of the name, number of the element, keys
type open struct {
	column  *column
	numbers map[name]string      // by name
	names   map[[2]string][]name // the names of an attribute's sub-attributes and kinds
	bytes   int                  // of the names, roughly
}

// kindOther is the kind of a value that is not simple. Its key says only whether the value has
// content.
const kindOther filter.Kind = 'x'

// kinds are the kinds of simple values, in their order.
var kinds = []filter.Kind{filter.KindNumber, filter.KindText, filter.KindBoolean} //nolint:gochecknoglobals // never changed

func newOpen() *open {
	return &open{column: newColumn(), numbers: map[name]string{}, names: map[[2]string][]name{}}
}

// openName returns the name of a path to an attribute that no schema describes. Names are compared
// without case, and the sub-attribute "value" represents the attribute.
func openName(urn, attr, sub string, kind filter.Kind) name {
	n := name{scim.FoldName(urn), scim.FoldName(attr), scim.FoldName(sub), true, kind}
	if n.sub == scim.AttrValue {
		n.sub = ""
	}
	return n
}

// kindOf returns the kind by which an attribute is compared; 0 for any.
func kindOf(a *scim.Attribute) filter.Kind {
	switch a.Type {
	case scim.TypeDecimal:
		return filter.KindNumber
	case scim.TypeBoolean:
		return filter.KindBoolean
	case scim.TypeString:
		return filter.KindText
	case scim.TypeInteger, scim.TypeDateTime, scim.TypeReference, scim.TypeBinary, scim.TypeComplex: // attributes without a schema have no such type
	}
	return 0
}

// part holds the keys of one kind in one element.
type part struct {
	number  string
	element int
	keys    []string
}

// extension collects the parts of an extension that no schema publishes.
func (o *open) extension(parts []part, urn string, object map[string]any) []part {
	for attr, value := range object {
		for i, element := range filter.Elements(value) {
			before := len(parts)
			inner, isObject := element.(map[string]any)
			if !isObject {
				parts = o.values(parts, openName(urn, attr, "", 0), i, element)
			}
			for sub, value := range inner {
				parts = o.values(parts, openName(urn, attr, sub, 0), i, value)
			}
			if len(parts) == before { // so that the extension is counted
				parts = append(parts, part{o.number(openName(urn, attr, "", kindOther)), i, []string{""}})
			}
		}
	}
	return parts
}

// values adds the values of an element, or of a sub-attribute of an element.
func (o *open) values(parts []part, n name, element int, value any) []part {
	byKind := map[filter.Kind][]string{}
	for _, v := range filter.Elements(value) {
		kind, key, ok := filter.OpenKey(v)
		switch {
		case kind == 0 && filter.HasContent([]any{v}):
			byKind[kindOther] = []string{"+"}
		case kind == 0:
		case ok:
			byKind[kind] = append(byKind[kind], key)
		default:
			byKind[kind] = append(byKind[kind], noKey)
		}
	}
	if _, isList := value.([]any); isList && filter.HasContent([]any{value}) && n.sub == "" {
		byKind[kindOther] = []string{"+"}
	}
	for kind, keys := range byKind {
		n.kind = kind
		parts = append(parts, part{o.number(n), element, keys})
	}
	return parts
}

// number returns the number of a name.
func (o *open) number(n name) string {
	number, ok := o.numbers[n]
	if !ok {
		const each = 96
		number = string(binary.AppendUvarint(nil, uint64(len(o.numbers))))
		attr := [2]string{n.urn, n.attr}
		o.numbers[n], o.names[attr] = number, append(o.names[attr], n)
		o.bytes += each + len(n.urn) + len(n.attr) + len(n.sub)
	}
	return number
}

// flush stores the parts of a row, and reports whether the row had other parts.
func (o *open) flush(row uint32, parts []part) (changed bool) {
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.element, b.element))
	})
	for i, p := range parts {
		element := string(binary.AppendUvarint(nil, uint64(p.element))) //nolint:gosec // a place
		o.column.next.element(i, append([]string{p.number, element}, p.keys...)...)
	}
	return o.column.flush(row)
}

// cells returns the cells of a name, or nil when no resource has the name. For a name without a
// kind, a cell holds all kinds, and each key begins with its kind.
func (o *open) cells(n name) func(row uint32) cell {
	if n.kind != 0 {
		number, ok := o.numbers[n]
		if !ok {
			return nil
		}
		return func(row uint32) cell { return o.cell(row, []string{number}, []filter.Kind{0}) }
	}
	var numbers []string
	var of []filter.Kind
	for _, kind := range kinds {
		n.kind = kind
		if number, ok := o.numbers[n]; ok {
			numbers, of = append(numbers, number), append(of, kind)
		}
	}
	if numbers == nil {
		return nil
	}
	return func(row uint32) cell { return o.cell(row, numbers, of) }
}

// cell makes a cell from the parts with some numbers. The parts of one element follow each other in
// the order of the numbers.
func (o *open) cell(row uint32, numbers []string, of []filter.Kind) cell {
	raw := o.column.at(row)
	if raw == "" {
		return ""
	}
	var found []part // here a part's number is the place in numbers
	at, field, wanted := -1, 0, -1
	for i, key := range raw.keys() {
		if i != at {
			at, field = i, 0
		}
		switch {
		case field == 0:
			wanted = slices.Index(numbers, key)
		case wanted < 0:
		case field == 1:
			element, _ := binary.Uvarint([]byte(key))
			found = append(found, part{numbers[wanted], int(element), nil}) //nolint:gosec // a place
		default:
			if of[wanted] != 0 && key != noKey {
				key = of[wanted].SortKey(key)
			}
			last := &found[len(found)-1]
			last.keys = append(last.keys, key)
		}
		field++
	}
	if len(numbers) > 1 {
		slices.SortStableFunc(found, func(a, b part) int {
			return cmp.Or(cmp.Compare(a.element, b.element), cmp.Compare(slices.Index(numbers, a.number), slices.Index(numbers, b.number)))
		})
	}
	return joined(found)
}

// joined makes a cell from parts, in the order of their elements.
func joined(found []part) cell {
	if len(found) == 0 {
		return ""
	}
	var b builder
	for i := 0; i < len(found); {
		element, keys := found[i].element, found[i].keys
		for i++; i < len(found) && found[i].element == element; i++ {
			keys = append(keys, found[i].keys...)
		}
		b.element(element, keys...)
	}
	return cell(b.cell(nil))
}

// parts returns the names under which an attribute, or a sub-attribute, is stored.
func (o *open) parts(n name, whole bool) []name {
	var out []name
	for _, other := range o.names[[2]string{n.urn, n.attr}] {
		if whole || other.sub == n.sub {
			out = append(out, other)
		}
	}
	return out
}
