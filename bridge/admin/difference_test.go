package admin_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// documentOf decodes JSON; "" is no document.
func documentOf(t *testing.T, text string) scim.Document {
	t.Helper()
	if text == "" {
		return nil
	}
	object, err := scim.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// linesOf are differences as lines.
func linesOf(all []admin.Difference) []string {
	var out []string
	for _, d := range all {
		before, _ := scim.Encode(d.Before)
		after, _ := scim.Encode(d.After)
		out = append(out, fmt.Sprintf("%s: %s -> %s", d.Path, before, after))
	}
	return out
}

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

func TestTheDifferencesOfTwoDocuments(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, after string
		want          []string
	}{
		"nothing":                     {"", "", nil},
		"an empty document":           {"{}", "", nil},
		"the same":                    {`{"a":1,"b":{"c":[1,2]}}`, `{"b":{"c":[1,2]},"a":1}`, nil},
		"a new document":              {"", `{"userName":"jane","active":true}`, []string{`active: null -> true`, `userName: null -> "jane"`}},
		"a deleted document":          {`{"userName":"jane"}`, "", []string{`userName: "jane" -> null`}},
		"a replaced value":            {`{"active":true}`, `{"active":false}`, []string{`active: true -> false`}},
		"another case":                {`{"userName":"Jane"}`, `{"userName":"jane"}`, []string{`userName: "Jane" -> "jane"`}},
		"a number":                    {`{"n":1}`, `{"n":1.0}`, []string{`n: 1 -> 1.0`}},
		"another type":                {`{"n":"1"}`, `{"n":{"m":1}}`, []string{`n: "1" -> {"m":1}`}},
		"a list that was a value":     {`{"n":"1"}`, `{"n":["1"]}`, []string{`n: "1" -> ["1"]`}},
		"a value within another":      {`{"name":{"familyName":"Doe","givenName":"Jane"}}`, `{"name":{"familyName":"Smith","givenName":"Jane"}}`, []string{`name.familyName: "Doe" -> "Smith"`}},
		"a complex value that is new": {`{}`, `{"name":{"familyName":"Doe","givenName":"Jane"}}`, []string{`name.familyName: null -> "Doe"`, `name.givenName: null -> "Jane"`}},
		"core attributes, then extensions": {
			`{"` + enterprise + `":{"department":"Sales"},"title":"a","zone":1}`, `{"` + enterprise + `":{"department":"IT","manager":{"value":"7"}},"title":"b"}`,
			[]string{`title: "a" -> "b"`, `zone: 1 -> null`, enterprise + `:department: "Sales" -> "IT"`, enterprise + `:manager.value: null -> "7"`},
		},
		"an extension that is not an object": {`{"urn:x":1}`, `{"urn:x":{"a":1}}`, []string{`urn:x: 1 -> {"a":1}`}},
		"another order of elements":          {`{"emails":[{"value":"a"},{"value":"b"}]}`, `{"emails":[{"value":"b"},{"value":"a"}]}`, nil},
		"an element by its value": {
			`{"emails":[{"value":"a","type":"work","primary":true},{"value":"b"}]}`, `{"emails":[{"value":"b"},{"value":"a","type":"home"}]}`,
			[]string{`emails[value eq "a"].primary: true -> null`, `emails[value eq "a"].type: "work" -> "home"`},
		},
		"elements that come and leave": {
			`{"emails":[{"value":"b"},{"value":"a"}]}`, `{"emails":[{"value":"c"},{"value":"b"}]}`,
			[]string{`emails[value eq "a"]: {"value":"a"} -> null`, `emails[value eq "c"]: null -> {"value":"c"}`},
		},
		"a list that is new": {`{}`, `{"emails":[{"value":"a"}]}`, []string{`emails[value eq "a"]: null -> {"value":"a"}`}},
		"an element without a value by its type": {
			`{"addresses":[{"type":"work","locality":"Bonn"},{"type":"home","locality":"Ulm"}]}`, `{"addresses":[{"type":"home","locality":"Ulm"},{"type":"work","locality":"Berlin"}]}`,
			[]string{`addresses[type eq "work"].locality: "Bonn" -> "Berlin"`},
		},
		"elements with the same value": {
			`{"emails":[{"value":"a","type":"x"},{"value":"a","type":"y"}]}`, `{"emails":[{"value":"a","type":"y"},{"value":"a","type":"z"}]}`,
			[]string{`emails[value eq "a"]: {"type":"x","value":"a"} -> null`, `emails[value eq "a"]: null -> {"type":"z","value":"a"}`},
		},
		"plain elements":              {`{"badges":["c","a","a"]}`, `{"badges":["b","a"]}`, []string{`badges: "a" -> null`, `badges: null -> "b"`, `badges: "c" -> null`}},
		"elements without a name":     {`{"l":[{"x":1},[2]]}`, `{"l":[{"x":2}]}`, []string{`l: [2] -> null`, `l: {"x":1} -> null`, `l: null -> {"x":2}`}},
		"a value with quotes":         {`{}`, `{"emails":[{"value":"a\"]\n"}]}`, []string{`emails[value eq "a\"]\n"]: null -> {"value":"a\"]\n"}`}},
		"a value that is not a text":  {`{"l":[{"value":1}]}`, `{"l":[{"value":2}]}`, []string{`l: {"value":1} -> null`, `l: null -> {"value":2}`}},
		"an attribute without a name": {`{"":1}`, `{"":{"":2}}`, []string{`: 1 -> {"":2}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, linesOf(admin.Differences(documentOf(t, c.before), documentOf(t, c.after)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDifferencesDoNotDependOnTheOrderOfElements, and every difference is in the other direction too.
func TestDifferencesDoNotDependOnTheOrderOfElements(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	list := func() []any {
		out := []any{}
		for range random.IntN(5) {
			out = append(out, map[string]any{"value": string(rune('a' + random.IntN(3))), "type": string(rune('x' + random.IntN(2)))})
		}
		return out
	}
	for range 2000 {
		before, after := map[string]any{"l": list()}, map[string]any{"l": list()}
		want := linesOf(admin.Differences(before, after))
		for _, doc := range []map[string]any{before, after} {
			l, _ := doc["l"].([]any)
			random.Shuffle(len(l), func(i, j int) { l[i], l[j] = l[j], l[i] })
		}
		if diff := cmp.Diff(want, linesOf(admin.Differences(before, after))); diff != "" {
			t.Fatalf("%v and %v (-want +got):\n%s", before, after, diff)
		}
		back := admin.Differences(after, before)
		for i, d := range back {
			back[i].Before, back[i].After = d.After, d.Before
		}
		turned := linesOf(back)
		slices.Sort(turned)
		slices.Sort(want)
		if diff := cmp.Diff(want, turned); diff != "" {
			t.Fatalf("%v and %v (-want +got):\n%s", before, after, diff)
		}
	}
}

// TestLongListsAreCompared: the time does not grow with the square of the elements.
func TestLongListsAreCompared(t *testing.T) {
	t.Parallel()
	var before, after []any
	for i := range 50_000 {
		before = append(before, fmt.Sprint(i), map[string]any{"value": fmt.Sprint("v", i)})
		after = append(after, fmt.Sprint(i+1), map[string]any{"value": fmt.Sprint("v", i+1)})
	}
	got := strings.Join(linesOf(admin.Differences(map[string]any{"l": before}, map[string]any{"l": after})), "\n")
	want := `l: "0" -> null
l: null -> "50000"
l[value eq "v0"]: {"value":"v0"} -> null
l[value eq "v50000"]: null -> {"value":"v50000"}`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
