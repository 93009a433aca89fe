package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEveryErrorIsDocumented: each code of an error has one row on the page of errors. The row has an anchor with the
// name of the code, the status and the scimTypes that the source has, a cause, and a remedy for each of two readers.
// No error is without a code. A test of package bridge provokes each error, and checks that its row has no other scimType.
func TestEveryErrorIsDocumented(t *testing.T) {
	t.Parallel()
	codes := errorCodes(t)
	if len(codes) < 70 {
		t.Errorf("%d codes were found", len(codes))
	}
	rows, err := ErrorRows(readFile(t, "reference/errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		row, ok := rows[code]
		if !ok {
			t.Errorf("%s is not documented", code)
		}
		for answer := range codes[code] {
			if ok && (row.Status != answer.status || answer.scimType != "" && !slices.Contains(row.Types, answer.scimType)) {
				t.Errorf("%s is %v, documented is %d %v", code, answer, row.Status, row.Types)
			}
		}
		if len(codes[code]) == 0 {
			t.Errorf("no error has the code %s", code)
		}
		delete(rows, code)
	}
	if len(rows) > 0 {
		t.Errorf("the page documents codes that do not exist: %v", slices.Sorted(maps.Keys(rows)))
	}
}

// TestEveryCodeThatAPageNamesExists: a code in brackets, as in an error's text; a code with a link to the page of errors;
// and in guides each word that looks like a code.
func TestEveryCodeThatAPageNamesExists(t *testing.T) {
	t.Parallel()
	codes := errorCodes(t)
	inBrackets, linked := regexp.MustCompile("`\\[([a-z-]+)\\]`"), regexp.MustCompile("\\[`([a-z-]+)`\\]\\([^)]*errors\\.md")
	beside := regexp.MustCompile("`([a-z]+(?:-[a-z]+)+)`")
	// others are names in guides that look like a code: rights and validators of Keycloak, and names of other things.
	others := regexp.MustCompile(`^((manage|view|query|create)-[a-z-]+|realm-(admin|management)|(username|person-name)-prohibited-characters|up-username-not-idn-homograph|error-user-attribute-read-only` +
		`|same-(site|origin)|scim-bridge|scim-bridge-store|store-key|entra-dedicated|lone-untyped|read-only)$`)
	seen := 0
	for page, text := range pages(t) {
		name := func(code string) {
			seen++
			if codes[code] == nil {
				t.Errorf("%s names the code %q, which does not exist", page, code)
			}
		}
		for _, pattern := range []*regexp.Regexp{inBrackets, linked} {
			for _, match := range pattern.FindAllStringSubmatch(text, -1) {
				name(match[1])
			}
		}
		if !strings.HasPrefix(page, "docs/guides/") {
			continue
		}
		for _, match := range beside.FindAllStringSubmatch(text, -1) {
			if !others.MatchString(match[1]) {
				name(match[1])
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d codes were found", seen)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// answer is a status with a scimType. The scimType is "" if the error has no scimType, or if the source does not show it.
type answer struct {
	status   int
	scimType string
}

// errorCodes reads the codes of all errors from the source, with the answers of each.
func errorCodes(t *testing.T) map[string]map[answer]bool {
	t.Helper()
	out, names, types := map[string]map[answer]bool{}, map[string]string{}, map[string]string{} // by package and name of the constant
	files := sources(t)
	for _, f := range files {
		maps.Copy(types, f.constants("scim.ErrorType"))
		for name, value := range f.constants("scim.Code") {
			if names[name] = value; out[value] != nil {
				t.Errorf("%s is declared twice", value)
			}
			out[value] = map[answer]bool{}
		}
	}
	for _, f := range files {
		f.errors(func(at ast.Node, code, scimType ast.Expr, status int) {
			where := f.set.Position(at.Pos())
			value := names[f.resolve(code)]
			if variable, ok := code.(*ast.Ident); ok && value == "" && (variable.Name == "code" || variable.Name == "why") { // a parameter, or a variable with one of several codes
				return
			}
			if value == "" || status == 0 {
				t.Errorf("%s: an error without a code or a status", where)
				return
			}
			out[value][answer{status, types[f.resolve(scimType)]}] = true
		})
	}
	for _, of := range []string{"missing", "malformed", "invalid", "expired"} { // the function refusal of bridge/server chooses one of these
		out["credential-"+of][answer{status: http.StatusUnauthorized}] = true
	}
	return out
}

// source is a Go file of a package that answers with SCIM errors.
type source struct {
	dir string
	set *token.FileSet
	*ast.File
}

func sources(t *testing.T) (out []source) {
	t.Helper()
	root := os.DirFS("..")
	for _, under := range []string{"scim", "bridge"} {
		err := fs.WalkDir(root, under, func(name string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") ||
				strings.HasPrefix(name, "scim/client") || strings.HasPrefix(name, "scim/scimtest") { // these packages read errors
				return err
			}
			text, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
			out = append(out, source{path.Dir(name), set, file})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// constants returns the values of the constants of a type, by package and name.
func (f source) constants(of string) map[string]string {
	out := map[string]string{}
	ast.Inspect(f.File, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Type == nil || len(spec.Values) != 1 {
			return true
		}
		if f.resolve(spec.Type) == of {
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				out[path.Base(f.dir)+"."+spec.Names[0].Name], _ = strconv.Unquote(literal.Value)
			}
		}
		return true
	})
	return out
}

// resolve returns the package and name of an expression, for example "scim.CodeValue".
func (f source) resolve(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		if pkg, ok := e.X.(*ast.Ident); ok {
			return pkg.Name + "." + e.Sel.Name
		}
	case *ast.Ident:
		return path.Base(f.dir) + "." + e.Name
	}
	return ""
}

// errors calls found for every error that the file creates.
func (f source) errors(found func(at ast.Node, code, scimType ast.Expr, status int)) {
	ast.Inspect(f.File, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			switch f.resolve(n.Fun) {
			case "scim.BadRequest":
				found(n, n.Args[0], n.Args[1], http.StatusBadRequest)
			case "scim.Forbidden":
				found(n, n.Args[0], nil, http.StatusForbidden)
			}
		case *ast.CompositeLit:
			if f.resolve(n.Type) != "scim.Error" {
				return true
			}
			var code, scimType ast.Expr
			status := 0
			for _, element := range n.Elts {
				field := element.(*ast.KeyValueExpr) //nolint:forcetypeassert // every field has a name
				switch field.Key.(*ast.Ident).Name { //nolint:forcetypeassert // every field has a name
				case "Code":
					code = field.Value
				case "Type":
					scimType = field.Value
				case "Status":
					status = statusOf(f.resolve(field.Value))
				}
			}
			found(n, code, scimType, status)
		}
		return true
	})
}

// statusOf returns the number of a constant of net/http, 0 for another name.
func statusOf(name string) int {
	for status := 400; status < 600; status++ {
		text := strings.NewReplacer(" ", "", "-", "").Replace(http.StatusText(status))
		if text != "" && strings.EqualFold("http.Status"+text, name) {
			return status
		}
	}
	return 0
}
