package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEveryKeyThatATextNamesExists: when a text of the program tells an operator to change a key of
// config.yaml, the key exists.
func TestEveryKeyThatATextNamesExists(t *testing.T) {
	t.Parallel()
	keys := keyPaths("", reflect.TypeFor[Config]())
	var sections []string
	for _, f := range keysOf(reflect.TypeFor[Config]()) {
		if f.key != "realms" { // their keys are below a name
			sections = append(sections, f.key)
		}
	}
	named := regexp.MustCompile(`(?:^|[^\w./-])((?:` + strings.Join(sections, "|") + `)(?:\.[a-z][A-Za-z]*)+)`)
	others := []string{"keycloak.calls", "server.address", "store.db"} // attributes of spans, in OpenTelemetry's words; a file
	seen := 0
	for at, text := range literals(t) {
		for _, found := range named.FindAllStringSubmatch(text, -1) {
			seen++
			if !slices.Contains(keys, found[1]) && !slices.Contains(others, found[1]) {
				t.Errorf("%s names %q, which is no key of config.yaml", at, found[1])
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d keys were found in texts: something is not read", seen)
	}
}

// literals returns the texts of the program with their places.
func literals(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, room := range []string{"bridge", "cmd", "config", "keycloak", "scim"} {
		err := filepath.WalkDir(filepath.Join("..", room), func(name string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "keycloaktest") {
				return err
			}
			source, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if text, err := strconv.Unquote(literal.Value); err == nil {
						out[set.Position(literal.Pos()).String()] = text
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
