package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// adoptUnowned lets every tenant take accounts and groups over.
func adoptUnowned(c *config.Config) {
	eachTenant(func(t *config.Tenant) { t.Adopt = config.AdoptUnowned })(c)
}

// account makes a user past the bridge, as one that was there before it, who can log in with
// a password.
func (b testBridge) account(t *testing.T, name string, verified bool) keycloak.UserID {
	t.Helper()
	id, err := b.admin.CreateUser(t.Context(), keycloak.NewUser{
		Username: name, Email: name + "@acme.test", EmailVerified: verified, FirstName: "Old", LastName: "Name", Enabled: true,
		Password: keycloak.NewUserPassword(passwordBefore, false), Attributes: map[string][]string{"externalId": {"before-" + name}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// adoptedOnce reports whether the owner is that of one tenant, which took the account over.
func adoptedOnce(owner []string) bool {
	return len(owner) == 2 && (owner[1] == "adopted|"+owner[0] || owner[0] == "adopted|"+owner[1])
}

const passwordBefore = "was-There-before-1"

// canLogIn probes a password.
func (b testBridge) canLogIn(t *testing.T, server keycloaktest.Server, name, password string) bool {
	t.Helper()
	status, _ := token(t, server, b.realm, url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {name}, "password": {password}})
	return status == http.StatusOK
}

// TestSecurity_9_AdoptionKeepsWhoAnAccountIs: where the policy says so, a POST takes over an account that no tenant owns, by
// its user name or its address, and changes all but who it is: neither its names for a login
// nor its password.
func TestSecurity_9_AdoptionKeepsWhoAnAccountIs(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := newCustomers(t, server, adoptUnowned)
			for _, path := range []string{c.realm.realm, tenant.OrganizationPath(c.realm.realm, "acme")} {
				c.realm.useMapping(t, path, "version: 1\nusers: { password: accept }\n")
			}
			for of, b := range map[string]testBridge{"realm": c.realm, "organization": c.of["acme"]} {
				for _, sent := range []struct{ what, userName, email string }{
					{"the same", of + "-same", of + "-same@acme.test"},
					{"another-case", strings.ToUpper(of + "-another-case"), of + "-Another-Case@acme.test"},
					{"another-address", of + "-another-address", "mine@acme.test"},
					{"another-name", "mine", of + "-another-name@acme.test"},
				} {
					what := strings.ReplaceAll(sent.what, " ", "-")
					stored := of + "-" + strings.TrimPrefix(what, "the-")
					id := b.account(t, stored, true)
					body := fmt.Sprintf(`{"userName":%q,"externalId":"X-%s","title":"New","active":true,"password":"Mine-of-the-attacker-1","name":{"givenName":"New","familyName":"Name"},"emails":[{"value":%q,"primary":true}]}`, sent.userName, stored, sent.email)
					got := b.must(t, http.MethodPost, "/Users", body)
					if got["id"] != id.String() || !strings.EqualFold(fmt.Sprint(got["userName"]), stored) || !strings.EqualFold(got["emails"].([]any)[0].(map[string]any)["value"].(string), stored+"@acme.test") || got["title"] != "New" {
						t.Errorf("%s, %s: the adopted user = %v", of, sent.what, got)
					}
					if diff := cmp.Diff(b.must(t, http.MethodGet, "/Users/"+id.String(), ""), got); diff != "" {
						t.Errorf("%s, %s: a GET shows another user:\n%s", of, sent.what, diff)
					}
					user := b.user(t, id.String())
					if user.Username != stored || user.Email != stored+"@acme.test" || !user.EmailVerified || user.FirstName != "New" || !adoptedOnce(user.Attributes["scim.owner"]) {
						t.Errorf("%s, %s: in Keycloak it is %+v", of, sent.what, user)
					}
					if !b.canLogIn(t, server, stored, passwordBefore) || b.canLogIn(t, server, stored, "Mine-of-the-attacker-1") {
						t.Errorf("%s, %s: the password is another one", of, sent.what)
					}
					if got := b.refused(t, http.StatusConflict, http.MethodPost, "/Users", body); !strings.Contains(got, "in use") {
						t.Errorf("%s, %s: adopted again: %q", of, sent.what, got)
					}
				}
			}
			b, elsewhere := c.of["acme"], c.of["globex"]
			for _, stored := range []string{"organization-same", "organization-another-name"} {
				found, err := b.Find(t.Context(), "/Users", `userName eq "`+stored+`"`, "")
				if err != nil || len(found) != 1 {
					t.Errorf("%s is found as %v, %v", stored, found, err)
				}
			}
			wantNames(t, "globex's users", elsewhere.names(t, "/Users"))
		})
	}
}

