package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// customers is a bridge for organizations of one realm, and for the realm itself.
type customers struct {
	server keycloaktest.Server
	realm  testBridge
	of     map[string]testBridge // by alias
	ids    map[string]keycloak.OrganizationID
}

// newCustomers makes a realm with the organizations acme and globex, sets it up for the first
// and adds the second, and the realm, to the configuration.
func newCustomers(t *testing.T, server keycloaktest.Server, edit func(*config.Config), setup ...string) customers {
	t.Helper()
	realm, admin := newEmptyRealm(t, server)
	adminSend(t, server, http.MethodPut, "/admin/realms/"+realm, `{"organizationsEnabled":true}`)
	out := customers{server: server, of: map[string]testBridge{}, ids: map[string]keycloak.OrganizationID{}}
	for _, alias := range []string{"acme", "globex"} {
		id, err := admin.CreateOrganization(t.Context(), keycloak.NewOrganization{
			Name: alias, Alias: alias, Domains: []keycloak.Domain{{Name: alias + ".test", Verified: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		out.ids[alias] = id
	}
	parents := parentsWithout(t, admin, slices.Sorted(maps.Keys(out.ids)), out.ids["acme"])
	flags := append([]string{"--organization", "acme", "--allow-manage-realm"}, setup...)
	if parents["acme"] != "" {
		flags = append(flags, "--mapping", parents["acme"])
	}
	out.realm = newBridgeIn(t, server, realm, admin, func(c *config.Config) {
		r := c.Realms[realm]
		globex := r.Tenants[0]
		globex.Organization, globex.OrganizationID, globex.Key = "globex", out.ids["globex"].String(), out.ids["globex"].String()
		globex.Path, globex.Mapping = realm+"/organizations/globex", parents["globex"]
		globex.Tokens = []config.Token{{Name: "globex", SHA256: sha256.Sum256([]byte("token-of-globex"))}}
		all := config.Tenant{Path: realm, Key: "realm", Mapping: parents["realm"], Profile: config.ProfileTolerant, Tokens: []config.Token{{Name: "all", SHA256: sha256.Sum256([]byte("token-of-realm"))}}}
		r.Tenants = append(r.Tenants, globex, all)
		c.Realms[realm] = r
		if edit != nil {
			edit(c)
		}
	}, flags...)
	root := strings.TrimSuffix(out.realm.Base, "/scim/v2")
	for alias, token := range map[string]string{"acme": out.realm.Token, "globex": "token-of-globex"} {
		b := out.realm
		b.Client = &client.Client{Base: root + "/organizations/" + alias + "/scim/v2", Token: token, HTTP: http.DefaultClient}
		out.of[alias] = b
	}
	out.realm.Client = &client.Client{Base: out.realm.Base, Token: "token-of-realm", HTTP: http.DefaultClient}
	return out
}

// takeAnyDomain lets organizations give their users any address.
func takeAnyDomain(c *config.Config) {
	for _, r := range c.Realms {
		for i := range r.Tenants {
			r.Tenants[i].Domains = config.DomainsAny
		}
	}
}

// parentsWithout are mapping files that name a group of the realm for each organization, and for
// the tenant of the realm, where the server has no groups of organizations, of which one is told.
func parentsWithout(t *testing.T, admin *keycloak.Client, aliases []string, id keycloak.OrganizationID) map[string]string {
	t.Helper()
	out := map[string]string{}
	_, err := admin.OrganizationGroups(t.Context(), id, 0, 1)
	if err == nil {
		return nil
	}
	if keycloak.KindOf(err) != keycloak.NotFound {
		t.Fatal(err)
	}
	for _, alias := range append(aliases, "realm") {
		if _, err := admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: "of-" + alias}); err != nil {
			t.Fatal(err)
		}
		out[alias] = filepath.Join(t.TempDir(), alias+".yaml")
		if err := os.WriteFile(out[alias], []byte("version: 1\ngroups: { parent: /of-"+alias+" }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// must sends a request that has to succeed.
func (b testBridge) must(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	object, err := b.send(t, method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return object
}

// create makes a resource and returns its id.
func (b testBridge) create(t *testing.T, endpoint, body string) string {
	t.Helper()
	id, _ := b.must(t, http.MethodPost, endpoint, body)["id"].(string)
	return id
}

// admit makes a user a member of another organization, as an administrator does.
func (c customers) admit(t *testing.T, user, alias string) keycloak.UserID {
	t.Helper()
	id, err := keycloak.ParseUserID(user)
	if err == nil {
		err = c.realm.admin.AddOrganizationMember(t.Context(), c.ids[alias], id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// refused sends a request that has to fail with a status, and returns the detail.
func (b testBridge) refused(t *testing.T, status int, method, path, body string) string {
	t.Helper()
	object, err := b.send(t, method, path, body)
	var e *client.Error
	if !errors.As(err, &e) || e.Status != status {
		t.Errorf("%s %s = %v, %v, want %d", method, path, object, err, status)
		return ""
	}
	return e.Detail
}

// names are the userNames or displayNames of all that a tenant lists.
func (b testBridge) names(t *testing.T, endpoint string) []string {
	t.Helper()
	out := []string{}
	list := b.must(t, http.MethodGet, endpoint, "")
	resources, _ := list["Resources"].([]any)
	for _, r := range resources {
		object, _ := r.(map[string]any)
		name, ok := object["userName"].(string)
		if !ok {
			name, _ = object["displayName"].(string)
		}
		out = append(out, name)
	}
	if total := fmt.Sprint(list["totalResults"]); total != fmt.Sprint(len(out)) {
		t.Errorf("GET %s: totalResults = %s with %d resources", endpoint, total, len(out))
	}
	slices.Sort(out)
	return out
}

func wantNames(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) && len(got)+len(want) > 0 {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// TestOrganizationTenants: each has the members of its organization and nobody else, whatever
// the other does; in Keycloak the users are members.
func TestOrganizationTenants(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			acme, globex := c.of["acme"], c.of["globex"]
			jane := acme.create(t, "/Users", `{"userName":"Jane@acme.test","externalId":"X","title":"Boss","emails":[{"value":"jane@acme.test","primary":true},{"value":"j2@acme.test"}]}`)
			gus := globex.create(t, "/Users", `{"userName":"gus@globex.test","externalId":"X","title":"Boss"}`)
			wantNames(t, "acme's users", acme.names(t, "/Users"), "Jane@acme.test")
			wantNames(t, "globex's users", globex.names(t, "/Users"), "gus@globex.test")
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
			team := acme.create(t, "/Groups", `{"displayName":"a_b%","externalId":"G","members":[{"value":"`+jane+`"}]}`)
			globex.create(t, "/Groups", `{"displayName":"a_b%","externalId":"G"}`)
			for _, filter := range []string{`displayName eq "A_B%"`, `externalId eq "G"`, `members.value eq "` + jane + `"`} {
				found, err := acme.Find(t.Context(), "/Groups", filter, "")
				if err != nil || len(found) != 1 || found[0]["id"] != team {
					t.Errorf("%s at acme = %v, %v, want its group alone", filter, found, err)
				}
			}
			groups := acme.must(t, http.MethodGet, "/Users/"+jane+"?attributes=groups", "")["groups"]
			if list, _ := groups.([]any); len(list) != 1 {
				t.Errorf("jane's groups = %v, want one", groups)
			}
			acme.must(t, http.MethodPatch, "/Groups/"+team, `{"Operations":[{"op":"replace","path":"displayName","value":"Team"},{"op":"remove","path":"members[value eq \"`+jane+`\"]"}]}`)
			if got := acme.must(t, http.MethodGet, "/Groups/"+team, ""); got["displayName"] != "Team" || got["members"] != nil {
				t.Errorf("the group, changed = %v", got)
			}
			acme.must(t, http.MethodPut, "/Users/"+jane, `{"userName":"jane@acme.test","title":"Chief","emails":[{"value":"jane@acme.test"}],"active":false}`)
			if got := acme.must(t, http.MethodGet, "/Users/"+jane, ""); got["title"] != "Chief" || got["active"] != false || got["externalId"] != "X" {
				t.Errorf("jane, replaced = %v", got)
			}
			id, _ := keycloak.ParseUserID(jane)
			member, err := acme.admin.OrganizationMember(t.Context(), c.ids["acme"], id)
			if err != nil || member.Enabled || !slices.Equal(member.Attributes["scim.owner"], []string{c.ids["acme"].String()}) {
				t.Errorf("jane in Keycloak = %+v, %v, want a disabled member that acme owns", member, err)
			}
			acme.must(t, http.MethodDelete, "/Groups/"+team, "")
			acme.must(t, http.MethodDelete, "/Users/"+jane, "")
			if _, err := acme.admin.User(t.Context(), id); keycloak.KindOf(err) != keycloak.NotFound {
				t.Errorf("jane, deleted = %v, want nobody", err)
			}
			wantNames(t, "acme's groups", acme.names(t, "/Groups"))
			wantNames(t, "globex's users", globex.names(t, "/Users"), "gus@globex.test")
			wantNames(t, "globex's groups", globex.names(t, "/Groups"), "a_b%")
		})
	}
}

// TestASharedUser: a member of two organizations has one account, which is its creator's. The
// other one keeps what it says for itself, changes nothing of the account, and neither sees
// what the other said.
func TestASharedUser(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			acme, globex := c.of["acme"], c.of["globex"]
			sam := acme.create(t, "/Users", `{"userName":"sam@acme.test","externalId":"A","title":"Clerk","displayName":"Sam A","name":{"givenName":"Sam","familyName":"Smith"},"emails":[{"value":"sam@acme.test","type":"work","primary":true},{"value":"further@acme.test"}]}`)
			c.admit(t, sam, "globex")
			before := acme.must(t, http.MethodGet, "/Users/"+sam, "")
			got := globex.must(t, http.MethodGet, "/Users/"+sam, "")
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
			globex.must(t, http.MethodPut, "/Users/"+sam, own)
			got = globex.must(t, http.MethodGet, "/Users/"+sam, "")
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
				if detail := globex.refused(t, http.StatusForbidden, http.MethodPut, "/Users/"+sam, body); !strings.Contains(detail, attribute) {
					t.Errorf("a change of %s says %q", attribute, detail)
				}
			}
			same := func(what string) {
				t.Helper()
				now := acme.must(t, http.MethodGet, "/Users/"+sam, "")
				for _, meta := range []map[string]any{before, now} {
					delete(meta, "meta")
				}
				if fmt.Sprint(before) != fmt.Sprint(now) {
					t.Errorf("after %s acme sees %v, before %v", what, now, before)
				}
			}
			same("globex's changes")
			team := globex.create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+sam+`"}]}`)
			globex.must(t, http.MethodPatch, "/Users/"+sam, `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
			if got := globex.must(t, http.MethodGet, "/Users/"+sam, ""); got["active"] != false {
				t.Errorf("sam, inactive for globex = %v", got)
			}
			if got := globex.must(t, http.MethodGet, "/Groups/"+team, ""); got["members"] != nil {
				t.Errorf("a user who is inactive stays a member: %v", got)
			}
			same("globex's deactivation")
			globex.must(t, http.MethodPut, "/Users/"+sam, `{"externalId":"B","userName":"sam@acme.test","active":true}`)
			if got := globex.must(t, http.MethodGet, "/Users/"+sam, ""); got["active"] != true || got["title"] != nil || fmt.Sprint(got["name"]) == "<nil>" {
				t.Errorf("sam, active again for globex = %v", got)
			}
			acme.must(t, http.MethodPatch, "/Users/"+sam, `{"Operations":[{"op":"replace","path":"active","value":false}]}`)
			if got := globex.must(t, http.MethodGet, "/Users/"+sam, ""); got["active"] != false {
				t.Errorf("an account that acme disabled is active at globex: %v", got)
			}
			globex.refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+sam, `{"Operations":[{"op":"replace","path":"active","value":true}]}`)
			acme.must(t, http.MethodPatch, "/Users/"+sam, `{"Operations":[{"op":"replace","path":"active","value":true}]}`)
			globex.must(t, http.MethodDelete, "/Users/"+sam, "")
			globex.refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+sam, "")
			same("globex's deletion")
		})
	}
}

// TestTheOwnerLeavesASharedUser: what another organization still has is not deleted, and the
// owner's next creation takes the account up again.
func TestTheOwnerLeavesASharedUser(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), takeAnyDomain)
			acme, globex := c.of["acme"], c.of["globex"]
			sam := acme.create(t, "/Users", `{"userName":"sam@acme.test","externalId":"A"}`)
			id := c.admit(t, sam, "globex")
			acme.must(t, http.MethodDelete, "/Users/"+sam, "")
			acme.refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+sam, "")
			wantNames(t, "globex's users", globex.names(t, "/Users"), "sam@acme.test")
			globex.refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"sam@acme.test"}`)
			again := acme.must(t, http.MethodPost, "/Users", `{"userName":"sam@acme.test","externalId":"A2","title":"Back"}`)
			if again["id"] != sam || again["title"] != "Back" || again["active"] != true {
				t.Errorf("the user, created again = %v, want the account %s", again, sam)
			}
			acme.refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"sam@acme.test"}`)
			globex.must(t, http.MethodDelete, "/Users/"+sam, "")
			acme.must(t, http.MethodDelete, "/Users/"+sam, "")
			if _, err := acme.admin.User(t.Context(), id); keycloak.KindOf(err) != keycloak.NotFound {
				t.Errorf("the account that nobody else has = %v, want it deleted", err)
			}
		})
	}
}

// TestAConflictTellsNothingOfAnother: one text, whoever has the name or the address.
func TestAConflictTellsNothingOfAnother(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), takeAnyDomain)
			acme, globex := c.of["acme"], c.of["globex"]
			acme.create(t, "/Users", `{"userName":"jane@acme.test","emails":[{"value":"mail@acme.test"}]}`)
			globex.create(t, "/Users", `{"userName":"own@globex.test","emails":[{"value":"own@globex.test"}]}`)
			texts := map[string]bool{}
			for _, body := range []string{
				`{"userName":"jane@acme.test"}`, `{"userName":"JANE@ACME.TEST"}`, `{"userName":"other","emails":[{"value":"mail@acme.test"}]}`,
				`{"userName":"other","emails":[{"value":"MAIL@acme.test"}]}`, `{"userName":"own@globex.test"}`, `{"userName":"another","emails":[{"value":"own@globex.test"}]}`,
			} {
				texts[globex.refused(t, http.StatusConflict, http.MethodPost, "/Users", body)] = true
			}
			if len(texts) != 1 {
				t.Errorf("conflicts have the texts %v, want one", slices.Collect(maps.Keys(texts)))
			}
			wantNames(t, "globex's users", globex.names(t, "/Users"), "own@globex.test")
			wantNames(t, "acme's users", acme.names(t, "/Users"), "jane@acme.test")
		})
	}
}

// TestATenantIsBoundToItsOrganization: one that is deleted and made again under the alias is
// another one, a disabled one is not written, and neither answers that its users are gone.
func TestATenantIsBoundToItsOrganization(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := newCustomers(t, server, nil)
			acme := c.of["acme"]
			jane := acme.create(t, "/Users", `{"userName":"jane@acme.test"}`)
			path := "/admin/realms/" + acme.realm + "/organizations/"
			adminSend(t, server, http.MethodPut, path+c.ids["acme"].String(), `{"name":"acme","alias":"acme","enabled":false,"domains":[{"name":"acme.test","verified":true}]}`)
			acme.app.Watcher.Look(t.Context())
			for method, path := range map[string]string{"POST": "/Users", "PUT": "/Users/" + jane, "PATCH": "/Users/" + jane, "DELETE": "/Users/" + jane} {
				acme.refused(t, http.StatusForbidden, method, path, `{"userName":"jane@acme.test"}`)
			}
			acme.must(t, http.MethodGet, "/Users/"+jane, "")
			c.of["globex"].create(t, "/Users", `{"userName":"gus@globex.test"}`)
			if err := acme.admin.DeleteOrganization(t.Context(), c.ids["acme"]); err != nil {
				t.Fatal(err)
			}
			acme.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users/"+jane, "") // before anybody looked
			if _, err := acme.admin.CreateOrganization(t.Context(), keycloak.NewOrganization{Name: "acme", Alias: "acme"}); err != nil {
				t.Fatal(err)
			}
			acme.app.Watcher.Look(t.Context())
			acme.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
			acme.refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Users", `{"userName":"new@acme.test"}`)
			problem := acme.app.Watcher.Tenants.ByPath(acme.realm + "/organizations/acme").Fitness().Problem
			if !strings.Contains(problem, "is another one now") {
				t.Errorf("the tenant's problem is %q", problem)
			}
			wantNames(t, "globex's users", c.of["globex"].names(t, "/Users"), "gus@globex.test")
		})
	}
}

// TestTheRealmsTenantBesideOrganizations: it sees everybody, and is a guest at their accounts.
func TestTheRealmsTenantBesideOrganizations(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			acme, all := c.of["acme"], c.realm
			jane := acme.create(t, "/Users", `{"userName":"jane@acme.test","title":"Boss","externalId":"A"}`)
			bob := all.create(t, "/Users", `{"userName":"bob","title":"Own","externalId":"R"}`)
			wantNames(t, "the realm's users", all.names(t, "/Users"), "bob", "jane@acme.test")
			wantNames(t, "acme's users", acme.names(t, "/Users"), "jane@acme.test")
			all.must(t, http.MethodPatch, "/Users/"+jane, `{"Operations":[{"op":"add","value":{"title":"Guest","externalId":"R2"}}]}`)
			if got := all.must(t, http.MethodGet, "/Users/"+jane, ""); got["title"] != "Guest" || got["externalId"] != "R2" {
				t.Errorf("jane for the realm = %v", got)
			}
			if got := acme.must(t, http.MethodGet, "/Users/"+jane, ""); got["title"] != "Boss" || got["externalId"] != "A" {
				t.Errorf("jane for acme = %v", got)
			}
			for filter, want := range map[string]string{`title eq "Guest"`: jane, `externalId eq "R2"`: jane, `title eq "Own"`: bob, `externalId eq "R"`: bob} {
				if found, err := all.Find(t.Context(), "/Users", filter, ""); err != nil || len(found) != 1 || found[0]["id"] != want {
					t.Errorf("%s = %v, %v, want %s", filter, found, err, want)
				}
			}
			all.refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+jane, "")
			id, _ := keycloak.ParseUserID(jane)
			top, err := all.admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: "Parent"})
			if err != nil {
				t.Fatal(err)
			}
			below, err := all.admin.CreateGroup(t.Context(), keycloak.NewGroup{Name: "Below", Parent: top})
			if err != nil {
				t.Fatal(err)
			}
			team := all.create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+jane+`"}]}`)
			if err := all.admin.AddMember(t.Context(), id, below); err != nil {
				t.Fatal(err)
			}
			all.must(t, http.MethodPatch, "/Users/"+jane, patchBody(`{"op":"replace","path":"active","value":false}`))
			left, err := all.admin.UserGroups(t.Context(), id)
			if err != nil || len(left) != 1 || left[0].Name != "Below" {
				t.Errorf("the groups of a guest who is inactive = %+v, %v, want those alone that the tenant does not list, not %s", left, err, team)
			}
			all.refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+jane, `{"Operations":[{"op":"replace","path":"active","value":false},{"op":"replace","path":"userName","value":"x"}]}`)
			acme.refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+bob, "")
		})
	}
}

