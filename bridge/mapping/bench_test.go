package mapping_test

import (
	"os"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// typical is the document that an identity provider sends for most users.
const typical = `{"userName":"jane@acme.test","externalId":"00u1","active":true,"displayName":"Jane Doe","title":"Boss","userType":"Employee",
	"name":{"givenName":"Jane","familyName":"Doe"},"emails":[{"value":"jane@acme.test","type":"work","primary":true}],
	"phoneNumbers":[{"type":"work","value":"+1 555"},{"type":"mobile","value":"+1 556"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701","department":"R&D","costCenter":"4130"},
	"urn:acme:hr":{"level":7,"badges":["a","b"]}}`

// typicalMapping stores what operators often want in attributes.
const typicalMapping = `version: 1
schemas:
  urn:acme:hr: { resource: User, attributes: { level: { type: integer, keycloak: level }, badges: { multiValued: true, keycloak: badges } } }
users:
  attributes:
    title: { keycloak: job_title, transform: [trim] }
    userType: { keycloak: kind, transform: [{ map: { Employee: E, Contractor: C } }] }
    'phoneNumbers[type eq "work"].value': { keycloak: phone }
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": { keycloak: employee_number }
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": { keycloak: department }
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter": { keycloak: cost_center }
`

// BenchmarkMapping measures the mapping of one write and one read.
func BenchmarkMapping(b *testing.B) {
	for name, text := range map[string]string{"built-in": "version: 1\n", "file": typicalMapping} {
		m, problems := compile([]byte(text))
		if m == nil {
			b.Fatal(problems)
		}
		object, err := scim.Decode([]byte(typical))
		if err != nil {
			b.Fatal(err)
		}
		doc, err := m.User.Canonical(object)
		if err != nil {
			b.Fatal(err)
		}
		s, err := m.UserState(owner(), doc)
		if err != nil {
			b.Fatal(err)
		}
		attributes := s.UserAttributes(owner(), nil, stamp())
		u := keycloak.User{ID: "1", Username: s.Username, Email: s.Email, FirstName: s.FirstName, LastName: s.LastName, Enabled: true, Attributes: attributes}
		b.Run(name+"/write", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.UserState(owner(), doc); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/read", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.UserResource(owner(), u); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCompile measures a change of a mapping file.
func BenchmarkCompile(b *testing.B) {
	data, err := os.ReadFile("testdata/mapping.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if m, problems := compile(data); m == nil {
			b.Fatal(problems)
		}
	}
}
