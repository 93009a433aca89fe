package bridge_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// remedied does what the page of errors says for a code. Then the request, or the request that replaces it, succeeds.
type remedied func(*testing.T, sharedBridges)

// doneBy names the tests of remedies that are more than another request: remedies of the operator, and errors that pass
// by themselves.
func doneBy() map[string]string {
	out := map[string]string{
		"account-federated": "TestTheRemediesOfAFederation", "federation-keeps": "TestTheRemediesOfAFederation",
		"removal-held": "TestTheBrakeIsLiftedByTheCommandThatItNames", "groups-not-offered": "TestTheRemediesOfAKeycloakWithoutGroupsOfOrganizations",
		"credential-failures": "TestSecurity_36_AFloodWithoutACredential", "rate-limited": "TestSecurity_36_ANoisyTenantSlowsOnlyItself",
		"bodies-under-way": "TestSecurity_45_AllBodiesTakeHalfOfTheMemory",
	}
	for test, codes := range map[string]string{
		"TestTheRemediesOfErrors": "credential-expired credential-lacks-scope endpoint-paused endpoint-read-only value-taken value-refused-by-realm realm-unfit " +
			"keycloak-denies stored-value-damaged member-unknown",
		"TestTheRemediesOfAccountsAndGroups": "external-id-taken domain-not-verified account-protected account-not-owned account-not-created-here account-shared " +
			"account-managed account-adopted-in-parts group-not-created-here organization-disabled group-kept group-has-subgroups",
	} {
		for code := range strings.FieldsSeq(codes) {
			out[code] = test
		}
	}
	return out
}

// answered sends a correct request to a tenant of the tolerant profile. ID and GROUP are as in tolerant.
func answered(method, path, body string) remedied {
	return func(t *testing.T, s sharedBridges) {
		t.Helper()
		ids := s.ids[s.tolerant.Realm]
		s.tolerant.Must(t, method, ids.Replace(path), ids.Replace(body))
	}
}

