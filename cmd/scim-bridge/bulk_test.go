package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// bulkOf is a bulk request with the operations.
func bulkOf(members string, operations ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],` + members + `"Operations":[` + strings.Join(operations, ",") + `]}`
}

func bulkPost(endpoint, bulkID, data string) string {
	return fmt.Sprintf(`{"method":"POST","path":%q,"bulkId":%q,"data":%s}`, endpoint, bulkID, data)
}

// bulk sends a bulk request, which has to be carried out, and returns its results.
func (b testBridge) bulk(t *testing.T, members string, operations ...string) []map[string]any {
	t.Helper()
	answer := b.must(t, http.MethodPost, "/Bulk", bulkOf(members, operations...))
	list, _ := answer["Operations"].([]any)
	out := make([]map[string]any, len(list))
	for i, element := range list {
		out[i], _ = element.(map[string]any)
	}
	return out
}

// statusesOf are those of results, and the ends of the details of those that failed.
func statusesOf(results []map[string]any) string {
	var out []string
	for _, r := range results {
		out = append(out, fmt.Sprint(r["status"]))
	}
	return strings.Join(out, " ")
}

// idOf is the id in the location of a result.
func idOf(t *testing.T, result map[string]any) string {
	t.Helper()
	location, _ := result["location"].(string)
	at := strings.LastIndexByte(location, '/')
	if at < 0 {
		t.Fatalf("a result without a location: %v", result)
	}
	return location[at+1:]
}

// TestBulk: users and groups that refer to each other, in tenants of the realm and of an organization.
func TestBulk(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			for kind, b := range map[string]testBridge{"realm": c.realm, "organization": c.of["acme"]} {
				there := b.create(t, "/Users", `{"userName":"`+kind+`-there","title":"t"}`)
				results := b.bulk(
					t, "",
					bulkPost("/Groups", "g", `{"displayName":"`+kind+`-team","members":[{"value":"bulkId:a"},{"value":"bulkId:b"},{"value":"`+there+`"}]}`),
					bulkPost("/Users", "a", `{"userName":"`+kind+`-a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:b"}}}`),
					bulkPost("/Users", "b", `{"userName":"`+kind+`-b","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:a"}}}`),
					bulkPost("/Users", "taken", `{"userName":"`+kind+`-THERE"}`),
					bulkPost("/Groups", "h", `{"displayName":"`+kind+`-none","members":[{"value":"bulkId:taken"}]}`),
					`{"method":"PATCH","path":"/Users/`+there+`","data":{"Operations":[{"op":"replace","path":"title","value":"first"}]}}`,
					`{"method":"PATCH","path":"Users/`+there+`","data":{"Operations":[{"op":"replace","path":"title","value":"second"}]}}`,
					`{"method":"PATCH","path":"/Groups/bulkId:g","data":{"Operations":[{"op":"remove","path":"members[value eq \"bulkId:a\"]"}]}}`,
					`{"method":"PATCH","path":"/Users/`+there+`","version":"W/\"stale\"","data":{"Operations":[{"op":"replace","path":"title","value":"third"}]}}`,
					`{"method":"DELETE","path":"/Users/`+absentID+`"}`,
				)
				if got, want := statusesOf(results), "201 201 201 409 409 200 200 204 412 404"; got != want {
					t.Fatalf("%s: statuses %s, want %s: %v", kind, got, want, results)
				}
				a, bb, g := idOf(t, results[1]), idOf(t, results[2]), idOf(t, results[0])
				if got := managerOf(b.must(t, http.MethodGet, "/Users/"+a, "")) + " " + managerOf(b.must(t, http.MethodGet, "/Users/"+bb, "")); got != bb+" "+a {
					t.Errorf("%s: the managers of %s and %s are %s", kind, a, bb, got)
				}
				want := []string{bb, there}
				slices.Sort(want)
				if got := memberIDs(b.must(t, http.MethodGet, "/Groups/"+g, "")); !slices.Equal(got, want) {
					t.Errorf("%s: members %v, want %v", kind, got, want)
				}
				user := b.must(t, http.MethodGet, "/Users/"+there, "")
				if user["title"] != "second" {
					t.Errorf("%s: two operations on one user left the title %v", kind, user["title"])
				}
				if meta, _ := user["meta"].(map[string]any); results[6]["version"] != meta["version"] {
					t.Errorf("%s: the result has version %v, the user %v", kind, results[6]["version"], meta["version"])
				}
				if _, has := results[3]["location"]; has {
					t.Errorf("%s: a POST that failed has a location: %v", kind, results[3])
				}
				if location := fmt.Sprint(results[9]["location"]); !strings.HasSuffix(location, "/Users/"+absentID) {
					t.Errorf("%s: a DELETE that failed has the location %s", kind, location)
				}
			}
		})
	}
}

func managerOf(user map[string]any) string {
	extension, _ := user["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"].(map[string]any)
	manager, _ := extension["manager"].(map[string]any)
	return fmt.Sprint(manager["value"])
}

// memberIDs are the ids of a group's members, sorted.
func memberIDs(group map[string]any) []string {
	list, _ := group["members"].([]any)
	var out []string
	for _, element := range list {
		member, _ := element.(map[string]any)
		out = append(out, fmt.Sprint(member["value"]))
	}
	slices.Sort(out)
	return out
}

// TestRFC_144_ABulkRequestBeyondALimitDoesNothing and names the limit.
func TestRFC_144_ABulkRequestBeyondALimitDoesNothing(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := callBridge{fake: fake, testBridge: newBridgeOn(t, fake.Server(), func(c *config.Config) {
		c.Bulk.MaxOperations, c.Bulk.MaxPayloadBytes, c.Server.MaxBodyBytes = 3, 5000, 4096
	})}
	create := func(i int) string {
		return bulkPost("/Users", fmt.Sprint(i), fmt.Sprintf(`{"userName":"u%d"}`, i))
	}
	big := bulkOf("", bulkPost("/Users", "1", `{"userName":"u","title":"`+strings.Repeat("x", 5000)+`"}`))
	for body, limit := range map[string]string{
		bulkOf("", create(1), create(2), create(3), create(4)): "maxOperations",
		big: "maxPayloadSize",
	} {
		calls := b.calls(func() {
			if detail := b.refused(t, http.StatusRequestEntityTooLarge, http.MethodPost, "/Bulk", body); !strings.Contains(detail, limit) {
				t.Errorf("the detail does not name %s: %s", limit, detail)
			}
		})
		if len(calls) > 0 {
			t.Errorf("%s: calls of Keycloak: %v", limit, calls)
		}
	}
	got := b.calls(func() { b.bulk(t, "", create(1), create(2), create(3)) })
	if want := []string{"POST /users", "POST /users", "POST /users"}; !slices.Equal(got, want) {
		t.Errorf("three creates = %v, want %v", got, want)
	}
	config := b.must(t, http.MethodGet, "/ServiceProviderConfig", "")
	if got := fmt.Sprint(config["bulk"]); got != "map[maxOperations:3 maxPayloadSize:5000 supported:true]" {
		t.Errorf("advertised: %s", got)
	}
	within := bulkOf("", bulkPost("/Users", "1", `{"userName":"long","title":"`+strings.Repeat("x", 200)+`","nickName":"`+strings.Repeat("x", 4000)+`"}`))
	if answer := b.must(t, http.MethodPost, "/Users/Bulk", within); fmt.Sprint(answer["Operations"]) == "[]" {
		t.Errorf("/Users/Bulk = %v", answer)
	}
}

// TestSecurity_22_EveryOperationOfABulkRequestIsAuthorisedAlone: the scope bulk lets a client
// ask, and the others say for what; a foreign resource is as an absent one.
func TestSecurity_22_EveryOperationOfABulkRequestIsAuthorisedAlone(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
		for _, r := range c.Realms {
			for i := range r.Tenants {
				for name, scopes := range map[string][]config.TokenScope{"users": {config.ScopeBulk, config.ScopeUsersWrite}, "nobulk": {config.ScopeUsersWrite, config.ScopeGroupsWrite}} {
					r.Tenants[i].Tokens = append(r.Tenants[i].Tokens, config.Token{Name: name, SHA256: sha256.Sum256([]byte(name + r.Tenants[i].Path)), Scopes: scopes})
				}
			}
		}
	})
	b, path := c.of["acme"], c.realm.realm+"/organizations/acme"
	foreign := c.of["globex"].create(t, "/Users", `{"userName":"theirs"}`)
	foreignGroup := c.of["globex"].create(t, "/Groups", `{"displayName":"theirs"}`)
	patch := `"data":{"Operations":[{"op":"replace","path":"displayName","value":"mine"}]}`
	attempts := func(user, group string) []string {
		return []string{
			`{"method":"PATCH","path":"/Users/` + user + `",` + patch + `}`,
			`{"method":"PUT","path":"/Users/` + user + `","data":{"userName":"mine"}}`,
			`{"method":"DELETE","path":"/Users/` + user + `"}`,
			`{"method":"PATCH","path":"/Groups/` + group + `",` + patch + `}`,
			`{"method":"DELETE","path":"/Groups/` + group + `"}`,
			bulkPost("/Groups", "g", `{"displayName":"g","members":[{"value":"`+user+`"}]}`),
		}
	}
	unified := func(results []map[string]any, ids ...string) string {
		text := fmt.Sprint(results)
		for _, id := range ids {
			text = strings.ReplaceAll(text, id, "ID")
		}
		return text
	}
	got := unified(b.bulk(t, "", attempts(foreign, foreignGroup)...), foreign, foreignGroup)
	const nobody = "00000000-0000-4000-8000-000000000000"
	if want := unified(b.bulk(t, "", attempts(nobody, nobody)...), nobody); got != want {
		t.Errorf("a foreign resource answers\n%s\nan absent one\n%s", got, want)
	}
	results := b.with("users"+path).bulk(
		t, "",
		bulkPost("/Users", "u", `{"userName":"new"}`), bulkPost("/Groups", "g", `{"displayName":"g"}`),
		bulkPost("/Bulk", "b", `{"Operations":[]}`), bulkPost("/Me", "m", `{}`), bulkPost("/Users/.search", "s", `{}`), `{"method":"DELETE","path":"/Schemas/User"}`,
	)
	if got, want := statusesOf(results), "201 403 404 404 400 404"; got != want {
		t.Errorf("statuses %s, want %s: %v", got, want, results)
	}
	b.with("nobulk"+path).refused(t, http.StatusForbidden, http.MethodPost, "/Bulk", bulkOf("", bulkPost("/Users", "v", `{"userName":"other"}`)))
}
