package scim_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// newObject decodes a JSON object for a test.
func newObject(t *testing.T, text string) map[string]any {
	t.Helper()
	object, err := scim.Decode([]byte(text))
	if err != nil {
		t.Fatalf("Decode(%s): %v", text, err)
	}
	return object
}

// errorOf is the *scim.Error of err, which must be one.
func errorOf(t *testing.T, err error) *scim.Error {
	t.Helper()
	var e *scim.Error
	if !errors.As(err, &e) {
		t.Fatalf("error = %v (%T), want a *scim.Error", err, err)
	}
	return e
}

func TestDecodeRefusesWhatIsNotOneStrictObject(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty":                       ``,
		"broken":                      `{"a":`,
		"array":                       `[]`,
		"text":                        `"a"`,
		"trailing value":              `{} {}`,
		"trailing comma":              `{"a":1,}`,
		"duplicate name":              `{"a":1,"a":2}`,
		"duplicate name in two cases": `{"userName":"a","USERNAME":"b"}`,
		"nested duplicate":            `{"name":{"givenName":"a","givenname":"b"}}`,
		"NUL":                         `{"a":"b\u0000"}`,
		"NUL in a name":               `{"a\u0000":"b"}`,
		"lone surrogate":              `{"a":"\ud800"}`,
		"invalid UTF-8":               "{\"a\":\"\xff\"}",
		"too deep":                    `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := scim.Decode([]byte(body))
			if e := errorOf(t, err); e.Status != 400 || e.Type != scim.InvalidSyntax || e.Detail == "" {
				t.Errorf("Decode(%q) = %+v, want 400 invalidSyntax with a detail", body, e)
			}
		})
	}
}

func TestDecodeKeepsNumbersAsWritten(t *testing.T) {
	t.Parallel()
	object := newObject(t, `{"n":9007199254740993,"d":1.50}`)
	out, err := scim.Encode(object)
	if want := `{"d":1.50,"n":9007199254740993}`; err != nil || string(out) != want {
		t.Errorf("Encode(Decode) = %s, %v, want %s", out, err, want)
	}
}

func TestCanonicalAcceptsWhatClientsSend(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"names in any case (43 2.1)":                {`{"USERNAME":"a","Name":{"GIVENNAME":"g"}}`, `{"userName":"a","name":{"givenName":"g"}}`},
		"read-only attributes are ignored (44 3.3)": {`{"id":"x","meta":{"a":1},"groups":[{"value":"g"}],"schemas":["x"],"title":"t"}`, `{"title":"t"}`},
		"null, empty text and [] are absent":        {`{"title":null,"nickName":"","emails":[],"name":{"givenName":null}}`, `{}`},
		"booleans as text (Entra)":                  {`{"active":"False"}`, `{"active":false}`},
		"numbers for texts, as they were sent":      {`{"title":7.50e1,"emails":[{"value":7}],"externalId":12345678901234567890,"nickName":[{"value":1}]}`, `{"title":"7.50e1","emails":[{"value":"7"}],"externalId":"12345678901234567890","nickName":"1"}`},
		"a boolean for a text":                      {`{"title":true}`, `{"title":"true"}`},
		"boolean in an array":                       {`{"active":["True"]}`, `{"active":true}`},
		"single value wrapped (customappsso)":       {`{"title":[{"$ref":null,"value":"X"}]}`, `{"title":"X"}`},
		"emails as one object (OneLogin)":           {`{"emails":{"value":"a@b.c"}}`, `{"emails":[{"value":"a@b.c"}]}`},
		"manager as text (Entra)":                   {`{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":"id"}}`, `{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"id"}}}`},
		"manager with an empty value":               {`{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":""}}}`, `{}`},
		"role as JSON in text (Entra)":              {`{"roles":[{"value":"{\"id\":\"1\",\"value\":\"Admin\",\"displayName\":\"Admins\"}"}]}`, `{"roles":[{"display":"Admins","value":"Admin"}]}`},
		"the same value twice":                      {`{"emails":[{"value":"a@b.c"},{"value":"a@b.c"}]}`, `{"emails":[{"value":"a@b.c"}]}`},
		"unknown attributes are kept":               {`{"favoriteColour":"red","urn:vendor:ext":{"a":1,"b":null}}`, `{"favoriteColour":"red","urn:vendor:ext":{"a":1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := scim.UserType().Canonical(newObject(t, c.in))
			if err != nil {
				t.Fatalf("Canonical(%s): %v", c.in, err)
			}
			if diff := cmp.Diff(newObject(t, c.want), map[string]any(got)); diff != "" {
				t.Errorf("Canonical(%s) differs (-want +got):\n%s", c.in, diff)
			}
		})
	}
}

func TestCanonicalNamesTheAttributeThatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, attribute string }{
		"text for a boolean":      {`{"active":"maybe"}`, "active"},
		"number for a password":   {`{"password":12345678}`, "password"},
		"number for a reference":  {`{"profileUrl":1}`, "profileUrl"},
		"number for binary data":  {`{"x509Certificates":[{"value":1}]}`, "x509Certificates.value"},
		"object for a text":       {`{"title":{"x":1}}`, "title"},
		"text for a complex":      {`{"name":"x"}`, "name"},
		"two for one":             {`{"title":["a","b"]}`, "title"},
		"certificate not base64":  {`{"x509Certificates":[{"value":"%"}]}`, "x509Certificates.value"},
		"sub-attribute":           {`{"emails":[{"value":{"x":7}}]}`, "emails.value"},
		"extension not an object": {`{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":"x"}`, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := scim.UserType().Canonical(newObject(t, c.in))
			if e := errorOf(t, err); e.Type != scim.InvalidValue || !strings.Contains(e.Detail, c.attribute) {
				t.Errorf("Canonical(%s) = %v, want invalidValue that names %s", c.in, e, c.attribute)
			}
		})
	}
}

