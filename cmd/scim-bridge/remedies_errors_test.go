package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestTheRemediesOfErrors that docs/reference/errors.md names for an operator: each error is provoked, its remedy
// is done, and the request is answered.
func TestTheRemediesOfErrors(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := newBridgeOn(t, server, nil)
	p := patient{b, server}
	const jane = `{"userName":"jane"}`
	policy := func(keys string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			b.change(t, "config.yaml", func(s string) string {
				head, tail, _ := strings.Cut(s, "      - ")
				_, tail, _ = strings.Cut(tail, "tokensFile:")
				return head + "      - " + keys + "tokensFile:" + tail
			})
		}
	}
	doctored := func(t *testing.T) {
		t.Helper()
		for _, f := range illness(p.findingsAt(t, "")) {
			for _, line := range commandsOf(f.Fix) {
				p.obey(t, line)
			}
		}
		b.look(t)
	}
	id := b.create(t, "/Users", `{"userName":"kept","nickName":"K"}`)
	account := "/admin/realms/" + b.realm + "/users/" + id
	for _, c := range []struct {
		code         string
		provoke      func(*testing.T)
		status       int
		method, path string
		body         string
		remedy       func(*testing.T)
	}{
		{code: "endpoint-paused", provoke: policy("access: paused\n        "), status: 503, method: http.MethodGet, path: "/Users", remedy: policy("access: full\n        ")},
		{code: "endpoint-read-only", provoke: policy("access: read-only\n        "), status: 403, method: http.MethodPost, path: "/Users", body: jane, remedy: policy("access: full\n        ")},
		{code: "member-unknown", provoke: policy(""), status: 400, method: http.MethodPost, path: "/Groups", body: `{"displayName":"G","members":[{"value":"` + absentID + `"}]}`, remedy: policy("unknownMembers: ignore\n        ")},
		{code: "value-taken", provoke: func(t *testing.T) { t.Helper(); b.account(t, "there", true) }, status: 409, method: http.MethodPost, path: "/Users", body: `{"userName":"there"}`, remedy: policy("adopt: unowned\n        ")},
		{code: "value-refused-by-realm", provoke: func(t *testing.T) { t.Helper(); p.set(t, `{"editUsernameAllowed":false}`) }, status: 400, method: http.MethodPatch, path: "/Users/" + id, body: patchBody(`{"op":"replace","path":"userName","value":"renamed"}`), remedy: doctored},
		{code: "realm-unfit", provoke: func(t *testing.T) {
			t.Helper()
			undeclared("scim.owner")(t, p)
			b.app.Watcher.Look(t.Context())
		}, status: 503, method: http.MethodGet, path: "/Users", remedy: func(t *testing.T) {
			t.Helper()
			doctor := "" // as the log has it
			for _, e := range b.lines.FilterMessage("the realm is not fit, so the tenant answers 503").All() {
				doctor = fmt.Sprint(e.ContextMap()["fix"])
			}
			out, _, _ := command(t, "", shellWords(t, doctor)[1:]...)
			for _, line := range commandsOf(strings.ReplaceAll(out, "fix: ", "\n")) {
				p.obey(t, line)
			}
			b.look(t)
		}},
		{code: "keycloak-denies", provoke: func(t *testing.T) {
			t.Helper()
			p.right(t, "manage-users", false)
			if _, err := b.app.Watcher.Realms.Client(b.realm).RenewToken(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, status: 503, method: http.MethodPost, path: "/Users", body: `{"userName":"denied"}`, remedy: doctored},
		{code: "stored-value-damaged", provoke: func(t *testing.T) {
			t.Helper()
			p.attribute(t, account, "scim.remainder", func(s string) string { return s[:len(s)-3] })
		}, status: 500, method: http.MethodGet, path: "/Users/" + id, remedy: func(t *testing.T) { t.Helper(); p.attribute(t, account, "scim.remainder", nil) }},
		{code: "credential-expired", provoke: func(t *testing.T) {
			t.Helper()
			inFile("tokens.yaml", "expires: .*", "expires: 2026-01-31")(t, p)
			b.app.Reload()
		}, status: 401, method: http.MethodGet, path: "/Users", remedy: func(t *testing.T) {
			t.Helper()
			b.Token = b.another(t)
		}},
		{code: "credential-lacks-scope", provoke: func(t *testing.T) { t.Helper(); b.Token = b.another(t, "--scope", "users:read") }, status: 403, method: http.MethodPost, path: "/Users", body: `{"userName":"scoped"}`, remedy: func(t *testing.T) {
			t.Helper()
			b.Token = b.another(t, "--scope", "users:read,users:write")
		}},
	} {
		c.provoke(t)
		if got := b.refused(t, c.status, c.method, c.path, c.body); !strings.HasSuffix(got, "["+c.code+"]") {
			t.Errorf("%s %s is refused with %q, want %s", c.method, c.path, got, c.code)
		}
		c.remedy(t)
		if _, err := b.send(t, c.method, c.path, c.body); err != nil {
			t.Errorf("%s: after its remedy %s %s is refused: %v", c.code, c.method, c.path, err)
		}
	}
}

// another is a new token for the tenant.
func (b testBridge) another(t *testing.T, flags ...string) string {
	t.Helper()
	out, told, code := command(t, "", append([]string{"tokens", "new", "--config", b.file, "--output", "json"}, flags...)...)
	var made app.IssuedToken
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatalf("tokens new ended with %d: %s", code, told)
	}
	b.app.Reload()
	return made.Token
}

