package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap/zapcore"
	logtest "go.uber.org/zap/zaptest/observer"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// protectedThings are users and groups of a realm that SCIM may not write, by why.
type protectedThings struct {
	users  map[string]string // ids
	groups map[string]string
}

// role makes a role of the realm, or of a client with a UUID, that contains others.
func (b testBridge) role(t *testing.T, server keycloaktest.Server, of, name string, within ...keycloak.RoleName) keycloak.Role {
	t.Helper()
	at, in := "/admin/realms/"+b.realm, keycloak.ClientInfo{}
	if of != "" {
		id, err := b.admin.CreateClient(t.Context(), of, "")
		if err != nil {
			t.Fatal(err)
		}
		at, in = at+"/clients/"+id.String(), keycloak.ClientInfo{UUID: id, ClientID: of}
	}
	adminSend(t, server, http.MethodPost, at+"/roles", fmt.Sprintf(`{"name":%q}`, name))
	roles, err := b.admin.Roles(t.Context(), in)
	i := slices.IndexFunc(roles, func(r keycloak.Role) bool { return r.Name == name })
	if err != nil || i < 0 {
		t.Fatalf("the roles are %v, %v", roles, err)
	}
	b.compose(t, server, roles[i], within...)
	return roles[i]
}

func (b testBridge) known(t *testing.T, n keycloak.RoleName) keycloak.Role {
	t.Helper()
	r, err := b.admin.FindRole(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// compose puts roles into a role.
func (b testBridge) compose(t *testing.T, server keycloaktest.Server, into keycloak.Role, what ...keycloak.RoleName) {
	t.Helper()
	roles := []keycloak.Role{}
	for _, n := range what {
		roles = append(roles, b.known(t, n))
	}
	data, err := json.Marshal(roles)
	if err != nil {
		t.Fatal(err)
	}
	adminSend(t, server, http.MethodPost, "/admin/realms/"+b.realm+"/roles-by-id/"+into.ID+"/composites", string(data))
}

func (b testBridge) grant(t *testing.T, h keycloak.RoleHolder, r keycloak.Role) {
	t.Helper()
	if err := b.admin.GrantRoles(t.Context(), h, []keycloak.Role{r}); err != nil {
		t.Fatal(err)
	}
}

func userID(t *testing.T, text string) keycloak.UserID {
	t.Helper()
	id, err := keycloak.ParseUserID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func right(name string) keycloak.RoleName {
	return keycloak.RoleName{Client: "realm-management", Name: name}
}

// promote makes administrators of users whom a tenant created, by every way that there is,
// and makes the listed ones; afterwards the bridge has looked.
func promote(t *testing.T, server keycloaktest.Server, b testBridge) protectedThings {
	t.Helper()
	out := protectedThings{users: map[string]string{}, groups: map[string]string{}}
	for _, why := range []string{"a role", "a role of the realm", "a role of a client", "a group", "a group above", "the list", "a listed group", "a group below a listed one"} {
		name := strings.ReplaceAll(why, " ", "-")
		out.users[why] = b.create(t, "/Users", fmt.Sprintf(
			`{"userName":%q,"externalId":"X-%s","title":"Chief","name":{"givenName":"G"},"emails":[{"value":"%s@acme.test","primary":true}]}`, name, name, name))
	}
	super := b.role(t, server, "", "super user", right("manage-users"))
	boss := b.role(t, server, "shop", "boss", keycloak.RoleName{Name: "super user"})
	admins, listed := b.group(t, "admins", keycloak.GroupID{}), b.group(t, "listed", keycloak.GroupID{})
	below, listedBelow := b.group(t, "below", admins), b.group(t, "below", listed)
	b.grant(t, admins, b.known(t, right("view-users")))
	b.grant(t, userID(t, out.users["a role"]), b.known(t, right("manage-users")))
	b.grant(t, userID(t, out.users["a role of the realm"]), super)
	b.grant(t, userID(t, out.users["a role of a client"]), boss)
	for why, group := range map[string]keycloak.GroupID{"a group": admins, "a group above": below, "a listed group": listed, "a group below a listed one": listedBelow} {
		if err := b.admin.AddMember(t.Context(), userID(t, out.users[why]), group); err != nil {
			t.Fatal(err)
		}
		out.groups[why] = group.String()
	}
	b.reconfigure(t, protectListed)
	return out
}

// reconfigure changes the configuration of a bridge that runs, and looks.
func (b testBridge) reconfigure(t *testing.T, edit func(*config.Config)) {
	t.Helper()
	c := b.config
	c.Realms = maps.Clone(c.Realms)
	edit(&c)
	unlimited(&c)
	b.app.Apply(c)
	b.look(t)
}

func (b testBridge) look(t *testing.T) {
	t.Helper()
	if !b.app.Watcher.Look(t.Context()) {
		t.Fatalf("the realm is not fit: %v", b.app.Watcher.Tenants.All()[0].Fitness())
	}
}

func protectListed(c *config.Config) {
	for name, r := range c.Realms {
		r.Protected = config.Protected{Users: []string{"the-list"}, Groups: []config.GroupPath{"/listed"}}
		c.Realms[name] = r
	}
}

// TestSecurity_17_ProtectedUsers: administrators by every way, and the listed, are shown by their names
// alone and changed by nobody, at a tenant of the realm and at one of an organization.
func TestSecurity_17_ProtectedUsers(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			t.Run("realm", func(t *testing.T) {
				t.Parallel()
				b := newBridgeOn(t, server, nil)
				b.probeProtected(t, promote(t, server, b))
			})
			t.Run("organization", func(t *testing.T) {
				t.Parallel()
				c := newCustomers(t, server, nil)
				b := c.of["acme"]
				b.probeProtected(t, promote(t, server, b))
			})
		})
	}
}

