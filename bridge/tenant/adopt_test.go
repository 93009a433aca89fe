package tenant_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// adoptedOnce reports whether the account has one owner, a tenant that took it over.
func adoptedOnce(owner []string) bool {
	return len(owner) == 2 && (owner[1] == "adopted|"+owner[0] || owner[0] == "adopted|"+owner[1])
}

// TestSecurity_9_AdoptionKeepsWhoAnAccountIs: where the policy allows it, a POST takes over an
// account that no tenant owns, by its user name or its address. It changes everything except the
// identity: the names for a login and the password stay.
func TestSecurity_9_AdoptionKeepsWhoAnAccountIs(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, apptest.AdoptUnowned)
			for _, path := range []string{c.Realm.Realm, tenant.OrganizationPath(c.Realm.Realm, "acme")} {
				c.Realm.UseMapping(t, path, "version: 1\nusers: { password: accept }\n")
			}
			for of, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				for _, sent := range []struct{ what, userName, email string }{
					{"the same", of + "-same", of + "-same@acme.test"},
					{"another-case", strings.ToUpper(of + "-another-case"), of + "-Another-Case@acme.test"},
					{"another-address", of + "-another-address", "mine@acme.test"},
					{"another-name", "mine", of + "-another-name@acme.test"},
				} {
					what := strings.ReplaceAll(sent.what, " ", "-")
					stored := of + "-" + strings.TrimPrefix(what, "the-")
					id := b.MakeAccount(t, stored, true)
					body := fmt.Sprintf(`{"userName":%q,"externalId":"X-%s","title":"New","active":true,"password":"Mine-of-the-attacker-1","name":{"givenName":"New","familyName":"Name"},"emails":[{"value":%q,"primary":true}]}`, sent.userName, stored, sent.email)
					got := b.Must(t, http.MethodPost, "/Users", body)
					if got["id"] != id.String() || !strings.EqualFold(fmt.Sprint(got["userName"]), stored) || !strings.EqualFold(got["emails"].([]any)[0].(map[string]any)["value"].(string), stored+"@acme.test") || got["title"] != "New" {
						t.Errorf("%s, %s: the adopted user = %v", of, sent.what, got)
					}
					if diff := cmp.Diff(b.Must(t, http.MethodGet, "/Users/"+id.String(), ""), got); diff != "" {
						t.Errorf("%s, %s: a GET shows another user:\n%s", of, sent.what, diff)
					}
					user := b.InKeycloak(t, id.String())
					if user.Username != stored || user.Email != stored+"@acme.test" || !user.EmailVerified || user.FirstName != "New" || !adoptedOnce(user.Attributes["scim.owner"]) {
						t.Errorf("%s, %s: in Keycloak it is %+v", of, sent.what, user)
					}
					if !b.CanLogIn(t, server, stored, apptest.PasswordBefore) || b.CanLogIn(t, server, stored, "Mine-of-the-attacker-1") {
						t.Errorf("%s, %s: the password was changed", of, sent.what)
					}
					if got := b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", body); !strings.Contains(got, "in use") {
						t.Errorf("%s, %s: adopted again: %q", of, sent.what, got)
					}
				}
			}
			b, elsewhere := c.Of["acme"], c.Of["globex"]
			for _, stored := range []string{"organization-same", "organization-another-name"} {
				found, err := b.Find(t.Context(), "/Users", `userName eq "`+stored+`"`, "")
				if err != nil || len(found) != 1 {
					t.Errorf("%s is found as %v, %v", stored, found, err)
				}
			}
			apptest.WantNames(t, "globex's users", elsewhere.Names(t, "/Users"))
		})
	}
}

