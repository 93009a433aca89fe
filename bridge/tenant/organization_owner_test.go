package tenant_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// released creates members of acme whose accounts another tenant owned, one for each way in which the
// owner can be lost.
func released(t *testing.T, c apptest.Customers) map[string]string {
	t.Helper()
	out := map[string]string{}
	of := func(owner apptest.Bridge, name string) string {
		id := owner.Create(t, "/Users", fmt.Sprintf(`{"userName":%q}`, name))
		c.Admit(t, id, "acme")
		return id
	}
	out["left"] = of(c.Realm, "left")
	c.Realm.Must(t, http.MethodDelete, "/Users/"+out["left"], "")
	out["ended"] = of(c.Of["globex"], "ended")
	c.Of["globex"].Must(t, http.MethodDelete, "/Users/"+out["ended"], "")
	out["unknown"] = ownedBy(t, c, "unknown", apptest.GoneOwner)
	c.Admit(t, out["unknown"], "acme")
	for name, id := range out {
		user := c.Realm.InKeycloak(t, id)
		if !user.Enabled || len(user.Attributes["scim.owner"]) == 0 {
			t.Fatalf("the account %s = %+v", name, user)
		}
		verify(t, c, user, name+"@acme.test")
	}
	return out
}

// ownedBy creates an account with some owner values.
func ownedBy(t *testing.T, c apptest.Customers, name string, owners ...string) string {
	t.Helper()
	id, err := c.Realm.Admin.CreateUser(t.Context(), keycloak.NewUser{Username: name, FirstName: "F", LastName: "L", Enabled: true, Attributes: map[string][]string{"scim.owner": owners}})
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// verify gives an account a verified address, as an operator does.
func verify(t *testing.T, c apptest.Customers, u keycloak.User, address string) {
	t.Helper()
	yes := true
	if err := c.Realm.Admin.UpdateUser(t.Context(), apptest.UserID(t, u.ID), keycloak.UserUpdate{
		Username: &u.Username, Email: &address, EmailVerified: &yes, FirstName: &u.FirstName, LastName: &u.LastName, Attributes: u.Attributes,
	}); err != nil {
		t.Fatal(err)
	}
}

var off = apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)

// TestALeaverWhoseOwnerReleasedTheAccount: no other tenant closes the account, so a deactivation is
// refused, whether or not the tenant may adopt. The remedy in the refusal works.
func TestALeaverWhoseOwnerReleasedTheAccount(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		for _, adopt := range []config.Adopt{config.AdoptNever, config.AdoptUnowned} {
			t.Run(name+" "+string(adopt), func(t *testing.T) {
				t.Parallel()
				c := apptest.NewCustomers(t, start(t), func(all *config.Config) {
					apptest.ScopeOwned(all)
					apptest.EachTenant(func(t *config.Tenant) { t.Adopt = adopt })(all)
				})
				b := c.Of["acme"]
				ids := released(t, c)
				for who, id := range ids {
					before := b.InKeycloak(t, id)
					if got := b.Must(t, http.MethodGet, "/Users/"+id, ""); got["active"] != true {
						t.Errorf("%s: the open account is shown as %v", who, got)
					}
					for method, body := range map[string]string{http.MethodPatch: off, http.MethodPut: fmt.Sprintf(`{"userName":%q,"active":false}`, who)} {
						got := b.Refused(t, http.StatusForbidden, method, "/Users/"+id, body)
						if !strings.Contains(got, "active") || !strings.Contains(got, "DELETE") || !strings.Contains(got, "let this endpoint take the account over") {
							t.Errorf("%s: %s says %q", who, method, got)
						}
					}
					if diff := cmp.Diff(before, b.InKeycloak(t, id)); diff != "" {
						t.Errorf("%s: the refusal changed the account:\n%s", who, diff)
					}
				}
				file := b.Controlled(t)
				dry := b.Adoptions(t, file, b.Path(t), "--dry-run")
				got := b.Adoptions(t, file, b.Path(t))
				for who, id := range ids {
					if got[who].Outcome != bridge.Adopted || !slices.ContainsFunc(got[who].Changes, func(s string) bool { return strings.HasPrefix(s, "belonged to the tenant with the key ") }) {
						t.Errorf("%s: the adoption = %+v", who, got[who])
					}
					if diff := cmp.Diff(dry[who], got[who]); diff != "" {
						t.Errorf("%s: the dry run told otherwise:\n%s", who, diff)
					}
					b.Must(t, http.MethodPatch, "/Users/"+id, off)
					if b.InKeycloak(t, id).Enabled {
						t.Errorf("%s: the account is open after the remedy and a deactivation", who)
					}
				}
			})
		}
	}
}