// TestSecurity_7_NobodyElsesAccountIsAdopted: a user name or address of an account that is
// somebody's, an administrator's, listed, a service account's or, for an organization, not
// proved to be its own is a conflict as ever, in one text, and changes nothing.
func TestSecurity_7_NobodyElsesAccountIsAdopted(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := newCustomers(t, server, adoptUnowned)
			b, admin := c.of["acme"], c.realm.admin
			victims := map[string]keycloak.UserID{"admin": b.account(t, "admin", true), "listed": b.account(t, "the-list", true), "fresh": b.account(t, "fresh", true)}
			victims["globex"] = userID(t, c.of["globex"].create(t, "/Users", `{"userName":"gus","emails":[{"value":"gus@globex.test"}]}`))
			victims["unverified"] = b.account(t, "unverified", false)
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
			b.grant(t, victims["admin"], b.known(t, right("view-users")))
			b.group(t, "listed", keycloak.GroupID{})
			b.reconfigure(t, protectListed)
			b.grant(t, victims["fresh"], b.known(t, right("view-users"))) // since the look
			c.stealFrom(t, b, victims)
			for _, what := range []string{"unverified", "domain", "no address"} { // which a tenant of the realm may take over
				delete(victims, what)
			}
			c.stealFrom(t, c.realm, victims)
		})
	}
}

// stealFrom tries to get the accounts of others by their names and addresses, which has one
// answer for a tenant of an organization and changes nothing.
func (c customers) stealFrom(t *testing.T, b testBridge, victims map[string]keycloak.UserID) {
	t.Helper()
	texts := map[string]bool{}
	of := "organization"
	if b.Client == c.realm.Client {
		of = "realm"
	}
	for what, id := range victims {
		before := b.user(t, id.String())
		byName := func(method, path, body string) { texts[b.refused(t, http.StatusConflict, method, path, body)] = true }
		if what == "service account" { // nobody gets such a name, whether there is an account or not
			byName = func(method, path, body string) { b.refused(t, http.StatusBadRequest, method, path, body) }
		}
		byName(http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"title":"Mine"}`, before.Username))
		if before.Email != "" && !strings.Contains(before.Email, "nowhere") && !strings.Contains(before.Email, "globex") {
			body := fmt.Sprintf(`{"userName":"mine-%s-%s","emails":[{"value":%q}]}`, strings.ReplaceAll(what, " ", "-"), of, before.Email)
			texts[b.refused(t, http.StatusConflict, http.MethodPost, "/Users", body)] = true
		}
		own := b.create(t, "/Users", fmt.Sprintf(`{"userName":"own-%s-%s"}`, strings.ReplaceAll(what, " ", "-"), of))
		byName(http.MethodPatch, "/Users/"+own, patchBody(fmt.Sprintf(`{"op":"replace","path":"userName","value":%q}`, before.Username)))
		byName(http.MethodPut, "/Users/"+own, fmt.Sprintf(`{"userName":%q}`, before.Username))
		if diff := cmp.Diff(before, b.user(t, id.String())); diff != "" {
			t.Errorf("%s was changed:\n%s", what, diff)
		}
		if _, err := b.admin.OrganizationMember(t.Context(), c.ids["acme"], id); keycloak.KindOf(err) != keycloak.NotFound {
			t.Errorf("%s became a member: %v", what, err)
		}
	}
	if len(texts) != 1 && of == "organization" {
		t.Errorf("the conflicts have the texts %v, want one", texts)
	}
}

// TestWithoutThePolicyNothingIsAdopted, at any tenant.
func TestWithoutThePolicyNothingIsAdopted(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.NewFake(t).Server(), nil)
	id := c.realm.account(t, "jane", true)
	before := c.realm.user(t, id.String())
	for _, b := range []testBridge{c.realm, c.of["acme"]} {
		b.refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"jane","title":"Mine"}`)
	}
	if diff := cmp.Diff(before, c.realm.user(t, id.String())); diff != "" {
		t.Errorf("the account was changed:\n%s", diff)
	}
}

