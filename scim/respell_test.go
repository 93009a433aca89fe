package scim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestWhatWasStoredBeforeItsSchemaHasTheNamesOfTheSchema: a client wrote an extension in its own spelling, and the
// operator later published the extension in another spelling.
func TestWhatWasStoredBeforeItsSchemaHasTheNamesOfTheSchema(t *testing.T) {
	t.Parallel()
	desk := &scim.Attribute{Name: "desk", Type: scim.TypeComplex, SubAttributes: []*scim.Attribute{{Name: "room", Type: scim.TypeString}}}
	kinds := &scim.Attribute{Name: "kinds", Type: scim.TypeComplex, MultiValued: true, SubAttributes: []*scim.Attribute{{Name: "value", Type: scim.TypeString}}}
	ext := scim.NewSchema("urn:acme:partner:2.0:User", "partner", "", &scim.Attribute{Name: "badge", Type: scim.TypeString}, desk, kinds)
	rt := scim.UserType().With(ext)
	for stored, want := range map[string]string{
		`"U":{"badge":"B"}`: `"U":{"badge":"B"}`,
		`"urn:ACME:Partner:2.0:user":{"Badge":"B","Other":"x"}`:                   `"U":{"badge":"B","Other":"x"}`,
		`"U":{"BADGE":"old","badge":"new"}`:                                       `"U":{"badge":"new"}`,
		`"U":{"badge":"new"},"URN:acme:partner:2.0:USER":{"badge":"old","x":"y"}`: `"U":{"badge":"new","x":"y"}`,
		`"U":{"Badge":"new"},"URN:acme:partner:2.0:USER":{"badge":"old"}`:         `"U":{"badge":"new"}`,
		`"U":{"Desk":{"Room":"1"},"KINDS":[{"VALUE":"a"},"b"]}`:                   `"U":{"desk":{"room":"1"},"kinds":[{"value":"a"},"b"]}`,
		`"U":{"desk":{"Room":"1"}},"urn:a:b":{"Q":"1"},"U:badge":"B"`:             `"U":{"desk":{"room":"1"},"badge":"B"},"urn:a:b":{"Q":"1"}`,
		`"U":"text"`: `"U":"text"`,
	} {
		doc := scim.Document(newStored(t, stored))
		kept := scim.CloneValue(map[string]any(doc))
		if diff := cmp.Diff(newStored(t, want), map[string]any(rt.Gather(doc))); diff != "" {
			t.Errorf("Gather(%s) differs (-want +got):\n%s", stored, diff)
		}
		if diff := cmp.Diff(kept, any(map[string]any(doc))); diff != "" {
			t.Errorf("Gather changed the document:\n%s", diff)
		}
	}
}

func newStored(t *testing.T, text string) map[string]any {
	t.Helper()
	object, err := scim.DecodeStored([]byte(members(text)), scim.MaxDepth)
	if err != nil {
		t.Fatal(err)
	}
	return object
}
