package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/keycloak-scim-bridge/keycloak-scim-bridge/"

// rooms is who may import whom among our packages: the design's section on rooms.
// "scim/..." stands for all packages below.
func rooms() map[string][]string {
	return map[string][]string{
		"config":                 {},
		"keycloak":               {},
		"bridge/observe":         {},
		"docs":                   {},
		"charts":                 {},
		"charts/cluster":         {},
		"scim":                   {},
		"scim/filter":            {"scim"},
		"scim/filter/filtertest": {"scim"},
		"scim/patch":             {"scim", "scim/filter"},
		"scim/bulk":              {"scim"},
		"scim/client":            {"scim"},
		"scim/scimtest":          {"scim"},
		"scim/growth":            {}, // for tests
		"scim/simulate":          {"scim", "scim/client"},
		"scim/transfer":          {"scim", "scim/client", "scim/filter"},
		"bridge/mapping":         {"config", "scim", "scim/filter", "keycloak"},
		"bridge/tenant":          {"bridge/mapping", "config", "keycloak"},
		"bridge/auth":            {"bridge/tenant", "config"},
		"bridge/auth/authtest":   {},
		"bridge/plan":            {"bridge/mapping", "scim", "keycloak"},
		"bridge/realm":           {"bridge/tenant", "bridge/mapping", "config", "keycloak"},
		"bridge/guard":           {"bridge/tenant", "bridge/mapping", "bridge/plan", "scim/...", "keycloak"},
		"bridge/directory":       {"bridge/directory/index", "bridge/tenant", "bridge/mapping", "scim/...", "keycloak"},
		"bridge/directory/index": {"scim/..."},
		"bridge/apply":           {"bridge/tenant", "bridge/mapping", "bridge/plan", "scim/...", "keycloak"},
		"bridge": {
			"bridge/tenant", "bridge/mapping", "bridge/guard", "bridge/directory", "bridge/plan", "bridge/apply", "scim/...", "keycloak",
		},
		"bridge/control":            {"bridge/tenant"},
		"bridge/server":             {"bridge", "bridge/auth", "bridge/tenant", "bridge/observe", "scim/..."},
		"keycloak/keycloaktest":     {"keycloak"},
		"keycloak/keycloaktest/run": {"keycloak/keycloaktest"},
		"cmd/scim-bench":            {},
		"bridge/app": {
			"bridge", "bridge/auth", "bridge/control", "bridge/directory", "bridge/mapping", "bridge/observe", "bridge/plan", "bridge/realm", "bridge/server", "bridge/tenant",
			"config", "keycloak", "scim/...",
		},
		"cmd/scim-bridge": {"bridge/app", "bridge/control", "config", "keycloak", "scim/..."},
	}
}

// libraries is which package alone may import a library.
func libraries() map[string][]string {
	return map[string][]string{
		"github.com/labstack/echo":            {"bridge/server"},
		"github.com/Nerzal/gocloak":           {"keycloak"},
		"github.com/go-resty/resty":           {"keycloak"},
		"github.com/failsafe-go/failsafe-go":  {"keycloak"},
		"github.com/go-jose/go-jose":          {"bridge/auth", "bridge/auth/authtest"},
		"golang.org/x/time":                   {"bridge/server"},
		"github.com/golang-jwt/jwt":           {"keycloak", "keycloak/keycloaktest"},
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
	}
}

// TestEveryRoomImportsOnlyWhatItMay reads the imports that the compiler sees.
func TestEveryRoomImportsOnlyWhatItMay(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}}: {{join .Imports " "}}`, "../../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		room, imports, _ := strings.Cut(strings.TrimSpace(line), ":")
		room = strings.TrimPrefix(room, module)
		allowed, known := rooms()[room]
		if !known {
			t.Errorf("package %s stands in no list: say here what it may import", room)
		}
		seen++
		for path := range strings.FieldsSeq(imports) {
			if ours, ok := strings.CutPrefix(path, module); ok && !permitted(allowed, ours) {
				t.Errorf("%s imports %s", room, ours)
			}
			for library, users := range libraries() {
				if strings.HasPrefix(path, library) && !slices.Contains(users, room) {
					t.Errorf("%s imports %s", room, path)
				}
			}
		}
	}
	if seen != len(rooms()) {
		t.Errorf("there are %d packages, the list has %d", seen, len(rooms()))
	}
}

func permitted(allowed []string, path string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		below, all := strings.CutSuffix(a, "...")
		return a == path || all && (strings.HasPrefix(path, below) || path == strings.TrimSuffix(below, "/"))
	})
}