// answeredStrictly is answered at a tenant of the strict profile, for a user or with a PATCH.
func answeredStrictly(method, path, body string) remedied {
	return func(t *testing.T, s sharedBridges) {
		t.Helper()
		ids := s.ids[s.strict.Realm]
		s.strict.Must(t, method, ids.Replace(path), ids.Replace(strings.Replace(body, "{", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],`, 1)))
	}
}

// carriedOut sends a bulk request. Each of its operations must succeed.
func carriedOut(operations ...string) remedied {
	return func(t *testing.T, s sharedBridges) {
		t.Helper()
		if got := apptest.StatusesOf(s.tolerant.Bulk(t, "", operations...)); strings.Trim(got, "201 ") != "" {
			t.Errorf("the operations are %s", got)
		}
	}
}

// remedies are the remedies of the codes that no other test tries.
func remedies() map[string]remedied {
	list := answered(http.MethodGet, "/Users", "")
	post := func(body string) remedied { return answered(http.MethodPost, "/Users", body) }
	patched := func(operation string) remedied {
		return answered(http.MethodPatch, "/Users/ID", apptest.PatchBody(operation))
	}
	filtered := func(filter string) remedied {
		return func(t *testing.T, s sharedBridges) {
			t.Helper()
			s.tolerant.Must(t, http.MethodGet, "/Users?filter="+url.QueryEscape(filter), "")
		}
	}
	return map[string]remedied{
		"no-endpoint": list, "method-not-allowed": list, "not-supported": answered(http.MethodGet, "/ServiceProviderConfig", ""),
		"credential-missing": list, "credential-malformed": list, "credential-invalid": list, "credential-from-browser": list,
		"credential-keys-unavailable": keysBack,
		"media-type":                  post(`{"userName":"media"}`), "body-too-large": post(`{"userName":"small"}`), "body-too-many-values": post(`{"userName":"fewer"}`),
		"body-malformed": post(`{"userName":"whole"}`), "query-malformed": answered(http.MethodGet, "/Users?count=1", ""),
		"discovery-takes-no-filter": answered(http.MethodGet, "/Schemas", ""), "schemas-wrong": answeredStrictly(http.MethodPost, "/Users", `{"userName":"schemas"}`),

		"attribute-unknown": answeredStrictly(http.MethodPost, "/Users", `{"userName":"known"}`), "attribute-not-stored": post(`{"userName":"stored"}`),
		"attribute-required": post(`{"userName":"required"}`), "attribute-not-removable": patched(`{"op":"replace","path":"active","value":true}`),
		"attribute-immutable": answered(http.MethodPatch, "/Groups/GROUP", apptest.PatchBody(`{"op":"replace","path":"members","value":[{"value":"ID"}]}`)),
		"attribute-read-only": patched(newTitle), "value-wrong": post(`{"userName":"right","active":true}`), "value-not-single": post(`{"userName":"single","phoneNumbers":[{"type":"work","value":"1"}]}`),
		"value-too-long": answered(http.MethodPost, "/Groups", `{"displayName":"`+strings.Repeat("g", 200)+`"}`), "value-too-many": post(`{"userName":"thousand","phoneNumbers":[` + apptest.Joined(1000, `{"value":"#"}`) + `]}`),
		"primary-twice": answeredStrictly(http.MethodPost, "/Users", `{"userName":"primary","emails":[{"value":"a@acme.test","primary":true},{"value":"b@acme.test"}]}`),
		"link-taken":    ownLink, "user-name-not-address": sameAddress, "name-unclear": post(`{"userName":"clear"}`), "name-reserved": post(`{"userName":"services"}`),
		"manager-unknown": answeredStrictly(http.MethodPost, "/Users", `{"userName":"managed","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"ID"}}}`),
		"mapping-rule-fails": func(t *testing.T, _ sharedBridges) {
			t.Helper()
			apptest.NewMappedBridge(t, keycloaktest.NewFake(t).Server()).Create(t, "/Users", `{"userName":"jane","emails":[{"value":"jane@acme.test"}]}`)
		},

		"not-found": post(`{"userName":"anew"}`), "version-changed": readAgain,

		"patch-malformed": patched(`{"op":"remove","path":"title"}`), "patch-too-large": patched(`{"op":"replace","path":"title","value":"t"}`), "path-wrong": patched(newTitle),
		"patch-no-target":     answeredStrictly(http.MethodPut, "/Users/ID", `{"userName":"victim","emails":[{"type":"work","value":"v@acme.test"}]}`),
		"patch-contradiction": patched(`{"op":"add","path":"phoneNumbers[type eq \"work\"]","value":{"type":"work","value":"1"}}`),
		"patch-of-members":    answered(http.MethodPatch, "/Groups/GROUP", apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"ID"}]}`)),

		"filter-malformed": filtered(`userName eq "victim"`), "filter-attribute": filtered(`title eq "t"`), "filter-value": filtered("active eq true"), "filter-too-long": filtered(`userName eq "victim"`),
		"filter-unsupported": answered(http.MethodGet, "/Groups/GROUP", ""), "filter-too-wide": answered(http.MethodGet, "/Groups?filter="+url.QueryEscape(`members.value eq "x" and displayName eq "Team"`), ""),
		"sort-wrong": answered(http.MethodGet, "/Users?sortBy=userName", ""), "cursor-wrong": answered(http.MethodGet, "/Users?cursor=", ""), "cursor-expired": answered(http.MethodGet, "/Users?cursor=", ""),
		"index-being-made": indexMade, "index-memory": filtered(`userName eq "victim"`), "list-unsteady": steady,

		"bulk-operation-malformed": carriedOut(apptest.BulkPost("/Users", "a", `{"userName":"of-bulk"}`)), "bulk-id": carriedOut(apptest.BulkPost("/Users", "a", `{"userName":"bulk-one"}`), apptest.BulkPost("/Users", "b", `{"userName":"bulk-two"}`)),
		"bulk-too-large":          carriedOut(apptest.BulkPost("/Users", "a", `{"userName":"of-several"}`)),
		"bulk-reference-not-made": carriedOut(apptest.BulkPost("/Users", "a", `{"userName":"referred"}`), apptest.BulkPost("/Groups", "g", `{"displayName":"refers","members":[{"value":"bulkId:a"}]}`)),
		"bulk-out-of-time":        carriedOut(apptest.BulkPost("/Users", "a", `{"userName":"in-time"}`)),

		"keycloak-unavailable": outlasts(http.StatusServiceUnavailable), "keycloak-busy": outlasts(http.StatusTooManyRequests), "keycloak-failed": outlasts(http.StatusInternalServerError),
		"store-away": storeBack, "second-writer": aloneAgain, "internal": post(`{"userName":"mended"}`),
	}
}

// TestEveryErrorHasItsRemedyTried: the remedy of each row of the page of errors is tried here, or by the test that
// doneBy names.
func TestEveryErrorHasItsRemedyTried(t *testing.T) {
	t.Parallel()
	rows, err := docs.ErrorRows(apptest.ReadPage(t, "../docs/reference/errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	here, elsewhere, tests, shared := remedies(), doneBy(), apptest.RemedyTests(t), newSharedBridges(t)
	for _, code := range slices.Sorted(maps.Keys(rows)) {
		switch body, named := tests[elsewhere[code]]; {
		case here[code] != nil && elsewhere[code] == "":
			t.Run(code, func(t *testing.T) {
				t.Parallel()
				here[code](t, shared)
			})
		case here[code] != nil || !named || strings.HasPrefix(elsewhere[code], "TestTheRemediesOfErrors") && !strings.Contains(body, code):
			t.Errorf("no test does the remedy of %s, or two do", code)
		}
	}
	if got, want := len(here)+len(elsewhere), len(rows); got != want {
		t.Errorf("there are %d remedies for %d errors", got, want)
	}
}

// keysBack sends an access token when the issuer's keys can be read, to a bridge that then reads them. A bridge that
// failed to read them waits some seconds before it tries again.
func keysBack(t *testing.T, _ sharedBridges) {
	t.Helper()
	b, _, header := issuedBridge(t)
	if status, _, body := apptest.AskWith(t, b, apptest.ListUsers(), []string{header}); status != http.StatusOK {
		t.Errorf("the repetition is %d %s", status, body)
	}
}

// ownLink gives the user another account at the identity provider.
func ownLink(t *testing.T, _ sharedBridges) {
	t.Helper()
	server := keycloaktest.NewFake(t).Server()
	b := apptest.NewMappedBridge(t, server)
	apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+b.Realm+"/users/"+b.MakeAccount(t, "other", true).String()+"/federated-identity/corp", `{"userId":"jane","userName":"jane"}`)
	b.Create(t, "/Users", `{"userName":"jane2"}`)
}

// sameAddress sends the address as userName, where the realm uses addresses as user names.
func sameAddress(t *testing.T, _ sharedBridges) {
	t.Helper()
	server := keycloaktest.NewFake(t).Server()
	p := apptest.Patient{Bridge: apptest.NewBridgeOn(t, server, nil), Server: server}
	p.Set(t, `{"registrationEmailAsUsername":true}`)
	p.Check(t)
	p.Create(t, "/Users", `{"userName":"joe@acme.test","emails":[{"value":"joe@acme.test","primary":true}]}`)
}

// readAgain repeats a change with the current version of the resource.
func readAgain(t *testing.T, s sharedBridges) {
	t.Helper()
	path := s.ids[s.tolerant.Realm].Replace("/Groups/GROUP")
	meta, _ := s.tolerant.Must(t, http.MethodGet, path, "")["meta"].(map[string]any)
	status, _, body := s.tolerant.Raw(t, apptest.BadRequest{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"add","path":"externalId","value":"G"}`), Header: map[string]string{"If-Match": fmt.Sprint(meta["version"])}}, strings.NewReplacer())
	if status >= http.StatusBadRequest {
		t.Errorf("the repetition is %d %s", status, body)
	}
}

