package mapping_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const mappingThatGrants = "version: 1\ngrantableRoles: [employee, boss]\nusers: { roles: [{ grant: [employee] }] }\n"

// TestRolesEndWithTheMembership: a user who leaves the organization loses the roles from its
// mapping, whatever happens to the account, and gets them back when the user returns. Roles from a
// person stay.
func TestRolesEndWithTheMembership(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		for _, policy := range []config.OnDelete{config.OnDeleteDelete, config.OnDeleteDisable, config.OnDeleteLeave} {
			t.Run(name+" "+string(policy), func(t *testing.T) {
				t.Parallel()
				c := apptest.NewCustomers(t, start(t), apptest.LeavingOnDelete(policy))
				apptest.AddRoles(t, c.Server, c.Realm.Realm, c.Realm.Admin)
				b := c.Of["acme"]
				apptest.RunSetup(t, c.Server, b.Realm, "--organization", "acme", "--allow-manage-realm", "--mapping", apptest.MappingFile(t, mappingThatGrants))
				b.UseMapping(t, b.Path(t), mappingThatGrants)
				id := b.Create(t, "/Users", `{"userName":"joe"}`)
				c.Admit(t, id, "globex")
				b.ByHand(t, "/Users", id, "boss")
				if got := b.RolesOf(t, id); got != "boss employee" {
					t.Fatalf("the roles are %q", got)
				}
				b.Must(t, http.MethodDelete, "/Users/"+id, "")
				if got := b.RolesOf(t, id); got != "boss" {
					t.Errorf("who left the organization has the roles %q", got)
				}
				user := b.InKeycloak(t, id)
				if user.Attributes["scim.roles"] != nil || !user.Enabled {
					t.Errorf("the account of one who left = %+v", user)
				}
				if got := b.Create(t, "/Users", `{"userName":"joe"}`); got != id || b.RolesOf(t, id) != "boss employee" {
					t.Errorf("who came back is %s with the roles %q", got, b.RolesOf(t, id))
				}
			})
		}
	}
}

// TestRolesEndWithTheMembershipOfAGuest whose account once belonged to the tenant: undoing the
// adoption reports which roles the account keeps, and these roles end with the membership.
func TestRolesEndWithTheMembershipOfAGuest(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.AdoptUnowned)
			apptest.AddRoles(t, c.Server, c.Realm.Realm, c.Realm.Admin)
			b := c.Of["acme"]
			apptest.RunSetup(t, c.Server, b.Realm, "--organization", "acme", "--allow-manage-realm", "--mapping", apptest.MappingFile(t, mappingThatGrants))
			b.UseMapping(t, b.Path(t), mappingThatGrants)
			id := b.MakeAccount(t, "ann", true).String()
			b.Create(t, "/Users", `{"userName":"ann"}`)
			got := b.Adoptions(t, b.Controlled(t), b.Path(t), "--undo")["ann"]
			if got.Outcome != bridge.Released || !strings.Contains(got.Reason, "keeps the roles") || !strings.Contains(got.Reason, "employee") || b.RolesOf(t, id) != "employee" {
				t.Errorf("the undoing tells %+v of an account with the roles %q", got, b.RolesOf(t, id))
			}
			b.Must(t, http.MethodDelete, "/Users/"+id, "")
			if got := b.RolesOf(t, id); got != "" {
				t.Errorf("who left the organization has the roles %q", got)
			}
			if _, err := b.Admin.OrganizationMember(t.Context(), c.IDs["acme"], apptest.UserID(t, id)); keycloak.KindOf(err) != keycloak.NotFound {
				t.Errorf("the membership stays: %v", err)
			}
		})
	}
}

// TestRolesOfAnAccountThatLeavesARealmsTenant end too, unless the policy leaves the account
// unchanged.
func TestRolesOfAnAccountThatLeavesARealmsTenant(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		for policy, want := range map[config.OnDelete]string{config.OnDeleteDelete: "", config.OnDeleteDisable: "", config.OnDeleteLeave: "employee"} {
			t.Run(name+" "+string(policy), func(t *testing.T) {
				t.Parallel()
				c := apptest.NewCustomers(t, start(t), func(all *config.Config) {
					apptest.ScopeOwned(all)
					apptest.LeavingOnDelete(policy)(all)
				})
				apptest.AddRoles(t, c.Server, c.Realm.Realm, c.Realm.Admin)
				b := c.Realm
				apptest.RunSetup(t, c.Server, b.Realm, "--mapping", apptest.MappingFile(t, mappingThatGrants))
				b.UseMapping(t, b.Path(t), mappingThatGrants)
				id := b.Create(t, "/Users", `{"userName":"joe"}`)
				c.Admit(t, id, "acme")
				b.Must(t, http.MethodDelete, "/Users/"+id, "")
				if got := b.RolesOf(t, id); got != want {
					t.Errorf("who left has the roles %q, want %q", got, want)
				}
				if got := b.InKeycloak(t, id).Attributes["scim.owner"]; len(got) != 1 || got[0] != "left|realm" {
					t.Errorf("the owner is %v", got)
				}
				if got := b.Create(t, "/Users", `{"userName":"joe"}`); got != id || b.RolesOf(t, id) != "employee" {
					t.Errorf("who came back is %s with the roles %q", got, b.RolesOf(t, id))
				}
			})
		}
	}
}
