package bulk

import (
	"iter"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// inPath finds references in the value path of a PATCH: members[value eq "bulkId:x"].
var inPath = regexp.MustCompile(`"` + prefix + `([^"\\]+)"`)

// references are the bulkIds that an operation refers to, in its path and in its data. A bulkId can come more than
// once.
func (op *Operation) references() iter.Seq[string] {
	return func(yield func(string) bool) {
		if id, ok := strings.CutPrefix(op.ID, prefix); ok && !yield(id) {
			return
		}
		for name, text := range texts(op.Data) {
			if id, ok := strings.CutPrefix(text, prefix); ok && !yield(id) {
				return
			}
			if !op.hasPath(name) {
				continue
			}
			for _, match := range inPath.FindAllStringSubmatch(text, -1) {
				if !yield(match[1]) {
					return
				}
			}
		}
	}
}

// hasPath reports whether a member of the name is the path of a PATCH.
func (op *Operation) hasPath(name string) bool {
	return op.Method == http.MethodPatch && strings.EqualFold(name, "path")
}

// texts are all strings of a value, with the names of their members.
func texts(value any) iter.Seq2[string, string] {
	return func(yield func(name, text string) bool) { walk("", value, yield) }
}

func walk(name string, value any, yield func(name, text string) bool) bool {
	switch v := value.(type) {
	case string:
		return yield(name, v)
	case []any:
		for _, element := range v {
			if !walk(name, element, yield) {
				return false
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if !walk(name, v[name], yield) {
				return false
			}
		}
	}
	return true
}

// resolve replaces references by ids. It leaves out a value that refers to a resource of a later operation (later are
// the bulkIds of these operations). The value is an element of an array, or else the whole attribute. rest are the PATCH
// operations that add these values.
func (op Operation) resolve(ids map[string]string, later map[string]bool) (resolved Operation, rest []any) {
	if id, ok := strings.CutPrefix(op.ID, prefix); ok {
		op.ID = ids[id]
	}
	s := substitution{ids, later, op.hasPath}
	op.Data, rest = s.attributes(op.Data, "")
	return op, rest
}

// whole is op with every reference resolved.
func (op Operation) whole(ids map[string]string) Operation {
	op, _ = op.resolve(ids, nil)
	return op
}

type substitution struct {
	ids    map[string]string
	later  map[string]bool
	isPath func(name string) bool
}

// attributes resolves an object of attributes: a document or an extension. The paths in an extension begin with its URN
// and a colon.
func (s substitution) attributes(object map[string]any, urn string) (out map[string]any, rest []any) {
	if object == nil {
		return nil, nil
	}
	if len(s.later) == 0 {
		s.value("", object)
		return object, nil
	}
	out = make(map[string]any, len(object))
	add := func(name string, value any) {
		rest = append(rest, map[string]any{"op": "add", "path": urn + name, "value": value})
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		value := object[name]
		if !s.refersLater(value) {
			out[name] = s.value(name, value)
			continue
		}
		switch v := value.(type) {
		case map[string]any:
			if strings.HasPrefix(strings.ToLower(name), "urn:") {
				var more []any
				out[name], more = s.attributes(v, name+":")
				rest = append(rest, more...)
				continue
			}
			add(name, v)
		case []any:
			var now, then []any
			for _, element := range v {
				if s.refersLater(element) {
					then = append(then, element)
				} else {
					now = append(now, s.value(name, element))
				}
			}
			if len(now) > 0 {
				out[name] = now
			}
			add(name, then)
		default:
			add(name, v)
		}
	}
	return out, rest
}

func (s substitution) refersLater(value any) bool {
	for _, text := range texts(value) {
		if id, ok := strings.CutPrefix(text, prefix); ok && s.later[id] {
			return true
		}
	}
	return false
}

// value resolves references in place. A copy could be as large as the whole body, and nobody needs the unresolved form.
func (s substitution) value(name string, value any) any {
	switch v := value.(type) {
	case string:
		return s.text(name, v)
	case []any:
		for i, element := range v {
			v[i] = s.value(name, element)
		}
	case map[string]any:
		for name, member := range v {
			v[name] = s.value(name, member)
		}
	}
	return value
}

func (s substitution) text(name, text string) string {
	if id, ok := strings.CutPrefix(text, prefix); ok {
		return s.ids[id]
	}
	if !s.isPath(name) {
		return text
	}
	return inPath.ReplaceAllStringFunc(text, func(match string) string {
		return `"` + s.ids[inPath.FindStringSubmatch(match)[1]] + `"`
	})
}
