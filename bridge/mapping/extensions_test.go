package mapping_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// openResource is a resource with an extension that no schema publishes, at one endpoint.
type openResource struct {
	apptest.Bridge

	endpoint, urn, body, id string
}

// newOpenResources creates a user and a group at a tenant of a realm and at a tenant of an
// organization.
func newOpenResources(t *testing.T, server keycloaktest.Server) map[string]*openResource {
	t.Helper()
	c := apptest.NewCustomers(t, server, nil)
	out := map[string]*openResource{}
	for name, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
		out["user of the "+name] = &openResource{Bridge: b, endpoint: "/Users", urn: "urn:acme:params:scim:schemas:extension:partner:2.0:User", body: `{"userName":"jane-` + name + `@acme.test"`}
		out["group of the "+name] = &openResource{Bridge: b, endpoint: "/Groups", urn: "urn:acme:params:scim:schemas:extension:partner:2.0:Group", body: `{"displayName":"team ` + name + `"`}
	}
	return out
}

// of replaces U by the URN in a text.
func (o *openResource) of(text string) string {
	return strings.ReplaceAll(text, `"U`, `"`+o.urn)
}

// post creates the resource again, with some members.
func (o *openResource) post(t *testing.T, members string) {
	t.Helper()
	if o.id != "" {
		o.Must(t, http.MethodDelete, o.endpoint+"/"+o.id, "")
	}
	o.id = o.Create(t, o.endpoint, o.of(o.body+members+"}"))
}

// patch sends operations.
func (o *openResource) patch(t *testing.T, ops string) {
	t.Helper()
	o.Must(t, http.MethodPatch, o.endpoint+"/"+o.id, apptest.PatchBody(o.of(ops)))
}

// wants compares what a read shows under URNs, and the list of schemas.
func (o *openResource) wants(t *testing.T, members string) {
	t.Helper()
	got := o.Must(t, http.MethodGet, o.endpoint+"/"+o.id, "")
	want, err := scim.Decode([]byte(o.of("{" + members + "}")))
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]any{}
	for name, value := range got {
		if strings.ContainsRune(name, ':') || strings.HasPrefix(name, "fav") {
			shown[name] = value
		}
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("what a read shows differs (-want +got):\n%s", diff)
	}
	schemas, _ := got["schemas"].([]any)
	listed := []any{schemas[0]}
	for _, name := range scim.SortedNames(want) {
		if scim.IsURN(name) {
			listed = append(listed, name)
		}
	}
	if diff := cmp.Diff(listed, schemas); diff != "" {
		t.Errorf("schemas differs (-want +got):\n%s", diff)
	}
}

// found reports whether a filter finds the resource.
func (o *openResource) found(t *testing.T, filter, query string) bool {
	t.Helper()
	list, err := o.Find(t.Context(), o.endpoint, o.of(filter), query)
	if err != nil {
		t.Fatalf("filter %s: %v", o.of(filter), err)
	}
	return slices.ContainsFunc(list, func(r map[string]any) bool { return r["id"] == o.id })
}

