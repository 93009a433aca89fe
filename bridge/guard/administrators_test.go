package guard_test

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

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// protectedThings are users and groups of a realm that SCIM may not write, by the reason.
type protectedThings struct {
	users  map[string]string // ids
	groups map[string]string
}

// promote makes administrators of users that a tenant created, in every way that exists, and
// creates the listed users. The bridge has read the realm again when promote returns.
func promote(t *testing.T, server keycloaktest.Server, b apptest.Bridge) protectedThings {
	t.Helper()
	out := protectedThings{users: map[string]string{}, groups: map[string]string{}}
	for _, why := range []string{"a role", "a role of the realm", "a role of a client", "a group", "a group above", "the list", "a listed group", "a group below a listed one"} {
		name := strings.ReplaceAll(why, " ", "-")
		out.users[why] = b.Create(t, "/Users", fmt.Sprintf(
			`{"userName":%q,"externalId":"X-%s","title":"Chief","name":{"givenName":"G"},"emails":[{"value":"%s@acme.test","primary":true}]}`, name, name, name))
	}
	super := b.MakeRole(t, server, "", "super user", apptest.ManagementRole("manage-users"))
	boss := b.MakeRole(t, server, "shop", "boss", keycloak.RoleName{Name: "super user"})
	admins, listed := b.MakeGroup(t, "admins", keycloak.GroupID{}), b.MakeGroup(t, "listed", keycloak.GroupID{})
	below, listedBelow := b.MakeGroup(t, "below", admins), b.MakeGroup(t, "below", listed)
	b.Grant(t, admins, b.KnownRole(t, apptest.ManagementRole("view-users")))
	b.Grant(t, apptest.UserID(t, out.users["a role"]), b.KnownRole(t, apptest.ManagementRole("manage-users")))
	b.Grant(t, apptest.UserID(t, out.users["a role of the realm"]), super)
	b.Grant(t, apptest.UserID(t, out.users["a role of a client"]), boss)
	for why, group := range map[string]keycloak.GroupID{"a group": admins, "a group above": below, "a listed group": listed, "a group below a listed one": listedBelow} {
		if err := b.Admin.AddMember(t.Context(), apptest.UserID(t, out.users[why]), group); err != nil {
			t.Fatal(err)
		}
		out.groups[why] = group.String()
	}
	b.Reconfigure(t, apptest.ProtectListed)
	return out
}

// TestSecurity_17_ProtectedUsers: administrators of every kind, and the listed users, show only
// their names, and no request changes them. This holds at a tenant of the realm and at one of an
// organization.
func TestSecurity_17_ProtectedUsers(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			t.Run("realm", func(t *testing.T) {
				t.Parallel()
				b := apptest.NewBridgeOn(t, server, nil)
				probeProtected(t, b, promote(t, server, b))
			})
			t.Run("organization", func(t *testing.T) {
				t.Parallel()
				c := apptest.NewCustomers(t, server, nil)
				b := c.Of["acme"]
				probeProtected(t, b, promote(t, server, b))
			})
		})
	}
}

func probeProtected(t *testing.T, b apptest.Bridge, p protectedThings) {
	t.Helper()
	group := b.Create(t, "/Groups", `{"displayName":"Team"}`)
	listed := b.Must(t, http.MethodGet, "/Users", "")
	shown := map[string]any{}
	for _, one := range listed["Resources"].([]any) {
		shown[one.(map[string]any)["id"].(string)] = one
	}
	before := accounts(t, b, p)
	for why, id := range p.users {
		got := b.Must(t, http.MethodGet, "/Users/"+id, "")
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
			if detail := b.Refused(t, http.StatusForbidden, w.Method, w.Path, w.Body); !strings.Contains(detail, "nothing was changed") || !strings.Contains(detail, id) {
				t.Errorf("%s: %s %s says %q", why, w.Method, w.Path, detail)
			}
		}
	}
	if diff := cmp.Diff(before, accounts(t, b, p)); diff != "" {
		t.Errorf("protected users were changed:\n%s", diff)
	}
	if members := b.Must(t, http.MethodGet, "/Groups/"+group, "")["members"]; members != nil {
		t.Errorf("the group has the members %v", members)
	}
}

