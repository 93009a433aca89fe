package config

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
)

var update = flag.Bool("update", false, "write what is generated of the mapping's reference, its page and its JSON Schema")

const updateCommand = "go test ./config -update"

// TestMappingReferencePageIsGenerated: the part between the marks of the page is generated from the
// types.
func TestMappingReferencePageIsGenerated(t *testing.T) {
	t.Parallel()
	if err := docs.GeneratedPart("../docs/reference/mapping.md", MappingReference()+"\n", *update, updateCommand); err != nil {
		t.Error(err)
	}
}

const schemaFile = "../docs/reference/mapping.schema.json"

// TestMappingJSONSchemaIsGenerated: the file for editors is generated from the types.
func TestMappingJSONSchemaIsGenerated(t *testing.T) {
	t.Parallel()
	want, err := MappingJSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	if err := docs.Generated(schemaFile, string(want), *update, updateCommand); err != nil {
		t.Error(err)
	}
}

// TestMappingJSONSchemaJudgesAsTheReaderDoes about keys, types and words.
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
	if err := judge("../bridge/mapping/testdata/mapping.yaml"); err != nil {
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
