package bridge

import (
	"encoding/json"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// TestDeactivationsAreKnownByTheirOperations, in the forms that identity providers send.
func TestDeactivationsAreKnownByTheirOperations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"op":"replace","path":"active","value":false}`:                                         true,
		`{"op":"Replace","path":"active","value":"False"}`:                                       true,
		`{"op":"Add","path":"Active","value":"false"}`:                                           true,
		`{"op":"replace","value":{"active":false}}`:                                              true,
		`{"op":"replace","value":{"Active":"False","title":"x"}}`:                                true,
		`{"op":"replace","path":"title","value":"x"},{"op":"add","path":"active","value":false}`: true,
		`{"op":"replace","path":"active","value":true}`:                                          false,
		`{"op":"replace","path":"title","value":"false"}`:                                        false,
		`{"op":"replace","value":{"title":"false"}}`:                                             false,
		`{"op":"remove","path":"active"}`:                                                        false,
	} {
		var body map[string]any
		if err := json.Unmarshal([]byte(`{"schemas":["`+scim.PatchOpURN+`"],"Operations":[`+text+`]}`), &body); err != nil {
			t.Fatal(err)
		}
		ops, err := patch.Decode(scim.UserType(), body)
		if err != nil {
			t.Fatal(err)
		}
		if got := deactivating(ops); got != want {
			t.Errorf("deactivating(%s) = %t, want %t", text, got, want)
		}
	}
}
