package mapping_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/growth"
)

func decoded(t *testing.T, text string) scim.Document {
	t.Helper()
	out, err := scim.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestMerge keeps what a document has, and adds what it lacks.
func TestMerge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ doc, more, want string }{
		"an absent attribute":       {`{}`, `{"title":"a"}`, `{"title":"a"}`},
		"what both have":            {`{"title":"a"}`, `{"title":"b"}`, `{"title":"a"}`},
		"a false one":               {`{"active":false}`, `{"active":true}`, `{"active":false}`},
		"parts of a complex one":    {`{"name":{"givenName":"a"}}`, `{"name":{"givenName":"b","familyName":"c"}}`, `{"name":{"givenName":"a","familyName":"c"}}`},
		"an extension":              {`{"urn:x:User":{"a":"1"}}`, `{"urn:x:User":{"b":["2"]}}`, `{"urn:x:User":{"a":"1","b":["2"]}}`},
		"simple values":             {`{"b":["1","2"]}`, `{"b":["2","3"]}`, `{"b":["1","2","3"]}`},
		"an element of the value":   {`{"emails":[{"value":"A@x.test","type":"work"}]}`, `{"emails":[{"value":"a@X.test","primary":true}]}`, `{"emails":[{"value":"A@x.test","type":"work"}]}`},
		"an element of the type":    {`{"phones":[{"value":"1","type":"work"}]}`, `{"phones":[{"value":"2","type":"Work"},{"value":"3","type":"home"}]}`, `{"phones":[{"value":"1","type":"work"},{"value":"3","type":"home"}]}`},
		"a second primary":          {`{"emails":[{"value":"a","primary":true}]}`, `{"emails":[{"value":"b","primary":true}]}`, `{"emails":[{"value":"a","primary":true},{"value":"b"}]}`},
		"the only primary":          {`{"emails":[{"value":"a"}]}`, `{"emails":[{"value":"b","primary":true}]}`, `{"emails":[{"value":"a"},{"value":"b","primary":true}]}`},
		"elements without a value":  {`{"addresses":[{"type":"work","locality":"a"}]}`, `{"addresses":[{"locality":"b"},{"type":"work","locality":"c"}]}`, `{"addresses":[{"type":"work","locality":"a"},{"locality":"b"}]}`},
		"another shape of a client": {`{"x":"text"}`, `{"x":["list"]}`, `{"x":"text"}`},
		"a list for an object":      {`{"x":{"a":"1"}}`, `{"x":["list"]}`, `{"x":{"a":"1"}}`},
	} {
		doc, more := decoded(t, c.doc), decoded(t, c.more)
		mapping.Merge(doc, more)
		if diff := cmp.Diff(decoded(t, c.want), doc); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(decoded(t, c.more), more); diff != "" {
			t.Errorf("%s: the other document was changed:\n%s", name, diff)
		}
	}
}

// TestUnseenIsWhatMergeAdds: merging a part of a document with what the part does not show gives
// the document.
func TestUnseenIsWhatMergeAdds(t *testing.T) {
	t.Parallel()
	whole := decoded(t, `{"userName":"u","name":{"givenName":"a","familyName":"b"},"emails":[{"value":"a","type":"work","primary":true},{"value":"b"}],"urn:x:User":{"badges":["1","2"],"center":"c"}}`)
	for i, part := range []string{
		`{}`, `{"userName":"u"}`, `{"name":{"givenName":"a"}}`, `{"emails":[{"value":"a","type":"work","primary":true}]}`, `{"urn:x:User":{"badges":["1"]}}`,
		`{"userName":"u","name":{"givenName":"a","familyName":"b"},"emails":[{"value":"a","type":"work","primary":true},{"value":"b"}],"urn:x:User":{"badges":["1","2"],"center":"c"}}`,
	} {
		doc := decoded(t, part)
		unseen := mapping.Unseen(whole, doc)
		mapping.Merge(doc, unseen)
		if diff := cmp.Diff(whole, doc); diff != "" {
			t.Errorf("%d (-want +got):\n%s", i, diff)
		}
	}
	if rest := mapping.Unseen(whole, whole); len(rest) != 0 {
		t.Errorf("of the whole document is unseen %v", rest)
	}
	if diff := cmp.Diff(whole, mapping.Unseen(whole, nil)); diff != "" {
		t.Errorf("to whom nothing was shown is unseen (-want +got):\n%s", diff)
	}
}

// TestMergeIsLinear in the values of both lists.
func TestMergeIsLinear(t *testing.T) {
	growth.Linear(t, 3000, func(n int) func() {
		doc, more := scim.Document{"x": objects(values(n, "a#"), "value")}, scim.Document{"x": objects(values(n, "b#"), "value")}
		return func() {
			rest := mapping.Unseen(more, doc)
			mapping.Merge(doc.Clone(), rest)
		}
	})
}
