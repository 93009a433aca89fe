package patch_test

import (
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// BenchmarkApply measures a PATCH as Entra sends it.
func BenchmarkApply(b *testing.B) {
	doc := newDocument(b, `{"userName":"u","emails":[{"value":"a@b.test","type":"work","primary":true}],"phoneNumbers":[{"value":"1","type":"work"},{"value":"2","type":"home"}]}`)
	ops := newOperations(b, `{"op":"Replace","path":"emails[type eq \"work\"].value","value":"c@b.test"},{"op":"Add","path":"phoneNumbers","value":[{"value":"3","type":"mobile"}]},
		{"op":"Replace","path":"name.givenName","value":"Jane"},{"op":"Replace","path":"active","value":"False"},{"op":"Remove","path":"phoneNumbers","value":[{"value":"2","type":"home"}]}`)
	rt := scim.UserType()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := patch.Apply(b.Context(), rt, doc, ops); err != nil {
			b.Fatal(err)
		}
	}
}
