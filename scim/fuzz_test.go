package scim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// FuzzDecode: decoding never panics. An accepted body encodes to a text that decodes to the same, and its canonical
// document is stable.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"userName":"u","emails":[{"value":"a"}],"n":1.5e3,"x":null}`, `{"a":{"b":[1,[2]]}}`, `{"a":1,"A":2}`, `{"a":"\ud83e\udd8a"}`,
		`{"roles":[{"value":"{\"value\":\"x\"}"}],"active":"True","manager":"m"}`,
	} {
		f.Add([]byte(seed))
	}
	rt := scim.UserType()
	f.Fuzz(func(t *testing.T, body []byte) {
		object, err := scim.Decode(body)
		if err != nil {
			return
		}
		data, err := scim.Encode(object)
		if err != nil {
			t.Fatal(err)
		}
		again, err := scim.Decode(data)
		if err != nil || !cmp.Equal(object, again) {
			t.Fatalf("%q encodes to %q, which decodes to %v, %v", body, data, again, err)
		}
		doc, err := rt.Canonical(object)
		if err != nil {
			return
		}
		twice, err := rt.Canonical(doc)
		if err != nil || !cmp.Equal(doc, twice) {
			t.Fatalf("the canonical document of %q is not stable: %v\n%s", body, err, cmp.Diff(doc, twice))
		}
	})
}
