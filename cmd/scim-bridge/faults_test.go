package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

const createJane = `{"userName":"jane","title":"t"}`

// TestAFaultOfKeycloakIsAnOutageAndNeverAWrongAnswer: whatever Keycloak does, the
// client is told to come back, and finds what it would have found.
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
		"a page of HTML for a create":            {keycloaktest.HTML("POST /users", 201), "POST", "/Users", createJane, 503, time.Second},
		"503 with HTML":                          {keycloaktest.HTML("GET /users/count", 503), "GET", "/Users", "", 503, time.Second},
		"a redirect to a login page":             {keycloaktest.Fault{Op: "GET /users", Status: 302, Header: http.Header{"Location": {"/login"}}}, "GET", "/Users?filter=userName+eq+%22jane%22", "", 503, time.Second},
		"502":                                    {answer("GET /users", 502), "GET", "/Users", "", 503, time.Second},
		"429 keeps its Retry-After":              {answer("GET /users", 429), "GET", "/Users", "", 429, 7 * time.Second},
		"403: the bridge lacks a right":          {answer("GET /users", 403), "GET", "/Users", "", 503, time.Second},
		"500":                                    {answer("GET /users", 500), "GET", "/Users", "", 500, 0},
		"half an answer":                         {keycloaktest.Fault{Op: "GET /users", Torn: true, Stage: keycloaktest.After}, "GET", "/Users?filter=userName+eq+%22jane%22", "", 503, time.Second},
		"a lost connection":                      {keycloaktest.Fault{Op: "GET /users", Drop: true}, "GET", "/Users?filter=userName+eq+%22jane%22", "", 503, time.Second},
		"201 without a Location":                 {keycloaktest.Fault{Op: "POST /users", Status: 201}, "POST", "/Users", createJane, 503, time.Second},
		"the token endpoint answers 503":         {answer("POST /token", 503), "GET", "/Users", "", 503, time.Second},
		"a user profile that refuses two fields": {keycloaktest.Fault{Op: "POST /users", Status: 400, Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"errors":[{"field":"email","errorMessage":"error-invalid-email"},{"field":"username","errorMessage":"error-username-invalid-character"}]}`}, "POST", "/Users", createJane, 400, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newCallBridge(t)
			if c.fault.Op == "POST /token" {
				b.fake.RevokeTokens()
			}
			b.fake.Inject(c.fault)
			_, err := b.send(t, c.method, c.url, c.body)
			checkFault(t, err, c.status, c.retry)
			b.fake.ClearFaults()
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

// TestALostAnswerToACreateIsNotSentAgain: Keycloak made the user and the answer was
// lost; the client is told to come back, finds the user, and there is one of it.
func TestALostAnswerToACreateIsNotSentAgain(t *testing.T) {
	t.Parallel()
	b := newCallBridge(t)
	b.fake.Inject(keycloaktest.Fault{Op: "POST /users", Drop: true, Stage: keycloaktest.After})
	calls := b.calls(func() {
		if _, err := b.send(t, http.MethodPost, "/Users", createJane); client.StatusOf(err) != 503 {
			t.Errorf("POST = %v, want 503", err)
		}
	})
	if len(calls) != 1 || calls[0] != "POST /users" {
		t.Errorf("calls = %v, want one POST", calls)
	}
	b.fake.ClearFaults()
	found, err := b.Find(t.Context(), "/Users", `userName eq "jane"`, "")
	if err != nil || len(found) != 1 || found[0]["title"] != "t" {
		t.Errorf("Find = %v, %v, want the one user, whole", found, err)
	}
	if _, err := b.send(t, http.MethodPost, "/Users", createJane); client.StatusOf(err) != 409 {
		t.Errorf("a second POST = %v, want 409", err)
	}
}

// TestARevokedTokenIsRenewedOnce: no request fails, and the write happens once.
func TestARevokedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	b := newCallBridge(t)
	b.fake.RevokeTokens()
	b.fake.ResetCalls()
	b.create(t, "/Users", createJane)
	b.create(t, "/Users", `{"userName":"john"}`)
	want := []string{"POST /users", "POST /token", "POST /users", "POST /users"}
	if got := b.fake.Calls(); !slices.Equal(got, want) {
		t.Errorf("calls = %v, want %v", got, want)
	}
}

// TestKeycloakThatDoesNotAnswerIsA503InTime: the request's own deadline ends it.
func TestKeycloakThatDoesNotAnswerIsA503InTime(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := callBridge{fake: fake, testBridge: newBridgeOn(t, fake.Server(), func(c *config.Config) {
		c.Server.RequestTimeout = config.Duration(300 * time.Millisecond)
	})}
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	fake.Inject(keycloaktest.Fault{Op: "GET /users/{id}", Hold: never})
	id := b.create(t, "/Users", createJane)
	_, err := b.send(t, http.MethodGet, "/Users/"+id, "")
	checkFault(t, err, 503, time.Second)
}

// TestKeycloakDown: no connection is answered any more, and then they are again.
func TestKeycloakDown(t *testing.T) {
	t.Parallel()
	b := newCallBridge(t)
	id := b.create(t, "/Users", createJane)
	b.fake.Inject(keycloaktest.Fault{Drop: true})
	for _, path := range []string{"/Users", "/Users/" + id, "/Groups", `/Users?filter=userName+eq+%22jane%22`} {
		_, err := b.send(t, http.MethodGet, path, "")
		checkFault(t, err, 503, time.Second)
	}
	b.fake.ClearFaults()
	b.must(t, http.MethodGet, "/Users/"+id, "")
}

// TestABridgeThatStartsBeforeKeycloakHeals: it answers 503 until it could look at the
// realm, and needs no restart.
func TestABridgeThatStartsBeforeKeycloakHeals(t *testing.T) {
	t.Parallel()
	b := newCallBridge(t)
	b.fake.Inject(keycloaktest.Fault{Drop: true})
	a := newTestApp(t, b.config)
	if a.Watcher.Look(t.Context()) {
		t.Error("a realm that nobody could look at counts as fit")
	}
	early := serveHandler(t, newListener(), a.Handler, b.testBridge)
	_, err := early.Do(t.Context(), http.MethodPost, "/Users", json.RawMessage(createJane))
	checkFault(t, err, 503, time.Second)
	b.fake.ClearFaults()
	if !a.Watcher.Look(t.Context()) {
		t.Error("the realm does not count as fit though Keycloak is back")
	}
	if _, err := early.Do(t.Context(), http.MethodPost, "/Users", json.RawMessage(createJane)); err != nil {
		t.Errorf("POST after the outage: %v", err)
	}
}

// TestAGroupWhoseMembersCannotBeAddedIsRemovedAgain: no half-made group is left.
func TestAGroupWhoseMembersCannotBeAddedIsRemovedAgain(t *testing.T) {
	t.Parallel()
	b := newCallBridge(t)
	one, two := b.create(t, "/Users", createJane), b.create(t, "/Users", `{"userName":"john"}`)
	b.fake.Inject(keycloaktest.Fault{Op: "PUT /users/{id}/groups/{group}", Nth: 2, Status: 500})
	_, err := b.send(t, http.MethodPost, "/Groups", `{"displayName":"g","members":[{"value":"`+one+`"},{"value":"`+two+`"}]}`)
	checkFault(t, err, 500, 0)
	b.fake.ClearFaults()
	found, err := b.Find(t.Context(), "/Groups", `displayName eq "g"`, "")
	if err != nil || len(found) != 0 {
		t.Errorf("Find = %v, %v, want no group", found, err)
	}
}

// TestAGroupThatTakesTooLong for one request is made by several: what was added stays, and the
// next POST goes on.
func TestAGroupThatTakesTooLong(t *testing.T) {
	t.Parallel()
	b := newCallBridge(t)
	ids := b.people(t, 100, "p")
	body := `{"displayName":"large","members":` + memberList(ids) + `}`
	b.fake.Inject(keycloaktest.Fault{Op: "PUT /users/{id}/groups/{group}", From: 85, Drop: true})
	detail := b.refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Groups", body)
	if !strings.Contains(detail, "changes were made and stay, repeating the request makes the others") {
		t.Errorf("the detail does not say what to do: %s", detail)
	}
	b.fake.ClearFaults()
	var group map[string]any
	joins := 0
	for _, call := range b.calls(func() { group = b.must(t, http.MethodPost, "/Groups", body) }) {
		if call == "PUT /users/{id}/groups/{group}" {
			joins++
		}
	}
	if joins == 0 || joins > 16 || len(memberIDs(group)) != 100 {
		t.Errorf("the repetition added %d members, and %d are there", joins, len(memberIDs(group)))
	}
}

// TestAnInterruptedChangeSaysWhatWasDone, and repeating it makes the rest.
func TestAnInterruptedChangeSaysWhatWasDone(t *testing.T) {
	t.Parallel()
	b := newCallBridge(t)
	ids := []string{b.create(t, "/Users", createJane), b.create(t, "/Users", `{"userName":"john"}`), b.create(t, "/Users", `{"userName":"jack"}`)}
	group := b.create(t, "/Groups", `{"displayName":"g"}`)
	body := `{"Operations":[{"op":"add","path":"members","value":["` + strings.Join(ids, `","`) + `"]}]}`
	b.fake.Inject(keycloaktest.Fault{Op: "PUT /users/{id}/groups/{group}", Nth: 2, Drop: true})
	_, err := b.send(t, http.MethodPatch, "/Groups/"+group, body)
	checkFault(t, err, 503, time.Second)
	if !strings.Contains(err.Error(), "2 of 3 changes") {
		t.Errorf("the detail %q does not say what was done", err)
	}
	b.fake.ClearFaults()
	b.must(t, http.MethodPatch, "/Groups/"+group, body)
	got := b.must(t, http.MethodGet, "/Groups/"+group, "")
	if members, _ := got["members"].([]any); len(members) != 3 {
		t.Errorf("members = %v, want all three", got["members"])
	}
}

// TestDeactivationThatTheProfileRefusesStillEndsAccess: the answer is an error, and
// the sessions are gone.
func TestDeactivationThatTheProfileRefusesStillEndsAccess(t *testing.T) {
	t.Parallel()
	b := newCallBridge(t)
	id := b.create(t, "/Users", createJane)
	b.fake.Inject(keycloaktest.Fault{
		Op: "PUT /users/{id}", Status: 400, Header: http.Header{"Content-Type": {"application/json"}},
		Body: `{"field":"req","errorMessage":"error-user-attribute-required","params":["req"]}`,
	})
	calls := b.calls(func() {
		_, err := b.send(t, http.MethodPatch, "/Users/"+id, `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
		checkFault(t, err, 400, 0)
	})
	if !slices.Contains(calls, "POST /users/{id}/logout") {
		t.Errorf("calls = %v, want a logout", calls)
	}
}
