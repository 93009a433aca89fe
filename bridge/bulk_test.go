package bridge_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestBulk: users and groups that refer to each other, in tenants of the realm and of an organization.
func TestBulk(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			for kind, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				there := b.Create(t, "/Users", `{"userName":"`+kind+`-there","title":"t"}`)
				results := b.Bulk(
					t, "",
					apptest.BulkPost("/Groups", "g", `{"displayName":"`+kind+`-team","members":[{"value":"bulkId:a"},{"value":"bulkId:b"},{"value":"`+there+`"}]}`),
					apptest.BulkPost("/Users", "a", `{"userName":"`+kind+`-a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:b"}}}`),
					apptest.BulkPost("/Users", "b", `{"userName":"`+kind+`-b","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"bulkId:a"}}}`),
					apptest.BulkPost("/Users", "taken", `{"userName":"`+kind+`-THERE"}`),
					apptest.BulkPost("/Groups", "h", `{"displayName":"`+kind+`-none","members":[{"value":"bulkId:taken"}]}`),
					`{"method":"PATCH","path":"/Users/`+there+`","data":{"Operations":[{"op":"replace","path":"title","value":"first"}]}}`,
					`{"method":"PATCH","path":"Users/`+there+`","data":{"Operations":[{"op":"replace","path":"title","value":"second"}]}}`,
					`{"method":"PATCH","path":"/Groups/bulkId:g","data":{"Operations":[{"op":"remove","path":"members[value eq \"bulkId:a\"]"}]}}`,
					`{"method":"PATCH","path":"/Users/`+there+`","version":"W/\"stale\"","data":{"Operations":[{"op":"replace","path":"title","value":"third"}]}}`,
					`{"method":"DELETE","path":"/Users/`+apptest.AbsentID+`"}`,
				)
				if got, want := apptest.StatusesOf(results), "201 201 201 409 409 200 200 204 412 404"; got != want {
					t.Fatalf("%s: statuses %s, want %s: %v", kind, got, want, results)
				}
				a, bb, g := apptest.IDOf(t, results[1]), apptest.IDOf(t, results[2]), apptest.IDOf(t, results[0])
				if got := apptest.ManagerOf(b.Must(t, http.MethodGet, "/Users/"+a, "")) + " " + apptest.ManagerOf(b.Must(t, http.MethodGet, "/Users/"+bb, "")); got != bb+" "+a {
					t.Errorf("%s: the managers of %s and %s are %s", kind, a, bb, got)
				}
				want := []string{bb, there}
				slices.Sort(want)
				if got := apptest.MemberIDs(b.Must(t, http.MethodGet, "/Groups/"+g, "")); !slices.Equal(got, want) {
					t.Errorf("%s: members %v, want %v", kind, got, want)
				}
				user := b.Must(t, http.MethodGet, "/Users/"+there, "")
				if user["title"] != "second" {
					t.Errorf("%s: two operations on one user left the title %v", kind, user["title"])
				}
				if meta, _ := user["meta"].(map[string]any); results[6]["version"] != meta["version"] {
					t.Errorf("%s: the result has version %v, the user %v", kind, results[6]["version"], meta["version"])
				}
				if _, has := results[3]["location"]; has {
					t.Errorf("%s: a POST that failed has a location: %v", kind, results[3])
				}
				if location := fmt.Sprint(results[9]["location"]); !strings.HasSuffix(location, "/Users/"+apptest.AbsentID) {
					t.Errorf("%s: a DELETE that failed has the location %s", kind, location)
				}
			}
		})
	}
}

