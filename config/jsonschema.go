package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// MappingJSONSchema returns a JSON Schema (2020-12) of the mapping file for editors, made from the
// types. It has the keys, their types and words. Only scim-bridge validate checks what they mean
// together.
func MappingJSONSchema() ([]byte, error) {
	schema := schemaOf(reflect.TypeFor[Mapping]())
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "Mapping file of scim-bridge"
	schema["required"] = []string{"version"}
	data, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode JSON Schema: %w", err)
	}
	return append(data, '\n'), nil
}

// JSONSchema returns a JSON Schema of the configuration, made from the types. The Helm chart checks
// its values with it.
func JSONSchema() map[string]any { return schemaOf(reflect.TypeFor[Config]()) }

func schemaOf(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[Organizations]():
		return map[string]any{"oneOf": []any{map[string]any{"const": "*"}, recordSchema(t)}}
	case t == reflect.TypeFor[NamedTenants]():
		keys := recordSchema(t)
		keys["type"], keys["required"] = "object", []string{"top"}
		return map[string]any{"oneOf": []any{map[string]any{"enum": []string{tenantsAll, tenantsNone}}, keys}}
	case t == reflect.TypeFor[Transform]():
		return transformSchema()
	case t == reflect.TypeFor[RoleName]():
		keys := recordSchema(t)
		keys["required"] = []string{"client", "role"}
		return map[string]any{"oneOf": []any{map[string]any{"type": "string", "minLength": 1}, keys}}
	case strings.HasPrefix(t.Name(), "Table["):
		value, _ := t.Elem().FieldByName("Value") // of an Entry
		return map[string]any{"type": []string{"object", "null"}, "additionalProperties": schemaOf(value.Type)}
	case valuesOf(t) != nil:
		return map[string]any{"enum": valuesOf(t)}
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return map[string]any{"type": "string", "minLength": 1}
	case t.Kind() == reflect.Struct:
		return recordSchema(t)
	case t.Kind() == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		return map[string]any{"type": "integer"}
	}
	return map[string]any{"type": "string", "minLength": 1}
}

func recordSchema(t reflect.Type) map[string]any {
	properties := map[string]any{}
	for _, f := range keysOf(t) {
		field := t.FieldByIndex(f.index)
		property := schemaOf(field.Type)
		if doc := field.Tag.Get("doc"); doc != "" {
			property["description"] = doc
		}
		properties[f.key] = property
	}
	return map[string]any{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

func transformSchema() map[string]any {
	var names []string
	properties := map[string]any{}
	scalar := map[string]any{"type": []string{"string", "number", "boolean"}}
	for _, t := range TransformDocs() {
		switch t.Argument {
		case "":
			names = append(names, t.Name)
		case "text":
			properties[t.Name] = scalar
		default:
			properties[t.Name] = map[string]any{"type": "object", "additionalProperties": scalar}
		}
	}
	return map[string]any{"oneOf": []any{
		map[string]any{"enum": names},
		map[string]any{"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1, "maxProperties": 1},
	}}
}

// enum is a type that accepts only certain words.
type enum interface{ words() []string }

func valuesOf(t reflect.Type) []string {
	if w, ok := reflect.TypeAssert[enum](reflect.New(t)); ok {
		return w.words()
	}
	return nil
}
