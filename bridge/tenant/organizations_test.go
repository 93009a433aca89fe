package tenant_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestOrganizationTenants: each has exactly the members of its organization, whatever the other
// does. In Keycloak the users are members.
func TestOrganizationTenants(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			acme, globex := c.Of["acme"], c.Of["globex"]
			jane := acme.Create(t, "/Users", `{"userName":"Jane@acme.test","externalId":"X","title":"Boss","emails":[{"value":"jane@acme.test","primary":true},{"value":"j2@acme.test"}]}`)
			gus := globex.Create(t, "/Users", `{"userName":"gus@globex.test","externalId":"X","title":"Boss"}`)
			apptest.WantNames(t, "acme's users", acme.Names(t, "/Users"), "Jane@acme.test")
			apptest.WantNames(t, "globex's users", globex.Names(t, "/Users"), "gus@globex.test")
			for _, filter := range []string{
				`externalId eq "X"`, `title eq "Boss"`, `title pr`, `userName sw "g" or userName sw "j"`, `emails.value eq "j2@acme.test"`,
				`emails.value eq "JANE@acme.test"`, `userName eq "jane@acme.test"`, `id eq "` + jane + `" or id eq "` + gus + `"`,
			} {
				found, err := acme.Find(t.Context(), "/Users", filter, "")
				if err != nil || len(found) != 1 || found[0]["id"] != jane {
					t.Errorf("%s at acme = %v, %v, want jane alone", filter, found, err)
				}
			}
			for _, filter := range []string{`userName eq "jane@acme.test"`, `emails.value eq "jane@acme.test"`, `emails.value eq "j2@acme.test"`, `id eq "` + jane + `"`} {
				if found, err := globex.Find(t.Context(), "/Users", filter, ""); err != nil || len(found) != 0 {
					t.Errorf("%s at globex = %v, %v, want nobody", filter, found, err)
				}
			}
			team := acme.Create(t, "/Groups", `{"displayName":"a_b%","externalId":"G","members":[{"value":"`+jane+`"}]}`)
			globex.Create(t, "/Groups", `{"displayName":"a_b%","externalId":"G"}`)
			for _, filter := range []string{`displayName eq "A_B%"`, `externalId eq "G"`, `members.value eq "` + jane + `"`} {
				found, err := acme.Find(t.Context(), "/Groups", filter, "")
				if err != nil || len(found) != 1 || found[0]["id"] != team {
					t.Errorf("%s at acme = %v, %v, want its group alone", filter, found, err)
				}
			}
			groups := acme.Must(t, http.MethodGet, "/Users/"+jane+"?attributes=groups", "")["groups"]
			if list, _ := groups.([]any); len(list) != 1 {
				t.Errorf("jane's groups = %v, want one", groups)
			}
			acme.Must(t, http.MethodPatch, "/Groups/"+team, `{"Operations":[{"op":"replace","path":"displayName","value":"Team"},{"op":"remove","path":"members[value eq \"`+jane+`\"]"}]}`)
			if got := acme.Must(t, http.MethodGet, "/Groups/"+team, ""); got["displayName"] != "Team" || got["members"] != nil {
				t.Errorf("the group, changed = %v", got)
			}
			acme.Must(t, http.MethodPut, "/Users/"+jane, `{"userName":"jane@acme.test","title":"Chief","emails":[{"value":"jane@acme.test"}],"active":false}`)
			if got := acme.Must(t, http.MethodGet, "/Users/"+jane, ""); got["title"] != "Chief" || got["active"] != false || got["externalId"] != "X" {
				t.Errorf("jane, replaced = %v", got)
			}
			id, _ := keycloak.ParseUserID(jane)
			member, err := acme.Admin.OrganizationMember(t.Context(), c.IDs["acme"], id)
			if err != nil || member.Enabled || !slices.Equal(member.Attributes["scim.owner"], []string{c.IDs["acme"].String()}) {
				t.Errorf("jane in Keycloak = %+v, %v, want a disabled member that acme owns", member, err)
			}
			acme.Must(t, http.MethodDelete, "/Groups/"+team, "")
			acme.Must(t, http.MethodDelete, "/Users/"+jane, "")
			if _, err := acme.Admin.User(t.Context(), id); keycloak.KindOf(err) != keycloak.NotFound {
				t.Errorf("jane, deleted = %v, want nobody", err)
			}
			apptest.WantNames(t, "acme's groups", acme.Names(t, "/Groups"))
			apptest.WantNames(t, "globex's users", globex.Names(t, "/Users"), "gus@globex.test")
			apptest.WantNames(t, "globex's groups", globex.Names(t, "/Groups"), "a_b%")
		})
	}
}