// TestSecurity_7_NobodyElsesAccountIsAdopted: a user name or an address of such an account is a
// conflict, with one text, and nothing is changed. The account has an owner, is an administrator's,
// is listed, is a service account, or, at an organization, is not proved to belong to the
// organization.
func TestSecurity_7_NobodyElsesAccountIsAdopted(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, apptest.AdoptUnowned)
			b, admin := c.Of["acme"], c.Realm.Admin
			victims := map[string]keycloak.UserID{"admin": b.MakeAccount(t, "admin", true), "listed": b.MakeAccount(t, "the-list", true), "fresh": b.MakeAccount(t, "fresh", true)}
			victims["globex"] = apptest.UserID(t, c.Of["globex"].Create(t, "/Users", `{"userName":"gus","emails":[{"value":"gus@globex.test"}]}`))
			victims["unverified"] = b.MakeAccount(t, "unverified", false)
			for what, n := range map[string]keycloak.NewUser{"domain": {Username: "other", Email: "other@nowhere.test", EmailVerified: true, Enabled: true}, "no address": {Username: "bare", Enabled: true}} {
				id, err := admin.CreateUser(t.Context(), n)
				if err != nil {
					t.Fatal(err)
				}
				victims[what] = id
			}
			shop, err := admin.CreateClient(t.Context(), "shop", "")
			if err != nil {
				t.Fatal(err)
			}
			if victims["service account"], err = admin.ServiceAccount(t.Context(), shop); err != nil {
				t.Fatal(err)
			}
			if err := admin.UpdateUser(t.Context(), victims["service account"], keycloak.UserUpdate{Email: new("shop@acme.test"), EmailVerified: new(true)}); err != nil {
				t.Fatal(err)
			}
			b.Grant(t, victims["admin"], b.KnownRole(t, apptest.ManagementRole("view-users")))
			b.MakeGroup(t, "listed", keycloak.GroupID{})
			b.Reconfigure(t, apptest.ProtectListed)
			b.Grant(t, victims["fresh"], b.KnownRole(t, apptest.ManagementRole("view-users"))) // after the last read of the realm
			stealFrom(t, c, b, victims)
			for _, what := range []string{"unverified", "domain", "no address"} { // a tenant of the realm may take these over
				delete(victims, what)
			}
			stealFrom(t, c, c.Realm, victims)
		})
	}
}

// stealFrom tries to take over the accounts of others by their names and addresses. A tenant of an
// organization always gets the same answer, and nothing changes.
func stealFrom(t *testing.T, c apptest.Customers, b apptest.Bridge, victims map[string]keycloak.UserID) {
	t.Helper()
	texts := map[string]bool{}
	of := "organization"
	if b.Client == c.Realm.Client {
		of = "realm"
	}
	for what, id := range victims {
		before := b.InKeycloak(t, id.String())
		byName := func(method, path, body string) { texts[b.Refused(t, http.StatusConflict, method, path, body)] = true }
		if what == "service account" { // nobody gets such a name, whether an account has it or not
			byName = func(method, path, body string) { b.Refused(t, http.StatusBadRequest, method, path, body) }
		}
		byName(http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"title":"Mine"}`, before.Username))
		if before.Email != "" && !strings.Contains(before.Email, "nowhere") && !strings.Contains(before.Email, "globex") {
			body := fmt.Sprintf(`{"userName":"mine-%s-%s","emails":[{"value":%q}]}`, strings.ReplaceAll(what, " ", "-"), of, before.Email)
			texts[b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", body)] = true
		}
		own := b.Create(t, "/Users", fmt.Sprintf(`{"userName":"own-%s-%s"}`, strings.ReplaceAll(what, " ", "-"), of))
		byName(http.MethodPatch, "/Users/"+own, apptest.PatchBody(fmt.Sprintf(`{"op":"replace","path":"userName","value":%q}`, before.Username)))
		byName(http.MethodPut, "/Users/"+own, fmt.Sprintf(`{"userName":%q}`, before.Username))
		if diff := cmp.Diff(before, b.InKeycloak(t, id.String())); diff != "" {
			t.Errorf("%s was changed:\n%s", what, diff)
		}
		if _, err := b.Admin.OrganizationMember(t.Context(), c.IDs["acme"], id); keycloak.KindOf(err) != keycloak.NotFound {
			t.Errorf("%s became a member: %v", what, err)
		}
	}
	if len(texts) != 1 && of == "organization" {
		t.Errorf("the conflicts have the texts %v, want one", texts)
	}
}

// TestWithoutThePolicyNothingIsAdopted at any tenant.
func TestWithoutThePolicyNothingIsAdopted(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), nil)
	id := c.Realm.MakeAccount(t, "jane", true)
	before := c.Realm.InKeycloak(t, id.String())
	for _, b := range []apptest.Bridge{c.Realm, c.Of["acme"]} {
		b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"jane","title":"Mine"}`)
	}
	if diff := cmp.Diff(before, c.Realm.InKeycloak(t, id.String())); diff != "" {
		t.Errorf("the account was changed:\n%s", diff)
	}
}

