package tenant_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// rehiring is a realm whose tenants revive accounts, with roles by groups and a group for all
// users.
type rehiring struct {
	apptest.Customers

	everyone keycloak.GroupID
}

const rehireMapping = `version: 1
grantableRoles: [employee, boss]
users:
  password: accept
  defaultGroups: [/everyone]
  roles:
    - grant: [employee]
    - when: '"Bosses" in groups'
      grant: [boss]
`

// newRehiring sets up two organizations whose tenants rehire people.
func newRehiring(t *testing.T, server keycloaktest.Server, edit func(*config.Tenant)) rehiring {
	t.Helper()
	r := rehiring{Customers: apptest.NewCustomers(t, server, apptest.EachTenant(func(t *config.Tenant) {
		apptest.Reviving(t)
		edit(t)
	}))}
	for _, role := range []string{"employee", "boss"} {
		apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+r.Realm.Realm+"/roles", `{"name":"`+role+`"}`)
	}
	r.everyone = r.Realm.MakeGroup(t, "everyone", keycloak.GroupID{})
	r.Realm.UseMapping(t, r.Realm.Realm, rehireMapping)
	r.Realm.UseMapping(t, tenant.OrganizationPath(r.Realm.Realm, "acme"), rehireMapping)
	return r
}

// hire creates a user who is a member of a group with the role boss, and is logged in.
func (r rehiring) hire(t *testing.T, b apptest.Bridge, name, externalID string) (id string, session url.Values) {
	t.Helper()
	id = b.Create(t, "/Users", fmt.Sprintf(`{"userName":%q,"externalId":%q,"password":"S3cret-of-before","title":"Boss","name":{"givenName":"Jane","familyName":"Doe"},"emails":[{"value":%q}]}`, name, externalID, name))
	b.Create(t, "/Groups", `{"displayName":"Bosses","members":[{"value":"`+id+`"}]}`)
	if got := b.RolesOf(t, id); got != "boss employee" {
		t.Fatalf("%s has the roles %q", name, got)
	}
	status, answer := apptest.AskToken(t, r.Server, b.Realm, url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {name}, "password": {"S3cret-of-before"}})
	if status != http.StatusOK {
		t.Fatalf("%s cannot log in: %d %v", name, status, answer)
	}
	refresh, _ := answer["refresh_token"].(string)
	return id, url.Values{"grant_type": {"refresh_token"}, "client_id": {"admin-cli"}, "refresh_token": {refresh}}
}

// TestAUserWhoComesBackHasTheOldAccount: the user has the old id, the new name, and the groups and
// roles of a new user. The old sessions have ended. A second creation does not get the account.
func TestAUserWhoComesBackHasTheOldAccount(t *testing.T) {
	t.Parallel()
	leaving := map[string]struct {
		edit       func(*config.Tenant)
		method, op string
	}{
		"deactivated": {func(*config.Tenant) {}, http.MethodPatch, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)},
		"disabled":    {func(t *config.Tenant) { t.OnDelete, t.Scope = config.OnDeleteDisable, config.ScopeOwned }, http.MethodDelete, ""},
		"left":        {func(t *config.Tenant) { t.OnDelete, t.Scope = config.OnDeleteLeave, config.ScopeOwned }, http.MethodDelete, ""},
	}
	for name, start := range apptest.BothServers() {
		for how, l := range leaving {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				r := newRehiring(t, start(t), l.edit)
				for of, b := range map[string]apptest.Bridge{"realm": r.Realm, "acme": r.Of["acme"]} {
					before, after := of+"-doe@acme.test", of+"-smith@acme.test"
					id, session := r.hire(t, b, before, "X")
					b.Must(t, l.method, "/Users/"+id, l.op)
					body := fmt.Sprintf(`{"userName":%q,"externalId":"X","title":"Clerk","name":{"givenName":"Jane","familyName":"Smith"},"emails":[{"value":%q}]}`, after, after)
					got := b.Must(t, http.MethodPost, "/Users?attributes=userName,externalId,active,groups", body)
					groups, _ := got["groups"].([]any)
					if got["id"] != id || got["userName"] != after || got["active"] != true || len(groups) > 1 {
						t.Errorf("%s: who comes back is %v, want %s", of, got, id)
					}
					r.wantNew(t, b, id, after)
					if status, _ := apptest.AskToken(t, r.Server, b.Realm, session); status == http.StatusOK {
						t.Errorf("%s: an old session continues", of)
					}
					b.WantFound(t, `externalId eq "X"`, id)
					b.WantFound(t, `userName eq "`+before+`"`)
					b.WantTaken(t, http.MethodPost, "/Users", body)
					b.WantTaken(t, http.MethodPost, "/Users", strings.ReplaceAll(body, after, "third@acme.test"))
				}
			})
		}
	}
}

// wantNew checks that an account looks like a new user of a tenant.
func (r rehiring) wantNew(t *testing.T, b apptest.Bridge, id, name string) {
	t.Helper()
	user := b.InKeycloak(t, id)
	if owner := user.Attributes["scim.owner"]; user.Username != name || user.Email != name || user.LastName != "Smith" || !user.Enabled || len(owner) != 1 || strings.Contains(owner[0], "|") {
		t.Errorf("%s: the account is %+v", name, user)
	}
	if roles := b.RolesOf(t, id); roles != "employee" {
		t.Errorf("%s has the roles %q", name, roles)
	}
	groups, err := b.Admin.UserGroups(t.Context(), apptest.UserID(t, id))
	if err != nil || len(groups) != 1 || groups[0].ID != r.everyone.String() {
		t.Errorf("%s is in %v, %v", name, groups, err)
	}
	bosses, err := b.Find(t.Context(), "/Groups", `members.value eq "`+id+`" and displayName eq "Bosses"`, "")
	if err != nil || len(bosses) > 0 {
		t.Errorf("%s is in %v, %v", name, bosses, err)
	}
}

