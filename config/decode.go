package config

import (
	"encoding"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// decoder writes nodes into values and reports nodes of a wrong type. It writes every other value, so
// that all values are checked at once.
type decoder struct{ r *report }

// value writes n into v, whose type is one of Config's.
func (d decoder) value(path string, n node, v reflect.Value) {
	if n.kind == kindRefused {
		d.r.broken[path] = true
		return
	}
	if own, ok := reflect.TypeAssert[special](v.Addr()); ok {
		own.decodeNode(d, path, n)
		return
	}
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		d.unmarshal(path, n, u)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.record(path, n, v)
	case reflect.Map:
		d.table(path, n, v)
	case reflect.Slice:
		d.list(path, n, v)
	case reflect.Bool:
		d.boolean(path, n, v)
	case reflect.Int, reflect.Int64:
		d.integer(path, n, v)
	default:
		d.text(path, n, v)
	}
}

// record writes a mapping into a struct, whose json tags are the valid keys.
func (d decoder) record(path string, n node, v reflect.Value) {
	if n.kind == kindNull { // all keys of the section are comments
		return
	}
	if n.kind != kindMapping {
		d.r.broken[path] = true
		d.wrongType(path, n, "keys and values")
		return
	}
	fields := keysOf(v.Type())
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, f.key)
	}
	given := map[string]bool{}
	for _, p := range n.pairs {
		given[p.key] = true
	}
	for _, p := range n.pairs {
		here := join(path, p.key)
		i := slices.Index(names, p.key)
		if i < 0 {
			d.unknown(path, p, names, given)
			continue
		}
		d.r.positions[here] = p.at
		d.value(here, p.value, v.FieldByIndex(fields[i].index))
	}
}

// unknown reports an unknown key. The key that was probably meant counts as given, so that the
// report does not call it missing too.
func (d decoder) unknown(path string, p pair, names []string, given map[string]bool) {
	meant := nearest(p.key, names)
	if meant == "" || given[meant] {
		d.r.at(p.at, join(path, p.key), "unknown key", "Valid here: "+strings.Join(names, ", "))
		return
	}
	d.r.meant[join(path, meant)] = true
	d.r.at(p.at, join(path, p.key), "unknown key", "Did you mean "+strconv.Quote(meant)+"?")
}

func (d decoder) table(path string, n node, v reflect.Value) {
	if n.kind != kindMapping {
		d.wrongType(path, n, "names and their values")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, p := range n.pairs {
		here := join(path, p.key)
		d.r.positions[here] = p.at
		entry := reflect.New(v.Type().Elem()).Elem()
		d.value(here, p.value, entry)
		v.SetMapIndex(reflect.ValueOf(p.key), entry)
	}
}

func (d decoder) list(path string, n node, v reflect.Value) {
	if n.kind != kindSequence {
		d.wrongType(path, n, "a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, entry := range n.items {
		here := item(path, i)
		d.r.positions[here] = entry.at
		d.value(here, entry, v.Index(i))
	}
}

func (d decoder) boolean(path string, n node, v reflect.Value) {
	if n.kind != kindBool {
		d.wrongType(path, n, "true or false")
		return
	}
	v.SetBool(strings.EqualFold(n.text, "true"))
}

func (d decoder) integer(path string, n node, v reflect.Value) {
	i, err := strconv.ParseInt(n.text, 10, 64)
	if n.kind != kindNumber || err != nil || v.OverflowInt(i) {
		d.wrongType(path, n, "a whole number")
		return
	}
	v.SetInt(i)
}

func (d decoder) text(path string, n node, v reflect.Value) {
	if n.kind != kindText {
		d.wrongType(path, n, "text")
		return
	}
	if d.plain(path, n) {
		v.SetString(n.text)
	}
}

func (d decoder) unmarshal(path string, n node, u encoding.TextUnmarshaler) {
	if n.kind == kindNull || n.kind == kindMapping || n.kind == kindSequence {
		d.wrongType(path, n, "a single value")
		return
	}
	if !d.plain(path, n) {
		return
	}
	if err := u.UnmarshalText([]byte(n.text)); err != nil {
		f, ok := errors.AsType[fault](err)
		if !ok {
			f = fault{text: err.Error()}
		}
		d.r.add(path, f.text, f.hint)
	}
}

// plain reports what no text of the file may be or contain.
func (d decoder) plain(path string, n node) bool {
	f := textFault(n.text)
	if f != nil {
		d.r.add(path, f.text, f.hint)
	}
	return f == nil
}

func textFault(text string) *fault {
	switch {
	case text == "":
		return &fault{"is empty", "Give it a value or remove the key"}
	case strings.Contains(text, "${"):
		return &fault{"has ${...} in it, and nothing is expanded in this file", "Write the value itself; a client secret comes from clientSecretFile or clientSecretEnv"}
	case strings.ContainsFunc(text, unicode.IsControl):
		return &fault{"has a control character or a line break in it", "Write it as one line of text"}
	}
	return nil
}

// CheckText returns why a text cannot be a value of the file, and nil when it can.
func CheckText(text string) error {
	if f := textFault(text); f != nil {
		return errors.New(f.text)
	}
	return nil
}

// wrongType never quotes the value: it could be a secret in the wrong place.
func (d decoder) wrongType(path string, n node, want string) {
	if n.kind == kindNull {
		d.r.add(path, "has no value", "Give it a value or remove the key")
		return
	}
	hint := ""
	switch {
	case want == "text", want == "a single value" && n.kind == kindMapping:
		hint = "Put quotes around the value if it is meant as text"
	case want == "a list":
		hint = `Begin each entry with "- "`
	}
	d.r.add(path, "must be "+want+butIs(n.kind, want), hint)
}

// butIs names what the file has, when that helps: 1.5 is a number, but not a whole number.
func butIs(k kind, want string) string {
	switch {
	case k == kindMapping:
		return ", not keys and values"
	case k == kindSequence:
		return ", not a list"
	case k == kindBool:
		return ", not true or false"
	case k == kindNumber && want != "a whole number":
		return ", not a number"
	case k == kindText:
		return ", not text"
	default:
		return ""
	}
}

type field struct {
	key   string
	index []int // for FieldByIndex
}

// keysOf returns the keys of a struct in the order of its fields, including the keys of embedded
// structs.
func keysOf(t reflect.Type) []field {
	var out []field
	for _, f := range reflect.VisibleFields(t) {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key != "-" && !f.Anonymous {
			out = append(out, field{key: key, index: f.Index})
		}
	}
	return out
}
