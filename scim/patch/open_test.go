package patch_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// TestAnExtensionThatNoSchemaPublishesIsPatchedLikeAPublishedOne: before, operations, after. U is the URN of the
// extension.
func TestAnExtensionThatNoSchemaPublishesIsPatchedLikeAPublishedOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, ops, after string }{
		"add without a path merges": {
			`"U":{"badge":"B1","level":7}`, `{"op":"add","value":{"U":{"badge":"B2"}}}`, `"U":{"badge":"B2","level":7}`,
		},
		"a list of one for one value": {
			`"U":{"badge":"B1"}`, `{"op":"replace","path":"U:badge","value":["B2"]}`, `"U":{"badge":"B2"}`,
		},
		"replace without a path merges": {
			`"U":{"badge":"B1","level":7}`, `{"op":"replace","value":{"U":{"badge":"B2"}}}`, `"U":{"badge":"B2","level":7}`,
		},
		"a URN and a name as a key": {
			`"U":{"badge":"B1","level":7}`, `{"op":"replace","value":{"U:badge":"B3"}}`, `"U":{"badge":"B3","level":7}`,
		},
		"a URN and a name as a key of what is not there yet": {
			``, `{"op":"add","value":{"U:badge":"B3"}}`, `"U":{"badge":"B3"}`,
		},
		"keys whose order would tell an object from an extension": {
			``, `{"op":"add","value":{"U:address":{"room":"1"},"U:badge":"B3"}}`, `"U":{"address":{"room":"1"},"badge":"B3"}`,
		},
		"an attribute called schemas, and the list of an object's schemas": {
			`"U":{"schemas":"S"}`, `{"op":"add","value":{"U":{"schemas":["U"],"badge":"B"}}},{"op":"replace","value":{"U":{"schemas":"T"}}}`, `"U":{"schemas":"T","badge":"B"}`,
		},
		"a path that is the URN": {
			`"U":{"badge":"B1","level":7}`, `{"op":"replace","path":"U","value":{"badge":"B2"}}`, `"U":{"badge":"B2","level":7}`,
		},
		"a path that is the URN of what is not there yet": {
			``, `{"op":"add","path":"U","value":{"badge":"B2"}}`, `"U":{"badge":"B2"}`,
		},
		"a path to an attribute":              {`"U":{"level":7}`, `{"op":"add","path":"U:badge","value":"B2"}`, `"U":{"badge":"B2","level":7}`},
		"a path to an attribute, URN in caps": {`"U":{"badge":"B1"}`, `{"op":"replace","path":"URN:ACME:PARTNER:2.0:USER:BADGE","value":"B2"}`, `"U":{"badge":"B2"}`},
		"a dot behind the URN":                {`"U":{"badge":"B1"}`, `{"op":"replace","path":"U.badge","value":"B2"}`, `"U":{"badge":"B2"}`},
		"a dot behind a URN that is not there": {
			``, `{"op":"replace","path":"U.badge","value":"B2"}`, `"U":{"badge":"B2"}`,
		},
		"add to a list appends":         {`"U":{"tags":["a"]}`, `{"op":"add","path":"U:tags","value":["b","A"]}`, `"U":{"tags":["a","b"]}`},
		"add to a list by its object":   {`"U":{"tags":["a"]}`, `{"op":"add","value":{"U":{"tags":["b"]}}}`, `"U":{"tags":["a","b"]}`},
		"add of one value to a list":    {`"U":{"tags":["a"]}`, `{"op":"add","path":"U:tags","value":"b"}`, `"U":{"tags":["a","b"]}`},
		"add of a list to one value":    {`"U":{"tags":"a"}`, `{"op":"add","path":"U:tags","value":["b"]}`, `"U":{"tags":["a","b"]}`},
		"replace of a list":             {`"U":{"tags":["a"]}`, `{"op":"replace","path":"U:tags","value":["b"]}`, `"U":{"tags":["b"]}`},
		"remove of listed values":       {`"U":{"tags":["a","b"]}`, `{"op":"remove","path":"U:tags","value":["A"]}`, `"U":{"tags":["b"]}`},
		"remove of a list":              {`"U":{"tags":["a","b"],"badge":"B"}`, `{"op":"remove","path":"U:tags"}`, `"U":{"badge":"B"}`},
		"remove of the last attribute":  {`"U":{"tags":["a","b"]}`, `{"op":"remove","path":"U:tags"}`, ``},
		"remove of all of it":           {`"U":{"tags":["a","b"]}`, `{"op":"remove","path":"U"}`, ``},
		"remove of what is not there":   {`"U":{"a":"b"}`, `{"op":"remove","path":"U:x"},{"op":"remove","path":"U:x.y"},{"op":"remove","path":"U:x[y eq 1]"},{"op":"remove","path":"urn:other:thing:x"}`, `"U":{"a":"b"}`},
		"replace with null clears":      {`"U":{"badge":"B","level":1}`, `{"op":"replace","path":"U:badge","value":null}`, `"U":{"level":1}`},
		"null in an object clears":      {`"U":{"badge":"B","level":1}`, `{"op":"replace","value":{"U":{"badge":null}}}`, `"U":{"level":1}`},
		"a complex value is merged":     {`"U":{"desk":{"room":"1","floor":3}}`, `{"op":"replace","path":"U:desk","value":{"room":"2"}}`, `"U":{"desk":{"room":"2","floor":3}}`},
		"a part of a complex value":     {`"U":{"desk":{"room":"1","floor":3}}`, `{"op":"replace","path":"U:desk.room","value":"2"}`, `"U":{"desk":{"room":"2","floor":3}}`},
		"a part is removed":             {`"U":{"desk":{"room":"1","floor":3}}`, `{"op":"remove","path":"U:desk.Room"}`, `"U":{"desk":{"floor":3}}`},
		"a part of what is not there":   {``, `{"op":"add","path":"U:desk.room","value":"2"}`, `"U":{"desk":{"room":"2"}}`},
		"text for a complex value":      {`"U":{"boss":{"value":"1","display":"D"}}`, `{"op":"replace","path":"U:boss","value":"2"}`, `"U":{"boss":{"value":"2"}}`},
		"a filter and a part":           {`"U":{"cards":[{"type":"door","value":"1"},{"type":"car","value":"2"}]}`, `{"op":"replace","path":"U:cards[type eq \"Door\"].value","value":"9"}`, `"U":{"cards":[{"type":"door","value":"9"},{"type":"car","value":"2"}]}`},
		"a filter of a number":          {`"U":{"cards":[{"no":1,"value":"1"},{"no":2,"value":"2"}]}`, `{"op":"remove","path":"U:cards[no gt 1]"}`, `"U":{"cards":[{"no":1,"value":"1"}]}`},
		"a filter on simple values":     {`"U":{"tags":["a","b"]}`, `{"op":"remove","path":"U:tags[value eq \"a\"]"}`, `"U":{"tags":["b"]}`},
		"a filter that nothing matches": {``, `{"op":"add","path":"U:cards[type eq \"door\"].value","value":"9"}`, `"U":{"cards":[{"type":"door","value":"9"}]}`},
		"a filter on one object":        {`"U":{"card":{"type":"door","value":"1"}}`, `{"op":"remove","path":"U:card[type eq \"car\"]"}`, `"U":{"card":{"type":"door","value":"1"}}`},
		"elements are merged":           {`"U":{"cards":[{"type":"door","value":"1"}]}`, `{"op":"add","path":"U:cards","value":[{"value":"1","note":"n"},{"value":"2"}]}`, `"U":{"cards":[{"type":"door","value":"1","note":"n"},{"value":"2"}]}`},
		"a new primary demotes the old": {`"U":{"cards":[{"value":"1","primary":true}]}`, `{"op":"add","path":"U:cards","value":{"value":"2","primary":true}}`, `"U":{"cards":[{"value":"1","primary":false},{"value":"2","primary":true}]}`},
		"operations see those before":   {``, `{"op":"add","path":"U:n","value":1},{"op":"add","path":"U:tags","value":["a"]},{"op":"add","path":"U:tags","value":["b"]},{"op":"remove","path":"U:n"}`, `"U":{"tags":["a","b"]}`},
		"a wrong type becomes another":  {`"U":{"level":7}`, `{"op":"replace","path":"U:level","value":"high"}`, `"U":{"level":"high"}`},
		"the spelling stays":            {`"U":{"Badge":"1","Desk":{"Room":"1"}}`, `{"op":"replace","value":{"urn:acme:partner:2.0:user":{"bADGE":"2","desk":{"room":"2"}}}}`, `"U":{"Badge":"2","Desk":{"Room":"2"}}`},
		"names that are no paths":       {`"U":{"first name":"a","a.b":1}`, `{"op":"replace","value":{"U":{"First Name":"b","a.b":2,"__proto__":{"x":1}}}}`, `"U":{"first name":"b","a.b":2,"__proto__":{"x":1}}`},
		"schemas within it":             {`"U":{"badge":"1"}`, `{"op":"replace","value":{"U":{"schemas":["U"],"badge":"2"}}}`, `"U":{"badge":"2"}`},

		"one URN begins another": {
			`"urn:a:b":{"c":{"d":"1"}},"urn:a:b:c":{"d":"2"}`, `{"op":"replace","path":"urn:a:b:c:d","value":"3"},{"op":"replace","path":"urn:a:b:c","value":{"e":"4"}},{"op":"add","path":"urn:a:b","value":{"c":{"f":"5"}}}`,
			`"urn:a:b":{"c":{"d":"1","f":"5"}},"urn:a:b:c":{"d":"3","e":"4"}`,
		},
		"one URN begins another, without a path": {
			`"urn:a:b":{"c":"1","e":{"f":"1"}}`, `{"op":"add","value":{"urn:a:b":{"x":"1"},"urn:a:b:c":{"d":"2"},"urn:a:b:e":{"f":"2"},"urn:a:b:g":"3"}}`,
			`"urn:a:b":{"c":"1","e":{"f":"2"},"x":"1","g":"3"},"urn:a:b:c":{"d":"2"}`,
		},
		"a URN that ends with a version": {
			`"urn:a:ext:2.0":{"badge":"1"}`, `{"op":"replace","path":"urn:a:ext:2.0:badge","value":"2"},{"op":"add","path":"urn:a:ext:2.0","value":{"n":1}}`, `"urn:a:ext:2.0":{"badge":"2","n":1}`,
		},
		"a new URN that ends with a version": {``, `{"op":"add","path":"urn:a:ext:2.0","value":{"n":1}}`, `"urn:a:ext:2.0":{"n":1}`},
		"Okta's URN, which goes on behind the type": {
			``, `{"op":"add","value":{"urn:okta:app:1.0:user:custom":{"n":"1"}}},{"op":"replace","path":"urn:okta:app:1.0:user:custom:n","value":"2"}`, `"urn:okta:app:1.0:user:custom":{"n":"2"}`,
		},
		"a URN like the core schema's": {
			`"urn:ietf:params:scim:schemas:core:2.0:Users":{"a":"1"}`, `{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:Users:a","value":"2"}`, `"urn:ietf:params:scim:schemas:core:2.0:Users":{"a":"2"}`,
		},
		"the URN of the core schema": {
			`"title":"t"`, `{"op":"replace","value":{"urn:ietf:params:scim:schemas:core:2.0:User":{"title":"v","nickName":"n"}}},{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User","value":{"locale":"l"}}`, `"title":"v","nickName":"n","locale":"l"`,
		},

		"an unknown attribute of a published extension": {
			`"E":{"department":"d","shoe":"1"}`, `{"op":"replace","value":{"E":{"shoe":"2","first name":"x"}}},{"op":"add","path":"E:hat.size","value":4},{"op":"add","path":"E:shoe","value":["3"]}`,
			`"E":{"department":"d","shoe":["2","3"],"hat":{"size":4},"first name":"x"}`,
		},
		"names like paths at the root, without a path": {``, `{"op":"add","value":{"nonsense.x":"y","nonsense[a eq 1].b":"z"}}`, `"nonsense.x":"y","nonsense[a eq 1].b":"z"`},
		"an unknown attribute at the root": {
			`"shoe":["1"],"hat":{"size":4},"coats":[{"type":"sun"}]`, `{"op":"add","path":"shoe","value":["2"]},{"op":"replace","value":{"hat":{"colour":"red"}}},{"op":"remove","path":"hat.size"},{"op":"add","path":"coats[type eq \"rain\"].value","value":"c"}`,
			`"shoe":["1","2"],"hat":{"colour":"red"},"coats":[{"type":"sun"},{"type":"rain","value":"c"}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := strings.NewReplacer(`"E`, `"`+scim.EnterpriseUserURN, `"U`, `"urn:acme:partner:2.0:User`)
			document := func(members string) scim.Document {
				if members != "" {
					members = "," + members
				}
				return newDocument(t, `{"userName":"u"`+strings.ReplaceAll(with.Replace(members), `"urn:acme:partner:2.0:UserRN:ACME`, `"URN:ACME`)+`}`)
			}
			ops := strings.ReplaceAll(with.Replace(c.ops), `"urn:acme:partner:2.0:UserRN:ACME`, `"URN:ACME`)
			before := document(c.before)
			kept := before.Clone()
			got, err := patch.Apply(t.Context(), scim.UserType(), before, newOperations(t, ops))
			if err != nil {
				t.Fatalf("Apply(%s): %v", ops, err)
			}
			if diff := cmp.Diff(document(c.after), got.Document); diff != "" {
				t.Errorf("Apply(%s) differs (-want +got):\n%s", ops, diff)
			}
			if diff := cmp.Diff(kept, before); diff != "" {
				t.Errorf("Apply changed its input:\n%s", diff)
			}
		})
	}
}

// TestAPathIntoAnExtensionThatNoSchemaPublishesIsRefused where it would lose a value, or is not a path.
func TestAPathIntoAnExtensionThatNoSchemaPublishesIsRefused(t *testing.T) {
	t.Parallel()
	const u = "urn:acme:partner:2.0:User"
	for name, c := range map[string]struct {
		op      string
		want    scim.ErrorType
		profile scim.Profile
	}{
		"a part of a text":              {`{"op":"add","path":"` + u + `:badge.x","value":"v"}`, scim.InvalidPath, scim.Tolerant},
		"a part of texts":               {`{"op":"add","path":"` + u + `:tags.x","value":"v"}`, scim.InvalidPath, scim.Tolerant},
		"a part of what is mixed":       {`{"op":"add","path":"` + u + `:mixed.x","value":"v"}`, scim.InvalidPath, scim.Tolerant},
		"an extension that is a text":   {`{"op":"add","path":"` + u + `","value":"v"}`, scim.InvalidValue, scim.Tolerant},
		"a malformed filter":            {`{"op":"add","path":"` + u + `:tags[value zz 1]","value":"v"}`, scim.InvalidFilter, scim.Tolerant},
		"what follows brackets":         {`{"op":"add","path":"` + u + `:tags[value eq 1]x","value":"v"}`, scim.InvalidPath, scim.Tolerant},
		"a filter nothing can describe": {`{"op":"replace","path":"` + u + `:tags[value co \"zz\"]","value":"v"}`, scim.NoTarget, scim.Tolerant},
		"a part of nothing":             {`{"op":"add","path":"nonsense.x","value":"v"}`, scim.InvalidPath, scim.Tolerant},
		"a value of nothing":            {`{"op":"add","path":"nonsense[a eq 1].x","value":"v"}`, scim.InvalidPath, scim.Tolerant},
		"no URN":                        {`{"op":"add","path":"foo:bar:baz","value":"v"}`, scim.InvalidPath, scim.Tolerant},
		"a URN with blanks":             {`{"op":"add","path":"urn:a b:c:d","value":"v"}`, scim.InvalidPath, scim.Tolerant},
		"what nests too deep":           {`{"op":"add","path":"` + u + `:new[x eq 1].y","value":` + strings.Repeat(`{"a":`, 29) + `1` + strings.Repeat(`}`, 29) + `}`, scim.InvalidValue, scim.Tolerant},
		"two dots":                      {`{"op":"add","path":"` + u + `:a.b.c","value":"v"}`, scim.InvalidPath, scim.Tolerant},
		"no name":                       {`{"op":"add","path":"` + u + `:","value":"v"}`, scim.InvalidPath, scim.Tolerant},
		"the strict profile":            {`{"op":"add","path":"` + u + `:badge","value":"v"}`, scim.InvalidPath, scim.Strict},
		"the strict profile, a URN":     {`{"op":"add","path":"` + u + `","value":{"badge":"v"}}`, scim.InvalidPath, scim.Strict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := newDocument(t, `{"userName":"u","`+u+`":{"badge":"B1","tags":["a"],"mixed":["a",{"value":"b"}]}}`)
			_, err := patch.Apply(t.Context(), scim.UserType().Under(c.profile), doc, newOperations(t, c.op))
			var e *scim.Error
			if !errors.As(err, &e) || e.Status != 400 || e.Type != c.want {
				t.Errorf("Apply(%s) = %v, want 400 %s", c.op, err, c.want)
			}
		})
	}
}
