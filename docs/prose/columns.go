package prose

import (
	"io/fs"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
)

// Columns are the pages below a root with lines that docs.Wrap breaks: each with the first of them.
func Columns(root fs.FS) ([]Problem, error) {
	var out []Problem
	err := walk(root, func(name, data string) error {
		want := strings.Split(docs.Wrap(data), "\n")
		for i, line := range strings.Split(data, "\n") {
			if line != want[i] {
				out = append(out, Problem{Text{File: name, Line: i + 1, Text: line}, clip(line), "wrap the lines: go test ./docs/prose -update"})
				break
			}
		}
		return nil
	}, ".md")
	return out, err
}
