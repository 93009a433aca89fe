package main

import (
	"net/http"
	"slices"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestAGroupThatAPUTTakesOver keeps the attributes and the members that the PUT does not say.
func TestAGroupThatAPUTTakesOver(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBridgeOn(t, start(t), adoptUnowned)
			b.useMapping(t, b.realm, "version: 1\nschemas:\n  urn:acme:group:\n    resource: Group\n    attributes:\n      costCenter: { type: string, keycloak: cost_center }\n")
			group, err := b.admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: "Team", Attributes: map[string][]string{"cost_center": {"CC1"}, "externalId": {"old"}}})
			if err != nil {
				t.Fatal(err)
			}
			ann := b.account(t, "ann", true)
			if err := b.admin.AddMember(t.Context(), ann, group); err != nil {
				t.Fatal(err)
			}
			bob := b.create(t, "/Users", `{"userName":"bob"}`)
			b.must(t, http.MethodPut, "/Groups/"+group.String(), `{"displayName":"Team","members":[{"value":"`+bob+`"}]}`)
			got, err := b.admin.Group(t.Context(), group)
			if err != nil || !slices.Equal(got.Attributes["cost_center"], []string{"CC1"}) || !slices.Equal(got.Attributes["externalId"], []string{"old"}) || !slices.Contains(got.Attributes["scim.owner"], "realm") {
				t.Errorf("the group has %v, %v", got.Attributes, err)
			}
			if members := b.memberNames(t, group.String()); !slices.Equal(slices.Sorted(slices.Values(members)), []string{"ann", "bob"}) {
				t.Errorf("the group has the members %v", members)
			}
			b.must(t, http.MethodPut, "/Groups/"+group.String(), `{"displayName":"Team","members":[{"value":"`+bob+`"}]}`)
			if members := b.memberNames(t, group.String()); !slices.Equal(members, []string{"bob"}) {
				t.Errorf("after a PUT of the tenant's own group it has the members %v", members)
			}
		})
	}
}

// TestAMemberWhomAPUTTakesOver keeps what the PUT does not say, also what the client was shown.
func TestAMemberWhomAPUTTakesOver(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.Real(t), adoptUnowned)
	b := c.of["acme"]
	runSetup(t, c.server, b.realm, "--mapping", mappingFile(t, mappingOfWorn))
	b.useMapping(t, tenant.OrganizationPath(b.realm, "acme"), mappingOfWorn)
	id := c.brokered(t, "acme", "mia@acme.test")
	user := b.user(t, id.String())
	if err := b.admin.UpdateUser(t.Context(), id, keycloak.UserUpdate{
		Username: &user.Username, Email: &user.Email, EmailVerified: new(true), FirstName: &user.FirstName, LastName: &user.LastName,
		Attributes: map[string][]string{"cost_center": {"CC1"}, "phone": {"+1"}},
	}); err != nil {
		t.Fatal(err)
	}
	b.must(t, http.MethodPut, "/Users/"+id.String(), `{"userName":"mia@acme.test"}`)
	got := b.user(t, id.String())
	if !slices.Equal(got.Attributes["cost_center"], []string{"CC1"}) || !slices.Equal(got.Attributes["phone"], []string{"+1"}) || got.FirstName != user.FirstName || len(got.Attributes["scim.owner"]) == 0 {
		t.Errorf("the account is %+v", got)
	}
}

// TestNoAdoptionGivesASecondUserAUniqueValue that the account has in Keycloak and that nobody sent.
func TestNoAdoptionGivesASecondUserAUniqueValue(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), eachTenant(func(t *config.Tenant) {
				t.Adopt, t.ExternalID = config.AdoptUnowned, config.ExternalIDUnique
				if t.Organization == "" {
					t.Scope = config.ScopeOwned
				}
			}))
			for of, b := range map[string]testBridge{"org": c.of["acme"], "owned": c.realm} {
				b.create(t, "/Users", `{"userName":"first-`+of+`@acme.test","externalId":"before-bob-`+of+`"}`)
				b.account(t, "bob-"+of, true)
				b.refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"bob-`+of+`"}`)
				b.create(t, "/Users", `{"userName":"bob-`+of+`","externalId":"its own"}`)
			}
			b := c.of["acme"]
			b.create(t, "/Users", `{"userName":"first-member@acme.test","externalId":"before-member"}`)
			id := b.account(t, "member", true).String()
			c.admit(t, id, "acme")
			b.refused(t, http.StatusConflict, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"title","value":"x"}`))
		})
	}
}

// TestTheCommandAdoptsOneOfTwoWithOneExternalID where each user has one of its own.
func TestTheCommandAdoptsOneOfTwoWithOneExternalID(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), eachTenant(func(t *config.Tenant) { t.Scope, t.ExternalID = config.ScopeOwned, config.ExternalIDUnique }))
	for _, name := range []string{"one", "two"} {
		if _, err := b.admin.CreateUser(t.Context(), keycloak.NewUser{Username: name, Enabled: true, Attributes: map[string][]string{"externalId": {"X"}}}); err != nil {
			t.Fatal(err)
		}
	}
	got := b.adoptions(t, b.controlled(t), b.realm)
	if got["one"].Outcome != bridge.Adopted || got["two"].Outcome != bridge.Refused {
		t.Errorf("the adoption came to %v", got)
	}
}

// TestWhoIsAtWorkElsewhereIsNotRevived: an administrator ended the membership of a user whom another organization has.
func TestWhoIsAtWorkElsewhereIsNotRevived(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), eachTenant(reviving))
			b := c.of["acme"]
			id := b.create(t, "/Users", `{"userName":"ann@acme.test","externalId":"E1","emails":[{"value":"ann@acme.test"}]}`)
			if err := b.admin.RemoveOrganizationMember(t.Context(), c.ids["acme"], userID(t, id)); err != nil {
				t.Fatal(err)
			}
			c.admit(t, id, "globex")
			b.send(t, http.MethodPost, "/Users", `{"userName":"bob@acme.test","externalId":"E1","emails":[{"value":"bob@acme.test"}]}`)
			if user := b.user(t, id); user.Username != "ann@acme.test" || user.Email != "ann@acme.test" {
				t.Errorf("the account of somebody at work became that of %s", user.Username)
			}
		})
	}
}

// TestWhomAnAdministratorDisabledIsNotRevived: the tenant's client did not end that user's access, and cannot give it back.
func TestWhomAnAdministratorDisabledIsNotRevived(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBridgeOn(t, start(t), eachTenant(reviving))
			id := b.create(t, "/Users", `{"userName":"eve","externalId":"E1","active":true}`)
			disable := func() {
				t.Helper()
				if err := b.admin.UpdateUser(t.Context(), userID(t, id), keycloak.UserUpdate{Enabled: new(false)}); err != nil {
					t.Fatal(err)
				}
			}
			for _, enabled := range []bool{true, false} { // also one whom the tenant had deactivated and activated before
				if !enabled {
					for _, active := range []string{"false", "true"} {
						b.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"active","value":`+active+`}`))
					}
				}
				disable()
				b.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"title","value":"x"}`))
				b.refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"eve2","externalId":"E1"}`)
				if user := b.user(t, id); user.Enabled || user.Username != "eve" {
					t.Errorf("the account that an administrator disabled is %+v", user)
				}
				b.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"active","value":true}`))
			}
		})
	}
}