// TestACustomAttributeWorksOnTheFirstDay on the real Keycloak, for users and groups of a realm and
// of an organization: what a POST stores works in every form of PATCH, in filters, orders,
// projections and a PUT.
func TestACustomAttributeWorksOnTheFirstDay(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"user of the realm", "group of the realm", "user of the organization", "group of the organization"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOpenResources(t, keycloaktest.Real(t))[name]
			o.post(t, `,"favouriteColours":["red"],"U":{"badge":"B1","level":7,"tags":["a"],"desk":{"room":"1","floor":3},"cards":[{"type":"door","value":"1"}]},"U:note":"n"`)
			o.wants(t, `"favouriteColours":["red"],"U":{"badge":"B1","level":7,"tags":["a"],"desk":{"room":"1","floor":3},"cards":[{"type":"door","value":"1"}],"note":"n"}`)

			o.patch(t, `{"op":"replace","value":{"U":{"badge":"B2"}}},{"op":"add","value":{"U:note":"m","U":{"tags":["b"]}}},{"op":"add","path":"U:tags","value":["c"]},
				{"op":"replace","path":"U","value":{"desk":{"room":"2"}}},{"op":"replace","path":"U:desk.floor","value":4},{"op":"replace","path":"U:cards[type eq \"door\"].value","value":"9"},
				{"op":"add","path":"U:cards","value":[{"type":"car","value":"2"}]},{"op":"remove","path":"U:level"},{"op":"add","path":"favouriteColours","value":["blue"]}`)
			o.wants(t, `"favouriteColours":["red","blue"],"U":{"badge":"B2","tags":["a","b","c"],"desk":{"room":"2","floor":4},"cards":[{"type":"door","value":"9"},{"type":"car","value":"2"}],"note":"m"}`)

			for filter, want := range map[string]bool{
				`"U:badge eq "b2"`: true, `"U:badge eq "B1"`: false, `"U:badge sw "B"`: true, `"U:level pr`: false, `"U:tags eq "c"`: true, `"U:desk.floor ge 4`: true,
				`"U:cards[type eq "car" and value eq "2"]`: true, `"U:cards[type eq "car" and value eq "9"]`: false, `id pr and "U:badge eq "B2"`: true, `not ("U:badge pr)`: false, `schemas eq "U"`: true,
			} {
				filter = strings.ReplaceAll(filter, `schemas eq "U"`, `schemas eq "`+o.urn+`"`)
				if got := o.found(t, strings.ReplaceAll(filter, `"U:`, o.urn+":"), ""); got != want {
					t.Errorf("%s finds it: %t, want %t", filter, got, want)
				}
			}
			if !o.found(t, o.urn+":badge pr", "sortBy="+url.QueryEscape(o.urn+":desk.floor")) {
				t.Error("an order by what no schema publishes does not show the resource")
			}
			shown := o.Must(t, http.MethodGet, o.endpoint+"/"+o.id+"?attributes="+url.QueryEscape(strings.ToUpper(o.urn)+":badge"), "")
			if want := map[string]any{"badge": "B2"}; !cmp.Equal(shown[o.urn], any(want)) || shown["favouriteColours"] != nil {
				t.Errorf("attributes=badge shows %v", shown)
			}
			shown = o.Must(t, http.MethodGet, o.endpoint+"/"+o.id+"?excludedAttributes="+url.QueryEscape(o.urn), "")
			if shown[o.urn] != nil || shown["favouriteColours"] == nil {
				t.Errorf("excludedAttributes of the extension shows %v", shown)
			}

			o.Must(t, http.MethodPut, o.endpoint+"/"+o.id, o.of(o.body+`,"U":{"badge":"B3"},"urn:acme:other:2.0":{"x":1}}`))
			o.wants(t, `"U":{"badge":"B3"},"urn:acme:other:2.0":{"x":1}`)
			o.patch(t, `{"op":"remove","path":"U:badge"},{"op":"remove","path":"urn:acme:other:2.0"}`)
			o.wants(t, ``)
			if o.found(t, o.urn+":badge pr", "") {
				t.Error("a filter finds what was removed")
			}
		})
	}
}

