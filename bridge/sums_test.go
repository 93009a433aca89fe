package bridge_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEverySwitchNamesEveryKind: a switch without a default has a case for each type of a closed set (sumtype:decl) of
// another package. The linter only sees the switches of the package that declares the set.
func TestEverySwitchNamesEveryKind(t *testing.T) {
	t.Parallel()
	set, files := token.NewFileSet(), map[string]*ast.File{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		files[name], err = parser.ParseFile(set, name, nil, parser.ParseComments)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sums := sumsOf(files)
	seen := 0
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.TypeSwitchStmt)
			if !ok {
				return true
			}
			cases, hasDefault := casesOf(s)
			for of, kinds := range sums {
				if hasDefault || of == file.Name.Name || !slices.ContainsFunc(cases, func(c string) bool { return slices.Contains(kinds, c) }) {
					continue
				}
				seen++
				for _, kind := range kinds {
					if !slices.Contains(cases, kind) {
						t.Errorf("%s: the switch has no case for %s", set.Position(s.Pos()), kind)
					}
				}
			}
			return true
		})
	}
	if len(sums) < 2 || seen < 3 {
		t.Errorf("%d closed sets and %d switches were found", len(sums), seen)
	}
}

// sumsOf returns the types of each closed set, by the package that declares it, as other packages write them.
func sumsOf(files map[string]*ast.File) map[string][]string {
	sealed := map[string]string{} // the method that closes a set, by package
	for _, file := range files {
		for _, d := range file.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Doc == nil || !slices.ContainsFunc(decl.Doc.List, func(c *ast.Comment) bool { return c.Text == "//sumtype:decl" }) {
				continue
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				if f, ok := n.(*ast.Field); ok && len(f.Names) == 1 && !f.Names[0].IsExported() {
					sealed[file.Name.Name] = f.Names[0].Name
				}
				return true
			})
		}
	}
	out := map[string][]string{}
	for _, file := range files {
		for _, d := range file.Decls {
			method, ok := d.(*ast.FuncDecl)
			if !ok || method.Recv == nil || sealed[file.Name.Name] != method.Name.Name {
				continue
			}
			if of, ok := method.Recv.List[0].Type.(*ast.Ident); ok {
				out[file.Name.Name] = append(out[file.Name.Name], file.Name.Name+"."+of.Name)
			}
		}
	}
	return out
}

// casesOf returns the types that a switch names with their package, and whether it has a default.
func casesOf(s *ast.TypeSwitchStmt) (cases []string, hasDefault bool) {
	for _, statement := range s.Body.List {
		clause, ok := statement.(*ast.CaseClause)
		if !ok {
			continue
		}
		hasDefault = hasDefault || clause.List == nil
		for _, e := range clause.List {
			if selected, ok := e.(*ast.SelectorExpr); ok {
				if of, ok := selected.X.(*ast.Ident); ok {
					cases = append(cases, of.Name+"."+selected.Sel.Name)
				}
			}
		}
	}
	return cases, hasDefault
}