// TestASharedUser: a member of two organizations has one account, which belongs to its creator. The
// other organization stores its own values separately, changes nothing of the account, and neither
// sees the values of the other.
func TestASharedUser(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			acme, globex := c.Of["acme"], c.Of["globex"]
			sam := acme.Create(t, "/Users", `{"userName":"sam@acme.test","externalId":"A","title":"Clerk","displayName":"Sam A","name":{"givenName":"Sam","familyName":"Smith"},"emails":[{"value":"sam@acme.test","type":"work","primary":true},{"value":"further@acme.test"}]}`)
			c.Admit(t, sam, "globex")
			before := acme.Must(t, http.MethodGet, "/Users/"+sam, "")
			got := globex.Must(t, http.MethodGet, "/Users/"+sam, "")
			for _, name := range []string{"externalId", "title", "displayName"} {
				if got[name] != nil {
					t.Errorf("globex sees acme's %s: %v", name, got)
				}
			}
			if emails := fmt.Sprint(got["emails"]); got["userName"] != "sam@acme.test" || strings.Contains(emails, "further") {
				t.Errorf("globex sees %v, want the account without what acme added", got)
			}
			const own = `{"userName":"SAM@acme.test","externalId":"B","title":"Guest","displayName":"Sam B","nickName":"S","name":{"givenName":"Sam","familyName":"Smith","formatted":"S S"},` +
				`"emails":[{"value":"sam@acme.test","type":"home","primary":true},{"value":"sam@globex.test","type":"other"}]}`
			globex.Must(t, http.MethodPut, "/Users/"+sam, own)
			got = globex.Must(t, http.MethodGet, "/Users/"+sam, "")
			for name, want := range map[string]any{"externalId": "B", "title": "Guest", "displayName": "Sam B", "nickName": "S", "userName": "SAM@acme.test", "active": true} {
				if got[name] != want {
					t.Errorf("%s at globex = %v, want %v", name, got[name], want)
				}
			}
			if text := fmt.Sprint(got["emails"], got["name"]); !strings.Contains(text, "sam@globex.test") || !strings.Contains(text, "home") || !strings.Contains(text, "S S") || !strings.Contains(text, "Smith") {
				t.Errorf("globex stored %s", text)
			}
			for _, filter := range []string{`externalId eq "B"`, `displayName eq "Sam B"`, `emails.value eq "sam@globex.test"`, `emails.value eq "sam@acme.test"`, `userName eq "sam@acme.test"`, `title eq "Guest" and active eq true`} {
				if found, err := globex.Find(t.Context(), "/Users", filter, ""); err != nil || len(found) != 1 {
					t.Errorf("%s at globex = %v, %v, want sam", filter, found, err)
				}
				if found, err := acme.Find(t.Context(), "/Users", filter, ""); !strings.Contains(filter, "sam@acme") && (err != nil || len(found) != 0) {
					t.Errorf("%s at acme = %v, %v, want nobody", filter, found, err)
				}
			}
			if found, err := globex.Find(t.Context(), "/Users", `displayName eq "Sam A"`, ""); err != nil || len(found) != 0 {
				t.Errorf("acme's displayName at globex = %v, %v, want nobody", found, err)
			}
			for attribute, body := range map[string]string{
				"userName":        strings.Replace(own, "SAM@acme", "other@acme", 1),
				"emails":          strings.Replace(own, `"sam@acme.test"`, `"evil@acme.test"`, 1),
				"name.familyName": strings.Replace(own, "Smith", "Other", 1),
			} {
				if detail := globex.Refused(t, http.StatusForbidden, http.MethodPut, "/Users/"+sam, body); !strings.Contains(detail, attribute) {
					t.Errorf("a change of %s says %q", attribute, detail)
				}
			}
			same := func(what string) {
				t.Helper()
				now := acme.Must(t, http.MethodGet, "/Users/"+sam, "")
				for _, meta := range []map[string]any{before, now} {
					delete(meta, "meta")
				}
				if fmt.Sprint(before) != fmt.Sprint(now) {
					t.Errorf("after %s acme sees %v, before %v", what, now, before)
				}
			}
			same("globex's changes")
			team := globex.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+sam+`"}]}`)
			globex.Must(t, http.MethodPatch, "/Users/"+sam, `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
			if got := globex.Must(t, http.MethodGet, "/Users/"+sam, ""); got["active"] != false {
				t.Errorf("sam, inactive for globex = %v", got)
			}
			if got := globex.Must(t, http.MethodGet, "/Groups/"+team, ""); got["members"] != nil {
				t.Errorf("a user who is inactive stays a member: %v", got)
			}
			same("globex's deactivation")
			globex.Must(t, http.MethodPut, "/Users/"+sam, `{"externalId":"B","userName":"sam@acme.test","active":true}`)
			if got := globex.Must(t, http.MethodGet, "/Users/"+sam, ""); got["active"] != true || got["title"] != nil || fmt.Sprint(got["name"]) == "<nil>" {
				t.Errorf("sam, active again for globex = %v", got)
			}
			acme.Must(t, http.MethodPatch, "/Users/"+sam, `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
			if got := globex.Must(t, http.MethodGet, "/Users/"+sam, ""); got["active"] != false {
				t.Errorf("an account that acme disabled is active at globex: %v", got)
			}
			globex.Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+sam, `{"Operations":[{"op":"replace","path":"active","value":true}]}`)
			acme.Must(t, http.MethodPatch, "/Users/"+sam, `{"Operations":[{"op":"replace","path":"active","value":true}]}`)
			globex.Must(t, http.MethodDelete, "/Users/"+sam, "")
			globex.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+sam, "")
			same("globex's deletion")
		})
	}
}

