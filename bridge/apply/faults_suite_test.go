package apply_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// TestAFaultOfKeycloakIsAnOutageAndNeverAWrongAnswer: whatever Keycloak does, the answer asks the
// client to try again, and the next attempt finds the right result.
func TestAFaultOfKeycloakIsAnOutageAndNeverAWrongAnswer(t *testing.T) {
	t.Parallel()
	answer := func(op string, status int) keycloaktest.Fault {
		return keycloaktest.Fault{Op: op, Status: status, Header: http.Header{"Retry-After": {"7"}}}
	}
	for name, c := range map[string]struct {
		fault       keycloaktest.Fault
		method, url string
		body        string
		status      int
		retry       time.Duration // at least
	}{
		"a page of HTML for a list":              {keycloaktest.HTML("GET /users", 200), "GET", "/Users?filter=userName+eq+%22jane%22", "", 503, time.Second},
		"a page of HTML for a create":            {keycloaktest.HTML("POST /users", 201), "POST", "/Users", apptest.CreateJane, 503, time.Second},
		"503 with HTML":                          {keycloaktest.HTML("GET /users/count", 503), "GET", "/Users", "", 503, time.Second},
		"a redirect to a login page":             {keycloaktest.Fault{Op: "GET /users", Status: 302, Header: http.Header{"Location": {"/login"}}}, "GET", "/Users?filter=userName+eq+%22jane%22", "", 503, time.Second},
		"502":                                    {answer("GET /users", 502), "GET", "/Users", "", 503, time.Second},
		"429 keeps its Retry-After":              {answer("GET /users", 429), "GET", "/Users", "", 429, 7 * time.Second},
		"403: the bridge lacks a right":          {answer("GET /users", 403), "GET", "/Users", "", 503, time.Second},
		"500":                                    {answer("GET /users", 500), "GET", "/Users", "", 500, 0},
		"half an answer":                         {keycloaktest.Fault{Op: "GET /users", Torn: true, Stage: keycloaktest.After}, "GET", "/Users?filter=userName+eq+%22jane%22", "", 503, time.Second},
		"a lost connection":                      {keycloaktest.Fault{Op: "GET /users", Drop: true}, "GET", "/Users?filter=userName+eq+%22jane%22", "", 503, time.Second},
		"201 without a Location":                 {keycloaktest.Fault{Op: "POST /users", Status: 201}, "POST", "/Users", apptest.CreateJane, 503, time.Second},
		"the token endpoint answers 503":         {answer("POST /token", 503), "GET", "/Users", "", 503, time.Second},
		"a user profile that refuses two fields": {keycloaktest.Fault{Op: "POST /users", Status: 400, Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"errors":[{"field":"email","errorMessage":"error-invalid-email"},{"field":"username","errorMessage":"error-username-invalid-character"}]}`}, "POST", "/Users", apptest.CreateJane, 400, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewCallBridge(t)
			if c.fault.Op == "POST /token" {
				b.Fake.RevokeTokens()
			}
			b.Fake.Inject(c.fault)
			_, err := b.Send(t, c.method, c.url, c.body)
			checkFault(t, err, c.status, c.retry)
			b.Fake.ClearFaults()
			found, err := b.Find(t.Context(), "/Users", `userName eq "jane"`, "")
			if err != nil || len(found) != 0 {
				t.Errorf("afterwards %d users are found, %v, want none", len(found), err)
			}
		})
	}
}

func checkFault(t *testing.T, err error, status int, retry time.Duration) {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Status != status || e.RetryAfter < retry || e.Detail == "" {
		t.Errorf("answer = %+v, want %d with a detail and a Retry-After of %v at least", err, status, retry)
	}
	for _, internal := range []string{"html", "127.0.0.1", "/admin", "panic"} {
		if e != nil && strings.Contains(strings.ToLower(e.Detail), internal) {
			t.Errorf("the detail shows internals: %s", e.Detail)
		}
	}
}

// TestALostAnswerToACreateIsNotSentAgain: Keycloak created the user and the answer was lost. The
// answer asks the client to try again, the client finds the user, and the user exists once.
func TestALostAnswerToACreateIsNotSentAgain(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	b.Fake.Inject(keycloaktest.Fault{Op: "POST /users", Drop: true, Stage: keycloaktest.After})
	calls := b.Calls(func() {
		if _, err := b.Send(t, http.MethodPost, "/Users", apptest.CreateJane); client.StatusOf(err) != 503 {
			t.Errorf("POST = %v, want 503", err)
		}
	})
	if len(calls) != 1 || calls[0] != "POST /users" {
		t.Errorf("calls = %v, want one POST", calls)
	}
	b.Fake.ClearFaults()
	found, err := b.Find(t.Context(), "/Users", `userName eq "jane"`, "")
	if err != nil || len(found) != 1 || found[0]["title"] != "t" {
		t.Errorf("Find = %v, %v, want the one user, whole", found, err)
	}
	if _, err := b.Send(t, http.MethodPost, "/Users", apptest.CreateJane); client.StatusOf(err) != 409 {
		t.Errorf("a second POST = %v, want 409", err)
	}
}

// TestARevokedTokenIsRenewedOnce: no request fails, and the write happens once.
func TestARevokedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	b.Fake.RevokeTokens()
	b.Fake.ResetCalls()
	b.Create(t, "/Users", apptest.CreateJane)
	b.Create(t, "/Users", `{"userName":"john"}`)
	want := []string{"POST /users", "POST /token", "POST /users", "POST /users"}
	if got := b.Fake.Calls(); !slices.Equal(got, want) {
		t.Errorf("calls = %v, want %v", got, want)
	}
}

// TestKeycloakThatDoesNotAnswerIsA503InTime: the request's own deadline ends the request.
func TestKeycloakThatDoesNotAnswerIsA503InTime(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.CallBridge{Fake: fake, Bridge: apptest.NewBridgeOn(t, fake.Server(), func(c *config.Config) {
		c.Server.RequestTimeout = config.Duration(300 * time.Millisecond)
	})}
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	fake.Inject(keycloaktest.Fault{Op: "GET /users/{id}", Hold: never})
	id := b.Create(t, "/Users", apptest.CreateJane)
	_, err := b.Send(t, http.MethodGet, "/Users/"+id, "")
	checkFault(t, err, 503, time.Second)
}

// TestKeycloakDown: connections fail for a time, and then work again.
func TestKeycloakDown(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	id := b.Create(t, "/Users", apptest.CreateJane)
	b.Fake.Inject(keycloaktest.Fault{Drop: true})
	for _, path := range []string{"/Users", "/Users/" + id, "/Groups", `/Users?filter=userName+eq+%22jane%22`} {
		_, err := b.Send(t, http.MethodGet, path, "")
		checkFault(t, err, 503, time.Second)
	}
	b.Fake.ClearFaults()
	b.Must(t, http.MethodGet, "/Users/"+id, "")
}

// TestABridgeThatStartsBeforeKeycloakHeals: it answers 503 until it has read the realm, and needs
// no restart.
func TestABridgeThatStartsBeforeKeycloakHeals(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	b.Fake.Inject(keycloaktest.Fault{Drop: true})
	a := apptest.NewTestApp(t, b.Config)
	if a.Watcher.Check(t.Context()) {
		t.Error("a realm that could not be checked counts as fit")
	}
	early := apptest.ServeHandler(t, apptest.NewListener(), a.Handler, b.Bridge)
	_, err := early.Do(t.Context(), http.MethodPost, "/Users", json.RawMessage(apptest.CreateJane))
	checkFault(t, err, 503, time.Second)
	b.Fake.ClearFaults()
	if !a.Watcher.Check(t.Context()) {
		t.Error("the realm does not count as fit though Keycloak is back")
	}
	if _, err := early.Do(t.Context(), http.MethodPost, "/Users", json.RawMessage(apptest.CreateJane)); err != nil {
		t.Errorf("POST after the outage: %v", err)
	}
}

// TestAGroupWhoseMembersCannotBeAddedIsRemovedAgain: no incomplete group is left.
func TestAGroupWhoseMembersCannotBeAddedIsRemovedAgain(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	one, two := b.Create(t, "/Users", apptest.CreateJane), b.Create(t, "/Users", `{"userName":"john"}`)
	b.Fake.Inject(keycloaktest.Fault{Op: "PUT /users/{id}/groups/{group}", Nth: 2, Status: 500})
	_, err := b.Send(t, http.MethodPost, "/Groups", `{"displayName":"g","members":[{"value":"`+one+`"},{"value":"`+two+`"}]}`)
	checkFault(t, err, 500, 0)
	b.Fake.ClearFaults()
	found, err := b.Find(t.Context(), "/Groups", `displayName eq "g"`, "")
	if err != nil || len(found) != 0 {
		t.Errorf("Find = %v, %v, want no group", found, err)
	}
}

// TestAGroupThatTakesTooLong for one request is created by several requests: added members stay,
// and the next POST continues.
func TestAGroupThatTakesTooLong(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	ids := b.People(t, 100, "p")
	body := `{"displayName":"large","members":` + apptest.MemberList(ids) + `}`
	b.Fake.Inject(keycloaktest.Fault{Op: "PUT /users/{id}/groups/{group}", From: 85, Drop: true})
	detail := b.Refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Groups", body)
	if !strings.Contains(detail, "changes were made and stay, so repeat the request to make the others") {
		t.Errorf("the detail does not say what to do: %s", detail)
	}
	b.Fake.ClearFaults()
	var group map[string]any
	joins := 0
	for _, call := range b.Calls(func() { group = b.Must(t, http.MethodPost, "/Groups", body) }) {
		if call == "PUT /users/{id}/groups/{group}" {
			joins++
		}
	}
	if joins == 0 || joins > 16 || len(apptest.MemberIDs(group)) != 100 {
		t.Errorf("the repetition added %d members, and %d are there", joins, len(apptest.MemberIDs(group)))
	}
}

// TestAnInterruptedChangeSaysWhatWasDone, and a repetition does the rest.
func TestAnInterruptedChangeSaysWhatWasDone(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	ids := []string{b.Create(t, "/Users", apptest.CreateJane), b.Create(t, "/Users", `{"userName":"john"}`), b.Create(t, "/Users", `{"userName":"jack"}`)}
	group := b.Create(t, "/Groups", `{"displayName":"g"}`)
	body := `{"Operations":[{"op":"add","path":"members","value":["` + strings.Join(ids, `","`) + `"]}]}`
	b.Fake.Inject(keycloaktest.Fault{Op: "PUT /users/{id}/groups/{group}", Nth: 2, Drop: true})
	_, err := b.Send(t, http.MethodPatch, "/Groups/"+group, body)
	checkFault(t, err, 503, time.Second)
	if !strings.Contains(err.Error(), "2 of 3 changes") {
		t.Errorf("the detail %q does not say what was done", err)
	}
	b.Fake.ClearFaults()
	b.Must(t, http.MethodPatch, "/Groups/"+group, body)
	got := b.Must(t, http.MethodGet, "/Groups/"+group, "")
	if members, _ := got["members"].([]any); len(members) != 3 {
		t.Errorf("members = %v, want all three", got["members"])
	}
}

// TestDeactivationThatTheProfileRefusesStillEndsAccess: the answer is an error, and
// the sessions are gone.
func TestDeactivationThatTheProfileRefusesStillEndsAccess(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	id := b.Create(t, "/Users", apptest.CreateJane)
	b.Fake.Inject(keycloaktest.Fault{
		Op: "PUT /users/{id}", Status: 400, Header: http.Header{"Content-Type": {"application/json"}},
		Body: `{"field":"req","errorMessage":"error-user-attribute-required","params":["req"]}`,
	})
	calls := b.Calls(func() {
		_, err := b.Send(t, http.MethodPatch, "/Users/"+id, `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
		checkFault(t, err, 400, 0)
	})
	if !slices.Contains(calls, "POST /users/{id}/logout") {
		t.Errorf("calls = %v, want a logout", calls)
	}
}
