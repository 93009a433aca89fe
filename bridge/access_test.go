package bridge_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
)

// TestDeactivationEndsAccessForGood on the real Keycloak: no online or offline session works again when the user is
// activated again.
func TestDeactivationEndsAccessForGood(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridge(t, nil)
	server := b.Server
	created, err := b.Send(t, http.MethodPost, "/Users", `{"userName":"jane","name":{"givenName":"J","familyName":"D"},"emails":[{"value":"jane@acme.test","primary":true}]}`)
	if err != nil {
		t.Fatal(err)
	}
	id := created["id"].(string)
	apptest.AdminPut(t, server, "/admin/realms/"+b.Realm+"/users/"+id+"/reset-password", `{"type":"password","temporary":false,"value":"s3cret"}`)
	login := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"jane"}, "password": {"s3cret"}}
	sessions := map[string]string{}
	for name, scope := range map[string]string{"online": "openid", "offline": "openid offline_access"} {
		login.Set("scope", scope)
		status, answer := apptest.AskToken(t, server, b.Realm, login)
		if status != http.StatusOK {
			t.Fatalf("%s login = %d %v", name, status, answer)
		}
		sessions[name], _ = answer["refresh_token"].(string)
	}
	refresh := func(name string) int {
		status, _ := apptest.AskToken(t, server, b.Realm, url.Values{"grant_type": {"refresh_token"}, "client_id": {"admin-cli"}, "refresh_token": {sessions[name]}})
		return status
	}
	for name := range sessions {
		if status := refresh(name); status != http.StatusOK {
			t.Fatalf("%s refresh before = %d, want 200", name, status)
		}
	}
	for _, active := range []string{"False", "True"} {
		if _, err := b.Send(t, http.MethodPatch, "/Users/"+id, `{"Operations":[{"op":"Replace","path":"active","value":"`+active+`"}]}`); err != nil {
			t.Fatal(err)
		}
		for name := range sessions {
			if status := refresh(name); status == http.StatusOK {
				t.Errorf("the %s session lives on after active=%s", name, active)
			}
		}
	}
	login.Set("scope", "openid")
	if status, answer := apptest.AskToken(t, server, b.Realm, login); status != http.StatusOK {
		t.Errorf("a login after the activation = %d %v, want 200", status, answer)
	}
}