// TestRFC_144_ABulkRequestBeyondALimitDoesNothing and names the limit.
func TestRFC_144_ABulkRequestBeyondALimitDoesNothing(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.CallBridge{Fake: fake, Bridge: apptest.NewBridgeOn(t, fake.Server(), func(c *config.Config) {
		c.Bulk.MaxOperations, c.Bulk.MaxPayloadBytes, c.Server.MaxBodyBytes = 3, 5000, 4096
	})}
	create := func(i int) string {
		return apptest.BulkPost("/Users", fmt.Sprint(i), fmt.Sprintf(`{"userName":"u%d"}`, i))
	}
	big := apptest.BulkOf("", apptest.BulkPost("/Users", "1", `{"userName":"u","title":"`+strings.Repeat("x", 5000)+`"}`))
	for body, limit := range map[string]string{
		apptest.BulkOf("", create(1), create(2), create(3), create(4)): "maxOperations",
		big: "maxPayloadSize",
	} {
		calls := b.Calls(func() {
			if detail := b.Refused(t, http.StatusRequestEntityTooLarge, http.MethodPost, "/Bulk", body); !strings.Contains(detail, limit) {
				t.Errorf("the detail does not name %s: %s", limit, detail)
			}
		})
		if len(calls) > 0 {
			t.Errorf("%s: calls to Keycloak: %v", limit, calls)
		}
	}
	got := b.Calls(func() { b.Bulk(t, "", create(1), create(2), create(3)) })
	if want := []string{"POST /users", "POST /users", "POST /users"}; !slices.Equal(got, want) {
		t.Errorf("three creates = %v, want %v", got, want)
	}
	config := b.Must(t, http.MethodGet, "/ServiceProviderConfig", "")
	if got := fmt.Sprint(config["bulk"]); got != "map[maxOperations:3 maxPayloadSize:5000 supported:true]" {
		t.Errorf("advertised: %s", got)
	}
	within := apptest.BulkOf("", apptest.BulkPost("/Users", "1", `{"userName":"long","title":"`+strings.Repeat("x", 200)+`","nickName":"`+strings.Repeat("x", 4000)+`"}`))
	if answer := b.Must(t, http.MethodPost, "/Users/Bulk", within); fmt.Sprint(answer["Operations"]) == "[]" {
		t.Errorf("/Users/Bulk = %v", answer)
	}
}

// TestSecurity_22_EveryOperationOfABulkRequestIsAuthorisedByItself: the scope bulk allows bulk requests, and the other
// scopes say which operations. A foreign resource is answered like an absent one.
func TestSecurity_22_EveryOperationOfABulkRequestIsAuthorisedByItself(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
		for _, r := range c.Realms {
			for i := range r.Tenants {
				for name, scopes := range map[string][]config.TokenScope{"users": {config.ScopeBulk, config.ScopeUsersWrite}, "nobulk": {config.ScopeUsersWrite, config.ScopeGroupsWrite}} {
					r.Tenants[i].Tokens = append(r.Tenants[i].Tokens, config.Token{Name: name, SHA256: sha256.Sum256([]byte(name + r.Tenants[i].Path)), Scopes: scopes})
				}
			}
		}
	})
	b, path := c.Of["acme"], c.Realm.Realm+"/organizations/acme"
	foreign := c.Of["globex"].Create(t, "/Users", `{"userName":"theirs"}`)
	foreignGroup := c.Of["globex"].Create(t, "/Groups", `{"displayName":"theirs"}`)
	patch := `"data":{"Operations":[{"op":"replace","path":"displayName","value":"mine"}]}`
	attempts := func(user, group string) []string {
		return []string{
			`{"method":"PATCH","path":"/Users/` + user + `",` + patch + `}`,
			`{"method":"PUT","path":"/Users/` + user + `","data":{"userName":"mine"}}`,
			`{"method":"DELETE","path":"/Users/` + user + `"}`,
			`{"method":"PATCH","path":"/Groups/` + group + `",` + patch + `}`,
			`{"method":"DELETE","path":"/Groups/` + group + `"}`,
			apptest.BulkPost("/Groups", "g", `{"displayName":"g","members":[{"value":"`+user+`"}]}`),
		}
	}
	unified := func(results []map[string]any, ids ...string) string {
		text := fmt.Sprint(results)
		for _, id := range ids {
			text = strings.ReplaceAll(text, id, "ID")
		}
		return text
	}
	got := unified(b.Bulk(t, "", attempts(foreign, foreignGroup)...), foreign, foreignGroup)
	const nobody = "00000000-0000-4000-8000-000000000000"
	if want := unified(b.Bulk(t, "", attempts(nobody, nobody)...), nobody); got != want {
		t.Errorf("a foreign resource answers\n%s\nan absent one\n%s", got, want)
	}
	results := b.With("users"+path).Bulk(
		t, "",
		apptest.BulkPost("/Users", "u", `{"userName":"new"}`), apptest.BulkPost("/Groups", "g", `{"displayName":"g"}`),
		apptest.BulkPost("/Bulk", "b", `{"Operations":[]}`), apptest.BulkPost("/Me", "m", `{}`), apptest.BulkPost("/Users/.search", "s", `{}`), `{"method":"DELETE","path":"/Schemas/User"}`,
	)
	if got, want := apptest.StatusesOf(results), "201 403 404 404 400 404"; got != want {
		t.Errorf("statuses %s, want %s: %v", got, want, results)
	}
	b.With("nobulk"+path).Refused(t, http.StatusForbidden, http.MethodPost, "/Bulk", apptest.BulkOf("", apptest.BulkPost("/Users", "v", `{"userName":"other"}`)))
}
