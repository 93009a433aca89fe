package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// badRequests are refused with a SCIM error and change nothing. ID and GROUP represent the ids of an existing user
// and group.
func badRequests() map[string]apptest.BadRequest {
	patchOf := func(op string) string { return `{"Operations":[` + op + `]}` }
	long := strings.Repeat("x", 10_000)
	requests := map[string]apptest.BadRequest{
		"no token":                         {Method: "GET", Path: "/Users", Body: "", Header: map[string]string{"Authorization": ""}, Status: 401, ScimType: ""},
		"a wrong token":                    {Method: "GET", Path: "/Users", Body: "", Header: map[string]string{"Authorization": "Bearer nope"}, Status: 401, ScimType: ""},
		"another scheme":                   {Method: "GET", Path: "/Users", Body: "", Header: map[string]string{"Authorization": "Basic eDp5"}, Status: 401, ScimType: ""},
		"an expired token":                 {Method: "GET", Path: "/Users", Body: "", Header: map[string]string{"Authorization": "Bearer expired"}, Status: 401, ScimType: ""},
		"malformed JSON":                   {Method: "POST", Path: "/Users", Body: `{"userName":`, Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"an empty body":                    {Method: "POST", Path: "/Users", Body: ``, Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"an array":                         {Method: "POST", Path: "/Users", Body: `[]`, Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"trailing data":                    {Method: "POST", Path: "/Users", Body: `{"userName":"bad1"}{}`, Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"duplicate keys":                   {Method: "POST", Path: "/Users", Body: `{"userName":"bad1","userName":"bad2"}`, Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"duplicates by case":               {Method: "POST", Path: "/Users", Body: `{"userName":"bad1","USERNAME":"bad2"}`, Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"a NUL":                            {Method: "POST", Path: "/Users", Body: `{"userName":"bad\u0000"}`, Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"a lone surrogate":                 {Method: "POST", Path: "/Users", Body: `{"userName":"bad\ud800"}`, Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"invalid UTF-8":                    {Method: "POST", Path: "/Users", Body: "{\"userName\":\"bad\xff\"}", Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"deep nesting":                     {Method: "POST", Path: "/Users", Body: `{"userName":"bad1","x":` + strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat("}", 100) + `}`, Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"a wrong type":                     {Method: "POST", Path: "/Users", Body: `{"userName":1}`, Header: nil, Status: 400, ScimType: "invalidValue"},
		"a wrong boolean":                  {Method: "POST", Path: "/Users", Body: `{"userName":"bad1","active":"maybe"}`, Header: nil, Status: 400, ScimType: "invalidValue"},
		"no userName":                      {Method: "POST", Path: "/Users", Body: `{"title":"t"}`, Header: nil, Status: 400, ScimType: "invalidValue"},
		"a short userName":                 {Method: "POST", Path: "/Users", Body: `{"userName":"x"}`, Header: nil, Status: 400, ScimType: "invalidValue"},
		"no address":                       {Method: "POST", Path: "/Users", Body: `{"userName":"bad1","emails":[{"value":"nope","primary":true}]}`, Header: nil, Status: 400, ScimType: "invalidValue"},
		"a taken userName":                 {Method: "POST", Path: "/Users", Body: `{"userName":"VICTIM"}`, Header: nil, Status: 409, ScimType: "uniqueness"},
		"a taken address":                  {Method: "POST", Path: "/Users", Body: `{"userName":"bad1","emails":[{"value":"Victim@acme.test","primary":true}]}`, Header: nil, Status: 409, ScimType: "uniqueness"},
		"a huge attribute":                 {Method: "POST", Path: "/Users", Body: `{"userName":"bad1","title":"` + strings.Repeat("x", 70_000) + `"}`, Header: nil, Status: 400, ScimType: "invalidValue"},
		"a body over the limit":            {Method: "POST", Path: "/Users", Body: `{"userName":"bad1","title":"` + strings.Repeat("x", 300_000) + `"}`, Header: nil, Status: 413, ScimType: ""},
		"a text body":                      {Method: "POST", Path: "/Users", Body: `userName=x`, Header: map[string]string{"Content-Type": "text/plain"}, Status: 415, ScimType: ""},
		"a compressed body":                {Method: "POST", Path: "/Users", Body: `x`, Header: map[string]string{"Content-Encoding": "gzip"}, Status: 415, ScimType: ""},
		"an unknown route":                 {Method: "GET", Path: "/Nothing", Body: "", Header: nil, Status: 404, ScimType: ""},
		"an unknown method":                {Method: "DELETE", Path: "/Users", Body: "", Header: nil, Status: 405, ScimType: ""},
		"another case":                     {Method: "GET", Path: "/users", Body: "", Header: nil, Status: 404, ScimType: ""},
		"a trailing dot":                   {Method: "GET", Path: "/Users.", Body: "", Header: nil, Status: 404, ScimType: ""},
		"a path parameter":                 {Method: "GET", Path: "/Users;x=1", Body: "", Header: nil, Status: 404, ScimType: ""},
		"a doubled slash":                  {Method: "GET", Path: "//Users", Body: "", Header: nil, Status: 404, ScimType: ""},
		"dots as a segment":                {Method: "GET", Path: "/Users/../Users", Body: "", Header: nil, Status: 404, ScimType: ""},
		"encoded dots as a segment":        {Method: "GET", Path: "/%2e%2e/v2/Users", Body: "", Header: nil, Status: 404, ScimType: ""},
		"doubly encoded dots":              {Method: "GET", Path: "/Users/%252e%252e", Body: "", Header: nil, Status: 404, ScimType: ""},
		"a path of another API":            {Method: "GET", Path: "/..%2f..%2f..%2fadmin%2frealms", Body: "", Header: nil, Status: 404, ScimType: ""},
		"a method in a header":             {Method: "POST", Path: "/Users/ID", Body: "{}", Header: map[string]string{"X-HTTP-Method-Override": "DELETE"}, Status: 405, ScimType: ""},
		"a method in the query":            {Method: "POST", Path: "/Users/ID?_method=DELETE", Body: "{}", Header: nil, Status: 405, ScimType: ""},
		"a bulk request that is none":      {Method: "POST", Path: "/Bulk", Body: `{}`, Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"a bulk request of 10,001":         {Method: "POST", Path: "/Bulk", Body: apptest.BulkOf("", slices.Repeat([]string{apptest.BulkPost("/Users", "b", `{"userName":"bad1"}`)}, 10_001)...), Header: nil, Status: 413, ScimType: ""},
		"a deep bulk request":              {Method: "POST", Path: "/Bulk", Body: apptest.BulkOf("", apptest.BulkPost("/Users", "b", `{"userName":"bad1","x":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+`}`)), Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"failOnErrors of nothing":          {Method: "POST", Path: "/Bulk", Body: apptest.BulkOf(`"failOnErrors":0,`, apptest.BulkPost("/Users", "b", `{"userName":"bad1"}`)), Header: nil, Status: 400, ScimType: "invalidValue"},
		"me":                               {Method: "GET", Path: "/Me", Body: "", Header: nil, Status: 501, ScimType: ""},
		"a filter of parentheses":          {Method: "GET", Path: "/Users?filter=" + strings.Repeat("(", 100_000), Body: "", Header: nil, Status: 400, ScimType: "invalidFilter"},
		"a malformed filter":               {Method: "GET", Path: "/Users?filter=userName+zz", Body: "", Header: nil, Status: 400, ScimType: "invalidFilter"},
		"an unknown attribute in a filter": {Method: "GET", Path: "/Users?filter=nonsense+eq+%22x%22", Body: "", Header: nil, Status: 400, ScimType: "invalidFilter"},
		"a filter on discovery":            {Method: "GET", Path: "/Schemas?filter=id+eq+%22x%22", Body: "", Header: nil, Status: 403, ScimType: ""},
		"a search that is none":            {Method: "POST", Path: "/Users/.search", Body: `{"filter":1}`, Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"a search with a malformed filter": {Method: "POST", Path: "/.search", Body: `{"filter":"userName zz"}`, Header: nil, Status: 400, ScimType: "invalidFilter"},
		"a search for a fraction":          {Method: "POST", Path: "/Groups/.search", Body: `{"count":1.5}`, Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"another version":                  {Method: "PUT", Path: "/Users/ID", Body: `{"userName":"victim"}`, Header: map[string]string{"If-Match": `W/"old"`}, Status: 412, ScimType: ""},
		"the version that must not be":     {Method: "DELETE", Path: "/Users/ID", Body: "", Header: map[string]string{"If-None-Match": "*"}, Status: 412, ScimType: ""},
		"another version of a group":       {Method: "PATCH", Path: "/Groups/GROUP", Body: patchOf(`{"op":"remove","path":"members"}`), Header: map[string]string{"If-Match": `"a", W/"b"`}, Status: 412, ScimType: ""},
		"a filter by groups":               {Method: "GET", Path: "/Users?filter=groups.value+eq+%22x%22", Body: "", Header: nil, Status: 400, ScimType: "invalidFilter"},
		"a filter that is no UTF-8":        {Method: "GET", Path: "/Users?filter=%ff", Body: "", Header: nil, Status: 400, ScimType: "invalidFilter"},
		"a name that is no UTF-8":          {Method: "GET", Path: "/Users?filter=%ff+eq+%22x%22", Body: "", Header: nil, Status: 400, ScimType: "invalidFilter"},
		"a parameter that is no UTF-8":     {Method: "GET", Path: "/Users?count=%ff", Body: "", Header: nil, Status: 400, ScimType: "invalidValue"},
		"a semicolon in the query":         {Method: "GET", Path: "/Users?filter=userName+eq+%22a%22;count=1", Body: "", Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"a bad escape in the query":        {Method: "GET", Path: "/Users?filter=%zz", Body: "", Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"a parameter twice":                {Method: "GET", Path: "/Users?count=1&count=2", Body: "", Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"a count of letters":               {Method: "GET", Path: "/Users?count=abc", Body: "", Header: nil, Status: 400, ScimType: "invalidValue"},
		"both projections":                 {Method: "GET", Path: "/Users?attributes=id&excludedAttributes=name", Body: "", Header: nil, Status: 400, ScimType: "invalidValue"},
		"no operations":                    {Method: "PATCH", Path: "/Users/ID", Body: `{}`, Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"an unknown op":                    {Method: "PATCH", Path: "/Users/ID", Body: patchOf(`{"op":"move","path":"title"}`), Header: nil, Status: 400, ScimType: "invalidSyntax"},
		"a bad path":                       {Method: "PATCH", Path: "/Users/ID", Body: patchOf(`{"op":"replace","path":"a..b","value":1}`), Header: nil, Status: 400, ScimType: "invalidPath"},
		"a read-only path":                 {Method: "PATCH", Path: "/Users/ID", Body: patchOf(`{"op":"replace","path":"id","value":"x"}`), Header: nil, Status: 400, ScimType: "mutability"},
		"one bad operation of two":         {Method: "PATCH", Path: "/Users/ID", Body: patchOf(`{"op":"replace","path":"title","value":"changed"},{"op":"replace","path":"active","value":"x"}`), Header: nil, Status: 400, ScimType: "invalidValue"},
		"userName removed":                 {Method: "PATCH", Path: "/Users/ID", Body: patchOf(`{"op":"remove","path":"userName"}`), Header: nil, Status: 400, ScimType: "mutability"},
		"a PUT without userName":           {Method: "PUT", Path: "/Users/ID", Body: `{"title":"changed"}`, Header: nil, Status: 400, ScimType: "invalidValue"},
		"an unknown member":                {Method: "PATCH", Path: "/Groups/GROUP", Body: patchOf(`{"op":"add","path":"members","value":[{"value":"ID"},{"value":"00000000-0000-4000-8000-00000000dead"}]}`), Header: nil, Status: 400, ScimType: "invalidValue"},
		"one unknown member":               {Method: "PATCH", Path: "/Groups/GROUP", Body: patchOf(`{"op":"add","path":"members","value":[{"value":"00000000-0000-4000-8000-00000000dead"}]}`), Header: nil, Status: 400, ScimType: "invalidValue"},
		"a hostile member":                 {Method: "PATCH", Path: "/Groups/GROUP", Body: patchOf(`{"op":"add","path":"members","value":[{"value":"../../clients"}]}`), Header: nil, Status: 400, ScimType: "invalidValue"},
		"a group as member":                {Method: "PATCH", Path: "/Groups/GROUP", Body: patchOf(`{"op":"add","path":"members","value":[{"value":"GROUP","type":"Group"}]}`), Header: nil, Status: 400, ScimType: "invalidValue"},
		"replaced by unknown members":      {Method: "PUT", Path: "/Groups/GROUP", Body: `{"displayName":"changed","members":[{"value":"00000000-0000-4000-8000-00000000dead"}]}`, Header: nil, Status: 400, ScimType: "invalidValue"},
		"a new group with unknown members": {Method: "POST", Path: "/Groups", Body: `{"displayName":"bad","members":[{"value":"nobody"}]}`, Header: nil, Status: 400, ScimType: "invalidValue"},
		"a taken group name":               {Method: "POST", Path: "/Groups", Body: `{"displayName":"Team"}`, Header: nil, Status: 409, ScimType: "uniqueness"},
		"a blank group name":               {Method: "POST", Path: "/Groups", Body: `{"displayName":" "}`, Header: nil, Status: 400, ScimType: "invalidValue"},
		"a long group name":                {Method: "POST", Path: "/Groups", Body: `{"displayName":"` + strings.Repeat("g", 256) + `"}`, Header: nil, Status: 400, ScimType: "invalidValue"},
	}
	for name, id := range map[string]string{
		"unknown": "00000000-0000-4000-8000-000000000000", "dots": "..%2f..%2fclients", "escaped dots": "%2e%2e", "a slash": "a%2Fb",
		"a NUL": "%00", "a query": "x%3Fy=1", "no UTF-8": "%ff", "a fragment": "x%23y", "a semicolon": "x%3Bjsessionid=1", "10 kB": long,
		"a percent sign": "%25", "a blank": "a%20b", "letters beyond ASCII": url.PathEscape("日本"), "CRLF": "a%0d%0ab",
	} {
		for _, method := range []string{"GET", "DELETE", "PUT", "PATCH"} {
			body := map[string]string{"PUT": `{"userName":"bad1","displayName":"bad"}`, "PATCH": patchOf(`{"op":"replace","path":"displayName","value":"bad"}`)}[method]
			for _, endpoint := range []string{"/Users/", "/Groups/"} {
				requests[fmt.Sprintf("%s %s id: %s", method, endpoint, name)] = apptest.BadRequest{Method: method, Path: endpoint + id, Body: body, Header: nil, Status: 404, ScimType: ""}
			}
		}
	}
	return requests
}

// TestBadInputIsRefusedAndChangesNothing runs on the real Keycloak, because the calls that reach Keycloak are part of
// the test.
func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridge(t, func(c *config.Config) {
		c.Server.MaxBodyBytes = 200_000
		for _, realm := range c.Realms {
			realm.Tenants[0].Tokens = append(realm.Tenants[0].Tokens, apptest.ExpiredToken())
		}
	})
	user, err := b.Send(t, "POST", "/Users", `{"userName":"victim","title":"t","emails":[{"value":"victim@acme.test","primary":true}]}`)
	if err != nil {
		t.Fatal(err)
	}
	group, err := b.Send(t, "POST", "/Groups", `{"displayName":"Team"}`)
	if err != nil {
		t.Fatal(err)
	}
	ids := strings.NewReplacer("ID", user["id"].(string), "GROUP", group["id"].(string))
	before := snapshot(t, b)
	for name, r := range badRequests() {
		status, header, body := b.Raw(t, r, ids)
		checkRefusal(t, name, r, status, header, body)
	}
	if after := snapshot(t, b); after != before {
		t.Errorf("the realm changed:\n%s\n%s", before, after)
	}
	if _, err := b.Send(t, "GET", "/ServiceProviderConfig", ""); err != nil {
		t.Errorf("the bridge no longer answers: %v", err)
	}
}

func checkRefusal(t *testing.T, name string, r apptest.BadRequest, status int, header http.Header, body string) {
	t.Helper()
	var e struct {
		Schemas                  []string
		Status, Detail, ScimType string
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Errorf("%s: the answer %d is not JSON: %.200s", name, status, body)
		return
	}
	if status != r.Status || e.Status != fmt.Sprint(r.Status) || e.ScimType != r.ScimType || e.Detail == "" {
		t.Errorf("%s: answer = %d %s, want %d %s", name, status, body, r.Status, r.ScimType)
	}
	if media := header.Get("Content-Type"); media != "application/scim+json" {
		t.Errorf("%s: Content-Type = %q", name, media)
	}
	if r.Status == 401 && header.Get("WWW-Authenticate") == "" {
		t.Errorf("%s: no WWW-Authenticate", name)
	}
	if r.Status == 405 && header.Get("Allow") == "" {
		t.Errorf("%s: no Allow", name)
	}
	if len(body) > 3000 || strings.Contains(body, "goroutine") {
		t.Errorf("%s: the answer shows too much: %.300s", name, body)
	}
}

// snapshot is the whole content of the realm, as Keycloak returns it.
func snapshot(t *testing.T, b apptest.Bridge) string {
	t.Helper()
	h, err := app.ReadBack(t.Context(), b.Admin)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]any{"users": h.Users, "groups": h.Groups})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestAddressesComeOnlyFromTheConfiguration: no header of a client changes the host in an answer.
func TestAddressesComeOnlyFromTheConfiguration(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
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
	status, header, body := apptest.Exchange(t, req)
	if location := header.Get("Location"); status != http.StatusCreated || !strings.HasPrefix(location, b.Base+"/Users/") || strings.Contains(body, "evil") {
		t.Errorf("POST = %d, Location %q, %s, want an address below %s", status, location, body, b.Base)
	}
}

// TestAForeignTenantAnswersLikeAWrongToken: nobody can find out names of tenants.
func TestAForeignTenantAnswersLikeAWrongToken(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	ours := b.Base
	answers := map[string]string{}
	for name, base := range map[string]string{"a wrong token": ours, "an unknown tenant": strings.Replace(ours, b.Realm, "nobody", 1), "no tenant": strings.Replace(ours, b.Realm, "", 1)} {
		other := b
		client := *b.Client
		client.Base, client.Token = base, "nope"
		other.Client = &client
		status, _, body := other.Raw(t, apptest.BadRequest{Method: "GET", Path: "/Users"}, strings.NewReplacer())
		answers[name] = fmt.Sprint(status, body)
	}
	if answers["a wrong token"] != answers["an unknown tenant"] {
		t.Errorf("answers differ: %v", answers)
	}
	if !strings.HasPrefix(answers["no tenant"], "404") {
		t.Errorf("an empty tenant = %s, want 404", answers["no tenant"])
	}
}