func (b testBridge) probeProtected(t *testing.T, p protectedThings) {
	t.Helper()
	group := b.create(t, "/Groups", `{"displayName":"Team"}`)
	listed := b.must(t, http.MethodGet, "/Users", "")
	shown := map[string]any{}
	for _, one := range listed["Resources"].([]any) {
		shown[one.(map[string]any)["id"].(string)] = one
	}
	before := b.accounts(t, p)
	for why, id := range p.users {
		got := b.must(t, http.MethodGet, "/Users/"+id, "")
		if diff := cmp.Diff(got, shown[id]); diff != "" {
			t.Errorf("%s: a list shows another user than a GET:\n%s", why, diff)
		}
		if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, []string{"active", "id", "meta", "schemas", "userName"}) || got["active"] != true {
			t.Errorf("%s: the user shows %v", why, got)
		}
		for _, filter := range []string{"title", "externalId", "emails.value", "name.givenName"} {
			value := map[string]string{"title": "Chief", "name.givenName": "G", "externalId": "X-" + fmt.Sprint(got["userName"]), "emails.value": fmt.Sprint(got["userName"], "@acme.test")}[filter]
			if found, err := b.Find(t.Context(), "/Users", filter+` eq "`+value+`"`, ""); err != nil || len(found) > 0 {
				t.Errorf("%s: %s finds %v, %v", why, filter, found, err)
			}
		}
		for _, w := range protectedWrites(id, fmt.Sprint(got["userName"]), group) {
			if detail := b.refused(t, http.StatusForbidden, w.method, w.path, w.body); !strings.Contains(detail, "nothing was changed") || !strings.Contains(detail, id) {
				t.Errorf("%s: %s %s says %q", why, w.method, w.path, detail)
			}
		}
	}
	if diff := cmp.Diff(before, b.accounts(t, p)); diff != "" {
		t.Errorf("protected users were changed:\n%s", diff)
	}
	if members := b.must(t, http.MethodGet, "/Groups/"+group, "")["members"]; members != nil {
		t.Errorf("the group has the members %v", members)
	}
}

