package mapping_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

const key = "realm"

func owner() mapping.Owner { return mapping.Owner{Key: key} }

func stamp() time.Time { return time.Date(2026, 1, 31, 8, 30, 0, 0, time.UTC) }

func newDocument(tb testing.TB, text string) scim.Document {
	tb.Helper()
	object, err := scim.Decode([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	doc, err := scim.UserType().Canonical(object)
	if err != nil {
		tb.Fatal(err)
	}
	return doc
}

// stored returns what Keycloak holds of a document: attributes in any order.
func stored(tb testing.TB, doc scim.Document) keycloak.User {
	tb.Helper()
	return storedBy(tb, mapping.Default(scim.Tolerant), doc)
}

func storedBy(tb testing.TB, m *mapping.Mapping, doc scim.Document) keycloak.User {
	tb.Helper()
	s, err := m.UserState(owner(), doc)
	if err != nil {
		tb.Fatalf("UserState(%v): %v", doc, err)
	}
	attributes := s.UserAttributes(owner(), nil, stamp())
	for name, values := range attributes {
		values = slices.Clone(values)
		slices.Reverse(values)
		attributes[name] = values
		for _, v := range values {
			if strings.TrimSpace(v) == "" || len(v) > 2048 {
				tb.Errorf("Keycloak would not keep the value %q of %s", v, name)
			}
		}
	}
	return keycloak.User{
		ID: "1", Username: s.Username, Email: s.Email, FirstName: s.FirstName, LastName: s.LastName,
		Enabled: s.Enabled == nil || *s.Enabled, Created: stamp(), Attributes: attributes,
	}
}

func read(tb testing.TB, u keycloak.User) scim.Document {
	tb.Helper()
	return readBy(tb, mapping.Default(scim.Tolerant), u)
}

func readBy(tb testing.TB, m *mapping.Mapping, u keycloak.User) scim.Document {
	tb.Helper()
	r, err := m.UserResource(owner(), u)
	if err != nil {
		tb.Fatalf("UserResource: %v", err)
	}
	return r.Document
}

// TestUserComesBackAsItWasSent: each row is a document that Keycloak without the bridge would not
// give back.
func TestUserComesBackAsItWasSent(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"capitals in userName (Okta's suite)":   `{"userName":"Jane.DOE@Acme.test"}`,
		"capitals in the address":               `{"userName":"j","emails":[{"value":"Jane@Acme.test","primary":true}]}`,
		"type of the one address":               `{"userName":"j","emails":[{"value":"a@b.c","type":"work","primary":true}]}`,
		"one address without primary":           `{"userName":"j","emails":[{"value":"a@b.c"}]}`,
		"several addresses in order":            `{"userName":"j","emails":[{"value":"b@b.c","type":"home"},{"value":"A@b.c","type":"work","primary":true},{"value":"c@b.c"}]}`,
		"one address twice with two types":      `{"userName":"j","emails":[{"value":"a@b.c","type":"work"},{"value":"a@b.c","type":"home"}]}`,
		"one further address twice":             `{"userName":"j","emails":[{"value":"p@b.c","primary":true},{"value":"a@b.c","type":"work"},{"value":"a@b.c","type":"home"}]}`,
		"an address that is blank":              `{"userName":"j","emails":[{"value":" ","display":"x"}]}`,
		"an e-mail without address":             `{"userName":"j","emails":[{"type":"work"}]}`,
		"all of the name":                       `{"userName":"j","name":{"formatted":"Dr. Jane Q. O'Neil","givenName":"Jane","familyName":" O'Neil ","middleName":"Q.","honorificPrefix":"Dr."}}`,
		"a blank name (OneLogin)":               `{"userName":"j","name":{"givenName":" ","familyName":"x"}}`,
		"inactive":                              `{"userName":"j","active":false}`,
		"externalId in its case":                `{"userName":"j","externalId":"AbC|~\"\\"}`,
		"a blank externalId":                    `{"userName":"j","externalId":"  "}`,
		"displayName":                           `{"userName":"j","displayName":"Straße 日本 🦊"}`,
		"a long displayName":                    `{"userName":"j","displayName":"` + strings.Repeat("x", 3000) + `"}`,
		"phones, addresses, roles, certificate": `{"userName":"j","phoneNumbers":[{"value":"+1 555","type":"work"}],"addresses":[{"formatted":"a\nb","country":"US"}],"roles":[{"value":"r"}],"x509Certificates":[{"value":"AAAA"}]}`,
		"enterprise":                            `{"userName":"j","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D","manager":{"value":"m"}}}`,
		"what no schema knows":                  `{"userName":"j","urn:v:x":{"n":9007199254740993,"d":1.50,"l":[1,[2]],"b":true},"favoriteColour":"red"}`,
		"control characters":                    `{"userName":"j","title":"a\u0001\t\u2028\u007f b"}`,
		"more than one piece":                   `{"userName":"j","title":"` + strings.Repeat("日", 5000) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := newDocument(t, text)
			got := read(t, stored(t, want))
			if want["active"] == nil {
				want["active"] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("came back differently (-sent +got):\n%s", diff)
			}
		})
	}
}

