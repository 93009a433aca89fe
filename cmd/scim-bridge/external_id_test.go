package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// eachTenant edits all tenants of a configuration.
func eachTenant(edit func(*config.Tenant)) func(*config.Config) {
	return func(c *config.Config) {
		for _, r := range c.Realms {
			for i := range r.Tenants {
				edit(&r.Tenants[i])
			}
		}
	}
}

func uniqueIDs(t *config.Tenant) { t.ExternalID = config.ExternalIDUnique }

// wantTaken sends a request that gives a user the externalId of another one, and returns what it is told.
func (b testBridge) wantTaken(t *testing.T, method, path, body string) string {
	t.Helper()
	detail := b.refused(t, http.StatusConflict, method, path, body)
	if !strings.Contains(detail, "externalId") || !strings.Contains(detail, "[external-id-taken]") {
		t.Errorf("%s %s is told %q, want the externalId named", method, path, detail)
	}
	return detail
}

// TestAnExternalIDIsOneUsersAlone at a tenant that says so, for POST, PUT and PATCH; another tenant has its own, and
// what is the same is no change.
func TestAnExternalIDIsOneUsersAlone(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), eachTenant(uniqueIDs))
			for of, b := range map[string]testBridge{"realm": c.realm, "acme": c.of["acme"]} {
				name := func(who string) string { return of + "-" + who + "@acme.test" }
				body := func(who, id string) string { return `{"userName":"` + name(who) + `","externalId":"` + id + `"}` }
				one := b.create(t, "/Users", body("one", "X"))
				two := b.create(t, "/Users", body("two", "Y"))
				b.wantTaken(t, http.MethodPost, "/Users", body("three", "X"))
				b.wantTaken(t, http.MethodPut, "/Users/"+two, body("two", "X"))
				b.wantTaken(t, http.MethodPatch, "/Users/"+two, patchBody(`{"op":"replace","path":"externalId","value":"X"}`))
				b.wantTaken(t, http.MethodPatch, "/Users/"+two, patchBody(`{"op":"replace","value":{"externalId":"X"}}`))
				b.create(t, "/Users", body("case", "x"))
				b.must(t, http.MethodPut, "/Users/"+one, body("one", "X"))
				b.must(t, http.MethodPatch, "/Users/"+one, patchBody(`{"op":"replace","path":"externalId","value":"Z"}`))
				b.must(t, http.MethodPatch, "/Users/"+two, patchBody(`{"op":"replace","path":"externalId","value":"X"}`))
				b.wantFound(t, `externalId eq "X"`, two)
				b.must(t, http.MethodPatch, "/Users/"+two, patchBody(`{"op":"replace","path":"active","value":false}`))
				if detail := b.wantTaken(t, http.MethodPost, "/Users", body("four", "X")); !strings.Contains(detail, "reactivate") || !strings.Contains(detail, "take up such users again") {
					t.Errorf("a creation with the externalId of a deactivated user is told %q", detail)
				}
			}
			left := c.realm.former(t, "left", "L")
			c.realm.wantTaken(t, http.MethodPost, "/Users", `{"userName":"another","externalId":"L"}`)
			c.realm.must(t, http.MethodPatch, "/Users/"+left, patchBody(`{"op":"replace","path":"title","value":"T"}`))
			c.realm.wantTaken(t, http.MethodPost, "/Users", `{"userName":"another","externalId":"L"}`)
		})
	}
}

// TestAnExternalIDIsSharedByDefault: nobody is shut out by what an identity provider gives two people.
func TestAnExternalIDIsSharedByDefault(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	one, two := b.create(t, "/Users", `{"userName":"one","externalId":"X"}`), b.create(t, "/Users", `{"userName":"two","externalId":"X"}`)
	b.wantFound(t, `externalId eq "X"`, one, two)
	b.reconfigure(t, eachTenant(uniqueIDs))
	b.must(t, http.MethodPatch, "/Users/"+one, patchBody(`{"op":"replace","path":"title","value":"T"}`)) // it has the value already
	b.must(t, http.MethodPut, "/Users/"+one, `{"userName":"one","externalId":"X","active":false}`)
	b.wantTaken(t, http.MethodPost, "/Users", `{"userName":"three","externalId":"X"}`)
}

// TestCallsOfUniqueExternalIDs: a creation looks the value up once where an index knows who has no key, and once
// more where the account of before can have left the tenant.
func TestCallsOfUniqueExternalIDs(t *testing.T) {
	t.Parallel()
	const look, post = "GET /users", "POST /users"
	b := newCallBridge(t)
	calls := func(what string, want ...string) {
		t.Helper()
		b.finds(t, `title pr`)   // makes the index
		b.pass(time.Microsecond) // which stays fresh
		body := fmt.Sprintf(`{"userName":%q,"externalId":%q}`, "of "+what, "of "+what)
		if got := b.calls(func() { b.create(t, "/Users", body) }); !slices.Equal(got, want) {
			t.Errorf("%s: a creation calls %v, want %v", what, got, want)
		}
	}
	calls("shared", post)
	b.reconfigure(t, eachTenant(uniqueIDs))
	calls("unique", look, post)
	b.reconfigure(t, eachTenant(reviving))
	calls("reviving", look, post)
	b.reconfigure(t, eachTenant(func(t *config.Tenant) {
		t.Scope = config.ScopeOwned
		reviving(t)
	}))
	calls("reviving, owned", look, look, post)
}