// TestWhatAPOSTKeepsAPATCHTakes: a name that a POST stores never makes a PATCH fail, which would
// also lose the other operations of the request. Both leave the same result.
func TestWhatAPOSTKeepsAPATCHTakes(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, 25) + `"x"` + strings.Repeat(`}`, 25)
	many := &strings.Builder{}
	for i := range 200 {
		fmt.Fprintf(many, `,"urn:acme:n%d:2.0:User":{"a":"%d"}`, i, i)
	}
	for name, members := range map[string]string{
		"plain names":        `"favourite":"red","__proto__":{"x":1},"first name":"a","1a":[1]`,
		"names with colons":  `"foo:bar":"x","urn:a":{"b":"c"},"urn:a b:c:d":{"e":"f"}`,
		"an extension":       `"U":{"__proto__":{"constructor":{"x":1}},"first name":"a","é":"ü","1":true,"a\u0001b":"c","a..b":"c"}`,
		"deep":               `"U":{"deep":` + deep + `}`,
		"many":               many.String()[1:],
		"a core schema's":    `"urn:ietf:params:scim:schemas:core:2.0:Users":{"a":"b"},"urn:ietf:params:scim:schemas:core:2.0:Group":{"displayName":"x"},"urn:ietf:params:scim:api:messages:2.0:PatchOp":{"x":1}`,
		"one begins another": `"urn:a:b":{"c":"1"},"urn:a:b:c":{"d":"2"},"urn:a:b:c:d":{"e":"3"}`,
		"names like paths":   `"a.b":"c","U":{"a.b":"c","x[y eq 1]":"z"}`,
		"values of any kind": `"U":{"n":-0.10e2,"t":true,"f":false,"l":[1,"a",true,{"x":[{"y":1}]},["z"]],"o":{"p":{"q":{"r":[]}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := newOpenResources(t, keycloaktest.NewFake(t).Server())
			one, two, three := all["user of the realm"], all["user of the organization"], *all["user of the realm"]
			one.post(t, ","+members)
			two.post(t, "")
			two.patch(t, `{"op":"add","value":{"title":"t",`+members+`}}`)
			three.body, three.id = `{"userName":"joe@acme.test"`, ""
			three.post(t, ","+members)
			three.patch(t, `{"op":"replace","value":{"title":"t",`+members+`}}`)
			want := apptest.Written(one.Must(t, http.MethodGet, "/Users/"+one.id, ""))
			want["title"] = "t"
			for _, o := range []*openResource{two, &three} {
				if o == two && name == "names like paths" {
					continue // these are paths, unless the resource has an attribute with that very name
				}
				got := apptest.Written(o.Must(t, http.MethodGet, "/Users/"+o.id, ""))
				got["userName"] = want["userName"]
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("what a PATCH leaves differs from what a POST keeps (-POST +PATCH):\n%s", diff)
				}
			}
			again := one.Must(t, http.MethodPut, "/Users/"+one.id, string(encoded(t, want)))
			if diff := cmp.Diff(want, apptest.Written(again)); diff != "" {
				t.Errorf("a PUT of what was read differs (-want +got):\n%s", diff)
			}
		})
	}
}

func encoded(t *testing.T, value any) []byte {
	t.Helper()
	data, err := scim.Encode(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestAnExtensionThatNoSchemaPublishesIsBounded by what Keycloak can hold. A larger document is
// refused completely.
func TestAnExtensionThatNoSchemaPublishesIsBounded(t *testing.T) {
	t.Parallel()
	o := newOpenResources(t, keycloaktest.NewFake(t).Server())["user of the realm"]
	many := &strings.Builder{}
	for i := range 5000 {
		fmt.Fprintf(many, `,"urn:acme:n%d:2.0:User":{"a":"%d"}`, i, i)
	}
	for name, members := range map[string]string{
		"many extensions": many.String()[1:],
		"a long name":     `"urn:acme:` + strings.Repeat("a", 300) + `":{"b":"c"}`,
		"a long value":    `"U":{"a":"` + strings.Repeat("x", 70_000) + `"}`,
		"a stored mark":   `"U":{"a":{"@":["x"]}}`,
		"given twice":     `"U":{"badge":"1"},"U:badge":"2"`,
		"not an object":   `"U":"text"`,
	} {
		o.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", o.of(`{"userName":"big@acme.test",`+members+`}`))
		if name != "given twice" { // operations run one after the other
			o.post(t, "")
			o.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Users/"+o.id, apptest.PatchBody(o.of(`{"op":"add","value":{"title":"t",`+members+`}}`)))
			o.wants(t, "")
		}
	}
}

// TestTheStrictProfileAcceptsOnlyWhatSchemasPublish: a POST, a PATCH and a filter with another
// attribute are refused in the same way.
func TestTheStrictProfileAcceptsOnlyWhatSchemasPublish(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
		for _, realm := range c.Realms {
			realm.Tenants[0].Profile = config.ProfileStrict
		}
	})
	const urn = "urn:acme:partner:2.0:User"
	b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{`+apptest.CoreUser+`,"userName":"jane@acme.test","`+urn+`":{"badge":"B1"}}`)
	jane := b.Create(t, "/Users", `{`+apptest.CoreUser+`,"userName":"jane@acme.test"}`)
	b.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Users/"+jane, `{`+apptest.PatchOp+`,"Operations":[{"op":"add","path":"`+urn+`:badge","value":"B1"}]}`)
	b.Refused(t, http.StatusBadRequest, http.MethodGet, "/Users?filter="+url.QueryEscape(urn+`:badge eq "B1"`), "")
}

