package prose

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Text is a piece of prose: a comment, a string of the program, a paragraph, an item or a cell of a page.
type Text struct {
	File string // below the root
	Line int    // on which it begins, from 1 on
	Text string // in one line; code in it is the word CODE
	Code bool   // whether it is a string of the program, which need not be a sentence
}

// Texts are all pieces of prose below a root: comments of Go and YAML files, strings of the program that hold words,
// and pages.
func Texts(root fs.FS) ([]Text, error) {
	var out []Text
	kinds := map[string]func(name, data string) ([]Text, error){".go": ofGo, ".md": ofPage, ".yaml": ofYAML}
	err := walk(root, func(name, data string) error {
		texts, err := kinds[path.Ext(name)](name, data)
		out = append(out, texts...)
		return err
	}, slices.Collect(maps.Keys(kinds))...)
	return out, err
}

// walk reads the files below a root that have one of some extensions, but not hidden directories and testdata.
func walk(root fs.FS, read func(name, data string) error, extensions ...string) error {
	return fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.IsDir() || !slices.Contains(extensions, path.Ext(name)):
			return nil
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		return read(name, string(data))
	})
}

var (
	generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
	directive = regexp.MustCompile(`^(?:go:|lint:|nolint|line |export )`)
	// words is what makes a string prose: three words in a row that begin with a letter of the alphabet.
	words = regexp.MustCompile(`(?:[A-Za-z][a-z']*[,;:]? ){2,}[a-z]+`)
)

// ofGo are the comments of a Go file and, unless it is a test, its strings that hold words.
func ofGo(name, data string) ([]Text, error) {
	if generated.MatchString(data) {
		return nil, nil
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, data, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var out []Text
	for _, group := range file.Comments {
		out = append(out, ofComment(name, set.Position(group.Pos()).Line, group)...)
	}
	if strings.HasSuffix(name, "_test.go") {
		return out, nil
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if field, ok := n.(*ast.Field); ok && field.Tag != nil {
			return false
		}
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		value, err := strconv.Unquote(literal.Value)
		if err == nil && words.MatchString(value) {
			for i, line := range strings.Split(value, "\n") {
				out = append(out, Text{File: name, Line: set.Position(literal.Pos()).Line + i, Text: plain(line), Code: true})
			}
		}
		return true
	})
	return out, nil
}

// ofComment are the paragraphs of a comment. An indented line is code.
func ofComment(name string, line int, group *ast.CommentGroup) []Text {
	var lines []string
	for _, comment := range group.List {
		text, ok := strings.CutPrefix(comment.Text, "//")
		if !ok {
			text = strings.TrimSuffix(strings.TrimPrefix(comment.Text, "/*"), "*/")
		}
		for l := range strings.SplitSeq(text, "\n") {
			switch trimmed := strings.TrimPrefix(l, " "); {
			case strings.HasPrefix(trimmed, " ") || strings.HasPrefix(trimmed, "\t") || directive.MatchString(l):
				_, reason, _ := strings.Cut(l, " // ") // of a directive that says why
				lines = append(lines, reason)
			default:
				lines = append(lines, trimmed)
			}
		}
	}
	return paragraphs(name, line, lines)
}

// paragraphs joins the lines that belong together. A blank line, an item of a list and the end of the code part them.
func paragraphs(name string, line int, lines []string) []Text {
	var out []Text
	open := false
	for i, l := range lines {
		l = strings.TrimSpace(l)
		item := strings.HasPrefix(l, "- ") || strings.HasPrefix(l, "* ")
		switch {
		case l == "":
			open = false
		case open && !item:
			out[len(out)-1].Text += " " + plain(l)
		default:
			out, open = append(out, Text{File: name, Line: line + i, Text: plain(strings.TrimLeft(l, "-* "))}), true
		}
	}
	return out
}

var yamlComment = regexp.MustCompile(`^\s*#+ ?(?:-- )?(.*)$`)

// ofYAML are the comments of a YAML file that have lines of their own.
func ofYAML(name, data string) ([]Text, error) {
	var lines []string
	for l := range strings.SplitSeq(data, "\n") {
		text := ""
		if match := yamlComment.FindStringSubmatch(l); match != nil && !yamlCode.MatchString(match[1]) {
			text = match[1]
		}
		lines = append(lines, text)
	}
	return paragraphs(name, 1, lines), nil
}

// yamlCode is an example in a comment: a key or an item.
var yamlCode = regexp.MustCompile(`^\s*(?:- )?[\w.-]+:(?: |$)|^\s*- \S+$|^\s`)

var (
	fence    = regexp.MustCompile("^\\s*(?:```|~~~)")
	rule     = regexp.MustCompile(`^[\s|:-]+$`)
	html     = regexp.MustCompile(`<[^>]+>`)
	inline   = regexp.MustCompile("`[^`]+`")
	linked   = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	bracket  = regexp.MustCompile(`\[([^\]]*)\]`)
	verbs    = regexp.MustCompile(`%[-+#]?[\d.*]*[a-zA-Z]`)
	emphases = strings.NewReplacer("**", "", "*", "")
)

// ofPage are the headings, paragraphs, items and cells of a Markdown page, without its blocks of code.
func ofPage(name, data string) ([]Text, error) {
	var lines []string
	var cells []Text
	inCode := false
	for i, l := range strings.Split(data, "\n") {
		trimmed := strings.TrimLeft(l, " >")
		switch {
		case fence.MatchString(l):
			inCode = !inCode
			lines = append(lines, "")
		case inCode, rule.MatchString(l), strings.HasPrefix(trimmed, "<!--"):
			lines = append(lines, "")
		case strings.HasPrefix(trimmed, "|"):
			lines = append(lines, "")
			for cell := range strings.SplitSeq(strings.ReplaceAll(strings.Trim(trimmed, "| "), `\|`, "/"), "|") {
				if text := plain(cell); text != "" {
					cells = append(cells, Text{File: name, Line: i + 1, Text: text})
				}
			}
		case strings.HasPrefix(trimmed, "#"):
			cells = append(cells, Text{File: name, Line: i + 1, Text: plain(strings.TrimLeft(trimmed, "# "))})
			lines = append(lines, "")
		default:
			lines = append(lines, numbered.ReplaceAllString(trimmed, "- "))
		}
	}
	return append(paragraphs(name, 1, lines), cells...), nil
}

var numbered = regexp.MustCompile(`^\d+\. `)

// plain is a line of prose without what is written for a machine.
func plain(line string) string {
	for _, r := range []struct {
		mark string // of a line in which the pattern can match
		of   *regexp.Regexp
		by   string
	}{{"`", inline, "CODE"}, {"](", linked, "$1"}, {"<", html, " "}, {"[", bracket, "$1"}, {"%", verbs, "X"}} {
		if strings.Contains(line, r.mark) {
			line = r.of.ReplaceAllString(line, r.by)
		}
	}
	return strings.Join(strings.Fields(emphases.Replace(line)), " ")
}
