package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/admin"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestTheRemediesOfErrors: for each error with a remedy for operators in docs/reference/errors.md,
// the test provokes the error, does what the remedy says, and the request succeeds.
func TestTheRemediesOfErrors(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, server, nil)
	p := apptest.Patient{Bridge: b, Server: server}
	const jane = `{"userName":"jane"}`
	policy := func(keys string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			b.ApplyFile(t, "config.yaml", func(s string) string {
				head, tail, _ := strings.Cut(s, "      - ")
				_, tail, _ = strings.Cut(tail, "tokensFile:")
				return head + "      - " + keys + "tokensFile:" + tail
			})
		}
	}
	doctored := func(t *testing.T) {
		t.Helper()
		for _, f := range illness(p.FindingsAt(t, "")) {
			for _, line := range apptest.CommandsOf(f.Fix) {
				obey(t, p, line)
			}
		}
		b.Check(t)
	}
	id := b.Create(t, "/Users", `{"userName":"kept","nickName":"K"}`)
	account := "/admin/realms/" + b.Realm + "/users/" + id
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
		{code: "member-unknown", provoke: policy(""), status: 400, method: http.MethodPost, path: "/Groups", body: `{"displayName":"G","members":[{"value":"` + apptest.AbsentID + `"}]}`, remedy: policy("unknownMembers: ignore\n        ")},
		{code: "value-taken", provoke: func(t *testing.T) { t.Helper(); b.MakeAccount(t, "there", true) }, status: 409, method: http.MethodPost, path: "/Users", body: `{"userName":"there"}`, remedy: policy("adopt: unowned\n        ")},
		{code: "value-refused-by-realm", provoke: func(t *testing.T) { t.Helper(); p.Set(t, `{"editUsernameAllowed":false}`) }, status: 400, method: http.MethodPatch, path: "/Users/" + id, body: apptest.PatchBody(`{"op":"replace","path":"userName","value":"renamed"}`), remedy: doctored},
		{code: "realm-unfit", provoke: func(t *testing.T) {
			t.Helper()
			apptest.Undeclared("scim.owner")(t, p)
			b.App.Watcher.Check(t.Context())
		}, status: 503, method: http.MethodGet, path: "/Users", remedy: func(t *testing.T) {
			t.Helper()
			doctor := "" // in the words of the log
			for _, e := range b.Lines.FilterMessage("the realm is not fit, so the tenant answers 503").All() {
				doctor = fmt.Sprint(e.ContextMap()["fix"])
			}
			out, _, _ := command(t, "", apptest.ShellWords(t, doctor)[1:]...)
			for _, line := range apptest.CommandsOf(strings.ReplaceAll(out, "fix: ", "\n")) {
				obey(t, p, line)
			}
			b.Check(t)
		}},
		{code: "keycloak-denies", provoke: func(t *testing.T) {
			t.Helper()
			p.Right(t, "manage-users", false)
			if _, err := b.App.Watcher.Realms.Client(b.Realm).RenewToken(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, status: 503, method: http.MethodPost, path: "/Users", body: `{"userName":"denied"}`, remedy: doctored},
		{code: "stored-value-damaged", provoke: func(t *testing.T) {
			t.Helper()
			p.Attribute(t, account, "scim.remainder", func(s string) string { return s[:len(s)-3] })
		}, status: 500, method: http.MethodGet, path: "/Users/" + id, remedy: func(t *testing.T) { t.Helper(); p.Attribute(t, account, "scim.remainder", nil) }},
		{code: "credential-expired", provoke: func(t *testing.T) {
			t.Helper()
			inFile("tokens.yaml", "expires: .*", "expires: 2026-01-31")(t, p)
			b.App.Reload()
		}, status: 401, method: http.MethodGet, path: "/Users", remedy: func(t *testing.T) {
			t.Helper()
			b.Token = another(t, b)
		}},
		{code: "credential-lacks-scope", provoke: func(t *testing.T) { t.Helper(); b.Token = another(t, b, "--scope", "users:read") }, status: 403, method: http.MethodPost, path: "/Users", body: `{"userName":"scoped"}`, remedy: func(t *testing.T) {
			t.Helper()
			b.Token = another(t, b, "--scope", "users:read,users:write")
		}},
	} {
		c.provoke(t)
		if got := b.Refused(t, c.status, c.method, c.path, c.body); !strings.HasSuffix(got, "["+c.code+"]") {
			t.Errorf("%s %s is refused with %q, want %s", c.method, c.path, got, c.code)
		}
		c.remedy(t)
		if _, err := b.Send(t, c.method, c.path, c.body); err != nil {
			t.Errorf("%s: after its remedy %s %s is refused: %v", c.code, c.method, c.path, err)
		}
	}
}

