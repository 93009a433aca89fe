package bridge_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

func uniqueIDs(t *config.Tenant) { t.ExternalID = config.ExternalIDUnique }

// TestAnExternalIDBelongsToOneUser at a tenant with externalId: unique, for POST, PUT and PATCH. Other tenants are
// independent, and sending the same value again changes nothing.
func TestAnExternalIDBelongsToOneUser(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.EachTenant(uniqueIDs))
			for of, b := range map[string]apptest.Bridge{"realm": c.Realm, "acme": c.Of["acme"]} {
				name := func(who string) string { return of + "-" + who + "@acme.test" }
				body := func(who, id string) string { return `{"userName":"` + name(who) + `","externalId":"` + id + `"}` }
				one := b.Create(t, "/Users", body("one", "X"))
				two := b.Create(t, "/Users", body("two", "Y"))
				b.WantTaken(t, http.MethodPost, "/Users", body("three", "X"))
				b.WantTaken(t, http.MethodPut, "/Users/"+two, body("two", "X"))
				b.WantTaken(t, http.MethodPatch, "/Users/"+two, apptest.PatchBody(`{"op":"replace","path":"externalId","value":"X"}`))
				b.WantTaken(t, http.MethodPatch, "/Users/"+two, apptest.PatchBody(`{"op":"replace","value":{"externalId":"X"}}`))
				b.Create(t, "/Users", body("case", "x"))
				b.Must(t, http.MethodPut, "/Users/"+one, body("one", "X"))
				b.Must(t, http.MethodPatch, "/Users/"+one, apptest.PatchBody(`{"op":"replace","path":"externalId","value":"Z"}`))
				b.Must(t, http.MethodPatch, "/Users/"+two, apptest.PatchBody(`{"op":"replace","path":"externalId","value":"X"}`))
				b.WantFound(t, `externalId eq "X"`, two)
				b.Must(t, http.MethodPatch, "/Users/"+two, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
				if detail := b.WantTaken(t, http.MethodPost, "/Users", body("four", "X")); !strings.Contains(detail, "reactivate") || !strings.Contains(detail, "let a POST use the accounts of deactivated users again") {
					t.Errorf("a creation with the externalId of a deactivated user is told %q", detail)
				}
			}
			left := c.Realm.Former(t, "left", "L")
			c.Realm.WantTaken(t, http.MethodPost, "/Users", `{"userName":"another","externalId":"L"}`)
			c.Realm.Must(t, http.MethodPatch, "/Users/"+left, apptest.PatchBody(`{"op":"replace","path":"title","value":"T"}`))
			c.Realm.WantTaken(t, http.MethodPost, "/Users", `{"userName":"another","externalId":"L"}`)
		})
	}
}

// TestAnExternalIDIsSharedByDefault: two people with the same externalId of an identity provider can both be created.
func TestAnExternalIDIsSharedByDefault(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	one, two := b.Create(t, "/Users", `{"userName":"one","externalId":"X"}`), b.Create(t, "/Users", `{"userName":"two","externalId":"X"}`)
	b.WantFound(t, `externalId eq "X"`, one, two)
	b.Reconfigure(t, apptest.EachTenant(uniqueIDs))
	b.Must(t, http.MethodPatch, "/Users/"+one, apptest.PatchBody(`{"op":"replace","path":"title","value":"T"}`)) // the user has the value already
	b.Must(t, http.MethodPut, "/Users/"+one, `{"userName":"one","externalId":"X","active":false}`)
	b.WantTaken(t, http.MethodPost, "/Users", `{"userName":"three","externalId":"X"}`)
}

// TestCallsOfUniqueExternalIDs: a creation looks the value up once, when an index knows the users without a key. It
// looks it up once more when accounts can leave the tenant.
func TestCallsOfUniqueExternalIDs(t *testing.T) {
	t.Parallel()
	const look, post = "GET /users", "POST /users"
	b := apptest.NewCallBridge(t)
	calls := func(what string, want ...string) {
		t.Helper()
		b.Finds(t, `title pr`)   // makes the index
		b.Pass(time.Microsecond) // which stays fresh
		body := fmt.Sprintf(`{"userName":%q,"externalId":%q}`, "of "+what, "of "+what)
		if got := b.Calls(func() { b.Create(t, "/Users", body) }); !slices.Equal(got, want) {
			t.Errorf("%s: a creation calls %v, want %v", what, got, want)
		}
	}
	calls("shared", post)
	b.Reconfigure(t, apptest.EachTenant(uniqueIDs))
	calls("unique", look, post)
	b.Reconfigure(t, apptest.EachTenant(apptest.Reviving))
	calls("reviving", look, post)
	b.Reconfigure(t, apptest.EachTenant(func(t *config.Tenant) {
		t.Scope = config.ScopeOwned
		apptest.Reviving(t)
	}))
	calls("reviving, owned", look, look, post)
}

// TestParallelCreationsOfOneExternalID: one user is created, whatever the user names are, by single requests and in
// bulk.
func TestParallelCreationsOfOneExternalID(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.EachTenant(uniqueIDs))
			for of, b := range map[string]apptest.Bridge{"realm": c.Realm, "acme": c.Of["acme"]} {
				var wg sync.WaitGroup
				made := make(chan error, 8)
				for i := range cap(made) {
					wg.Go(func() {
						_, err := b.Send(t, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":"%s-%d@acme.test","externalId":"X"}`, of, i))
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
				if found := b.Finds(t, `externalId eq "X"`); good != 1 || len(found) != 1 {
					t.Errorf("%s: %d of eight creations were answered with 201, and there are %v", of, good, found)
				}
			}
		})
	}
}

// TestAdoptionMakesNoDuplicates: an account with a value of another user of the tenant is refused, and does not change.
func TestAdoptionMakesNoDuplicates(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.EachTenant(uniqueIDs))
			acme, path := c.Of["acme"], tenant.OrganizationPath(c.Realm.Realm, "acme")
			acme.Create(t, "/Users", `{"userName":"own@acme.test","externalId":"X"}`)
			jane, joe := c.Realm.Former(t, "jane", "X"), c.Realm.Former(t, "joe", "Y")
			c.Admit(t, jane, "acme")
			c.Admit(t, joe, "acme")
			got := acme.Adoptions(t, acme.Controlled(t), path)
			if one := got["jane"]; one.Outcome != bridge.Refused || !strings.Contains(one.Reason, "externalId") {
				t.Errorf("the duplicate is %+v, want it refused", one)
			}
			if got["joe"].Outcome != bridge.Adopted {
				t.Errorf("the other is %+v, want it adopted", got["joe"])
			}
			acme.WantFound(t, `externalId eq "Y"`, joe)
			if owner := acme.InKeycloak(t, jane).Attributes["scim.owner"]; len(owner) > 0 {
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
				b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), apptest.EachTenant(func(t *config.Tenant) {
					t.BareToken = true
					apptest.Reviving(t)
				}))
				for _, f := range replayOf(t, b, s) {
					t.Error(f)
				}
			})
		}
	}
}