// TestALeaverOfTheRealmWhoseOwnerReleasedTheAccount is the same at a tenant of the whole realm.
func TestALeaverOfTheRealmWhoseOwnerReleasedTheAccount(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			ids := map[string]string{"unknown": ownedBy(t, c, "unknown", apptest.GoneOwner), "left": ownedBy(t, c, "left", "left|"+c.IDs["globex"].String())}
			ids["ended"] = c.Of["globex"].Create(t, "/Users", `{"userName":"ended"}`)
			c.Admit(t, ids["ended"], "acme")
			c.Of["globex"].Must(t, http.MethodDelete, "/Users/"+ids["ended"], "")
			for who, id := range ids {
				if got := c.Realm.Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+id, off); !strings.Contains(got, "let this endpoint take the account over") || strings.Contains(got, "membership") {
					t.Errorf("%s: the refusal says %q", who, got)
				}
			}
			closed := ownedBy(t, c, "closed", "left|"+c.IDs["globex"].String())
			apptest.AdminPut(t, c.Server, "/admin/realms/"+c.Realm.Realm+"/users/"+closed, `{"enabled":false}`)
			ownedBy(t, c, "own", "left|realm")
			live := c.Of["globex"].Create(t, "/Users", `{"userName":"live"}`)
			got := c.Realm.Adoptions(t, c.Realm.Controlled(t), c.Realm.Path(t))
			for _, who := range []string{"closed", "live", "own"} { // two return, and globex owns the third
				if got[who].Outcome != bridge.Refused {
					t.Errorf("%s: the adoption = %+v", who, got[who])
				}
			}
			for who, id := range ids {
				c.Realm.Must(t, http.MethodPatch, "/Users/"+id, off)
				if c.Realm.InKeycloak(t, id).Enabled {
					t.Errorf("%s: the account is open after the remedy and a deactivation", who)
				}
			}
			c.Realm.Must(t, http.MethodPatch, "/Users/"+live, off)
			if !c.Realm.InKeycloak(t, live).Enabled {
				t.Error("an account whose owner answers for it is disabled by another tenant")
			}
		})
	}
}