// protectedWrites are writes to a user, in every form.
func protectedWrites(id, userName, group string) []attack {
	user, team := "/Users/"+id, "/Groups/"+group
	member := `[{"value":"` + id + `"}]`
	out := []attack{
		{http.MethodDelete, user, ""},
		{http.MethodPut, user, `{"userName":"` + userName + `"}`},
		{http.MethodPut, user, `{"userName":"` + userName + `","active":false}`},
		{http.MethodPut, team, `{"displayName":"Team","members":` + member + `}`},
		{http.MethodPost, "/Groups", `{"displayName":"Other","members":` + member + `}`},
		{http.MethodPatch, team, patchBody(`{"op":"add","path":"members","value":` + member + `}`)},
		{http.MethodPatch, team, patchBody(`{"op":"remove","path":"members[value eq \"` + id + `\"]"}`)},
		{http.MethodPatch, team, patchBody(`{"op":"replace","value":{"displayName":"Team","members":` + member + `}}`)},
	}
	for _, op := range []string{
		`{"op":"replace","path":"active","value":false}`, `{"op":"replace","path":"active","value":true}`, `{"op":"replace","path":"userName","value":"mine"}`,
		`{"op":"add","value":{"emails":[{"value":"mine@acme.test","primary":true}]}}`, `{"op":"add","path":"title","value":"x"}`, `{"op":"add","path":"password","value":"S3cret-of-mine"}`,
	} {
		out = append(out, attack{http.MethodPatch, user, patchBody(op)})
	}
	return out
}

// accounts are the protected users as Keycloak has them.
func (b testBridge) accounts(t *testing.T, p protectedThings) map[string]keycloak.User {
	t.Helper()
	out := map[string]keycloak.User{}
	for why, id := range p.users {
		out[why] = b.user(t, id)
	}
	return out
}

// TestSecurity_15_GroupsOfAdministrators: a group by which one becomes an administrator shows
// its name, takes no member and is not changed; a group that is called like one is another.
func TestSecurity_15_GroupsOfAdministrators(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newBridgeOn(t, server, nil)
			p := promote(t, server, b)
			own := b.create(t, "/Users", `{"userName":"own"}`)
			member := `[{"value":"` + own + `"}]`
			for why, id := range p.groups {
				path := "/Groups/" + id
				if got := b.must(t, http.MethodGet, path, ""); !slices.Equal(slices.Sorted(maps.Keys(got)), []string{"displayName", "id", "meta", "schemas"}) {
					t.Errorf("%s: the group shows %v", why, got)
				}
				for _, w := range []attack{
					{http.MethodDelete, path, ""},
					{http.MethodPut, path, `{"displayName":"mine"}`},
					{http.MethodPatch, path, patchBody(`{"op":"add","path":"members","value":` + member + `}`)},
					{http.MethodPatch, path, patchBody(`{"op":"remove","path":"members[value eq \"` + own + `\"]"}`)},
					{http.MethodPatch, path, patchBody(`{"op":"replace","path":"members","value":[]}`)},
					{http.MethodPatch, path, patchBody(`{"op":"replace","path":"displayName","value":"mine"}`)},
					{http.MethodPatch, path, patchBody(`{"op":"add","value":{"externalId":"G","members":` + member + `}}`)},
				} {
					b.refused(t, http.StatusForbidden, w.method, w.path, w.body)
				}
			}
			b.refused(t, http.StatusConflict, http.MethodPost, "/Groups", `{"displayName":"admins","members":`+member+`}`)
			for _, displayName := range []string{"/admins", "admin/../admins", "ADMINS"} {
				b.create(t, "/Groups", fmt.Sprintf(`{"displayName":%q,"members":%s}`, displayName, member))
			}
			rights, err := b.admin.EffectiveRoles(t.Context(), userID(t, own), b.management(t))
			if err != nil || len(rights) > 0 {
				t.Errorf("the user has the rights %v, %v", rights, err)
			}
		})
	}
}