// outlasts repeats a request after an outage.
func outlasts(status int) remedied {
	return func(t *testing.T, _ sharedBridges) {
		t.Helper()
		fake := keycloaktest.NewFake(t)
		b := apptest.NewBridgeOn(t, fake.Server(), nil)
		fake.Inject(keycloaktest.Fault{Op: "POST /users", Status: status})
		answerOf(t, b, http.MethodPost, "/Users", `{"userName":"jane"}`)
		fake.ClearFaults()
		b.Create(t, "/Users", `{"userName":"jane"}`)
	}
}

// storeBack repeats a request when the store can be written again.
func storeBack(t *testing.T, _ sharedBridges) {
	t.Helper()
	b, memory := storedBridge(t)
	memory.Fail(errFullDisk)
	answerOf(t, b, http.MethodPost, "/Users", `{"userName":"jane"}`)
	memory.Fail(nil)
	b.Create(t, "/Users", `{"userName":"jane"}`)
}

// aloneAgain restarts the bridge when the other program has stopped.
func aloneAgain(t *testing.T, _ sharedBridges) {
	t.Helper()
	b, memory := secondWriter(t)
	answerOf(t, b, http.MethodPost, "/Users", `{"userName":"jane"}`)
	b = b.Restarted(t, memory)
	b.App.ReadOthers(t.Context(), time.Now())
	b.Create(t, "/Users", `{"userName":"jane"}`)
}

// steady reads a group whose members no longer move.
func steady(t *testing.T, _ sharedBridges) {
	t.Helper()
	fake := keycloaktest.NewFake(t)
	b := apptest.NewBridgeOn(t, fake.Server(), nil)
	team := b.Create(t, "/Groups", `{"displayName":"Team"}`)
	fake.Inject(fullPage("GET /groups/{id}/members", `{"id":"00000000-0000-4000-8000-000000#","username":"u#","enabled":true}`))
	answerOf(t, b, http.MethodGet, "/Groups/"+team, "")
	fake.ClearFaults()
	b.Must(t, http.MethodGet, "/Groups/"+team, "")
}

// indexMade repeats the request until the index is complete.
func indexMade(t *testing.T, s sharedBridges) {
	t.Helper()
	s.tolerant.Indexed(t, "/Users?sortBy=title")
}