// TestCallsOfADeactivationByAGuest: one call asks whether the organization that owns the account
// still has the member. A tenant of the realm needs no such call.
func TestCallsOfADeactivationByAGuest(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := apptest.NewCustomers(t, fake.Server(), nil)
	b := apptest.CallBridge{Bridge: c.Of["acme"], Fake: fake}
	const get, put, groups = "GET /organizations/{id}/members/{user}", "PUT /users/{id}", "GET /organizations/{id}/members/{user}/groups"
	for owner, want := range map[string][]string{"globex": {get, get, groups, put}, "realm": {get, groups, put}} {
		of := c.Realm
		if owner == "globex" {
			of = c.Of["globex"]
		}
		id := of.Create(t, "/Users", `{"userName":"of-`+owner+`"}`)
		c.Admit(t, id, "acme")
		for change, want := range map[string][]string{
			off: want,
			apptest.PatchBody(`{"op":"replace","path":"active","value":true}`): {get, put},
			apptest.PatchBody(`{"op":"replace","path":"title","value":"t"}`):   {get, put},
		} {
			if change != off {
				b.Must(t, http.MethodPatch, "/Users/"+id, off)
			}
			if diff := cmp.Diff(want, b.Calls(func() { b.Must(t, http.MethodPatch, "/Users/"+id, change) })); diff != "" && !strings.Contains(change, "title") {
				t.Errorf("%s of %s makes other calls (-want +got):\n%s", change, owner, diff)
			}
			b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"active","value":true}`))
		}
	}
}

// TestDoctorFindsLeaversWhoseOwnersReleasedTheAccounts after the deactivation, which was correct at
// that time.
func TestDoctorFindsLeaversWhoseOwnersReleasedTheAccounts(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.ScopeOwned)
			b, globex := c.Of["acme"], c.Of["globex"]
			ids := map[string]string{}
			for who, owner := range map[string]apptest.Bridge{"left": c.Realm, "ended": globex, "live": globex, "unknown": globex} {
				ids[who] = owner.Create(t, "/Users", fmt.Sprintf(`{"userName":%q}`, who))
				c.Admit(t, ids[who], "acme")
				b.Must(t, http.MethodPatch, "/Users/"+ids[who], off)
			}
			if found := c.Finding(t, b, "leavers"); found.Severity != realm.Pass {
				t.Errorf("while the owners answer doctor finds %+v", found)
			}
			if found := c.Finding(t, b, "owners"); found.Severity != realm.Pass {
				t.Errorf("of owners that are there doctor finds %+v", found)
			}
			c.Realm.Must(t, http.MethodDelete, "/Users/"+ids["left"], "")
			globex.Must(t, http.MethodDelete, "/Users/"+ids["ended"], "")
			user := b.InKeycloak(t, ids["unknown"])
			user.Attributes["scim.owner"] = []string{apptest.GoneOwner}
			verify(t, c, user, "unknown@acme.test")
			found := c.Finding(t, b, "leavers")
			if found.Severity != realm.Fail || strings.Contains(found.Text, ids["live"]) {
				t.Errorf("doctor finds %+v", found)
			}
			for _, who := range []string{"left", "ended", "unknown"} {
				if !strings.Contains(found.Text, ids[who]) {
					t.Errorf("doctor does not find the leaver %s: %q", who, found.Text)
				}
				if got := b.Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+ids[who], off); !strings.Contains(got, "would stay open") {
					t.Errorf("%s: a second deactivation says %q", who, got)
				}
			}
			if found := c.Finding(t, b, "owners"); found.Severity != realm.Warn || !strings.Contains(found.Text, "1 users") || !strings.Contains(found.Text, apptest.GoneOwner) || !strings.Contains(found.Fix, "scim-bridge adopt") {
				t.Errorf("of an owner that is gone doctor finds %+v", found)
			}
		})
	}
}

// TestAManagedMemberOfTheRealm: the realm's tenant took the account over or created it. The
// organization that has the account in Keycloak still ends its access, but does not restore it,
// because the owner may have ended the access too.
func TestAManagedMemberOfTheRealm(t *testing.T) {
	t.Parallel()
	for _, owners := range [][]string{nil, {"realm"}, {"left|realm"}, {apptest.GoneOwner}} {
		t.Run(strings.Join(owners, " "), func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, keycloaktest.Real(t), nil)
			b := c.Of["acme"]
			const name = "mia@acme.test"
			id := brokeredUnverified(t, c, "acme", name).String()
			path := "/Users/" + id
			if owners == nil {
				if got := b.Adoptions(t, b.Controlled(t), b.Realm)[name]; got.Outcome != bridge.Adopted {
					t.Fatalf("the adoption = %+v", got)
				}
			} else {
				user := b.InKeycloak(t, id)
				user.Attributes = map[string][]string{"scim.owner": owners}
				verify(t, c, user, name)
			}
			on := apptest.PatchBody(`{"op":"replace","path":"active","value":true}`)
			for range 2 {
				got := b.Must(t, http.MethodPatch, path, off)
				if got["active"] != false || b.InKeycloak(t, id).Enabled || c.Sessions(t, id) != 0 {
					t.Errorf("after active: false the answer is %v, the account %+v with %d sessions", got, b.InKeycloak(t, id), c.Sessions(t, id))
				}
				b.Refused(t, http.StatusForbidden, http.MethodPatch, path, on)
				apptest.AdminPut(t, c.Server, "/admin/realms/"+b.Realm+"/users/"+id, `{"enabled":true}`)
				if got := b.Must(t, http.MethodGet, path, ""); got["active"] != true {
					t.Errorf("the account that was enabled again is shown as %v", got)
				}
			}
			b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"title","value":"Chief"}`))
			b.Must(t, http.MethodPut, path, fmt.Sprintf(`{"userName":%q,"active":false}`, name))
			if user := b.InKeycloak(t, id); user.Enabled || user.LastName != "L" || user.Username != name {
				t.Errorf("after a PUT the account = %+v", user)
			}
			if detail := b.Refused(t, http.StatusForbidden, http.MethodDelete, path, ""); strings.Contains(detail, "take the account over") {
				t.Errorf("DELETE names an adoption that is refused: %q", detail)
			}
		})
	}
}

// TestTheOperatorAdoptsAManagedMember without a verified address, as the refusals advise.
func TestTheOperatorAdoptsAManagedMember(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.Real(t), nil)
	b := c.Of["acme"]
	id := brokeredUnverified(t, c, "acme", "mia@acme.test").String()
	renamed := apptest.PatchBody(`{"op":"replace","path":"userName","value":"eva@acme.test"}`)
	for method, body := range map[string]string{http.MethodDelete: "", http.MethodPatch: renamed} {
		if got := b.Refused(t, http.StatusForbidden, method, "/Users/"+id, body); !strings.Contains(got, "let this endpoint take the account over") {
			t.Errorf("%s says %q", method, got)
		}
	}
	other := b.MakeAccount(t, "ann", false).String()
	c.Admit(t, other, "acme")
	got := b.Adoptions(t, b.Controlled(t), b.Path(t))
	if got["mia@acme.test"].Outcome != bridge.Adopted || got["ann"].Outcome != bridge.Refused {
		t.Errorf("the adoptions = %+v", got)
	}
	b.Must(t, http.MethodPatch, "/Users/"+id, renamed)
	if user := b.InKeycloak(t, id); user.Username != "eva@acme.test" {
		t.Errorf("the account = %+v", user)
	}
	b.Must(t, http.MethodDelete, "/Users/"+id, "")
	if _, err := b.Admin.User(t.Context(), apptest.UserID(t, id)); keycloak.KindOf(err) != keycloak.NotFound {
		t.Errorf("after a DELETE the account is there: %v", err)
	}
}

