package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/control"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// rowsOf are the rows of requests that a query selects.
func rowsOf(t *testing.T, s store.Store, q store.ActivityQuery) (out []store.Activity) {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for a, err := range s.Activities(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// awaitRows waits until there are so many rows: a client can have a large answer before it is recorded.
func awaitRows(t *testing.T, s store.Store, n int) {
	t.Helper()
	for len(rowsOf(t, s, store.ActivityQuery{})) < n {
		if t.Context().Err() != nil {
			t.Fatal("the rows do not come")
		}
	}
}

// rowsSince are the rows after a number of rows, as "method route type id status code document".
func rowsSince(t *testing.T, s store.Store, n int, names *strings.Replacer) []string {
	t.Helper()
	out := []string{}
	for _, a := range rowsOf(t, s, store.ActivityQuery{})[n:] {
		document, err := json.Marshal(a.Document)
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(a.Method, " ", a.Route, " ", a.Resource.Type, " ", a.Resource.ID, " ", a.Status, " ", a.Code)
		if a.Document != nil {
			text += " " + string(document)
		}
		if a.Lacks != "" {
			text += " lacks " + string(a.Lacks)
		}
		if a.Password {
			text += " password"
		}
		out = append(out, names.Replace(text))
	}
	return out
}

// countsOf are the counts of requests without a row, by tenant and what they count.
func countsOf(t *testing.T, s store.Store) map[string]int64 {
	t.Helper()
	counts, err := s.Counts(t.Context(), store.CountQuery{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for _, c := range counts {
		out[c.Tenant+" "+c.What] += c.N
	}
	return out
}

// TestEachWriteAndEachRefusedRequestHasARow, with what the client sent when it was refused. A read that succeeds is
// only counted.
func TestEachWriteAndEachRefusedRequestHasARow(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), nil, nil)
	s := b.App.Store()
	jane := b.Create(t, "/Users", `{"userName":"jane","title":"Boss","password":"first-Password-1"}`)
	b.Must(t, http.MethodPut, "/Users/"+jane, `{"userName":"jane","title":"Chief"}`)
	team := b.Create(t, "/Groups", `{"displayName":"team"}`)
	names := strings.NewReplacer(jane, "JANE", team, "TEAM")
	b.Must(t, http.MethodPatch, "/Groups/"+team, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+jane+`"}]}`))
	b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"UserName":"JANE","password":"second-Password-2"}`)
	b.Refused(t, http.StatusNotFound, http.MethodPatch, "/Users/"+strings.ToUpper(jane), apptest.PatchBody(`{"op":"replace","path":"unknown[","value":"x"}`))
	b.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/jane@acme.test", "")
	b.Refused(t, http.StatusNotFound, http.MethodDelete, "/Users/"+apptest.AbsentID, "")
	b.Refused(t, http.StatusBadRequest, http.MethodGet, "/Users?filter=userName+eqq+%22jane%22", "")
	if status, _, _ := b.Raw(t, apptest.BadRequest{Method: http.MethodPost, Path: "/Users", Body: `{"userName":"joe"`}, names); status != http.StatusBadRequest {
		t.Errorf("a body that is cut off is %d", status)
	}
	b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName eqq \"jane\""}`)
	b.Must(t, http.MethodGet, "/Users/"+jane, "")
	b.Must(t, http.MethodPost, "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName eq \"jane\""}`)
	b.Must(t, http.MethodDelete, "/Users/"+jane, "")
	want := []string{
		"POST /Users User JANE 201 ",
		"PUT /Users/:id User JANE 200 ",
		"POST /Groups Group TEAM 201 ",
		"PATCH /Groups/:id Group TEAM 204 ",
		`POST /Users User  409 value-taken {"UserName":"JANE"} password`,
		`PATCH /Users/:id User JANE 404 not-found {"Operations":[{"op":"replace","path":"unknown[","value":"x"}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`,
		"GET /Users/:id User  404 not-found",
		"DELETE /Users/:id User " + apptest.AbsentID + " 404 not-found",
		"GET /Users User  400 filter-malformed",
		"POST /Users User  400 body-malformed lacks json",
		"POST /Users/.search User  400 filter-malformed",
		"DELETE /Users/:id User JANE 204 ",
	}
	if diff := cmp.Diff(want, rowsSince(t, s, 0, names)); diff != "" {
		t.Errorf("the rows (-want +got):\n%s", diff)
	}
	if got := countsOf(t, s)[b.Path(t)+" "+store.Reads]; got != 2 {
		t.Errorf("%d reads are counted, want 2", got)
	}
	changes := map[string]bool{"": true}
	for _, e := range entriesOf(t, s) {
		changes[string(e.ID)] = true
	}
	for i, a := range rowsOf(t, s, store.ActivityQuery{}) {
		writes := strings.HasSuffix(want[i], " ")
		if (a.Change != "") != (writes || i == 4) || !changes[string(a.Change)] {
			t.Errorf("%s has the change %q", want[i], a.Change)
		}
		if a.Tenant != b.Path(t) || a.Realm != b.Realm || a.Actor.Kind != "client" || a.Actor.Name != "idp" || a.Actor.KeyID == "" || a.Origin != "request" || a.At.IsZero() || a.Took <= 0 {
			t.Errorf("the row is %+v", a)
		}
		if writes && (a.Calls == 0 || a.Size == 0 && a.Method != http.MethodDelete) {
			t.Errorf("the row has %d calls and %d bytes: %+v", a.Calls, a.Size, a)
		}
		if (a.Detail != "") != (a.Document != nil && !a.Password) {
			t.Errorf("the row has the detail %q", a.Detail)
		}
	}
	files := fileOf(t, b)
	for _, secret := range []string{"first-Password-1", "second-Password-2", "jane", "JANE", "unknown["} {
		if bytes.Contains(files, []byte(secret)) {
			t.Errorf("the files of the store show %q", secret)
		}
	}
}

// fileOf has the bytes of the files of a bridge's store.
func fileOf(t *testing.T, b apptest.Bridge) []byte {
	t.Helper()
	var out []byte
	for _, name := range []string{b.Config.Store.SQLite.File, b.Config.Store.SQLite.File + "-wal"} {
		data, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		out = append(out, data...)
	}
	if len(out) == 0 {
		t.Fatal("the store has no file")
	}
	return out
}

// TestABulkRequestHasARow, and each of its operations that was refused or failed has one with its data.
func TestABulkRequestHasARow(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	before := len(rowsOf(t, b.memory, store.ActivityQuery{}))
	names := strings.NewReplacer(b.jane, "JANE", b.team, "TEAM")
	b.Bulk(t, "",
		apptest.BulkPost("/Users", "a", `{"userName":"new"}`),
		apptest.BulkPost("/Users", "b", `{"userName":"jane","password":"secret-Password-3"}`),
		apptest.BulkPost("/Groups", "c", `{"displayName":"friends","members":[{"value":"bulkId:b"}]}`),
		`{"method":"PATCH","path":"/Users/`+b.jane+`","data":`+apptest.PatchBody(`{"op":"replace","path":"active","value":"maybe"}`)+`}`,
		`{"method":"DELETE","path":"/Groups/`+apptest.AbsentID+`"}`,
		`{"method":"PUT","path":"/Pets/1","data":{"name":"rex"}}`,
	)
	awaitRows(t, b.memory, before+6)
	want := []string{
		"PUT    404 no-endpoint lacks nobody",
		"DELETE /Groups/:id Group " + apptest.AbsentID + " 404 not-found",
		`PATCH /Users/:id User JANE 400 value-wrong {"Operations":[{"op":"replace","path":"active","value":"maybe"}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`,
		`POST /Groups Group  409 bulk-reference-not-made {"displayName":"friends","members":[{"value":"bulkId:b"}]}`,
		`POST /Users User  409 value-taken {"userName":"jane"} password`,
		"POST /Bulk   200 ",
	}
	if diff := cmp.Diff(want, rowsSince(t, b.memory, before, names)); diff != "" {
		t.Errorf("the rows (-want +got):\n%s", diff)
	}
	rows := rowsOf(t, b.memory, store.ActivityQuery{})[before:]
	whole := rows[len(rows)-1]
	if whole.Failed != 5 || whole.Of != "" || whole.Origin != "request" || whole.Change == "" {
		t.Errorf("the row of the request is %+v", whole)
	}
	for _, a := range rows[:len(rows)-1] {
		if a.Of != whole.ID || a.Origin != "bulk" || (a.Change != "") != (a.Code == "value-taken") { // Keycloak refused this change
			t.Errorf("the row of an operation is %+v", a)
		}
	}
	many := make([]string, 70)
	for i := range many {
		many[i] = apptest.BulkPost("/Users", fmt.Sprint("n", i), `{"userName":"jane"}`)
	}
	b.Bulk(t, "", many...)
	awaitRows(t, b.memory, before+len(want)+51)
	rows = rowsOf(t, b.memory, store.ActivityQuery{})[before+len(want):]
	if last := rows[len(rows)-1]; len(rows) != 51 || last.Failed != 70 {
		t.Errorf("a request with 70 operations that failed has %d rows, and tells of %d", len(rows), last.Failed)
	}
	b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":{"userName":"jane","password":"secret-Password-3"}}`)
	last := rowsOf(t, b.memory, store.ActivityQuery{Newest: true, Limit: 1})[0]
	if last.Route != "/Bulk" || last.Status != 400 || !last.Password || len(last.Document) == 0 {
		t.Errorf("the row of a bulk request that was refused is %+v", last)
	}
	if text := fmt.Sprint(rowsOf(t, b.memory, store.ActivityQuery{})); strings.Contains(text, "secret-Password-3") {
		t.Error("a row has a password")
	}
}

// TestRequestsOfTheOperatorHaveARow with the operator as the actor.
func TestRequestsOfTheOperatorHaveARow(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	file := b.Controlled(t)
	operator := apptest.Bridge{Client: &client.Client{Base: control.Root(b.Path(t)), HTTP: apptest.Control(t, file).HTTP()}}
	operator.Create(t, "/Users", `{"userName":"imported"}`)
	row := rowsOf(t, b.memory, store.ActivityQuery{Newest: true, Limit: 1})[0]
	if row.Actor.Kind != "operator" || row.Actor.Name != "operator" || row.Actor.KeyID != "" || row.Origin != "import" || row.Tenant != b.Path(t) || row.Change == "" {
		t.Errorf("the row is %+v", row)
	}
}

// TestRequestsWithoutAGoodCredentialAreOnlyCounted, by the tenant when it exists and by the reason.
func TestRequestsWithoutAGoodCredentialAreOnlyCounted(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	before := len(rowsOf(t, b.memory, store.ActivityQuery{}))
	for i := range 30 {
		b.With("wrong").Refused(t, http.StatusUnauthorized, http.MethodPost, "/Users", `{"userName":"flood"}`)
		unknown := &client.Client{Base: strings.Replace(b.Base, "/realms/"+b.Realm, fmt.Sprintf("/realms/invented-%d", i), 1), Token: b.Token, HTTP: http.DefaultClient}
		apptest.Bridge{Client: unknown}.Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	}
	b.With("").Refused(t, http.StatusUnauthorized, http.MethodGet, "/Users", "")
	b.Refused(t, http.StatusNotFound, http.MethodGet, "/Invented", "")
	response, err := http.Get(b.Base + "/ServiceProviderConfig")
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response, err)
	}
	response.Body.Close()
	if got := rowsOf(t, b.memory, store.ActivityQuery{})[before:]; len(got) > 0 {
		t.Errorf("there are %d rows, such as %+v", len(got), got[0])
	}
	want := map[string]int64{
		b.Path(t) + " credential-invalid": 30, " credential-invalid": 30, b.Path(t) + " credential-missing": 1, " no-endpoint": 1, " read": 1,
	}
	if diff := cmp.Diff(want, countsOf(t, b.memory)); diff != "" {
		t.Errorf("the counts (-want +got):\n%s", diff)
	}
}

// TestAHostileBodyIsNotKept: one that is too large, too deep or no JSON. The row says so.
func TestAHostileBodyIsNotKept(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	before := len(rowsOf(t, b.memory, store.ActivityQuery{}))
	send := func(body string) {
		t.Helper()
		if status, _, text := b.send(t, apptest.BadRequest{Method: http.MethodPost, Path: "/Users", Body: body}); status < 400 {
			t.Errorf("a hostile body is %d %s", status, text)
		}
	}
	send(`{"userName":"jane","x":"` + strings.Repeat("x", 10<<20) + `"}`)
	send(`{"userName":"jane","x":"` + strings.Repeat("x", store.MaxDocument) + `"}`)
	send(`{"userName":"jane","x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`)
	send("{\"userName\":\"jane\xff\"}")
	send(`[1,2]`)
	send(``)
	send(`{"displayName":"Jane Doe"}`)
	want := []string{
		"POST /Users User  413 body-too-large lacks size",
		"POST /Users User  400 value-too-long lacks size",
		"POST /Users User  400 body-malformed lacks json",
		"POST /Users User  400 body-malformed lacks json",
		"POST /Users User  400 body-malformed lacks json",
		"POST /Users User  400 body-malformed",
		"POST /Users User  400 attribute-required lacks nobody",
	}
	if diff := cmp.Diff(want, rowsSince(t, b.memory, before, strings.NewReplacer())); diff != "" {
		t.Errorf("the rows (-want +got):\n%s", diff)
	}
	if size := rowsOf(t, b.memory, store.ActivityQuery{})[before].Size; size != 10<<20+26 {
		t.Errorf("the first body had %d bytes", size)
	}
}

// TestAStoreThatFailsCostsNoRequest: the answers stay, and the rows that are missing are counted, shown and logged.
func TestAStoreThatFailsCostsNoRequest(t *testing.T) {
	t.Parallel()
	b := newStoredBridge(t)
	before := len(rowsOf(t, b.memory, store.ActivityQuery{}))
	b.memory.Fail(errDisk)
	b.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+apptest.AbsentID, "")
	b.Must(t, http.MethodGet, "/Users/"+b.jane, "")
	b.Must(t, http.MethodDelete, "/Users/"+b.jane, "")
	b.memory.Fail(nil)
	for range 2 {
		b.App.KeepStore(t.Context(), time.Now())
	}
	if got := b.logged("requests are missing in the activity"); got != 1 {
		t.Errorf("the log tells %d times that requests are missing", got)
	}
	for name, want := range map[string]string{"scim_bridge_store_activity_rows": fmt.Sprint(" ", before), "scim_bridge_store_activity_dropped_total": " 2"} {
		if got := b.Metric(t, name); !strings.HasSuffix(got, want) {
			t.Errorf("the metric is %q, want%s", got, want)
		}
	}
}

// TestAForgottenPersonIsInNoRequest, by each name that the refused request had.
func TestAForgottenPersonIsInNoRequest(t *testing.T) {
	t.Parallel()
	b := apptest.NewStoredBridge(t, keycloaktest.NewFake(t).Server(), nil, nil)
	s := b.App.Store()
	b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{"userName":"jane","active":"maybe","emails":[{"value":"jane@acme.test"}]}`)
	for _, person := range []store.Person{{UserName: "Jane"}, {Address: "JANE@acme.test"}, store.AnyOf("jane")} {
		if got := rowsOf(t, s, store.ActivityQuery{Person: &person}); len(got) != 1 || got[0].Document == nil {
			t.Errorf("%+v has the rows %+v", person, got)
		}
	}
	if n, err := s.Forget(t.Context(), store.Person{Address: "jane@acme.test"}); n != 1 || err != nil {
		t.Errorf("%d rows were erased, %v", n, err)
	}
	if got := rowsOf(t, s, store.ActivityQuery{}); len(got) != 1 || !got[0].Erased || got[0].Document != nil || got[0].Detail != "" {
		t.Errorf("the rows are %+v", got)
	}
}
