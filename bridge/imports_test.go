package bridge_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/keycloak-scim-bridge/keycloak-scim-bridge/"

// everybodysRooms are the packages that everything beside the pipeline may import. "scim/..." means scim and everything
// below.
func everybodysRooms(more ...string) []string {
	return append([]string{"bridge/tenant", "bridge/mapping", "bridge/code", "scim/...", "keycloak"}, more...)
}

// rooms says which of our packages each package may import, as the design says. Exceptions come from a decision in
// docs/adr.
func rooms() map[string][]string {
	return map[string][]string{
		// Leaves: they import nothing of ours.
		"config": {}, "keycloak": {}, "bridge/observe": {}, "scim": {},
		"docs": {}, "docs/prose": {"docs"}, "charts": {}, "charts/cluster": {},

		// The protocol imports no bridge, no Keycloak and no configuration.
		"scim/filter":            {"scim"},
		"scim/filter/filtertest": {"scim"},
		"scim/patch":             {"scim", "scim/filter"},
		"scim/bulk":              {"scim"},
		"scim/client":            {"scim"},
		"scim/scimtest":          {"scim"},
		"scim/growth":            {}, // for tests
		"scim/simulate":          {"scim", "scim/client"},
		"scim/transfer":          {"scim", "scim/client", "scim/filter"},

		// Pure packages and packages that everything may import.
		"bridge/code":            {"scim"},                                                     // docs/adr/0010
		"bridge/mapping":         {"bridge/code", "config", "scim", "scim/filter", "keycloak"}, // value paths: docs/adr/0002
		"bridge/tenant":          {"bridge/mapping", "config", "scim", "keycloak"},             // ids: docs/adr/0003
		"bridge/change":          {"bridge/mapping", "config", "scim"},
		"bridge/plan":            {"bridge/mapping", "scim", "keycloak"},
		"bridge/store":           {"bridge/change", "bridge/tenant", "scim"},
		"bridge/store/seal":      {},
		"bridge/store/sqlstore":  {"bridge/store", "bridge/store/seal", "bridge/change", "bridge/tenant", "scim"},
		"bridge/store/storetest": {"bridge/store", "bridge/change", "bridge/tenant", "scim"},
		"bridge/auth":            {"bridge/tenant", "config"},
		"bridge/auth/authtest":   {},
		"bridge/realm":           {"bridge/tenant", "bridge/mapping", "config", "keycloak"},

		// The pipeline and its packages.
		"bridge/guard":           everybodysRooms("bridge/plan"),
		"bridge/apply":           everybodysRooms("bridge/plan"),
		"bridge/directory":       everybodysRooms("bridge/plan", "bridge/directory/index"),
		"bridge/directory/index": {"scim/..."},
		"bridge":                 everybodysRooms("bridge/guard", "bridge/directory", "bridge/plan", "bridge/apply", "bridge/change"),

		"bridge/outside": {"bridge", "bridge/change", "bridge/directory", "bridge/mapping", "bridge/store", "bridge/tenant", "keycloak", "scim"},

		// The operator's views and verbs, and their transports.
		"bridge/admin":   {"bridge", "bridge/change", "bridge/store", "bridge/tenant", "bridge/realm", "scim"},
		"bridge/console": {"bridge/admin", "bridge/tenant"},
		"bridge/control": {"bridge/admin"},

		// The entry points, which name themselves in a change (bridge/change is a leaf), and the composition.
		"bridge/server": {"bridge", "bridge/auth", "bridge/tenant", "bridge/change", "bridge/code", "bridge/observe", "scim/..."},
		"bridge/app": everybodysRooms("bridge", "bridge/admin", "bridge/auth", "bridge/console", "bridge/control", "bridge/directory", "bridge/guard", "bridge/observe", "bridge/outside", "bridge/plan", "bridge/apply", "bridge/change", "bridge/realm",
			"bridge/server", "bridge/store", "bridge/store/seal", "bridge/store/sqlstore", "config"),
		// It is for tests: no other package may import it.
		"bridge/app/apptest": {
			"bridge", "bridge/app", "bridge/auth", "bridge/auth/authtest", "bridge/control", "bridge/mapping", "bridge/observe", "bridge/realm", "bridge/server", "bridge/store", "bridge/tenant", "config", "docs", "keycloak", "keycloak/keycloaktest", "scim", "scim/client",
		},
		"cmd/scim-bridge": {"bridge/app", "bridge/admin", "bridge/control", "config", "scim/...", "keycloak"},

		"cmd/scim-bench":            {"bridge/store", "bridge/store/seal", "bridge/store/sqlstore"}, // to measure a commit
		"keycloak/keycloaktest":     {"keycloak"},
		"keycloak/keycloaktest/run": {"keycloak/keycloaktest"},
	}
}