// TestNobodyElseComesBack: a creation does not use an account that is active, protected, without an
// owner, owned by another tenant, or one of several with the externalId. It does not use any account
// when the tenant may not give the new name.
func TestNobodyElseComesBack(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRehiring(t, start(t), func(t *config.Tenant) { t.Domains = config.DomainsVerified })
			b, acme, globex := r.Realm, r.Of["acme"], r.Of["globex"]
			off := apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)
			body := func(name, id string) string { return `{"userName":"` + name + `","externalId":"` + id + `"}` }
			made := func(at apptest.Bridge, name, id string) string {
				out := at.Create(t, "/Users", body(name, id))
				at.Must(t, http.MethodPatch, "/Users/"+out, off)
				return out
			}
			kept := map[string]string{
				"active":  b.Create(t, "/Users", body("active", "active")),
				"unowned": b.Former(t, "unowned", "unowned"),
				"acme's":  made(acme, "of-acme@acme.test", "acme's"),
				"admin":   made(b, "admin-was", "admin"),
				"domain":  made(acme, "domain@acme.test", "domain"),
				"unclear": made(b, "unclear", "unclear"),
				"one":     made(b, "one", "one"),
			}
			b.Must(t, http.MethodPatch, "/Users/"+kept["unowned"], off)
			role, err := b.Admin.FindRole(t.Context(), keycloak.RoleName{Client: "realm-management", Name: "manage-users"})
			if err != nil {
				t.Fatal(err)
			}
			b.Grant(t, apptest.UserID(t, kept["admin"]), role)
			before := map[string]keycloak.User{}
			for who, id := range kept {
				before[who] = b.InKeycloak(t, id)
			}
			b.WantTaken(t, http.MethodPost, "/Users", body("again-active", "active"))
			b.WantTaken(t, http.MethodPost, "/Users", body("again-unowned", "unowned"))
			b.WantTaken(t, http.MethodPost, "/Users", body("again-admin", "admin")) // since the last read of the realm
			if got := globex.Create(t, "/Users", body("again@globex.test", "acme's")); got == kept["acme's"] {
				t.Error("globex took up an account of acme")
			}
			if got := b.Create(t, "/Users", body("again-of-acme", "acme's")); got == kept["acme's"] {
				t.Error("the realm took up an account of acme")
			}
			acme.Refused(t, http.StatusForbidden, http.MethodPost, "/Users", body("again@globex.test", "domain"))
			b.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", `{"userName":"un\u200bclear","externalId":"unclear"}`)
			b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", body("active", "one")) // another user has the name
			b.Check(t)
			if got := b.Create(t, "/Users", body("again-admin", "admin")); got == kept["admin"] { // nobody sees this user's externalId
				t.Error("an administrator's account was used again")
			}
			for who, id := range kept {
				after := b.InKeycloak(t, id)
				if after.Username != before[who].Username || after.Enabled != before[who].Enabled || !slices.Equal(after.Attributes["scim.owner"], before[who].Attributes["scim.owner"]) {
					t.Errorf("%s is %+v, was %+v", who, after, before[who])
				}
			}
		})
	}
}

// TestTwoLeaversWithOneExternalID: the bridge cannot know which account is meant, so the creation
// uses neither account.
func TestTwoLeaversWithOneExternalID(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), apptest.EachTenant(func(t *config.Tenant) { t.Scope, t.OnDelete = config.ScopeOwned, config.OnDeleteDisable }))
	var ids []string
	for _, name := range []string{"one", "two"} {
		ids = append(ids, b.Create(t, "/Users", `{"userName":"`+name+`","externalId":"X"}`))
	}
	b.Must(t, http.MethodPatch, "/Users/"+ids[0], apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
	b.Reconfigure(t, apptest.EachTenant(func(t *config.Tenant) {
		t.Scope, t.OnDelete = config.ScopeOwned, config.OnDeleteDisable
		apptest.Reviving(t)
	}))
	b.Must(t, http.MethodDelete, "/Users/"+ids[1], "")
	b.WantTaken(t, http.MethodPost, "/Users", `{"userName":"three","externalId":"X"}`)
	b.Must(t, http.MethodDelete, "/Users/"+ids[0], "")
	if got := b.Create(t, "/Users", `{"userName":"three","externalId":"X"}`); slices.Contains(ids, got) {
		t.Errorf("one of two was taken up: %s", got)
	}
}

// TestParallelReturns: of several creations at once, one gets the account.
func TestParallelReturns(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.EachTenant(apptest.Reviving))
			for of, b := range map[string]apptest.Bridge{"realm": c.Realm, "acme": c.Of["acme"]} {
				id := b.Create(t, "/Users", `{"userName":"`+of+`-before@acme.test","externalId":"X"}`)
				b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
				statuses := b.AtOnce(t, 8, http.MethodPost, "/Users", `{"userName":"`+of+`-after@acme.test","externalId":"X"}`)
				if statuses[http.StatusNoContent] != 1 || statuses[http.StatusConflict] != 7 {
					t.Errorf("%s: eight creations at once are %v", of, statuses)
				}
				b.WantFound(t, `externalId eq "X"`, id)
			}
		})
	}
}
