package guard_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestSecurity_39_AGroupThatLooksLikeOneOfAPermission: Keycloak compares the paths of groups as
// texts, and a name may contain slashes. No client makes an administrator with a group of such a
// name, and the members of an existing group are protected.
func TestSecurity_39_AGroupThatLooksLikeOneOfAPermission(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		for _, children := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " children=", children), func(t *testing.T) {
				t.Parallel()
				server := start(t)
				b := apptest.NewBridgeOn(t, server, nil)
				b.Permitting(t, server)
				boss := b.MakeAccount(t, "boss", true)
				b.Grant(t, boss, b.KnownRole(t, apptest.ManagementRole("realm-admin")))
				mallory := b.MakeAccount(t, "mallory", true).String()
				helpdesk := b.MakeGroup(t, "helpdesk", b.MakeGroup(t, "ops", keycloak.GroupID{}))
				b.Permission(t, server, usersOf, groupPolicy(t, b, server, "members", helpdesk, children))
				b.Check(t)
				mine := b.Create(t, "/Groups", `{"displayName":"mine"}`)
				form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"mallory"}, "password": {apptest.PasswordBefore}}
				reset := apptest.Request{Method: http.MethodPut, Path: "/users/" + boss.String() + "/reset-password", Body: `{"type":"password","value":"Mine-of-the-attacker-1","temporary":false}`}
				// administers reports whether Keycloak gives her the permission. The fake does not
				// apply permissions.
				administers := func() bool { return name == "real" && b.AdminAs(t, server, form, reset) == http.StatusNoContent }
				alike := map[string]bool{"ops/helpdesk": true, "ops/helpdesk/below": children}
				for _, group := range []string{"ops/helpdesk", "ops/helpdesk/below", "ops/helpdesk-berlin", "helpdesk", "ops/other"} {
					member := `"members":[{"value":"` + mallory + `"}]`
					if alike[group] {
						b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Groups", `{"displayName":"`+group+`",`+member+`}`)
						b.Refused(t, http.StatusBadRequest, http.MethodPut, "/Groups/"+mine, `{"displayName":"`+group+`",`+member+`}`)
						b.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Groups/"+mine, apptest.PatchBody(`{"op":"replace","value":{"displayName":"`+group+`",`+member+`}}`))
					} else if made, err := b.Send(t, http.MethodPost, "/Groups", `{"displayName":"`+group+`",`+member+`}`); err == nil {
						if administers() {
							t.Errorf("mallory administers the realm as a member of %q", group)
						}
						b.Must(t, http.MethodDelete, "/Groups/"+fmt.Sprint(made["id"]), "")
					}
				}
				if administers() {
					t.Error("mallory administers the realm")
				}
				// A user who is in such a group that an administrator created.
				if err := b.Admin.AddMember(t.Context(), apptest.UserID(t, mallory), b.MakeGroup(t, "ops/helpdesk", keycloak.GroupID{})); err != nil {
					t.Fatal(err)
				}
				b.Check(t)
				if name == "real" && !administers() {
					t.Error("Keycloak does not compare paths any more, so that the test shows nothing")
				}
				b.Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+mallory, apptest.PatchBody(`{"op":"replace","path":"title","value":"mine"}`))
			})
		}
	}
}
