package bridge_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// patchErrors are the errors of PATCH.
func patchErrors() map[string][]provocation {
	return map[string][]provocation{
		"patch-malformed":     {tolerant(http.MethodPatch, "/Users/ID", `{}`), patching(`{"op":"add","path":"title"}`), patching(`{"op":"remove"}`)},
		"patch-too-large":     {patching(strings.Join(slices.Repeat([]string{`{"op":"replace","path":"title","value":"t"}`}, 1001), ","))},
		"path-wrong":          {patching(`{"op":"replace","path":"a..b","value":1}`)},
		"patch-no-target":     {strictly(http.MethodPatch, "/Users/ID", apptest.PatchBody(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"a@acme.test"}`))},
		"patch-contradiction": {patching(`{"op":"add","path":"phoneNumbers[type eq \"work\"]","value":{"type":"home","value":"1"}}`)},
		"patch-of-members": {
			tolerant(http.MethodPatch, "/Groups/GROUP", apptest.PatchBody(`{"op":"add","path":"members","value":[{"display":"x"}]}`)),
			tolerant(http.MethodPatch, "/Groups/GROUP", apptest.PatchBody(`{"op":"remove","path":"members[value sw \"x\"]"}`)),
		},
	}
}

// queryErrors are the errors of filters, orders and pages.
func queryErrors() map[string][]provocation {
	filtered := func(filter string) provocation {
		return tolerant(http.MethodGet, "/Users?filter="+url.QueryEscape(filter), "")
	}
	return map[string][]provocation{
		"filter-malformed":   {filtered("userName zz"), filtered("userName eq")},
		"filter-attribute":   {filtered(`nonsense eq "x"`)},
		"filter-value":       {filtered(`active eq "maybe"`), filtered("name eq 1")},
		"filter-too-long":    {filtered(strings.Repeat("(", 100)), patching(`{"op":"replace","path":"` + strings.Repeat("x", 9000) + `","value":"x"}`)},
		"filter-unsupported": {filtered(`groups.value eq "x"`)},
		"filter-too-wide":    {tooWide},
		"sort-wrong":         {tolerant(http.MethodGet, "/Users?sortBy=name", ""), tolerant(http.MethodGet, "/Users?sortBy=userName&sortOrder=up", "")},
		"cursor-wrong":       {tolerant(http.MethodGet, "/Users?cursor=x", "")},
		"cursor-expired":     {cursorExpired},
		"index-being-made":   {indexBeingMade},
		"index-memory": {func(t *testing.T, _ sharedBridges) answer {
			t.Helper()
			b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) { c.Index.MaxMemoryBytes = 1 })
			b.Create(t, "/Users", `{"userName":"jane"}`)
			return answerOf(t, b, http.MethodGet, "/Users?sortBy=userName", "")
		}},
		"list-unsteady": {unsteady},
	}
}

// fullPage is Keycloak's answer with a full page, after which there is always another.
func fullPage(op, resource string) keycloaktest.Fault {
	return keycloaktest.Fault{Op: op, Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: "[" + apptest.Joined(100, resource) + "]"}
}

const groupOfAPage = `{"id":"00000000-0000-4000-8000-000000#","name":"g#","path":"/g#","attributes":{"externalId":["X"]}}`

// tooWide searches with a filter besides members that too many groups could match.
func tooWide(t *testing.T, _ sharedBridges) answer {
	t.Helper()
	fake := keycloaktest.NewFake(t)
	b := apptest.NewBridgeOn(t, fake.Server(), nil)
	jane := b.Create(t, "/Users", `{"userName":"jane"}`)
	fake.Inject(fullPage("GET /groups", groupOfAPage))
	return answerOf(t, b, http.MethodGet, "/Groups?filter="+url.QueryEscape(`externalId eq "X" or members.value eq "`+jane+`"`), "")
}

// unsteady reads the members of a group whose members move up faster than they are read.
func unsteady(t *testing.T, _ sharedBridges) answer {
	t.Helper()
	fake := keycloaktest.NewFake(t)
	b := apptest.NewBridgeOn(t, fake.Server(), nil)
	team := b.Create(t, "/Groups", `{"displayName":"Team"}`)
	fake.Inject(fullPage("GET /groups/{id}/members", `{"id":"00000000-0000-4000-8000-000000#","username":"u#","enabled":true}`))
	return answerOf(t, b, http.MethodGet, "/Groups/"+team, "")
}

// cursorExpired reads the second page of a walk too late.
func cursorExpired(t *testing.T, _ sharedBridges) answer {
	t.Helper()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) { c.Server.CursorTimeout = 1 })
	for _, name := range []string{"jane", "joe"} {
		b.Create(t, "/Users", `{"userName":"`+name+`"}`)
	}
	page := b.Must(t, http.MethodGet, "/Users?count=1&cursor=", "")
	return answerOf(t, b, http.MethodGet, "/Users?count=1&cursor="+url.QueryEscape(fmt.Sprint(page["nextCursor"])), "")
}

// indexBeingMade asks for a sorted list while all users are read for the first time, for longer than a request waits.
func indexBeingMade(t *testing.T, _ sharedBridges) answer {
	t.Helper()
	fake := keycloaktest.NewFake(t)
	b := apptest.NewBridgeOn(t, fake.Server(), func(c *config.Config) { c.Keycloak.ResponseTimeout = c.Server.RequestTimeout })
	b.Create(t, "/Users", `{"userName":"jane"}`)
	release := make(chan struct{})
	defer close(release)
	fake.Inject(keycloaktest.Fault{Op: "GET /users", Hold: release})
	return answerOf(t, b, http.MethodGet, "/Users?sortBy=title", "")
}