func (b testBridge) management(t *testing.T) keycloak.ClientUUID {
	t.Helper()
	id, err := b.admin.ManagementClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestProtectedMembersAreLeftOutWhereThePolicySaysSo: Okta never repeats what was refused,
// and one administrator shall not keep all others out of a group.
func TestProtectedMembersAreLeftOutWhereThePolicySaysSo(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	b := newBridgeOn(t, server, func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[0].UnknownMembers = config.UnknownMembersIgnore
		}
	})
	own, admin := b.create(t, "/Users", `{"userName":"own"}`), b.create(t, "/Users", `{"userName":"admin"}`)
	group := b.create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+admin+`"}]}`)
	b.grant(t, userID(t, admin), b.known(t, right("view-users")))
	b.look(t)
	members := func(when string, want ...string) {
		t.Helper()
		var got []string
		for _, m := range b.must(t, http.MethodGet, "/Groups/"+group, "")["members"].([]any) {
			got = append(got, m.(map[string]any)["display"].(string))
		}
		wantNames(t, "members "+when, slices.Sorted(slices.Values(got)), want...)
	}
	answer := b.must(t, http.MethodPut, "/Groups/"+group, `{"displayName":"Team","members":[{"value":"`+own+`"}]}`)
	if list := answer["members"].([]any); len(list) != 2 {
		t.Errorf("the answer shows %v, want who stays too", list)
	}
	members("after a PUT without the administrator", "admin", "own")
	b.must(t, http.MethodPatch, "/Groups/"+group, patchBody(`{"op":"remove","path":"members[value eq \"`+admin+`\"]"},{"op":"remove","path":"members[value eq \"`+own+`\"]"}`))
	members("after the removal of both", "admin")
	b.must(t, http.MethodPatch, "/Groups/"+group, patchBody(`{"op":"add","path":"members","value":[{"value":"`+admin+`"},{"value":"`+own+`"}]}`))
	members("after the addition of both", "admin", "own")
}

// TestWhoBecameAnAdministratorMeanwhile is looked at before what could take the account over
// or destroys it: the background does not know yet.
func TestWhoBecameAnAdministratorMeanwhile(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newBridgeWith(t, server, "version: 1\nusers: { password: accept }\n")
			path := "/Users/" + b.create(t, "/Users", `{"userName":"jane","title":"t","emails":[{"value":"jane@acme.test"}]}`)
			b.grant(t, userID(t, strings.TrimPrefix(path, "/Users/")), b.role(t, server, "shop", "boss", right("view-events")))
			before := b.user(t, strings.TrimPrefix(path, "/Users/"))
			for _, w := range []attack{
				{http.MethodDelete, path, ""},
				{http.MethodPatch, path, patchBody(`{"op":"replace","path":"password","value":"S3cret-of-mine"}`)},
				{http.MethodPatch, path, patchBody(`{"op":"replace","path":"userName","value":"mine"}`)},
				{http.MethodPatch, path, patchBody(`{"op":"replace","path":"emails","value":[{"value":"mine@acme.test"}]}`)},
				{http.MethodPatch, path, patchBody(`{"op":"remove","path":"emails"}`)},
				{http.MethodPut, path, `{"userName":"jane","emails":[{"value":"mine@acme.test"}],"title":"x"}`},
			} {
				b.refused(t, http.StatusForbidden, w.method, w.path, w.body)
			}
			if diff := cmp.Diff(before, b.user(t, strings.TrimPrefix(path, "/Users/"))); diff != "" {
				t.Errorf("the user was changed:\n%s", diff)
			}
			b.look(t)
			b.refused(t, http.StatusForbidden, http.MethodPatch, path, patchBody(`{"op":"replace","path":"title","value":"x"}`))
		})
	}
}

