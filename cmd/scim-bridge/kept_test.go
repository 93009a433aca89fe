package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// vault is a bridge whose configuration protects the group /ops/admins, with a member, and the user
// break-glass.
type vault struct {
	testBridge

	ops, admins keycloak.GroupID
	admin1      keycloak.UserID // a member of admins
	glass       keycloak.UserID
}

func newVault(t *testing.T, server keycloaktest.Server) vault {
	t.Helper()
	realm, admin := newEmptyRealm(t, server)
	out := vault{testBridge: testBridge{admin: admin, realm: realm}}
	out.ops = out.group(t, "ops", keycloak.GroupID{})
	out.admins = out.group(t, "admins", out.ops)
	out.admin1, out.glass = out.account(t, "admin1", true), out.account(t, "break-glass", true)
	if err := admin.AddMember(t.Context(), out.admin1, out.admins); err != nil {
		t.Fatal(err)
	}
	out.testBridge = newBridgeIn(t, server, realm, admin, func(c *config.Config) { out.protect(c, realm, []string{"break-glass"}, "/ops/admins") })
	return out
}

// protect lists what shall be protected.
func (vault) protect(c *config.Config, realm string, users []string, groups ...config.GroupPath) {
	r := c.Realms[realm]
	r.Protected = config.Protected{Users: users, Groups: groups}
	c.Realms[realm] = r
}

// again is the bridge after a start, with its configuration changed.
func (v vault) again(t *testing.T, edit func(*config.Config)) vault {
	t.Helper()
	c := v.config
	c.Realms = maps.Clone(c.Realms)
	if edit != nil {
		edit(&c)
	}
	v.app = newTestApp(t, c)
	v.config = c
	v.app.Watcher.Look(t.Context())
	v.Client = serveHandler(t, newListener(), v.app.Handler, v.testBridge)
	return v
}

func (v vault) problem() string { return v.app.Watcher.Tenants.All()[0].Fitness().Problem }

// wantProtected says that the group, its member and the user are.
func (v vault) wantProtected(t *testing.T, when string) {
	t.Helper()
	if problem := v.problem(); problem != "" {
		t.Errorf("%s: the realm is not fit: %s", when, problem)
	}
	before := v.tree(t)
	own := v.create(t, "/Users", fmt.Sprintf(`{"userName":"own %s"}`, strings.ReplaceAll(when, "/", "")))
	for _, w := range []attack{
		{http.MethodPatch, "/Groups/" + v.admins.String(), patchBody(`{"op":"add","path":"members","value":[{"value":"` + own + `"}]}`)},
		{http.MethodPatch, "/Groups/" + v.admins.String(), patchBody(`{"op":"remove","path":"members"}`)},
		{http.MethodPut, "/Groups/" + v.admins.String(), `{"displayName":"mine"}`},
		{http.MethodDelete, "/Groups/" + v.admins.String(), ""},
		{http.MethodPatch, "/Users/" + v.admin1.String(), patchBody(`{"op":"replace","path":"active","value":false}`)},
		{http.MethodDelete, "/Users/" + v.admin1.String(), ""},
		{http.MethodPatch, "/Users/" + v.glass.String(), patchBody(`{"op":"replace","path":"active","value":false}`)},
	} {
		if _, err := v.send(t, w.method, w.path, w.body); client.StatusOf(err) != http.StatusForbidden {
			t.Errorf("%s: %s %s %s = %v, want 403", when, w.method, w.path, w.body, err)
		}
	}
	if diff := cmp.Diff(before, v.tree(t)); diff != "" {
		t.Errorf("%s: groups changed:\n%s", when, diff)
	}
}

