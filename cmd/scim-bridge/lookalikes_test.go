package main

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// TestSecurity_39_AGroupThatLooksLikeOneOfAPermission: Keycloak compares the paths of groups as texts,
// and a name may hold slashes. Nobody becomes an administrator by a group of such a name, and who is
// in one already is protected.
func TestSecurity_39_AGroupThatLooksLikeOneOfAPermission(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		for _, children := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " children=", children), func(t *testing.T) {
				t.Parallel()
				server := start(t)
				b := newBridgeOn(t, server, nil)
				b.permitting(t, server)
				boss := b.account(t, "boss", true)
				b.grant(t, boss, b.known(t, right("realm-admin")))
				mallory := b.account(t, "mallory", true).String()
				helpdesk := b.group(t, "helpdesk", b.group(t, "ops", keycloak.GroupID{}))
				b.permission(t, server, usersOf, b.groupPolicy(t, server, "members", helpdesk, children))
				b.look(t)
				mine := b.create(t, "/Groups", `{"displayName":"mine"}`)
				form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"mallory"}, "password": {passwordBefore}}
				reset := attack{http.MethodPut, "/users/" + boss.String() + "/reset-password", `{"type":"password","value":"Mine-of-the-attacker-1","temporary":false}`}
				// administers says whether Keycloak gives her the permission; the fake decides nothing by them.
				administers := func() bool { return name == "real" && b.adminAs(t, server, form, reset) == http.StatusNoContent }
				alike := map[string]bool{"ops/helpdesk": true, "ops/helpdesk/below": children}
				for _, group := range []string{"ops/helpdesk", "ops/helpdesk/below", "ops/helpdesk-berlin", "helpdesk", "ops/other"} {
					member := `"members":[{"value":"` + mallory + `"}]`
					if alike[group] {
						b.refused(t, http.StatusBadRequest, http.MethodPost, "/Groups", `{"displayName":"`+group+`",`+member+`}`)
						b.refused(t, http.StatusBadRequest, http.MethodPut, "/Groups/"+mine, `{"displayName":"`+group+`",`+member+`}`)
						b.refused(t, http.StatusBadRequest, http.MethodPatch, "/Groups/"+mine, patchBody(`{"op":"replace","value":{"displayName":"`+group+`",`+member+`}}`))
					} else if made, err := b.send(t, http.MethodPost, "/Groups", `{"displayName":"`+group+`",`+member+`}`); err == nil {
						if administers() {
							t.Errorf("mallory administers the realm as a member of %q", group)
						}
						b.must(t, http.MethodDelete, "/Groups/"+fmt.Sprint(made["id"]), "")
					}
				}
				if administers() {
					t.Error("mallory administers the realm")
				}
				// One who is in such a group that somebody else made.
				if err := b.admin.AddMember(t.Context(), userID(t, mallory), b.group(t, "ops/helpdesk", keycloak.GroupID{})); err != nil {
					t.Fatal(err)
				}
				b.look(t)
				if name == "real" && !administers() {
					t.Error("Keycloak does not compare paths any more, so that the test shows nothing")
				}
				b.refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+mallory, patchBody(`{"op":"replace","path":"title","value":"mine"}`))
			})
		}
	}
}
