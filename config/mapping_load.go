package config

import (
	"bytes"
	"crypto/sha256"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Source is a mapping file that was read. It turns mistakes in the meaning of the file into
// problems with a place. The zero Source has no file: it accepts no problem and has no problem.
type Source struct {
	r      *report
	digest Digest
}

// Digest is the SHA-256 of the file as it was read, for Watch.
func (s Source) Digest() Digest { return s.digest }

// Add reports a problem at a key, or at the nearest key around it.
func (s Source) Add(where Where, text, hint string) {
	if s.r != nil {
		s.r.add(string(where), text, hint)
	}
}

// Problems returns all problems in the order of their lines.
func (s Source) Problems() []Problem {
	if s.r == nil {
		return nil
	}
	return s.r.sorted()
}

// Failed reports whether the key has a problem already, or was misspelled.
func (s Source) Failed(where Where) bool {
	return s.r != nil && (s.r.failed(string(where)) || s.r.meant[string(where)])
}

// LoadMapping reads a mapping file. The Source has the problems of the file, and bridge/mapping
// adds problems of its meaning. A Mapping whose Source has problems has what could be read, and
// must not be used. LoadMapping never panics, whatever the file has in it.
func LoadMapping(path string) (Mapping, Source) {
	r := newReport(path)
	data, err := readConfig(path)
	if err != nil {
		r.at(position{}, "", "cannot be read: "+cause(err), "Check the name of the file, who owns it and its mode")
		return Mapping{}, Source{r: r}
	}
	return parseMapping(data, r), Source{r: r, digest: sha256.Sum256(data)}
}

// ParseMapping reads a text as LoadMapping reads a file. name is the name of the file in its
// problems.
func ParseMapping(name string, data []byte) (Mapping, Source) {
	r := newReport(name)
	return parseMapping(data, r), Source{r: r, digest: sha256.Sum256(data)}
}

func parseMapping(data []byte, r *report) Mapping {
	var m Mapping
	for line := range bytes.Lines(data) {
		r.excerpts = append(r.excerpts, strings.ToValidUTF8(strings.TrimRight(string(line), "\r\n"), "�"))
	}
	if decodeFile(data, r, &m) {
		checker{report: r}.mapping(m)
	}
	return m
}

func (k checker) mapping(m Mapping) {
	k.missing("", "version", "Add the line: version: 1")
	if m.Version != MappingVersion && k.given("version") && !k.failed("version") {
		k.add("version", "must be "+strconv.Itoa(MappingVersion), "Write: version: 1")
	}
	for _, s := range m.Schemas {
		k.missing(string(s.Where), "resource", "Say what the schema extends: User or Group")
		if len(s.Value.Attributes) == 0 {
			k.none(string(s.Where), "attributes", s.Value.Attributes == nil, "Add an attribute, or remove the schema")
		}
	}
	for i, r := range m.Users.Roles {
		if rule := item("users.roles", i); len(r.Grant) == 0 {
			k.none(rule, "grant", r.Grant == nil, "List the roles that the rule grants")
		}
	}
	if m.Users.Link != (Link{}) || k.given("users.link") {
		k.missing("users.link", "identityProvider", "Name the identity provider by its alias")
		k.missing("users.link", "userId", "Name the attribute that holds the user's id at the identity provider, like externalId")
	}
}

// special is a type that decodes its node itself.
type special interface {
	decodeNode(d decoder, path string, n node)
}

func (t *Table[T]) decodeNode(d decoder, path string, n node) {
	if n.kind == kindNull { // all keys of the section are comments
		return
	}
	if n.kind != kindMapping {
		d.r.broken[path] = true
		d.wrongType(path, n, "names and their values")
		return
	}
	*t = Table[T]{}
	for _, p := range n.pairs {
		here := join(path, p.key)
		d.r.positions[here] = p.at
		e := Entry[T]{Name: p.key, Where: Where(here)}
		d.value(here, p.value, reflect.ValueOf(&e.Value).Elem())
		*t = append(*t, e)
	}
}

func (t *Transform) decodeNode(d decoder, path string, n node) {
	t.Where = Where(path)
	switch {
	case n.kind == kindText:
		t.Name = n.text
		if doc, ok := t.doc(d); ok && doc.Argument != "" {
			d.r.add(path, strconv.Quote(t.Name)+" needs an argument", "Write it like { "+t.Name+": "+example(doc)+" }")
		}
	case n.kind == kindMapping && len(n.pairs) == 1:
		t.Name = n.pairs[0].key
		here := join(path, t.Name)
		d.r.positions[here] = n.pairs[0].at
		if doc, ok := t.doc(d); ok {
			t.argument(d, doc, here, n.pairs[0].value)
		}
	default:
		d.r.add(path, "is not a transform", "Write its name, like trim, or its name and its argument, like { prefix: acme- }")
	}
}

func example(doc TransformDoc) string {
	if doc.Argument == "table" {
		return "{ M: male, F: female }"
	}
	return `","`
}

// doc returns the description of the transform, and reports an unknown transform.
func (t *Transform) doc(d decoder) (TransformDoc, bool) {
	var names []string
	for _, doc := range TransformDocs() {
		if doc.Name == t.Name {
			return doc, true
		}
		names = append(names, doc.Name)
	}
	hint := "The transforms are " + strings.Join(names, ", ")
	if meant := nearest(t.Name, names); meant != "" {
		hint = "Did you mean " + strconv.Quote(meant) + "?"
	}
	d.r.add(string(t.Where), strconv.Quote(shorten(t.Name))+" is not a transform", hint)
	return TransformDoc{}, false
}

func (t *Transform) argument(d decoder, doc TransformDoc, path string, n node) {
	switch doc.Argument {
	case "":
		d.r.add(path, strconv.Quote(t.Name)+" takes no argument", "Write only its name")
	case "text":
		d.textOf(path, n, &t.Text)
	default:
		t.table(d, path, n)
	}
}

func (t *Transform) table(d decoder, path string, n node) {
	if n.kind != kindMapping {
		d.wrongType(path, n, "names and their values")
		return
	}
	for _, p := range n.pairs {
		pair := Pair{From: p.key}
		here := join(path, p.key)
		d.r.positions[here] = p.at
		d.textOf(here, p.value, &pair.To)
		if before := slices.IndexFunc(t.Pairs, func(b Pair) bool { return b.To == pair.To }); before >= 0 && pair.To != "" {
			d.r.add(here, "gives the same value as "+strconv.Quote(shorten(t.Pairs[before].From)), "Give each entry its own value: the bridge could not tell apart the values that it reads from Keycloak")
		}
		t.Pairs = append(t.Pairs, pair)
	}
}

// textOf reads a scalar as it is written: numbers and booleans are texts here.
func (d decoder) textOf(path string, n node, to *string) {
	switch {
	case n.kind != kindText && n.kind != kindNumber && n.kind != kindBool:
		d.wrongType(path, n, "text")
	case d.plain(path, n):
		*to = n.text
	}
}