// TestAMemberIsAdoptedByAChange: an identity provider that finds a member without an owner does not
// create the member. The tenant adopts the account with the first change, and the account's identity
// does not change.
func TestAMemberIsAdoptedByAChange(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, apptest.AdoptUnowned)
			b := c.Of["acme"]
			id := b.MakeAccount(t, "jane", true)
			c.Admit(t, id.String(), "acme")
			stranger := b.MakeAccount(t, "unproved", false)
			c.Admit(t, stranger.String(), "acme")
			path := "/Users/" + id.String()
			for _, op := range []string{
				`{"op":"replace","path":"userName","value":"mine"}`, `{"op":"replace","path":"emails","value":[{"value":"mine@acme.test"}]},{"op":"add","path":"title","value":"x"}`,
			} {
				if got := b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(op)); !strings.Contains(got, "the first change of this account") {
					t.Errorf("%s says %q", op, got)
				}
			}
			if owner := b.InKeycloak(t, id.String()).Attributes["scim.owner"]; owner != nil {
				t.Errorf("a refused change made the owner %v", owner)
			}
			b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"name.familyName","value":"Doe"}`))
			if user := b.InKeycloak(t, id.String()); user.LastName != "Doe" || !adoptedOnce(user.Attributes["scim.owner"]) || !slices.Contains(user.Attributes["scim.owner"], c.IDs["acme"].String()) {
				t.Errorf("the adopted member = %+v", user)
			}
			b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"userName","value":"jane.doe"}`))
			b.Must(t, http.MethodPatch, "/Users/"+stranger.String(), apptest.PatchBody(`{"op":"add","path":"title","value":"as a guest's"}`))
			if owner := b.InKeycloak(t, stranger.String()).Attributes["scim.owner"]; owner != nil {
				t.Errorf("an account whose address nobody proved has the owner %v", owner)
			}
		})
	}
}