// TestAMemberIsAdoptedByAChange: an identity provider that finds a member whom no tenant owns
// does not create it. With the first change the account is the tenant's own; who it is does
// not change with it.
func TestAMemberIsAdoptedByAChange(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := newCustomers(t, server, adoptUnowned)
			b := c.of["acme"]
			id := b.account(t, "jane", true)
			c.admit(t, id.String(), "acme")
			stranger := b.account(t, "unproved", false)
			c.admit(t, stranger.String(), "acme")
			path := "/Users/" + id.String()
			for _, op := range []string{
				`{"op":"replace","path":"userName","value":"mine"}`, `{"op":"replace","path":"emails","value":[{"value":"mine@acme.test"}]},{"op":"add","path":"title","value":"x"}`,
			} {
				if got := b.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(op)); !strings.Contains(got, "with its first change") {
					t.Errorf("%s says %q", op, got)
				}
			}
			if owner := b.user(t, id.String()).Attributes["scim.owner"]; owner != nil {
				t.Errorf("a refused change made the owner %v", owner)
			}
			b.must(t, http.MethodPatch, path, patchBody(`{"op":"replace","path":"name.familyName","value":"Doe"}`))
			if user := b.user(t, id.String()); user.LastName != "Doe" || !adoptedOnce(user.Attributes["scim.owner"]) || !slices.Contains(user.Attributes["scim.owner"], c.ids["acme"].String()) {
				t.Errorf("the adopted member = %+v", user)
			}
			b.must(t, http.MethodPatch, path, patchBody(`{"op":"replace","path":"userName","value":"jane.doe"}`))
			b.must(t, http.MethodPatch, "/Users/"+stranger.String(), patchBody(`{"op":"add","path":"title","value":"as a guest's"}`))
			if owner := b.user(t, stranger.String()).Attributes["scim.owner"]; owner != nil {
				t.Errorf("an account whose address nobody proved has the owner %v", owner)
			}
		})
	}
}

// TestSecurity_8_AddressesOfOtherDomains: the old and the new address must be in a verified
// domain of the organization, in every spelling of a change; the refusal names the remedy.
// An address is said to be verified for such domains alone.
func TestSecurity_8_AddressesOfOtherDomains(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := newCustomers(t, server, nil)
			b := c.of["acme"]
			b.useMapping(t, tenant.OrganizationPath(b.realm, "acme"), "version: 1\nusers: { emailVerified: true }\n")
			adminSend(t, server, http.MethodPut, "/admin/realms/"+b.realm+"/organizations/"+c.ids["acme"].String(),
				`{"name":"acme","alias":"acme","enabled":true,"domains":[{"name":"acme.test","verified":true},{"name":"Second.test","verified":true},{"name":"claimed.test","verified":false}]}`)
			b.look(t)
			for _, body := range []string{
				`{"userName":"a@victim.test"}`, `{"userName":"a@claimed.test"}`, `{"userName":"a@sub.acme.test"}`, `{"userName":"a@"}`, `{"userName":"a@acme.test."}`,
				`{"userName":"a","emails":[{"value":"a@victim.test"}]}`, `{"userName":"a@acme.test","emails":[{"value":"a@victim.test","primary":true},{"value":"a@acme.test"}]}`,
			} {
				if got := b.refused(t, http.StatusForbidden, http.MethodPost, "/Users", body); !strings.Contains(got, "no verified domain of the organization; have it added and verified") {
					t.Errorf("POST %s says %q", body, got)
				}
			}
			id := b.create(t, "/Users", `{"userName":"jane@ACME.test","emails":[{"value":"Jane@second.test","primary":true}]}`)
			path := "/Users/" + id
			for _, op := range []string{
				`{"op":"replace","path":"userName","value":"jane@victim.test"}`, `{"op":"add","value":{"userName":"jane@victim.test"}}`,
				`{"op":"replace","path":"emails","value":[{"value":"jane@victim.test","primary":true}]}`, `{"op":"add","path":"emails","value":[{"value":"jane@victim.test","primary":true}]}`,
				`{"op":"replace","path":"emails[primary eq true].value","value":"jane@victim.test"}`, `{"op":"replace","value":{"emails":[{"value":"jane@victim.test"}]}}`,
				`{"op":"add","value":{"emails[type eq \"work\"].value":"jane@victim.test"}},{"op":"remove","path":"emails[value eq \"Jane@second.test\"]"}`,
			} {
				b.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(op))
			}
			b.refused(t, http.StatusForbidden, http.MethodPut, path, `{"userName":"jane@victim.test"}`)
			b.refused(t, http.StatusForbidden, http.MethodPut, path, `{"userName":"jane@acme.test","emails":[{"value":"jane@victim.test"}]}`)
			if u := b.user(t, id); u.Username != "jane@acme.test" || u.Email != "jane@second.test" || !u.EmailVerified {
				t.Errorf("the user = %+v", u)
			}
			b.must(t, http.MethodPatch, path, patchBody(`{"op":"replace","path":"emails[primary eq true].value","value":"new@acme.test"}`))
			if u := b.user(t, id); u.Email != "new@acme.test" || !u.EmailVerified {
				t.Errorf("after a change to a verified domain the user = %+v", u)
			}
			adminSend(t, server, http.MethodPut, "/admin/realms/"+b.realm+"/organizations/"+c.ids["acme"].String(),
				`{"name":"acme","alias":"acme","enabled":true,"domains":[{"name":"second.test","verified":true}]}`)
			b.look(t)
			b.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(`{"op":"replace","path":"emails","value":[{"value":"jane@second.test"}]}`))
			b.must(t, http.MethodPatch, path, patchBody(`{"op":"add","path":"title","value":"an address that stays is no claim"}`))
			for _, found := range b.app.Watcher.Tenants.All() {
				found.Policy.Domains = config.DomainsAny
			}
			b.must(t, http.MethodPatch, path, patchBody(`{"op":"replace","path":"emails","value":[{"value":"jane@victim.test"}]}`))
			if u := b.user(t, id); u.Email != "jane@victim.test" || u.EmailVerified {
				t.Errorf("with domains: any the user = %+v, want an address that is not verified", u)
			}
		})
	}
}

