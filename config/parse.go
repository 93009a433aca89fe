package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Bounds that hold before the parser runs: its memory grows with depth times
// length, and its time with the square of the length (go-yaml 1.19.2).
const (
	maxFileBytes = 1 << 20
	maxLineBytes = 4096
	maxDepth     = 32
)

type kind int

const (
	kindNull kind = iota
	kindText
	kindNumber
	kindBool
	kindMapping
	kindSequence
	kindRefused // reported already
)

// node is a YAML value with the line it stands on.
type node struct {
	kind  kind
	line  int
	text  string // of a scalar, as written but unquoted
	pairs []pair
	items []node
}

type pair struct {
	key   string
	line  int
	value node
}

// parse returns the document as nodes. What YAML itself refuses is reported, and
// ok is false when nothing can be said about the rest.
func parse(data []byte, r *report) (root node, ok bool) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if line, f := bounds(data); f != nil {
		r.at(line, "", f.text, f.hint)
		return node{}, false
	}
	file, err := parseYAML(data)
	if err != nil {
		reportSyntax(err, r)
		return node{}, false
	}
	c := converter{r: r}
	var body ast.Node
	for _, doc := range file.Docs {
		if _, directive := doc.Body.(*ast.DirectiveNode); doc.Body == nil || directive {
			continue
		}
		if body != nil {
			r.at(lineOf(doc.Body), "", "holds more than one YAML document", "Keep one and remove the line ---")
			break
		}
		body = doc.Body
	}
	return c.node("", body), true
}

// bounds finds what is not given to the parser, with its line.
func bounds(data []byte) (int, *fault) {
	if len(data) > maxFileBytes {
		return 0, &fault{"is larger than 1 MiB", "Check that it is the configuration file"}
	}
	depth, number := 0, 0
	for line := range bytes.Lines(data) {
		number++
		switch {
		case !utf8.Valid(line):
			return number, &fault{"is not UTF-8 text", "Save the file as UTF-8"}
		case len(line) > maxLineBytes:
			return number, &fault{"the line is longer than 4096 bytes", "Break it into several lines"}
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(depth-1, 0)
			}
		}
		if depth > maxDepth {
			return number, &fault{"brackets are nested more than 32 deep", "Close them"}
		}
	}
	return 0, nil
}

// parseYAML turns a panic of the parser into an error: no input may end the process.
func parseYAML(data []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("parse: %v", p)
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

// reportSyntax reports the parser's own message without its excerpt of the file,
// which could show a value that is meant to be secret.
func reportSyntax(err error, r *report) {
	line, text := 0, "is not valid YAML"
	if e, ok := errors.AsType[yaml.Error](err); ok {
		text += ": " + strings.ReplaceAll(e.GetMessage(), "\t", `\t`)
		if t := e.GetToken(); t != nil && t.Position != nil {
			line = t.Position.Line
		}
	}
	hint := "Look at the indentation, colons and quotes at this line and above it"
	if strings.Contains(text, `\t`) {
		hint = "Indent with spaces; YAML allows no tabs there"
	}
	r.at(line, "", text, hint)
}

type converter struct{ r *report }

func (c converter) node(path string, n ast.Node) node {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return node{kind: kindNull, line: lineOf(n)}
	case *ast.StringNode:
		return node{kind: kindText, line: lineOf(n), text: n.Value}
	case *ast.LiteralNode:
		return node{kind: kindText, line: lineOf(n), text: n.Value.Value}
	case *ast.BoolNode:
		return node{kind: kindBool, line: lineOf(n), text: n.Token.Value}
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return node{kind: kindNumber, line: lineOf(n), text: n.GetToken().Value}
	case *ast.MappingValueNode:
		return c.mapping(path, lineOf(n.Key), []*ast.MappingValueNode{n})
	case *ast.MappingNode:
		return c.mapping(path, lineOf(n), n.Values)
	case *ast.SequenceNode:
		out := node{kind: kindSequence, line: lineOf(n)}
		for i, v := range n.Values {
			out.items = append(out.items, c.node(item(path, i), v))
		}
		return out
	default:
		return c.refuse(path, n)
	}
}

// refuse reports what a configuration has no use for: anchors, aliases, tags.
// Aliases would let a small file stand for a huge one.
func (c converter) refuse(path string, n ast.Node) node {
	c.r.at(lineOf(n), path, "uses a YAML anchor, alias, merge key, tag or complex key", "Write the value out")
	return node{kind: kindRefused, line: lineOf(n)}
}

func (c converter) mapping(path string, line int, values []*ast.MappingValueNode) node {
	out := node{kind: kindMapping, line: line}
	first := map[string]int{}
	for _, v := range values {
		key, ok := keyText(v.Key)
		if !ok {
			c.refuse(path, v.Key)
			continue
		}
		at := lineOf(v.Key)
		here := join(path, key)
		if before, twice := first[key]; twice {
			c.r.at(at, here, fmt.Sprintf("is given twice, first in line %d", before), "Remove one of the two")
			continue
		}
		first[key] = at
		out.pairs = append(out.pairs, pair{key: key, line: at, value: c.node(here, v.Value)})
	}
	return out
}

// keyText returns a key as it is written: a realm may be called 2024.
func keyText(key ast.MapKeyNode) (string, bool) {
	switch key := key.(type) {
	case *ast.StringNode:
		return key.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return key.GetToken().Value, true
	default:
		return "", false
	}
}

func lineOf(n ast.Node) int {
	if n == nil {
		return 1
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}