// TestSecurity_8_AddressesOfOtherDomains: the old and the new address must be in a verified domain
// of the organization, in every form of a change. The refusal names the remedy. An address counts
// as verified only in such domains.
func TestSecurity_8_AddressesOfOtherDomains(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, nil)
			b := c.Of["acme"]
			b.UseMapping(t, tenant.OrganizationPath(b.Realm, "acme"), "version: 1\nusers: { emailVerified: true }\n")
			apptest.AdminSend(t, server, http.MethodPut, "/admin/realms/"+b.Realm+"/organizations/"+c.IDs["acme"].String(),
				`{"name":"acme","alias":"acme","enabled":true,"domains":[{"name":"acme.test","verified":true},{"name":"Second.test","verified":true},{"name":"claimed.test","verified":false}]}`)
			b.Check(t)
			for _, body := range []string{
				`{"userName":"a@victim.test"}`, `{"userName":"a@claimed.test"}`, `{"userName":"a@sub.acme.test"}`, `{"userName":"a@"}`, `{"userName":"a@acme.test."}`,
				`{"userName":"a","emails":[{"value":"a@victim.test"}]}`, `{"userName":"a@acme.test","emails":[{"value":"a@victim.test","primary":true},{"value":"a@acme.test"}]}`,
			} {
				if got := b.Refused(t, http.StatusForbidden, http.MethodPost, "/Users", body); !strings.Contains(got, "not a verified domain of the organization; ask the operator to add and verify the domain") {
					t.Errorf("POST %s says %q", body, got)
				}
			}
			id := b.Create(t, "/Users", `{"userName":"jane@ACME.test","emails":[{"value":"Jane@second.test","primary":true}]}`)
			path := "/Users/" + id
			for _, op := range []string{
				`{"op":"replace","path":"userName","value":"jane@victim.test"}`, `{"op":"add","value":{"userName":"jane@victim.test"}}`,
				`{"op":"replace","path":"emails","value":[{"value":"jane@victim.test","primary":true}]}`, `{"op":"add","path":"emails","value":[{"value":"jane@victim.test","primary":true}]}`,
				`{"op":"replace","path":"emails[primary eq true].value","value":"jane@victim.test"}`, `{"op":"replace","value":{"emails":[{"value":"jane@victim.test"}]}}`,
				`{"op":"add","value":{"emails[type eq \"work\"].value":"jane@victim.test"}},{"op":"remove","path":"emails[value eq \"Jane@second.test\"]"}`,
			} {
				b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(op))
			}
			b.Refused(t, http.StatusForbidden, http.MethodPut, path, `{"userName":"jane@victim.test"}`)
			b.Refused(t, http.StatusForbidden, http.MethodPut, path, `{"userName":"jane@acme.test","emails":[{"value":"jane@victim.test"}]}`)
			if u := b.InKeycloak(t, id); u.Username != "jane@acme.test" || u.Email != "jane@second.test" || !u.EmailVerified {
				t.Errorf("the user = %+v", u)
			}
			b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"emails[primary eq true].value","value":"new@acme.test"}`))
			if u := b.InKeycloak(t, id); u.Email != "new@acme.test" || !u.EmailVerified {
				t.Errorf("after a change to a verified domain the user = %+v", u)
			}
			apptest.AdminSend(t, server, http.MethodPut, "/admin/realms/"+b.Realm+"/organizations/"+c.IDs["acme"].String(),
				`{"name":"acme","alias":"acme","enabled":true,"domains":[{"name":"second.test","verified":true}]}`)
			b.Check(t)
			b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"emails","value":[{"value":"jane@second.test"}]}`))
			b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"add","path":"title","value":"an address that stays is no claim"}`))
			for _, found := range b.App.Watcher.Tenants.All() {
				found.Policy.Domains = config.DomainsAny
			}
			b.Must(t, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"emails","value":[{"value":"jane@victim.test"}]}`))
			if u := b.InKeycloak(t, id); u.Email != "jane@victim.test" || u.EmailVerified {
				t.Errorf("with domains: any the user = %+v, want an address that is not verified", u)
			}
		})
	}
}

// TestOnDelete: what happens to an account that the tenant owns. A user who returns has the old id
// and groups again (security plan 13).
func TestOnDelete(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		for _, policy := range []config.OnDelete{config.OnDeleteDelete, config.OnDeleteDisable, config.OnDeleteLeave} {
			t.Run(name+" "+string(policy), func(t *testing.T) {
				t.Parallel()
				c := apptest.NewCustomers(t, start(t), apptest.LeavingOnDelete(policy))
				probeDelete(t, c.Realm, policy, "realm")
				probeDelete(t, c.Of["acme"], policy, "organization")
			})
		}
	}
}