// another returns a new token for the tenant.
func another(t *testing.T, b apptest.Bridge, flags ...string) string {
	t.Helper()
	out, told, code := command(t, "", append([]string{"tokens", "new", "--config", b.File, "--output", "json"}, flags...)...)
	var made app.IssuedToken
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatalf("tokens new ended with %d: %s", code, told)
	}
	b.App.Reload()
	return made.Token
}

// TestTheBrakeIsLiftedByTheCommandThatItNames in the cause of the refusal, which is in the log.
func TestTheBrakeIsLiftedByTheCommandThatItNames(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	b := apptest.NewBridgeOn(t, server, nil)
	b.ApplyFile(t, "config.yaml", func(s string) string {
		return strings.Replace(s, "      - tokensFile:", "      - removalBrake: { max: 1%, floor: 1 }\n        tokensFile:", 1)
	})
	b.Check(t)
	if err := os.Rename(b.Controlled(t), b.File); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, name := range []string{"jane", "joe"} {
		ids = append(ids, b.Create(t, "/Users", `{"userName":"`+name+`"}`))
	}
	b.PassFrom(2*time.Hour, time.Millisecond)
	b.Must(t, http.MethodDelete, "/Users/"+ids[0], "")
	b.Refused(t, http.StatusServiceUnavailable, http.MethodDelete, "/Users/"+ids[1], "")
	of, err := b.App.Admin.Endpoint(t.Context(), b.Realm)
	if err != nil || len(of.Problems) != 1 || of.Problems[0].Effect != admin.Held {
		t.Fatalf("the problems are %v, %v, want the brake that holds", of.Problems, err)
	}
	lines := apptest.CommandsOf(of.Problems[0].Fix)
	if len(lines) != 1 || !strings.Contains(lines[0], "--config ") || !strings.Contains(lines[0], "--tenant "+b.Realm) {
		t.Fatalf("the fix is %q, which has no whole command", of.Problems[0].Fix)
	}
	obey(t, apptest.Patient{Bridge: b, Server: server}, lines[0])
	b.Must(t, http.MethodDelete, "/Users/"+ids[1], "")
}

// TestTheErrorsOfCredentialsAreAsThePageSays: docs/reference/errors.md describes the answers.
func TestTheErrorsOfCredentialsAreAsThePageSays(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	for _, c := range []struct{ header, path, code, text string }{
		{"", "", "credential-missing", ""},
		{"Basic amFuZTpzZWNyZXQ=", "", "credential-invalid", "as the password of Basic"},
		{"Digest username=\"jane\"", "", "credential-missing", ""},
		{"Bearer", "", "credential-missing", ""},
		{"Bearer Bearer " + b.Token, "", "credential-malformed", "twice"},
		{"Bearer " + b.Token[:len(b.Token)-3], "", "credential-malformed", ""},
		{b.Token, "", "credential-invalid", "it was sent without"},
		{"Bearer nobodys", "", "credential-invalid", ""},
		{"Bearer " + b.Token, "/realms/nobody/scim/v2/Users", "credential-invalid", ""},
		{"Bearer " + b.Token, "/realms/" + b.Realm + "/nothing/scim/v2/Users", "no-endpoint", ""},
	} {
		path := c.path
		if path == "" {
			path = "/realms/" + b.Realm + "/scim/v2/Users"
		}
		root, _, _ := strings.Cut(b.Base, "/realms/")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, root+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if c.header != "" {
			req.Header.Set("Authorization", c.header)
		}
		if _, _, body := apptest.Exchange(t, req); !strings.Contains(body, "["+c.code+"]") || !strings.Contains(body, c.text) {
			t.Errorf("%.12q at %s is answered %s, want %s %s", c.header, c.path, body, c.code, c.text)
		}
	}
	b.Create(t, "/Users", `{"userName":"tolerated","shoeSize":44}`)
	b.ApplyFile(t, "config.yaml", func(s string) string {
		return strings.Replace(s, "      - tokensFile:", "      - profile: strict\n        tokensFile:", 1)
	})
	b.Check(t)
	if got := b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"strict","shoeSize":44}`); !strings.HasSuffix(got, "[attribute-unknown]") {
		t.Errorf("an unknown attribute is refused with %q", got)
	}
}
