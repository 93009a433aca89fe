package main

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/auth"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// page is a page of the listener for health as a browser gets it, with its texts as people read them.
func page(t *testing.T, a *app.App, path string) string {
	t.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
	r.Header.Set("Accept", "text/html")
	a.Health.Handler().ServeHTTP(w, r)
	return html.UnescapeString(w.Body.String())
}

// shown is what tenants show prints of a tenant of a bridge in this process.
func shown(t *testing.T, a *app.App, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	a.Control().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://bridge/tenants", nil))
	var all []control.Tenant
	err := json.Unmarshal(w.Body.Bytes(), &all)
	if err != nil {
		t.Fatal(err)
	}
	one, err := app.FindTenant(all, path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := printTenant(&out, one); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// quotedCredentials are the entries of an organization as values of a JSON array.
func quotedCredentials(t *testing.T, c customers, alias string) string {
	t.Helper()
	o, err := c.realm.admin.Organization(t.Context(), c.ids[alias])
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, 0, len(o.Attributes[auth.AttrCredentials]))
	for _, entry := range o.Attributes[auth.AttrCredentials] {
		text, err := json.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return strings.Join(out, ",")
}

// mendByAdminCLI does what a line of kcadm.sh does that updates one resource: it reads it, sets what -s says,
// and writes it (Keycloak's kcadm merges unless it is given a file).
func mendByAdminCLI(t *testing.T, server keycloaktest.Server, line string) {
	t.Helper()
	words := shellWords(t, line)
	if len(words) < 7 || words[0] != "kcadm.sh" || words[1] != "update" || words[3] != "-r" || words[5] != "-s" {
		t.Fatalf("%q is no update by kcadm.sh: %q", line, words)
	}
	path := "/admin/realms/" + words[4] + "/" + words[2]
	var resource map[string]any
	if err := json.Unmarshal([]byte(adminCall(t, server, http.MethodGet, path, "")), &resource); err != nil {
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
	adminSend(t, server, http.MethodPut, path, string(body))
}

// shellWords takes a line apart as a shell does that knows single quotes alone.
func shellWords(t *testing.T, line string) []string {
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
			t.Fatalf("a shell would not take %q as it is: %q", line, c)
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
