package bridge_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

const (
	readUser, readRights, writeUser = "GET /users/{id}", "GET /users/{id}/role-mappings/clients/{client}/composite", "PUT /users/{id}"
	endSessions, listOffline        = "POST /users/{id}/logout", "GET /users/{id}/consents"
	endOffline                      = "DELETE /users/{id}/consents/{client}"
)

// leaver is a user of a bridge with offline sessions.
type leaver struct {
	apptest.Bridge
	proxy  *keycloaktest.Proxy
	id     string
	tokens map[string]string // by client
}

// newLeaver makes a user who has an offline session at each of some clients.
func newLeaver(t *testing.T, clients int) leaver {
	t.Helper()
	server := keycloaktest.Real(t)
	l := leaver{proxy: keycloaktest.NewProxy(t, server), tokens: map[string]string{}}
	l.Bridge = apptest.NewBridgeOn(t, l.proxy.Server(), nil)
	l.id = l.Create(t, "/Users", `{"userName":"jane","name":{"givenName":"J","familyName":"D"},"emails":[{"value":"jane@acme.test","primary":true}]}`)
	realm := "/admin/realms/" + l.Realm
	apptest.AdminPut(t, server, realm+"/users/"+l.id+"/reset-password", `{"type":"password","temporary":false,"value":"s3cret"}`)
	for i := range clients {
		l.tokens[fmt.Sprintf("app%d", i)] = ""
		apptest.AdminSend(t, server, http.MethodPost, realm+"/clients", fmt.Sprintf(`{"clientId":"app%d","publicClient":true,"directAccessGrantsEnabled":true}`, i))
	}
	return l
}

// login gives the user an offline session at each client.
func (l leaver) login(t *testing.T) {
	t.Helper()
	for client := range l.tokens {
		status, answer := apptest.AskToken(t, l.proxy.Server(), l.Realm, url.Values{
			"grant_type": {"password"}, "client_id": {client}, "username": {"jane"}, "password": {"s3cret"}, "scope": {"openid offline_access"},
		})
		if l.tokens[client], _ = answer["refresh_token"].(string); status != http.StatusOK {
			t.Fatalf("a login = %d %v", status, answer)
		}
	}
}

// set sends a PATCH of active and returns the calls to Keycloak that it makes, in their order.
func (l leaver) set(t *testing.T, active bool) []string {
	t.Helper()
	l.proxy.ResetCalls()
	l.Must(t, http.MethodPatch, "/Users/"+l.id, apptest.PatchBody(fmt.Sprintf(`{"op":"replace","path":"active","value":%t}`, active)))
	return slices.DeleteFunc(l.proxy.Calls(), func(c string) bool { return c == "POST /token" })
}

// alive are the clients whose offline token still gives an access token.
func (l leaver) alive(t *testing.T) []string {
	t.Helper()
	var out []string
	for client, text := range l.tokens {
		status, _ := apptest.AskToken(t, l.proxy.Server(), l.Realm, url.Values{"grant_type": {"refresh_token"}, "client_id": {client}, "refresh_token": {text}})
		if status == http.StatusOK {
			out = append(out, client)
		}
	}
	return out
}

// together holds a call until another call arrives, which happens only when both are made at the same time.
func (l leaver) together(held, other string) {
	hold, arrived := make(chan struct{}), l.proxy.Inject(keycloaktest.Fault{Op: other})
	l.proxy.Inject(keycloaktest.Fault{Op: held, Hold: hold})
	go func() {
		<-arrived
		close(hold)
	}()
}

