package mapping_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// FuzzRemainder: for any content of the attribute, reading gives a resource or an error, and never
// a panic.
func FuzzRemainder(f *testing.F) {
	whole := stored(f, newDocument(f, `{"userName":"Jane","title":"t","emails":[{"value":"a@b.c","type":"x"}]}`)).Attributes[mapping.AttrRemainder]
	f.Add(whole[0], "")
	f.Add("realm|zz|1/2|0|{", "realm|zz|2/2|0|}")
	f.Add("realm|-1|9999999999999999999/1|x|", "realm|||")
	f.Add("realm|1|1/0||", "realm|1|0/-1|e3b0c44298fc1c14|")
	f.Fuzz(func(t *testing.T, one, two string) {
		u := keycloak.User{ID: "1", Username: "jane", Attributes: map[string][]string{mapping.AttrRemainder: {one, two}}}
		if r, err := mapping.Default(scim.Tolerant).UserResource(owner(), u); err == nil && r.Document.String("userName") == "" {
			t.Error("a user without a name")
		}
	})
}

// FuzzCompile: any mapping file gives a mapping or problems with lines, and never a panic. A
// mapping stores a document and gives it back.
func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "testdata/mapping.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, problems := compile(data)
		if (m == nil) != (len(problems) > 0) {
			t.Fatalf("mapping %v and problems %q", m != nil, problems)
		}
		if m == nil {
			return
		}
		doc, err := m.User.Canonical(map[string]any{"userName": "jane", "title": "t", "displayName": "Jane"})
		if err != nil {
			t.Fatal(err)
		}
		if s, err := m.UserState(owner(), doc); err == nil && s.Username == "" {
			t.Error("the user name is gone")
		}
	})
}