// TestOnDelete: what becomes of an account of the tenant's own, and that a user who comes back
// has its id and its groups again (security plan 13).
func TestOnDelete(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		for _, policy := range []config.OnDelete{config.OnDeleteDelete, config.OnDeleteDisable, config.OnDeleteLeave} {
			t.Run(name+" "+string(policy), func(t *testing.T) {
				t.Parallel()
				c := newCustomers(t, start(t), leaving(policy))
				c.realm.probeDelete(t, policy, "realm")
				c.of["acme"].probeDelete(t, policy, "organization")
			})
		}
	}
}

func (b testBridge) probeDelete(t *testing.T, policy config.OnDelete, kind string) {
	t.Helper()
	id := b.create(t, "/Users", `{"userName":"`+kind+`","externalId":"X","title":"t"}`)
	group := b.group(t, "stays-"+kind, keycloak.GroupID{})
	if err := b.admin.AddMember(t.Context(), userID(t, id), group); err != nil {
		t.Fatal(err)
	}
	b.must(t, http.MethodDelete, "/Users/"+id, "")
	b.refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+id, "")
	b.refused(t, http.StatusNotFound, http.MethodDelete, "/Users/"+id, "")
	wantNames(t, kind+"'s users", b.names(t, "/Users"))
	for _, filter := range []string{`userName eq "` + kind + `"`, `externalId eq "X"`, `id eq "` + id + `"`} {
		if found, err := b.Find(t.Context(), "/Users", filter, ""); err != nil || len(found) > 0 {
			t.Errorf("%s: %s finds %v, %v", kind, filter, found, err)
		}
	}
	user, err := b.admin.User(t.Context(), userID(t, id))
	if policy == config.OnDeleteDelete {
		if keycloak.KindOf(err) != keycloak.NotFound {
			t.Errorf("%s: the account = %v, %v", kind, user, err)
		}
		return
	}
	if err != nil || user.Enabled != (policy == config.OnDeleteLeave) {
		t.Errorf("%s: the account = %+v, %v", kind, user, err)
	}
	if got := b.create(t, "/Users", `{"userName":"`+kind+`","externalId":"Y"}`); got != id {
		t.Errorf("%s: who comes back is %s, want %s", kind, got, id)
	}
	groups, err := b.admin.UserGroups(t.Context(), userID(t, id))
	if user := b.user(t, id); err != nil || len(groups) != 1 || !user.Enabled {
		t.Errorf("%s: who came back is %+v in %v, %v", kind, user, groups, err)
	}
	if found, err := b.Find(t.Context(), "/Users", `externalId eq "Y"`, ""); err != nil || len(found) != 1 {
		t.Errorf("%s: who came back is found as %v, %v", kind, found, err)
	}
}

