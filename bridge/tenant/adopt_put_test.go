package tenant_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestAGroupThatAPUTAdopts keeps the attributes and the members that the PUT leaves out.
func TestAGroupThatAPUTAdopts(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), apptest.AdoptUnowned)
			b.UseMapping(t, b.Realm, "version: 1\nschemas:\n  urn:acme:group:\n    resource: Group\n    attributes:\n      costCenter: { type: string, keycloak: cost_center }\n")
			group, err := b.Admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: "Team", Attributes: map[string][]string{"cost_center": {"CC1"}, "externalId": {"old"}}})
			if err != nil {
				t.Fatal(err)
			}
			ann := b.MakeAccount(t, "ann", true)
			if err := b.Admin.AddMember(t.Context(), ann, group); err != nil {
				t.Fatal(err)
			}
			bob := b.Create(t, "/Users", `{"userName":"bob"}`)
			b.Must(t, http.MethodPut, "/Groups/"+group.String(), `{"displayName":"Team","members":[{"value":"`+bob+`"}]}`)
			got, err := b.Admin.Group(t.Context(), group)
			if err != nil || !slices.Equal(got.Attributes["cost_center"], []string{"CC1"}) || !slices.Equal(got.Attributes["externalId"], []string{"old"}) || !slices.Contains(got.Attributes["scim.owner"], "realm") {
				t.Errorf("the group has %v, %v", got.Attributes, err)
			}
			if members := b.MemberNames(t, group.String()); !slices.Equal(slices.Sorted(slices.Values(members)), []string{"ann", "bob"}) {
				t.Errorf("the group has the members %v", members)
			}
			b.Must(t, http.MethodPut, "/Groups/"+group.String(), `{"displayName":"Team","members":[{"value":"`+bob+`"}]}`)
			if members := b.MemberNames(t, group.String()); !slices.Equal(members, []string{"bob"}) {
				t.Errorf("after a PUT of the tenant's own group it has the members %v", members)
			}
		})
	}
}

// TestAMemberThatAPUTAdopts keeps what the PUT leaves out, also attributes that the client could
// see.
func TestAMemberThatAPUTAdopts(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.Real(t), apptest.AdoptUnowned)
	b := c.Of["acme"]
	apptest.RunSetup(t, c.Server, b.Realm, "--mapping", apptest.MappingFile(t, mappingOfWorn))
	b.UseMapping(t, tenant.OrganizationPath(b.Realm, "acme"), mappingOfWorn)
	id := c.Brokered(t, "acme", "mia@acme.test")
	user := b.InKeycloak(t, id.String())
	if err := b.Admin.UpdateUser(t.Context(), id, keycloak.UserUpdate{
		Username: &user.Username, Email: &user.Email, EmailVerified: new(true), FirstName: &user.FirstName, LastName: &user.LastName,
		Attributes: map[string][]string{"cost_center": {"CC1"}, "phone": {"+1"}},
	}); err != nil {
		t.Fatal(err)
	}
	b.Must(t, http.MethodPut, "/Users/"+id.String(), `{"userName":"mia@acme.test"}`)
	got := b.InKeycloak(t, id.String())
	if !slices.Equal(got.Attributes["cost_center"], []string{"CC1"}) || !slices.Equal(got.Attributes["phone"], []string{"+1"}) || got.FirstName != user.FirstName || len(got.Attributes["scim.owner"]) == 0 {
		t.Errorf("the account is %+v", got)
	}
}

// TestNoAdoptionGivesASecondUserAUniqueValue that the account has in Keycloak and that no client
// sent.
func TestNoAdoptionGivesASecondUserAUniqueValue(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.EachTenant(func(t *config.Tenant) {
				t.Adopt, t.ExternalID = config.AdoptUnowned, config.ExternalIDUnique
				if t.Organization == "" {
					t.Scope = config.ScopeOwned
				}
			}))
			for of, b := range map[string]apptest.Bridge{"org": c.Of["acme"], "owned": c.Realm} {
				b.Create(t, "/Users", `{"userName":"first-`+of+`@acme.test","externalId":"before-bob-`+of+`"}`)
				b.MakeAccount(t, "bob-"+of, true)
				b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"bob-`+of+`"}`)
				b.Create(t, "/Users", `{"userName":"bob-`+of+`","externalId":"its own"}`)
			}
			b := c.Of["acme"]
			b.Create(t, "/Users", `{"userName":"first-member@acme.test","externalId":"before-member"}`)
			id := b.MakeAccount(t, "member", true).String()
			c.Admit(t, id, "acme")
			b.Refused(t, http.StatusConflict, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"title","value":"x"}`))
		})
	}
}

// TestTheCommandAdoptsOneOfTwoWithOneExternalID where each user must have a different externalId.
func TestTheCommandAdoptsOneOfTwoWithOneExternalID(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), apptest.EachTenant(func(t *config.Tenant) { t.Scope, t.ExternalID = config.ScopeOwned, config.ExternalIDUnique }))
	for _, name := range []string{"one", "two"} {
		if _, err := b.Admin.CreateUser(t.Context(), keycloak.NewUser{Username: name, Enabled: true, Attributes: map[string][]string{"externalId": {"X"}}}); err != nil {
			t.Fatal(err)
		}
	}
	got := b.Adoptions(t, b.Controlled(t), b.Realm)
	if got["one"].Outcome != bridge.Adopted || got["two"].Outcome != bridge.Refused {
		t.Errorf("the adoption came to %v", got)
	}
}

// TestWhoIsAtWorkElsewhereIsNotRevived: an administrator ended the membership of a user who is a
// member of another organization.
func TestWhoIsAtWorkElsewhereIsNotRevived(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.EachTenant(apptest.Reviving))
			b := c.Of["acme"]
			id := b.Create(t, "/Users", `{"userName":"ann@acme.test","externalId":"E1","emails":[{"value":"ann@acme.test"}]}`)
			if err := b.Admin.RemoveOrganizationMember(t.Context(), c.IDs["acme"], apptest.UserID(t, id)); err != nil {
				t.Fatal(err)
			}
			c.Admit(t, id, "globex")
			b.Send(t, http.MethodPost, "/Users", `{"userName":"bob@acme.test","externalId":"E1","emails":[{"value":"bob@acme.test"}]}`)
			if user := b.InKeycloak(t, id); user.Username != "ann@acme.test" || user.Email != "ann@acme.test" {
				t.Errorf("the account of somebody at work became that of %s", user.Username)
			}
		})
	}
}

// TestAUserWhomAnAdministratorDisabledIsNotRehired: the tenant's client did not end that user's access,
// and cannot restore it.
func TestAUserWhomAnAdministratorDisabledIsNotRehired(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), apptest.EachTenant(apptest.Reviving))
			id := b.Create(t, "/Users", `{"userName":"eve","externalId":"E1","active":true}`)
			disable := func() {
				t.Helper()
				if err := b.Admin.UpdateUser(t.Context(), apptest.UserID(t, id), keycloak.UserUpdate{Enabled: new(false)}); err != nil {
					t.Fatal(err)
				}
			}
			for _, enabled := range []bool{true, false} { // also a user that the tenant had deactivated and activated before
				if !enabled {
					for _, active := range []string{"false", "true"} {
						b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"active","value":`+active+`}`))
					}
				}
				disable()
				b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"title","value":"x"}`))
				b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"eve2","externalId":"E1"}`)
				if user := b.InKeycloak(t, id); user.Enabled || user.Username != "eve" {
					t.Errorf("the account that an administrator disabled is %+v", user)
				}
				b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"active","value":true}`))
			}
		})
	}
}
