package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// scopeOwned confines the tenant of the realm to the users that it made.
func scopeOwned(c *config.Config) {
	eachTenant(func(t *config.Tenant) {
		if t.Organization == "" {
			t.Scope = config.ScopeOwned
		}
	})(c)
}

// goneOwner is a key that no tenant has.
const goneOwner = "5a8c2c3e-0000-4000-8000-000000000000"

// letGo makes members of acme whose accounts another tenant owned: by what became of it.
func (c customers) letGo(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	of := func(owner testBridge, name string) string {
		id := owner.create(t, "/Users", fmt.Sprintf(`{"userName":%q}`, name))
		c.admit(t, id, "acme")
		return id
	}
	out["left"] = of(c.realm, "left")
	c.realm.must(t, http.MethodDelete, "/Users/"+out["left"], "")
	out["ended"] = of(c.of["globex"], "ended")
	c.of["globex"].must(t, http.MethodDelete, "/Users/"+out["ended"], "")
	out["unknown"] = c.ownedBy(t, "unknown", goneOwner)
	c.admit(t, out["unknown"], "acme")
	for name, id := range out {
		user := c.realm.user(t, id)
		if !user.Enabled || len(user.Attributes["scim.owner"]) == 0 {
			t.Fatalf("the account %s = %+v", name, user)
		}
		c.verify(t, user, name+"@acme.test")
	}
	return out
}

// ownedBy makes an account with owners.
func (c customers) ownedBy(t *testing.T, name string, owners ...string) string {
	t.Helper()
	id, err := c.realm.admin.CreateUser(t.Context(), keycloak.NewUser{Username: name, FirstName: "F", LastName: "L", Enabled: true, Attributes: map[string][]string{"scim.owner": owners}})
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// verify gives an account a verified address, as an operator does.
func (c customers) verify(t *testing.T, u keycloak.User, address string) {
	t.Helper()
	yes := true
	if err := c.realm.admin.UpdateUser(t.Context(), userID(t, u.ID), keycloak.UserUpdate{
		Username: &u.Username, Email: &address, EmailVerified: &yes, FirstName: &u.FirstName, LastName: &u.LastName, Attributes: u.Attributes,
	}); err != nil {
		t.Fatal(err)
	}
}

var off = patchBody(`{"op":"replace","path":"active","value":false}`)

// TestALeaverWhoseOwnerLetTheAccountGo: nobody else closes the account, so that a deactivation is refused,
// whether the tenant may adopt or not; and the remedy of the refusal works.
func TestALeaverWhoseOwnerLetTheAccountGo(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		for _, adopt := range []config.Adopt{config.AdoptNever, config.AdoptUnowned} {
			t.Run(name+" "+string(adopt), func(t *testing.T) {
				t.Parallel()
				c := newCustomers(t, start(t), func(all *config.Config) {
					scopeOwned(all)
					eachTenant(func(t *config.Tenant) { t.Adopt = adopt })(all)
				})
				b := c.of["acme"]
				ids := c.letGo(t)
				for who, id := range ids {
					before := b.user(t, id)
					if got := b.must(t, http.MethodGet, "/Users/"+id, ""); got["active"] != true {
						t.Errorf("%s: the open account is shown as %v", who, got)
					}
					for method, body := range map[string]string{http.MethodPatch: off, http.MethodPut: fmt.Sprintf(`{"userName":%q,"active":false}`, who)} {
						got := b.refused(t, http.StatusForbidden, method, "/Users/"+id, body)
						if !strings.Contains(got, "active") || !strings.Contains(got, "DELETE") || !strings.Contains(got, "let this endpoint take the account over") {
							t.Errorf("%s: %s says %q", who, method, got)
						}
					}
					if diff := cmp.Diff(before, b.user(t, id)); diff != "" {
						t.Errorf("%s: the refusal changed the account:\n%s", who, diff)
					}
				}
				file := b.controlled(t)
				dry := b.adoptions(t, file, b.path(t), "--dry-run")
				got := b.adoptions(t, file, b.path(t))
				for who, id := range ids {
					if got[who].Outcome != bridge.Adopted || !slices.ContainsFunc(got[who].Changes, func(s string) bool { return strings.HasPrefix(s, "was of the tenant with the key ") }) {
						t.Errorf("%s: the adoption = %+v", who, got[who])
					}
					if diff := cmp.Diff(dry[who], got[who]); diff != "" {
						t.Errorf("%s: the dry run told otherwise:\n%s", who, diff)
					}
					b.must(t, http.MethodPatch, "/Users/"+id, off)
					if b.user(t, id).Enabled {
						t.Errorf("%s: the account is open after the remedy and a deactivation", who)
					}
				}
			})
		}
	}
}