// TestSecurity_42_ProtectionStaysWithTheId: a group that is listed by its path stays protected with
// its members when a group above it is renamed, also over a start; what takes its path is another
// group, and an operator must say which is meant.
func TestSecurity_42_ProtectionStaysWithTheId(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVault(t, start(t))
			v.wantProtected(t, "at first")
			v.rename(t, v.ops, "operations")
			v.look(t)
			v.wantProtected(t, "after a rename above")
			warning := `the group "/ops/admins" of protected.groups is called "/operations/admins" now: the bridge stays with it, by its id`
			if got := v.warnings(t, v.realm); !strings.Contains(got, warning) {
				t.Errorf("the log warns of %q, want %q", got, warning)
			}
			v = v.again(t, nil)
			v.wantProtected(t, "after a start")

			ops := v.create(t, "/Groups", `{"displayName":"ops"}`)
			parsed, _ := keycloak.ParseGroupID(ops)
			impostor := v.group(t, "admins", parsed)
			for when, v := range map[string]vault{"at once": v, "after a start": v.again(t, nil)} {
				v.app.Watcher.Look(t.Context())
				want := fmt.Sprintf(`the group "/ops/admins" of protected.groups is another group now, %s: the one that it was, %s, is called "/operations/admins" now`, impostor, v.admins)
				if got := v.problem(); got != want {
					t.Errorf("%s: with another group in its place the look finds %q, want %q", when, got, want)
				}
				v.refused(t, http.StatusServiceUnavailable, http.MethodPatch, "/Groups/"+v.admins.String(), patchBody(`{"op":"remove","path":"members"}`))
			}
			v = v.again(t, func(c *config.Config) {
				v.protect(c, v.realm, []string{"break-glass"}, "/operations/admins", config.GroupPath("id:"+impostor.String()))
			})
			v.wantProtected(t, "by its new path")
			v.refused(t, http.StatusForbidden, http.MethodDelete, "/Groups/"+impostor.String(), "")
			v = v.again(t, func(c *config.Config) { v.protect(c, v.realm, nil) }) // which forgets
			v.must(t, http.MethodPatch, "/Groups/"+v.admins.String(), patchBody(`{"op":"replace","path":"members","value":[]}`))
			if err := v.admin.DeleteGroup(t.Context(), v.admins); err != nil {
				t.Fatal(err)
			}
			if values, err := realm.Remembered(t.Context(), v.app.Watcher.Realms.Client(v.realm), mapping.AttrProtected); err != nil || len(values) > 0 {
				t.Errorf("without a list the account remembers %q, %v", values, err)
			}
			v = v.again(t, func(c *config.Config) { v.protect(c, v.realm, nil, "/ops/admins") })
			v.refused(t, http.StatusForbidden, http.MethodDelete, "/Groups/"+impostor.String(), "")
		})
	}
}

// TestSecurity_42_ProtectedUsersStayWithTheId likewise, whoever gets the name.
func TestSecurity_42_ProtectedUsersStayWithTheId(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVault(t, start(t))
			called := func(name string) {
				t.Helper()
				if err := v.admin.UpdateUser(t.Context(), v.glass, keycloak.UserUpdate{Username: &name}); err != nil {
					t.Fatal(err)
				}
			}
			called("glass")
			v.look(t)
			v.wantProtected(t, "under another name")
			if got := v.warnings(t, v.realm); !strings.Contains(got, `the user "break-glass" of protected.users is called "glass" now`) {
				t.Errorf("the log warns of %q", got)
			}
			v = v.again(t, nil)
			v.wantProtected(t, "after a start")
			other := v.create(t, "/Users", `{"userName":"Break-Glass"}`)
			v.app.Watcher.Look(t.Context())
			want := fmt.Sprintf(`the user "break-glass" of protected.users is another user now, %s: the one that it was, %s, is called "glass" now`, other, v.glass)
			if got := v.problem(); got != want {
				t.Errorf("with another user of the name the look finds %q, want %q", got, want)
			}
			v = v.again(t, func(c *config.Config) { v.protect(c, v.realm, []string{"id:" + v.glass.String()}, "/ops/admins") })
			v.wantProtected(t, "by the id")
			v.must(t, http.MethodDelete, "/Users/"+other, "")
			if err := v.admin.DeleteUser(t.Context(), v.glass); err != nil {
				t.Fatal(err)
			}
			v.app.Watcher.Look(t.Context())
			if got, want := v.problem(), fmt.Sprintf(`the user "id:%s" of protected.users does not exist`, v.glass); got != want {
				t.Errorf("without the user the look finds %q, want %q", got, want)
			}
		})
	}
}

