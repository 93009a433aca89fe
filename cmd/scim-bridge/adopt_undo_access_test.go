package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestSecurity_63_UndoingAnAdoptionActivatesNobody: the mark by which another tenant deactivated the user holds as long as the
// account has an owner. So the account is not given back, and both modes say which tenant that is and what to do. Each of
// the remedies is done.
func TestSecurity_63_UndoingAnAdoptionActivatesNobody(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			ids := map[string]string{}
			who := []string{"disabled", "activated", "removed", "left", "stays"}
			for _, name := range who {
				ids[name] = c.realm.account(t, name, true).String()
				c.admit(t, ids[name], "acme")
			}
			file := c.realm.controlled(t)
			c.realm.adoptions(t, file, c.realm.realm)
			off, on := patchBody(`{"op":"replace","path":"active","value":false}`), patchBody(`{"op":"replace","path":"active","value":true}`)
			acme := c.of["acme"]
			for _, name := range who[:4] {
				acme.must(t, http.MethodPatch, "/Users/"+ids[name], off)
			}
			if err := c.realm.admin.RemoveOrganizationMember(t.Context(), c.ids["acme"], userID(t, ids["left"])); err != nil {
				t.Fatal(err)
			}
			refused := func(got map[string]bridge.Adoption, names ...string) {
				t.Helper()
				for _, name := range names {
					if why := got[name].Reason; got[name].Outcome != bridge.Refused || !strings.Contains(why, "deactivated at the tenant "+acme.path(t)) || !strings.Contains(why, "disable the account in Keycloak first") {
						t.Errorf("of %s the undoing says %+v", name, got[name])
					}
				}
			}
			got := c.realm.adoptions(t, file, c.realm.realm, "--undo", "--dry-run")
			refused(got, "disabled", "activated", "removed")
			got = c.realm.adoptions(t, file, c.realm.realm, "--undo")
			refused(got, "disabled", "activated", "removed")
			if got["stays"].Outcome != bridge.Released || got["left"].Outcome != bridge.Released {
				t.Errorf("the undoing says %+v", got)
			}
			for _, name := range who[:3] {
				if shown := acme.must(t, http.MethodGet, "/Users/"+ids[name], "")["active"]; shown != false {
					t.Errorf("after the undoing %s is active: %v", name, shown)
				}
			}
			mendByAdminCLI(t, c.server, "kcadm.sh update users/"+ids["disabled"]+" -r "+c.realm.realm+" -s enabled=false")
			acme.must(t, http.MethodPatch, "/Users/"+ids["activated"], on)
			acme.must(t, http.MethodDelete, "/Users/"+ids["removed"], "")
			got = c.realm.adoptions(t, file, c.realm.realm, "--undo")
			for _, name := range who[:3] {
				if got[name].Outcome != bridge.Released {
					t.Errorf("after the remedy the undoing says of %s %+v", name, got[name])
				}
			}
			if shown := acme.must(t, http.MethodGet, "/Users/"+ids["disabled"], "")["active"]; shown != false {
				t.Errorf("the user of the disabled account is active: %v", shown)
			}
			if found := c.finding(t, acme, "leavers"); found.Severity != realm.Pass {
				t.Errorf("doctor finds %+v", found)
			}
		})
	}
}

// TestTheRemedyOfLeaversIsACommand, and what doctor says of them blames nobody.
func TestTheRemedyOfLeaversIsACommand(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	c := newCustomers(t, server, nil)
	acme := c.of["acme"]
	id := c.realm.account(t, "leaver", true).String()
	c.admit(t, id, "acme")
	c.realm.adoptions(t, c.realm.controlled(t), c.realm.realm)
	acme.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"active","value":false}`))
	acme.rewrite(t, id, map[string][]string{"scim.owner": nil}) // as somebody does in the console
	found := c.finding(t, acme, "leavers")
	if found.Severity != realm.Fail || strings.Contains(found.Text, "earlier version") || !strings.Contains(found.Text, id) || !strings.Contains(found.Fix, "kcadm.sh config credentials") {
		t.Fatalf("doctor finds %+v", found)
	}
	for _, line := range commandsOf(found.Fix) {
		mendByAdminCLI(t, server, line)
	}
	if found := c.finding(t, acme, "leavers"); found.Severity != realm.Pass || acme.user(t, id).Enabled {
		t.Errorf("after the remedy doctor finds %+v", found)
	}
}
