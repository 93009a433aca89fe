package charts

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
)

var update = flag.Bool("update", false, "write values.schema.json and README.md of the chart, and the container of the guide to the sidecar")

const updateCommand = "go test ./charts -update"

const chart = "keycloak-scim-bridge"

// TestTheSchemaIsGenerated from values.yaml and the types of the configuration.
func TestTheSchemaIsGenerated(t *testing.T) {
	t.Parallel()
	want, err := json.MarshalIndent(valuesSchema(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compareGenerated(t, filepath.Join(chart, "values.schema.json"), string(want)+"\n")
}

// compareGenerated compares a file with what it should hold, or writes it.
func compareGenerated(t *testing.T, file, want string) {
	t.Helper()
	if err := docs.Generated(file, want, *update, updateCommand); err != nil {
		t.Error(err)
	}
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// valuesSchema is the JSON Schema of the values. Draft 7 is what Helm understands everywhere.
func valuesSchema(t *testing.T) map[string]any {
	t.Helper()
	text := readFile(t, filepath.Join(chart, "values.yaml"))
	var values map[string]any
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	schema := schemaOf(values, "", notes(t, text))
	properties, _ := schema["properties"].(map[string]any)
	properties["global"] = map[string]any{"type": "object"} // Helm puts it there
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["$defs"] = map[string]any{"config": configSchema(t)}
	return schema
}

// configSchema is the schema of the configuration without the keys that the chart sets.
func configSchema(t *testing.T) map[string]any {
	t.Helper()
	schema := config.JSONSchema()
	properties, _ := schema["properties"].(map[string]any)
	server, _ := properties["server"].(map[string]any)
	ofServer, _ := server["properties"].(map[string]any)
	store, _ := properties["store"].(map[string]any)
	ofStore, _ := store["properties"].(map[string]any)
	if properties["admin"] == nil || ofServer["listen"] == nil || ofStore["sqlite"] == nil || ofStore["keyFile"] == nil {
		t.Fatal("the configuration has no admin, server.listen, store.sqlite or store.keyFile")
	}
	delete(properties, "admin")
	delete(ofServer, "listen")
	delete(ofStore, "sqlite")
	delete(ofStore, "keyFile")
	return schema
}

// note is the content of the comments above a value.
type note struct {
	description string
	extra       map[string]any // the JSON of "# @schema"
}

// notes are the comments of values.yaml, by the path of the key below them.
func notes(t *testing.T, text string) map[string]note {
	t.Helper()
	out := map[string]note{}
	var parents []string
	var n note
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		trimmed := strings.TrimSpace(line)
		comment, isComment := strings.CutPrefix(trimmed, "#")
		key, _, isKey := strings.Cut(trimmed, ":")
		switch {
		case strings.HasPrefix(comment, " @schema ") && isComment:
			if err := json.Unmarshal([]byte(strings.TrimPrefix(comment, " @schema ")), &n.extra); err != nil {
				t.Fatalf("%s: %v", trimmed, err)
			}
		case isComment:
			n.description = strings.TrimSpace(n.description + " " + strings.TrimPrefix(strings.TrimSpace(comment), "-- "))
		case trimmed == "":
			n = note{}
		case isKey && !strings.HasPrefix(trimmed, "- "):
			depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2 //nolint:mnd // the file is indented by two
			parents = append(parents[:depth], key)
			out[strings.Join(parents, ".")] = n
			n = note{}
		}
	}
	return out
}

// schemaOf makes the schema of a value from its default and its comments.
func schemaOf(value any, path string, all map[string]note) map[string]any {
	out := map[string]any{}
	switch v := value.(type) {
	case map[string]any:
		properties := map[string]any{}
		for key, below := range v {
			properties[key] = schemaOf(below, strings.TrimPrefix(path+"."+key, "."), all)
		}
		out["type"], out["properties"], out["additionalProperties"] = "object", properties, false
		if len(v) == 0 {
			delete(out, "properties")
		}
	case []any:
		out["type"] = "array"
	case bool:
		out["type"] = "boolean"
	case string:
		out["type"] = "string"
	default:
		out["type"] = "integer"
	}
	n := all[path]
	if n.description != "" {
		out["description"] = n.description
	}
	if n.extra["$ref"] != nil {
		return n.extra // beside a reference nothing counts in draft 7
	}
	maps.Copy(out, n.extra)
	return out
}

// TestTheReadmeIsGenerated from README.md.gotmpl and values.yaml, with the values in the order of the file.
func TestTheReadmeIsGenerated(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=../tools/chart/go.mod", "helm-docs", "--dry-run", "--sort-values-order", "file", "--chart-search-root", chart)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	compareGenerated(t, filepath.Join(chart, "README.md"), string(out))
}