// attribute changes an attribute of a user by the Admin API, or with nil takes it away.
func (p patient) attribute(t *testing.T, path, name string, change func(string) string) {
	t.Helper()
	var user map[string]any
	if err := json.Unmarshal([]byte(adminCall(t, p.server, http.MethodGet, path, "")), &user); err != nil {
		t.Fatal(err)
	}
	attributes, _ := user["attributes"].(map[string]any)
	values, _ := attributes[name].([]any)
	if len(values) != 1 {
		t.Fatalf("the user has %v", attributes)
	}
	if delete(attributes, name); change != nil {
		attributes[name] = []string{change(fmt.Sprint(values[0]))}
	}
	body, err := json.Marshal(user)
	if err != nil {
		t.Fatal(err)
	}
	adminSend(t, p.server, http.MethodPut, path, string(body))
}

// TestTheBrakeIsLiftedByTheCommandThatItNames in the cause of the refusal, which the log has.
func TestTheBrakeIsLiftedByTheCommandThatItNames(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	b := newBridgeOn(t, server, nil)
	b.change(t, "config.yaml", func(s string) string {
		return strings.Replace(s, "      - tokensFile:", "      - removalBrake: { max: 1%, floor: 1 }\n        tokensFile:", 1)
	})
	b.look(t)
	if err := os.Rename(b.controlled(t), b.file); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, name := range []string{"jane", "joe"} {
		ids = append(ids, b.create(t, "/Users", `{"userName":"`+name+`"}`))
	}
	b.passFrom(2*time.Hour, time.Millisecond)
	b.must(t, http.MethodDelete, "/Users/"+ids[0], "")
	b.refused(t, http.StatusServiceUnavailable, http.MethodDelete, "/Users/"+ids[1], "")
	state := b.app.Service.Brake().State(t.Context(), b.app.Watcher.Tenants.All()[0])
	_, line, found := strings.Cut(state, ": scim-bridge ")
	if !found || !strings.Contains(line, "--config ") || !strings.Contains(line, "--tenant "+b.realm) {
		t.Fatalf("tenants show says %q, which ends in no whole command", state)
	}
	patient{b, server}.obey(t, "scim-bridge "+line)
	b.must(t, http.MethodDelete, "/Users/"+ids[1], "")
}

// TestTheErrorsOfCredentialsAreAsThePageSays: docs/reference/errors.md and what is answered.
func TestTheErrorsOfCredentialsAreAsThePageSays(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	for _, c := range []struct{ header, path, code, text string }{
		{"", "", "credential-missing", ""},
		{"Basic amFuZTpzZWNyZXQ=", "", "credential-invalid", "as the password of Basic"},
		{"Digest username=\"jane\"", "", "credential-missing", ""},
		{"Bearer", "", "credential-missing", ""},
		{"Bearer Bearer " + b.Token, "", "credential-malformed", "twice"},
		{"Bearer " + b.Token[:len(b.Token)-3], "", "credential-malformed", ""},
		{b.Token, "", "credential-invalid", "without the word Bearer"},
		{"Bearer nobodys", "", "credential-invalid", ""},
		{"Bearer " + b.Token, "/realms/nobody/scim/v2/Users", "credential-invalid", ""},
		{"Bearer " + b.Token, "/realms/" + b.realm + "/nothing/scim/v2/Users", "no-endpoint", ""},
	} {
		path := c.path
		if path == "" {
			path = "/realms/" + b.realm + "/scim/v2/Users"
		}
		root, _, _ := strings.Cut(b.Base, "/realms/")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, root+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if c.header != "" {
			req.Header.Set("Authorization", c.header)
		}
		if _, _, body := exchange(t, req); !strings.Contains(body, "["+c.code+"]") || !strings.Contains(body, c.text) {
			t.Errorf("%.12q at %s is answered %s, want %s %s", c.header, c.path, body, c.code, c.text)
		}
	}
	b.create(t, "/Users", `{"userName":"tolerated","shoeSize":44}`)
	b.change(t, "config.yaml", func(s string) string {
		return strings.Replace(s, "      - tokensFile:", "      - profile: strict\n        tokensFile:", 1)
	})
	b.look(t)
	if got := b.refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"strict","shoeSize":44}`); !strings.HasSuffix(got, "[attribute-unknown]") {
		t.Errorf("an unknown attribute is refused with %q", got)
	}
}
