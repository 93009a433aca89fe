package bridge_test

import (
	"net/http"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestARemovalOfActiveChangesNobody: every form of it is refused, for active and inactive users, together with the rest
// of the request.
func TestARemovalOfActiveChangesNobody(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	for name, active := range map[string]string{"ann": "true", "bob": "false"} {
		id := b.Create(t, "/Users", `{"userName":"`+name+`","active":`+active+`}`)
		for _, op := range []string{
			`{"op":"remove","path":"active"}`, `{"op":"replace","path":"active","value":null}`, `{"op":"replace","path":"active","value":""}`, `{"op":"replace","value":{"active":null}}`,
			`{"op":"replace","path":"urn:ietf:params:scim:schemas:core:2.0:User:active","value":[]}`, `{"op":"remove","path":"active","value":true}`,
		} {
			b.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"add","path":"title","value":"t"},`+op))
		}
		got := b.Must(t, http.MethodGet, "/Users/"+id, "")
		if got["active"] != (active == "true") || got["title"] != nil {
			t.Errorf("%s is %v, want active %s and nothing else changed", name, got, active)
		}
	}
}
