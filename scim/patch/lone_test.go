package patch_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// TestAValueWithoutATypeIsTheOneThatIsMeant: a path for the work or the primary value finds no such value. It then
// means the only value without a type. This is Entra's only way to an address, a phone number or a postal address.
func TestAValueWithoutATypeIsTheOneThatIsMeant(t *testing.T) {
	t.Parallel()
	const work, primary = `"path":"emails[type eq \"work\"].value"`, `"path":"emails[primary eq true].value"`
	for name, c := range map[string]struct{ before, ops, after string }{
		"replace":                  {`"emails":[{"value":"a"}]`, `{"op":"replace",` + work + `,"value":"b"}`, `"emails":[{"value":"b","type":"work"}]`},
		"add":                      {`"emails":[{"value":"a","primary":true}]`, `{"op":"Add",` + work + `,"value":"b"}`, `"emails":[{"value":"b","type":"work","primary":true}]`},
		"in any case":              {`"emails":[{"value":"a"}]`, `{"op":"replace","path":"emails[type eq \"Work\"].value","value":"b"}`, `"emails":[{"value":"b","type":"Work"}]`},
		"without a path":           {`"emails":[{"value":"a"}]`, `{"op":"replace","value":{"emails[type eq \"work\"].value":"b"}}`, `"emails":[{"value":"b","type":"work"}]`},
		"the whole value":          {`"emails":[{"value":"a","display":"d"}]`, `{"op":"replace","path":"emails[type eq \"work\"]","value":{"value":"b"}}`, `"emails":[{"value":"b","type":"work","display":"d"}]`},
		"beside others of a type":  {`"emails":[{"value":"h","type":"home"},{"value":"a"}]`, `{"op":"replace",` + work + `,"value":"b"}`, `"emails":[{"value":"h","type":"home"},{"value":"b","type":"work"}]`},
		"again":                    {`"emails":[{"value":"a"}]`, `{"op":"replace",` + work + `,"value":"b"},{"op":"replace",` + work + `,"value":"c"}`, `"emails":[{"value":"c","type":"work"}]`},
		"primary":                  {`"emails":[{"value":"a"}]`, `{"op":"replace",` + primary + `,"value":"b"}`, `"emails":[{"value":"b","primary":true}]`},
		"primary, Entra's text":    {`"emails":[{"value":"a","type":"home"}]`, `{"op":"replace","path":"emails[primary eq \"True\"].value","value":"b"}`, `"emails":[{"value":"b","type":"home","primary":true}]`},
		"primary beside one not":   {`"emails":[{"value":"a","primary":false},{"value":"b"}]`, `{"op":"replace",` + primary + `,"value":"c"}`, `"emails":[{"value":"a","primary":false},{"value":"c","primary":true}]`},
		"both":                     {`"emails":[{"value":"a"}]`, `{"op":"replace","path":"emails[type eq \"work\" and primary eq true].value","value":"b"}`, `"emails":[{"value":"b","type":"work","primary":true}]`},
		"both, one of which it is": {`"emails":[{"value":"a","type":"work"}]`, `{"op":"replace","path":"emails[type eq \"work\" and primary eq true].value","value":"b"}`, `"emails":[{"value":"b","type":"work","primary":true}]`},
		"with its value":           {`"emails":[{"value":"a"}]`, `{"op":"replace","path":"emails[value eq \"a\" and type eq \"work\"].display","value":"d"}`, `"emails":[{"value":"a","type":"work","display":"d"}]`},
		"a part becomes another":   {`"emails":[{"value":"a"}]`, `{"op":"replace","path":"emails[type eq \"work\"].primary","value":true}`, `"emails":[{"value":"a","type":"work","primary":true}]`},
		"remove":                   {`"emails":[{"value":"a"}]`, `{"op":"remove","path":"emails[type eq \"work\"]"}`, ``},
		"remove the value":         {`"emails":[{"value":"a"}]`, `{"op":"remove",` + work + `}`, ``},
		"remove a part":            {`"emails":[{"value":"a","display":"d"}]`, `{"op":"remove","path":"emails[type eq \"work\"].display"}`, `"emails":[{"value":"a"}]`},
		"remove the primary":       {`"emails":[{"value":"a","type":"home"}]`, `{"op":"remove","path":"emails[primary eq true]"}`, ``},
		"clear":                    {`"emails":[{"value":"a"}]`, `{"op":"replace",` + work + `,"value":""}`, ``},
		"a phone number":           {`"phoneNumbers":[{"value":"1"}]`, `{"op":"replace","path":"phoneNumbers[type eq \"work\"].value","value":"2"}`, `"phoneNumbers":[{"value":"2","type":"work"}]`},
		"a postal address":         {`"addresses":[{"locality":"L","country":"US"}]`, `{"op":"replace","path":"addresses[type eq \"work\"].locality","value":"M"},{"op":"add","path":"addresses[type eq \"work\"].region","value":"R"}`, `"addresses":[{"type":"work","locality":"M","country":"US","region":"R"}]`},

		"one of the type is there":     {`"emails":[{"value":"w","type":"work"},{"value":"a"}]`, `{"op":"replace",` + work + `,"value":"b"}`, `"emails":[{"value":"b","type":"work"},{"value":"a"}]`},
		"another of the type":          {`"emails":[{"value":"w","type":"work"},{"value":"a"}]`, `{"op":"remove","path":"emails[type eq \"work\" and value eq \"a\"]"}`, `"emails":[{"value":"w","type":"work"},{"value":"a"}]`},
		"one of another type alone":    {`"emails":[{"value":"h","type":"home"}]`, `{"op":"add",` + work + `,"value":"b"}`, `"emails":[{"value":"h","type":"home"},{"value":"b","type":"work"}]`},
		"another type than work":       {`"emails":[{"value":"a"}]`, `{"op":"add","path":"emails[type eq \"home\"].value","value":"b"}`, `"emails":[{"value":"a"},{"value":"b","type":"home"}]`},
		"one that is not primary":      {`"emails":[{"value":"a","primary":false}]`, `{"op":"add",` + primary + `,"value":"b"}`, `"emails":[{"value":"a","primary":false},{"value":"b","primary":true}]`},
		"another is primary":           {`"emails":[{"value":"a","type":"home","primary":true},{"value":"b","primary":false}]`, `{"op":"add","path":"emails[type eq \"work\" and primary eq true].value","value":"c"}`, `"emails":[{"value":"a","type":"home","primary":false},{"value":"b","primary":false},{"value":"c","type":"work","primary":true}]`},
		"roles have no work one":       {`"roles":[{"value":"a"}]`, `{"op":"add","path":"roles[primary eq true].value","value":"b"}`, `"roles":[{"value":"a"},{"value":"b","primary":true}]`},
		"two phones, which add to":     {`"phoneNumbers":[{"value":"1"},{"value":"2"}]`, `{"op":"replace","path":"phoneNumbers[type eq \"work\"].value","value":"3"}`, `"phoneNumbers":[{"value":"1"},{"value":"2"},{"value":"3","type":"work"}]`},
		"none at all":                  {`"title":"t"`, `{"op":"replace",` + work + `,"value":"b"}`, `"title":"t","emails":[{"value":"b","type":"work"}]`},
		"two, of which one is primary": {`"emails":[{"value":"a"},{"value":"b","primary":true}]`, `{"op":"replace",` + work + `,"value":"c"}`, `"emails":[{"value":"a"},{"value":"c","type":"work","primary":true}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document := func(members string) scim.Document {
				return newDocument(t, strings.TrimSuffix(`{"userName":"u",`+members, ",")+`}`)
			}
			got, err := patch.Apply(t.Context(), scim.UserType(), document(c.before), newOperations(t, c.ops))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(document(c.after), got.Document); diff != "" {
				t.Errorf("Apply(%s) differs (-want +got):\n%s", c.ops, diff)
			}
		})
	}
}

// TestAPathThatCouldMeanTwoAddressesIsRefused: with a guess, the wrong address could change.
func TestAPathThatCouldMeanTwoAddressesIsRefused(t *testing.T) {
	t.Parallel()
	two, one := `"emails":[{"value":"a"},{"value":"b"}]`, `"emails":[{"value":"a"}]`
	for name, c := range map[string]struct {
		before, op string
		profile    scim.Profile
		want       string
	}{
		"replace":               {two, `{"op":"replace","path":"emails[type eq \"work\"].value","value":"c"}`, scim.Tolerant, "send emails as a whole"},
		"remove":                {two, `{"op":"remove","path":"emails[type eq \"work\"]"}`, scim.Tolerant, "send emails as a whole"},
		"the primary":           {two, `{"op":"replace","path":"emails[primary eq true].value","value":"c"}`, scim.Tolerant, "send emails as a whole"},
		"against its filter":    {one, `{"op":"replace","path":"emails[type eq \"work\"].type","value":"home"}`, scim.Tolerant, "contradicts"},
		"by the strict profile": {one, `{"op":"replace","path":"emails[type eq \"work\"].value","value":"c"}`, scim.Strict, "no value of emails matches"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := newDocument(t, `{"userName":"u",`+c.before+`}`)
			_, err := patch.Apply(t.Context(), scim.UserType().Under(c.profile), before, newOperations(t, c.op))
			var e *scim.Error
			if !errors.As(err, &e) || e.Status != 400 || !strings.Contains(e.Detail, c.want) {
				t.Errorf("Apply = %v, want 400 with %q", err, c.want)
			}
		})
	}
	// Under the strict profile, the RFC says that removing an absent value succeeds.
	before := newDocument(t, `{"userName":"u",`+one+`}`)
	got, err := patch.Apply(t.Context(), scim.UserType().Under(scim.Strict), before, newOperations(t, `{"op":"remove","path":"emails[type eq \"work\"]"}`))
	if diff := cmp.Diff(before, got.Document); diff != "" || err != nil {
		t.Errorf("the strict profile removes it (-want +got), %v:\n%s", err, diff)
	}
}
