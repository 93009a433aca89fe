package config

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Problem is one fault of a configuration or mapping file.
type Problem struct {
	File string `json:"file"`           // as it was given to Load
	Line int    `json:"line,omitempty"` // from 1; 0 when the fault has no line
	Path string `json:"path,omitempty"` // of the key: realms.acme.tenants[0].path; "" for the whole file
	Text string `json:"text"`           // what is wrong
	Hint string `json:"hint,omitempty"` // how to fix it; "" when the text says so

	// Column and Excerpt (the text of the line) are only given for mapping files: a line of
	// config.yaml may have a secret in the wrong place.
	Column  int    `json:"column,omitempty"` // from 1, in characters
	Excerpt string `json:"excerpt,omitempty"`
}

// String returns "file:line:column: path: text. hint" without the parts that are empty. The excerpt
// is not part of it.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		b.WriteString(":" + strconv.Itoa(p.Line))
	}
	if p.Column > 0 {
		b.WriteString(":" + strconv.Itoa(p.Column))
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	if p.Hint != "" {
		b.WriteString(". " + p.Hint)
	}
	return b.String()
}

// report collects problems, and knows the places of the keys in the file.
type report struct {
	file      string
	positions map[string]position // of the keys that were given
	meant     map[string]bool     // keys that were probably meant by unknown keys
	broken    map[string]bool     // sections whose keys could not be read
	problems  []Problem
	others    []Problem         // of further files
	files     map[string]Digest // that were read
	excerpts  []string          // the lines of the file, when a problem may show them
}

func newReport(file string) *report {
	return &report{file: file, positions: map[string]position{}, meant: map[string]bool{}, broken: map[string]bool{}, files: map[string]Digest{}}
}

// at reports a problem at a place.
func (r *report) at(at position, path, text, hint string) {
	p := Problem{File: r.file, Line: at.line, Path: path, Text: text, Hint: hint}
	if 0 < at.line && at.line <= len(r.excerpts) {
		p.Column, p.Excerpt = at.column, r.excerpts[at.line-1]
	}
	r.problems = append(r.problems, p)
}

// add reports a problem at the key, or at the nearest key around it.
func (r *report) add(path, text, hint string) {
	r.at(r.position(path), path, text, hint)
}

// missing reports a key that is not given. It does not report a key that has a problem already,
// that was misspelled, or whose section is not a section.
func (r *report) missing(parent, key, hint string) {
	path := join(parent, key)
	if !r.given(path) && !r.meant[path] && !r.inBroken(parent) {
		r.add(path, "is missing", hint)
	}
}

// given reports whether the file has the key.
func (r *report) given(path string) bool {
	_, ok := r.positions[path]
	return ok
}

// failed reports whether the key has a problem already.
func (r *report) failed(path string) bool {
	return slices.ContainsFunc(r.problems, func(p Problem) bool { return p.Path == path })
}

// position returns the place of a key, or of the nearest key around it, or the beginning of the
// file.
func (r *report) position(path string) position {
	for path != "" {
		if at, ok := r.positions[path]; ok {
			return at
		}
		path = around(path)
	}
	return position{1, 1}
}

// inBroken reports whether the section, or one around it, could not be read.
func (r *report) inBroken(path string) bool {
	for ; path != ""; path = around(path) {
		if r.broken[path] {
			return true
		}
	}
	return false
}

// around returns the path of the section that has a key, "" at the top.
func around(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// sorted returns the problems in the order of their lines, then the problems of other files.
func (r *report) sorted() []Problem {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Text, b.Text))
	})
	return append(r.problems, r.others...)
}

// join returns the path of a key. It quotes a key that is not a plain word, so that a hostile key
// cannot look like another path or break the line.
func join(parent, key string) string {
	if len(key) > 64 || !only(key, "_-") {
		key = strconv.Quote(cut(key, maxKey))
	}
	if parent == "" {
		return key
	}
	return parent + "." + key
}

// only reports whether s has only ASCII letters, digits and the given further characters, and is
// not empty.
func only(s, further string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		plain := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		return !plain && !strings.ContainsRune(further, c)
	})
}

func item(parent string, index int) string {
	return parent + "[" + strconv.Itoa(index) + "]"
}

// maxKey bounds the length of a key in a path: a URN with an attribute fits.
const maxKey = 255

// shorten cuts a text that a message quotes.
func shorten(s string) string { return cut(s, 64) }

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// fault is the error for a value that a type refuses: the text and hint of a Problem.
type fault struct{ text, hint string }

func (f fault) Error() string { return f.text }

// Hint returns how to fix a value that a type of this package refuses, and "" for other errors.
func Hint(err error) string {
	var f fault
	errors.As(err, &f)
	return f.hint
}
