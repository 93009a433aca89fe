package patch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

const ext = scim.EnterpriseUserURN

func newObject(tb testing.TB, text string) map[string]any {
	tb.Helper()
	object, err := scim.Decode([]byte(text))
	if err != nil {
		tb.Fatalf("Decode(%s): %v", text, err)
	}
	return object
}

func newDocument(tb testing.TB, text string) scim.Document {
	tb.Helper()
	doc, err := scim.UserType().Canonical(newObject(tb, text))
	if err != nil {
		tb.Fatal(err)
	}
	return doc
}

func newOperations(tb testing.TB, text string) []patch.Operation {
	tb.Helper()
	ops, err := patch.Decode(scim.UserType(), newObject(tb, `{"Operations":[`+text+`]}`))
	if err != nil {
		tb.Fatalf("Decode(%s): %v", text, err)
	}
	return ops
}

// TestApply: before, operations, after. Numbers are items of the checklist; names of identity providers say who sends
// the operation.
func TestApply(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, ops, after string }{
		"118 add to a single value replaces it": {
			`{"userName":"u","title":"a"}`, `{"op":"add","path":"title","value":"b"}`, `{"userName":"u","title":"b"}`,
		},
		"118 add to a complex value merges": {
			`{"userName":"u","name":{"givenName":"g"}}`, `{"op":"add","path":"name","value":{"familyName":"f"}}`,
			`{"userName":"u","name":{"givenName":"g","familyName":"f"}}`,
		},
		"118 add to many appends": {
			`{"userName":"u","emails":[{"value":"a"}]}`, `{"op":"add","path":"emails","value":[{"value":"b"}]}`,
			`{"userName":"u","emails":[{"value":"a"},{"value":"b"}]}`,
		},
		"118 add of nothing changes nothing": {
			`{"userName":"u","name":{"givenName":"g"},"emails":[{"value":"a","type":"work"}],"` + ext + `":{"department":"d"}}`,
			`{"op":"add","path":"name","value":{}},{"op":"add","path":"emails","value":[]},{"op":"add","path":"emails[type eq \"work\"]","value":{}},{"op":"add","path":"` + ext + `","value":{}}`,
			`{"userName":"u","name":{"givenName":"g"},"emails":[{"value":"a","type":"work"}],"` + ext + `":{"department":"d"}}`,
		},
		"119 adding what is there changes nothing": {
			`{"userName":"u","emails":[{"value":"A@x","type":"work"}]}`, `{"op":"add","path":"emails","value":[{"value":"A@x","type":"work"}]}`,
			`{"userName":"u","emails":[{"value":"A@x","type":"work"}]}`,
		},
		"120 add to a part of what is absent makes it": {
			`{"userName":"u"}`, `{"op":"add","path":"name.givenName","value":"g"}`, `{"userName":"u","name":{"givenName":"g"}}`,
		},
		"117 add without a path merges an object": {
			`{"userName":"u","title":"t"}`, `{"op":"add","value":{"nickName":"n","name":{"givenName":"g"}}}`,
			`{"userName":"u","title":"t","nickName":"n","name":{"givenName":"g"}}`,
		},
		"121 Entra creates the element of a filter": {
			`{"userName":"u"}`, `{"op":"Add","path":"emails[type eq \"work\"].value","value":"a@b.c"}`,
			`{"userName":"u","emails":[{"type":"work","value":"a@b.c"}]}`,
		},
		"Entra: several operations on one filter land in one element": {
			`{"userName":"u"}`,
			`{"op":"Add","path":"addresses[type eq \"work\"].locality","value":"L"},{"op":"Add","path":"addresses[type eq \"work\"].region","value":"R"}`,
			`{"userName":"u","addresses":[{"type":"work","locality":"L","region":"R"}]}`,
		},
		"Entra: a boolean literal as text selects and creates": {
			`{"userName":"u"}`, `{"op":"Add","path":"roles[primary eq \"True\"].value","value":"Admin"}`,
			`{"userName":"u","roles":[{"primary":true,"value":"Admin"}]}`,
		},
		"Entra: active as text": {
			`{"userName":"u","active":true}`, `{"op":"Replace","path":"active","value":"False"}`, `{"userName":"u","active":false}`,
		},
		"Entra: paths as keys (aadOptscim062020)": {
			`{"userName":"u"}`, `{"op":"replace","value":{"name.givenName":"g","` + ext + `:department":"d","emails[type eq \"work\"].value":"a@b.c"}}`,
			`{"userName":"u","name":{"givenName":"g"},"` + ext + `":{"department":"d"},"emails":[{"type":"work","value":"a@b.c"}]}`,
		},
		"Entra: a manager as text": {
			`{"userName":"u"}`, `{"op":"Add","path":"` + ext + `:manager","value":"m"}`, `{"userName":"u","` + ext + `":{"manager":{"value":"m"}}}`,
		},
		"Entra: a manager cleared by empty text": {
			`{"userName":"u","` + ext + `":{"manager":{"value":"m"}}}`, `{"op":"Replace","path":"` + ext + `:manager","value":""}`, `{"userName":"u"}`,
		},
		"Entra: a manager cleared by an empty value": {
			`{"userName":"u","` + ext + `":{"manager":{"value":"m"}}}`, `{"op":"Replace","path":"` + ext + `:manager","value":{"value":""}}`, `{"userName":"u"}`,
		},
		"Okta: active without a path": {
			`{"userName":"u","active":true}`, `{"op":"replace","value":{"active":false,"id":"x"}}`, `{"userName":"u","active":false}`,
		},
		"115 a new primary demotes the old one": {
			`{"userName":"u","emails":[{"value":"a","type":"work"},{"value":"b","type":"home","primary":true}]}`,
			`{"op":"replace","path":"emails[type eq \"work\"].primary","value":true}`,
			`{"userName":"u","emails":[{"value":"a","type":"work","primary":true},{"value":"b","type":"home","primary":false}]}`,
		},
		"123 remove a single value": {`{"userName":"u","title":"t"}`, `{"op":"remove","path":"title"}`, `{"userName":"u"}`},
		"123 remove all values":     {`{"userName":"u","emails":[{"value":"a"}]}`, `{"op":"remove","path":"emails"}`, `{"userName":"u"}`},
		"123 remove what a filter selects": {
			`{"userName":"u","emails":[{"value":"a","type":"work"},{"value":"b"}]}`, `{"op":"remove","path":"emails[type eq \"work\"]"}`,
			`{"userName":"u","emails":[{"value":"b"}]}`,
		},
		"123 remove one sub-attribute of what a filter selects": {
			`{"userName":"u","emails":[{"value":"a","type":"work","display":"x"}]}`, `{"op":"remove","path":"emails[type eq \"work\"].display"}`,
			`{"userName":"u","emails":[{"value":"a","type":"work"}]}`,
		},
		"removing what is not there succeeds": {`{"userName":"u"}`, `{"op":"remove","path":"emails[type eq \"x\"]"}`, `{"userName":"u"}`},
		"ConnId: remove lists the values": {
			`{"userName":"u","emails":[{"value":"a"},{"value":"b"}]}`, `{"op":"remove","path":"emails","value":[{"value":"A"}]}`,
			`{"userName":"u","emails":[{"value":"b"}]}`,
		},
		"replace all values": {
			`{"userName":"u","emails":[{"value":"a"}]}`, `{"op":"replace","path":"emails","value":[{"value":"b"}]}`, `{"userName":"u","emails":[{"value":"b"}]}`,
		},
		"replace with null clears":            {`{"userName":"u","title":"t"}`, `{"op":"replace","path":"title","value":null}`, `{"userName":"u"}`},
		"116 a path into an extension":        {`{"userName":"u"}`, `{"op":"add","path":"` + ext + `:department","value":"d"}`, `{"userName":"u","` + ext + `":{"department":"d"}}`},
		"a whole extension is merged":         {`{"userName":"u","` + ext + `":{"department":"d"}}`, `{"op":"replace","path":"` + ext + `","value":{"division":"v"}}`, `{"userName":"u","` + ext + `":{"department":"d","division":"v"}}`},
		"a whole extension is removed":        {`{"userName":"u","` + ext + `":{"department":"d"}}`, `{"op":"remove","path":"` + ext + `"}`, `{"userName":"u"}`},
		"what no schema knows is kept":        {`{"userName":"u"}`, `{"op":"add","value":{"favoriteColour":"red","urn:v:x":{"a":1}}}`, `{"userName":"u","favoriteColour":"red","urn:v:x":{"a":1}}`},
		"what no schema knows keeps one case": {`{"userName":"u","favoriteColour":"red"}`, `{"op":"replace","path":"FAVORITECOLOUR","value":"blue"}`, `{"userName":"u","favoriteColour":"blue"}`},
		"operations see those before them": {
			`{"userName":"u"}`, `{"op":"add","path":"title","value":"a"},{"op":"replace","path":"title","value":"b"},{"op":"remove","path":"title"}`, `{"userName":"u"}`,
		},
		"read-only parts of a value are ignored": {
			`{"userName":"u"}`, `{"op":"add","path":"` + ext + `:manager","value":{"value":"m","displayName":"M"}}`, `{"userName":"u","` + ext + `":{"manager":{"value":"m"}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := newDocument(t, c.before)
			kept := before.Clone()
			got, err := patch.Apply(t.Context(), scim.UserType(), before, newOperations(t, c.ops))
			if err != nil {
				t.Fatalf("Apply(%s): %v", c.ops, err)
			}
			if diff := cmp.Diff(newDocument(t, c.after), got.Document); diff != "" {
				t.Errorf("Apply(%s) differs (-want +got):\n%s", c.ops, diff)
			}
			if diff := cmp.Diff(kept, before); diff != "" {
				t.Errorf("Apply changed its input:\n%s", diff)
			}
		})
	}
}

func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ops  string
		want scim.ErrorType
	}{
		"114 a read-only attribute":            {`{"op":"replace","path":"id","value":"x"}`, scim.MutabilityErr},
		"114 a read-only sub-attribute":        {`{"op":"add","path":"` + ext + `:manager.displayName","value":"x"}`, scim.MutabilityErr},
		"117 add without a value":              {`{"op":"add","path":"title"}`, scim.InvalidValue},
		"122 remove without a path":            {`{"op":"remove","value":{"title":"x"}}`, scim.NoTarget},
		"113 a malformed path":                 {`{"op":"add","path":"a..b","value":1}`, scim.InvalidPath},
		"113 a malformed filter":               {`{"op":"add","path":"emails[type zz \"x\"].value","value":"a"}`, scim.InvalidFilter},
		"a filter that describes no element":   {`{"op":"replace","path":"emails[type co \"zz\"].value","value":"a"}`, scim.NoTarget},
		"a value that contradicts its filter":  {`{"op":"add","path":"emails[type eq \"home\"]","value":{"type":"other","value":"a"}}`, scim.InvalidValue},
		"a filter on a single value":           {`{"op":"add","path":"title[value eq \"x\"]","value":"a"}`, scim.InvalidPath},
		"a wrong type":                         {`{"op":"replace","path":"active","value":"maybe"}`, scim.InvalidValue},
		"a required attribute removed":         {`{"op":"remove","path":"userName"}`, scim.MutabilityErr},
		"a required attribute cleared":         {`{"op":"replace","path":"userName","value":""}`, scim.MutabilityErr},
		"no object without a path":             {`{"op":"add","value":"x"}`, scim.InvalidValue},
		"a part of a simple value":             {`{"op":"remove","path":"title.x"}`, scim.InvalidPath},
		"an unknown schema":                    {`{"op":"add","path":"foo:x:y:z","value":"x"}`, scim.InvalidPath},
		"111 the second operation is at fault": {`{"op":"add","path":"title","value":"x"},{"op":"add","path":"active","value":"x"}`, scim.InvalidValue},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := patch.Apply(t.Context(), scim.UserType(), newDocument(t, `{"userName":"u","emails":[{"value":"a","type":"work"}]}`), newOperations(t, c.ops))
			var e *scim.Error
			if !errors.As(err, &e) || e.Status != 400 || e.Type != c.want {
				t.Errorf("Apply(%s) = %v, want 400 %s", c.ops, err, c.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want scim.ErrorType
	}{
		"no operations":     {`{}`, scim.InvalidSyntax},
		"an empty array":    {`{"Operations":[]}`, scim.InvalidSyntax},
		"no array":          {`{"Operations":{}}`, scim.InvalidSyntax},
		"no object":         {`{"Operations":["x"]}`, scim.InvalidSyntax},
		"no op":             {`{"Operations":[{"path":"title","value":"x"}]}`, scim.InvalidSyntax},
		"an unknown op":     {`{"Operations":[{"op":"copy","path":"title"}]}`, scim.InvalidSyntax},
		"a path of numbers": {`{"Operations":[{"op":"add","path":1,"value":"x"}]}`, scim.InvalidPath},
		"too many":          {`{"Operations":[` + strings.Repeat(`{"op":"remove","path":"title"},`, patch.MaxOperations) + `{"op":"remove","path":"title"}]}`, scim.TooMany},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := patch.Decode(scim.UserType(), newObject(t, c.text))
			var e *scim.Error
			if !errors.As(err, &e) || e.Type != c.want {
				t.Errorf("Decode = %v, want %s", err, c.want)
			}
		})
	}
}

// TestMembers: what operations do to the members of a group that nobody read.
func TestMembers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ops  string
		want patch.Members
	}{
		"Entra adds":                          {`{"op":"Add","path":"members","value":[{"$ref":null,"value":"a"},{"value":"b"}]}`, patch.Members{Add: []string{"a", "b"}}},
		"Entra removes what it lists":         {`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"a"}]}`, patch.Members{Remove: []string{"a"}}},
		"Okta removes by filter":              {`{"op":"remove","path":"members[value eq \"a\"]"}`, patch.Members{Remove: []string{"a"}}},
		"ConnId removes by or":                {`{"op":"remove","path":"members[value eq \"a\" or value eq \"b\"]"}`, patch.Members{Remove: []string{"a", "b"}}},
		"a bare remove removes all":           {`{"op":"remove","path":"members"}`, patch.Members{Replace: true}},
		"removing an empty list does nothing": {`{"op":"remove","path":"members","value":[]}`, patch.Members{}},
		"removing one object":                 {`{"op":"remove","path":"members","value":{"value":"a"}}`, patch.Members{Remove: []string{"a"}}},
		"removing one text":                   {`{"op":"remove","path":"members","value":"a"}`, patch.Members{Remove: []string{"a"}}},
		"removing a wrapped list":             {`{"op":"remove","path":"members","value":{"members":[{"value":"a"}]}}`, patch.Members{Remove: []string{"a"}}},
		"replace is the whole list":           {`{"op":"replace","path":"members","value":[{"value":"a"}]}`, patch.Members{Replace: true, Add: []string{"a"}}},
		"replacing by nothing empties":        {`{"op":"replace","path":"members","value":[]}`, patch.Members{Replace: true}},
		"without a path":                      {`{"op":"add","value":{"members":[{"value":"a"}]}}`, patch.Members{Add: []string{"a"}}},
		"Okta without a path and with id":     {`{"op":"replace","value":{"members":[],"id":"g"}}`, patch.Members{Replace: true}},
		"the last word counts":                {`{"op":"add","path":"members","value":["a","b"]},{"op":"remove","path":"members","value":["a"]}`, patch.Members{Add: []string{"b"}, Remove: []string{"a"}}},
		"remove all, then add":                {`{"op":"remove","path":"members"},{"op":"add","path":"members","value":["a"]}`, patch.Members{Replace: true, Add: []string{"a"}}},
		"twice is once":                       {`{"op":"add","path":"members","value":["a","a"]}`, patch.Members{Add: []string{"a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok, err := patch.OnlyMembers(t.Context(), scim.GroupType(), newOperations(t, c.ops))
			if err != nil || !ok {
				t.Fatalf("OnlyMembers(%s) = %t, %v", c.ops, ok, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("OnlyMembers(%s) differs (-want +got):\n%s", c.ops, diff)
			}
		})
	}
	for _, ops := range []string{
		`{"op":"replace","path":"displayName","value":"x"}`, `{"op":"replace","value":{"displayName":"x","members":[]}}`, `{"op":"remove"}`,
	} {
		if _, ok, _ := patch.OnlyMembers(t.Context(), scim.GroupType(), newOperations(t, ops)); ok {
			t.Errorf("OnlyMembers(%s) is ok, though it touches more", ops)
		}
	}
	for _, ops := range []string{
		`{"op":"add","path":"members"}`, `{"op":"add","path":"members","value":[{"display":"x"}]}`,
		`{"op":"remove","path":"members[type eq \"User\" or display eq \"x\"]"}`, `{"op":"remove","path":"members[display co \"x\"]"}`, `{"op":"remove","path":"members[not (display eq \"x\")]"}`,
		`{"op":"add","path":"members[display eq \"x\"]","value":"a"}`, `{"op":"add","path":"members","value":"a"},{"op":"remove","path":"members[display eq \"x\"]"}`,
		`{"op":"remove","path":"members"},{"op":"remove","path":"members[display eq \"x\"]"}`, strings.Repeat(`{"op":"remove","path":"members[display eq \"x\"]"},`, 100) + `{"op":"remove","path":"members[display eq \"x\"]"}`,
		`{"op":"remove","path":"members","value":null}`, `{"op":"remove","path":"members[type eq \"User\"]"}`, `{"op":"replace","path":"members[value eq \"a\"].value","value":"b"}`,
		`{"op":"remove","path":"members.display"}`, `{"op":"remove","path":"members.value"}`, `{"op":"replace","path":"members.type","value":[]}`, `{"op":"add","value":{"members.value":"a"}}`,
	} {
		if _, _, err := patch.OnlyMembers(t.Context(), scim.GroupType(), newOperations(t, ops)); err == nil {
			t.Errorf("OnlyMembers(%s) succeeds, want a refusal", ops)
		}
	}
}

// newLong is a PATCH of n operations on values of a document with n of them.
func newLong(tb testing.TB, n int) (scim.Document, []patch.Operation) {
	tb.Helper()
	phones, ops := make([]string, n), make([]string, n)
	for i := range n {
		phones[i] = fmt.Sprintf(`{"value":"%d"}`, i)
		ops[i] = fmt.Sprintf(`{"op":"replace","path":"title","value":"t%d"}`, i)
	}
	return newDocument(tb, `{"userName":"u","phoneNumbers":[`+strings.Join(phones, ",")+`]}`), newOperations(tb, strings.Join(ops, ","))
}

// TestALongPatchIsLinear: twice the operations allocate at most twice as much.
func TestALongPatchIsLinear(t *testing.T) {
	allocs := func(n int) float64 {
		doc, ops := newLong(t, n)
		return testing.AllocsPerRun(10, func() {
			if _, err := patch.Apply(t.Context(), scim.UserType(), doc, ops); err != nil {
				t.Fatal(err)
			}
		})
	}
	fixed := allocs(1)
	one, two := allocs(100)-fixed, allocs(200)-fixed
	if two > 2.1*one {
		t.Errorf("200 operations allocate %.0f times, 100 allocate %.0f", two, one)
	}
}

func BenchmarkApply100(b *testing.B) {
	doc, ops := newLong(b, 100)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := patch.Apply(b.Context(), scim.UserType(), doc, ops); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzApply: applying never panics. A PATCH of only replace operations changes nothing when it is applied to its own
// result.
func FuzzApply(f *testing.F) {
	f.Add(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"a@b.c"}`)
	f.Add(`{"op":"replace","value":{"name.givenName":"x","roles":[{"value":"{\"value\":\"y\"}"}]}}`)
	f.Add(`{"op":"remove","path":"` + ext + `:manager"}`)
	f.Fuzz(func(t *testing.T, text string) {
		object, err := scim.Decode([]byte(`{"schemas":["` + scim.PatchOpURN + `"],"Operations":[` + text + `]}`))
		if err != nil {
			return
		}
		staysStrict(t, object)
		ops, err := patch.Decode(scim.UserType(), object)
		if err != nil {
			return
		}
		doc := newDocument(t, `{"userName":"u","emails":[{"value":"a","type":"work","primary":true}],"title":"t"}`)
		once, err := patch.Apply(t.Context(), scim.UserType(), doc, ops)
		if err != nil || len(ops) != 1 || ops[0].Op != patch.Replace {
			return
		}
		twice, err := patch.Apply(t.Context(), scim.UserType(), once.Document, ops)
		if err != nil {
			return // a filter may select nothing in its own result
		}
		if diff := cmp.Diff(once.Document, twice.Document); diff != "" && !strings.Contains(text, "[") {
			t.Errorf("replace is not idempotent:\n%s", diff)
		}
	})
}