// TestTheOwnerLeavesASharedUser: an account that another organization still has is not deleted, and
// the owner's next creation uses the account again.
func TestTheOwnerLeavesASharedUser(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.TakeAnyDomain)
			acme, globex := c.Of["acme"], c.Of["globex"]
			sam := acme.Create(t, "/Users", `{"userName":"sam@acme.test","externalId":"A"}`)
			id := c.Admit(t, sam, "globex")
			acme.Must(t, http.MethodDelete, "/Users/"+sam, "")
			acme.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+sam, "")
			apptest.WantNames(t, "globex's users", globex.Names(t, "/Users"), "sam@acme.test")
			globex.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"sam@acme.test"}`)
			again := acme.Must(t, http.MethodPost, "/Users", `{"userName":"sam@acme.test","externalId":"A2","title":"Back"}`)
			if again["id"] != sam || again["title"] != "Back" || again["active"] != true {
				t.Errorf("the user, created again = %v, want the account %s", again, sam)
			}
			acme.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"sam@acme.test"}`)
			globex.Must(t, http.MethodDelete, "/Users/"+sam, "")
			acme.Must(t, http.MethodDelete, "/Users/"+sam, "")
			if _, err := acme.Admin.User(t.Context(), id); keycloak.KindOf(err) != keycloak.NotFound {
				t.Errorf("the account that nobody else has = %v, want it deleted", err)
			}
		})
	}
}

// TestAConflictTellsNothingOfAnother: the text is the same, whoever has the name or the address.
func TestAConflictTellsNothingOfAnother(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), apptest.TakeAnyDomain)
			acme, globex := c.Of["acme"], c.Of["globex"]
			acme.Create(t, "/Users", `{"userName":"jane@acme.test","emails":[{"value":"mail@acme.test"}]}`)
			globex.Create(t, "/Users", `{"userName":"own@globex.test","emails":[{"value":"own@globex.test"}]}`)
			texts := map[string]bool{}
			for _, body := range []string{
				`{"userName":"jane@acme.test"}`, `{"userName":"JANE@ACME.TEST"}`, `{"userName":"other","emails":[{"value":"mail@acme.test"}]}`,
				`{"userName":"other","emails":[{"value":"MAIL@acme.test"}]}`, `{"userName":"own@globex.test"}`, `{"userName":"another","emails":[{"value":"own@globex.test"}]}`,
			} {
				texts[globex.Refused(t, http.StatusConflict, http.MethodPost, "/Users", body)] = true
			}
			if len(texts) != 1 {
				t.Errorf("conflicts have the texts %v, want one", slices.Collect(maps.Keys(texts)))
			}
			apptest.WantNames(t, "globex's users", globex.Names(t, "/Users"), "own@globex.test")
			apptest.WantNames(t, "acme's users", acme.Names(t, "/Users"), "jane@acme.test")
		})
	}
}