// TestARealmWhoseEverybodyAdministers has no tenant that answers, and the log says why.
func TestARealmWhoseEverybodyAdministers(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newBridgeOn(t, server, nil)
			at := "/admin/realms/" + b.realm
			admins := b.group(t, "admins", keycloak.GroupID{})
			below := b.group(t, "below", admins)
			b.grant(t, admins, b.known(t, right("view-users")))
			everybody := b.known(t, keycloak.RoleName{Name: "default-roles-" + b.realm})
			composite, err := json.Marshal([]keycloak.Role{b.known(t, right("query-users"))})
			if err != nil {
				t.Fatal(err)
			}
			odd := b.role(t, server, "", "a/b", right("query-users"))
			expect := func(want string) {
				t.Helper()
				b.app.Watcher.Look(t.Context())
				if got := b.app.Watcher.Tenants.All()[0].Fitness().Problem; !strings.Contains(got, want) || want == "" && got != "" {
					t.Errorf("the look finds %q, want %q", got, want)
				}
			}
			expect(`nobody can find out who has the role "a/b"`)
			adminSend(t, server, http.MethodDelete, at+"/roles-by-id/"+odd.ID+"/composites", string(composite))
			expect("")
			adminSend(t, server, http.MethodPut, at+"/default-groups/"+below.String(), "")
			expect(`every new user of the realm becomes an administrator: the default group "/admins/below"`)
			b.refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Users", `{"userName":"jane"}`)
			adminSend(t, server, http.MethodDelete, at+"/default-groups/"+below.String(), "")
			expect("")
			adminSend(t, server, http.MethodPost, at+"/roles-by-id/"+everybody.ID+"/composites", string(composite))
			expect("every user of the realm is an administrator: the role \"" + everybody.Name + "\"")
			adminSend(t, server, http.MethodDelete, at+"/roles-by-id/"+everybody.ID+"/composites", string(composite))
			expect("")
		})
	}
}

// TestAMappingThatLeadsToAdministrators makes the tenant unfit: by a default group, or a
// parent whose rights all groups below have.
func TestAMappingThatLeadsToAdministrators(t *testing.T) {
	t.Parallel()
	for _, rules := range []string{"groups: { parent: /admins }", "users: { defaultGroups: [/admins] }"} {
		b := newUnfitBridge(t, keycloaktest.NewFake(t).Server(), "version: 1\n"+rules+"\n")
		b.grant(t, b.group(t, "admins", keycloak.GroupID{}), b.known(t, right("view-users")))
		b.app.Watcher.Look(t.Context())
		if got := b.app.Watcher.Tenants.All()[0].Fitness().Problem; !strings.Contains(got, `the group "/admins" of the mapping has a right of realm-management`) {
			t.Errorf("%s: the look finds %q", rules, got)
		}
	}
}

// TestWithoutTheRightToSeeRolesNothingIsWritten, and the reason is told.
func TestWithoutTheRightToSeeRolesNothingIsWritten(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newBridgeOn(t, server, nil)
			patient{b, server}.right(t, "view-clients", false)
			b.app.Watcher.Look(t.Context())
			if got := b.app.Watcher.Tenants.All()[0].Fitness().Problem; got != "the service account lacks the realm-management roles view-clients" {
				t.Errorf("the look finds %q", got)
			}
			b.refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Users", `{"userName":"jane"}`)
		})
	}
}

// TestNothingIsWrittenOnAnOldLook at who is protected; reading goes on.
func TestNothingIsWrittenOnAnOldLook(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	of := b.app.Watcher.Tenants.All()[0]
	f := of.Fitness()
	old := *f.Protected
	old.At = time.Now().Add(-time.Hour)
	f.Protected = &old
	of.SetFitness(f)
	b.refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Users", `{"userName":"jane"}`)
	b.must(t, http.MethodGet, "/Users", "")
	b.look(t)
	b.must(t, http.MethodPost, "/Users", `{"userName":"jane"}`)
}

