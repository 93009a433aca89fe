package scim_test

import (
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// BenchmarkBody measures how the bridge reads the body of a typical write, up to the mapping.
func BenchmarkBody(b *testing.B) {
	body, rt := []byte(`{"userName":"jane@acme.test","externalId":"00u1","active":true,"displayName":"Jane Doe","title":"Boss","userType":"Employee",
	"name":{"givenName":"Jane","familyName":"Doe"},"emails":[{"value":"jane@acme.test","type":"work","primary":true},{"value":"jane@home.test","type":"home"}],
	"phoneNumbers":[{"type":"work","value":"+1 555"},{"type":"mobile","value":"+1 556"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701","department":"R&D","costCenter":"4130"},
	"urn:acme:hr":{"level":7,"badges":["a","b"]}}`), scim.UserType()
	b.ReportAllocs()
	for b.Loop() {
		object, err := scim.Decode(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := rt.Canonical(object); err != nil {
			b.Fatal(err)
		}
	}
}
