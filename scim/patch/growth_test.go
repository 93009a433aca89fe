package patch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/growth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// parts are n copies of part. # in a part becomes its number.
func parts(n int, part string) string {
	out := make([]string, n)
	for i := range out {
		out[i] = strings.ReplaceAll(part, "#", fmt.Sprintf("%06d", i))
	}
	return strings.Join(out, ",")
}

// TestAnOperationIsLinear: twice the values, stored and sent, are twice the work.
func TestAnOperationIsLinear(t *testing.T) {
	for name, c := range map[string]struct {
		n            int
		doc, one, op string
		before, end  string
	}{
		"add":                        {400, `"phoneNumbers":[`, `{"value":"#"}`, `{"value":"x#"}`, `{"op":"add","path":"phoneNumbers","value":[`, `]}`},
		"add what is there":          {400, `"phoneNumbers":[`, `{"value":"#"}`, `{"value":"#","type":"work"}`, `{"op":"add","path":"phoneNumbers","value":[`, `]}`},
		"add one value of each type": {400, `"phoneNumbers":[`, `{"value":"x","type":"#"}`, `{"value":"x","type":"t#"}`, `{"op":"add","path":"phoneNumbers","value":[`, `]}`},
		"add without a value":        {400, `"phoneNumbers":[`, `{"display":"#"}`, `{"display":"x#"}`, `{"op":"add","path":"phoneNumbers","value":[`, `]}`},
		"remove":                     {400, `"phoneNumbers":[`, `{"value":"#"}`, `{"value":"x#"}`, `{"op":"remove","path":"phoneNumbers","value":[`, `]}`},
		"unknown attributes":         {4000, `"x":[`, `1`, `"a#":1`, `{"op":"add","value":{`, `}}`},
		"unknown sub-attributes":     {4000, `"x":[`, `1`, `"a#":1`, `{"op":"add","path":"name","value":{`, `}}`},
	} {
		rt := scim.UserType()
		t.Run(name, func(t *testing.T) {
			growth.Linear(t, c.n, func(n int) func() {
				doc := newDocument(t, `{"userName":"u",`+c.doc+parts(n, c.one)+`]}`)
				ops := newOperations(t, c.before+parts(n, c.op)+c.end)
				return func() {
					for range 10 { // so that it can be measured
						if _, err := patch.Apply(t.Context(), rt, doc, ops); err != nil && !strings.Contains(err.Error(), string(scim.CodeTooManyValues)) {
							t.Fatal(err)
						}
					}
				}
			})
		})
	}
}

