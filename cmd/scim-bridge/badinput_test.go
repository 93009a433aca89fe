package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// badRequest is a request that has to be refused.
type badRequest struct {
	method, path, body string
	header             map[string]string
	status             int
	scimType           string
}

// badRequests are refused with a SCIM error and change nothing. ID and GROUP stand for
// the ids of a user and a group that exist.
func badRequests() map[string]badRequest {
	patchOf := func(op string) string { return `{"Operations":[` + op + `]}` }
	long := strings.Repeat("x", 10_000)
	requests := map[string]badRequest{
		"no token":                         {"GET", "/Users", "", map[string]string{"Authorization": ""}, 401, ""},
		"a wrong token":                    {"GET", "/Users", "", map[string]string{"Authorization": "Bearer nope"}, 401, ""},
		"another scheme":                   {"GET", "/Users", "", map[string]string{"Authorization": "Basic eDp5"}, 401, ""},
		"an expired token":                 {"GET", "/Users", "", map[string]string{"Authorization": "Bearer expired"}, 401, ""},
		"malformed JSON":                   {"POST", "/Users", `{"userName":`, nil, 400, "invalidSyntax"},
		"an empty body":                    {"POST", "/Users", ``, nil, 400, "invalidSyntax"},
		"an array":                         {"POST", "/Users", `[]`, nil, 400, "invalidSyntax"},
		"trailing data":                    {"POST", "/Users", `{"userName":"bad1"}{}`, nil, 400, "invalidSyntax"},
		"duplicate keys":                   {"POST", "/Users", `{"userName":"bad1","userName":"bad2"}`, nil, 400, "invalidSyntax"},
		"duplicates by case":               {"POST", "/Users", `{"userName":"bad1","USERNAME":"bad2"}`, nil, 400, "invalidSyntax"},
		"a NUL":                            {"POST", "/Users", `{"userName":"bad\u0000"}`, nil, 400, "invalidSyntax"},
		"a lone surrogate":                 {"POST", "/Users", `{"userName":"bad\ud800"}`, nil, 400, "invalidSyntax"},
		"invalid UTF-8":                    {"POST", "/Users", "{\"userName\":\"bad\xff\"}", nil, 400, "invalidSyntax"},
		"deep nesting":                     {"POST", "/Users", `{"userName":"bad1","x":` + strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat("}", 100) + `}`, nil, 400, "invalidSyntax"},
		"a wrong type":                     {"POST", "/Users", `{"userName":1}`, nil, 400, "invalidValue"},
		"a wrong boolean":                  {"POST", "/Users", `{"userName":"bad1","active":"maybe"}`, nil, 400, "invalidValue"},
		"no userName":                      {"POST", "/Users", `{"title":"t"}`, nil, 400, "invalidValue"},
		"a short userName":                 {"POST", "/Users", `{"userName":"x"}`, nil, 400, "invalidValue"},
		"no address":                       {"POST", "/Users", `{"userName":"bad1","emails":[{"value":"nope","primary":true}]}`, nil, 400, "invalidValue"},
		"a taken userName":                 {"POST", "/Users", `{"userName":"VICTIM"}`, nil, 409, "uniqueness"},
		"a taken address":                  {"POST", "/Users", `{"userName":"bad1","emails":[{"value":"Victim@acme.test","primary":true}]}`, nil, 409, "uniqueness"},
		"a huge attribute":                 {"POST", "/Users", `{"userName":"bad1","title":"` + strings.Repeat("x", 70_000) + `"}`, nil, 400, "invalidValue"},
		"a body over the limit":            {"POST", "/Users", `{"userName":"bad1","title":"` + strings.Repeat("x", 300_000) + `"}`, nil, 413, ""},
		"a text body":                      {"POST", "/Users", `userName=x`, map[string]string{"Content-Type": "text/plain"}, 415, ""},
		"a compressed body":                {"POST", "/Users", `x`, map[string]string{"Content-Encoding": "gzip"}, 415, ""},
		"an unknown route":                 {"GET", "/Nothing", "", nil, 404, ""},
		"an unknown method":                {"DELETE", "/Users", "", nil, 405, ""},
		"another case":                     {"GET", "/users", "", nil, 404, ""},
		"a trailing dot":                   {"GET", "/Users.", "", nil, 404, ""},
		"a path parameter":                 {"GET", "/Users;x=1", "", nil, 404, ""},
		"a doubled slash":                  {"GET", "//Users", "", nil, 404, ""},
		"dots as a segment":                {"GET", "/Users/../Users", "", nil, 404, ""},
		"encoded dots as a segment":        {"GET", "/%2e%2e/v2/Users", "", nil, 404, ""},
		"doubly encoded dots":              {"GET", "/Users/%252e%252e", "", nil, 404, ""},
		"a path of another API":            {"GET", "/..%2f..%2f..%2fadmin%2frealms", "", nil, 404, ""},
		"a method in a header":             {"POST", "/Users/ID", "{}", map[string]string{"X-HTTP-Method-Override": "DELETE"}, 405, ""},
		"a method in the query":            {"POST", "/Users/ID?_method=DELETE", "{}", nil, 405, ""},
		"a bulk request that is none":      {"POST", "/Bulk", `{}`, nil, 400, "invalidSyntax"},
		"a bulk request of 10,001":         {"POST", "/Bulk", bulkOf("", slices.Repeat([]string{bulkPost("/Users", "b", `{"userName":"bad1"}`)}, 10_001)...), nil, 413, ""},
		"a deep bulk request":              {"POST", "/Bulk", bulkOf("", bulkPost("/Users", "b", `{"userName":"bad1","x":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+`}`)), nil, 400, "invalidSyntax"},
		"failOnErrors of nothing":          {"POST", "/Bulk", bulkOf(`"failOnErrors":0,`, bulkPost("/Users", "b", `{"userName":"bad1"}`)), nil, 400, "invalidValue"},
		"me":                               {"GET", "/Me", "", nil, 501, ""},
		"a filter of parentheses":          {"GET", "/Users?filter=" + strings.Repeat("(", 100_000), "", nil, 400, "invalidFilter"},
		"a malformed filter":               {"GET", "/Users?filter=userName+zz", "", nil, 400, "invalidFilter"},
		"an unknown attribute in a filter": {"GET", "/Users?filter=nonsense+eq+%22x%22", "", nil, 400, "invalidFilter"},
		"a filter on discovery":            {"GET", "/Schemas?filter=id+eq+%22x%22", "", nil, 403, ""},
		"a search that is none":            {"POST", "/Users/.search", `{"filter":1}`, nil, 400, "invalidSyntax"},
		"a search with a malformed filter": {"POST", "/.search", `{"filter":"userName zz"}`, nil, 400, "invalidFilter"},
		"a search for a fraction":          {"POST", "/Groups/.search", `{"count":1.5}`, nil, 400, "invalidSyntax"},
		"another version":                  {"PUT", "/Users/ID", `{"userName":"victim"}`, map[string]string{"If-Match": `W/"old"`}, 412, ""},
		"the version that must not be":     {"DELETE", "/Users/ID", "", map[string]string{"If-None-Match": "*"}, 412, ""},
		"another version of a group":       {"PATCH", "/Groups/GROUP", patchOf(`{"op":"remove","path":"members"}`), map[string]string{"If-Match": `"a", W/"b"`}, 412, ""},
		"a filter by groups":               {"GET", "/Users?filter=groups.value+eq+%22x%22", "", nil, 400, "invalidFilter"},
		"a filter that is no UTF-8":        {"GET", "/Users?filter=%ff", "", nil, 400, "invalidFilter"},
		"a name that is no UTF-8":          {"GET", "/Users?filter=%ff+eq+%22x%22", "", nil, 400, "invalidFilter"},
		"a parameter that is no UTF-8":     {"GET", "/Users?count=%ff", "", nil, 400, "invalidValue"},
		"a semicolon in the query":         {"GET", "/Users?filter=userName+eq+%22a%22;count=1", "", nil, 400, "invalidSyntax"},
		"a bad escape in the query":        {"GET", "/Users?filter=%zz", "", nil, 400, "invalidSyntax"},
		"a parameter twice":                {"GET", "/Users?count=1&count=2", "", nil, 400, "invalidSyntax"},
		"a count of letters":               {"GET", "/Users?count=abc", "", nil, 400, "invalidValue"},
		"both projections":                 {"GET", "/Users?attributes=id&excludedAttributes=name", "", nil, 400, "invalidValue"},
		"no operations":                    {"PATCH", "/Users/ID", `{}`, nil, 400, "invalidSyntax"},
		"an unknown op":                    {"PATCH", "/Users/ID", patchOf(`{"op":"move","path":"title"}`), nil, 400, "invalidSyntax"},
		"a bad path":                       {"PATCH", "/Users/ID", patchOf(`{"op":"replace","path":"a..b","value":1}`), nil, 400, "invalidPath"},
		"a read-only path":                 {"PATCH", "/Users/ID", patchOf(`{"op":"replace","path":"id","value":"x"}`), nil, 400, "mutability"},
		"one bad operation of two":         {"PATCH", "/Users/ID", patchOf(`{"op":"replace","path":"title","value":"changed"},{"op":"replace","path":"active","value":"x"}`), nil, 400, "invalidValue"},
		"userName removed":                 {"PATCH", "/Users/ID", patchOf(`{"op":"remove","path":"userName"}`), nil, 400, "mutability"},
		"a PUT without userName":           {"PUT", "/Users/ID", `{"title":"changed"}`, nil, 400, "invalidValue"},
		"an unknown member":                {"PATCH", "/Groups/GROUP", patchOf(`{"op":"add","path":"members","value":[{"value":"ID"},{"value":"00000000-0000-4000-8000-00000000dead"}]}`), nil, 400, "invalidValue"},
		"one unknown member":               {"PATCH", "/Groups/GROUP", patchOf(`{"op":"add","path":"members","value":[{"value":"00000000-0000-4000-8000-00000000dead"}]}`), nil, 400, "invalidValue"},
		"a hostile member":                 {"PATCH", "/Groups/GROUP", patchOf(`{"op":"add","path":"members","value":[{"value":"../../clients"}]}`), nil, 400, "invalidValue"},
		"a group as member":                {"PATCH", "/Groups/GROUP", patchOf(`{"op":"add","path":"members","value":[{"value":"GROUP","type":"Group"}]}`), nil, 400, "invalidValue"},
		"replaced by unknown members":      {"PUT", "/Groups/GROUP", `{"displayName":"changed","members":[{"value":"00000000-0000-4000-8000-00000000dead"}]}`, nil, 400, "invalidValue"},
		"a new group with unknown members": {"POST", "/Groups", `{"displayName":"bad","members":[{"value":"nobody"}]}`, nil, 400, "invalidValue"},
		"a taken group name":               {"POST", "/Groups", `{"displayName":"Team"}`, nil, 409, "uniqueness"},
		"a blank group name":               {"POST", "/Groups", `{"displayName":" "}`, nil, 400, "invalidValue"},
		"a long group name":                {"POST", "/Groups", `{"displayName":"` + strings.Repeat("g", 256) + `"}`, nil, 400, "invalidValue"},
	}
	for name, id := range map[string]string{
		"unknown": "00000000-0000-4000-8000-000000000000", "dots": "..%2f..%2fclients", "escaped dots": "%2e%2e", "a slash": "a%2Fb",
		"a NUL": "%00", "a query": "x%3Fy=1", "no UTF-8": "%ff", "a fragment": "x%23y", "a semicolon": "x%3Bjsessionid=1", "10 kB": long,
		"a percent sign": "%25", "a blank": "a%20b", "letters beyond ASCII": url.PathEscape("日本"), "CRLF": "a%0d%0ab",
	} {
		for _, method := range []string{"GET", "DELETE", "PUT", "PATCH"} {
			body := map[string]string{"PUT": `{"userName":"bad1","displayName":"bad"}`, "PATCH": patchOf(`{"op":"replace","path":"displayName","value":"bad"}`)}[method]
			for _, endpoint := range []string{"/Users/", "/Groups/"} {
				requests[fmt.Sprintf("%s %s id: %s", method, endpoint, name)] = badRequest{method, endpoint + id, body, nil, 404, ""}
			}
		}
	}
	return requests
}

// TestBadInputIsRefusedAndChangesNothing runs on the real Keycloak: what reaches it is
// part of the test.
func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBridge(t, func(c *config.Config) {
		c.Server.MaxBodyBytes = 200_000
		for _, realm := range c.Realms {
			realm.Tenants[0].Tokens = append(realm.Tenants[0].Tokens, expiredToken())
		}
	})
	user, err := b.send(t, "POST", "/Users", `{"userName":"victim","title":"t","emails":[{"value":"victim@acme.test","primary":true}]}`)
	if err != nil {
		t.Fatal(err)
	}
	group, err := b.send(t, "POST", "/Groups", `{"displayName":"Team"}`)
	if err != nil {
		t.Fatal(err)
	}
	ids := strings.NewReplacer("ID", user["id"].(string), "GROUP", group["id"].(string))
	before := b.snapshot(t)
	for name, r := range badRequests() {
		status, header, body := b.raw(t, r, ids)
		checkRefusal(t, name, r, status, header, body)
	}
	if after := b.snapshot(t); after != before {
		t.Errorf("the realm changed:\n%s\n%s", before, after)
	}
	if _, err := b.send(t, "GET", "/ServiceProviderConfig", ""); err != nil {
		t.Errorf("the bridge answers no more: %v", err)
	}
}

func expiredToken() config.Token {
	return config.Token{Name: "expired", SHA256: sha256.Sum256([]byte("expired")), Expires: config.Expiry{Time: time.Unix(1, 0)}}
}

// raw sends a request as it is, past what the client would mend.
func (b testBridge) raw(t *testing.T, r badRequest, ids *strings.Replacer) (int, http.Header, string) {
	t.Helper()
	path, query, _ := strings.Cut(r.path, "?")
	req, err := http.NewRequestWithContext(t.Context(), r.method, b.Base, strings.NewReader(ids.Replace(r.body)))
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque = "//" + req.URL.Host + req.URL.Path + ids.Replace(path)
	req.URL.RawQuery = query
	req.Header.Set("Authorization", "Bearer "+b.Token)
	req.Header.Set("Content-Type", "application/scim+json")
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	return exchange(t, req)
}

func checkRefusal(t *testing.T, name string, r badRequest, status int, header http.Header, body string) {
	t.Helper()
	var e struct {
		Schemas                  []string
		Status, Detail, ScimType string
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Errorf("%s: the answer %d is no JSON: %.200s", name, status, body)
		return
	}
	if status != r.status || e.Status != fmt.Sprint(r.status) || e.ScimType != r.scimType || e.Detail == "" {
		t.Errorf("%s: answer = %d %s, want %d %s", name, status, body, r.status, r.scimType)
	}
	if media := header.Get("Content-Type"); media != "application/scim+json" {
		t.Errorf("%s: Content-Type = %q", name, media)
	}
	if r.status == 401 && header.Get("WWW-Authenticate") == "" {
		t.Errorf("%s: no WWW-Authenticate", name)
	}
	if r.status == 405 && header.Get("Allow") == "" {
		t.Errorf("%s: no Allow", name)
	}
	if len(body) > 3000 || strings.Contains(body, "goroutine") {
		t.Errorf("%s: the answer shows too much: %.300s", name, body)
	}
}

// snapshot is all that the realm holds, as Keycloak tells.
func (b testBridge) snapshot(t *testing.T) string {
	t.Helper()
	h, err := app.ReadBack(t.Context(), b.admin)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]any{"users": h.Users, "groups": h.Groups})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestAddressesAreOfTheConfigurationAlone, whatever a client says the host is.
func TestAddressesAreOfTheConfigurationAlone(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.Base+"/Users", strings.NewReader(`{"userName":"jane"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "evil.test"
	for name, value := range map[string]string{
		"Authorization": "Bearer " + b.Token, "Content-Type": "application/scim+json",
		"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/evil", "Forwarded": "host=evil.test",
	} {
		req.Header.Set(name, value)
	}
	status, header, body := exchange(t, req)
	if location := header.Get("Location"); status != http.StatusCreated || !strings.HasPrefix(location, b.Base+"/Users/") || strings.Contains(body, "evil") {
		t.Errorf("POST = %d, Location %q, %s, want an address below %s", status, location, body, b.Base)
	}
}

// TestAForeignTenantAnswersLikeAWrongToken: nobody can try names of tenants.
func TestAForeignTenantAnswersLikeAWrongToken(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	ours := b.Base
	answers := map[string]string{}
	for name, base := range map[string]string{"a wrong token": ours, "an unknown tenant": strings.Replace(ours, b.realm, "nobody", 1), "no tenant": strings.Replace(ours, b.realm, "", 1)} {
		other := b
		client := *b.Client
		client.Base, client.Token = base, "nope"
		other.Client = &client
		status, _, body := other.raw(t, badRequest{method: "GET", path: "/Users"}, strings.NewReplacer())
		answers[name] = fmt.Sprint(status, body)
	}
	if answers["a wrong token"] != answers["an unknown tenant"] {
		t.Errorf("answers differ: %v", answers)
	}
	if !strings.HasPrefix(answers["no tenant"], "404") {
		t.Errorf("an empty tenant = %s, want 404", answers["no tenant"])
	}
}
