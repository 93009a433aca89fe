package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

const searchRequest = `"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]`

// stray is a request that violates the RFCs in one way only. USER is the id of an existing user, GROUP the id of a
// group with this member.
type stray struct {
	method, path, body string
	header             map[string]string
	tolerant           int    // the status under each profile
	strict             int    //
	scimType           string // of the strict answer
	shows              string // what the tolerant answer contains; "" for anything
	strictShows        string // what the strict answer contains when it is not a refusal
	// The text in the answer when only this rule is off and another rule accepts the request; "" without such a rule.
	alone string
}

// strays has a request for each rule of the table.
func strays() map[scim.Tolerance]stray {
	post := func(members, shows, scimType string) stray {
		return stray{"POST", "/Users", `{` + apptest.CoreUser + `,"userName":"stray@acme.test",` + members + `}`, nil, 201, 400, scimType, shows, "", ""}
	}
	patch := func(op, shows, scimType string) stray {
		return stray{"PATCH", "/Users/USER", `{` + apptest.PatchOp + `,"Operations":[` + op + `]}`, nil, 200, 400, scimType, shows, "", ""}
	}
	get := func(path, shows, scimType string) stray {
		return stray{"GET", path, "", nil, 200, 400, scimType, shows, "", ""}
	}
	role := post(`"roles":[{"value":"{\"value\":\"Admin\"}"}]`, `"value":"Admin"`, "")
	role.strict, role.strictShows = 201, `{\"value\":\"Admin\"}`
	merge := patch(`{"op":"replace","path":"name","value":{"familyName":"F2"}}`, `"givenName":"G"`, "")
	merge.strict, merge.strictShows = 200, `"name":{"familyName":"F2"}`
	twice := get("/Users?filter=userName+eq+%22jane%2540acme.test%22", `"totalResults":1`, "")
	twice.strict, twice.strictShows = 200, `"totalResults":0`
	bare := post(`"title":"t"`, `"title":"t"`, "")
	bare.header, bare.strict = map[string]string{"Content-Type": ""}, 415
	onWrite := post(`"title":"t"`, `"title":"t"`, "invalidSyntax")
	onWrite.path += "?filter=userName+eq+%22x%22"
	listed := stray{"PATCH", "/Groups/GROUP", `{` + apptest.PatchOp + `,"Operations":[{"op":"remove","path":"members","value":[{"value":"USER"}]}]}`, nil, 204, 400, "invalidSyntax", "", "", ""}
	short := patch(`{"op":"add","path":"department","value":"d"}`, `"`+enterprise+`":{"department":"d"}`, "invalidPath")
	short.alone = `"active":true,"department":"d"` // another rule keeps it as an attribute that no schema publishes
	lone := patch(`{"op":"replace","path":"phoneNumbers[type eq \"work\"].value","value":"9"}`, `"phoneNumbers":[{"type":"work","value":"9"}]`, "noTarget")
	lone.alone = `"phoneNumbers":[{"value":"1"},{"type":"work","value":"9"}]` // another rule makes the value, because nothing matches
	return map[scim.Tolerance]stray{
		scim.NoContentType:      bare,
		scim.FilterOnWrite:      onWrite,
		scim.AnySchemas:         {"POST", "/Users", `{"schemas":["urn:scim:schemas:core:2.0"],"userName":"stray@acme.test"}`, nil, 201, 400, "invalidSyntax", "", "", ""},
		scim.UnknownAttributes:  post(`"shoeSize":"44"`, `"shoeSize":"44"`, "invalidSyntax"),
		scim.NumberForText:      post(`"`+enterprise+`":{"employeeNumber":4711}`, `"employeeNumber":"4711"`, "invalidValue"),
		scim.BooleanText:        post(`"active":"False"`, `"active":false`, "invalidValue"),
		scim.WrappedSingle:      post(`"title":[{"value":"t"}]`, `"title":"t"`, "invalidValue"),
		scim.UnwrappedMulti:     post(`"phoneNumbers":{"value":"1"}`, `"phoneNumbers":[{"value":"1"}]`, "invalidValue"),
		scim.BareComplex:        post(`"`+enterprise+`":{"manager":"USER"}`, `"manager":{"value":"`, "invalidValue"),
		scim.RoleText:           role,
		scim.ManyPrimaries:      post(`"phoneNumbers":[{"value":"1","primary":true},{"value":"2","primary":true}]`, `{"primary":false,"value":"2"}`, "invalidValue"),
		scim.FreeCountry:        post(`"addresses":[{"country":"Norway"}]`, `"country":"Norway"`, "invalidValue"),
		scim.AnyCertificate:     post(`"x509Certificates":[{"value":"AAAA"}]`, `"value":"AAAA"`, "invalidValue"),
		scim.OpaqueManager:      post(`"`+enterprise+`":{"manager":{"value":"nobody"}}`, `"value":"nobody"`, "invalidValue"),
		scim.AnyOpCase:          patch(`{"op":"Replace","path":"title","value":"t"}`, `"title":"t"`, "invalidSyntax"),
		scim.PathlessPatch:      patch(`{"op":"replace","value":{"name.givenName":"G2"}}`, `"givenName":"G2"`, "invalidSyntax"),
		scim.ShortExtensionPath: short,
		scim.DotAfterURN:        patch(`{"op":"add","path":"`+enterprise+`.department","value":"d"}`, `"department":"d"`, "invalidPath"),
		scim.LoneUntyped:        lone,
		scim.CreateOnNoMatch:    patch(`{"op":"add","path":"phoneNumbers[type eq \"fax\"].value","value":"9"}`, `{"type":"fax","value":"9"}`, "noTarget"),
		scim.WholeElementPath:   patch(`{"op":"replace","path":"emails[type eq \"work\"]","value":{"display":"d"}}`, `"display":"d"`, "invalidPath"),
		scim.MergeOnReplace:     merge,
		scim.RemoveListed:       listed,
		scim.NumberText:         {"POST", "/Users/.search", `{` + searchRequest + `,"count":"1","startIndex":"1"}`, nil, 200, 400, "invalidSyntax", `"itemsPerPage":1`, "", ""},
		scim.AttributesText:     {"POST", "/Users/.search", `{` + searchRequest + `,"attributes":"userName,emails"}`, nil, 200, 400, "invalidSyntax", `"userName":"jane@acme.test"`, "", ""},
		scim.SubBehindFilter:    get("/Users?filter=emails%5Btype+eq+%22work%22%5D.value+eq+%22jane@acme.test%22", `"totalResults":1`, "invalidFilter"),
		scim.EncodedTwice:       twice,
	}
}

