package scim_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestEncodeWritesWhatEncodingJSONWrites compares with the standard library.
func TestEncodeWritesWhatEncodingJSONWrites(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"a document":   scim.Document{"userName": "<b>&\u2028\"\\\t", "n": json.Number("1.50"), "active": false, "none": nil},
		"nested":       map[string]any{"Resources": []any{scim.Document{"title": "a<b"}, map[string]any{"x": []any{}}}, "totalResults": 2},
		"lists":        map[string]any{"schemas": []string{"a&b"}, "Operations": []map[string]any{{"b": 1, "a": 2}}},
		"many":         manyNames(40),
		"an error":     map[string]any{"scimType": scim.InvalidValue, "status": "400"},
		"invalid text": map[string]any{"detail": "a\xffb", "\xfe": "x"},
		"a literal":    json.RawMessage(`{"a":"<"}`),
	} {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(value); err != nil {
			t.Fatal(err)
		}
		got, err := scim.Encode(value)
		if err != nil || !sameJSON(t, got, want.Bytes()) || bytes.Contains(got, []byte(`\u003c`)) {
			t.Errorf("%s: Encode() = %s, %v, want %s", name, got, err, want.Bytes())
		}
	}
	if data, err := scim.Encode(map[string]any{"x": []any{func() {}}}); err == nil {
		t.Errorf("Encode(a function) = %s, want an error", data)
	}
}

// sameJSON compares JSON texts without regard to how characters are escaped.
func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var texts [2]string
	for i, data := range [][]byte{a, b} {
		var value any
		if err := json.Unmarshal(data, &value); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		again, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(again)
	}
	return texts[0] == texts[1]
}

func manyNames(n int) map[string]any {
	object := map[string]any{}
	for i := range n {
		object[string(rune('a'+i))] = i
	}
	return object
}