// TestALeaverOfTheRealmWhoseOwnerLetTheAccountGo is one at a tenant of the whole realm.
func TestALeaverOfTheRealmWhoseOwnerLetTheAccountGo(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			ids := map[string]string{"unknown": c.ownedBy(t, "unknown", goneOwner), "left": c.ownedBy(t, "left", "left|"+c.ids["globex"].String())}
			ids["ended"] = c.of["globex"].create(t, "/Users", `{"userName":"ended"}`)
			c.admit(t, ids["ended"], "acme")
			c.of["globex"].must(t, http.MethodDelete, "/Users/"+ids["ended"], "")
			for who, id := range ids {
				if got := c.realm.refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+id, off); !strings.Contains(got, "let this endpoint take the account over") || strings.Contains(got, "membership") {
					t.Errorf("%s: the refusal says %q", who, got)
				}
			}
			closed := c.ownedBy(t, "closed", "left|"+c.ids["globex"].String())
			adminPut(t, c.server, "/admin/realms/"+c.realm.realm+"/users/"+closed, `{"enabled":false}`)
			c.ownedBy(t, "own", "left|realm")
			live := c.of["globex"].create(t, "/Users", `{"userName":"live"}`)
			got := c.realm.adoptions(t, c.realm.controlled(t), c.realm.path(t))
			for _, who := range []string{"closed", "live", "own"} { // two come back, the third is globex's
				if got[who].Outcome != bridge.Refused {
					t.Errorf("%s: the adoption = %+v", who, got[who])
				}
			}
			for who, id := range ids {
				c.realm.must(t, http.MethodPatch, "/Users/"+id, off)
				if c.realm.user(t, id).Enabled {
					t.Errorf("%s: the account is open after the remedy and a deactivation", who)
				}
			}
			c.realm.must(t, http.MethodPatch, "/Users/"+live, off)
			if !c.realm.user(t, live).Enabled {
				t.Error("an account whose owner answers for it is disabled by another tenant")
			}
		})
	}
}

