package tenant_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestSecurity_63_UndoingAnAdoptionActivatesNobody: another tenant's mark deactivates the user only
// as long as the account has an owner. So the account is not released, and both modes of the
// command name that tenant and the remedies. The test carries out each remedy.
func TestSecurity_63_UndoingAnAdoptionActivatesNobody(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			ids := map[string]string{}
			who := []string{"disabled", "activated", "removed", "left", "stays"}
			for _, name := range who {
				ids[name] = c.Realm.MakeAccount(t, name, true).String()
				c.Admit(t, ids[name], "acme")
			}
			file := c.Realm.Controlled(t)
			c.Realm.Adoptions(t, file, c.Realm.Realm)
			off, on := apptest.PatchBody(`{"op":"replace","path":"active","value":false}`), apptest.PatchBody(`{"op":"replace","path":"active","value":true}`)
			acme := c.Of["acme"]
			for _, name := range who[:4] {
				acme.Must(t, http.MethodPatch, "/Users/"+ids[name], off)
			}
			if err := c.Realm.Admin.RemoveOrganizationMember(t.Context(), c.IDs["acme"], apptest.UserID(t, ids["left"])); err != nil {
				t.Fatal(err)
			}
			refused := func(got map[string]bridge.Adoption, names ...string) {
				t.Helper()
				for _, name := range names {
					if why := got[name].Reason; got[name].Outcome != bridge.Refused || !strings.Contains(why, "deactivated at the tenant "+acme.Path(t)) || !strings.Contains(why, "disable the account in Keycloak first") {
						t.Errorf("of %s the undoing says %+v", name, got[name])
					}
				}
			}
			got := c.Realm.Adoptions(t, file, c.Realm.Realm, "--undo", "--dry-run")
			refused(got, "disabled", "activated", "removed")
			got = c.Realm.Adoptions(t, file, c.Realm.Realm, "--undo")
			refused(got, "disabled", "activated", "removed")
			if got["stays"].Outcome != bridge.Released || got["left"].Outcome != bridge.Released {
				t.Errorf("the undoing says %+v", got)
			}
			for _, name := range who[:3] {
				if shown := acme.Must(t, http.MethodGet, "/Users/"+ids[name], "")["active"]; shown != false {
					t.Errorf("after the undoing %s is active: %v", name, shown)
				}
			}
			apptest.MendByAdminCLI(t, c.Server, "kcadm.sh update users/"+ids["disabled"]+" -r "+c.Realm.Realm+" -s enabled=false")
			acme.Must(t, http.MethodPatch, "/Users/"+ids["activated"], on)
			acme.Must(t, http.MethodDelete, "/Users/"+ids["removed"], "")
			got = c.Realm.Adoptions(t, file, c.Realm.Realm, "--undo")
			for _, name := range who[:3] {
				if got[name].Outcome != bridge.Released {
					t.Errorf("after the remedy the undoing says of %s %+v", name, got[name])
				}
			}
			if shown := acme.Must(t, http.MethodGet, "/Users/"+ids["disabled"], "")["active"]; shown != false {
				t.Errorf("the user of the disabled account is active: %v", shown)
			}
			if found := c.Finding(t, acme, "leavers"); found.Severity != realm.Pass {
				t.Errorf("doctor finds %+v", found)
			}
		})
	}
}

// TestTheRemedyOfLeaversIsACommand, and the finding of doctor blames no tenant.
func TestTheRemedyOfLeaversIsACommand(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	c := apptest.NewCustomers(t, server, nil)
	acme := c.Of["acme"]
	id := c.Realm.MakeAccount(t, "leaver", true).String()
	c.Admit(t, id, "acme")
	c.Realm.Adoptions(t, c.Realm.Controlled(t), c.Realm.Realm)
	acme.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
	acme.Rewrite(t, id, map[string][]string{"scim.owner": nil}) // as somebody does in the console
	found := c.Finding(t, acme, "leavers")
	if found.Severity != realm.Fail || strings.Contains(found.Text, "earlier version") || !strings.Contains(found.Text, id) || !strings.Contains(found.Fix, "kcadm.sh config credentials") {
		t.Fatalf("doctor finds %+v", found)
	}
	for _, line := range apptest.CommandsOf(found.Fix) {
		apptest.MendByAdminCLI(t, server, line)
	}
	if found := c.Finding(t, acme, "leavers"); found.Severity != realm.Pass || acme.InKeycloak(t, id).Enabled {
		t.Errorf("after the remedy doctor finds %+v", found)
	}
}
