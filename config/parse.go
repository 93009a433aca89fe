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

// Bounds that are checked before the parser runs: its memory grows with depth times length, and its
// time with the square of the length (go-yaml 1.19.2).
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

// position is a place in a file, both numbers from 1. Line 0 means no place.
type position struct{ line, column int }

// node is a YAML value with its place.
type node struct {
	kind  kind
	at    position
	text  string // of a scalar, as written but unquoted
	pairs []pair
	items []node
}

type pair struct {
	key   string
	at    position
	value node
}

// parse returns the document as nodes. It reports what YAML itself refuses. ok is false when it
// could read nothing.
func parse(data []byte, r *report) (root node, ok bool) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if line, f := bounds(data); f != nil {
		r.at(position{line: line}, "", f.text, f.hint)
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
			r.at(positionOf(doc.Body), "", "has more than one YAML document", "Keep one and remove the line ---")
			break
		}
		body = doc.Body
	}
	return c.node("", body), true
}

// bounds finds what the parser must not get, with its line.
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

// reportSyntax reports the parser's own message without its excerpt of the file, which could show a
// secret.
func reportSyntax(err error, r *report) {
	at, text := position{}, "is not valid YAML"
	if e, ok := errors.AsType[yaml.Error](err); ok {
		text += ": " + strings.ReplaceAll(e.GetMessage(), "\t", `\t`)
		if t := e.GetToken(); t != nil && t.Position != nil {
			at = position{t.Position.Line, t.Position.Column}
		}
	}
	hint := "Check the indentation, colons and quotes on this line and above it"
	if strings.Contains(text, `\t`) {
		hint = "Indent with spaces; YAML allows no tabs there"
	}
	r.at(at, "", text, hint)
}

type converter struct{ r *report }

func (c converter) node(path string, n ast.Node) node {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return node{kind: kindNull, at: positionOf(n)}
	case *ast.StringNode:
		return node{kind: kindText, at: positionOf(n), text: n.Value}
	case *ast.LiteralNode:
		return node{kind: kindText, at: positionOf(n), text: n.Value.Value}
	case *ast.BoolNode:
		return node{kind: kindBool, at: positionOf(n), text: n.Token.Value}
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return node{kind: kindNumber, at: positionOf(n), text: n.GetToken().Value}
	case *ast.MappingValueNode:
		return c.mapping(path, positionOf(n.Key), []*ast.MappingValueNode{n})
	case *ast.MappingNode:
		return c.mapping(path, positionOf(n), n.Values)
	case *ast.SequenceNode:
		out := node{kind: kindSequence, at: positionOf(n)}
		for i, v := range n.Values {
			out.items = append(out.items, c.node(item(path, i), v))
		}
		return out
	default:
		return c.refuse(path, n)
	}
}

// refuse reports what a configuration does not need: anchors, aliases and tags. With aliases a
// small file could become a huge value.
func (c converter) refuse(path string, n ast.Node) node {
	c.r.at(positionOf(n), path, "uses a YAML anchor, alias, merge key, tag or complex key", "Write the value out")
	return node{kind: kindRefused, at: positionOf(n)}
}

func (c converter) mapping(path string, at position, values []*ast.MappingValueNode) node {
	out := node{kind: kindMapping, at: at}
	first := map[string]position{}
	for _, v := range values {
		key, ok := keyText(v.Key)
		if !ok {
			c.refuse(path, v.Key)
			continue
		}
		at := positionOf(v.Key)
		here := join(path, key)
		if before, twice := first[key]; twice {
			c.r.at(at, here, fmt.Sprintf("is given twice, first on line %d", before.line), "Remove one of the two")
			continue
		}
		first[key] = at
		out.pairs = append(out.pairs, pair{key: key, at: at, value: c.node(here, v.Value)})
	}
	return out
}

// keyText returns a key as it is written, because the name of a realm may be 2024.
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

func positionOf(n ast.Node) position {
	if n != nil {
		if t := n.GetToken(); t != nil && t.Position != nil {
			return position{t.Position.Line, t.Position.Column}
		}
	}
	return position{1, 1}
}