// TestCallsOfADeactivationByAGuest: whether the organization that owns the account still has the member is
// asked with one call, and of a tenant of the realm nothing is.
func TestCallsOfADeactivationByAGuest(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := newCustomers(t, fake.Server(), nil)
	b := callBridge{testBridge: c.of["acme"], fake: fake}
	const get, put, groups = "GET /organizations/{id}/members/{user}", "PUT /users/{id}", "GET /organizations/{id}/members/{user}/groups"
	for owner, want := range map[string][]string{"globex": {get, get, groups, put}, "realm": {get, groups, put}} {
		of := c.realm
		if owner == "globex" {
			of = c.of["globex"]
		}
		id := of.create(t, "/Users", `{"userName":"of-`+owner+`"}`)
		c.admit(t, id, "acme")
		for change, want := range map[string][]string{
			off: want,
			patchBody(`{"op":"replace","path":"active","value":true}`): {get, put},
			patchBody(`{"op":"replace","path":"title","value":"t"}`):   {get, put},
		} {
			if change != off {
				b.must(t, http.MethodPatch, "/Users/"+id, off)
			}
			if diff := cmp.Diff(want, b.calls(func() { b.must(t, http.MethodPatch, "/Users/"+id, change) })); diff != "" && !strings.Contains(change, "title") {
				t.Errorf("%s of %s makes other calls (-want +got):\n%s", change, owner, diff)
			}
			b.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"active","value":true}`))
		}
	}
}

// TestDoctorFindsLeaversWhoseOwnersLetTheAccountsGo after the deactivation, when the answer was right.
func TestDoctorFindsLeaversWhoseOwnersLetTheAccountsGo(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), scopeOwned)
			b, globex := c.of["acme"], c.of["globex"]
			ids := map[string]string{}
			for who, owner := range map[string]testBridge{"left": c.realm, "ended": globex, "live": globex, "unknown": globex} {
				ids[who] = owner.create(t, "/Users", fmt.Sprintf(`{"userName":%q}`, who))
				c.admit(t, ids[who], "acme")
				b.must(t, http.MethodPatch, "/Users/"+ids[who], off)
			}
			if found := c.finding(t, b, "leavers"); found.Severity != realm.Pass {
				t.Errorf("while the owners answer doctor finds %+v", found)
			}
			if found := c.finding(t, b, "owners"); found.Severity != realm.Pass {
				t.Errorf("of owners that are there doctor finds %+v", found)
			}
			c.realm.must(t, http.MethodDelete, "/Users/"+ids["left"], "")
			globex.must(t, http.MethodDelete, "/Users/"+ids["ended"], "")
			user := b.user(t, ids["unknown"])
			user.Attributes["scim.owner"] = []string{goneOwner}
			c.verify(t, user, "unknown@acme.test")
			found := c.finding(t, b, "leavers")
			if found.Severity != realm.Fail || strings.Contains(found.Text, ids["live"]) {
				t.Errorf("doctor finds %+v", found)
			}
			for _, who := range []string{"left", "ended", "unknown"} {
				if !strings.Contains(found.Text, ids[who]) {
					t.Errorf("doctor does not find the leaver %s: %q", who, found.Text)
				}
				if got := b.refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+ids[who], off); !strings.Contains(got, "would stay open") {
					t.Errorf("%s: a second deactivation says %q", who, got)
				}
			}
			if found := c.finding(t, b, "owners"); found.Severity != realm.Warn || !strings.Contains(found.Text, "1 users") || !strings.Contains(found.Text, goneOwner) || !strings.Contains(found.Fix, "scim-bridge adopt") {
				t.Errorf("of an owner that is gone doctor finds %+v", found)
			}
		})
	}
}

// TestAManagedMemberOfTheRealm: the realm's tenant took the account over, or made it. The organization that Keycloak
// says it belongs to ends its access all the same, and does not give it back: the owner may have ended it too.
func TestAManagedMemberOfTheRealm(t *testing.T) {
	t.Parallel()
	for _, owners := range [][]string{nil, {"realm"}, {"left|realm"}, {goneOwner}} {
		t.Run(strings.Join(owners, " "), func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, keycloaktest.Real(t), nil)
			b := c.of["acme"]
			const name = "mia@acme.test"
			id := c.brokeredUnverified(t, "acme", name).String()
			path := "/Users/" + id
			if owners == nil {
				if got := b.adoptions(t, b.controlled(t), b.realm)[name]; got.Outcome != bridge.Adopted {
					t.Fatalf("the adoption = %+v", got)
				}
			} else {
				user := b.user(t, id)
				user.Attributes = map[string][]string{"scim.owner": owners}
				c.verify(t, user, name)
			}
			on := patchBody(`{"op":"replace","path":"active","value":true}`)
			for range 2 {
				got := b.must(t, http.MethodPatch, path, off)
				if got["active"] != false || b.user(t, id).Enabled || c.sessions(t, id) != 0 {
					t.Errorf("after active: false the answer is %v, the account %+v with %d sessions", got, b.user(t, id), c.sessions(t, id))
				}
				b.refused(t, http.StatusForbidden, http.MethodPatch, path, on)
				adminPut(t, c.server, "/admin/realms/"+b.realm+"/users/"+id, `{"enabled":true}`)
				if got := b.must(t, http.MethodGet, path, ""); got["active"] != true {
					t.Errorf("the account that was enabled again is shown as %v", got)
				}
			}
			b.must(t, http.MethodPatch, path, patchBody(`{"op":"replace","path":"title","value":"Chief"}`))
			b.must(t, http.MethodPut, path, fmt.Sprintf(`{"userName":%q,"active":false}`, name))
			if user := b.user(t, id); user.Enabled || user.LastName != "L" || user.Username != name {
				t.Errorf("after a PUT the account = %+v", user)
			}
			if detail := b.refused(t, http.StatusForbidden, http.MethodDelete, path, ""); strings.Contains(detail, "take the account over") {
				t.Errorf("DELETE names an adoption that is refused: %q", detail)
			}
		})
	}
}

// TestTheOperatorTakesOverAManagedMember, whose address nobody verified: what the refusals say helps.
func TestTheOperatorTakesOverAManagedMember(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.Real(t), nil)
	b := c.of["acme"]
	id := c.brokeredUnverified(t, "acme", "mia@acme.test").String()
	renamed := patchBody(`{"op":"replace","path":"userName","value":"eva@acme.test"}`)
	for method, body := range map[string]string{http.MethodDelete: "", http.MethodPatch: renamed} {
		if got := b.refused(t, http.StatusForbidden, method, "/Users/"+id, body); !strings.Contains(got, "let this endpoint take the account over") {
			t.Errorf("%s says %q", method, got)
		}
	}
	other := b.account(t, "ann", false).String()
	c.admit(t, other, "acme")
	got := b.adoptions(t, b.controlled(t), b.path(t))
	if got["mia@acme.test"].Outcome != bridge.Adopted || got["ann"].Outcome != bridge.Refused {
		t.Errorf("the adoptions = %+v", got)
	}
	b.must(t, http.MethodPatch, "/Users/"+id, renamed)
	if user := b.user(t, id); user.Username != "eva@acme.test" {
		t.Errorf("the account = %+v", user)
	}
	b.must(t, http.MethodDelete, "/Users/"+id, "")
	if _, err := b.admin.User(t.Context(), userID(t, id)); keycloak.KindOf(err) != keycloak.NotFound {
		t.Errorf("after a DELETE the account is there: %v", err)
	}
}

// TestSecurity_7_AManagedMemberOfAnotherOrganization is not taken over, though it is a member too and has
// an address of a domain that is its own now: by a change, by a POST or by the command.
func TestSecurity_7_AManagedMemberOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.Real(t), adoptUnowned)
	b := c.of["acme"]
	const name = "gus@globex.test"
	id := c.brokered(t, "globex", name).String()
	at := "/admin/realms/" + b.realm + "/organizations/"
	adminSend(t, c.server, http.MethodPut, at+c.ids["globex"].String(), `{"name":"globex","alias":"globex","enabled":true,"domains":[{"name":"other.test","verified":true}]}`)
	adminSend(t, c.server, http.MethodPut, at+c.ids["acme"].String(), `{"name":"acme","alias":"acme","enabled":true,"domains":[{"name":"globex.test","verified":true}]}`)
	b.look(t)
	c.admit(t, id, "acme")
	b.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"title","value":"x"}`))
	b.refused(t, http.StatusConflict, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q}`, name))
	if got := b.adoptions(t, b.controlled(t), b.path(t))[name]; got.Outcome != bridge.Refused || !strings.Contains(got.Reason, "belongs to another organization") {
		t.Errorf("the adoption = %+v", got)
	}
	b.refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+id, off)
	if user := b.user(t, id); user.Attributes["scim.owner"] != nil || !user.Enabled {
		t.Errorf("the account = %+v", user)
	}
}

// TestTheOperatorTakesOverGroupsWhoseOwnerIsGone: of a key that no tenant has. A group of a tenant that there is
// stays its own, be it that it left the tenant.
func TestTheOperatorTakesOverGroupsWhoseOwnerIsGone(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			b, globex := c.realm, c.ids["globex"].String()
			ids := map[string]string{}
			for name, owner := range map[string]string{"gone": goneOwner, "left": "left|" + goneOwner, "live": globex, "waits": "left|" + globex} {
				ids[name] = c.consoleGroup(t, "realm", name)
				group, err := c.heldGroup(t, "realm", ids[name])
				if err == nil {
					err = b.admin.UpdateGroup(t.Context(), group, keycloak.GroupUpdate{Attributes: map[string][]string{"scim.owner": {owner}, "kept": {"k"}}})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			got := b.adoptions(t, b.controlled(t), b.path(t))
			for name, want := range map[string]bridge.Outcome{"gone": bridge.Adopted, "left": bridge.Adopted, "live": bridge.Refused, "waits": bridge.Refused} {
				if got[name].Outcome != want {
					t.Errorf("%s: the adoption = %+v, want %s", name, got[name], want)
				}
				group, err := c.heldGroup(t, "realm", ids[name])
				if owner := group.Attributes["scim.owner"]; err != nil || adoptedOnce(owner) != (want == bridge.Adopted) || group.Attributes["kept"] == nil {
					t.Errorf("%s: the group = %+v, %v", name, group, err)
				}
			}
			b.must(t, http.MethodPatch, "/Groups/"+ids["gone"], patchBody(`{"op":"replace","path":"displayName","value":"renamed"}`))
		})
	}
}

// TestAnOwnerThatIsServedByItsCredential answers for its accounts, and does not once it is served no more.
func TestAnOwnerThatIsServedByItsCredential(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newEvery(t, start(t))
			acme, globex := c.token(t, "acme"), c.token(t, "globex")
			c.look(t)
			id := globex.create(t, "/Users", `{"userName":"gus"}`)
			c.admit(t, id, "acme")
			acme.must(t, http.MethodPatch, "/Users/"+id, off)
			if !c.realm.user(t, id).Enabled {
				t.Error("an organization disabled another tenant's account")
			}
			acme.must(t, http.MethodPatch, "/Users/"+id, patchBody(`{"op":"replace","path":"active","value":true}`))
			adminSend(t, c.server, http.MethodPut, "/admin/realms/"+c.realm.realm+"/organizations/"+c.ids["globex"].String(),
				`{"name":"globex","alias":"globex","enabled":true,"domains":[{"name":"globex.test","verified":true}],"attributes":{}}`)
			c.look(t)
			if got := acme.refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+id, off); !strings.Contains(got, "would stay open") {
				t.Errorf("the refusal says %q", got)
			}
		})
	}
}