// TestABulkRequestNamesWhatNoSchemaPublishes as single requests do.
func TestABulkRequestNamesWhatNoSchemaPublishes(t *testing.T) {
	t.Parallel()
	o := newOpenResources(t, keycloaktest.NewFake(t).Server())["user of the organization"]
	results := o.Bulk(t, "", o.of(`{"method":"POST","path":"/Users","bulkId":"a","data":`+o.body+`,"U":{"badge":"B1","tags":["a"]}}}`),
		o.of(`{"method":"PATCH","path":"/Users/bulkId:a","data":{"Operations":[{"op":"add","value":{"U":{"tags":["b"]}}},{"op":"replace","path":"U:badge","value":"B2"}]}}`))
	for i, result := range results {
		if fmt.Sprint(result["status"]) != []string{"201", "200"}[i] {
			t.Fatalf("operation %d = %v", i, result)
		}
	}
	location, _ := results[0]["location"].(string)
	o.id = location[strings.LastIndexByte(location, '/')+1:]
	o.wants(t, `"U":{"badge":"B2","tags":["a","b"]}`)
}

// TestAnExtensionThatIsPublishedLater: values that were stored before, in the client's spelling,
// then follow the schema. They are read, changed and found under the schema's names, and a PUT can
// send them back.
func TestAnExtensionThatIsPublishedLater(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	realm, admin := apptest.NewEmptyRealm(t, server)
	made := apptest.RunSetup(t, server, realm)
	before := apptest.NewBridgeOf(t, server, made, realm, admin, nil)
	jane := "/Users/" + before.Create(t, "/Users", `{"userName":"jane","urn:acme:partner:2.0:user":{"Badge":"B1","Tags":["a"],"desk":{"Room":"1"},"other":"o"}}`)
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	schema := "version: 1\nschemas:\n  urn:acme:Partner:2.0:User:\n    resource: User\n    name: partner\n    attributes:\n      badge: {}\n      tags: { multiValued: true }\n      desk: { type: complex, subAttributes: { room: {} } }\n"
	if err := os.WriteFile(file, []byte(schema), 0o600); err != nil {
		t.Fatal(err)
	}
	b := apptest.NewBridgeOf(t, server, made, realm, admin, func(c *config.Config) { c.Realms[realm].Tenants[0].Mapping = file })
	const urn = "urn:acme:Partner:2.0:User"
	wants := func(when, want string) map[string]any {
		t.Helper()
		got := apptest.Written(b.Must(t, http.MethodGet, jane, ""))
		if diff := cmp.Diff(newStoredObject(t, `{"userName":"jane","active":true,"`+urn+`":`+want+`}`), got); diff != "" {
			t.Errorf("%s it shows otherwise (-want +got):\n%s", when, diff)
		}
		return got
	}
	got := wants("before a change", `{"badge":"B1","tags":["a"],"desk":{"room":"1"},"other":"o"}`)
	b.Must(t, http.MethodPut, jane, string(encoded(t, got)))
	b.Must(t, http.MethodPatch, jane, apptest.PatchBody(`{"op":"replace","path":"`+urn+`:badge","value":"B2"},{"op":"add","value":{"`+urn+`":{"tags":["b"],"desk":{"room":"2"}}}}`))
	wants("after it", `{"badge":"B2","tags":["a","b"],"desk":{"room":"2"},"other":"o"}`)
	for filter, want := range map[string]int{urn + `:badge eq "b2"`: 1, urn + `:badge eq "B1"`: 0, urn + `:desk.room eq "2"`: 1} {
		if list, err := b.Find(t.Context(), "/Users", filter, ""); err != nil || len(list) != want {
			t.Errorf("%s finds %d, %v, want %d", filter, len(list), err, want)
		}
	}
}

func newStoredObject(t *testing.T, text string) map[string]any {
	t.Helper()
	object, err := scim.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return object
}