// TestScopeOwned: a tenant of the realm has what it created, and nobody else.
func TestScopeOwned(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), func(c *config.Config) {
				for _, r := range c.Realms {
					r.Tenants[2].Scope = config.ScopeOwned
				}
			})
			acme, own := c.of["acme"], c.realm
			jane := acme.create(t, "/Users", `{"userName":"jane@acme.test","title":"Boss"}`)
			bob := own.create(t, "/Users", `{"userName":"bob","title":"Boss"}`)
			wantNames(t, "the tenant's users", own.names(t, "/Users"), "bob")
			own.refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+jane, "")
			own.refused(t, http.StatusBadRequest, http.MethodPost, "/Groups", `{"displayName":"G","members":[{"value":"`+jane+`"}]}`)
			group := own.create(t, "/Groups", `{"displayName":"G","members":[{"value":"`+bob+`"}]}`)
			own.refused(t, http.StatusBadRequest, http.MethodPatch, "/Groups/"+group, `{"Operations":[{"op":"add","path":"members","value":[{"value":"`+jane+`"}]}]}`)
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

// TestEachTenantHasAMappingAndSchemasOfItsOwn: and policies, and a profile.
func TestEachTenantHasAMappingAndSchemasOfItsOwn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	const urn = "urn:acme:params:scim:schemas:extension:badge:2.0:User"
	if err := os.WriteFile(file, []byte("version: 1\nschemas: { \""+urn+"\": { resource: User, attributes: { badge: { type: string } } } }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newCustomers(t, keycloaktest.NewFake(t).Server(), func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[1].Mapping, r.Tenants[1].UnknownMembers = file, config.UnknownMembersIgnore
		}
	})
	acme, globex := c.of["acme"], c.of["globex"]
	globex.must(t, http.MethodGet, "/Schemas/"+urn, "")
	acme.refused(t, http.StatusNotFound, http.MethodGet, "/Schemas/"+urn, "")
	body := func(name string) string { return `{"userName":"` + name + `","` + urn + `":{"badge":{"no":7}}}` }
	globex.refused(t, http.StatusBadRequest, http.MethodPost, "/Users", body("g@globex.test")) // it knows that a badge is a text
	acme.create(t, "/Users", body("a@acme.test"))
	const stranger = `{"displayName":"G","members":[{"value":"` + absentID + `"}]}`
	acme.refused(t, http.StatusBadRequest, http.MethodPost, "/Groups", stranger)
	globex.create(t, "/Groups", stranger)
}

// TestTenantsOfOneRealmHavePlacesOfTheirOwn: two that would store in one place are a problem
// of the configuration.
func TestTenantsOfOneRealmHavePlacesOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := newCustomers(t, keycloaktest.NewFake(t).Server(), nil).realm.config
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
	newTestApp(t, c)
}
