package scim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/growth"
)

// list is an object with n copies of part between before and behind. # in a part becomes its number.
func list(tb testing.TB, n int, before, part, behind string) map[string]any {
	tb.Helper()
	parts := make([]string, n)
	for i := range parts {
		parts[i] = strings.ReplaceAll(part, "#", fmt.Sprintf("%06d", i))
	}
	object, err := scim.Decode([]byte(before + strings.Join(parts, ",") + behind))
	if err != nil {
		tb.Fatal(err)
	}
	return object
}

// TestCanonicalIsLinear: an attribute of twice as many values is twice the work.
func TestCanonicalIsLinear(t *testing.T) {
	for name, c := range map[string]struct {
		n                    int
		before, part, behind string
	}{
		"values":                   {400, `{"phoneNumbers":[`, `{"value":"#"}`, `]}`},
		"texts":                    {400, `{"urn:acme:hr":{"badges":[`, `"#"`, `]}}`},
		"values that are the same": {400, `{"phoneNumbers":[`, `{"value":"a","type":"b","display":"c"}`, `]}`},
		"unknown attributes":       {20_000, `{"x":{"n":null,`, `"a#":1`, `}}`},
	} {
		rt := scim.UserType().With(scim.NewSchema("urn:acme:hr", "hr", "", &scim.Attribute{Name: "badges", Type: scim.TypeString, MultiValued: true}))
		t.Run(name, func(t *testing.T) {
			growth.Linear(t, c.n, func(n int) func() {
				object := list(t, n, c.before, c.part, c.behind)
				return func() {
					for range 10 { // so that it can be measured
						if _, err := rt.Canonical(object); err != nil {
							t.Fatal(err)
						}
					}
				}
			})
		})
	}
}

// TestProjectionIsLinear: a list of names may be as long as the resource has attributes.
func TestProjectionIsLinear(t *testing.T) {
	rt := scim.UserType()
	for _, excluded := range []bool{false, true} {
		growth.Linear(t, 500, func(n int) func() {
			object, names := map[string]any{}, make([]string, n)
			for i := range names {
				names[i] = fmt.Sprintf("a%06d", i)
				object[names[i]] = "x"
			}
			return func() {
				attributes, without := names, []string(nil)
				if excluded {
					attributes, without = nil, names
				}
				p, err := rt.NewProjection(attributes, without)
				if err != nil {
					t.Fatal(err)
				}
				for range 10 { // so that it can be measured
					if got := rt.Project(object, p); len(got) != len(names)*map[bool]int{false: 1}[excluded] {
						t.Fatalf("%d of %d attributes are shown", len(got), n)
					}
				}
			}
		})
	}
}

func TestAProjectionHasABoundOfNames(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]bool{1000: true, 1001: false} {
		names := slices.Repeat([]string{"title"}, n)
		_, shows := scim.UserType().NewProjection(names, nil)
		_, hides := scim.UserType().NewProjection(nil, names)
		if (shows == nil) != want || (hides == nil) != want {
			t.Errorf("%d names: %v, %v", n, shows, hides)
		}
	}
}

// TestAnAttributeHasABoundOfValues, except the members of a group.
func TestAnAttributeHasABoundOfValues(t *testing.T) {
	t.Parallel()
	rt := scim.UserType()
	if _, err := rt.Canonical(list(t, scim.MaxValues, `{"phoneNumbers":[`, `{"value":"#"}`, `]}`)); err != nil {
		t.Error(err)
	}
	_, err := rt.Canonical(list(t, scim.MaxValues+1, `{"phoneNumbers":[`, `{"value":"#"}`, `]}`))
	if e := errorOf(t, err); e.Status != http.StatusBadRequest || e.Code != scim.CodeTooManyValues || !strings.Contains(e.Detail, "phoneNumbers would have 1001 values") {
		t.Errorf("one value too many is %v", e)
	}
	doc, err := scim.GroupType().Canonical(list(t, 2*scim.MaxValues, `{"displayName":"g","members":[`, `{"value":"#"}`, `]}`))
	if err != nil || len(doc.Values("members")) != 2*scim.MaxValues {
		t.Errorf("%d members are %d, %v", 2*scim.MaxValues, len(doc.Values("members")), err)
	}
}