// TestCallsOfADeactivation: three calls one after another, and one call for each offline session. The user's rights are
// read while the user is read, and the offline sessions are listed while the online sessions end. Nothing ends before
// the user is disabled. A deletion makes two calls one after another.
func TestCallsOfADeactivation(t *testing.T) {
	t.Parallel()
	l := newLeaver(t, 2)
	l.login(t)
	l.together(readUser, readRights)
	l.together(endSessions, listOffline)
	got := l.set(t, false)
	if len(got) > 5 {
		slices.Sort(got[:2])
		slices.Sort(got[3:5])
	}
	want := []string{readUser, readRights, writeUser, listOffline, endSessions, endOffline, endOffline}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a deactivation makes other calls, or in another order (-want +got):\n%s", diff)
	}
	l.proxy.ClearFaults()
	l.together(endSessions, listOffline)
	got = l.set(t, true)
	if len(got) > 4 {
		slices.Sort(got[2:4])
	}
	if diff := cmp.Diff([]string{readUser, readRights, listOffline, endSessions, writeUser}, got); diff != "" {
		t.Errorf("an activation makes other calls, or in another order (-want +got):\n%s", diff)
	}
	l.proxy.ClearFaults()
	l.together(readUser, readRights)
	l.proxy.ResetCalls()
	l.Must(t, http.MethodDelete, "/Users/"+l.id, "")
	if got = l.proxy.Calls(); len(got) > 2 {
		slices.Sort(got[:2])
	}
	if diff := cmp.Diff([]string{readUser, readRights, "DELETE /users/{id}"}, got); diff != "" {
		t.Errorf("a deletion makes other calls, or in another order (-want +got):\n%s", diff)
	}
}

// TestEveryOfflineSessionEnds, for any number of clients, and also for new sessions.
func TestEveryOfflineSessionEnds(t *testing.T) {
	t.Parallel()
	l := newLeaver(t, 5)
	for range 4 {
		l.login(t)
		if alive := l.alive(t); len(alive) != 5 {
			t.Fatalf("offline sessions before: %v, want five", alive)
		}
		l.login(t) // right before the end
		l.set(t, false)
		l.set(t, true)
		if alive := l.alive(t); len(alive) > 0 {
			t.Fatalf("offline tokens of %v live on", alive)
		}
	}
}

// TestADeactivationThatBrokeOffIsFinishedByTheNext: the account is disabled, and one of the calls that end its sessions
// fails. The same request once more, as the detail says, ends the sessions. So no session continues when somebody
// enables the account in Keycloak.
func TestADeactivationThatBrokeOffIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct{ method, body, fails string }{
		"a PATCH, the online sessions":      {http.MethodPatch, apptest.PatchBody(`{"op":"replace","value":{"active":"False"}}`), endSessions},
		"a PATCH, the list of offline ones": {http.MethodPatch, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`), listOffline},
		"a PUT, an offline session":         {http.MethodPut, `{"userName":"jane","name":{"givenName":"J","familyName":"D"},"emails":[{"value":"jane@acme.test","primary":true}],"active":false}`, endOffline},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLeaver(t, 2)
			l.login(t)
			l.proxy.Inject(keycloaktest.Fault{Op: one.fails, Status: http.StatusInternalServerError})
			if detail := l.Refused(t, http.StatusInternalServerError, one.method, "/Users/"+l.id, one.body); !strings.Contains(detail, "repeat the request to make the others") {
				t.Errorf("the detail is %q", detail)
			}
			l.proxy.ClearFaults()
			l.proxy.ResetCalls()
			l.Must(t, one.method, "/Users/"+l.id, one.body)
			if calls := l.proxy.Calls(); !slices.Contains(calls, endSessions) || !slices.Contains(calls, listOffline) || slices.Contains(calls, writeUser) {
				t.Errorf("the repetition makes the calls %v", calls)
			}
			apptest.AdminPut(t, l.proxy.Server(), "/admin/realms/"+l.Realm+"/users/"+l.id, `{"username":"jane","firstName":"J","lastName":"D","email":"jane@acme.test","enabled":true}`)
			if alive := l.alive(t); len(alive) > 0 {
				t.Errorf("offline tokens of %v live on", alive)
			}
		})
	}
}