// TestParallelCreationsOfOneExternalID: one is made, whoever is created, by single requests and in bulk.
func TestParallelCreationsOfOneExternalID(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), eachTenant(uniqueIDs))
			for of, b := range map[string]testBridge{"realm": c.realm, "acme": c.of["acme"]} {
				var wg sync.WaitGroup
				made := make(chan error, 8)
				for i := range cap(made) {
					wg.Go(func() {
						_, err := b.send(t, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":"%s-%d@acme.test","externalId":"X"}`, of, i))
						made <- err
					})
				}
				wg.Wait()
				good := 0
				for range cap(made) {
					if err := <-made; err == nil {
						good++
					} else if !strings.Contains(err.Error(), "external-id-taken") {
						t.Errorf("%s: %v", of, err)
					}
				}
				if found := b.finds(t, `externalId eq "X"`); good != 1 || len(found) != 1 {
					t.Errorf("%s: %d of eight creations were answered with 201, and there are %v", of, good, found)
				}
			}
		})
	}
}

// TestACreationThatBreaksOffIsFinished where no two users may have one value: what it left behind is not in its way.
func TestACreationThatBreaksOffIsFinished(t *testing.T) {
	t.Parallel()
	for _, rehire := range []config.Rehire{config.RehireRefuse, config.RehireRevive} {
		for _, adopt := range []config.Adopt{config.AdoptNever, config.AdoptUnowned} {
			t.Run(string(rehire)+" "+string(adopt), func(t *testing.T) {
				t.Parallel()
				c := newCrash(t, keycloaktest.NewFake(t).Server())
				c.realm.reconfigure(t, eachTenant(func(t *config.Tenant) { t.ExternalID, t.Rehire, t.Adopt = config.ExternalIDUnique, rehire, adopt }))
				c.realm.useMapping(t, c.realm.realm, crashMapping)
				c.realm.useMapping(t, tenant.OrganizationPath(c.realm.realm, "acme"), crashMapping)
				joins := func(string) string { return "" }
				const body = `{"userName":"NAME@acme.test","title":"T","externalId":"X-NAME"}`
				c.breakOff(t, "a-user-of-the-realm", crashProbe{c.realm, "/Users", body, joins})
				c.breakOff(t, "a-user-of-an-organization", crashProbe{c.of["acme"], "/Users", body, joins})
			})
		}
	}
}

// TestACreationWithALinkThatBreaksOffIsFinished: the link that it left behind is its own.
func TestACreationWithALinkThatBreaksOffIsFinished(t *testing.T) {
	t.Parallel()
	c := newCrash(t, keycloaktest.NewFake(t).Server())
	c.realm.reconfigure(t, eachTenant(func(t *config.Tenant) { t.Adopt = config.AdoptNever }))
	adminSend(t, c.server, http.MethodPost, "/admin/realms/"+c.realm.realm+"/identity-provider/instances", `{"alias":"idp","providerId":"oidc","enabled":true}`)
	patient{c.realm, c.server}.right(t, "view-identity-providers", true)
	c.realm.useMapping(t, c.realm.realm, "version: 1\nusers: { defaultGroups: [/everyone], link: { identityProvider: idp, userId: externalId } }\n")
	joins := func(string) string { return "" }
	c.breakOff(t, "a-user-of-the-realm", crashProbe{c.realm, "/Users", `{"userName":"NAME@acme.test","title":"T","externalId":"X-NAME"}`, joins})
	c.realm.create(t, "/Users", `{"userName":"one@acme.test2","externalId":"L"}`)
	for _, body := range []string{`{"userName":"other","externalId":"L"}`, `{"userName":"one@acme.test2","externalId":"L"}`} {
		c.realm.refused(t, http.StatusConflict, http.MethodPost, "/Users", body)
	}
}

// TestAdoptionMakesNoDuplicates: an account whose value another user of the tenant has is refused, and stays as it is.
func TestAdoptionMakesNoDuplicates(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), eachTenant(uniqueIDs))
			acme, path := c.of["acme"], tenant.OrganizationPath(c.realm.realm, "acme")
			acme.create(t, "/Users", `{"userName":"own@acme.test","externalId":"X"}`)
			jane, joe := c.realm.former(t, "jane", "X"), c.realm.former(t, "joe", "Y")
			c.admit(t, jane, "acme")
			c.admit(t, joe, "acme")
			got := acme.adoptions(t, acme.controlled(t), path)
			if one := got["jane"]; one.Outcome != bridge.Refused || !strings.Contains(one.Reason, "externalId") {
				t.Errorf("the duplicate is %+v, want it refused", one)
			}
			if got["joe"].Outcome != bridge.Adopted {
				t.Errorf("the other is %+v, want it adopted", got["joe"])
			}
			acme.wantFound(t, `externalId eq "Y"`, joe)
			if owner := acme.user(t, jane).Attributes["scim.owner"]; len(owner) > 0 {
				t.Errorf("the refused account has the owner %v", owner)
			}
		})
	}
}

// TestRecommendedPoliciesFitTheRecordedRequests of the identity providers whose guides say externalId: unique.
func TestRecommendedPoliciesFitTheRecordedRequests(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"okta", "jumpcloud", "google-workspace"} {
		for _, s := range readTraffic(t, "testdata/idp-traffic/"+name+".json").Sequences {
			t.Run(name+"/"+s.Name, func(t *testing.T) {
				t.Parallel()
				b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), eachTenant(func(t *config.Tenant) {
					t.BareToken = true
					reviving(t)
				}))
				for _, f := range b.replay(t, s) {
					t.Error(f)
				}
			})
		}
	}
}