// TestSecurity_7_AManagedMemberOfAnotherOrganization is not taken over by a change, a POST or the
// command. This holds although the user is a member too and has an address in a domain that now
// belongs to the tenant's organization.
func TestSecurity_7_AManagedMemberOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.Real(t), apptest.AdoptUnowned)
	b := c.Of["acme"]
	const name = "gus@globex.test"
	id := c.Brokered(t, "globex", name).String()
	at := "/admin/realms/" + b.Realm + "/organizations/"
	apptest.AdminSend(t, c.Server, http.MethodPut, at+c.IDs["globex"].String(), `{"name":"globex","alias":"globex","enabled":true,"domains":[{"name":"other.test","verified":true}]}`)
	apptest.AdminSend(t, c.Server, http.MethodPut, at+c.IDs["acme"].String(), `{"name":"acme","alias":"acme","enabled":true,"domains":[{"name":"globex.test","verified":true}]}`)
	b.Check(t)
	c.Admit(t, id, "acme")
	b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"title","value":"x"}`))
	b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q}`, name))
	if got := b.Adoptions(t, b.Controlled(t), b.Path(t))[name]; got.Outcome != bridge.Refused || !strings.Contains(got.Reason, "belongs to another organization") {
		t.Errorf("the adoption = %+v", got)
	}
	b.Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+id, off)
	if user := b.InKeycloak(t, id); user.Attributes["scim.owner"] != nil || !user.Enabled {
		t.Errorf("the account = %+v", user)
	}
}

// TestTheOperatorAdoptsGroupsWhoseOwnerIsGone: the owner's key belongs to no tenant. A group of
// an existing tenant stays its own, even after it left the tenant.
func TestTheOperatorAdoptsGroupsWhoseOwnerIsGone(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			b, globex := c.Realm, c.IDs["globex"].String()
			ids := map[string]string{}
			for name, owner := range map[string]string{"gone": apptest.GoneOwner, "left": "left|" + apptest.GoneOwner, "live": globex, "waits": "left|" + globex} {
				ids[name] = c.ConsoleGroup(t, "realm", name)
				group, err := c.HeldGroup(t, "realm", ids[name])
				if err == nil {
					err = b.Admin.UpdateGroup(t.Context(), group, keycloak.GroupUpdate{Attributes: map[string][]string{"scim.owner": {owner}, "kept": {"k"}}})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			got := b.Adoptions(t, b.Controlled(t), b.Path(t))
			for name, want := range map[string]bridge.Outcome{"gone": bridge.Adopted, "left": bridge.Adopted, "live": bridge.Refused, "waits": bridge.Refused} {
				if got[name].Outcome != want {
					t.Errorf("%s: the adoption = %+v, want %s", name, got[name], want)
				}
				group, err := c.HeldGroup(t, "realm", ids[name])
				if owner := group.Attributes["scim.owner"]; err != nil || adoptedOnce(owner) != (want == bridge.Adopted) || group.Attributes["kept"] == nil {
					t.Errorf("%s: the group = %+v, %v", name, group, err)
				}
			}
			b.Must(t, http.MethodPatch, "/Groups/"+ids["gone"], apptest.PatchBody(`{"op":"replace","path":"displayName","value":"renamed"}`))
		})
	}
}

// TestAnOwnerThatIsServedByItsCredential is responsible for its accounts only as long as it is served.
func TestAnOwnerThatIsServedByItsCredential(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewEvery(t, start(t))
			acme, globex := c.NewToken(t, "acme"), c.NewToken(t, "globex")
			c.Check(t)
			id := globex.Create(t, "/Users", `{"userName":"gus"}`)
			c.Admit(t, id, "acme")
			acme.Must(t, http.MethodPatch, "/Users/"+id, off)
			if !c.Realm.InKeycloak(t, id).Enabled {
				t.Error("an organization disabled another tenant's account")
			}
			acme.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"active","value":true}`))
			apptest.AdminSend(t, c.Server, http.MethodPut, "/admin/realms/"+c.Realm.Realm+"/organizations/"+c.IDs["globex"].String(),
				`{"name":"globex","alias":"globex","enabled":true,"domains":[{"name":"globex.test","verified":true}],"attributes":{}}`)
			c.Check(t)
			if got := acme.Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+id, off); !strings.Contains(got, "would stay open") {
				t.Errorf("the refusal says %q", got)
			}
		})
	}
}