// TestABodyHasABoundOfValues, also for small values.
func TestABodyHasABoundOfValues(t *testing.T) {
	t.Parallel()
	for unit, values := range map[string]int{`1`: 1, `{}`: 1, `[]`: 1, `{"a":1}`: 2, `null`: 1, `[[[""]]]`: 4} {
		const outer = 2 // the object and the array
		most := (scim.MaxBodyValues - outer) / values
		for n, want := range map[int]bool{most: true, most + 1: false} {
			_, err := scim.Decode([]byte(`{"x":[` + strings.TrimSuffix(strings.Repeat(unit+",", n), ",") + `]}`))
			if want && err != nil {
				t.Errorf("%d of %s: %v", n, unit, err)
			}
			if !want {
				if e := errorOf(t, err); e.Status != http.StatusRequestEntityTooLarge || e.Code != scim.CodeBodyValues {
					t.Errorf("%d of %s: %v, want 413", n, unit, err)
				}
			}
		}
	}
	if _, err := scim.DecodeStored([]byte(`{"x":[`+strings.TrimSuffix(strings.Repeat("1,", 2*scim.MaxBodyValues), ",")+`]}`), 4); err != nil {
		t.Errorf("what is stored: %v", err) // stored text is bounded by its length
	}
}

// TestTheSameValueIsOneValue in every attribute, and only the first primary value stays primary.
func TestTheSameValueIsOneValue(t *testing.T) {
	t.Parallel()
	for _, many := range []int{0, 20} {
		parts := []string{`{"value":"b","primary":true}`, `{"value":"c","primary":true}`, `{"value":"b","primary":true}`, `{"value":"c","primary":false}`, `{"value":"c","primary":true}`, `{"primary":false,"value":"c"}`}
		for i := range many {
			parts = append(parts, fmt.Sprintf(`{"value":"%d"}`, i), fmt.Sprintf(`{"value":"%d"}`, i))
		}
		object := list(t, 1, `{"phoneNumbers":[`, strings.Join(parts, ","), `]}`)
		doc, err := scim.UserType().Canonical(object)
		if err != nil {
			t.Fatal(err)
		}
		values := doc.Values("phoneNumbers")
		primary := slices.IndexFunc(values, func(v any) bool { return v.(map[string]any)["primary"] == true })
		if len(values) != 2+many || primary != 0 {
			t.Errorf("the values are %v", values)
		}
	}
}

// TestAKeyTellsValuesApart as Equal does.
func TestAKeyTellsValuesApart(t *testing.T) {
	t.Parallel()
	values := list(t, 1, `{"x":[`, `1,1.0,"1",true,"true",null,"",{},[],{"a":1},{"a":1,"b":2},{"b":2,"a":1},[1,"2"],["1",2],{"a":"1,\"b\":2"},{"a":{"b":2}}`, `]}`)["x"].([]any)
	for _, a := range values {
		for _, b := range values {
			if same := string(scim.AppendKey(nil, a)) == string(scim.AppendKey(nil, b)); same != scim.Equal(a, b) {
				t.Errorf("%v and %v have the same key: %t", a, b, same)
			}
		}
	}
}

// TestARoleOfManyValuesIsAText: the JSON that Entra writes into a role is small.
func TestARoleOfManyValuesIsAText(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]string{
		`{\"id\":\"1\",\"value\":\"admin\",\"displayName\":\"Admin\"}`:     `admin`,
		`{\"value\":\"admin\",\"x\":[` + strings.Repeat("1,", 100) + `1]}`: `{"value":"admin","x":[` + strings.Repeat("1,", 100) + `1]}`,
	} {
		doc, err := scim.UserType().Canonical(list(t, 1, `{"roles":[{"value":"`, role, `"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := doc.Values("roles")[0].(map[string]any)["value"]; got != want {
			t.Errorf("the role is %v, want %s", got, want)
		}
	}
}