// TestSecurity_42_WhatIsListedAndNotThereIsLoud: the tenants answer 503, and the log has an error
// that names the entry.
func TestSecurity_42_WhatIsListedAndNotThereIsLoud(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			v := newVault(t, server)
			if err := v.admin.DeleteGroup(t.Context(), v.ops); err != nil {
				t.Fatal(err)
			}
			v.app.Watcher.Look(t.Context())
			want := fmt.Sprintf(`the group "/ops/admins" of protected.groups does not exist any more: it was %s`, v.admins)
			if got := v.problem(); got != want {
				t.Errorf("the look finds %q, want %q", got, want)
			}
			v.refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Users", `{"userName":"jane"}`)
			lines := v.lines.FilterMessage("the realm is not fit, so the tenant answers 503").All()
			if len(lines) != 1 || lines[0].Level.String() != "error" || fmt.Sprint(lines[0].ContextMap()["problems"]) != "["+want+"]" {
				t.Errorf("the log has %v, want one error with the problem", lines)
			}
			made := v.group(t, "admins", v.group(t, "ops", keycloak.GroupID{}))
			v.app.Watcher.Look(t.Context())
			if got := v.problem(); !strings.Contains(got, "is another group now") || !strings.Contains(got, "is gone") {
				t.Errorf("with a new group the look finds %q", got)
			}
			v.write(t, "config.yaml", replaced(t, "    tenants:\n", "    protected: { groups: [/ops/admins] }\n    tenants:\n"))
			ill, _ := patient{v.testBridge, server}.diagnose(t)
			if want := `write the id of the group that is meant in place of its name, "id:` + made.String() + `"`; len(ill) != 1 || ill[0].Fix != want {
				t.Errorf("doctor says %v, want the fix %q", ill, want)
			}
			if lines := v.lines.FilterMessage("the realm is not fit, so the tenant answers 503").Len(); lines != 2 {
				t.Errorf("the log has %d lines about two problems, want one each", lines)
			}
			v = v.again(t, func(c *config.Config) { v.protect(c, v.realm, []string{"nobody"}, "/nowhere", "id:nothing") })
			if got, want := v.problem(), `the user "nobody" of protected.users does not exist; the group "/nowhere" of protected.groups does not exist; the group "id:nothing" of protected.groups does not exist`; got != want {
				t.Errorf("the look finds %q, want %q", got, want)
			}
		})
	}
}

// TestSecurity_42_GroupsThatMustStay are neither renamed nor deleted: those above a protected group
// or one with rights, the default groups and those above them. Their members change as before,
// and they cost no call more.
func TestSecurity_42_GroupsThatMustStay(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, admin := newEmptyRealm(t, server)
			b := testBridge{admin: admin, realm: realm}
			kept := map[string]string{}
			top := func(why, name string) keycloak.GroupID {
				id := b.group(t, name, keycloak.GroupID{})
				kept[why] = id.String()
				return id
			}
			ops := top("above a protected one", "ops")
			deep := b.group(t, "deep", ops)
			kept["right above a protected one"] = deep.String()
			b.group(t, "admins", deep)
			boss := b.group(t, "boss", top("above one with rights", "staff"))
			b.grant(t, boss, b.known(t, right("view-users")))
			top("a default group", "everyone")
			b.group(t, "new", top("above a default group", "people"))
			b = newBridgeIn(t, server, realm, admin, func(c *config.Config) {
				vault{}.protect(c, realm, nil, "/ops/deep/admins")
				c.Realms[realm].Tenants[0].Mapping = mappingFile(t, "version: 1\nusers: { defaultGroups: [/everyone, /people/new] }\n")
			})
			b.look(t)
			own := b.create(t, "/Users", `{"userName":"own"}`)
			free := b.create(t, "/Groups", `{"displayName":"Free"}`)
			member := `[{"value":"` + own + `"}]`
			for why, id := range kept {
				path := "/Groups/" + id
				before := b.tree(t)
				for _, w := range []attack{
					{http.MethodDelete, path, ""},
					{http.MethodPut, path, `{"displayName":"mine"}`},
					{http.MethodPut, path, `{"displayName":"mine","members":` + member + `}`},
					{http.MethodPatch, path, patchBody(`{"op":"replace","path":"displayName","value":"mine"}`)},
					{http.MethodPatch, path, patchBody(`{"op":"replace","value":{"displayName":"mine","members":` + member + `}}`)},
				} {
					detail := b.refused(t, http.StatusForbidden, w.method, w.path, w.body)
					if !strings.Contains(detail, "("+id+") must keep its name and its place") || !strings.Contains(detail, "[group-kept]") {
						t.Errorf("%s: %s %s says %q", why, w.method, w.body, detail)
					}
				}
				if diff := cmp.Diff(before, b.tree(t)); diff != "" {
					t.Errorf("%s: groups changed:\n%s", why, diff)
				}
				name := fmt.Sprint(b.must(t, http.MethodGet, path, "")["displayName"])
				for _, w := range []attack{
					{http.MethodPatch, path, patchBody(`{"op":"add","path":"members","value":` + member + `}`)},
					{http.MethodPatch, path, patchBody(`{"op":"remove","path":"members[value eq \"` + own + `\"]"}`)},
					{http.MethodPut, path, `{"displayName":"` + name + `","externalId":"x","members":` + member + `}`},
				} {
					b.must(t, w.method, w.path, w.body)
				}
				bulk := fmt.Sprint(b.must(t, http.MethodPost, "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"DELETE","path":"`+path+`"}]}`))
				if !strings.Contains(bulk, "403") {
					t.Errorf("%s: the deletion in a bulk = %s", why, bulk)
				}
			}
			b.must(t, http.MethodPatch, "/Groups/"+free, patchBody(`{"op":"replace","path":"displayName","value":"Other"}`))
			b.must(t, http.MethodDelete, "/Groups/"+free, "")
		})
	}
}

