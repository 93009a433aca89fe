package bridge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// answer is an error as a client gets it.
type answer struct {
	status           int
	scimType, detail string
}

// answer is the status and the scimType, as the page of errors writes them.
func (e answer) answer() string { return strings.TrimSpace(fmt.Sprint(e.status, " ", e.scimType)) }

// provocation makes one error with a code, at bridges of its own or at the shared ones.
type provocation func(*testing.T, sharedBridges) answer

// sharedBridges are bridges whose configuration no provocation changes. Each has a user "victim" and a group "Team".
type sharedBridges struct {
	tolerant, strict apptest.Bridge
	ids              map[string]*strings.Replacer // ID and GROUP, by the realm
}

func newSharedBridges(t *testing.T) sharedBridges {
	t.Helper()
	server := keycloaktest.NewFake(t).Server()
	out := sharedBridges{ids: map[string]*strings.Replacer{}}
	out.tolerant = apptest.NewBridgeOn(t, server, nil)
	out.strict = apptest.NewBridgeOn(t, server, apptest.EachTenant(func(tenant *config.Tenant) { tenant.Profile = config.ProfileStrict }))
	for _, b := range []apptest.Bridge{out.tolerant, out.strict} {
		user := b.Create(t, "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"victim"}`)
		group := b.Create(t, "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Team","members":[{"value":"`+user+`"}]}`)
		out.ids[b.Realm] = strings.NewReplacer("ID", user, "GROUP", group)
	}
	return out
}

// answerOf sends a request, whose answer must be an error. header are names and values.
func answerOf(t *testing.T, b apptest.Bridge, method, path, body string, header ...string) answer {
	t.Helper()
	r := apptest.BadRequest{Method: method, Path: path, Body: body, Header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		r.Header[header[i]] = header[i+1]
	}
	status, _, text := b.Raw(t, r, strings.NewReplacer())
	return answerFrom(t, status, text)
}

func answerFrom(t *testing.T, status int, text string) answer {
	t.Helper()
	var e struct{ Detail, ScimType string }
	if err := json.Unmarshal([]byte(text), &e); err != nil || e.Detail == "" {
		t.Fatalf("the answer is %d %.300s, want an error", status, text)
	}
	return answer{status, e.ScimType, e.Detail}
}

// bulkAnswer is the answer to the last operation of a bulk request.
func bulkAnswer(t *testing.T, b apptest.Bridge, members string, operations ...string) answer {
	t.Helper()
	results := b.Bulk(t, members, operations...)
	last, _ := results[len(results)-1]["response"].(map[string]any)
	scimType, _ := last["scimType"].(string)
	var status int
	if _, err := fmt.Sscan(fmt.Sprint(last["status"]), &status); err != nil {
		t.Fatalf("the results are %v: %v", results, err)
	}
	return answer{status, scimType, fmt.Sprint(last["detail"])}
}

// tolerant provokes an error by one request to a tenant of the tolerant profile. ID and GROUP in it are replaced by the
// ids of the user and the group.
func tolerant(method, path, body string, header ...string) provocation {
	return func(t *testing.T, s sharedBridges) answer {
		t.Helper()
		return s.answer(t, s.tolerant, method, path, body, header)
	}
}

// strictly is tolerant at a tenant of the strict profile.
func strictly(method, path, body string) provocation {
	return func(t *testing.T, s sharedBridges) answer {
		t.Helper()
		return s.answer(t, s.strict, method, path, body, nil)
	}
}

func (s sharedBridges) answer(t *testing.T, b apptest.Bridge, method, path, body string, header []string) answer {
	t.Helper()
	ids := s.ids[b.Realm]
	return answerOf(t, b, method, ids.Replace(path), ids.Replace(body), header...)
}

// patching is tolerant with operations on the user.
func patching(operations string) provocation {
	return tolerant(http.MethodPatch, "/Users/ID", apptest.PatchBody(operations))
}

// provocations are the provocations of all codes, from the file of each chapter of the page of errors.
func provocations(t *testing.T) map[string][]provocation {
	t.Helper()
	out := map[string][]provocation{}
	for _, chapter := range []map[string][]provocation{requestErrors(), valueErrors(), accountErrors(), patchErrors(), queryErrors(), bulkErrors(), outageErrors()} {
		for code, list := range chapter {
			if out[code] != nil {
				t.Errorf("%s is provoked in two chapters", code)
			}
			out[code] = list
		}
	}
	return out
}

// repeats matches the parts of a detail that repeat a request or Keycloak.
var repeats = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// TestEveryErrorIsProvoked: at least one request provokes each row of the page of errors, with exactly the statuses and
// scimTypes of the row. The detail ends with the code in brackets. It names nothing that an administrator of an
// identity provider cannot know.
func TestEveryErrorIsProvoked(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/reference/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := docs.ErrorRows(string(page))
	if err != nil {
		t.Fatal(err)
	}
	all, shared := provocations(t), newSharedBridges(t)
	for code := range all {
		if _, ok := rows[code]; !ok {
			t.Errorf("%s is provoked and has no row", code)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(rows)) {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			for _, provoke := range all[code] {
				e := provoke(t, shared)
				seen[e.answer()] = true
				if err := fitForClients(e, code); err != nil {
					t.Error(err)
				}
			}
			want := map[string]bool{}
			for _, scimType := range append(rows[code].Types, slices.Repeat([]string{""}, max(0, 1-len(rows[code].Types)))...) {
				want[answer{status: rows[code].Status, scimType: scimType}.answer()] = true
			}
			if !maps.Equal(seen, want) {
				t.Errorf("it was provoked with %v, and its row says %v", slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(want)))
			}
		})
	}
}

// fitForClients returns what is wrong with the text of an error.
func fitForClients(e answer, code string) error {
	text, ok := strings.CutSuffix(e.detail, " ["+code+"]")
	if !ok {
		return fmt.Errorf("%d %q does not end in [%s]", e.status, e.detail, code)
	}
	if internal := docs.Internal(repeats.ReplaceAllString(text, "")); internal != "" {
		return fmt.Errorf("%q names %q", e.detail, internal)
	}
	if len(text) < len("User not found") {
		return errors.New(e.detail + " says too little")
	}
	return nil
}

// TestAnErrorLinksToThePageThatExplainsIt when the configuration names a page: for requests, for operations of a bulk
// request, and for URLs that do not exist.
func TestAnErrorLinksToThePageThatExplainsIt(t *testing.T) {
	t.Parallel()
	const page = "https://docs.example.com/scim/errors"
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) { c.Server.ErrorDocs = page })
	failed := apptest.BulkPost("/Users", "a", `{"title":"t"}`)
	for code, e := range map[string]answer{
		"attribute-required":      answerOf(t, b, http.MethodPost, "/Users", `{"title":"t"}`),
		"no-endpoint":             answerOf(t, b, http.MethodGet, "/Nothing", ""),
		"credential-malformed":    answerOf(t, b, http.MethodGet, "/Users", "", "Authorization", "Bearer "+b.Token[:20]),
		"bulk-reference-not-made": bulkAnswer(t, b, "", failed, apptest.BulkPost("/Groups", "g", `{"displayName":"g","members":[{"value":"bulkId:a"}]}`)),
		"value-wrong":             bulkAnswer(t, b, "", apptest.BulkPost("/Users", "a", `{"userName":["a","b"]}`)),
	} {
		if want := " [" + code + "] " + page + "#" + code; !strings.HasSuffix(e.detail, want) {
			t.Errorf("the detail is %q, want %q at its end", e.detail, want)
		}
	}
}