// everybodys marks a library that every package may import: it is handed around, or adds to the standard library.
const everybodys = "everybody"

// libraries says which package may import a library, or a part of the standard library that has one place. A library
// that is not listed must not be imported.
func libraries() map[string][]string {
	return map[string][]string{
		"github.com/labstack/echo":            {"bridge/server"},
		"github.com/Nerzal/gocloak":           {"keycloak"},
		"github.com/go-resty/resty":           {"keycloak"},
		"github.com/failsafe-go/failsafe-go":  {"keycloak", "scim/client"},                                                  // calls to Keycloak, and those of commands
		"github.com/go-jose/go-jose":          {"bridge/auth", "bridge/auth/authtest", "keycloak", "keycloak/keycloaktest"}, // docs/adr/0005
		"golang.org/x/time":                   {"bridge/server"},
		"github.com/scim2/filter-parser":      {},
		"github.com/goccy/go-yaml":            {"config"},
		"github.com/fsnotify/fsnotify":        {"config"},
		"cel.dev/cel-go":                      {"bridge/mapping"},
		"github.com/prometheus/client_golang": {"bridge/observe", "bridge/app"},
		"go.opentelemetry.io":                 {"bridge/observe"},
		"google.golang.org/protobuf":          {"bridge/observe"},
		"github.com/spf13/cobra":              {"cmd/scim-bridge"},
		"github.com/jedib0t/go-pretty":        {"cmd/scim-bridge", "cmd/scim-bench"},
		"github.com/go-json-experiment/json":  {"scim", "keycloak", "bridge/directory"},
		"github.com/bits-and-blooms/bitset":   {"bridge/directory/index"},
		"github.com/google/uuid":              {"bridge/change", "bridge/store/sqlstore"},
		"github.com/spf13/pflag":              {"cmd/scim-bridge"},
		"golang.org/x/mod":                    {"keycloak/keycloaktest"},
		"golang.org/x/term":                   {"cmd/scim-bridge"},
		"go.uber.org/zap":                     {"bridge", "bridge/admin", "bridge/app", "bridge/app/apptest", "bridge/auth", "bridge/observe", "bridge/outside", "bridge/realm", "bridge/server"},
		"github.com/google/go-cmp":            {"bridge/store/storetest"},
		"pgregory.net/rapid":                  {"bridge/store/storetest"},
		"golang.org/x/sync":                   {everybodys},
		"golang.org/x/text":                   {"bridge/store", "scim", "scim/filter"},
		"github.com/a-h/templ":                {"bridge/console"},
		"html/template":                       {}, // it makes the program a quarter larger
		"database/sql":                        {"bridge/store/sqlstore"},
		"github.com/pressly/goose":            {"bridge/store/sqlstore"},
		"github.com/jackc/pgx":                {"bridge/store/sqlstore"},
		"modernc.org/sqlite":                  {"bridge/store/sqlstore"},
		"testing":                             {"bridge/app/apptest", "bridge/auth/authtest", "charts/cluster", "bridge/store/storetest", "keycloak/keycloaktest", "scim/growth"}, // never part of the program
	}
}

// imported are the imports that the compiler sees for every package of ours, by its path below the module. overlays
// replaces files by others, by the paths of the files.
func imported(ctx context.Context, t *testing.T, overlays map[string]string) map[string][]string {
	t.Helper()
	args := []string{"list", "-e", "-f", `{{.ImportPath}}: {{join .Imports " "}}`}
	if len(overlays) > 0 {
		data, err := json.Marshal(map[string]any{"Replace": overlays})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "overlay.json")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-overlay", file)
	}
	out, err := exec.CommandContext(ctx, "go", append(args, "../...")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	graph := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		room, imports, _ := strings.Cut(strings.TrimSpace(line), ":")
		graph[strings.TrimPrefix(room, module)] = strings.Fields(imports)
	}
	return graph
}

// violations are the imports of a graph that break the rules, in order.
func violations(graph map[string][]string) []string {
	var out []string
	for room, imports := range graph {
		if _, known := rooms()[room]; !known {
			out = append(out, room+" is not in the list: write here what it may import")
		}
		for _, path := range imports {
			other, ours := strings.CutPrefix(path, module)
			if ours && !permitted(rooms()[room], other) {
				out = append(out, room+" imports "+other)
			}
			if users, listed := usersOf(path); !ours && (!listed || !slices.Contains(users, room) && !slices.Contains(users, everybodys)) {
				out = append(out, room+" imports "+path)
			}
		}
	}
	for room := range rooms() {
		if _, there := graph[room]; !there {
			out = append(out, room+" does not exist any more")
		}
	}
	slices.Sort(out)
	return out
}

