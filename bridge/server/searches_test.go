package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// TestSearchesAsClientsOfJavaSendThem: scim-sdk-client sends every number of a search as text, and attributes as one
// text. Other clients join the elements of a list, or send empty values.
func TestSearchesAsClientsOfJavaSendThem(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for _, of := range []string{"realm", "organization"} { // in this order: the realm's tenant also sees the organization's users
				b := c.BothTenants()[of]
				for i := range 3 {
					b.Create(t, "/Users", fmt.Sprintf(`{"userName":"user%d-%s","name":{"familyName":"F"},"title":"t"}`, i, of))
				}
				for body, want := range map[string]string{
					`{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"startIndex":"2","count":"2","attributes":"userName,title","sortBy":"userName","sortOrder":"ASCENDING"}`: "user1 user2",
					`{"startIndex":"2","count":"1","sortBy":"userName","sortOrder":"descending"}`:                                                                                                "user1",
					`{"startIndex":2.0,"count":"1.0","sortBy":"userName"}`:                                                                                                                       "user1",
					`{"startIndex":"","count":"","attributes":"","excludedAttributes":"","filter":"","sortBy":"userName","sortOrder":""}`:                                                        "user0 user1 user2",
					`{"startIndex":null,"count":null,"attributes":null,"filter":null,"cursor":null,"sortBy":"userName"}`:                                                                         "user0 user1 user2",
					`{"attributes":["userName,title"," name.familyName ",""],"sortBy":"userName","count":"1"}`:                                                                                   "user0",
					`{"excludedAttributes":"emails, name","sortBy":"userName","count":"1"}`:                                                                                                      "user0",
					`{"attributes":"","excludedAttributes":["name"],"sortBy":"userName","count":"-1"}`:                                                                                           "",
					`{"count":"99999999999999999999","sortBy":"userName"}`:                                                                                                                       "user0 user1 user2",
				} {
					for _, endpoint := range []string{"/.search", "/Users/.search"} {
						if endpoint == "/.search" && strings.Contains(body, "sortBy") {
							continue // users and groups are not sorted together
						}
						wantFoundNames(t, b, of, http.MethodPost, endpoint, body, want)
					}
				}
				for query, want := range map[string]string{
					"startIndex=2.0&count=1.0&sortBy=userName": "user1", "startIndex=&count=&attributes=&sortOrder=&sortBy=userName&excludedAttributes=&filter=": "user0 user1 user2",
					"count=1&sortBy=userName&attributes=" + url.QueryEscape("userName, title,"): "user0", "sortBy=userName&attributes=,": "user0 user1 user2", "sortBy=userName&sortOrder=Descending&count=1": "user2",
				} {
					wantFoundNames(t, b, of, http.MethodGet, "/Users?"+query, "", want)
				}
				list := b.Must(t, http.MethodPost, "/.search", `{"count":"2","startIndex":"1","attributes":"userName"}`)
				if resources, _ := list["Resources"].([]any); len(resources) != 2 {
					t.Errorf("%s: a search of all has %v, want 2 resources", of, list)
				}
			}
		})
	}
}

// wantFoundNames checks the names that a search finds, without the suffix of the tenant.
func wantFoundNames(t *testing.T, b apptest.Bridge, of, method, path, body, want string) {
	t.Helper()
	list, err := b.Send(t, method, path, body)
	if err != nil {
		t.Errorf("%s %s %s = %v", method, path, body, err)
		return
	}
	resources, _ := list["Resources"].([]any)
	var names []string
	for _, r := range resources {
		names = append(names, strings.TrimSuffix(fmt.Sprint(r.(map[string]any)["userName"]), "-"+of))
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("%s %s %s finds %q, want %q", method, path, body, got, want)
	}
}

// TestBodiesThatAreNotSearches: a malformed search is refused, whatever the client may have meant.
func TestBodiesThatAreNotSearches(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	for _, body := range []string{
		`{"count":"ten"}`, `{"count":"1.5"}`, `{"count":"0x10"}`, `{"count":"Infinity"}`, `{"count":"NaN"}`, `{"count":"1_0"}`, `{"count":" 1"}`, `{"count":true}`, `{"count":["1"]}`, `{"count":{}}`,
		`{"startIndex":"\u0661"}`, `{"startIndex":"1,2"}`, `{"attributes":7}`, `{"attributes":{"value":"userName"}}`, `{"attributes":["userName",7]}`, `{"attributes":[["userName"]]}`, `{"excludedAttributes":true}`,
		`{"sortOrder":"up"}`, `{"sortOrder":1}`, `{"filter":["x"]}`, `{"attributes":"` + strings.Repeat("a,", 1001) + `a"}`,
	} {
		b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users/.search", body)
	}
	for _, query := range []string{"count=1.5", "count=0x10", "count=Inf", "count=NaN", "count=1_0", "startIndex=%201", "startIndex=true"} {
		_, err := b.Send(t, http.MethodGet, "/Users?"+query, "")
		if client.StatusOf(err) != http.StatusBadRequest {
			t.Errorf("GET /Users?%s = %v, want 400", query, err)
		}
	}
}

// TestABulkRequestWithItsNumberAsText: failOnErrors as a text counts errors like a number.
func TestABulkRequestWithItsNumberAsText(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	results := b.Bulk(t, `"failOnErrors":"1",`, apptest.BulkPost("/Users", "a", `{"userName":"jane"}`), apptest.BulkPost("/Users", "b", `{"userName":"jane"}`), apptest.BulkPost("/Users", "c", `{"userName":"john"}`))
	if got := apptest.StatusesOf(results); got != "201 409" {
		t.Errorf("the operations are %s, want 201 409", got)
	}
	b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Bulk", apptest.BulkOf(`"failOnErrors":"some",`, apptest.BulkPost("/Users", "a", `{"userName":"joan"}`)))
}