// TestATenantIsBoundToItsOrganization: an organization that is deleted and created again with the
// same alias is another organization. A disabled organization is not written. In both cases the
// answer does not say that the users are gone.
func TestATenantIsBoundToItsOrganization(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, nil)
			acme := c.Of["acme"]
			jane := acme.Create(t, "/Users", `{"userName":"jane@acme.test"}`)
			path := "/admin/realms/" + acme.Realm + "/organizations/"
			apptest.AdminSend(t, server, http.MethodPut, path+c.IDs["acme"].String(), `{"name":"acme","alias":"acme","enabled":false,"domains":[{"name":"acme.test","verified":true}]}`)
			acme.App.Watcher.Check(t.Context())
			for method, path := range map[string]string{"POST": "/Users", "PUT": "/Users/" + jane, "PATCH": "/Users/" + jane, "DELETE": "/Users/" + jane} {
				acme.Refused(t, http.StatusForbidden, method, path, `{"userName":"jane@acme.test"}`)
			}
			acme.Must(t, http.MethodGet, "/Users/"+jane, "")
			c.Of["globex"].Create(t, "/Users", `{"userName":"gus@globex.test"}`)
			if err := acme.Admin.DeleteOrganization(t.Context(), c.IDs["acme"]); err != nil {
				t.Fatal(err)
			}
			acme.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users/"+jane, "") // before the realm was read
			if _, err := acme.Admin.CreateOrganization(t.Context(), keycloak.NewOrganization{Name: "acme", Alias: "acme"}); err != nil {
				t.Fatal(err)
			}
			acme.App.Watcher.Check(t.Context())
			acme.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
			acme.Refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Users", `{"userName":"new@acme.test"}`)
			problem := acme.App.Watcher.Tenants.ByPath(acme.Realm + "/organizations/acme").Fitness().Problem
			if !strings.Contains(problem, "is now another organization") {
				t.Errorf("the tenant's problem is %q", problem)
			}
			apptest.WantNames(t, "globex's users", c.Of["globex"].Names(t, "/Users"), "gus@globex.test")
		})
	}
}

// TestTheRealmsTenantBesideOrganizations: the tenant of the realm sees all users, and the accounts of
// organizations are foreign for it.
func TestTheRealmsTenantBesideOrganizations(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			acme, all := c.Of["acme"], c.Realm
			jane := acme.Create(t, "/Users", `{"userName":"jane@acme.test","title":"Boss","externalId":"A"}`)
			bob := all.Create(t, "/Users", `{"userName":"bob","title":"Own","externalId":"R"}`)
			apptest.WantNames(t, "the realm's users", all.Names(t, "/Users"), "bob", "jane@acme.test")
			apptest.WantNames(t, "acme's users", acme.Names(t, "/Users"), "jane@acme.test")
			all.Must(t, http.MethodPatch, "/Users/"+jane, `{"Operations":[{"op":"add","value":{"title":"Guest","externalId":"R2"}}]}`)
			if got := all.Must(t, http.MethodGet, "/Users/"+jane, ""); got["title"] != "Guest" || got["externalId"] != "R2" {
				t.Errorf("jane for the realm = %v", got)
			}
			if got := acme.Must(t, http.MethodGet, "/Users/"+jane, ""); got["title"] != "Boss" || got["externalId"] != "A" {
				t.Errorf("jane for acme = %v", got)
			}
			for filter, want := range map[string]string{`title eq "Guest"`: jane, `externalId eq "R2"`: jane, `title eq "Own"`: bob, `externalId eq "R"`: bob} {
				if found, err := all.Find(t.Context(), "/Users", filter, ""); err != nil || len(found) != 1 || found[0]["id"] != want {
					t.Errorf("%s = %v, %v, want %s", filter, found, err, want)
				}
			}
			all.Refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+jane, "")
			id, _ := keycloak.ParseUserID(jane)
			top, err := all.Admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: "Parent"})
			if err != nil {
				t.Fatal(err)
			}
			below, err := all.Admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: "Below", Parent: top})
			if err != nil {
				t.Fatal(err)
			}
			team := all.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+jane+`"}]}`)
			if err := all.Admin.AddMember(t.Context(), id, below); err != nil {
				t.Fatal(err)
			}
			all.Must(t, http.MethodPatch, "/Users/"+jane, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
			left, err := all.Admin.UserGroups(t.Context(), id)
			if err != nil || len(left) != 1 || left[0].Name != "Below" {
				t.Errorf("the groups of a guest who is inactive = %+v, %v, want those alone that the tenant does not list, not %s", left, err, team)
			}
			all.Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+jane, `{"Operations":[{"op":"replace","path":"active","value":false},{"op":"replace","path":"userName","value":"x"}]}`)
			acme.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+bob, "")
		})
	}
}