func probeDelete(t *testing.T, b apptest.Bridge, policy config.OnDelete, kind string) {
	t.Helper()
	id := b.Create(t, "/Users", `{"userName":"`+kind+`","externalId":"X","title":"t"}`)
	group := b.MakeGroup(t, "stays-"+kind, keycloak.GroupID{})
	if err := b.Admin.AddMember(t.Context(), apptest.UserID(t, id), group); err != nil {
		t.Fatal(err)
	}
	b.Must(t, http.MethodDelete, "/Users/"+id, "")
	b.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+id, "")
	b.Refused(t, http.StatusNotFound, http.MethodDelete, "/Users/"+id, "")
	apptest.WantNames(t, kind+"'s users", b.Names(t, "/Users"))
	for _, filter := range []string{`userName eq "` + kind + `"`, `externalId eq "X"`, `id eq "` + id + `"`} {
		if found, err := b.Find(t.Context(), "/Users", filter, ""); err != nil || len(found) > 0 {
			t.Errorf("%s: %s finds %v, %v", kind, filter, found, err)
		}
	}
	user, err := b.Admin.User(t.Context(), apptest.UserID(t, id))
	if policy == config.OnDeleteDelete {
		if keycloak.KindOf(err) != keycloak.NotFound {
			t.Errorf("%s: the account = %v, %v", kind, user, err)
		}
		return
	}
	if err != nil || user.Enabled != (policy == config.OnDeleteLeave) {
		t.Errorf("%s: the account = %+v, %v", kind, user, err)
	}
	if got := b.Create(t, "/Users", `{"userName":"`+kind+`","externalId":"Y"}`); got != id {
		t.Errorf("%s: who comes back is %s, want %s", kind, got, id)
	}
	groups, err := b.Admin.UserGroups(t.Context(), apptest.UserID(t, id))
	if user := b.InKeycloak(t, id); err != nil || len(groups) != 1 || !user.Enabled {
		t.Errorf("%s: who came back is %+v in %v, %v", kind, user, groups, err)
	}
	if found, err := b.Find(t.Context(), "/Users", `externalId eq "Y"`, ""); err != nil || len(found) != 1 {
		t.Errorf("%s: who came back is found as %v, %v", kind, found, err)
	}
}

// TestSecurity_13_AnAccountThatWasThereBefore is never deleted: a tenant of the realm refuses, a
// tenant of an organization ends the membership.
func TestSecurity_13_AnAccountThatWasThereBefore(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			id := c.Realm.MakeAccount(t, "jane", true)
			if got := c.Realm.Refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+id.String(), ""); !strings.Contains(got, "existed before this endpoint") {
				t.Errorf("the realm's tenant says %q", got)
			}
			c.Admit(t, id.String(), "acme")
			c.Of["acme"].Must(t, http.MethodDelete, "/Users/"+id.String(), "")
			c.Of["acme"].Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+id.String(), "")
			if user := c.Realm.InKeycloak(t, id.String()); !user.Enabled || user.Username != "jane" {
				t.Errorf("the account = %+v", user)
			}
			alone := apptest.NewBridgeOn(t, c.Server, nil)
			single := alone.MakeAccount(t, "joe", true)
			alone.Must(t, http.MethodPatch, "/Users/"+single.String(), apptest.PatchBody(`{"op":"add","path":"title","value":"t"}`))
			alone.Refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+single.String(), "")
			alone.Must(t, http.MethodGet, "/Users/"+single.String(), "")
		})
	}
}