// TestEveryToleranceIsTakenOrRefusedAsTheProfileSays tests the table of tolerances with both profiles.
func TestEveryToleranceIsTakenOrRefusedAsTheProfileSays(t *testing.T) {
	t.Parallel()
	for _, rule := range scim.Tolerances() {
		c, ok := strays()[rule.Tolerance]
		if !ok {
			t.Errorf("no request tests the rule %s", rule.Name)
		}
		for _, profile := range []config.Profile{config.ProfileTolerant, config.ProfileStrict} {
			t.Run(fmt.Sprintf("%s/%s", rule.Name, profile), func(t *testing.T) {
				t.Parallel()
				c.check(t, newTenantOf(t, func(of *config.Tenant) { of.Profile = profile }), profile == config.ProfileTolerant)
			})
		}
	}
}

// TestEachToleranceIsSwitchedOffByItself: tolerances.off contains one rule. The request for this rule gets the answer of
// the strict profile, or is accepted because of another rule. The requests for the other rules are accepted as
// before.
func TestEachToleranceIsSwitchedOffByItself(t *testing.T) {
	t.Parallel()
	for _, off := range scim.Tolerances() {
		t.Run(off.Name, func(t *testing.T) {
			t.Parallel()
			b := newTenantOf(t, func(of *config.Tenant) {
				of.Tolerances = config.Tolerances{Off: []config.Tolerance{config.Tolerance(off.Name)}}
			})
			for _, rule := range scim.Tolerances() {
				t.Run(rule.Name, func(t *testing.T) {
					c := strays()[rule.Tolerance]
					taken := rule.Tolerance != off.Tolerance
					if !taken && c.alone != "" {
						taken, c.shows = true, c.alone
					}
					c.check(t, b, taken)
				})
			}
		})
	}
}

// newTenantOf makes a bridge with one tenant, with a fake Keycloak.
func newTenantOf(t *testing.T, of func(*config.Tenant)) apptest.Bridge {
	t.Helper()
	return apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
		for _, realm := range c.Realms {
			of(&realm.Tenants[0])
		}
	})
}