// TestScopeOwned: a tenant of the realm has exactly the users that it created.
func TestScopeOwned(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), func(c *config.Config) {
				for _, r := range c.Realms {
					r.Tenants[2].Scope = config.ScopeOwned
				}
			})
			acme, own := c.Of["acme"], c.Realm
			jane := acme.Create(t, "/Users", `{"userName":"jane@acme.test","title":"Boss"}`)
			bob := own.Create(t, "/Users", `{"userName":"bob","title":"Boss"}`)
			apptest.WantNames(t, "the tenant's users", own.Names(t, "/Users"), "bob")
			own.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+jane, "")
			own.Refused(t, http.StatusBadRequest, http.MethodPost, "/Groups", `{"displayName":"G","members":[{"value":"`+jane+`"}]}`)
			group := own.Create(t, "/Groups", `{"displayName":"G","members":[{"value":"`+bob+`"}]}`)
			own.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Groups/"+group, `{"Operations":[{"op":"add","path":"members","value":[{"value":"`+jane+`"}]}]}`)
			for _, filter := range []string{`title eq "Boss"`, `userName pr`, `userName eq "bob"`} {
				if found, err := own.Find(t.Context(), "/Users", filter, ""); err != nil || len(found) != 1 || found[0]["id"] != bob {
					t.Errorf("%s = %v, %v, want bob", filter, found, err)
				}
			}
			if found, err := own.Find(t.Context(), "/Users", `userName eq "jane@acme.test"`, ""); err != nil || len(found) != 0 {
				t.Errorf("a foreign userName = %v, %v, want nobody", found, err)
			}
		})
	}
}

// TestEachTenantHasAMappingAndSchemasOfItsOwn, and its own policies and profile.
func TestEachTenantHasAMappingAndSchemasOfItsOwn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	const urn = "urn:acme:params:scim:schemas:extension:badge:2.0:User"
	if err := os.WriteFile(file, []byte("version: 1\nschemas: { \""+urn+"\": { resource: User, attributes: { badge: { type: string } } } }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[1].Mapping, r.Tenants[1].UnknownMembers = file, config.UnknownMembersIgnore
		}
	})
	acme, globex := c.Of["acme"], c.Of["globex"]
	globex.Must(t, http.MethodGet, "/Schemas/"+urn, "")
	acme.Refused(t, http.StatusNotFound, http.MethodGet, "/Schemas/"+urn, "")
	body := func(name string) string { return `{"userName":"` + name + `","` + urn + `":{"badge":{"no":7}}}` }
	globex.Refused(t, http.StatusBadRequest, http.MethodPost, "/Users", body("g@globex.test")) // its schema says that a badge is a text
	acme.Create(t, "/Users", body("a@acme.test"))
	const stranger = `{"displayName":"G","members":[{"value":"` + apptest.AbsentID + `"}]}`
	acme.Refused(t, http.StatusBadRequest, http.MethodPost, "/Groups", stranger)
	globex.Create(t, "/Groups", stranger)
}

// TestTenantsOfOneRealmHavePlacesOfTheirOwn: two tenants that would store in the same place are an
// error of the configuration.
func TestTenantsOfOneRealmHavePlacesOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), nil).Realm.Config
	if problems := app.MappingProblems(c); len(problems) > 0 {
		t.Errorf("organizations and the realm = %v, want no problem", problems)
	}
	for _, r := range c.Realms {
		other := r.Tenants[2]
		other.Path, other.Key = "other", "other"
		other.Where = config.Problem{File: "config.yaml", Line: 7, Path: "realms.x.tenants[3]"}
		r.Tenants = append(r.Tenants, other)
		got := app.MappingProblems(config.Config{Realms: map[string]config.Realm{"x": r}})
		if len(got) != 2 || !strings.Contains(got[0].String(), "config.yaml:7: realms.x.tenants[3]: has its groups at the top level of the realm, as") ||
			!strings.Contains(got[1].String(), "stores the externalId of users in the attribute externalId, as") {
			t.Errorf("two tenants of one realm = %v, want problems of groups and externalId", got)
		}
	}
	apptest.NewTestApp(t, c)
}
