package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const mappingThatGrants = "version: 1\ngrantableRoles: [employee, boss]\nusers: { roles: [{ grant: [employee] }] }\n"

// TestRolesEndWithTheMembership: what a rule of the organization's mapping gave goes when the user leaves the
// organization, whatever becomes of the account, and comes back with the user. What a person gave stays.
func TestRolesEndWithTheMembership(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		for _, policy := range []config.OnDelete{config.OnDeleteDelete, config.OnDeleteDisable, config.OnDeleteLeave} {
			t.Run(name+" "+string(policy), func(t *testing.T) {
				t.Parallel()
				c := newCustomers(t, start(t), leaving(policy))
				addRoles(t, c.server, c.realm.realm, c.realm.admin)
				b := c.of["acme"]
				runSetup(t, c.server, b.realm, "--organization", "acme", "--allow-manage-realm", "--mapping", mappingFile(t, mappingThatGrants))
				b.useMapping(t, b.path(t), mappingThatGrants)
				id := b.create(t, "/Users", `{"userName":"joe"}`)
				c.admit(t, id, "globex")
				b.byHand(t, "/Users", id, "boss")
				if got := b.rolesOf(t, id); got != "boss employee" {
					t.Fatalf("the roles are %q", got)
				}
				b.must(t, http.MethodDelete, "/Users/"+id, "")
				if got := b.rolesOf(t, id); got != "boss" {
					t.Errorf("who left the organization has the roles %q", got)
				}
				user := b.user(t, id)
				if user.Attributes["scim.roles"] != nil || !user.Enabled {
					t.Errorf("the account of one who left = %+v", user)
				}
				if got := b.create(t, "/Users", `{"userName":"joe"}`); got != id || b.rolesOf(t, id) != "boss employee" {
					t.Errorf("who came back is %s with the roles %q", got, b.rolesOf(t, id))
				}
			})
		}
	}
}

// TestRolesEndWithTheMembershipOfAGuest, whose account was the tenant's once: an undone adoption tells which roles
// the account keeps, and they end with the membership.
func TestRolesEndWithTheMembershipOfAGuest(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), adoptUnowned)
			addRoles(t, c.server, c.realm.realm, c.realm.admin)
			b := c.of["acme"]
			runSetup(t, c.server, b.realm, "--organization", "acme", "--allow-manage-realm", "--mapping", mappingFile(t, mappingThatGrants))
			b.useMapping(t, b.path(t), mappingThatGrants)
			id := b.account(t, "ann", true).String()
			b.create(t, "/Users", `{"userName":"ann"}`)
			got := b.adoptions(t, b.controlled(t), b.path(t), "--undo")["ann"]
			if got.Outcome != bridge.Released || !strings.Contains(got.Reason, "keeps the roles") || !strings.Contains(got.Reason, "employee") || b.rolesOf(t, id) != "employee" {
				t.Errorf("the undoing tells %+v of an account with the roles %q", got, b.rolesOf(t, id))
			}
			b.must(t, http.MethodDelete, "/Users/"+id, "")
			if got := b.rolesOf(t, id); got != "" {
				t.Errorf("who left the organization has the roles %q", got)
			}
			if _, err := b.admin.OrganizationMember(t.Context(), c.ids["acme"], userID(t, id)); keycloak.KindOf(err) != keycloak.NotFound {
				t.Errorf("the membership stays: %v", err)
			}
		})
	}
}

// TestRolesOfAnAccountThatLeavesARealmsTenant end too, but where the policy says that the account stays as it is.
func TestRolesOfAnAccountThatLeavesARealmsTenant(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		for policy, want := range map[config.OnDelete]string{config.OnDeleteDelete: "", config.OnDeleteDisable: "", config.OnDeleteLeave: "employee"} {
			t.Run(name+" "+string(policy), func(t *testing.T) {
				t.Parallel()
				c := newCustomers(t, start(t), func(all *config.Config) {
					scopeOwned(all)
					leaving(policy)(all)
				})
				addRoles(t, c.server, c.realm.realm, c.realm.admin)
				b := c.realm
				runSetup(t, c.server, b.realm, "--mapping", mappingFile(t, mappingThatGrants))
				b.useMapping(t, b.path(t), mappingThatGrants)
				id := b.create(t, "/Users", `{"userName":"joe"}`)
				c.admit(t, id, "acme")
				b.must(t, http.MethodDelete, "/Users/"+id, "")
				if got := b.rolesOf(t, id); got != want {
					t.Errorf("who left has the roles %q, want %q", got, want)
				}
				if got := b.user(t, id).Attributes["scim.owner"]; len(got) != 1 || got[0] != "left|realm" {
					t.Errorf("the owner is %v", got)
				}
				if got := b.create(t, "/Users", `{"userName":"joe"}`); got != id || b.rolesOf(t, id) != "employee" {
					t.Errorf("who came back is %s with the roles %q", got, b.rolesOf(t, id))
				}
			})
		}
	}
}
