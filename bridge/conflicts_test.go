package bridge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
)

// TestAConflictNamesAllThatIsTaken: Keycloak reports only the address when the user name is taken too.
func TestAConflictNamesAllThatIsTaken(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			b.Create(t, "/Users", `{"userName":"jane","emails":[{"value":"jane@acme.test","primary":true}]}`)
			b.Create(t, "/Users", `{"userName":"joe","emails":[{"value":"joe@acme.test","primary":true}]}`)
			ann := b.Create(t, "/Users", `{"userName":"ann","emails":[{"value":"ann@acme.test","primary":true}]}`)
			const both, address, user = "userName and the primary e-mail address are in use", "the primary e-mail address is in use", "userName is in use"
			for _, c := range []struct{ method, path, body, want string }{
				{http.MethodPost, "/Users", `{"userName":"jane","emails":[{"value":"jane@acme.test","primary":true}]}`, both},
				{http.MethodPost, "/Users", `{"userName":"JANE","emails":[{"value":"joe@acme.test","primary":true}]}`, both},
				{http.MethodPost, "/Users", `{"userName":"new","emails":[{"value":"jane@acme.test","primary":true}]}`, address},
				{http.MethodPost, "/Users", `{"userName":"jane","emails":[{"value":"new@acme.test","primary":true}]}`, user},
				{http.MethodPut, "/Users/" + ann, `{"userName":"jane","emails":[{"value":"joe@acme.test","primary":true}]}`, both},
				{http.MethodPut, "/Users/" + ann, `{"userName":"ann","emails":[{"value":"joe@acme.test","primary":true}]}`, address},
				{http.MethodPut, "/Users/" + ann, `{"userName":"ANN","emails":[{"value":"joe@acme.test","primary":true}]}`, address},
				{http.MethodPatch, "/Users/" + ann, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"userName","value":"joe"}]}`, user},
			} {
				if got := b.Refused(t, http.StatusConflict, c.method, c.path, c.body); !strings.HasPrefix(got, c.want) {
					t.Errorf("%s %s is refused with %q, want %q", c.method, c.body, got, c.want)
				}
			}
		})
	}
}