// TestSecurity_42_WhatAMappingNamesStays for every tenant: none renames or deletes the parent of
// another one or a group above it, as the top level of one without a parent has it.
func TestSecurity_42_WhatAMappingNamesStays(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNeighbours(t, start(t), nil)
			n.remap(t, "")
			before := n.tree(t)
			path := "/Groups/" + n.parents["scim"].String()
			for method, body := range map[string]string{http.MethodDelete: "", http.MethodPut: `{"displayName":"mine"}`, http.MethodPatch: patchBody(`{"op":"replace","path":"displayName","value":"mine"}`)} {
				n.refused(t, http.StatusForbidden, method, path, body)
			}
			if diff := cmp.Diff(before, n.tree(t)); diff != "" {
				t.Errorf("groups changed:\n%s", diff)
			}
		})
	}
}

// TestSecurity_42_WhatIsRememberedIsWrittenAgain when somebody erases it while the bridge runs, and
// nothing is written as long as a start cannot read it.
func TestSecurity_42_WhatIsRememberedIsWrittenAgain(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	v := newVault(t, fake.Server())
	own := v.app.Watcher.Realms.Client(v.realm)
	want := []string{"group|/ops/admins|" + v.admins.String(), "user|break-glass|" + v.glass.String()}
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
	v.look(t)
	remembered("after it was erased")

	v.rename(t, v.ops, "operations")
	fake.Inject(keycloaktest.Fault{Op: "GET /users/{id}", Status: http.StatusForbidden})
	blind := v.again(t, nil)
	blind.refused(t, http.StatusServiceUnavailable, http.MethodPatch, "/Groups/"+v.admins.String(), patchBody(`{"op":"remove","path":"members"}`))
}

// TestALookAtNamesIsBounded: a call for each name that the configuration has, and for each group
// above one, however many groups and users there are.
func TestALookAtNamesIsBounded(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	v := newVault(t, fake.Server())
	calls := func() int {
		v.look(t)
		fake.ResetCalls()
		v.look(t)
		return len(fake.Calls())
	}
	before := calls()
	for i := range 60 {
		v.group(t, fmt.Sprint("group", i), v.ops)
		v.create(t, "/Users", fmt.Sprintf(`{"userName":"user%d"}`, i))
	}
	if got := calls(); got != before {
		t.Errorf("with 60 more groups and users a look makes %d calls, before %d", got, before)
	}
	v.rename(t, v.ops, "operations")
	if got := calls(); got != before+1 {
		t.Errorf("with a path that is nobody's a look makes %d calls, want %d", got, before+1)
	}
}

// TestSetupProtectsByIds: what an operator names is in the configuration by its id, with the name
// beside it.
func TestSetupProtectsByIds(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			realm, admin := newEmptyRealm(t, server)
			b := testBridge{admin: admin, realm: realm}
			glass, admins := b.account(t, "break-glass", true), b.group(t, "admins", b.group(t, "ops", keycloak.GroupID{}))
			flags := []string{"--protect-user", "Break-Glass", "--protect-group", "/ops/admins"}
			b = newBridgeOf(t, setupCommand(t, server, realm, flags...), realm, admin, nil)
			want := config.Protected{Users: []string{"id:" + glass.String()}, Groups: []config.GroupPath{config.GroupPath("id:" + admins.String())}}
			if diff := cmp.Diff(want, b.config.Realms[realm].Protected); diff != "" {
				t.Errorf("the configuration protects (-want +got):\n%s", diff)
			}
			for _, path := range []string{"/Users/" + glass.String(), "/Groups/" + admins.String()} {
				b.refused(t, http.StatusForbidden, http.MethodDelete, path, "")
			}
			args := []string{"setup", "--url", server.URL, "--realm", realm, "--admin-user", server.Admin, "--admin-password", server.Password, "--yes"}
			for _, c := range []struct {
				flags []string
				code  int
				want  string
			}{
				{[]string{"--protect-group", "/ops/none", "--out", t.TempDir()}, exitFailure, `the group "/ops/none" does not exist`},
				{[]string{"--protect-user", "none", "--out", t.TempDir()}, exitFailure, `the user "none" does not exist`},
				{flags, exitUsage, "write into the configuration that --out names"},
			} {
				if _, told, code := command(t, "", append(args, c.flags...)...); code != c.code || !strings.Contains(told, c.want) {
					t.Errorf("setup %v ends with %d: %s", c.flags, code, told)
				}
			}
		})
	}
}
