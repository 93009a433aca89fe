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

// TestEveryErrorIsDocumented: each code of an error has one entry on the page of errors, with the
// status that it has in the source, a cause and a remedy; no error is without a code.
func TestEveryErrorIsDocumented(t *testing.T) {
	t.Parallel()
	codes := errorCodes(t)
	if len(codes) < 70 {
		t.Errorf("%d codes were found", len(codes))
	}
	documented := map[string]string{} // code to status
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ([^|]*) \\| ([^|]+) \\| ([^|]+) \\|$").FindAllStringSubmatch(readFile(t, "reference/errors.md"), -1) {
		if documented[row[1]] != "" {
			t.Errorf("%s is documented twice", row[1])
		}
		documented[row[1]] = row[2]
	}
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		for _, status := range slices.Sorted(maps.Keys(codes[code])) {
			if !strings.HasPrefix(documented[code], status) {
				t.Errorf("%s is %s, documented is %q", code, status, documented[code])
			}
		}
		if len(codes[code]) == 0 {
			t.Errorf("%s is no error's", code)
		}
		delete(documented, code)
	}
	if len(documented) > 0 {
		t.Errorf("documented are codes that do not exist: %v", documented)
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

// errorCodes are the codes of all errors, with the statuses that go with each, read from the
// source.
func errorCodes(t *testing.T) map[string]map[string]bool {
	t.Helper()
	out, names := map[string]map[string]bool{}, map[string]string{} // by package and name of the constant
	files := sources(t)
	for _, f := range files {
		for name, value := range f.codes() {
			if names[f.dir+"."+name] = value; out[value] != nil {
				t.Errorf("%s is declared twice", value)
			}
			out[value] = map[string]bool{}
		}
	}
	for _, f := range files {
		f.errors(func(at ast.Node, code ast.Expr, status string) {
			where := f.set.Position(at.Pos())
			value := names[f.resolve(code)]
			if variable, ok := code.(*ast.Ident); ok && value == "" && variable.Name == "code" { // a parameter, or one of several
				return
			}
			if value == "" || status == "" {
				t.Errorf("%s: an error without a code or a status", where)
				return
			}
			out[value][status] = true
		})
	}
	for _, of := range []string{"missing", "malformed", "invalid", "expired"} { // refusal of bridge/server chooses
		out["credential-"+of]["401"] = true
	}
	return out
}

// source is a file of the packages that answer with SCIM errors.
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
				strings.HasPrefix(name, "scim/client") || strings.HasPrefix(name, "scim/scimtest") { // they read errors
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

// codes are the constants of the type scim.Code.
func (f source) codes() map[string]string {
	out := map[string]string{}
	ast.Inspect(f.File, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Type == nil || len(spec.Values) != 1 {
			return true
		}
		if name := f.resolve(spec.Type); name == "scim.Code" {
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				out[spec.Names[0].Name], _ = strconv.Unquote(literal.Value)
			}
		}
		return true
	})
	return out
}

// resolve is the package and name of an expression: "scim.CodeValue".
func (f source) resolve(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		if pkg, ok := e.X.(*ast.Ident); ok {
			return pkg.Name + "." + e.Sel.Name
		}
	case *ast.Ident:
		return f.dir + "." + e.Name
	}
	return ""
}

// errors calls found with every error that is made.
func (f source) errors(found func(at ast.Node, code ast.Expr, status string)) {
	ast.Inspect(f.File, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			switch f.resolve(n.Fun) {
			case "scim.BadRequest":
				found(n, n.Args[0], "400")
			case "scim.Forbidden":
				found(n, n.Args[0], "403")
			}
		case *ast.CompositeLit:
			if f.resolve(n.Type) != "scim.Error" {
				return true
			}
			var code ast.Expr
			status := ""
			for _, element := range n.Elts {
				field := element.(*ast.KeyValueExpr) //nolint:forcetypeassert // fields have names everywhere
				switch field.Key.(*ast.Ident).Name { //nolint:forcetypeassert // as said
				case "Code":
					code = field.Value
				case "Status":
					status = statusOf(f.resolve(field.Value))
				}
			}
			found(n, code, status)
		}
		return true
	})
}

// statusOf is the number of a constant of net/http.
func statusOf(name string) string {
	for status := 400; status < 600; status++ {
		text := strings.NewReplacer(" ", "", "-", "").Replace(http.StatusText(status))
		if text != "" && strings.EqualFold("http.Status"+text, name) {
			return strconv.Itoa(status)
		}
	}
	return ""
}
