package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one fault of a configuration file.
type Problem struct {
	File string // as it was given to Load
	Line int    // from 1; 0 when the fault has no line
	Path string // of the key: realms.acme.tenants[0].path; "" for the whole file
	Text string // what is wrong
	Hint string // how to fix it; "" when the text says so
}

// String returns "file:line: path: text. hint" without the parts that are empty.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		b.WriteString(":" + strconv.Itoa(p.Line))
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

// report collects problems and knows the lines of the keys that were given.
type report struct {
	file     string
	lines    map[string]int  // of the keys that were given
	meant    map[string]bool // keys that an unknown one was probably meant to be
	broken   map[string]bool // sections whose keys could not be read
	problems []Problem
}

func newReport(file string) *report {
	return &report{file: file, lines: map[string]int{}, meant: map[string]bool{}, broken: map[string]bool{}}
}

// at reports a problem at a line.
func (r *report) at(line int, path, text, hint string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Path: path, Text: text, Hint: hint})
}

// add reports a problem at the line of the key, or of the nearest key around it.
func (r *report) add(path, text, hint string) {
	r.at(r.line(path), path, text, hint)
}

// missing reports a key that was not given. One that was given and could not be
// used was reported then, and so was one that was misspelled or whose section is
// no section.
func (r *report) missing(parent, key, hint string) {
	path := join(parent, key)
	if !r.given(path) && !r.meant[path] && !r.inBroken(parent) {
		r.add(path, "is missing", hint)
	}
}

// given reports whether the file has the key.
func (r *report) given(path string) bool {
	_, ok := r.lines[path]
	return ok
}

// failed reports whether the key has a problem already.
func (r *report) failed(path string) bool {
	return slices.ContainsFunc(r.problems, func(p Problem) bool { return p.Path == path })
}

// line returns the line of a key, or of the nearest key around it, or 1.
func (r *report) line(path string) int {
	for path != "" {
		if line, ok := r.lines[path]; ok {
			return line
		}
		path = around(path)
	}
	return 1
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

// around returns the path of what a key stands in, "" at the top.
func around(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// sorted returns the problems in the order of their lines.
func (r *report) sorted() []Problem {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Text, b.Text))
	})
	return r.problems
}

// join returns the path of a key. A key that is no plain word is quoted, so that a
// hostile one cannot pass for another path or break the line.
func join(parent, key string) string {
	if len(key) > 64 || !only(key, "_-") {
		key = strconv.Quote(shorten(key))
	}
	if parent == "" {
		return key
	}
	return parent + "." + key
}

// only reports whether s is ASCII letters, digits and the given further characters,
// and not empty.
func only(s, further string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		plain := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		return !plain && !strings.ContainsRune(further, c)
	})
}

func item(parent string, index int) string {
	return parent + "[" + strconv.Itoa(index) + "]"
}

// shorten cuts what a message quotes.
func shorten(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// fault is the error of a value that a type refuses: the text and hint of a Problem.
type fault struct{ text, hint string }

func (f fault) Error() string { return f.text }
