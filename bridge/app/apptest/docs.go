package apptest

import (
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// CompareGenerated compares a generated page with its wanted text, or writes the page with -update.
func CompareGenerated(t *testing.T, file, want string) {
	t.Helper()
	if err := docs.Generated(file, want, *Update, "go test "+thisPackage(t)+" -short -update -run Generated"); err != nil {
		t.Error(err)
	}
}

// thisPackage is the package of the running tests, for a command at the root of the repository.
func thisPackage(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err == nil {
		dir, err = filepath.Rel(atRoot(t, "."), dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return "./" + filepath.ToSlash(dir)
}

// RemedyTests returns the bodies of all tests of the repository, by name.
func RemedyTests(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, file := range TestFiles(t) {
		for part := range strings.SplitSeq(ReadPage(t, file), "\nfunc ") {
			if test, _, ok := strings.Cut(part, "(t *testing.T)"); ok && strings.HasPrefix(test, "Test") {
				out[test] = part
			}
		}
	}
	return out
}

// TestFiles returns the test files of the repository.
func TestFiles(t *testing.T) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(atRoot(t, "."), func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, "_test.go") {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// HTMLPage returns a page of the health listener as a browser gets it, with unescaped texts.
func HTMLPage(t *testing.T, a *app.App, path string) string {
	t.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
	r.Header.Set("Accept", "text/html")
	a.Health.Handler().ServeHTTP(w, r)
	return html.UnescapeString(w.Body.String())
}

// MendByAdminCLI does the same as a line of kcadm.sh that updates one resource: it reads the resource, sets the value
// of -s, and writes the resource. (Keycloak's kcadm merges unless it gets a file.)
func MendByAdminCLI(t *testing.T, server keycloaktest.Server, line string) {
	t.Helper()
	words := ShellWords(t, line)
	if len(words) < 7 || words[0] != "kcadm.sh" || words[1] != "update" || words[3] != "-r" || words[5] != "-s" {
		t.Fatalf("%q is not an update by kcadm.sh: %q", line, words)
	}
	path := "/admin/realms/" + words[4] + "/" + words[2]
	var resource map[string]any
	if err := json.Unmarshal([]byte(AdminCall(t, server, http.MethodGet, path, "")), &resource); err != nil {
		t.Fatal(err)
	}
	name, text, _ := strings.Cut(words[6], "=")
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%q: %v", words[6], err)
	}
	resource[name] = value
	body, err := json.Marshal(resource)
	if err != nil {
		t.Fatal(err)
	}
	AdminSend(t, server, http.MethodPut, path, string(body))
}

// ShellWords splits a line into words as a shell does. It only knows single quotes and backslashes.
func ShellWords(t *testing.T, line string) []string {
	t.Helper()
	var out []string
	var word strings.Builder
	quoted, begun := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			quoted, begun = !quoted, true
		case c == '\\' && !quoted:
			i++
			word.WriteByte(line[i])
			begun = true
		case c == ' ' && !quoted:
			if begun {
				out = append(out, word.String())
			}
			word.Reset()
			begun = false
		case !quoted && strings.IndexByte("\"$`&|;<>()*?#~", c) >= 0:
			t.Fatalf("a shell would change %q because of %q", line, c)
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if quoted {
		t.Fatalf("%q ends within quotes", line)
	}
	if begun {
		out = append(out, word.String())
	}
	return out
}

// Update makes tests write what they generate.
var Update = flag.Bool("update", false, "write the pages that tests generate")

// CheckApart checks that no user and no group belongs to both organizations.
func (c Customers) CheckApart(t *testing.T) {
	t.Helper()
	seen := map[any]string{}
	for alias, b := range c.Of {
		for _, endpoint := range []string{"/Users", "/Groups"} {
			list, _ := b.Must(t, http.MethodGet, endpoint, "")["Resources"].([]any)
			for _, r := range list {
				object, _ := r.(map[string]any)
				if other, twice := seen[object["id"]]; twice {
					t.Errorf("%s %v is of %s and %s", endpoint, object["id"], alias, other)
				}
				seen[object["id"]] = alias
				if endpoint == "/Users" {
					c.checkMember(t, fmt.Sprint(object["id"]), alias)
				}
			}
		}
	}
}

// checkMember checks in Keycloak that a user is a member of only one organization, and that the organization owns the
// account.
func (c Customers) checkMember(t *testing.T, text, alias string) {
	t.Helper()
	id, _ := keycloak.ParseUserID(text)
	organizations, err := c.Realm.Admin.OrganizationsOf(t.Context(), id)
	if err != nil || len(organizations) != 1 || organizations[0].ID != c.IDs[alias].String() {
		t.Errorf("the organizations of %s = %v, %v, want only %s", text, organizations, err, alias)
	}
	user, err := c.Realm.Admin.User(t.Context(), id)
	if owner := user.Attributes[mapping.AttrOwner]; err != nil || len(owner) != 1 || owner[0] != c.IDs[alias].String() {
		t.Errorf("the owner of %s = %v, %v, want %s", text, owner, err, alias)
	}
}

// ReadPage returns the text of a file.
func ReadPage(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