// check sends the request to a tenant. It checks that the request is accepted, or gets the answer of the strict
// profile.
func (c stray) check(t *testing.T, b apptest.Bridge, taken bool) {
	t.Helper()
	status, body := c.send(t, b)
	want, shows := c.tolerant, c.shows
	if !taken {
		want, shows = c.strict, c.strictShows
		if c.scimType != "" {
			shows = `"scimType":"` + c.scimType + `"`
		}
	}
	if status != want || !strings.Contains(body, shows) {
		t.Errorf("answer = %d %s, want %d with %s", status, body, want, shows)
	}
}

// send makes a user and a group with requests that every profile accepts, sends the stray request, and then deletes
// all users and groups.
func (c stray) send(t *testing.T, b apptest.Bridge) (int, string) {
	t.Helper()
	user, err := b.Send(t, http.MethodPost, "/Users", `{`+apptest.CoreUser+`,"userName":"jane@acme.test","name":{"givenName":"G","familyName":"F"},"emails":[{"value":"jane@acme.test","type":"work"}],"phoneNumbers":[{"value":"1"}]}`)
	group, groupErr := b.Send(t, http.MethodPost, "/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"g","members":[{"value":%q}]}`, user["id"]))
	if err := errors.Join(err, groupErr); err != nil {
		t.Fatal(err)
	}
	defer func() {
		b.Must(t, http.MethodDelete, "/Groups/"+fmt.Sprint(group["id"]), "")
		for _, left := range b.Must(t, http.MethodGet, "/Users", "")["Resources"].([]any) {
			b.Must(t, http.MethodDelete, "/Users/"+left.(map[string]any)["id"].(string), "")
		}
	}()
	ids := strings.NewReplacer("USER", fmt.Sprint(user["id"]), "GROUP", fmt.Sprint(group["id"]))
	req, err := http.NewRequestWithContext(t.Context(), c.method, b.Base+ids.Replace(c.path), strings.NewReader(ids.Replace(c.body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.Token)
	req.Header.Set("Content-Type", scim.MediaType)
	for name, value := range c.header {
		req.Header[name] = nil
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	status, _, body := apptest.Exchange(t, req)
	return status, body
}

// TestTheTolerancesPageIsGenerated compares the page of tolerances; go test -update writes it.
func TestTheTolerancesPageIsGenerated(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString("# Tolerances\n\n" +
		"This page lists the requests that violate the RFCs and that `profile: tolerant`, the default,\naccepts. It also lists what `profile: strict` answers to them. The page is generated from the table\nin `scim/tolerance.go`; every rule is tested with both profiles.\n\n" +
		"A tenant can refuse some of these requests and accept the others. With\n[`tolerances: { off: [any-op-case, role-text] }`](configuration.md#keys) the tenant answers requests\nof these rules like the strict profile. When two rules accept the same request, the other rule still\naccepts it: without `lone-untyped`, `create-on-no-match` makes the value; without\n`short-extension-path`, `unknown-attributes` keeps the attribute beside the attributes of the core\nschema.\n\n" +
		"`null`, `\"\"`, `[]` and `{}` mean the same in both profiles: the attribute is unassigned. Keycloak\ncannot store an empty value.\n\n" +
		"| rule | tolerant accepts | strict answers | source |\n| --- | --- | --- | --- |\n")
	for _, rule := range scim.Tolerances() {
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", rule.Name, rule.Takes, rule.Strict, rule.Source)
	}
	page.WriteString("\n## Refused by both profiles\n\n| request | answer | reason |\n| --- | --- | --- |\n")
	for _, row := range [][3]string{
		{"`remove` of `active`, or `replace` with null", "400 `mutability`, nothing is changed", "An account of Keycloak is either enabled or disabled. Enabling the account could admit a person who left, and disabling it could lock a person out. An answer of success without a change would be wrong for both intentions. No identity provider sends this request; test suites do (scim2-tester). Send `replace` with true or false. A PUT without `active` keeps the value."},
		{"a filter on a name that no schema has, without the URN of an extension", "400 `invalidFilter`", "The name may be misspelt. After an empty list the client would believe that no user has the value, and would create the user again. See [extensions](extensions.md)."},
		{"`members[display eq \"…\"]` that matches no member", "400 `noTarget`, nothing is changed", "`display` of a member is the userName, and the client may mean another name. After a 204 the client would believe that the person is no longer a member."},
		{"a number as a password", "400 `invalidValue`", "JSON can write the same number in several ways (`1.0`, `1e0`), so the text that the person types is unknown."},
	} {
		fmt.Fprintf(&page, "| %s | %s | %s |\n", row[0], row[1], row[2])
	}
	apptest.CompareGenerated(t, "../../docs/reference/tolerances.md", page.String())
}
