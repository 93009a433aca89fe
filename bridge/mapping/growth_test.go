package mapping_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/growth"
)

// severalMapping has a rule of each kind for several values.
const severalMapping = `version: 1
schemas:
  urn:acme:hr: { resource: User, attributes: { badges: { multiValued: true, keycloak: badges }, tags: { keycloak: tags, transform: [{ split: "," }] } } }
users:
  attributes:
    roles.value: { keycloak: roles }
    'phoneNumbers[type eq "work"].value': { keycloak: phone }
  unmapped: %s
`

func several(tb testing.TB, unmapped string) *mapping.Mapping {
	tb.Helper()
	m, problems := compile([]byte(fmt.Sprintf(severalMapping, unmapped)))
	if m == nil {
		tb.Fatal(problems)
	}
	return m
}

// values returns n values; # in the text becomes the number.
func values(n int, text string) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = strings.ReplaceAll(text, "#", fmt.Sprintf("%06d", n-i))
	}
	return out
}

func objects(list []any, name string) []any {
	for i, text := range list {
		list[i] = map[string]any{name: text}
	}
	return list
}

// TestRulesAreLinear in both directions. Keycloak may hold more values than a client may send.
func TestRulesAreLinear(t *testing.T) {
	for name, of := range map[string]func(n int) scim.Document{
		"values": func(n int) scim.Document {
			return scim.Document{"urn:acme:hr": map[string]any{"badges": values(n, "#")}}
		},
		"values of elements": func(n int) scim.Document { return scim.Document{"roles": objects(values(n, "#"), "value")} },
		"addresses":          func(n int) scim.Document { return scim.Document{"emails": objects(values(n, "#@acme.test"), "value")} },
		"what is dropped":    func(n int) scim.Document { return scim.Document{"x": objects(values(n, "x"), "y")} },
	} {
		m := several(t, "drop")
		t.Run(name, func(t *testing.T) {
			growth.Linear(t, 3000, func(n int) func() {
				doc := of(n)
				doc["userName"] = "u"
				return func() {
					s, err := m.UserState(owner(), doc)
					if err != nil {
						if strings.Contains(err.Error(), string(scim.CodeTooLong)) {
							return // when all work was done
						}
						t.Fatal(err)
					}
					u := keycloak.User{ID: "1", Username: "u", Attributes: s.UserAttributes(owner(), nil, stamp())}
					if _, err := m.UserResource(owner(), u); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

// TestWhatManyMarksNameComesBack in the order in which the client sent it.
func TestWhatManyMarksNameComesBack(t *testing.T) {
	t.Parallel()
	m := several(t, "keep")
	doc := scim.Document{"userName": "u", "urn:acme:hr": map[string]any{"badges": values(300, "#")}, "roles": objects(values(300, "#"), "value")}
	got := readBy(t, m, storedBy(t, m, doc))
	for name, want := range map[string][]any{"badges": doc.Object("urn:acme:hr")["badges"].([]any), "roles": doc.Values("roles")} {
		have := got.Values("roles")
		if name == "badges" {
			have, _ = got.Object("urn:acme:hr")["badges"].([]any)
		}
		if !scim.Equal(any(want), any(have)) {
			t.Errorf("%s are %.200v, want %.200v", name, have, want)
		}
	}
}

// TestATextIsSplitIntoNoMoreValuesThanAClientMaySend.
func TestATextIsSplitIntoNoMoreValuesThanAClientMaySend(t *testing.T) {
	t.Parallel()
	m := several(t, "keep")
	for n, want := range map[int]bool{scim.MaxValues: true, scim.MaxValues + 1: false, 200_000: false} {
		text := ""
		for _, v := range values(n, "#") {
			text += "," + v.(string)
			if len(text) > 200_000 {
				break
			}
		}
		_, err := m.UserState(owner(), scim.Document{"userName": "u", "urn:acme:hr": map[string]any{"tags": text}})
		if (err == nil) != want {
			t.Errorf("%d parts: %v", n, err)
		}
		if err != nil && !strings.Contains(err.Error(), "urn:acme:hr:tags can have at most 1000 values") {
			t.Errorf("%d parts: %v", n, err)
		}
	}
}

// TestARefusalNamesSomeAttributes, however many attributes a client invents.
func TestARefusalNamesSomeAttributes(t *testing.T) {
	t.Parallel()
	doc := scim.Document{"userName": "u"}
	for i := range 1000 {
		doc[fmt.Sprintf("a%06d", i)] = "x"
	}
	_, err := several(t, "refuse").UserState(owner(), doc)
	if err == nil || len(err.Error()) > 1000 || !strings.Contains(err.Error(), "a000019 and others") {
		t.Errorf("it is refused with %.2000v", err)
	}
}

// TestExpressionsReadNoLongTexts, because CEL does not know the cost before the text is there.
func TestExpressionsReadNoLongTexts(t *testing.T) {
	t.Parallel()
	m, problems := compile([]byte(`version: 1
users: { attributes: { displayName: { value: 'resource.title.replace("a", resource.nickName)' }, userType: { value: 'resource.emails.map(e, resource.nickName).join("")' } } }
`))
	if m == nil {
		t.Fatal(problems)
	}
	for name, c := range map[string]struct {
		doc  scim.Document
		want string
	}{
		"short texts":        {scim.Document{"title": "abc", "nickName": "x"}, ""},
		"a long text":        {scim.Document{"title": strings.Repeat("a", 1<<20), "nickName": "x"}, "more than 8192 bytes"},
		"in its place":       {scim.Document{"title": "a", "nickName": strings.Repeat("a", 1<<20)}, "more than 8192 bytes"},
		"one that is unread": {scim.Document{"title": "a", "nickName": "x", "locale": strings.Repeat("a", 10_000)}, ""},
		"many of many":       {scim.Document{"title": "a", "nickName": strings.Repeat("x", 8000), "emails": objects(values(900, "#@acme.test"), "value")}, "cannot be computed"},
	} {
		c.doc["userName"] = "u"
		_, err := m.UserState(owner(), c.doc)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
