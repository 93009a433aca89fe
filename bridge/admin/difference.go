package admin

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Difference is a value of a resource that a change added, replaced or removed.
type Difference struct {
	// Path names the value as SCIM does: "active", "name.familyName", `emails[value eq "jane@acme.example"].type`. The
	// path of an attribute of an extension is the URN, a colon, and the name.
	Path string `json:"path"`
	// Before is nil when the value was added, and After is nil when it was removed.
	Before any `json:"before"`
	After  any `json:"after"`
}

// Differences returns the values that differ between two documents. The core attributes are first, then those of
// extensions, each sorted by name. A document that is nil has no values. The elements of a multi-valued attribute are
// compared by their value, else by their type, so that their order makes no difference.
func Differences(before, after map[string]any) []Difference {
	var out differences
	names := union(before, after)
	extension := func(name string) bool { return strings.HasPrefix(name, "urn:") }
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(btoi(extension(a)), btoi(extension(b))) })
	for _, name := range names {
		b, a, objects := both[map[string]any](before[name], after[name])
		if objects && extension(name) {
			out.objects(name+":", b, a)
			continue
		}
		out.values(name, before[name], after[name])
	}
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// union returns the keys of two maps, sorted.
func union[V any](a, b map[string]V) []string {
	keys := slices.AppendSeq(make([]string, 0, len(a)+len(b)), maps.Keys(a))
	keys = slices.AppendSeq(keys, maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// both returns two values as values of a type, if they are. A value may also be absent.
func both[T any](before, after any) (b, a T, are bool) {
	b, isB := before.(T)
	a, isA := after.(T)
	return b, a, (isB || before == nil) && (isA || after == nil)
}

type differences []Difference

// values compares two values at a path. An absent value is nil.
func (d *differences) values(path string, before, after any) {
	if reflect.DeepEqual(before, after) {
		return
	}
	if b, a, are := both[map[string]any](before, after); are {
		d.objects(path+".", b, a)
		return
	}
	if b, a, are := both[[]any](before, after); are {
		d.lists(path, b, a)
		return
	}
	*d = append(*d, Difference{path, before, after})
}

// objects compares the members of two objects. prefix is the path before the name of a member.
func (d *differences) objects(prefix string, before, after map[string]any) {
	for _, name := range union(before, after) {
		d.values(prefix+name, before[name], after[name])
	}
}

// lists compares the elements of two lists. Two elements are the same element when both have the same filter, and no
// other element of their list has it.
func (d *differences) lists(path string, before, after []any) {
	b, a := byFilter(before), byFilter(after)
	for _, filter := range union(b, a) {
		if filter != "" && len(b[filter]) == 1 && len(a[filter]) == 1 {
			d.values(path+filter, b[filter][0], a[filter][0])
			continue
		}
		d.rest(path+filter, b[filter], a[filter])
	}
}

// rest adds the elements that only one of two lists has. They have no name, so they are in the order of their JSON.
func (d *differences) rest(path string, before, after []any) {
	b, a := byText(before), byText(after)
	for len(b) > 0 || len(a) > 0 {
		switch order := compareFirst(b, a); {
		case order < 0:
			*d = append(*d, Difference{path, b[0].value, nil})
			b = b[1:]
		case order > 0:
			*d = append(*d, Difference{path, nil, a[0].value})
			a = a[1:]
		default:
			b, a = b[1:], a[1:]
		}
	}
}

// compareFirst compares the first elements of two sorted lists. A list that has ended comes last.
func compareFirst(b, a []element) int {
	switch {
	case len(a) == 0:
		return -1
	case len(b) == 0:
		return 1
	}
	return strings.Compare(b[0].text, a[0].text)
}

// element is an element of a list, with its JSON.
type element struct {
	text  string
	value any
}

func byText(list []any) []element {
	out := make([]element, len(list))
	for i, value := range list {
		text, _ := scim.Encode(value) // a value of a document always encodes
		out[i] = element{string(text), value}
	}
	slices.SortStableFunc(out, func(x, y element) int { return strings.Compare(x.text, y.text) })
	return out
}

// byFilter returns the elements of a list by the filter that selects them in a path; "" for an element without a value
// and a type.
func byFilter(list []any) map[string][]any {
	out := map[string][]any{}
	for _, value := range list {
		filter := ""
		if object, is := value.(map[string]any); is {
			filter = filterOf(object)
		}
		out[filter] = append(out[filter], value)
	}
	return out
}

func filterOf(object map[string]any) string {
	for _, name := range []string{"value", "type"} {
		if text, is := object[name].(string); is && text != "" {
			return "[" + name + " eq " + strconv.Quote(text) + "]"
		}
	}
	return ""
}
