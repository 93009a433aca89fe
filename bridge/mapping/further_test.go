package mapping_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

func email(value, kind string, primary bool) map[string]any {
	out := map[string]any{"value": value}
	if kind != "" {
		out["type"] = kind
	}
	if primary {
		out["primary"] = true
	}
	return out
}

// TestKeepIdentifiersOfEmails keeps the address of the account. It uses the further addresses of
// the document, unless one of them would become the account's address.
func TestKeepIdentifiersOfEmails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ shown, sent, want []any }{
		"a further one": {
			shown: []any{email("a@x", "work", true)},
			sent:  []any{email("new@x", "work", true), email("h@x", "home", false)},
			want:  []any{email("a@x", "work", true), email("h@x", "home", false)},
		},
		"one that would be the primary one": {
			shown: []any{email("a@x", "", false)},
			sent:  []any{email("new@x", "", true), email("w@x", "work", true)},
			want:  []any{email("a@x", "", false)},
		},
		"no address before": {shown: nil, sent: []any{email("new@x", "work", true), email("h@x", "home", false)}, want: nil},
	} {
		doc, shown := scim.Document{scim.AttrEmails: c.sent}, scim.Document{}
		if c.shown != nil {
			shown[scim.AttrEmails] = c.shown
		}
		mapping.KeepIdentifiers([]string{scim.AttrEmails}, shown, doc)
		if diff := cmp.Diff(c.want, doc.Values(scim.AttrEmails)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