// protectedWrites are writes to a user in every form.
func protectedWrites(id, userName, group string) []apptest.Request {
	user, team := "/Users/"+id, "/Groups/"+group
	member := `[{"value":"` + id + `"}]`
	out := []apptest.Request{
		{Method: http.MethodDelete, Path: user, Body: ""},
		{Method: http.MethodPut, Path: user, Body: `{"userName":"` + userName + `"}`},
		{Method: http.MethodPut, Path: user, Body: `{"userName":"` + userName + `","active":false}`},
		{Method: http.MethodPut, Path: team, Body: `{"displayName":"Team","members":` + member + `}`},
		{Method: http.MethodPost, Path: "/Groups", Body: `{"displayName":"Other","members":` + member + `}`},
		{Method: http.MethodPatch, Path: team, Body: apptest.PatchBody(`{"op":"add","path":"members","value":` + member + `}`)},
		{Method: http.MethodPatch, Path: team, Body: apptest.PatchBody(`{"op":"remove","path":"members[value eq \"` + id + `\"]"}`)},
		{Method: http.MethodPatch, Path: team, Body: apptest.PatchBody(`{"op":"replace","value":{"displayName":"Team","members":` + member + `}}`)},
	}
	for _, op := range []string{
		`{"op":"replace","path":"active","value":false}`, `{"op":"replace","path":"active","value":true}`, `{"op":"replace","path":"userName","value":"mine"}`,
		`{"op":"add","value":{"emails":[{"value":"mine@acme.test","primary":true}]}}`, `{"op":"add","path":"title","value":"x"}`, `{"op":"add","path":"password","value":"S3cret-of-mine"}`,
	} {
		out = append(out, apptest.Request{Method: http.MethodPatch, Path: user, Body: apptest.PatchBody(op)})
	}
	return out
}

// accounts are the protected users as Keycloak stores them.
func accounts(t *testing.T, b apptest.Bridge, p protectedThings) map[string]keycloak.User {
	t.Helper()
	out := map[string]keycloak.User{}
	for why, id := range p.users {
		out[why] = b.InKeycloak(t, id)
	}
	return out
}

// TestSecurity_15_GroupsOfAdministrators: a group that makes its members administrators shows its
// name, accepts no member and is not changed. Another group with the same name is not protected.
func TestSecurity_15_GroupsOfAdministrators(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewBridgeOn(t, server, nil)
			p := promote(t, server, b)
			own := b.Create(t, "/Users", `{"userName":"own"}`)
			member := `[{"value":"` + own + `"}]`
			for why, id := range p.groups {
				path := "/Groups/" + id
				if got := b.Must(t, http.MethodGet, path, ""); !slices.Equal(slices.Sorted(maps.Keys(got)), []string{"displayName", "id", "meta", "schemas"}) {
					t.Errorf("%s: the group shows %v", why, got)
				}
				for _, w := range []apptest.Request{
					{Method: http.MethodDelete, Path: path, Body: ""},
					{Method: http.MethodPut, Path: path, Body: `{"displayName":"mine"}`},
					{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"add","path":"members","value":` + member + `}`)},
					{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"remove","path":"members[value eq \"` + own + `\"]"}`)},
					{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"replace","path":"members","value":[]}`)},
					{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"replace","path":"displayName","value":"mine"}`)},
					{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"add","value":{"externalId":"G","members":` + member + `}}`)},
				} {
					b.Refused(t, http.StatusForbidden, w.Method, w.Path, w.Body)
				}
			}
			b.Refused(t, http.StatusConflict, http.MethodPost, "/Groups", `{"displayName":"admins","members":`+member+`}`)
			for _, displayName := range []string{"/admins", "admin/../admins", "ADMINS"} {
				b.Create(t, "/Groups", fmt.Sprintf(`{"displayName":%q,"members":%s}`, displayName, member))
			}
			rights, err := b.Admin.EffectiveRoles(t.Context(), apptest.UserID(t, own), b.ManagementClient(t))
			if err != nil || len(rights) > 0 {
				t.Errorf("the user has the rights %v, %v", rights, err)
			}
		})
	}
}

// TestProtectedMembersAreLeftOutWhereThePolicySaysSo: Okta never repeats a refused request, and one
// administrator must not keep all other users out of a group.
func TestProtectedMembersAreLeftOutWhereThePolicySaysSo(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	b := apptest.NewBridgeOn(t, server, func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[0].UnknownMembers = config.UnknownMembersIgnore
		}
	})
	own, admin := b.Create(t, "/Users", `{"userName":"own"}`), b.Create(t, "/Users", `{"userName":"admin"}`)
	group := b.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+admin+`"}]}`)
	b.Grant(t, apptest.UserID(t, admin), b.KnownRole(t, apptest.ManagementRole("view-users")))
	b.Check(t)
	members := func(when string, want ...string) {
		t.Helper()
		var got []string
		for _, m := range b.Must(t, http.MethodGet, "/Groups/"+group, "")["members"].([]any) {
			got = append(got, m.(map[string]any)["display"].(string))
		}
		apptest.WantNames(t, "members "+when, slices.Sorted(slices.Values(got)), want...)
	}
	answer := b.Must(t, http.MethodPut, "/Groups/"+group, `{"displayName":"Team","members":[{"value":"`+own+`"}]}`)
	if list := answer["members"].([]any); len(list) != 2 {
		t.Errorf("the answer shows %v, want who stays too", list)
	}
	members("after a PUT without the administrator", "admin", "own")
	b.Must(t, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"remove","path":"members[value eq \"`+admin+`\"]"},{"op":"remove","path":"members[value eq \"`+own+`\"]"}`))
	members("after the removal of both", "admin")
	b.Must(t, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+admin+`"},{"value":"`+own+`"}]}`))
	members("after the addition of both", "admin", "own")
}