func TestResolveFindsAttributes(t *testing.T) {
	t.Parallel()
	const ext = scim.EnterpriseUserURN
	for text, want := range map[string]string{
		"userName":                        "userName",
		"USERNAME":                        "userName",
		"name.GivenName":                  "name.givenName",
		scim.UserURN + ":name.givenName":  "name.givenName",
		ext + ":department":               ext + ":department",
		strings.ToUpper(ext) + ":manager": ext + ":manager",
		ext + ".employeeNumber":           ext + ":employeeNumber",
		ext:                               ext,
		"manager":                         ext + ":manager",
		"manager.value":                   ext + ":manager.value",
		"id":                              "id",
		"meta.created":                    "meta.created",
		"externalId":                      "externalId",
	} {
		p, err := scim.UserType().Resolve(text)
		if err != nil || p.String() != want || !p.Known() {
			t.Errorf("Resolve(%q) = %q, known %t, %v, want %q", text, p, p.Known(), err, want)
		}
	}
	if p, err := scim.UserType().Resolve("favoriteColour"); err != nil || p.Known() {
		t.Errorf("Resolve(favoriteColour) = %v, known %t, %v, want an unknown path", p, p.Known(), err)
	}
	for _, text := range []string{"", "a..b", "a b", "1a", "foo:x:y", "urn:x", "a[b]", scim.UserURN, "userName.", ".", "é"} {
		if _, err := scim.UserType().Resolve(text); err == nil || errorOf(t, err).Type != scim.InvalidPath {
			t.Errorf("Resolve(%q) = %v, want invalidPath", text, err)
		}
	}
}

