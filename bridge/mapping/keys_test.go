package mapping_test

import (
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestShownExternalIDs: a user is keyed when the key of the shown value finds the user.
func TestShownExternalIDs(t *testing.T) {
	t.Parallel()
	m, realm := mapping.Default(scim.Tolerant), mapping.Owner{Key: "realm"}
	key := func(of, value string) string {
		out, ok := mapping.LookupKey(of, value)
		if !ok {
			t.Fatal(value)
		}
		return out
	}
	for what, c := range map[string]struct {
		owner mapping.Owner
		value string
		keys  []string
		id    string
		keyed bool
	}{
		"nobody's":                          {realm, "", nil, "", true},
		"a key alone":                       {realm, "", []string{key("realm", "A")}, "", true},
		"written by the bridge":             {realm, "A", []string{key("realm", "A")}, "A", true},
		"of another server":                 {realm, "A", nil, "A", false},
		"changed in Keycloak":               {realm, "B", []string{key("realm", "A")}, "B", false},
		"in another case":                   {realm, "a", []string{key("realm", "A")}, "a", false},
		"with the key of another tenant":    {realm, "A", []string{key("other", "A")}, "A", false},
		"the realm's, of an organization":   {mapping.Owner{Key: "o", Organization: true}, "A", nil, "", true},
		"of an account of another's tenant": {mapping.Owner{Key: "two", Shared: true}, "A", nil, "", true},
	} {
		u := keycloak.User{Username: "jane", Attributes: map[string][]string{mapping.AttrKey: c.keys, mapping.AttrOwner: {"realm"}}}
		if c.value != "" {
			u.Attributes[mapping.AttrExternalID] = []string{c.value}
		}
		if id, keyed := m.ShownExternalID(c.owner, u); id != c.id || keyed != c.keyed {
			t.Errorf("%s: %q, keyed %t; want %q, %t", what, id, keyed, c.id, c.keyed)
		}
	}
}