// TestWhoBecameAnAdministratorMeanwhile: before a write that could take the account over or destroy
// it, the bridge reads the rights again, because the background read does not know them yet.
func TestWhoBecameAnAdministratorMeanwhile(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewBridgeWith(t, server, "version: 1\nusers: { password: accept }\n")
			path := "/Users/" + b.Create(t, "/Users", `{"userName":"jane","title":"t","emails":[{"value":"jane@acme.test"}]}`)
			b.Grant(t, apptest.UserID(t, strings.TrimPrefix(path, "/Users/")), b.MakeRole(t, server, "shop", "boss", apptest.ManagementRole("view-events")))
			before := b.InKeycloak(t, strings.TrimPrefix(path, "/Users/"))
			for _, w := range []apptest.Request{
				{Method: http.MethodDelete, Path: path, Body: ""},
				{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"replace","path":"password","value":"S3cret-of-mine"}`)},
				{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"replace","path":"userName","value":"mine"}`)},
				{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"replace","path":"emails","value":[{"value":"mine@acme.test"}]}`)},
				{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"remove","path":"emails"}`)},
				{Method: http.MethodPut, Path: path, Body: `{"userName":"jane","emails":[{"value":"mine@acme.test"}],"title":"x"}`},
			} {
				b.Refused(t, http.StatusForbidden, w.Method, w.Path, w.Body)
			}
			if diff := cmp.Diff(before, b.InKeycloak(t, strings.TrimPrefix(path, "/Users/"))); diff != "" {
				t.Errorf("the user was changed:\n%s", diff)
			}
			b.Check(t)
			b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"title","value":"x"}`))
		})
	}
}

// TestARealmWhoseEverybodyAdministers: no tenant of the realm answers, and the log says why.
func TestARealmWhoseEverybodyAdministers(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewBridgeOn(t, server, nil)
			at := "/admin/realms/" + b.Realm
			admins := b.MakeGroup(t, "admins", keycloak.GroupID{})
			below := b.MakeGroup(t, "below", admins)
			b.Grant(t, admins, b.KnownRole(t, apptest.ManagementRole("view-users")))
			everybody := b.KnownRole(t, keycloak.RoleName{Name: "default-roles-" + b.Realm})
			composite, err := json.Marshal([]keycloak.Role{b.KnownRole(t, apptest.ManagementRole("query-users"))})
			if err != nil {
				t.Fatal(err)
			}
			odd := b.MakeRole(t, server, "", "a/b", apptest.ManagementRole("query-users"))
			expect := func(want string) {
				t.Helper()
				b.App.Watcher.Check(t.Context())
				if got := b.App.Watcher.Tenants.All()[0].Fitness().Problem; !strings.Contains(got, want) || want == "" && got != "" {
					t.Errorf("the look finds %q, want %q", got, want)
				}
			}
			expect(`the bridge cannot find out who has the role "a/b"`)
			apptest.AdminSend(t, server, http.MethodDelete, at+"/roles-by-id/"+odd.ID+"/composites", string(composite))
			expect("")
			apptest.AdminSend(t, server, http.MethodPut, at+"/default-groups/"+below.String(), "")
			expect(`every new user of the realm becomes an administrator: the default group "/admins/below"`)
			b.Refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Users", `{"userName":"jane"}`)
			apptest.AdminSend(t, server, http.MethodDelete, at+"/default-groups/"+below.String(), "")
			expect("")
			apptest.AdminSend(t, server, http.MethodPost, at+"/roles-by-id/"+everybody.ID+"/composites", string(composite))
			expect("every user of the realm is an administrator: all users have the role \"" + everybody.Name + "\"")
			apptest.AdminSend(t, server, http.MethodDelete, at+"/roles-by-id/"+everybody.ID+"/composites", string(composite))
			expect("")
		})
	}
}

// TestAMappingThatLeadsToAdministrators makes the tenant unfit. The mapping names a default group
// with rights, or a parent whose rights all groups below it inherit.
func TestAMappingThatLeadsToAdministrators(t *testing.T) {
	t.Parallel()
	for _, rules := range []string{"groups: { parent: /admins }", "users: { defaultGroups: [/admins] }"} {
		b := apptest.NewUnfitBridge(t, keycloaktest.NewFake(t).Server(), "version: 1\n"+rules+"\n")
		b.Grant(t, b.MakeGroup(t, "admins", keycloak.GroupID{}), b.KnownRole(t, apptest.ManagementRole("view-users")))
		b.App.Watcher.Check(t.Context())
		if got := b.App.Watcher.Tenants.All()[0].Fitness().Problem; !strings.Contains(got, `the group "/admins" of the mapping has a right of realm-management`) {
			t.Errorf("%s: the look finds %q", rules, got)
		}
	}
}

// TestWithoutTheRightToSeeRolesNothingIsWritten, and the log names the reason.
func TestWithoutTheRightToSeeRolesNothingIsWritten(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewBridgeOn(t, server, nil)
			apptest.Patient{Bridge: b, Server: server}.Right(t, "view-clients", false)
			b.App.Watcher.Check(t.Context())
			if got := b.App.Watcher.Tenants.All()[0].Fitness().Problem; got != "the service account lacks the realm-management roles view-clients" {
				t.Errorf("the look finds %q", got)
			}
			b.Refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Users", `{"userName":"jane"}`)
		})
	}
}

// TestNothingIsWrittenOnAnOldLook: when the last read of the protected users is too old, writes
// stop and reads continue.
func TestNothingIsWrittenOnAnOldLook(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	of := b.App.Watcher.Tenants.All()[0]
	f := of.Fitness()
	old := *f.Protected
	old.At = time.Now().Add(-time.Hour)
	f.Protected = &old
	of.SetFitness(f)
	b.Refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Users", `{"userName":"jane"}`)
	b.Must(t, http.MethodGet, "/Users", "")
	b.Check(t)
	b.Must(t, http.MethodPost, "/Users", `{"userName":"jane"}`)
}

// TestAServiceAccountCannotBeAMember: its id answers like an absent id, also where a member is added
// without a read of the member.
func TestAServiceAccountCannotBeAMember(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, start(t), nil)
			shop, err := b.Admin.CreateClient(t.Context(), "shop", "")
			if err != nil {
				t.Fatal(err)
			}
			account, err := b.Admin.ServiceAccount(t.Context(), shop)
			if err != nil {
				t.Fatal(err)
			}
			b.Check(t)
			group := b.Create(t, "/Groups", `{"displayName":"Team"}`)
			add := func(id string) string {
				return b.Refused(t, http.StatusBadRequest, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`))
			}
			if got, want := add(account.String()), strings.ReplaceAll(add(apptest.AbsentID), apptest.AbsentID, account.String()); got != want {
				t.Errorf("the answer is %q, want %q", got, want)
			}
			groups, err := b.Admin.UserGroups(t.Context(), account)
			if err != nil || len(groups) > 0 {
				t.Errorf("the service account is in %v, %v", groups, err)
			}
		})
	}
}

