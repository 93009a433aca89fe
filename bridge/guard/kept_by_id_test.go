package guard_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// again restarts the bridge with a changed configuration.
func again(t *testing.T, v apptest.Vault, edit func(*config.Config)) apptest.Vault {
	t.Helper()
	c := v.Config
	c.Realms = maps.Clone(c.Realms)
	if edit != nil {
		edit(&c)
	}
	v.App = apptest.NewTestApp(t, c)
	v.Config = c
	v.App.Watcher.Check(t.Context())
	v.Client = apptest.ServeHandler(t, apptest.NewListener(), v.App.Handler, v.Bridge)
	return v
}

func problem(v apptest.Vault) string { return v.App.Watcher.Tenants.All()[0].Fitness().Problem }

// wantProtected checks that the group, its member and the user are protected.
func wantProtected(t *testing.T, v apptest.Vault, when string) {
	t.Helper()
	if problem := problem(v); problem != "" {
		t.Errorf("%s: the realm is not fit: %s", when, problem)
	}
	before := tree(t, v.Bridge)
	own := v.Create(t, "/Users", fmt.Sprintf(`{"userName":"own %s"}`, strings.ReplaceAll(when, "/", "")))
	for _, w := range []apptest.Request{
		{Method: http.MethodPatch, Path: "/Groups/" + v.Admins.String(), Body: apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"` + own + `"}]}`)},
		{Method: http.MethodPatch, Path: "/Groups/" + v.Admins.String(), Body: apptest.PatchBody(`{"op":"remove","path":"members"}`)},
		{Method: http.MethodPut, Path: "/Groups/" + v.Admins.String(), Body: `{"displayName":"mine"}`},
		{Method: http.MethodDelete, Path: "/Groups/" + v.Admins.String(), Body: ""},
		{Method: http.MethodPatch, Path: "/Users/" + v.Admin1.String(), Body: apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)},
		{Method: http.MethodDelete, Path: "/Users/" + v.Admin1.String(), Body: ""},
		{Method: http.MethodPatch, Path: "/Users/" + v.Glass.String(), Body: apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)},
	} {
		if _, err := v.Send(t, w.Method, w.Path, w.Body); client.StatusOf(err) != http.StatusForbidden {
			t.Errorf("%s: %s %s %s = %v, want 403", when, w.Method, w.Path, w.Body, err)
		}
	}
	if diff := cmp.Diff(before, tree(t, v.Bridge)); diff != "" {
		t.Errorf("%s: groups changed:\n%s", when, diff)
	}
}

// TestSecurity_42_ProtectionStaysWithTheId: a group that is listed by its path stays protected,
// with its members, when a group above it is renamed, also after a restart. A group that gets the
// old path is another group, and an operator must say which group is meant.
func TestSecurity_42_ProtectionStaysWithTheId(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := apptest.NewVault(t, start(t))
			wantProtected(t, v, "at first")
			v.Rename(t, v.Ops, "operations")
			v.Check(t)
			wantProtected(t, v, "after a rename above")
			warning := `the group "/ops/admins" of protected.groups is called "/operations/admins" now: the bridge still means the same group, by its id`
			if got := v.Warnings(t, v.Realm); !strings.Contains(got, warning) {
				t.Errorf("the log warns of %q, want %q", got, warning)
			}
			v = again(t, v, nil)
			wantProtected(t, v, "after a start")

			ops := v.Create(t, "/Groups", `{"displayName":"ops"}`)
			parsed, _ := keycloak.ParseGroupID(ops)
			impostor := v.MakeGroup(t, "admins", parsed)
			for when, v := range map[string]apptest.Vault{"at once": v, "after a start": again(t, v, nil)} {
				v.App.Watcher.Check(t.Context())
				want := fmt.Sprintf(`the group "/ops/admins" of protected.groups is now another group, %s: the former group, %s, is called "/operations/admins" now`, impostor, v.Admins)
				if got := problem(v); got != want {
					t.Errorf("%s: with another group in its place the look finds %q, want %q", when, got, want)
				}
				v.Refused(t, http.StatusServiceUnavailable, http.MethodPatch, "/Groups/"+v.Admins.String(), apptest.PatchBody(`{"op":"remove","path":"members"}`))
			}
			v = again(t, v, func(c *config.Config) {
				v.Protect(c, v.Realm, []string{"break-glass"}, "/operations/admins", config.GroupPath("id:"+impostor.String()))
			})
			wantProtected(t, v, "by its new path")
			v.Refused(t, http.StatusForbidden, http.MethodDelete, "/Groups/"+impostor.String(), "")
			v = again(t, v, func(c *config.Config) { v.Protect(c, v.Realm, nil) }) // this start forgets the ids
			v.Must(t, http.MethodPatch, "/Groups/"+v.Admins.String(), apptest.PatchBody(`{"op":"replace","path":"members","value":[]}`))
			if err := v.Admin.DeleteGroup(t.Context(), v.Admins); err != nil {
				t.Fatal(err)
			}
			if values, err := realm.Remembered(t.Context(), v.App.Watcher.Realms.Client(v.Realm), mapping.AttrProtected); err != nil || len(values) > 0 {
				t.Errorf("without a list the account remembers %q, %v", values, err)
			}
			v = again(t, v, func(c *config.Config) { v.Protect(c, v.Realm, nil, "/ops/admins") })
			v.Refused(t, http.StatusForbidden, http.MethodDelete, "/Groups/"+impostor.String(), "")
		})
	}
}

// TestSecurity_42_ProtectedUsersStayWithTheId: a protected user is known by the id in the same way,
// also when another user gets the name.
func TestSecurity_42_ProtectedUsersStayWithTheId(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := apptest.NewVault(t, start(t))
			called := func(name string) {
				t.Helper()
				if err := v.Admin.UpdateUser(t.Context(), v.Glass, keycloak.UserUpdate{Username: &name}); err != nil {
					t.Fatal(err)
				}
			}
			called("glass")
			v.Check(t)
			wantProtected(t, v, "under another name")
			if got := v.Warnings(t, v.Realm); !strings.Contains(got, `the user "break-glass" of protected.users is called "glass" now`) {
				t.Errorf("the log warns of %q", got)
			}
			v = again(t, v, nil)
			wantProtected(t, v, "after a start")
			other := v.Create(t, "/Users", `{"userName":"Break-Glass"}`)
			v.App.Watcher.Check(t.Context())
			want := fmt.Sprintf(`the user "break-glass" of protected.users is now another user, %s: the former user, %s, is called "glass" now`, other, v.Glass)
			if got := problem(v); got != want {
				t.Errorf("with another user of the name the look finds %q, want %q", got, want)
			}
			v = again(t, v, func(c *config.Config) { v.Protect(c, v.Realm, []string{"id:" + v.Glass.String()}, "/ops/admins") })
			wantProtected(t, v, "by the id")
			v.Must(t, http.MethodDelete, "/Users/"+other, "")
			if err := v.Admin.DeleteUser(t.Context(), v.Glass); err != nil {
				t.Fatal(err)
			}
			v.App.Watcher.Check(t.Context())
			if got, want := problem(v), fmt.Sprintf(`the user "id:%s" of protected.users does not exist`, v.Glass); got != want {
				t.Errorf("without the user the look finds %q, want %q", got, want)
			}
		})
	}
}

// TestSecurity_42_WhatIsListedAndNotThereIsLoud: the tenants answer 503, and the log has an error
// that names the entry.
func TestSecurity_42_WhatIsListedAndNotThereIsLoud(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			v := apptest.NewVault(t, server)
			if err := v.Admin.DeleteGroup(t.Context(), v.Ops); err != nil {
				t.Fatal(err)
			}
			v.App.Watcher.Check(t.Context())
			want := fmt.Sprintf(`the group "/ops/admins" of protected.groups no longer exists: its id was %s`, v.Admins)
			if got := problem(v); got != want {
				t.Errorf("the look finds %q, want %q", got, want)
			}
			v.Refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Users", `{"userName":"jane"}`)
			lines := v.Lines.FilterMessage("the realm is not fit, so the tenant answers 503").All()
			if len(lines) != 1 || lines[0].Level.String() != "error" || fmt.Sprint(lines[0].ContextMap()["problems"]) != "["+want+"]" {
				t.Errorf("the log has %v, want one error with the problem", lines)
			}
			made := v.MakeGroup(t, "admins", v.MakeGroup(t, "ops", keycloak.GroupID{}))
			v.App.Watcher.Check(t.Context())
			if got := problem(v); !strings.Contains(got, "is now another group") || !strings.Contains(got, "is gone") {
				t.Errorf("with a new group the look finds %q", got)
			}
			v.EditFile(t, "config.yaml", apptest.Replaced(t, "    tenants:\n", "    protected: { groups: [/ops/admins] }\n    tenants:\n"))
			ill, _ := apptest.Patient{Bridge: v.Bridge, Server: server}.Diagnose(t)
			if want := `write the id of the group that you mean in place of its name, "id:` + made.String() + `"`; len(ill) != 1 || ill[0].Fix != want {
				t.Errorf("doctor says %v, want the fix %q", ill, want)
			}
			if lines := v.Lines.FilterMessage("the realm is not fit, so the tenant answers 503").Len(); lines != 2 {
				t.Errorf("the log has %d lines about two problems, want one each", lines)
			}
			v = again(t, v, func(c *config.Config) { v.Protect(c, v.Realm, []string{"nobody"}, "/nowhere", "id:nothing") })
			if got, want := problem(v), `the user "nobody" of protected.users does not exist; the group "/nowhere" of protected.groups does not exist; the group "id:nothing" of protected.groups does not exist`; got != want {
				t.Errorf("the look finds %q, want %q", got, want)
			}
		})
	}
}

// TestSecurity_42_GroupsThatMustStay are neither renamed nor deleted: groups above a protected
// group or above a group with rights, the default groups, and groups above default groups. Their
// members change as before, without an additional call.
func TestSecurity_42_GroupsThatMustStay(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, admin := apptest.NewEmptyRealm(t, server)
			b := apptest.Bridge{Server: server, Admin: admin, Realm: realm}
			kept := map[string]string{}
			top := func(why, name string) keycloak.GroupID {
				id := b.MakeGroup(t, name, keycloak.GroupID{})
				kept[why] = id.String()
				return id
			}
			ops := top("above a protected one", "ops")
			deep := b.MakeGroup(t, "deep", ops)
			kept["right above a protected one"] = deep.String()
			b.MakeGroup(t, "admins", deep)
			boss := b.MakeGroup(t, "boss", top("above one with rights", "staff"))
			b.Grant(t, boss, b.KnownRole(t, apptest.ManagementRole("view-users")))
			top("a default group", "everyone")
			b.MakeGroup(t, "new", top("above a default group", "people"))
			b = apptest.NewBridgeIn(t, server, realm, admin, func(c *config.Config) {
				apptest.Vault{}.Protect(c, realm, nil, "/ops/deep/admins")
				c.Realms[realm].Tenants[0].Mapping = apptest.MappingFile(t, "version: 1\nusers: { defaultGroups: [/everyone, /people/new] }\n")
			})
			b.Check(t)
			own := b.Create(t, "/Users", `{"userName":"own"}`)
			free := b.Create(t, "/Groups", `{"displayName":"Free"}`)
			member := `[{"value":"` + own + `"}]`
			for why, id := range kept {
				path := "/Groups/" + id
				before := tree(t, b)
				for _, w := range []apptest.Request{
					{Method: http.MethodDelete, Path: path, Body: ""},
					{Method: http.MethodPut, Path: path, Body: `{"displayName":"mine"}`},
					{Method: http.MethodPut, Path: path, Body: `{"displayName":"mine","members":` + member + `}`},
					{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"replace","path":"displayName","value":"mine"}`)},
					{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"replace","value":{"displayName":"mine","members":` + member + `}}`)},
				} {
					detail := b.Refused(t, http.StatusForbidden, w.Method, w.Path, w.Body)
					if !strings.Contains(detail, "("+id+") must keep its name and its place") || !strings.Contains(detail, "[group-kept]") {
						t.Errorf("%s: %s %s says %q", why, w.Method, w.Body, detail)
					}
				}
				if diff := cmp.Diff(before, tree(t, b)); diff != "" {
					t.Errorf("%s: groups changed:\n%s", why, diff)
				}
				name := fmt.Sprint(b.Must(t, http.MethodGet, path, "")["displayName"])
				for _, w := range []apptest.Request{
					{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"add","path":"members","value":` + member + `}`)},
					{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"remove","path":"members[value eq \"` + own + `\"]"}`)},
					{Method: http.MethodPut, Path: path, Body: `{"displayName":"` + name + `","externalId":"x","members":` + member + `}`},
				} {
					b.Must(t, w.Method, w.Path, w.Body)
				}
				bulk := fmt.Sprint(b.Must(t, http.MethodPost, "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"DELETE","path":"`+path+`"}]}`))
				if !strings.Contains(bulk, "403") {
					t.Errorf("%s: the deletion in a bulk = %s", why, bulk)
				}
			}
			b.Must(t, http.MethodPatch, "/Groups/"+free, apptest.PatchBody(`{"op":"replace","path":"displayName","value":"Other"}`))
			b.Must(t, http.MethodDelete, "/Groups/"+free, "")
		})
	}
}