// usersOf are the packages that may import a package that is not ours. Everything may import the parts of the standard
// library that libraries does not list.
func usersOf(path string) (users []string, listed bool) {
	for library, users := range libraries() {
		if path == library || strings.HasPrefix(path, library+"/") {
			return users, true
		}
	}
	host, _, _ := strings.Cut(path, "/")
	return []string{everybodys}, !strings.Contains(host, ".")
}

func permitted(allowed []string, path string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		below, all := strings.CutSuffix(a, "...")
		return a == path || all && (strings.HasPrefix(path, below) || path == strings.TrimSuffix(below, "/"))
	})
}

// TestEveryPackageImportsOnlyWhatItMay reads the imports that the compiler sees.
func TestEveryPackageImportsOnlyWhatItMay(t *testing.T) {
	t.Parallel()
	for _, wrong := range violations(imported(t.Context(), t, nil)) {
		t.Error(wrong)
	}
}

// TestTheProgramHasNoTests: neither packages for tests nor what only they import.
func TestTheProgramHasNoTests(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../cmd/scim-bridge").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	for _, path := range []string{"testing", "pgregory.net/rapid", module + "bridge/app/apptest", module + "bridge/store/storetest", module + "keycloak/keycloaktest"} {
		if slices.Contains(deps, path) {
			t.Errorf("the program has %s", path)
		}
	}
	if !slices.Contains(deps, module+"bridge/app") {
		t.Errorf("the program has no bridge/app: %d packages", len(deps))
	}
}

// TestEveryImportAgainstTheRulesIsFound: each import of one package by another that the table does not permit, and of a
// library by each package that may not import it.
func TestEveryImportAgainstTheRulesIsFound(t *testing.T) {
	t.Parallel()
	graph := map[string][]string{}
	for room := range rooms() {
		graph[room] = []string{"fmt"}
	}
	if wrong := violations(graph); len(wrong) > 0 {
		t.Fatalf("a graph without a fault: %v", wrong)
	}
	broken := 0
	with := func(room, path, want string) {
		t.Helper()
		broken++
		one := maps.Clone(graph)
		one[room] = append(slices.Clone(one[room]), path)
		if diff := cmp.Diff([]string{want}, violations(one)); diff != "" {
			t.Errorf("%s imports %s (-want +got):\n%s", room, path, diff)
		}
	}
	for room := range rooms() {
		for other := range rooms() {
			if other != room && !permitted(rooms()[room], other) {
				with(room, module+other, room+" imports "+other)
			}
		}
		with(room, "example.org/new", room+" imports example.org/new") // a library that is not listed
		for library, users := range libraries() {
			if !slices.Contains(users, room) && !slices.Contains(users, everybodys) {
				with(room, library+"/v9", room+" imports "+library+"/v9")
			}
		}
	}
	if broken < len(rooms())*len(libraries()) {
		t.Errorf("only %d imports were tried", broken)
	}
	delete(graph, "scim/growth")
	graph["bridge/new"] = nil
	if diff := cmp.Diff([]string{"bridge/new is not in the list: write here what it may import", "scim/growth does not exist any more"}, violations(graph)); diff != "" {
		t.Errorf("a new and a missing package (-want +got):\n%s", diff)
	}
}

// TestABrokenRuleInTheSourceIsFound: the compiler reads additional files, each with an import that its package may not
// have.
func TestABrokenRuleInTheSourceIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	overlays := map[string]string{}
	for room, source := range map[string]string{
		"scim":        "package scim\n\nimport _ \"" + module + "keycloak\"\n",
		"bridge/plan": "package plan\n\nimport _ \"" + module + "bridge/directory\"\n",
		"config":      "package config\n\nimport _ \"github.com/spf13/cobra\"\n",
	} {
		file := filepath.Join(dir, strings.ReplaceAll(room, "/", "-")+".go")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		there, err := filepath.Abs(filepath.Join("..", room, "broken.go"))
		if err != nil {
			t.Fatal(err)
		}
		overlays[there] = file
	}
	want := []string{"bridge/plan imports bridge/directory", "config imports github.com/spf13/cobra", "scim imports keycloak"}
	if diff := cmp.Diff(want, violations(imported(t.Context(), t, overlays))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
