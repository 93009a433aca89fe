package scim_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestAnAttributeNamedWithItsURNStandsInItsExtension: body, document. E is the enterprise extension, U an extension
// that no schema publishes, C the core schema.
func TestAnAttributeNamedWithItsURNStandsInItsExtension(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, want string }{
		"of an extension that is there":         {`"U":{"a":"1"},"U:b":"2"`, `"U":{"a":"1","b":"2"}`},
		"of one that is not":                    {`"U:b":"2","U:c":["3"]`, `"U":{"b":"2","c":["3"]}`},
		"an object is an extension":             {`"U":{"a":"1"},"U:b":{"c":1}`, `"U":{"a":"1"},"U:b":{"c":1}`},
		"an object of a published extension":    {`"E:manager":{"value":"m"}`, `"E":{"manager":{"value":"m"}}`},
		"a part":                                {`"U:b.c":"2","U:b.d":"3"`, `"U":{"b":{"c":"2","d":"3"}}`},
		"in another case":                       {`"U":{"a":"1"},"URN:ACME:PARTNER:2.0:USER:B":"2"`, `"U":{"a":"1","B":"2"}`},
		"of a published extension":              {`"E:department":"d","E:shoe":"2"`, `"E":{"department":"d","shoe":"2"}`},
		"a part in a published extension":       {`"E:manager.value":"m"`, `"E":{"manager":{"value":"m"}}`},
		"a published extension in another case": {`"urn:ietf:params:scim:schemas:extension:ENTERPRISE:2.0:User":{"division":"v"},"E:department":"d"`, `"E":{"department":"d","division":"v"}`},
		"of the core schema":                    {`"C:title":"t","C:name.givenName":"g"`, `"title":"t","name":{"givenName":"g"}`},
		"the core schema as a whole":            {`"C":{"title":"t","U":{"a":"1"},"U:b":"2"}`, `"title":"t","U":{"a":"1","b":"2"}`},
		"a URN that another one begins":         {`"urn:a:b":{"c":"1"},"urn:a:b:c":{"d":"2"},"urn:a:b:c:e":"3"`, `"urn:a:b":{"c":"1"},"urn:a:b:c":{"d":"2","e":"3"}`},
		"an object that is an extension":        {`"urn:okta:app:1.0:user:custom":{"n":"1"}`, `"urn:okta:app:1.0:user:custom":{"n":"1"}`},
		"schemas within it":                     {`"U":{"schemas":["U"],"a":"1"}`, `"U":{"a":"1"}`},
		"an attribute called schemas":           {`"U":{"schemas":"S","a":"1"},"urn:acme:lists:2.0:User":{"schemas":["A","B"]}`, `"U":{"schemas":"S","a":"1"},"urn:acme:lists:2.0:User":{"schemas":["A","B"]}`},
		"what is empty":                         {`"U":{"a":null},"U:b":""`, ``},
		"what is no URN":                        {`"foo:bar:baz":"1","urn:x":"2","urn:a b:c:d":"3"`, `"foo:bar:baz":"1","urn:x":"2","urn:a b:c:d":"3"`},
		"hostile names":                         {`"U":{"__proto__":{"x":1},"a\u0001b":"2","constructor":"3"}`, `"U":{"__proto__":{"x":1},"a\u0001b":"2","constructor":"3"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, want := newObject(t, members(c.body)), newObject(t, members(c.want))
			kept := scim.CloneValue(body)
			got, err := scim.UserType().Canonical(body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, map[string]any(got)); diff != "" {
				t.Errorf("Canonical differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(kept, any(body)); diff != "" {
				t.Errorf("Canonical changed the body:\n%s", diff)
			}
			stored := scim.UserType().Gather(scim.Document(newObject(t, members(c.body))))
			if again, err := scim.UserType().Canonical(stored); err != nil || !cmp.Equal(again, got) {
				t.Errorf("what was stored of it becomes %v, %v", again, err)
			}
		})
	}
}

func members(text string) string {
	text = strings.NewReplacer(`"E`, `"`+scim.EnterpriseUserURN, `"C`, `"`+scim.UserURN, `"URN`, `"URN`, `"U`, `"urn:acme:partner:2.0:User`).Replace(text)
	if text != "" {
		text = "," + text
	}
	return `{"userName":"u"` + text + `}`
}

func TestAnAttributeThatIsGivenTwiceByItsURNIsRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`"U":{"b":"1"},"U:b":"2"`, `"U":{"b":{"c":"1"}},"U:b.c":"2"`, `"U":{"b":"1"},"U:b.c":"2"`, `"C:title":"1","title":"2"`, `"C":{"title":"1"},"title":"2"`,
		`"E":{"department":"1"},"E:department":"2"`, `"E":"text","E:department":"2"`, `"U":"text"`,
	} {
		doc, err := scim.UserType().Canonical(newObject(t, members(body)))
		if err == nil || errorOf(t, err).Status != 400 {
			t.Errorf("Canonical(%s) = %v, %v, want a refusal", body, doc, err)
		}
		stored := scim.Document(newObject(t, members(body)))
		if got := scim.UserType().Gather(stored); len(got) == 0 {
			t.Errorf("Gather(%s) lost all of it", body)
		}
	}
	if _, err := scim.UserType().Under(scim.Strict).Canonical(newObject(t, `{"schemas":["`+scim.UserURN+`"],"userName":"u","`+scim.EnterpriseUserURN+`:department":"d"}`)); err == nil {
		t.Error("the strict profile takes an attribute that is named with its URN")
	}
}

// TestSchemasListsAnExtensionWhileItHoldsValues: it does so for published and other extensions.
func TestSchemasListsAnExtensionWhileItHoldsValues(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]any{
		``:                      {scim.UserURN},
		`"U":{}`:                {scim.UserURN},
		`"U":{"a":null}`:        {scim.UserURN},
		`"foo:bar:baz":{"a":1}`: {scim.UserURN},
		`"favourite":{"a":1}`:   {scim.UserURN},
		`"U":{"a":1},"E":{"department":"d"},"urn:a:b:c":{"d":1}`: {scim.UserURN, scim.EnterpriseUserURN, "urn:a:b:c", "urn:acme:partner:2.0:User"},
	} {
		doc, err := scim.UserType().Canonical(newObject(t, members(body)))
		if err != nil {
			t.Fatal(err)
		}
		got := scim.UserType().Object(scim.Resource{ID: "1", Document: doc}, "")["schemas"]
		if diff := cmp.Diff(any(want), got); diff != "" {
			t.Errorf("schemas of %s differs (-want +got):\n%s", body, diff)
		}
	}
}

func TestAProjectionNamesWhatNoSchemaPublishes(t *testing.T) {
	t.Parallel()
	const full = `{"schemas":["s"],"id":"1","userName":"u","urn:acme:partner:2.0:User":{"badge":"B","desk":{"room":"1","floor":3},"tags":[{"value":"a","type":"t"}]},"urn:a:b":{"c":{"d":1}},"urn:a:b:c":{"d":2}}`
	const u = "urn:acme:partner:2.0:User"
	for name, c := range map[string]struct {
		only, without []string
		want          string
	}{
		"all of it":            {only: []string{u}, want: `{"schemas":["s"],"id":"1","urn:acme:partner:2.0:User":{"badge":"B","desk":{"room":"1","floor":3},"tags":[{"value":"a","type":"t"}]}}`},
		"one attribute":        {only: []string{"URN:ACME:partner:2.0:USER:BADGE"}, want: `{"schemas":["s"],"id":"1","urn:acme:partner:2.0:User":{"badge":"B"}}`},
		"a part":               {only: []string{u + ":desk.Room", u + ".tags.value"}, want: `{"schemas":["s"],"id":"1","urn:acme:partner:2.0:User":{"desk":{"room":"1"},"tags":[{"value":"a"}]}}`},
		"without all of it":    {without: []string{strings.ToUpper(u), "urn:a:b", "urn:a:b:c"}, want: `{"schemas":["s"],"id":"1","userName":"u"}`},
		"without a part":       {without: []string{u + ":desk.floor", u + ":tags", "urn:a:b:c"}, want: `{"schemas":["s"],"id":"1","userName":"u","urn:acme:partner:2.0:User":{"badge":"B","desk":{"room":"1"}}}`},
		"a name of two things": {only: []string{"urn:a:b:c"}, want: `{"schemas":["s"],"id":"1","urn:a:b":{"c":{"d":1}},"urn:a:b:c":{"d":2}}`},
		"what nobody has":      {only: []string{"urn:x:y:z"}, want: `{"schemas":["s"],"id":"1"}`},
	} {
		p, err := scim.UserType().NewProjection(c.only, c.without)
		if err != nil {
			t.Fatal(err)
		}
		object := newObject(t, full)
		if diff := cmp.Diff(newObject(t, c.want), scim.UserType().Project(object, p)); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", name, diff)
		}
	}
}

// TestAWholeExtensionDoesNotShowWhatIsNeverReturned, however the client asks for it.
func TestAWholeExtensionDoesNotShowWhatIsNeverReturned(t *testing.T) {
	t.Parallel()
	rt := scim.UserType().With(scim.NewSchema("urn:x:y:2.0:User", "X", "", &scim.Attribute{Name: "pin", Type: scim.TypeString, Returned: scim.ReturnedNever}, &scim.Attribute{Name: "room", Type: scim.TypeString}))
	p, err := rt.NewProjection([]string{"urn:x:y:2.0:User"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := rt.Project(newObject(t, `{"id":"1","urn:x:y:2.0:User":{"pin":"1234","room":"1"}}`), p)
	if diff := cmp.Diff(newObject(t, `{"id":"1","urn:x:y:2.0:User":{"room":"1"}}`), got); diff != "" {
		t.Errorf("Project differs (-want +got):\n%s", diff)
	}
}

func TestIsURN(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"urn:a:b": true, "URN:a:b:c:2.0": true, "urn:ietf:params:scim:schemas:extension:x:2.0:User": true, "urn:a:b%20c": true,
		"": false, "urn": false, "urn:": false, "urn:a": false, "urn::b": false, "urn:a:": false, "urn:a:b:": false, "foo:a:b": false, "urn:a:b c": false,
		"urn:a:b\n": false, "urn:a:ä": false, `urn:a:"b"`: false, "urn:a:b[c]": false, "urn:a:b,c": false, "urn:a:" + strings.Repeat("b", 300): false,
	} {
		if got := scim.IsURN(name); got != want {
			t.Errorf("IsURN(%q) = %t, want %t", name, got, want)
		}
	}
}