// TestSecurity_42_WhatAMappingNamesStays: no tenant renames or deletes the parent of another tenant's
// groups, or a group above that parent. This holds also for a tenant without a parent, which has all
// groups of the top level.
func TestSecurity_42_WhatAMappingNamesStays(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := apptest.NewNeighbours(t, start(t), nil)
			n.Remap(t, "")
			before := tree(t, n.Bridge)
			path := "/Groups/" + n.Parents["scim"].String()
			for method, body := range map[string]string{http.MethodDelete: "", http.MethodPut: `{"displayName":"mine"}`, http.MethodPatch: apptest.PatchBody(`{"op":"replace","path":"displayName","value":"mine"}`)} {
				n.Refused(t, http.StatusForbidden, method, path, body)
			}
			if diff := cmp.Diff(before, tree(t, n.Bridge)); diff != "" {
				t.Errorf("groups changed:\n%s", diff)
			}
		})
	}
}

// TestSecurity_42_WhatIsRememberedIsWrittenAgain when somebody erases it while the bridge runs.
// Nothing is written as long as a restart could not read it.
func TestSecurity_42_WhatIsRememberedIsWrittenAgain(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	v := apptest.NewVault(t, fake.Server())
	own := v.App.Watcher.Realms.Client(v.Realm)
	want := []string{"group|/ops/admins|" + v.Admins.String(), "user|break-glass|" + v.Glass.String()}
	remembered := func(when string) {
		t.Helper()
		if got, err := realm.Remembered(t.Context(), own, mapping.AttrProtected); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s the account remembers %q, %v, want %q", when, got, err, want)
		}
	}
	remembered("at first")
	if err := realm.Remember(t.Context(), own, mapping.AttrProtected, func([]string) ([]string, error) { return []string{"nonsense"}, nil }); err != nil {
		t.Fatal(err)
	}
	v.Check(t)
	remembered("after it was erased")

	v.Rename(t, v.Ops, "operations")
	fake.Inject(keycloaktest.Fault{Op: "GET /users/{id}", Status: http.StatusForbidden})
	blind := again(t, v, nil)
	blind.Refused(t, http.StatusServiceUnavailable, http.MethodPatch, "/Groups/"+v.Admins.String(), apptest.PatchBody(`{"op":"remove","path":"members"}`))
}

// TestACheckOfNamesIsBounded: a call for each name in the configuration and for each group above a
// named group, however many groups and users the realm has.
func TestACheckOfNamesIsBounded(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	v := apptest.NewVault(t, fake.Server())
	calls := func() int {
		v.Check(t)
		fake.ResetCalls()
		v.Check(t)
		return len(fake.Calls())
	}
	before := calls()
	for i := range 60 {
		v.MakeGroup(t, fmt.Sprint("group", i), v.Ops)
		v.Create(t, "/Users", fmt.Sprintf(`{"userName":"user%d"}`, i))
	}
	if got := calls(); got != before {
		t.Errorf("with 60 more groups and users a look makes %d calls, before %d", got, before)
	}
	v.Rename(t, v.Ops, "operations")
	if got := calls(); got != before+1 {
		t.Errorf("with a path that is nobody's a look makes %d calls, want %d", got, before+1)
	}
}