func TestProjectionFollowsReturned(t *testing.T) {
	t.Parallel()
	const full = `{"schemas":["s"],"id":"1","userName":"u","title":"t","name":{"givenName":"g","familyName":"f"},
		"emails":[{"value":"a","type":"work"}],"groups":[{"value":"g"}],"favoriteColour":"red",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d","division":"v"}}`
	for name, c := range map[string]struct {
		only, without []string
		want          string
	}{
		"default hides what must be asked for": {nil, nil, `{"schemas":["s"],"id":"1","userName":"u","title":"t","name":{"givenName":"g","familyName":"f"},"emails":[{"value":"a","type":"work"}],"favoriteColour":"red","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d","division":"v"}}`},
		"attributes":                           {[]string{"USERNAME"}, nil, `{"schemas":["s"],"id":"1","userName":"u"}`},
		"sub-attribute":                        {[]string{"name.givenName"}, nil, `{"schemas":["s"],"id":"1","name":{"givenName":"g"}}`},
		"sub-attribute of many":                {[]string{"emails.type"}, nil, `{"schemas":["s"],"id":"1","emails":[{"type":"work"}]}`},
		"extension attribute":                  {[]string{scim.EnterpriseUserURN + ":department"}, nil, `{"schemas":["s"],"id":"1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"}}`},
		"whole extension":                      {[]string{scim.EnterpriseUserURN}, nil, `{"schemas":["s"],"id":"1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d","division":"v"}}`},
		"groups when asked for":                {[]string{"groups"}, nil, `{"schemas":["s"],"id":"1","groups":[{"value":"g"}]}`},
		"unknown names have no effect":         {[]string{"nonsense"}, nil, `{"schemas":["s"],"id":"1"}`},
		"excluded":                             {nil, []string{"title", "name.familyName", "emails", "favoriteColour", scim.EnterpriseUserURN}, `{"schemas":["s"],"id":"1","userName":"u","name":{"givenName":"g"}}`},
		"always stays (44 3.4.2.5)":            {nil, []string{"id", "schemas", "title", "name", "emails", "favoriteColour", scim.EnterpriseUserURN}, `{"schemas":["s"],"id":"1","userName":"u"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := scim.UserType()
			p, err := rt.NewProjection(c.only, c.without)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(newObject(t, c.want), rt.Project(newObject(t, full), p)); diff != "" {
				t.Errorf("Project differs (-want +got):\n%s", diff)
			}
		})
	}
	_, err := scim.UserType().NewProjection([]string{"a"}, []string{"b"})
	if errorOf(t, err).Type != scim.InvalidValue {
		t.Errorf("both parameters = %v, want invalidValue", err)
	}
}

func TestDiscoveryDescribesEveryAttributeInFull(t *testing.T) {
	t.Parallel()
	for _, schema := range []*scim.Schema{scim.UserSchema(), scim.GroupSchema(), scim.EnterpriseUserSchema()} {
		object := schema.Discovery("https://x")
		checkDescribed(t, schema.Name, object["attributes"])
	}
}

func checkDescribed(t *testing.T, path string, attributes any) {
	t.Helper()
	for _, a := range attributes.([]map[string]any) {
		name := path + "." + a["name"].(string)
		if name == "User.password" {
			t.Error("the password is offered, though the mapping ignores it")
		}
		for _, key := range []string{"type", "multiValued", "description", "required", "caseExact", "mutability", "returned", "uniqueness"} {
			if a[key] == nil || a[key] == "" {
				t.Errorf("%s lacks %s (43 section 7)", name, key)
			}
		}
		if a["type"] == "complex" {
			checkDescribed(t, name, a["subAttributes"])
		}
	}
}

// newImmutableType has attributes that can be set only once.
func newImmutableType() *scim.ResourceType {
	return scim.NewResourceType("User", "", "/Users", scim.UserSchema(), scim.NewSchema("urn:x:once", "Once", "",
		&scim.Attribute{Name: "start", Type: scim.TypeString, Mutability: scim.Immutable},
		&scim.Attribute{Name: "place", Type: scim.TypeComplex, SubAttributes: []*scim.Attribute{{Name: "desk", Type: scim.TypeString, Mutability: scim.Immutable}}},
	))
}

func TestRFC_019_ImmutableValuesAreSetOnce(t *testing.T) {
	t.Parallel()
	rt := newImmutableType()
	for name, c := range map[string]struct {
		before, after string
		refused       bool
	}{
		"set when empty":           {`{}`, `{"urn:x:once":{"start":"a"}}`, false},
		"the same again":           {`{"urn:x:once":{"start":"a"}}`, `{"urn:x:once":{"start":"a"}}`, false},
		"another":                  {`{"urn:x:once":{"start":"a"}}`, `{"urn:x:once":{"start":"b"}}`, true},
		"removed":                  {`{"urn:x:once":{"start":"a"}}`, `{}`, true},
		"another sub-attribute":    {`{"urn:x:once":{"place":{"desk":"1"}}}`, `{"urn:x:once":{"place":{"desk":"2"}}}`, true},
		"a sub-attribute is added": {`{"urn:x:once":{"place":{"x":"1"}}}`, `{"urn:x:once":{"place":{"x":"1","desk":"2"}}}`, false},
	} {
		err := rt.CheckImmutable(newObject(t, c.before), newObject(t, c.after))
		var e *scim.Error
		if errors.As(err, &e) != c.refused || c.refused && e.Type != scim.MutabilityErr {
			t.Errorf("%s: %v, want refused: %t", name, err, c.refused)
		}
	}
}

func TestRFC_107_AReplacementKeepsWhatIsSetOnce(t *testing.T) {
	t.Parallel()
	after := scim.Document(newObject(t, `{"userName":"u"}`))
	newImmutableType().RetainImmutable(newObject(t, `{"urn:x:once":{"start":"a"}}`), after)
	if diff := cmp.Diff(newObject(t, `{"userName":"u","urn:x:once":{"start":"a"}}`), map[string]any(after)); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

// TestSeveralPrimaries: the strict profile refuses them, the tolerant one keeps the first.
func TestSeveralPrimaries(t *testing.T) {
	t.Parallel()
	body := newObject(t, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"emails":[{"value":"a","primary":true},{"value":"b","primary":true}]}`)
	got, err := scim.UserType().Canonical(body)
	want := newObject(t, `{"emails":[{"value":"a","primary":true},{"value":"b","primary":false}]}`)
	if diff := cmp.Diff(want, map[string]any(got)); err != nil || diff != "" {
		t.Errorf("tolerant: %v (-want +got):\n%s", err, diff)
	}
	if _, err = scim.UserType().Under(scim.Strict).Canonical(body); errorOf(t, err).Type != scim.InvalidValue {
		t.Errorf("strict: %v, want invalidValue", err)
	}
}