// rules has rules of every kind that give every value back.
const rules = `version: 1
schemas:
  urn:acme:hr:
    resource: User
    attributes:
      level: { type: integer, keycloak: level }
      senior: { type: boolean, keycloak: senior }
      badges: { multiValued: true, keycloak: badges }
      tags: { multiValued: true, keycloak: tags, transform: [{ prefix: "t " }] }
      desk: { type: complex, subAttributes: { floor: { type: integer, keycloak: floor }, note: {} } }
      places: { type: complex, multiValued: true, keycloak: places, transform: [json], subAttributes: { type: {}, value: {} } }
users:
  attributes:
    title: { keycloak: title }
    nickName: { keycloak: nick, transform: [{ suffix: "/x" }] }
    name.formatted: { keycloak: full_name }
    name.givenName: { keycloak: call_name }
    displayName: { keycloak: lastName }
    name.familyName: { keycloak: family_name }
    'phoneNumbers[type eq "work"].value': { keycloak: phone }
    'phoneNumbers[type eq "home"].value': { keycloak: home_phone }
    'addresses[type eq "work"].locality': { keycloak: city }
    'addresses[type eq "work"].region': { keycloak: region }
    entitlements.value: { keycloak: entitlements }
    roles.value: { keycloak: roles }
    ims: { keycloak: ims, transform: [json] }
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value": { keycloak: manager }
`

// TestRandomDocumentsComeBack is the same for random documents, with the built-in mapping and with
// rules.
func TestRandomDocumentsComeBack(t *testing.T) {
	t.Parallel()
	ruled, problems := compile([]byte(rules))
	if ruled == nil {
		t.Fatal(problems)
	}
	for name, m := range map[string]*mapping.Mapping{"built-in": mapping.Default(scim.Tolerant), "rules": ruled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, 2))
			came := 0
			for range 2000 {
				if comesBack(t, m, randomUser(r, m)) {
					came++
				}
			}
			if came < 1000 {
				t.Errorf("%d of 2000 documents were taken", came)
			}
		})
	}
}

// comesBack reports whether the mapping accepts a document, and checks that an accepted document
// comes back.
func comesBack(t *testing.T, m *mapping.Mapping, object map[string]any) bool {
	t.Helper()
	doc, err := m.User.Canonical(object)
	if err != nil {
		t.Fatal(err)
	}
	sent := doc.Clone()
	_, err = m.UserState(owner(), doc)
	if diff := cmp.Diff(sent, doc); diff != "" {
		t.Fatalf("the mapping changed the document that it maps (-before +after):\n%s", diff)
	}
	if err != nil {
		if !strings.Contains(err.Error(), "several values, but only one is allowed") {
			t.Fatal(err)
		}
		return false
	}
	u := storedBy(t, m, doc)
	if diff := cmp.Diff(doc, readBy(t, m, u)); diff != "" {
		data, err := scim.Encode(object)
		t.Fatalf("%s (%v) came back differently (-sent +got):\n%s", data, err, diff)
	}
	s, err := m.UserState(owner(), readBy(t, m, u))
	if err != nil || !s.AttributesEqual(owner(), u.Attributes) {
		t.Fatalf("what was just stored counts as changed: %v", err)
	}
	return true
}

func randomUser(r *rand.Rand, m *mapping.Mapping) map[string]any {
	object := map[string]any{"userName": randomText(r) + "u", "active": r.IntN(2) == 0}
	fill := func(object map[string]any, attributes []*scim.Attribute) {
		for _, a := range attributes {
			if r.IntN(3) == 0 && a.Name != scim.AttrUserName && a.Name != scim.AttrPassword && a.Mutability != scim.ReadOnly {
				object[a.Name] = randomValue(r, a)
			}
		}
	}
	fill(object, m.User.Schema.Attributes)
	for _, s := range m.User.Extensions {
		extension := map[string]any{}
		fill(extension, s.Attributes)
		object[s.ID] = extension
	}
	return object
}

func randomValue(r *rand.Rand, a *scim.Attribute) any {
	switch {
	case a.MultiValued && a.Type != scim.TypeComplex:
		var out []any
		for range r.IntN(4) {
			out = append(out, randomText(r))
		}
		return out
	case a.MultiValued:
		var out []any
		for i := range r.IntN(3) {
			element := randomComplex(r, a)
			delete(element, scim.AttrPrimary)
			if i == 0 && r.IntN(2) == 0 && a.Sub(scim.AttrPrimary) != nil {
				element[scim.AttrPrimary] = true
			}
			out = append(out, element)
		}
		return out
	case a.Type == scim.TypeComplex:
		return randomComplex(r, a)
	case a.Type == scim.TypeBoolean:
		return r.IntN(2) == 0
	case a.Type == scim.TypeInteger:
		return json.Number(strconv.Itoa(r.IntN(100)))
	}
	return randomText(r)
}

