package patch_test

import (
	"errors"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// TestAttributesInAListAreTaken: scim-sdk-client 1.30.0 puts the value of every operation into a list, also the object
// of an operation without a path.
func TestAttributesInAListAreTaken(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"add", "replace"} {
		doc := newDocument(t, `{"userName":"u","title":"a","nickName":"n"}`)
		after, err := patch.Apply(t.Context(), scim.UserType(), doc, newOperations(t, `{"op":"`+op+`","value":[{"title":"b","active":false}]}`))
		if err != nil {
			t.Fatalf("%s: Apply() = %v", op, err)
		}
		for name, want := range map[string]any{"title": "b", "active": false, "nickName": "n"} {
			if after.Document[name] != want {
				t.Errorf("%s: %s = %v, want %v", op, name, after.Document[name], want)
			}
		}
	}
	for _, value := range []string{`[]`, `[{"title":"b"},{"title":"c"}]`, `["b"]`, `[[{"title":"b"}]]`} {
		_, err := patch.Apply(t.Context(), scim.UserType(), newDocument(t, `{"userName":"u"}`), newOperations(t, `{"op":"add","value":`+value+`}`))
		var e *scim.Error
		if !errors.As(err, &e) || e.Type != scim.InvalidValue {
			t.Errorf("Apply(%s) = %v, want invalidValue", value, err)
		}
	}
}
