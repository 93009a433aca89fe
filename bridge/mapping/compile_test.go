package mapping_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// compile compiles a text. The problems do not contain the name of the file.
func compile(data []byte) (m *mapping.Mapping, problems []string) {
	file, source := config.ParseMapping("", data)
	m, found := mapping.Compile(file, source, scim.Tolerant)
	for _, p := range found {
		problems = append(problems, strings.TrimPrefix(p.String(), ":"))
	}
	return m, problems
}

// TestCompileReportsTheMistake: every file of testdata/bad has one kind of mistake. The comments in
// its first lines are the expected problems.
func TestCompileReportsTheMistake(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range bytes.Lines(data) {
			if text, ok := bytes.CutPrefix(line, []byte("# ")); ok {
				want = append(want, strings.TrimRight(string(text), "\n"))
			}
		}
		m, got := compile(data)
		if *apptest.Update {
			rewrite(t, file, data, got)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" || m != nil {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

// rewrite writes the problems into the comments above the file. It keeps the number of comments,
// because the lines in the problems depend on it.
func rewrite(t *testing.T, file string, data []byte, problems []string) {
	t.Helper()
	var out []string
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "# ") {
			out = append(out, line)
		}
	}
	had := strings.Count(string(data), "\n") - len(out)
	if had != len(problems) {
		t.Errorf("%s: %d problems, and %d lines for them: %q", file, len(problems), had, problems)
	}
	for _, p := range slices.Backward(problems) {
		out = slices.Insert(out, 0, "# "+p+"\n")
	}
	if err := os.WriteFile(file, []byte(strings.Join(out, "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTwentyMistakesAreTwentyProblems, each at its line.
func TestTwentyMistakesAreTwentyProblems(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/twenty.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, line := range strings.Split(string(data), "\n") {
		if _, text, ok := strings.Cut(line, "# wrong: "); ok {
			want = append(want, strings.Join([]string{strconv.Itoa(i + 1), text}, " "))
		}
	}
	_, problems := compile(data)
	var got []string
	for _, p := range problems {
		line, rest, _ := strings.Cut(p, ":")
		i := slices.IndexFunc(want, func(w string) bool {
			l, text, _ := strings.Cut(w, " ")
			return l == line && strings.Contains(rest, text)
		})
		if i < 0 {
			t.Errorf("unexpected: %s", p)
			continue
		}
		got = append(got, want[i])
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) != 20 {
		t.Errorf("%d problems (-want +got):\n%s", len(got), diff)
	}
}