// staysStrict checks that the strict profile accepts the result of a PATCH under the strict profile.
func staysStrict(t *testing.T, object map[string]any) {
	t.Helper()
	strict := scim.UserType().Under(scim.Strict)
	ops, err := patch.Decode(strict, object)
	if err != nil {
		return
	}
	doc := newDocument(t, `{"userName":"u","emails":[{"value":"a","type":"work","primary":true}],"title":"t"}`)
	result, err := patch.Apply(t.Context(), strict, doc, ops)
	if err != nil {
		return
	}
	if result.Document["schemas"] = []any{scim.UserURN}; result.Document[ext] != nil {
		result.Document["schemas"] = []any{scim.UserURN, ext}
	}
	if _, err := strict.Canonical(result.Document); err != nil {
		t.Errorf("%v makes what the strict profile refuses: %v", object, err)
	}
}

// TestApplyToSeveralSimpleValues: an attribute of a tenant's own schema, with texts as values (RFC 7644 section 3.5.2;
// "value" means the value itself).
func TestApplyToSeveralSimpleValues(t *testing.T) {
	t.Parallel()
	rt := scim.UserType().With(scim.NewSchema("urn:acme:hr", "hr", "", &scim.Attribute{Name: "badges", Type: scim.TypeString, MultiValued: true}))
	for name, c := range map[string]struct{ before, op, after string }{
		"add":                      {`["a"]`, `{"op":"add","path":"P","value":["b"]}`, `["a","b"]`},
		"add what is there":        {`["a"]`, `{"op":"add","path":"P","value":"A"}`, `["a"]`},
		"replace":                  {`["a"]`, `{"op":"replace","path":"P","value":["b","c"]}`, `["b","c"]`},
		"replace one":              {`["a","b"]`, `{"op":"replace","path":"P[value eq \"a\"]","value":"c"}`, `["c","b"]`},
		"replace one that is none": {`["a"]`, `{"op":"replace","path":"P[value eq \"b\"]","value":"b"}`, `["a","b"]`},
		"another than its filter":  {`["a"]`, `{"op":"add","path":"P[value eq \"b\"]","value":"c"}`, `400 invalidValue`},
		"an object":                {`["a"]`, `{"op":"add","path":"P","value":[{"x":"c"}]}`, `400 invalidValue`},
		"remove one":               {`["a","b"]`, `{"op":"remove","path":"P[value eq \"a\"]"}`, `["b"]`},
		"remove the listed":        {`["a","b"]`, `{"op":"remove","path":"P","value":["a"]}`, `["b"]`},
		"remove all":               {`["a","b"]`, `{"op":"remove","path":"P"}`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, err := rt.Canonical(newObject(t, `{"userName":"u","urn:acme:hr":{"badges":`+c.before+`}}`))
			if err != nil {
				t.Fatal(err)
			}
			ops, err := patch.Decode(rt, newObject(t, `{"Operations":[`+strings.ReplaceAll(c.op, `"P`, `"urn:acme:hr:badges`)+`]}`))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			result, err := patch.Apply(t.Context(), rt, before, ops)
			if err != nil {
				got = strings.SplitN(err.Error(), ":", 2)[0]
			} else if badges := result.Document.Object("urn:acme:hr")["badges"]; badges != nil {
				data, err := json.Marshal(badges)
				if err != nil {
					t.Fatal(err)
				}
				got = string(data)
			}
			if got != c.after {
				t.Errorf("badges = %s, %v, want %s", got, err, c.after)
			}
		})
	}
}