// TestSecurity_13_AnAccountThatWasThereBefore is never deleted: a tenant of the realm refuses
// to, one of an organization ends the membership.
func TestSecurity_13_AnAccountThatWasThereBefore(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			id := c.realm.account(t, "jane", true)
			if got := c.realm.refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+id.String(), ""); !strings.Contains(got, "was there before this endpoint") {
				t.Errorf("the realm's tenant says %q", got)
			}
			c.admit(t, id.String(), "acme")
			c.of["acme"].must(t, http.MethodDelete, "/Users/"+id.String(), "")
			c.of["acme"].refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+id.String(), "")
			if user := c.realm.user(t, id.String()); !user.Enabled || user.Username != "jane" {
				t.Errorf("the account = %+v", user)
			}
			alone := newBridgeOn(t, c.server, nil)
			single := alone.account(t, "joe", true)
			alone.must(t, http.MethodPatch, "/Users/"+single.String(), patchBody(`{"op":"add","path":"title","value":"t"}`))
			alone.refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+single.String(), "")
			alone.must(t, http.MethodGet, "/Users/"+single.String(), "")
		})
	}
}

// TestAUserOfAnOrganizationIsNotDeletedForTheRealm: the owner's DELETE waits for the
// organization, or lets the account go on without it.
func TestAUserOfAnOrganizationIsNotDeletedForTheRealm(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := newCustomers(t, server, nil)
			id := c.realm.create(t, "/Users", `{"userName":"jane"}`)
			c.admit(t, id, "acme")
			if got := c.realm.refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+id, ""); !strings.Contains(got, "an organization has the user too") {
				t.Errorf("DELETE says %q", got)
			}
			c.of["acme"].must(t, http.MethodDelete, "/Users/"+id, "")
			c.realm.must(t, http.MethodDelete, "/Users/"+id, "")
			owned := newCustomers(t, server, func(c *config.Config) {
				for _, r := range c.Realms {
					r.Tenants[2].Scope, r.Tenants[2].OnDelete = config.ScopeOwned, config.OnDeleteDisable
				}
			})
			id = owned.realm.create(t, "/Users", `{"userName":"jane"}`)
			owned.admit(t, id, "acme")
			owned.realm.must(t, http.MethodDelete, "/Users/"+id, "")
			owned.realm.refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+id, "")
			if got := owned.of["acme"].must(t, http.MethodGet, "/Users/"+id, ""); got["active"] != true {
				t.Errorf("for the organization the user is %v", got)
			}
			owned.of["globex"].refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"jane"}`)
		})
	}
}

// TestSecurity_14_NoIdIsClaimedTwice: what one tenant adopted is a conflict for the next, and
// its DELETE reaches nobody else's account.
func TestSecurity_14_NoIdIsClaimedTwice(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), func(c *config.Config) { adoptUnowned(c); takeAnyDomain(c) })
			acme, globex := c.of["acme"], c.of["globex"]
			id := acme.account(t, "jane", true)
			if got := acme.create(t, "/Users", `{"userName":"jane","externalId":"X"}`); got != id.String() {
				t.Fatalf("acme's user is %s, want %s", got, id)
			}
			for _, body := range []string{`{"userName":"jane","externalId":"X"}`, `{"userName":"jane2","externalId":"X","emails":[{"value":"jane@acme.test"}]}`} {
				globex.refused(t, http.StatusConflict, http.MethodPost, "/Users", body)
				c.realm.refused(t, http.StatusConflict, http.MethodPost, "/Users", body)
			}
			globex.refused(t, http.StatusNotFound, http.MethodDelete, "/Users/"+id.String(), "")
			c.realm.refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+id.String(), "")
			if got := acme.must(t, http.MethodGet, "/Users/"+id.String(), ""); got["externalId"] != "X" {
				t.Errorf("acme's user is %v", got)
			}
			one := c.realm.account(t, "two", true)
			answers := make(chan int)
			for _, b := range []testBridge{acme, c.realm, acme, c.realm} {
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
			if owner := c.realm.user(t, one.String()).Attributes["scim.owner"]; won != 1 || !adoptedOnce(owner) {
				t.Errorf("%d of four adoptions at once won, and the owner is %v", won, owner)
			}
		})
	}
}

// TestAChangeLinksNobodyTwice: a member is not taken over when another user has its link.
func TestAChangeLinksNobodyTwice(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := newCustomers(t, server, adoptUnowned)
			at := "/admin/realms/" + c.realm.realm
			addProvider(t, server, c.realm.realm, "corp")
			adminSend(t, server, http.MethodPost, at+"/organizations/"+c.ids["acme"].String()+"/identity-providers", `"corp"`)
			patient{c.realm, server}.right(t, "view-identity-providers", true)
			b := c.of["acme"]
			b.useMapping(t, tenant.OrganizationPath(c.realm.realm, "acme"), linkTo("corp"))
			b.create(t, "/Users", `{"userName":"first","externalId":"X"}`)
			id := b.account(t, "jane", true)
			c.admit(t, id.String(), "acme")
			b.must(t, http.MethodPatch, "/Users/"+id.String(), patchBody(`{"op":"add","path":"externalId","value":"X"}`))
			have, err := b.admin.Links(t.Context(), id)
			if owner := b.user(t, id.String()).Attributes["scim.owner"]; err != nil || len(have) > 0 || owner != nil {
				t.Errorf("with another's externalId the links are %v, %v, and the owner %v", have, err, owner)
			}
			b.must(t, http.MethodPatch, "/Users/"+id.String(), patchBody(`{"op":"replace","path":"externalId","value":"Y"}`))
			if have, err := b.admin.Links(t.Context(), id); err != nil || len(have) != 1 || have[0].UserID != "Y" {
				t.Errorf("the links are %v, %v", have, err)
			}
		})
	}
}

// TestAdoptionWithAUniqueAttribute: that the account has the value already, which must be
// unique, is no reason against it; that another has it is.
func TestAdoptionWithAUniqueAttribute(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const urn = "urn:acme:params:scim:schemas:extension:hr:2.0:User"
			file := mappingFile(t, "version: 1\nschemas:\n  "+urn+":\n    resource: User\n    attributes: { badge: { type: string, keycloak: badge, uniqueness: server } }\n")
			user := func(userName, badge string) string {
				return fmt.Sprintf(`{"userName":%q,%q:{"badge":%q}}`, userName, urn, badge)
			}
			server := start(t)
			realm, admin := newEmptyRealm(t, server)
			b := newBridgeIn(t, server, realm, admin, adoptUnowned, "--mapping", file)
			id := b.account(t, "jane", true)
			b.must(t, http.MethodPatch, "/Users/"+id.String(), patchBody(`{"op":"add","path":"`+urn+`:badge","value":"J"}`))
			b.create(t, "/Users", user("other", "O"))
			b.refused(t, http.StatusConflict, http.MethodPost, "/Users", user("jane", "O"))
			b.refused(t, http.StatusConflict, http.MethodPost, "/Users", user("new", "J"))
			if got := b.create(t, "/Users", user("jane", "J")); got != id.String() {
				t.Errorf("the user is %s, want %s", got, id)
			}
		})
	}
}

// TestAdoptionsAtOnce by a creation and a change of one account, of one link, wait for each
// other in one order: each is answered, and one takes the account over.
func TestAdoptionsAtOnce(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	c := newCustomers(t, server, adoptUnowned)
	addProvider(t, server, c.realm.realm, "corp")
	adminSend(t, server, http.MethodPost, "/admin/realms/"+c.realm.realm+"/organizations/"+c.ids["acme"].String()+"/identity-providers", `"corp"`)
	patient{c.realm, server}.right(t, "view-identity-providers", true)
	b := c.of["acme"]
	b.useMapping(t, tenant.OrganizationPath(c.realm.realm, "acme"), linkTo("corp"))
	for i := range 50 {
		name := fmt.Sprintf("user%d", i)
		id := b.account(t, name, true)
		c.admit(t, id.String(), "acme")
		answers := make(chan error, 2)
		go func() {
			_, err := b.Do(t.Context(), http.MethodPost, "/Users", json.RawMessage(`{"userName":"`+name+`","externalId":"`+name+`"}`))
			answers <- err
		}()
		go func() {
			_, err := b.Do(t.Context(), http.MethodPatch, "/Users/"+id.String(), json.RawMessage(patchBody(`{"op":"add","path":"externalId","value":"`+name+`"}`)))
			answers <- err
		}()
		for range 2 {
			if err := <-answers; err != nil && client.StatusOf(err) != http.StatusConflict {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if owner := b.user(t, id.String()).Attributes["scim.owner"]; !adoptedOnce(owner) {
			t.Errorf("%s: the owner is %v", name, owner)
		}
	}
}
