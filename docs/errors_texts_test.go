package docs

import (
	"go/ast"
	"go/token"
	"strconv"
	"testing"
)

// TestNoTextOfAnErrorNamesInternals: the reader is the administrator of a client, who has neither the program nor its
// files. The page of errors and the log have the remedies for the operator.
func TestNoTextOfAnErrorNamesInternals(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, f := range sources(t) {
		f.errors(func(at ast.Node, _, _ ast.Expr, _ int) {
			seen++
			ast.Inspect(at, func(n ast.Node) bool {
				literal, ok := n.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				if text, err := strconv.Unquote(literal.Value); err != nil || Internal(text) != "" {
					t.Errorf("%s: %q names %q: %v", f.set.Position(literal.Pos()), text, Internal(text), err)
				}
				return true
			})
		})
	}
	if seen < 150 {
		t.Errorf("only %d errors were found", seen)
	}
}
