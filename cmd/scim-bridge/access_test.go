package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// token asks a token endpoint and returns the status and the answer's text members.
func token(t *testing.T, server keycloaktest.Server, realm string, form url.Values) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/realms/"+realm+"/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, _, body := exchange(t, req)
	answer := map[string]any{}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	return status, answer
}

// TestDeactivationEndsAccessForGood on the real Keycloak: neither an online nor an
// offline session lives on when the user is activated again.
func TestDeactivationEndsAccessForGood(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := newBridge(t, nil)
	created, err := b.send(t, http.MethodPost, "/Users", `{"userName":"jane","name":{"givenName":"J","familyName":"D"},"emails":[{"value":"jane@acme.test","primary":true}]}`)
	if err != nil {
		t.Fatal(err)
	}
	id := created["id"].(string)
	adminPut(t, server, "/admin/realms/"+b.realm+"/users/"+id+"/reset-password", `{"type":"password","temporary":false,"value":"s3cret"}`)
	login := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"jane"}, "password": {"s3cret"}}
	sessions := map[string]string{}
	for name, scope := range map[string]string{"online": "openid", "offline": "openid offline_access"} {
		login.Set("scope", scope)
		status, answer := token(t, server, b.realm, login)
		if status != http.StatusOK {
			t.Fatalf("%s login = %d %v", name, status, answer)
		}
		sessions[name], _ = answer["refresh_token"].(string)
	}
	refresh := func(name string) int {
		status, _ := token(t, server, b.realm, url.Values{"grant_type": {"refresh_token"}, "client_id": {"admin-cli"}, "refresh_token": {sessions[name]}})
		return status
	}
	for name := range sessions {
		if status := refresh(name); status != http.StatusOK {
			t.Fatalf("%s refresh before = %d, want 200", name, status)
		}
	}
	for _, active := range []string{"False", "True"} {
		if _, err := b.send(t, http.MethodPatch, "/Users/"+id, `{"Operations":[{"op":"Replace","path":"active","value":"`+active+`"}]}`); err != nil {
			t.Fatal(err)
		}
		for name := range sessions {
			if status := refresh(name); status == http.StatusOK {
				t.Errorf("the %s session lives on after active=%s", name, active)
			}
		}
	}
	login.Set("scope", "openid")
	if status, answer := token(t, server, b.realm, login); status != http.StatusOK {
		t.Errorf("a login after the activation = %d %v, want 200", status, answer)
	}
}