// TestOperationsOnMembersAreLinear: no operation reads all that the earlier ones did.
func TestOperationsOnMembersAreLinear(t *testing.T) {
	rt := scim.GroupType()
	growth.Linear(t, 450, func(n int) func() {
		members := make([]string, n)
		for i := range members {
			op := map[bool]string{true: "add", false: "remove"}[i%3 > 0]
			members[i] = `{"op":"` + op + `","path":"members","value":[` + parts(20, fmt.Sprintf(`{"value":"%06d-#"}`, i)) + `]}`
		}
		ops := newOperations(t, strings.Join(members, ","))
		return func() {
			for range 10 {
				if _, _, err := patch.OnlyMembers(t.Context(), rt, ops); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestTheProductOfOperationsAndValuesIsBounded: operations and values each have their full number, and the refusal
// comes early.
func TestTheProductOfOperationsAndValuesIsBounded(t *testing.T) {
	t.Parallel()
	const many = patch.MaxOperations - 2
	long := strings.Repeat("x", 1000)
	phones := `{"op":"add","path":"phoneNumbers","value":[` + parts(scim.MaxValues, `{"value":"#"}`) + `]}`
	for name, c := range map[string]struct {
		ops  string
		want bool
	}{
		"one value each":                 {parts(many, `{"op":"add","path":"roles","value":[{"value":"#"}]}`), true},
		"twenty values":                  {`{"op":"add","path":"roles","value":[` + parts(20, `{"value":"#","type":"work","display":"d"}`) + `]},` + parts(many, `{"op":"replace","path":"roles[value eq \"000000\" and type eq \"work\"].display","value":"x#"}`), true},
		"the values of one operation":    {phones + `,{"op":"replace","path":"phoneNumbers.type","value":"work"}`, true},
		"each adds to many":              {phones + "," + parts(many, `{"op":"add","path":"phoneNumbers","value":[{"value":"#"}]}`), false},
		"each changes many":              {phones + "," + parts(many, `{"op":"replace","path":"phoneNumbers.type","value":"t#"}`), false},
		"each compares many":             {phones + "," + parts(many, `{"op":"remove","path":"phoneNumbers[type eq \"#\" or display eq \"#\"]"}`), false},
		"each compares a long text":      {`{"op":"add","path":"phoneNumbers","value":[{"value":"` + strings.Repeat(long, 100) + `"}]},` + parts(many, `{"op":"remove","path":"phoneNumbers[value co \"#\"]"}`), false},
		"a long text in many":            {phones + `,{"op":"replace","path":"phoneNumbers.display","value":"` + strings.Repeat(long, 10) + `"}`, false},
		"a large value in many":          {phones + `,{"op":"replace","path":"phoneNumbers.x","value":{` + parts(1000, `"a#":{"n":null,"m":1}`) + `}}`, false},
		"a short text in many":           {phones + `,{"op":"replace","path":"phoneNumbers.display","value":"short"}`, true},
		"more values than there may be":  {phones + `,{"op":"add","path":"phoneNumbers","value":[{"value":"x"}]}`, false},
		"as many, of which one is there": {phones + `,{"op":"add","path":"phoneNumbers","value":[{"value":"000000","type":"work"}]}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// one value that no filter finds, so that many filters can be sent
			_, err := patch.Apply(t.Context(), scim.UserType(), newDocument(t, `{"userName":"u","roles":[{"value":"000000","type":"work"}]}`), newOperations(t, c.ops))
			var e *scim.Error
			switch {
			case c.want && err != nil && !errors.As(err, &e):
				t.Error(err)
			case c.want && e != nil && (e.Type == scim.TooMany || e.Code == scim.CodeTooManyValues):
				t.Errorf("it is refused: %v", err)
			case !c.want && (!errors.As(err, &e) || e.Status != 400 || !strings.Contains(e.Detail, "Operations[") || e.Type != scim.TooMany && e.Code != scim.CodeTooManyValues):
				t.Errorf("it is %v, want 400", err)
			}
		})
	}
}

// TestWhatHasTooManyValuesMayStillBeChanged: other programs may have put them into Keycloak.
func TestWhatHasTooManyValuesMayStillBeChanged(t *testing.T) {
	t.Parallel()
	var values []any
	for i := range scim.MaxValues + 10 {
		values = append(values, map[string]any{"value": fmt.Sprintf("%06d", i)})
	}
	doc := scim.Document{"userName": "u", "phoneNumbers": values}
	for op, want := range map[string]bool{
		`{"op":"replace","path":"phoneNumbers[value eq \"000001\"].type","value":"work"}`: true,
		`{"op":"remove","path":"phoneNumbers[value eq \"000001\"]"}`:                      true,
		`{"op":"replace","path":"active","value":false}`:                                  true,
		`{"op":"add","path":"phoneNumbers","value":[{"value":"000001","type":"work"}]}`:   true,
		`{"op":"add","path":"phoneNumbers","value":[{"value":"x"}]}`:                      false,
		`{"op":"add","path":"phoneNumbers[value eq \"y\"].type","value":"work"}`:          false,
	} {
		if _, err := patch.Apply(t.Context(), scim.UserType(), doc, newOperations(t, op)); (err == nil) != want {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// leaving is the context of a client that leaves after some checks of the context.
type leaving struct {
	context.Context

	looks int
}

func (c *leaving) Err() error {
	if c.looks--; c.looks < 0 {
		return context.Canceled
	}
	return nil
}

// TestAPatchEndsWhenItsClientLeaves, before the next operation, for members and other attributes.
func TestAPatchEndsWhenItsClientLeaves(t *testing.T) {
	t.Parallel()
	doc := newDocument(t, `{"userName":"u"}`)
	for looks, want := range map[int]error{0: context.Canceled, 2: context.Canceled, 3: nil} {
		ops := newOperations(t, parts(3, `{"op":"add","path":"title","value":"#"}`))
		if _, err := patch.Apply(&leaving{t.Context(), looks}, scim.UserType(), doc, ops); !errors.Is(err, want) {
			t.Errorf("after %d operations: %v", looks, err)
		}
		ops = newOperations(t, parts(3, `{"op":"add","path":"members","value":"#"}`))
		if _, _, err := patch.OnlyMembers(&leaving{t.Context(), looks}, scim.GroupType(), ops); !errors.Is(err, want) {
			t.Errorf("members, after %d operations: %v", looks, err)
		}
	}
}

// TestManyValuesAreAddedAsFewAre: the index gives the same result as comparing each value.
func TestManyValuesAreAddedAsFewAre(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, add, want string }{
		"an untyped one is given a type":          {`{"value":"a"}`, `{"value":"A","type":"work"}`, `{"value":"A","type":"work"}`},
		"the second untyped one stays":            {`{"value":"a","display":"1"},{"value":"a","display":"2"}`, `{"value":"a","type":"work"},{"value":"a","type":"home"}`, `{"value":"a","display":"1","type":"work"},{"value":"a","display":"2","type":"home"}`},
		"the first of its type or of none":        {`{"value":"a","type":"work"},{"value":"a"}`, `{"value":"a","type":"work","display":"x"}`, `{"value":"a","type":"work","display":"x"},{"value":"a"}`},
		"an untyped one is the first":             {`{"value":"a","type":"work"},{"value":"a","type":"home"}`, `{"value":"a","display":"x"}`, `{"value":"a","type":"work","display":"x"},{"value":"a","type":"home"}`},
		"another type is another":                 {`{"value":"a","type":"work"}`, `{"value":"a","type":"home"}`, `{"value":"a","type":"work"},{"value":"a","type":"home"}`},
		"without a value it has to be the same":   {`{"display":"a"}`, `{"display":"a"},{"display":"b"}`, `{"display":"a"},{"display":"b"}`},
		"the newest primary one stays":            {`{"value":"a","primary":true},{"value":"b"}`, `{"value":"b","primary":true}`, `{"value":"a","primary":false},{"value":"b","primary":true}`},
		"a type that is no text does no harm":     {`{"value":"a","type":"x"}`, `{"value":"a","type":"y"}`, `{"value":"a","type":"x"},{"value":"a","type":"y"}`},
		"what was added is found by what follows": {``, `{"value":"a"},{"value":"A","type":"work"}`, `{"value":"A","type":"work"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := patch.Apply(t.Context(), scim.UserType(), newDocument(t, `{"userName":"u","phoneNumbers":[`+c.before+`]}`), newOperations(t, `{"op":"add","path":"phoneNumbers","value":[`+c.add+`]}`))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(newObject(t, `{"x":[`+c.want+`]}`)["x"], any(got.Document.Values("phoneNumbers"))); diff != "" {
				t.Errorf("the values differ (-want +got):\n%s", diff)
			}
		})
	}
}