func randomComplex(r *rand.Rand, a *scim.Attribute) map[string]any {
	out := map[string]any{}
	for _, sub := range a.SubAttributes {
		switch {
		case r.IntN(2) == 0:
		case sub.Name == scim.AttrType:
			out[sub.Name] = []string{"work", "home", "other"}[r.IntN(3)]
		case sub.Type == scim.TypeInteger:
			out[sub.Name] = json.Number(strconv.Itoa(r.IntN(100)))
		case sub.Type == scim.TypeBoolean:
			out[sub.Name] = r.IntN(2) == 0
		case sub.Type == scim.TypeBinary:
			out[sub.Name] = "AAAA"
		default:
			out[sub.Name] = randomText(r)
		}
	}
	return out
}

func randomText(r *rand.Rand) string {
	alphabet := []rune("aAbZ09 .@-_'\"\\|/%;:,{}[]\n\tßÄé日🦊\u2028")
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteRune(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}

func TestAChangeInTheConsoleShows(t *testing.T) {
	t.Parallel()
	u := stored(t, newDocument(t, `{"userName":"Jane","externalId":"x","displayName":"d","name":{"givenName":"G","middleName":"M"},
		"emails":[{"value":"Jane@a.b","type":"work","primary":true},{"value":"h@a.b","type":"home"}]}`))
	u.Username, u.FirstName, u.Email = "janet", "Janet", "janet@a.b"
	u.Attributes[mapping.AttrDisplayName] = []string{"D2"}
	u.Attributes[mapping.AttrExternalID] = nil
	u.Attributes[mapping.AttrEmails] = []string{"new@a.b"}
	want := newDocument(t, `{"userName":"janet","displayName":"D2","active":true,"name":{"givenName":"Janet","middleName":"M"},
		"emails":[{"value":"janet@a.b","type":"work","primary":true},{"value":"new@a.b"}]}`)
	if diff := cmp.Diff(want, read(t, u)); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

func TestAUserOfTheConsoleIsReadable(t *testing.T) {
	t.Parallel()
	got := read(t, keycloak.User{ID: "1", Username: "bob", Email: "bob@a.b", FirstName: "Bob", Enabled: true})
	want := newDocument(t, `{"userName":"bob","active":true,"name":{"givenName":"Bob"},"emails":[{"value":"bob@a.b","type":"work","primary":true}]}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

func TestADamagedRemainderIsAnErrorAndNeverEmpty(t *testing.T) {
	t.Parallel()
	whole := stored(t, newDocument(t, `{"userName":"j","title":"`+strings.Repeat("x", 5000)+`"}`)).Attributes[mapping.AttrRemainder]
	if len(whole) < 3 {
		t.Fatalf("the remainder has %d pieces, the test needs 3", len(whole))
	}
	for name, values := range map[string][]string{
		"a piece is gone":      whole[1:],
		"a piece was edited":   append([]string{whole[0] + "x"}, whole[1:]...),
		"a piece is cut":       append([]string{whole[0][:40]}, whole[1:]...),
		"something else is in": {key + "|nonsense"},
		"it is empty":          {key + "|1|1/1|e3b0c44298fc1c14|"}, // the checksum of an empty text
	} {
		u := keycloak.User{ID: "1", Username: "j", Attributes: map[string][]string{mapping.AttrRemainder: values}}
		var damaged *mapping.DamagedError
		if _, err := mapping.Default(scim.Tolerant).UserResource(owner(), u); !errors.As(err, &damaged) || damaged.Attribute != mapping.AttrRemainder || damaged.ID != "1" {
			t.Errorf("%s: error = %v, want a DamagedError that names the user and the attribute", name, err)
		}
	}
}

func TestTheNewestCompleteRemainderCounts(t *testing.T) {
	t.Parallel()
	m := mapping.Default(scim.Tolerant)
	write := func(title string, at time.Time) []string {
		s, err := m.UserState(owner(), newDocument(t, `{"userName":"j","title":"`+title+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		a := s.UserAttributes(owner(), nil, at)
		return a[mapping.AttrRemainder]
	}
	old, newer := write("old", stamp()), write("new", stamp().Add(time.Second))
	mixed := append(append(append([]string{"other|1|1/1|x|{}"}, newer...), old...), newer...)
	u := keycloak.User{ID: "1", Username: "j", Enabled: true, Attributes: map[string][]string{mapping.AttrRemainder: mixed}}
	if got := read(t, u).String("title"); got != "new" {
		t.Errorf("title = %q, want the newest", got)
	}
	s, err := m.UserState(owner(), newDocument(t, `{"userName":"j"}`))
	if err != nil {
		t.Fatal(err)
	}
	after := s.UserAttributes(owner(), u.Attributes, stamp())
	if !slices.Equal(after[mapping.AttrRemainder], []string{"other|1|1/1|x|{}"}) {
		t.Errorf("remainder after clearing = %q, want the other tenant's piece alone", after[mapping.AttrRemainder])
	}
}

func TestAUserKeepsForeignAttributes(t *testing.T) {
	t.Parallel()
	s, err := mapping.Default(scim.Tolerant).UserState(owner(), newDocument(t, `{"userName":"j","displayName":"d"}`))
	if err != nil {
		t.Fatal(err)
	}
	got := s.UserAttributes(owner(), map[string][]string{"dept": {"A"}, "disabledReason": {"x"}, mapping.AttrExternalID: {"old"}}, stamp())
	if got["dept"][0] != "A" || got["disabledReason"] != nil || got[mapping.AttrExternalID] != nil {
		t.Errorf("attributes = %v, want dept kept, disabledReason and the cleared externalId gone", got)
	}
}

func TestTooMuchIsRefusedByName(t *testing.T) {
	t.Parallel()
	_, err := mapping.Default(scim.Tolerant).UserState(owner(), newDocument(t, `{"userName":"j","title":"`+strings.Repeat("x", 70_000)+`"}`))
	var e *scim.Error
	if !errors.As(err, &e) || e.Status != 400 || !strings.Contains(e.Detail, "title") {
		t.Errorf("UserState(70 kB) = %v, want a 400 that names title", err)
	}
	for attribute, doc := range map[string]scim.Document{
		"displayName": {"displayName": strings.Repeat("x", 256)},
		"externalId":  {"displayName": "g", "externalId": strings.Repeat("x", 256)},
	} {
		_, err := mapping.Default(scim.Tolerant).GroupState(doc)
		if !errors.As(err, &e) || !strings.Contains(e.Detail, attribute) {
			t.Errorf("GroupState = %v, want a 400 that names %s", err, attribute)
		}
	}
}

func TestGroupComesBackAsItWasSent(t *testing.T) {
	t.Parallel()
	m := mapping.Default(scim.Tolerant)
	want := scim.Document{"displayName": "A/b 日", "externalId": "X", "urn:v:x": map[string]any{"note": strings.Repeat("日x", 300)}}
	s, err := m.GroupState(want)
	if err != nil {
		t.Fatal(err)
	}
	attributes := s.GroupAttributes(key, nil, stamp())
	for name, values := range attributes {
		for _, v := range values {
			if len(v) > 255 {
				t.Errorf("a value of %s has %d characters, Keycloak takes 255", name, len(v))
			}
		}
	}
	r, err := m.GroupResource(key, keycloak.Group{ID: "1", Name: s.Name, Attributes: attributes})
	if err != nil || !r.Created.Equal(stamp()) || !r.Modified.Equal(stamp()) {
		t.Fatalf("GroupResource = %v, %v, want the times of its creation", r, err)
	}
	if diff := cmp.Diff(want, r.Document); diff != "" {
		t.Errorf("came back differently (-sent +got):\n%s", diff)
	}
	if !s.AttributesEqual(key, attributes) {
		t.Error("what was just stored counts as changed")
	}
}

func TestALockedOutUserCountsAsActive(t *testing.T) {
	t.Parallel()
	u := keycloak.User{ID: "1", Username: "j", Enabled: false, Attributes: map[string][]string{"disabledReason": {"permanentlyLocked"}}}
	if read(t, u)["active"] != true {
		t.Error("active is false: a client's echo of it would disable the user for good")
	}
}

func TestLookupKeyIsFoundByTheIndex(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, id := range []string{"a", "A", "a-", "a|", `a\`, `a"`, "", "日", strings.Repeat("x", 400)} {
		k, ok := mapping.LookupKey(key, id)
		if len(k) <= 255 || !ok {
			t.Errorf("LookupKey(%q) has %d characters, Keycloak's index begins at 256", id, len(k))
		}
		if strings.ContainsAny(k, "\"\\ \n") {
			t.Errorf("LookupKey(%q) = %q, which cannot be asked for", id, k)
		}
		if other, twice := seen[k]; twice {
			t.Errorf("LookupKey(%q) = LookupKey(%q)", id, other)
		}
		seen[k] = id
	}
	if _, ok := mapping.LookupKey(key, strings.Repeat("é", 400)); ok {
		t.Error("an externalId that nobody can have has a key")
	}
}
