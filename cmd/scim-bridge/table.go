package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
)

// column is a column of a table: its name, and the text of its cell for a value.
type column[T any] struct {
	name string
	cell func(T) string
}

// printer prints values one after the other.
type printer[T any] interface {
	print(T) error
	end() error
}

// newTable prints values as a table: as aligned columns below their names, as CSV, or as a JSON
// array of the values with all their fields.
func newTable[T any](out io.Writer, o output, columns []column[T]) printer[T] {
	switch o {
	case asJSON:
		return &jsonArray[T]{out: out}
	case asCSV:
		return newCSV(out, columns)
	case asText:
	}
	const gap = 2
	t := textTable[T]{tabwriter.NewWriter(out, 0, 0, gap, ' ', 0), columns}
	_ = t.line(names(columns), strings.ToUpper) // end returns the error
	return t
}

// newReport prints values that come one by one while a command works. As text it prints the lines
// for each value that has some. For programs it prints CSV, or a JSON object on each line.
func newReport[T any](out io.Writer, o output, lines func(T) []string, columns []column[T]) printer[T] {
	switch o {
	case asJSON:
		return jsonLines[T]{json.NewEncoder(out)}
	case asCSV:
		return newCSV(out, columns)
	case asText:
	}
	return sentences[T]{out, lines}
}

// printTable prints all values as newTable does.
func printTable[T any](out io.Writer, o output, columns []column[T], values []T) error {
	p := newTable(out, o, columns)
	for _, value := range values {
		if err := p.print(value); err != nil {
			return err
		}
	}
	return p.end()
}

// printRecord prints all properties of one thing: a line for each property or, as JSON, the thing
// itself.
func printRecord(out io.Writer, o output, thing any, lines []app.Line) error {
	columns := []column[app.Line]{
		{"name", func(l app.Line) string { return l.Name }},
		{"text", func(l app.Line) string { return l.Text }},
	}
	switch o {
	case asJSON:
		return json.NewEncoder(out).Encode(thing)
	case asCSV:
		return printTable(out, o, columns, lines)
	case asText:
	}
	const gap = 2
	t := textTable[app.Line]{tabwriter.NewWriter(out, 0, 0, gap, ' ', 0), columns}
	for _, line := range lines {
		for text := range strings.SplitSeq(line.Text, "\n") {
			if err := t.print(app.Line{Name: line.Name, Text: text}); err != nil {
				return err
			}
			line.Name = ""
		}
	}
	return t.end()
}

func names[T any](columns []column[T]) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.name
	}
	return out
}

func cells[T any](columns []column[T], value T) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.cell(value)
	}
	return out
}

// textTable aligns columns. It holds all rows until the end, because the widest cell may come last.
type textTable[T any] struct {
	w       *tabwriter.Writer
	columns []column[T]
}

func (t textTable[T]) print(value T) error { return t.line(cells(t.columns, value), printable) }

func (t textTable[T]) line(texts []string, as func(string) string) error {
	for i, text := range texts {
		texts[i] = as(text)
	}
	_, err := fmt.Fprintln(t.w, strings.Join(texts, "\t"))
	return err
}

func (t textTable[T]) end() error { return t.w.Flush() }

// printable replaces characters that could command a terminal or begin another row.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// csvTable prints rows in the format of RFC 4180.
type csvTable[T any] struct {
	w       *csv.Writer
	columns []column[T]
}

// newCSV prints the names of the columns at once: a report without a value is a table too.
func newCSV[T any](out io.Writer, columns []column[T]) csvTable[T] {
	w := csv.NewWriter(out)
	_ = w.Write(names(columns)) // print and end return the error
	w.Flush()
	return csvTable[T]{w, columns}
}

// print writes each row at once, because a reader may wait for it.
func (t csvTable[T]) print(value T) error {
	row := cells(t.columns, value)
	for i, text := range row {
		row[i] = noFormula(text)
	}
	_ = t.w.Write(row) // Error returns the error
	t.w.Flush()
	return t.w.Error()
}

func (t csvTable[T]) end() error {
	t.w.Flush()
	return t.w.Error()
}

// noFormula keeps a spreadsheet from running a cell: an operator who opens the file would run what
// a person wrote into a directory. A spreadsheet of another language divides cells at a semicolon,
// also within quotes, and some divide them at a tab or a line break. So each part of the text is
// treated like a cell.
func noFormula(text string) string {
	var out strings.Builder
	for text != "" {
		end := strings.IndexAny(text, separators) + 1
		if end == 0 {
			end = len(text)
		}
		if isFormula(text[:end]) {
			out.WriteByte('\'')
		}
		out.WriteString(text[:end])
		text = text[end:]
	}
	return out.String()
}

// separators are the characters at which a spreadsheet may divide a cell.
const separators = ";\t\r\n"

// isFormula reports whether a spreadsheet may run a text. A phone number such as +49 30 1234 is not
// a formula, because a text without a letter cannot run anything.
func isFormula(text string) bool {
	const begin, number = "=+-@＝＋－＠", "+-0123456789 ().,/" + separators
	if !strings.ContainsRune(begin, firstRune(text)) {
		return false
	}
	return text[0] != '+' && text[0] != '-' || strings.Trim(text, number) != ""
}

// firstRune returns the first character of a text, and -1 for an empty text.
func firstRune(text string) rune {
	for _, r := range text {
		return r
	}
	return -1
}

// jsonArray prints an array with a value on each line.
type jsonArray[T any] struct {
	out   io.Writer
	begun bool
}

func (a *jsonArray[T]) print(value T) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	before := "["
	if a.begun {
		before = ",\n"
	}
	a.begun = true
	_, err = fmt.Fprint(a.out, before, string(data))
	return err
}

func (a *jsonArray[T]) end() error {
	text := "]"
	if !a.begun {
		text = "[]"
	}
	_, err := fmt.Fprintln(a.out, text)
	return err
}

type jsonLines[T any] struct{ w *json.Encoder }

func (l jsonLines[T]) print(value T) error { return l.w.Encode(value) }

func (jsonLines[T]) end() error { return nil }

// sentences prints the lines for each value, and nothing for a value without a line.
type sentences[T any] struct {
	out   io.Writer
	lines func(T) []string
}

func (s sentences[T]) print(value T) error {
	for _, line := range s.lines(value) {
		if _, err := fmt.Fprintln(s.out, printable(line)); err != nil {
			return err
		}
	}
	return nil
}

func (sentences[T]) end() error { return nil }