// TestAServiceAccountIsNoMember: its id answers as nobody's, also where one member is added
// without a look at it.
func TestAServiceAccountIsNoMember(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBridgeOn(t, start(t), nil)
			shop, err := b.admin.CreateClient(t.Context(), "shop", "")
			if err != nil {
				t.Fatal(err)
			}
			account, err := b.admin.ServiceAccount(t.Context(), shop)
			if err != nil {
				t.Fatal(err)
			}
			b.look(t)
			group := b.create(t, "/Groups", `{"displayName":"Team"}`)
			add := func(id string) string {
				return b.refused(t, http.StatusBadRequest, http.MethodPatch, "/Groups/"+group, patchBody(`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`))
			}
			if got, want := add(account.String()), strings.ReplaceAll(add(absentID), absentID, account.String()); got != want {
				t.Errorf("the answer is %q, want %q", got, want)
			}
			groups, err := b.admin.UserGroups(t.Context(), account)
			if err != nil || len(groups) > 0 {
				t.Errorf("the service account is in %v, %v", groups, err)
			}
		})
	}
}

// TestCallsOfTheLookAtWhoIsProtected grow with the clients, the roles that administer and
// the groups that have one, and not with the users.
func TestCallsOfTheLookAtWhoIsProtected(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := callBridge{testBridge: newBridgeOn(t, fake.Server(), nil), fake: fake}
	calls := func() int { return len(b.calls(func() { b.look(t) })) }
	before := calls()
	for i := range 150 {
		b.create(t, "/Users", fmt.Sprintf(`{"userName":"user%d"}`, i))
	}
	if got := calls(); got != before {
		t.Errorf("with 150 more users the look is %d calls, before %d", got, before)
	}
	if _, err := b.admin.CreateClient(t.Context(), "shop", ""); err != nil {
		t.Fatal(err)
	}
	if got := calls(); got != before+2 {
		t.Errorf("with one client more the look is %d calls, before %d: want its roles and its service account", got, before)
	}
}

// TestProtectedNamesThatAreWrong are told by doctor, with the ids of those that are right, which
// an operator may write in their place.
func TestProtectedNamesThatAreWrong(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	patient{b, keycloaktest.Server{}}.write(t, "config.yaml", func(text string) string {
		return strings.Replace(text, "    tenants:\n", "    protected:\n      users: [nobody, boss]\n      groups: [/nowhere/at-all, /admins]\n    tenants:\n", 1)
	})
	boss, admins := b.account(t, "boss", true), b.group(t, "admins", keycloak.GroupID{})
	findings := []string{}
	report, code := patient{testBridge: b}.diagnose(t)
	for _, f := range report {
		findings = append(findings, string(f.Severity)+" "+f.Text)
	}
	want := []string{`FAIL the user "nobody" of protected.users does not exist`, `FAIL the group "/nowhere/at-all" of protected.groups does not exist`}
	if code != exitFailure || !slices.Equal(findings, want) {
		t.Errorf("doctor ends with %d and says %v, want %v", code, findings, want)
	}
	out, _, _ := command(t, "", "doctor", "--config", b.file)
	if want := "by the configuration: boss is id:" + boss.String() + ", /admins is id:" + admins.String(); !strings.Contains(out, want) {
		t.Errorf("doctor says\n%s\nwant %s", out, want)
	}
}

// TestARefusedWriteIsLogged with who was meant and why, as a warning.
func TestARefusedWriteIsLogged(t *testing.T) {
	t.Parallel()
	b := newBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	core, logs := logtest.New(zapcore.WarnLevel)
	a := newTestApp(t, b.config, core)
	id := b.create(t, "/Users", `{"userName":"admin"}`)
	b.grant(t, userID(t, id), b.known(t, right("view-users")))
	a.Watcher.Look(t.Context())
	b.app, b.Client = a, serveHandler(t, newListener(), a.Handler, b)
	b.refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+id, "")
	refused := logs.FilterMessage("request").All()
	if len(refused) != 1 || refused[0].ContextMap()["cause"] != "a write to a protected user: "+id+" administers the realm or is protected by the configuration" {
		t.Errorf("the log has %v", refused)
	}
}
