package store_test

import (
	"slices"
	"strconv"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// folded is a text as it is compared.
func folded(text string) string {
	for _, one := range (store.Person{UserName: text}).Identifiers() {
		return one.Value
	}
	return ""
}

func TestTextsThatPeopleTakeForTheSameAreTheSame(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"anna", "ANNA", "Anna", " anna\t", "\u00a0anna\u2003", "ａｎｎａ"},
		{"straße", "STRASSE", "Strasse", "STRA\u1e9eE"},
		{"ångström", "ÅNGSTRÖM", "a\u030angstro\u0308m", "A\u030aNGSTRO\u0308M", "\u212bngström"},
		{"ὀδυσσεύς", "ὈΔΥΣΣΕΎΣ", "ὀδυσσεύσ"},
		{"ﬁnn", "FINN", "finn"},
		{"\u212aim", "KIM", "kim"}, // the sign of Kelvin
		{"\u210canna", "hanna", "HANNA"},
		{"", " ", "\n", "\u3000"},
	} {
		for _, text := range same[1:] {
			if folded(text) != folded(same[0]) {
				t.Errorf("%q is %q, and %q is %q", text, folded(text), same[0], folded(same[0]))
			}
		}
	}
}

func TestOtherTextsStayDifferent(t *testing.T) {
	t.Parallel()
	texts := []string{"", "anna", "ann", "annaa", "an na", "ännä", "aenna", "anna%", "anna_", "αννα", "аnna", "a\x00nna", "anna@example.org", "ı", "i"}
	seen := map[string]string{}
	for _, text := range texts {
		if other, again := seen[folded(text)]; again {
			t.Errorf("%q and %q are the same", text, other)
		}
		seen[folded(text)] = text
	}
}

func FuzzATextIsFoldedOnce(f *testing.F) {
	for _, text := range []string{"Anna", "\u210c", "\u00a8a", "STRA\u1e9eE", "a\u030a", "\u0345\u0300", "\xff", "\u1fb3\u0313", " \u3000x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := folded(text)
		if twice := folded(once); twice != once {
			t.Errorf("%q is %q, and folded again %q", text, once, twice)
		}
	})
}

func TestAPersonHasTheIdentifiersThatAreNotEmpty(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		person store.Person
		want   []store.Identifier
	}{
		"nobody":        {store.Person{}, nil},
		"only spaces":   {store.Person{UserName: "  ", Address: "\t"}, nil},
		"each has kind": {store.Person{ID: "A", UserName: "B", Address: "C", ExternalID: "D"}, []store.Identifier{{Kind: store.ByID, Value: "a"}, {Kind: store.ByUserName, Value: "b"}, {Kind: store.ByAddress, Value: "c"}, {Kind: store.ByExternalID, Value: "d"}}},
		"any of a text": {store.AnyOf(" A@b "), []store.Identifier{{Kind: store.ByID, Value: "a@b"}, {Kind: store.ByUserName, Value: "a@b"}, {Kind: store.ByAddress, Value: "a@b"}, {Kind: store.ByExternalID, Value: "a@b"}}},
	} {
		if diff := cmp.Diff(one.want, one.person.Identifiers()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAChangeIsFoundByTheIdentifiersOfItsPeople(t *testing.T) {
	t.Parallel()
	id := func(kind store.Kind, values ...string) []store.Identifier {
		var out []store.Identifier
		for _, value := range values {
			out = append(out, store.Identifier{Kind: kind, Value: value})
		}
		return out
	}
	emails := func(values ...any) []any {
		var out []any
		for _, value := range values {
			out = append(out, map[string]any{"value": value})
		}
		return out
	}
	user := change.Resource{Type: "User", ID: "U1"}
	for name, one := range map[string]struct {
		change change.Change
		want   []store.Identifier
	}{
		"nothing": {change.Change{}, nil},
		"a user":  {change.Change{Resource: user}, id(store.ByID, "u1")},
		"before and after, each value once": {
			change.Change{
				Resource: user,
				Before:   scim.Document{"userName": "Anna", "externalId": "E1", "emails": emails("A@b", "c@d")},
				After:    scim.Document{"userName": "anna", "externalId": "e2", "emails": emails("C@D", "e@f", "a@B")},
			},
			slices.Concat(id(store.ByID, "u1"), id(store.ByUserName, "anna"), id(store.ByExternalID, "e1"), id(store.ByAddress, "a@b", "c@d"), id(store.ByExternalID, "e2"), id(store.ByAddress, "e@f")),
		},
		"a user that was not made": {change.Change{Resource: change.Resource{Type: "User"}, After: scim.Document{"userName": "anna"}}, id(store.ByUserName, "anna")},
		"values of other types": {
			change.Change{Resource: user, After: scim.Document{"userName": 7, "externalId": nil, "emails": []any{"x@y", 7, nil, map[string]any{}, map[string]any{"value": 7}, map[string]any{"value": " "}}}},
			id(store.ByID, "u1"),
		},
		"addresses that are no list": {change.Change{Resource: user, After: scim.Document{"emails": map[string]any{"value": "x@y"}}}, id(store.ByID, "u1")},
		"the members of a group, and not the group": {
			change.Change{Resource: change.Resource{Type: "Group", ID: "G1"}, After: scim.Document{"userName": "x", "externalId": "e1"}, MembersAdded: []string{"U2", "u1", "U2"}, MembersRemoved: []string{"u3", "", "U1"}},
			id(store.ByID, "u2", "u1", "u3"),
		},
		"what is left of a forgotten user": {change.Change{Op: change.Erased, Resource: user}, id(store.ByID, "u1")},
	} {
		if diff := cmp.Diff(one.want, store.IdentifiersOf(one.change)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestIdentifiersOfManyMembersAreEachFoundOnce also when all are named twice.
func TestIdentifiersOfManyMembersAreEachFoundOnce(t *testing.T) {
	t.Parallel()
	c := change.Change{Resource: change.Resource{Type: "Group", ID: "g"}}
	for i := range 10_000 {
		c.MembersAdded = append(c.MembersAdded, "User-"+strconv.Itoa(i))
	}
	c.MembersRemoved = c.MembersAdded
	if got := store.IdentifiersOf(c); len(got) != 10_000 || got[9_999] != (store.Identifier{Kind: store.ByID, Value: "user-9999"}) {
		t.Errorf("%d identifiers, the last is %v", len(got), got[len(got)-1])
	}
}

// TestEveryCharacterIsFoldedOnce and its capital letter is the same, if it has one of its own. The library does not
// fold Cherokee. Han and Hangul have no case, and are most of all characters.
func TestEveryCharacterIsFoldedOnce(t *testing.T) {
	t.Parallel()
	for r := range rune(unicode.MaxRune + 1) {
		if !unicode.IsGraphic(r) || unicode.In(r, unicode.Cherokee, unicode.Han, unicode.Hangul) {
			continue
		}
		once := folded(string(r))
		if folded(once) != once {
			t.Errorf("%U is %q, and folded again %q", r, once, folded(once))
		}
		if upper := unicode.ToUpper(r); unicode.ToLower(upper) == r && folded(string(upper)) != once {
			t.Errorf("%U is %q, its capital letter %q", r, once, folded(string(upper)))
		}
	}
}