// TestCallsOfTheCheckOfProtectedUsers: the number of calls grows with the clients, the roles with
// rights and the groups that have such a role, and not with the users.
func TestCallsOfTheCheckOfProtectedUsers(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.CallBridge{Bridge: apptest.NewBridgeOn(t, fake.Server(), nil), Fake: fake}
	calls := func() int { return len(b.Calls(func() { b.Check(t) })) }
	before := calls()
	for i := range 150 {
		b.Create(t, "/Users", fmt.Sprintf(`{"userName":"user%d"}`, i))
	}
	if got := calls(); got != before {
		t.Errorf("with 150 more users the look is %d calls, before %d", got, before)
	}
	if _, err := b.Admin.CreateClient(t.Context(), "shop", ""); err != nil {
		t.Fatal(err)
	}
	if got := calls(); got != before+2 {
		t.Errorf("with one client more the look is %d calls, before %d: want its roles and its service account", got, before)
	}
}

// TestARefusedWriteIsLogged as a warning, with the id of the user and the reason.
func TestARefusedWriteIsLogged(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	core, logs := logtest.New(zapcore.WarnLevel)
	a := apptest.NewTestApp(t, b.Config, core)
	id := b.Create(t, "/Users", `{"userName":"admin"}`)
	b.Grant(t, apptest.UserID(t, id), b.KnownRole(t, apptest.ManagementRole("view-users")))
	a.Watcher.Check(t.Context())
	b.App, b.Client = a, apptest.ServeHandler(t, apptest.NewListener(), a.Handler, b)
	b.Refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+id, "")
	refused := logs.FilterMessage("request").All()
	if len(refused) != 1 || refused[0].ContextMap()["cause"] != "a write to a protected user: "+id+" administers the realm or is protected by the configuration" {
		t.Errorf("the log has %v", refused)
	}
}