// TestAUserOfAnOrganizationIsNotDeletedForTheRealm: the owner's DELETE waits for the organization,
// or leaves the account without that owner.
func TestAUserOfAnOrganizationIsNotDeletedForTheRealm(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, nil)
			id := c.Realm.Create(t, "/Users", `{"userName":"jane"}`)
			c.Admit(t, id, "acme")
			if got := c.Realm.Refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+id, ""); !strings.Contains(got, "while the user is a member of an organization") {
				t.Errorf("DELETE says %q", got)
			}
			c.Of["acme"].Must(t, http.MethodDelete, "/Users/"+id, "")
			c.Realm.Must(t, http.MethodDelete, "/Users/"+id, "")
			owned := apptest.NewCustomers(t, server, func(c *config.Config) {
				for _, r := range c.Realms {
					r.Tenants[2].Scope, r.Tenants[2].OnDelete = config.ScopeOwned, config.OnDeleteDisable
				}
			})
			id = owned.Realm.Create(t, "/Users", `{"userName":"jane"}`)
			owned.Admit(t, id, "acme")
			owned.Realm.Must(t, http.MethodDelete, "/Users/"+id, "")
			owned.Realm.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+id, "")
			if got := owned.Of["acme"].Must(t, http.MethodGet, "/Users/"+id, ""); got["active"] != true {
				t.Errorf("for the organization the user is %v", got)
			}
			owned.Of["globex"].Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"jane"}`)
		})
	}
}

// TestSecurity_14_NoIdIsClaimedTwice: an account that one tenant adopted is a conflict for the next
// tenant, and a DELETE by that tenant does not reach the account.
func TestSecurity_14_NoIdIsClaimedTwice(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), func(c *config.Config) { apptest.AdoptUnowned(c); apptest.TakeAnyDomain(c) })
			acme, globex := c.Of["acme"], c.Of["globex"]
			id := acme.MakeAccount(t, "jane", true)
			if got := acme.Create(t, "/Users", `{"userName":"jane","externalId":"X"}`); got != id.String() {
				t.Fatalf("acme's user is %s, want %s", got, id)
			}
			for _, body := range []string{`{"userName":"jane","externalId":"X"}`, `{"userName":"jane2","externalId":"X","emails":[{"value":"jane@acme.test"}]}`} {
				globex.Refused(t, http.StatusConflict, http.MethodPost, "/Users", body)
				c.Realm.Refused(t, http.StatusConflict, http.MethodPost, "/Users", body)
			}
			globex.Refused(t, http.StatusNotFound, http.MethodDelete, "/Users/"+id.String(), "")
			c.Realm.Refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+id.String(), "")
			if got := acme.Must(t, http.MethodGet, "/Users/"+id.String(), ""); got["externalId"] != "X" {
				t.Errorf("acme's user is %v", got)
			}
			one := c.Realm.MakeAccount(t, "two", true)
			answers := make(chan int)
			for _, b := range []apptest.Bridge{acme, c.Realm, acme, c.Realm} {
				go func() {
					_, err := b.Do(t.Context(), http.MethodPost, "/Users", json.RawMessage(`{"userName":"two"}`))
					answers <- client.StatusOf(err)
				}()
			}
			won := 0
			for range 4 {
				if status := <-answers; status != http.StatusConflict {
					won++
				}
			}
			if owner := c.Realm.InKeycloak(t, one.String()).Attributes["scim.owner"]; won != 1 || !adoptedOnce(owner) {
				t.Errorf("%d of four adoptions at once won, and the owner is %v", won, owner)
			}
		})
	}
}

// TestAChangeLinksNobodyTwice: a member is not taken over when another user has the member's link.
func TestAChangeLinksNobodyTwice(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, apptest.AdoptUnowned)
			at := "/admin/realms/" + c.Realm.Realm
			apptest.AddProvider(t, server, c.Realm.Realm, "corp")
			apptest.AdminSend(t, server, http.MethodPost, at+"/organizations/"+c.IDs["acme"].String()+"/identity-providers", `"corp"`)
			apptest.Patient{Bridge: c.Realm, Server: server}.Right(t, "view-identity-providers", true)
			b := c.Of["acme"]
			b.UseMapping(t, tenant.OrganizationPath(c.Realm.Realm, "acme"), linkTo("corp"))
			b.Create(t, "/Users", `{"userName":"first","externalId":"X"}`)
			id := b.MakeAccount(t, "jane", true)
			c.Admit(t, id.String(), "acme")
			b.Must(t, http.MethodPatch, "/Users/"+id.String(), apptest.PatchBody(`{"op":"add","path":"externalId","value":"X"}`))
			have, err := b.Admin.Links(t.Context(), id)
			if owner := b.InKeycloak(t, id.String()).Attributes["scim.owner"]; err != nil || len(have) > 0 || owner != nil {
				t.Errorf("with another's externalId the links are %v, %v, and the owner %v", have, err, owner)
			}
			b.Must(t, http.MethodPatch, "/Users/"+id.String(), apptest.PatchBody(`{"op":"replace","path":"externalId","value":"Y"}`))
			if have, err := b.Admin.Links(t.Context(), id); err != nil || len(have) != 1 || have[0].UserID != "Y" {
				t.Errorf("the links are %v, %v", have, err)
			}
		})
	}
}

// TestAdoptionWithAUniqueAttribute: the account itself may have the unique value already. Another
// user who has the value prevents the adoption.
func TestAdoptionWithAUniqueAttribute(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const urn = "urn:acme:params:scim:schemas:extension:hr:2.0:User"
			file := apptest.MappingFile(t, "version: 1\nschemas:\n  "+urn+":\n    resource: User\n    attributes: { badge: { type: string, keycloak: badge, uniqueness: server } }\n")
			user := func(userName, badge string) string {
				return fmt.Sprintf(`{"userName":%q,%q:{"badge":%q}}`, userName, urn, badge)
			}
			server := start(t)
			realm, admin := apptest.NewEmptyRealm(t, server)
			b := apptest.NewBridgeIn(t, server, realm, admin, apptest.AdoptUnowned, "--mapping", file)
			id := b.MakeAccount(t, "jane", true)
			b.Must(t, http.MethodPatch, "/Users/"+id.String(), apptest.PatchBody(`{"op":"add","path":"`+urn+`:badge","value":"J"}`))
			b.Create(t, "/Users", user("other", "O"))
			b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", user("jane", "O"))
			b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", user("new", "J"))
			if got := b.Create(t, "/Users", user("jane", "J")); got != id.String() {
				t.Errorf("the user is %s, want %s", got, id)
			}
		})
	}
}

// TestAdoptionsAtOnce: a creation and a change of one account, with one link, take their locks in
// the same order. Each gets an answer, and one of them takes the account over.
func TestAdoptionsAtOnce(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	c := apptest.NewCustomers(t, server, apptest.AdoptUnowned)
	apptest.AddProvider(t, server, c.Realm.Realm, "corp")
	apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+c.Realm.Realm+"/organizations/"+c.IDs["acme"].String()+"/identity-providers", `"corp"`)
	apptest.Patient{Bridge: c.Realm, Server: server}.Right(t, "view-identity-providers", true)
	b := c.Of["acme"]
	b.UseMapping(t, tenant.OrganizationPath(c.Realm.Realm, "acme"), linkTo("corp"))
	for i := range 50 {
		name := fmt.Sprintf("user%d", i)
		id := b.MakeAccount(t, name, true)
		c.Admit(t, id.String(), "acme")
		answers := make(chan error, 2)
		go func() {
			_, err := b.Do(t.Context(), http.MethodPost, "/Users", json.RawMessage(`{"userName":"`+name+`","externalId":"`+name+`"}`))
			answers <- err
		}()
		go func() {
			_, err := b.Do(t.Context(), http.MethodPatch, "/Users/"+id.String(), json.RawMessage(apptest.PatchBody(`{"op":"add","path":"externalId","value":"`+name+`"}`)))
			answers <- err
		}()
		for range 2 {
			if err := <-answers; err != nil && client.StatusOf(err) != http.StatusConflict {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if owner := b.InKeycloak(t, id.String()).Attributes["scim.owner"]; !adoptedOnce(owner) {
			t.Errorf("%s: the owner is %v", name, owner)
		}
	}
}
