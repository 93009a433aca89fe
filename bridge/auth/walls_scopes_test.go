package auth_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestSecurity_53_AScopeShowsWhatItSays: a client that may only write sees which resource it wrote,
// on every route. A client that may not read users sees their ids as members. A client that may not
// read groups sees the ids of a user's groups.
func TestSecurity_53_AScopeShowsWhatItSays(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), func(c *config.Config) {
				for realm, r := range c.Realms {
					r.Tenants[0].Adopt = config.AdoptUnowned
					for _, scopes := range []string{"users:write", "groups:write", "groups:read", "users:read", "users:write bulk", "groups:read groups:write", "users:read users:write"} {
						token := config.Token{Name: strings.NewReplacer(":", "-", " ", "-").Replace(scopes), SHA256: sha256.Sum256([]byte(tokenFor(scopes)))}
						for scope := range strings.FieldsSeq(scopes) {
							token.Scopes = append(token.Scopes, config.TokenScope(scope))
						}
						r.Tenants[0].Tokens = append(r.Tenants[0].Tokens, token)
					}
					c.Realms[realm] = r
				}
			})
			before := b.MakeAccount(t, "before", true)
			jane := b.Create(t, "/Users", `{"userName":"jane","displayName":"Jane Secret","title":"Secret"}`)
			team := b.Create(t, "/Groups", `{"displayName":"Secret Team","externalId":"secret","members":[{"value":"`+jane+`"}]}`)
			writer, bulk := b.With(tokenFor("users:write")), b.With(tokenFor("users:write bulk"))
			for _, c := range []struct {
				by                 apptest.Bridge
				method, path, body string
				status             int
			}{
				{writer, "PATCH", "/Users/" + jane, apptest.PatchBody(`{"op":"replace","path":"active","value":true}`), 200},
				{writer, "PATCH", "/Users/" + jane + "?attributes=title,groups,userName", apptest.PatchBody(`{"op":"replace","path":"active","value":true}`), 200},
				{writer, "PATCH", "/Users/" + jane + "?excludedAttributes=meta", apptest.PatchBody(`{"op":"replace","path":"nickName","value":"x"}`), 200},
				{writer, "PUT", "/Users/" + jane, `{"userName":"jane","displayName":"Jane Secret","title":"Secret"}`, 200},
				{writer, "POST", "/Users", `{"userName":"before"}`, 201},
				{writer, "POST", "/Users?attributes=emails", `{"userName":"secret","emails":[{"value":"secret@acme.test"}]}`, 201},
				{b.With(tokenFor("groups:write")), "PATCH", "/Groups/" + team, apptest.PatchBody(`{"op":"replace","path":"externalId","value":"secret2"}`), 204},
				{b.With(tokenFor("groups:write")), "PATCH", "/Groups/" + team + "?attributes=members,displayName", apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"` + jane + `"}]}`), 200},
				{b.With(tokenFor("groups:write")), "PATCH", "/Groups/" + team + "?attributes=members,displayName", apptest.PatchBody(`{"op":"replace","path":"externalId","value":"secret"}`), 200},
				{b.With(tokenFor("groups:write")), "PUT", "/Groups/" + team, `{"displayName":"Secret Team","externalId":"secret","members":[{"value":"` + jane + `"}]}`, 200},
				{b.With(tokenFor("groups:write")), "POST", "/Groups", `{"displayName":"Secret Group","members":[{"value":"` + jane + `"}]}`, 201},
				{bulk, "POST", "/Bulk", `{"schemas":["` + scim.BulkRequestURN + `"],"Operations":[{"method":"PATCH","path":"/Users/` + jane + `","data":` + apptest.PatchBody(`{"op":"replace","path":"active","value":true}`) + `}]}`, 200},
			} {
				req, err := http.NewRequestWithContext(t.Context(), c.method, c.by.Base+c.path, strings.NewReader(c.body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+c.by.Token)
				status, header, body := apptest.Exchange(t, req)
				if status != c.status || strings.Contains(strings.ToLower(body), "secret") || strings.Contains(body, jane) && strings.Contains(c.path, "Groups") || strings.Contains(body, "before") || header.Get("ETag") != "" || strings.Contains(body, `"version"`) {
					t.Errorf("%s %s = %d %v %s, want %d and nothing of what it holds", c.method, c.path, status, header, body, c.status)
				}
				if status == http.StatusCreated && (header.Get("Location") == "" || !strings.Contains(body, `"id"`) || !strings.Contains(body, `"meta"`)) {
					t.Errorf("%s %s = %v %s, want to be told which it is", c.method, c.path, header, body)
				}
			}
			if got := b.Must(t, http.MethodGet, "/Users/"+before.String(), ""); got["userName"] != "before" {
				t.Errorf("the adopted account is %v", got)
			}
			member := func(by apptest.Bridge, path, list string) map[string]any {
				t.Helper()
				found := by.Must(t, http.MethodGet, path, "")
				if resources, ok := found["Resources"].([]any); ok {
					found, _ = resources[0].(map[string]any)
				}
				elements, _ := found[list].([]any)
				if len(elements) == 0 {
					t.Fatalf("GET %s = %v", path, found)
				}
				object, _ := elements[0].(map[string]any)
				return object
			}
			filter := "?filter=members.value+eq+%22" + jane + "%22"
			for _, path := range []string{"/Groups/" + team, "/Groups" + filter, "/Groups?attributes=members.display,members.value&filter=displayName+eq+%22Secret+Team%22"} {
				if got := member(b.With(tokenFor("groups:read")), path, "members"); got["value"] != jane || got["display"] != nil {
					t.Errorf("GET %s by groups:read shows %v", path, got)
				}
				if got := member(b, path, "members"); got["value"] != jane || got["display"] != "jane" {
					t.Errorf("GET %s shows %v", path, got)
				}
			}
			if got := member(b.With(tokenFor("groups:read groups:write")), "/Groups/"+team, "members"); got["display"] != nil || got["type"] != "User" || got["$ref"] == nil {
				t.Errorf("a member by groups:read is %v", got)
			}
			for _, path := range []string{"/Users/" + jane + "?attributes=groups", "/Users?attributes=groups&filter=userName+eq+%22jane%22"} {
				if got := member(b.With(tokenFor("users:read")), path, "groups"); got["value"] == nil || got["$ref"] == nil || got["type"] != "direct" || got["display"] != nil {
					t.Errorf("GET %s by users:read shows %v", path, got)
				}
				if got := member(b, path, "groups"); got["display"] == nil {
					t.Errorf("GET %s shows %v", path, got)
				}
			}
			for _, c := range [][2]string{
				{"groups:read", "/Groups?filter=members.display+eq+%22jane%22"},
				{"groups:read", "/Groups?filter=members+pr"},
				{"groups:read", "/Groups?filter=members.value+ne+%22jane%22"},
				{"groups:read", "/Groups?filter=members.value+sw+%22a%22"},
				{"groups:read", "/Groups?sortBy=members.display"},
				{"users:read", "/Users?filter=groups.display+eq+%22Secret+Team%22"},
				{"users:read", "/Users?filter=groups+pr"},
				{"users:read", "/Users?sortBy=groups.display"},
			} {
				b.With(tokenFor(c[0])).Refused(t, http.StatusBadRequest, http.MethodGet, c[1], "")
			}
			for _, scopes := range []string{"groups:read", "users:read", "users:read users:write"} {
				b.With(tokenFor(scopes)).Refused(t, http.StatusForbidden, http.MethodGet, "?filter=id+eq+%22"+jane+"%22", "")
			}
			if got := b.With(tokenFor("users:read users:write")).Must(t, http.MethodPatch, "/Users/"+jane+"?attributes=title,groups", apptest.PatchBody(`{"op":"replace","path":"title","value":"t"}`)); got["title"] != "t" || strings.Contains(strings.ToLower(fmt.Sprint(got)), "secret") {
				t.Errorf("a write by who reads users, and no groups, shows %v", got)
			}
		})
	}
}

// tokenFor returns the token of the test that has the scopes.
func tokenFor(scopes string) string {
	return "the-token-for-" + strings.NewReplacer(":", "-", " ", "-").Replace(scopes)
}
