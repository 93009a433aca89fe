package config

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write the generated part of the mapping's reference page")

// TestMappingReferencePageIsGenerated: what stands between the marks of the page is what
// the types say.
func TestMappingReferencePageIsGenerated(t *testing.T) {
	t.Parallel()
	const page, begin, end = "../docs/reference/mapping.md", "<!-- generated from the types -->\n", "<!-- end of what is generated -->"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	shown, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks", page)
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+MappingReference()+"\n"+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(MappingReference()+"\n", shown); diff != "" {
		t.Errorf("%s (-types +page), write it with go test ./config -update:\n%s", page, diff)
	}
}

const schemaFile = "../docs/reference/mapping.schema.json"

// TestMappingJSONSchemaIsGenerated: the file for editors is what the types say.
func TestMappingJSONSchemaIsGenerated(t *testing.T) {
	t.Parallel()
	want, err := MappingJSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(schemaFile)
	if diff := cmp.Diff(string(want), string(got)); err != nil || diff != "" {
		t.Errorf("%s (-types +file), write it with go test ./config -update: %v\n%s", schemaFile, err, diff)
	}
}

// TestMappingJSONSchemaJudgesAsTheReaderDoes, as far as keys, types and words go.
func TestMappingJSONSchemaJudgesAsTheReaderDoes(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	judge := func(file string) error {
		t.Helper()
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data, err = yaml.YAMLToJSON(data)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(value)
	}
	if err := judge("../cmd/scim-bridge/testdata/mapping.yaml"); err != nil {
		t.Errorf("a mapping without a problem: %v", err)
	}
	for _, name := range []string{
		"unknown-key", "unknown-key-of-a-rule", "version-missing", "attribute-type-unknown", "attribute-boolean-as-text", "attribute-uniqueness-global",
		"transform-unknown", "transform-without-argument", "transform-with-argument", "transform-shape", "transform-table-shape", "transform-no-list",
		"unmapped-unknown", "password-word", "schema-resource-unknown",
	} {
		if err := judge("../bridge/mapping/testdata/bad/" + name + ".yaml"); err == nil {
			t.Errorf("%s is valid to the JSON Schema", name)
		}
	}
}
