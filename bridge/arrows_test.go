package bridge_test

import (
	"cmp"
	"context"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// arrows has, for each file of a package, the files whose functions it calls.
type arrows map[string]map[string]bool

func (a arrows) add(from, to string) {
	if from == to {
		return
	}
	if a[from] == nil {
		a[from] = map[string]bool{}
	}
	a[from][to] = true
}

// arrowsOf are the arrows of the package in a directory, without its tests: from a file to each other file whose
// function or method it names. Methods of interfaces do not count, because the caller does not know the file.
func arrowsOf(ctx context.Context, t *testing.T, dir string) arrows {
	t.Helper()
	fset := token.NewFileSet()
	out, err := exec.CommandContext(ctx, "go", "list", "-f", `{{join .GoFiles " "}}`, dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for name := range strings.FieldsSeq(string(out)) {
		file, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	checker := types.Config{Importer: importer.ForCompiler(fset, "gc", exported(ctx, t, dir))}
	checked, err := checker.Check(dir, fset, files, &info)
	if err != nil {
		t.Fatal(err)
	}
	found := arrows{}
	for ident, object := range info.Uses {
		if f, ok := object.(*types.Func); ok && f.Pkg() == checked && !types.IsInterface(receiver(f)) {
			found.add(filepath.Base(fset.Position(ident.Pos()).Filename), filepath.Base(fset.Position(f.Pos()).Filename))
		}
	}
	return found
}

// receiver is the type of a method, unless it is an interface.
func receiver(f *types.Func) types.Type {
	if of := f.Signature().Recv(); of != nil {
		return of.Type()
	}
	return types.Typ[types.Int]
}

// exported finds the compiler's export data of imported packages.
func exported(ctx context.Context, t *testing.T, dir string) importer.Lookup {
	t.Helper()
	out, err := exec.CommandContext(ctx, "go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[path] = file
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}

// circles are the sets of files in which each file reaches all others. Sets with one file are left out.
func (a arrows) circles() [][]string {
	reaches := map[string]map[string]bool{}
	for from := range a {
		seen, todo := map[string]bool{}, []string{from}
		for len(todo) > 0 {
			next := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for to := range a[next] {
				if !seen[to] {
					seen[to] = true
					todo = append(todo, to)
				}
			}
		}
		reaches[from] = seen
	}
	var out [][]string
	done := map[string]bool{}
	for _, from := range slices.Sorted(maps.Keys(a)) {
		if done[from] || !reaches[from][from] {
			continue
		}
		var circle []string
		for to := range reaches[from] {
			if reaches[to][from] {
				circle, done[to] = append(circle, to), true
			}
		}
		slices.Sort(circle)
		out = append(out, circle)
	}
	return out
}

// up are the arrows that run upwards when the files are ordered so that few do. A file is above the files that it
// calls.
func (a arrows) up() []string {
	var out []string
	for _, circle := range a.circles() {
		order := a.ordered(circle)
		for i, file := range order {
			for _, above := range order[:i] {
				if a[file][above] {
					out = append(out, file+" -> "+above)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// ordered are the files of a circle in an order with few upward arrows. Each file moves to the place with the fewest,
// until no file moves.
func (a arrows) ordered(circle []string) []string {
	order := slices.Clone(circle)
	slices.SortStableFunc(order, func(x, y string) int { return cmp.Compare(len(a[y]), len(a[x])) })
	for moved := true; moved; {
		moved = false
		for _, file := range slices.Clone(order) {
			at := slices.Index(order, file)
			rest := slices.Delete(slices.Clone(order), at, at+1)
			best, fewest := at, a.cost(rest, file, at)
			for i := range order {
				if n := a.cost(rest, file, i); n < fewest {
					best, fewest = i, n
				}
			}
			if best != at {
				order, moved = slices.Insert(rest, best, file), true
			}
		}
	}
	return order
}

// cost is how many arrows of a file run upwards when the file has a place among the rest.
func (a arrows) cost(rest []string, file string, at int) int {
	n := 0
	for i, other := range rest {
		if i < at && a[file][other] || i >= at && a[other][file] {
			n++
		}
	}
	return n
}

// TestCallsRunDown: the files of a package have an order in which each file calls only files below it, so that a reader
// can begin at the top. A call that runs upwards is an error.
func TestCallsRunDown(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{".", "../cmd/scim-bridge"} {
		a := arrowsOf(t.Context(), t, dir)
		if len(a) < 5 {
			t.Errorf("%s: %d files call others", dir, len(a))
		}
		if up := a.up(); len(up) > 0 {
			t.Errorf("%s: calls run back up: %v; in circles are %v", dir, up, a.circles())
		}
	}
}

// TestArrowsThatRunBackUpAreFound: a chain has no such arrow, and each circle has at least one.
func TestArrowsThatRunBackUpAreFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		calls    []string // "ab" means that file a calls a function of b
		circles  int
		up       int
		inCircle string
	}{
		"nothing":                {},
		"a chain":                {calls: []string{"ab", "bc", "ac", "cd"}},
		"a call within":          {calls: []string{"aa", "ab"}},
		"two that call each":     {calls: []string{"ab", "ba", "bc"}, circles: 1, up: 1, inCircle: "ab"},
		"a long way round":       {calls: []string{"ab", "bc", "cd", "da", "ae", "ef"}, circles: 1, up: 1, inCircle: "abcd"},
		"two circles":            {calls: []string{"ab", "ba", "bc", "cd", "dc"}, circles: 2, up: 2, inCircle: "ab"},
		"one that all call back": {calls: []string{"ab", "ac", "ad", "ba", "ca", "da"}, circles: 1, up: 3, inCircle: "abcd"},
	} {
		a := arrows{}
		for _, call := range c.calls {
			a.add(call[:1], call[1:])
		}
		circles := a.circles()
		if len(circles) != c.circles || len(a.up()) != c.up || len(circles) > 0 && strings.Join(circles[0], "") != c.inCircle {
			t.Errorf("%s: circles %v, up %v", name, circles, a.up())
		}
	}
}
