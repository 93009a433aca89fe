package guard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestSecurity_49_AConflictCostsTheSameWhoseverTheNameIs: the name of another tenant's user, of a
// user without owner who may not be adopted, or of an administrator. The name of a service account
// is refused because of its form, as every such name.
func TestSecurity_49_AConflictCostsTheSameWhoseverTheNameIs(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := apptest.NewCustomers(t, fake.Server(), func(c *config.Config) {
		for _, r := range c.Realms {
			for i := range r.Tenants {
				r.Tenants[i].Adopt = config.AdoptUnowned
			}
		}
	})
	acme := c.Of["acme"]
	c.Of["globex"].Create(t, "/Users", `{"userName":"owned"}`)
	account := func(name, email string, verified bool) keycloak.UserID {
		t.Helper()
		id, err := c.Realm.Admin.CreateUser(t.Context(), keycloak.NewUser{Username: name, Email: email, EmailVerified: verified, Enabled: true})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	account("unowned", "unowned@other.test", true)
	account("unverified", "unverified@acme.test", false)
	account("without-address", "", false)
	c.Realm.Grant(t, account("boss", "boss@acme.test", true), c.Realm.KnownRole(t, apptest.ManagementRole("realm-admin")))
	c.Realm.Check(t)
	conflict := func(b apptest.Bridge, body string) []string {
		t.Helper()
		fake.ResetCalls()
		b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", body)
		return fake.Calls()
	}
	calls := func(b apptest.Bridge, name string) []string {
		t.Helper()
		return conflict(b, `{"userName":"`+name+`"}`)
	}
	want := calls(acme, "owned")
	for _, name := range []string{"unowned", "unverified", "without-address", "boss"} {
		if diff := cmp.Diff(want, calls(acme, name)); diff != "" {
			t.Errorf("the name %s of somebody else makes other calls than one that another tenant owns:\n%s", name, diff)
		}
	}
	c.Realm.Create(t, "/Users", `{"userName":"other","emails":[{"value":"other@acme.test"}]}`)
	address := func(address string) []string {
		t.Helper()
		return conflict(acme, `{"userName":"new@acme.test","emails":[{"value":"`+address+`"}]}`)
	}
	want = address("other@acme.test")
	for _, of := range []string{"unverified@acme.test", "boss@acme.test"} {
		if diff := cmp.Diff(want, address(of)); diff != "" {
			t.Errorf("the address %s of somebody else makes other calls than one that another tenant owns:\n%s", of, diff)
		}
	}
	if diff := cmp.Diff(calls(c.Realm, "owned"), calls(c.Realm, "boss")); diff != "" {
		t.Errorf("at the realm the name of an administrator makes other calls than one that a tenant owns:\n%s", diff)
	}
}

// TestSecurity_49_EveryMemberCostsTheSameCalls to add and to remove: an absent user, another
// tenant's user, an administrator, a service account. For a protected id, the proof takes the place
// of the change.
func TestSecurity_49_EveryMemberCostsTheSameCalls(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := apptest.NewCustomers(t, fake.Server(), nil)
	boss := c.Realm.MakeAccount(t, "boss", true)
	c.Realm.Grant(t, boss, c.Realm.KnownRole(t, apptest.ManagementRole("realm-admin")))
	c.Realm.Check(t)
	for _, b := range c.Of {
		b.App.Watcher.Check(t.Context())
	}
	foreign := c.Of["globex"].Create(t, "/Users", `{"userName":"gus@globex.test"}`)
	acme := c.Of["acme"]
	own := acme.Create(t, "/Users", `{"userName":"own@acme.test"}`)
	team := acme.Create(t, "/Groups", `{"displayName":"Team"}`)
	for _, op := range []string{
		`{"op":"add","path":"members","value":[{"value":"$ID"}]}`, `{"op":"remove","path":"members[value eq \"$ID\"]"}`,
		`{"op":"add","path":"members","value":[{"value":"$ID"},{"value":"` + own + `"}]}`, `{"op":"remove","path":"members","value":[{"value":"$ID"},{"value":"` + own + `"}]}`,
	} {
		ask := func(id string) (answer string, calls int) {
			fake.ResetCalls()
			return answerOf(t, acme, http.MethodPatch, "/Groups/"+team, apptest.PatchBody(strings.ReplaceAll(op, "$ID", id)), id), len(fake.Calls())
		}
		nobodys, want := ask(apptest.AbsentID)
		for what, id := range map[string]string{"another tenant's user": foreign, "an administrator": boss.String()} {
			if answer, got := ask(id); answer != nobodys || got != want {
				t.Errorf("%s: %s takes %d calls and is %s; nobody takes %d and is %s", op, what, got, answer, want, nobodys)
			}
		}
	}
}
