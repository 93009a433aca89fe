package guard_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// usersOf is the permission of a helpdesk. It applies to every user of the realm.
const usersOf = `"name":"helpdesk","resourceType":"Users","scopes":["view","manage","manage-group-membership"]`

// groupPolicy makes a policy that names the members of a group.
func groupPolicy(t *testing.T, b apptest.Bridge, server keycloaktest.Server, name string, group keycloak.GroupID, children bool) string {
	t.Helper()
	return b.Policy(t, server, "group", fmt.Sprintf(`"name":%q,"groups":[{"id":%q,"extendChildren":%t}]`, name, group, children))
}

// TestSecurity_39_NobodyJoinsAGroupOfAPermission: a group's members administer the realm by a
// permission. A client that pushes this group adds no member, because the member could reset an
// administrator's password.
func TestSecurity_39_NobodyJoinsAGroupOfAPermission(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewBridgeOn(t, server, nil)
			b.Permitting(t, server)
			boss := b.MakeAccount(t, "boss", true)
			b.Grant(t, boss, b.KnownRole(t, apptest.ManagementRole("realm-admin")))
			mallory := b.MakeAccount(t, "mallory", true).String()
			helpdesk := b.Create(t, "/Groups", `{"displayName":"helpdesk"}`)
			group, err := keycloak.ParseGroupID(helpdesk)
			if err != nil {
				t.Fatal(err)
			}
			below := b.MakeGroup(t, "night shift", group).String()
			b.Permission(t, server, usersOf, groupPolicy(t, b, server, "members", group, true))
			b.Check(t)
			member := `[{"value":"` + mallory + `"}]`
			for _, id := range []string{helpdesk, below} {
				path := "/Groups/" + id
				for _, w := range []apptest.Request{
					{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"add","path":"members","value":` + member + `}`)},
					{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"add","value":{"externalId":"G","members":` + member + `}}`)},
					{Method: http.MethodPut, Path: path, Body: `{"displayName":"helpdesk","members":` + member + `}`},
					{Method: http.MethodPatch, Path: path, Body: apptest.PatchBody(`{"op":"replace","path":"displayName","value":"mine"}`)},
					{Method: http.MethodDelete, Path: path, Body: ""},
				} {
					if detail := b.Refused(t, http.StatusForbidden, w.Method, w.Path, w.Body); !strings.Contains(detail, id) {
						t.Errorf("%s %s says %q", w.Method, w.Path, detail)
					}
				}
			}
			groups, err := b.Admin.UserGroups(t.Context(), apptest.UserID(t, mallory))
			if err != nil || len(groups) > 0 {
				t.Errorf("mallory is in %v, %v", groups, err)
			}
			if name == "fake" { // the fake does not apply permissions
				return
			}
			form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"mallory"}, "password": {apptest.PasswordBefore}}
			reset := apptest.Request{Method: http.MethodPut, Path: "/users/" + boss.String() + "/reset-password", Body: `{"type":"password","value":"Mine-of-the-attacker-1","temporary":false}`}
			if got := b.AdminAs(t, server, form, reset); got != http.StatusForbidden {
				t.Errorf("mallory resets the administrator's password: %d", got)
			}
			if err := b.Admin.AddMember(t.Context(), apptest.UserID(t, mallory), group); err != nil {
				t.Fatal(err)
			}
			if got := b.AdminAs(t, server, form, reset); got != http.StatusNoContent {
				t.Errorf("a member of the helpdesk cannot reset a password: %d, so that the test shows nothing", got)
			}
		})
	}
}

// TestSecurity_39_ADelegateIsNotTakenOver by a client of an organization, or by a client of the
// realm that may adopt accounts and set passwords.
func TestSecurity_39_ADelegateIsNotTakenOver(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, apptest.AdoptUnowned)
			c.Realm.Permitting(t, server)
			for _, path := range []string{c.Realm.Realm, c.Realm.Realm + "/organizations/acme"} {
				c.Realm.UseMapping(t, path, "version: 1\nusers: { password: accept }\n")
			}
			helpdesk := c.Realm.MakeGroup(t, "helpdesk", keycloak.GroupID{})
			c.Realm.Permission(t, server, usersOf, groupPolicy(t, c.Realm, server, "members", helpdesk, false))
			for of, b := range map[string]apptest.Bridge{"realm": c.Realm, "organization": c.Of["acme"]} {
				id := b.MakeAccount(t, of+"-helper", true)
				if err := b.Admin.AddMember(t.Context(), id, helpdesk); err != nil {
					t.Fatal(err)
				}
				member := b.MakeAccount(t, of+"-member", true)
				c.Admit(t, member.String(), "acme")
				if err := b.Admin.AddMember(t.Context(), member, helpdesk); err != nil {
					t.Fatal(err)
				}
				b.Check(t)
				before := []keycloak.User{b.InKeycloak(t, id.String()), b.InKeycloak(t, member.String())}
				body := fmt.Sprintf(`{"userName":"%[1]s-helper","password":"Mine-of-the-attacker-1","emails":[{"value":"%[1]s-helper@acme.test","primary":true}]}`, of)
				b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", body)
				for _, w := range []apptest.Request{
					{Method: http.MethodPatch, Path: "/Users/" + member.String(), Body: apptest.PatchBody(`{"op":"add","path":"password","value":"Mine-of-the-attacker-1"}`)},
					{Method: http.MethodPatch, Path: "/Users/" + member.String(), Body: apptest.PatchBody(`{"op":"add","path":"title","value":"mine"}`)},
					{Method: http.MethodDelete, Path: "/Users/" + member.String(), Body: ""},
				} {
					b.Refused(t, http.StatusForbidden, w.Method, w.Path, w.Body)
				}
				if diff := cmp.Diff(before, []keycloak.User{b.InKeycloak(t, id.String()), b.InKeycloak(t, member.String())}); diff != "" {
					t.Errorf("%s: delegates were changed:\n%s", of, diff)
				}
				for _, user := range []string{"-helper", "-member"} {
					if !b.CanLogIn(t, server, of+user, apptest.PasswordBefore) {
						t.Errorf("%s: the password of %s was changed", of, user)
					}
				}
			}
			// The account of a foreign user does not belong to the organization, so the organization
			// cannot disable it.
			c.Of["acme"].Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+memberNamed(t, c.Of["acme"], "organization-member"), apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
		})
	}
}

func memberNamed(t *testing.T, b apptest.Bridge, name string) string {
	t.Helper()
	found, err := b.Find(t.Context(), "/Users", `userName eq "`+name+`"`, "")
	if err != nil || len(found) != 1 {
		t.Fatalf("%s is found as %v, %v", name, found, err)
	}
	return found[0]["id"].(string)
}

// TestSecurity_39_WhoAdministersByAPermission: users with a permission are protected, whatever the
// permission allows and in whatever way its policy names them. A user who may only view is not
// protected.
func TestSecurity_39_WhoAdministersByAPermission(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewBridgeOn(t, server, nil)
			b.Permitting(t, server)
			users := map[string]string{}
			join := func(who string, group keycloak.GroupID) {
				t.Helper()
				if err := b.Admin.AddMember(t.Context(), apptest.UserID(t, users[who]), group); err != nil {
					t.Fatal(err)
				}
			}
			user := func(who string) string {
				t.Helper()
				users[who] = b.Create(t, "/Users", fmt.Sprintf(`{"userName":%q,"externalId":"X-%s","title":"Chief"}`, strings.ReplaceAll(who, " ", "-"), who))
				return users[who]
			}
			one := b.MakeAccount(t, "one", true).String()
			for i, c := range []struct{ what, of, scopes, who string }{
				{"", "Users", `"manage"`, "who manages users"},
				{one, "Users", `"manage"`, "who manages one user"},
				{one, "Users", `"reset-password"`, "who resets a password"},
				{"", "Users", `"view","impersonate"`, "who impersonates"},
				{"", "Users", `"map-roles"`, "who maps roles"},
				{"", "Users", `"manage-group-membership"`, "who manages group membership"},
				{b.MakeGroup(t, "some", keycloak.GroupID{}).String(), "Groups", `"manage-members"`, "who manages the members of a group"},
				{"", "Groups", `"manage-membership"`, "who manages membership"},
				{"", "Groups", `"manage-membership-of-members"`, "who manages membership of members"},
				{"", "Groups", `"impersonate-members"`, "who impersonates members"},
				{"", "Groups", `"manage"`, "who manages groups"},
				{"", "Roles", `"map-role"`, "who maps a role"},
				{"", "Roles", `"map-role-composite"`, "who maps a role into others"},
				{"", "Clients", `"manage"`, "who manages clients"},
				{"", "Clients", `"map-roles"`, "who maps the roles of clients"},
				{"", "Organizations", `"manage"`, "who manages organizations"},
				{"", "Users", `"view"`, "nobody who views users"},
				{"", "Groups", `"view","view-members"`, "nobody who views groups"},
				{"", "Clients", `"view"`, "nobody who views clients"},
			} {
				if name == "real" && !knowsScope(c.of, c.scopes) {
					continue
				}
				resources := ""
				if c.what != "" {
					resources = `,"resources":["` + c.what + `"]`
				}
				b.Permission(t, server, fmt.Sprintf(`"name":"permission %d","resourceType":%q,"scopes":[%s]%s`, i, c.of, c.scopes, resources),
					b.UserPolicy(t, server, fmt.Sprintf("policy %d", i), user(c.who)))
			}
			groups := map[string]string{}
			group := func(name string, parent keycloak.GroupID) keycloak.GroupID {
				t.Helper()
				id := b.MakeGroup(t, name, parent)
				groups[name] = id.String()
				return id
			}
			desk := group("desk", keycloak.GroupID{})
			night := group("night", desk)
			closed := group("closed", keycloak.GroupID{})
			open := group("nobody below closed", closed)
			held := group("held", keycloak.GroupID{})
			under := group("under held", held)
			boss := b.MakeRole(t, server, "", "boss")
			b.Permission(t, server, `"name":"by groups","resourceType":"Users","scopes":["view","manage"]`, groupPolicy(t, b, server, "desk", desk, true))
			b.Permission(t, server, `"name":"by a group alone","resourceType":"Users","scopes":["view","reset-password"]`, groupPolicy(t, b, server, "closed", closed, false))
			b.Permission(t, server, `"name":"by a role","resourceType":"Clients","scopes":["manage"]`, b.RolePolicy(t, server, "boss", boss.ID))
			within := b.MakeRole(t, server, "shop", "manager", keycloak.RoleName{Name: "boss"})
			for who, in := range map[string]keycloak.GroupID{"a member": desk, "a member below": night, "a member of a closed group": closed, "nobody below a closed group": open, "a holder by a group": held, "a holder by a group above": under} {
				user(who)
				join(who, in)
			}
			b.Grant(t, apptest.UserID(t, user("a holder")), boss)
			b.Grant(t, apptest.UserID(t, user("a holder within another role")), within)
			b.Grant(t, held, within)
			b.Check(t)
			team := b.Create(t, "/Groups", `{"displayName":"Team"}`)
			for who, id := range users {
				if strings.HasPrefix(who, "nobody") {
					b.Must(t, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"title","value":"t"}`))
					continue
				}
				probeDelegate(t, b, who, id, team)
			}
			for name, id := range groups {
				join := apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"` + one + `"}]}`)
				if strings.HasPrefix(name, "nobody") {
					b.Must(t, http.MethodPatch, "/Groups/"+id, join)
					continue
				}
				b.Refused(t, http.StatusForbidden, http.MethodPatch, "/Groups/"+id, join)
				b.Refused(t, http.StatusForbidden, http.MethodDelete, "/Groups/"+id, "")
			}
		})
	}
}

// knowsScope reports whether the real server has permissions with such scopes.
func knowsScope(of, scopes string) bool {
	version := keycloaktest.Version()
	switch {
	case of == "Organizations":
		return strings.HasPrefix(version, "26.7.")
	case strings.Contains(scopes, "membership-of-members"):
		return !strings.HasPrefix(version, "26.4.")
	}
	return true
}

// probeDelegate checks that a delegate shows all attributes, and can only be deactivated.
func probeDelegate(t *testing.T, b apptest.Bridge, who, id, team string) {
	t.Helper()
	path := "/Users/" + id
	got := b.Must(t, http.MethodGet, path, "")
	if got["title"] != "Chief" {
		t.Errorf("%s shows %v", who, got)
	}
	before := b.InKeycloak(t, id)
	for _, w := range protectedWrites(id, fmt.Sprint(got["userName"]), team) {
		if strings.Contains(w.Body, `"active","value":false`) || w.Method == http.MethodPut && strings.Contains(w.Body, `"active":false`) {
			continue
		}
		if detail := b.Refused(t, http.StatusForbidden, w.Method, w.Path, w.Body); !strings.Contains(detail, "nothing was changed") || !strings.Contains(detail, id) {
			t.Errorf("%s: %s %s says %q", who, w.Method, w.Path, detail)
		}
	}
	off := `{"op":"replace","path":"active","value":false}`
	for _, more := range []string{`{"op":"add","path":"title","value":"x"}`, `{"op":"replace","path":"userName","value":"mine"}`, `{"op":"add","path":"nickName","value":"n"}`} {
		b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(off+","+more))
	}
	if diff := cmp.Diff(before, b.InKeycloak(t, id)); diff != "" {
		t.Errorf("%s was changed:\n%s", who, diff)
	}
	if answer := b.Must(t, http.MethodPatch, path, apptest.PatchBody(off)); answer["active"] != false {
		t.Errorf("%s is shown as %v after the deactivation", who, answer)
	}
	after := b.InKeycloak(t, id)
	if after.Enabled {
		t.Errorf("%s is enabled after the deactivation", who)
	}
	after.Enabled = true
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("%s: more than its access was changed:\n%s", who, diff)
	}
	b.Must(t, http.MethodPatch, path, apptest.PatchBody(off))
	b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(`{"op":"replace","path":"active","value":true}`))
	b.Refused(t, http.StatusForbidden, http.MethodPatch, path, apptest.PatchBody(`{"op":"add","path":"title","value":"x"}`))
}

// TestSecurity_39_ADelegateThatLeaves loses its sessions with a PUT or a PATCH at the tenant that
// owns the account. The same holds for an account that no tenant created.
func TestSecurity_39_ADelegateThatLeaves(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			c := apptest.NewCustomers(t, server, nil)
			acme, realm := c.Of["acme"], c.Realm
			realm.Permitting(t, server)
			document := `{"userName":"%s@acme.test","externalId":"X-%[1]s","title":"Chief","name":{"givenName":"G","familyName":"F"},"emails":[{"value":"%[1]s@acme.test","type":"work","primary":true}],"phoneNumbers":[{"value":"1","type":"home"}],"active":%s}`
			helpdesk := realm.MakeGroup(t, "helpdesk", keycloak.GroupID{})
			leavers := map[string]string{}
			for _, name := range []string{"put", "patch"} {
				leavers[name] = acme.Create(t, "/Users", fmt.Sprintf(document, name, "true"))
			}
			leavers["unowned"] = realm.MakeAccount(t, "unowned", true).String()
			for _, id := range leavers {
				if name == "real" {
					apptest.AdminPut(t, server, "/admin/realms/"+realm.Realm+"/users/"+id+"/reset-password", `{"type":"password","temporary":false,"value":"`+apptest.PasswordBefore+`"}`)
				}
				if err := realm.Admin.AddMember(t.Context(), apptest.UserID(t, id), helpdesk); err != nil {
					t.Fatal(err)
				}
			}
			realm.Permission(t, server, usersOf, groupPolicy(t, realm, server, "members", helpdesk, true))
			realm.Check(t)
			session := url.Values{}
			if name == "real" {
				status, answer := apptest.AskToken(t, server, realm.Realm, url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"patch@acme.test"}, "password": {apptest.PasswordBefore}})
				if status != http.StatusOK {
					t.Fatalf("no session: %v", answer)
				}
				session = url.Values{"grant_type": {"refresh_token"}, "client_id": {"admin-cli"}, "refresh_token": {answer["refresh_token"].(string)}}
			}
			off := apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)
			before := acme.InKeycloak(t, leavers["put"])
			drifted := strings.NewReplacer("Chief", "Other", "put@acme.test", "Put.Renamed@acme.test", `"phoneNumbers":[{"value":"1","type":"home"}],`, `"nickName":"n","password":"Another-0ne!",`).Replace(fmt.Sprintf(document, "put", "true"))
			acme.Refused(t, http.StatusForbidden, http.MethodPut, "/Users/"+leavers["put"], drifted)
			if got := acme.Must(t, http.MethodPut, "/Users/"+leavers["put"], strings.Replace(drifted, `"active":true`, `"active":false`, 1)); got["active"] != false || got["title"] != "Chief" || got["nickName"] != nil {
				t.Errorf("a PUT that deactivates is answered %v", got)
			}
			acme.Must(t, http.MethodPut, "/Users/"+leavers["put"], strings.Replace(drifted, `"active":true`, `"active":false`, 1))
			after := acme.InKeycloak(t, leavers["put"])
			after.Enabled = true
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the PUT changed more than its access:\n%s", diff)
			}
			for _, attribute := range []string{"title", "userName", "emails", "phoneNumbers", "nickName", "password"} {
				if got := acme.Metric(t, `scim_bridge_ignored_values_total{attribute="`+attribute+`"}`); got == "" {
					t.Errorf("%s is left out and not counted", attribute)
				}
			}
			acme.Must(t, http.MethodPatch, "/Users/"+leavers["patch"], off)
			realm.Must(t, http.MethodPatch, "/Users/"+leavers["unowned"], off)
			for who, id := range leavers {
				if realm.InKeycloak(t, id).Enabled {
					t.Errorf("%s is enabled", who)
				}
			}
			apptest.AdminPut(t, server, "/admin/realms/"+realm.Realm+"/users/"+leavers["patch"], `{"enabled":true}`)
			if name == "real" {
				if status, answer := apptest.AskToken(t, server, realm.Realm, session); status == http.StatusOK {
					t.Errorf("a session outlives the deactivation: %v", answer)
				}
			}
			realm.Grant(t, apptest.UserID(t, leavers["patch"]), realm.KnownRole(t, apptest.ManagementRole("view-users")))
			realm.Check(t)
			acme.Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+leavers["patch"], off)
		})
	}
}

// TestSecurity_39_PermissionsChange: the next read finds a user who got or lost a permission. A
// service account with a permission is not a protected user.
func TestSecurity_39_PermissionsChange(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewBridgeOn(t, server, nil)
			b.Permitting(t, server)
			helpdesk := b.MakeGroup(t, "helpdesk", keycloak.GroupID{})
			id := b.Create(t, "/Users", `{"userName":"helper"}`)
			change := func() (string, string, string) {
				return http.MethodPatch, "/Users/" + id, apptest.PatchBody(`{"op":"replace","path":"title","value":"t` + fmt.Sprint(len(b.Lines.All())) + `"}`)
			}
			may := func(when string, want bool) {
				t.Helper()
				b.Check(t)
				method, path, body := change()
				if _, err := b.Send(t, method, path, body); (err == nil) != want {
					t.Errorf("%s: a change is %v", when, err)
				}
			}
			may("without a permission", true)
			if err := b.Admin.AddMember(t.Context(), apptest.UserID(t, id), helpdesk); err != nil {
				t.Fatal(err)
			}
			permission := b.Permission(t, server, usersOf, groupPolicy(t, b, server, "members", helpdesk, false))
			may("with one", false)
			apptest.AdminPut(t, server, "/admin/realms/"+b.Realm, `{"adminPermissionsEnabled":false}`)
			if name == "fake" || keycloaktest.Version() != "26.4.7" { // this version lists no clients in that state
				may("while they are off", true)
			}
			b.Permitting(t, server)
			may("on again", false)
			if err := b.Admin.RemoveMember(t.Context(), apptest.UserID(t, id), helpdesk); err != nil {
				t.Fatal(err)
			}
			may("out of the group", true)
			apptest.AdminSend(t, server, http.MethodDelete, b.Authorization(t)+"/permission/scope/"+permission, "")
			b.Permission(t, server, `"name":"one","resourceType":"Users","scopes":["manage"]`, b.UserPolicy(t, server, "helper", id))
			may("by name", false)
			b.Permission(t, server, usersOf, groupPolicy(t, b, server, "of a group that goes", b.MakeGroup(t, "goes", helpdesk), true))
			if err := b.Admin.DeleteGroup(t.Context(), helpdesk); err != nil {
				t.Fatal(err)
			}
			may("by name, beside a policy of a group that is gone", false)
			bridge, _, err := b.Admin.FindClient(t.Context(), "scim-bridge")
			if err != nil {
				t.Fatal(err)
			}
			account, err := b.Admin.ServiceAccount(t.Context(), bridge)
			if err != nil {
				t.Fatal(err)
			}
			b.Permission(t, server, `"name":"of a service","resourceType":"Users","scopes":["manage"]`, b.UserPolicy(t, server, "service", account.String()))
			b.Check(t)
			b.Refused(t, http.StatusNotFound, http.MethodPatch, "/Users/"+account.String(), apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
		})
	}
}

// TestSecurity_39_DelegatesThatMayNotBeDeactivated: with this policy, delegates are shown and
// refused like other administrators.
func TestSecurity_39_DelegatesThatMayNotBeDeactivated(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	b := apptest.NewBridgeOn(t, server, func(c *config.Config) {
		for name, r := range c.Realms {
			r.Protected.Delegated = config.DelegatedRefuse
			c.Realms[name] = r
		}
	})
	b.Permitting(t, server)
	id := b.Create(t, "/Users", `{"userName":"helper","title":"Chief"}`)
	b.Permission(t, server, usersOf, b.UserPolicy(t, server, "helper", id))
	b.Check(t)
	if got := b.Must(t, http.MethodGet, "/Users/"+id, ""); got["title"] != nil {
		t.Errorf("it shows %v", got)
	}
	b.Refused(t, http.StatusForbidden, http.MethodPatch, "/Users/"+id, apptest.PatchBody(`{"op":"replace","path":"active","value":false}`))
}

// TestSecurity_39_ADelegateInAGroupPush is left out where the policy says so.
func TestSecurity_39_ADelegateInAGroupPush(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	b := apptest.NewBridgeOn(t, server, func(c *config.Config) {
		for _, r := range c.Realms {
			r.Tenants[0].UnknownMembers = config.UnknownMembersIgnore
		}
	})
	b.Permitting(t, server)
	own, helper := b.Create(t, "/Users", `{"userName":"own"}`), b.Create(t, "/Users", `{"userName":"helper"}`)
	b.Permission(t, server, usersOf, b.UserPolicy(t, server, "helper", helper))
	b.Check(t)
	group := b.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+own+`"},{"value":"`+helper+`"}]}`)
	b.Must(t, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"`+helper+`"}]}`))
	if got := fmt.Sprint(b.Must(t, http.MethodGet, "/Groups/"+group, "")["members"]); strings.Contains(got, helper) || !strings.Contains(got, own) {
		t.Errorf("the members are %s", got)
	}
}

// TestSecurity_39_PoliciesThatCannotBeRead: when the bridge cannot tell which users a permission
// lets change the realm, nothing is written, doctor names the policy, and reads continue. The
// operator can list the users instead.
func TestSecurity_39_PoliciesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewBridgeOn(t, server, nil)
			b.Permitting(t, server)
			p := apptest.Patient{Bridge: b, Server: server}
			helper := b.Create(t, "/Users", `{"userName":"helper"}`)
			group := b.MakeGroup(t, "helpdesk", keycloak.GroupID{}).String()
			shop, err := b.Admin.CreateClient(t.Context(), "shop", "")
			if err != nil {
				t.Fatal(err)
			}
			policies := map[string]string{ // by what doctor says about the policy
				"the type time":                           b.Policy(t, server, "time", `"name":"p0","notOnOrAfter":"2099-01-01 00:00:00"`),
				"the type client":                         b.Policy(t, server, "client", `"name":"p1","clients":["`+shop.String()+`"]`),
				"the type regex":                          b.Policy(t, server, "regex", `"name":"p2","targetClaim":"email","pattern":".*"`),
				"the logic Negative":                      b.Policy(t, server, "user", `"name":"p4","logic":"NEGATIVE","users":["`+helper+`"]`),
				"a claim of the token in place of groups": b.Policy(t, server, "group", `"name":"p5","groupsClaim":"groups","groups":[{"id":"`+group+`"}]`),
			}
			named := b.UserPolicy(t, server, "named", helper)
			policies["the type aggregate"] = b.Policy(t, server, "aggregate", `"name":"p3","policies":["`+named+`"]`)
			for what, policy := range policies {
				look := func(when string, severity, write string) {
					t.Helper()
					b.Check(t)
					ill, code := p.Diagnose(t)
					var worst []string
					for _, f := range ill {
						if f.Check == "permissions" && strings.Contains(f.Text, "permission \"q\"") {
							worst = append(worst, string(f.Severity))
							if !strings.Contains(f.Text, `policy "p`) || !strings.Contains(f.Text, what) || strings.Contains(f.Text, "nothing is written") != (write == "503") {
								t.Errorf("%s, %s: doctor says %q", what, when, f.Text)
							}
						}
					}
					want := []string{severity}
					if severity == "" {
						want = nil
					}
					if !slices.Equal(worst, want) || (code != 0) != slices.Contains(worst, "FAIL") {
						t.Errorf("%s, %s: doctor ends with %d and says %v", what, when, code, ill)
					}
					if name == "fake" { // PASS lines, which diagnose leaves out
						found := p.FindingsAt(t, "")
						said := slices.ContainsFunc(found, func(f realm.Finding) bool { return strings.Contains(f.Text, `administrators, who are protected: "q"`) })
						if said != (write == "403") {
							t.Errorf("%s, %s: doctor says %v", what, when, found)
						}
					}
					b.Must(t, http.MethodGet, "/Users", "")
					_, err := b.Send(t, http.MethodPatch, "/Users/"+helper, apptest.PatchBody(`{"op":"replace","path":"nickName","value":"`+what+when+`"}`))
					if got := fmt.Sprint(err); write == "" && err != nil || write != "" && !strings.Contains(got, write) {
						t.Errorf("%s, %s: a change is %v, want %q", what, when, err, write)
					}
				}
				negative := what == "the logic Negative"
				only := func(negativeSeverity, severity string) string {
					if negative {
						return negativeSeverity
					}
					return severity
				}
				permission := b.Permission(t, server, `"name":"q","resourceType":"Users","scopes":["view"]`, policy)
				look("to view", only("FAIL", ""), "")
				b.Drop(t, server, permission)
				permission = b.Permission(t, server, `"name":"q","resourceType":"Users","scopes":["view","reset-password"]`, policy)
				look("to administer", "FAIL", "503")
				b.Drop(t, server, permission)
				permission = b.Permission(t, server, `"name":"q","resourceType":"Users","scopes":["view","manage"]`, policy, named)
				look("with a policy that names people", only("", "WARN"), "403")
				b.Drop(t, server, permission)
			}
		})
	}
}

// TestSecurity_39_ListedPolicies: the operator declares that the users of unreadable policies are
// listed, so that the tenant writes.
func TestSecurity_39_ListedPolicies(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	b := apptest.NewBridgeOn(t, server, func(c *config.Config) {
		for name, r := range c.Realms {
			r.Protected.Policies = config.PoliciesListed
			c.Realms[name] = r
		}
	})
	b.Permitting(t, server)
	b.Permission(t, server, usersOf, b.Policy(t, server, "time", `"name":"hours","notOnOrAfter":"2099-01-01 00:00:00"`))
	b.Check(t)
	b.Create(t, "/Users", `{"userName":"jane"}`)
	p := apptest.Patient{Bridge: b, Server: server}
	p.EditFile(t, "config.yaml", func(text string) string {
		return strings.Replace(text, "    tenants:\n", "    protected:\n      policies: listed\n    tenants:\n", 1)
	})
	ill, code := p.Diagnose(t)
	if code != 0 || len(ill) != 1 || ill[0].Severity != "WARN" || !strings.Contains(ill[0].Text, `its policy "hours" has the type time`) {
		t.Errorf("doctor ends with %d and says %v", code, ill)
	}
}

// TestSecurity_39_MorePoliciesThanAreRead: a read of the policies is bounded, and beyond the bound
// nothing is written.
func TestSecurity_39_MorePoliciesThanAreRead(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	server := fake.Server()
	b := apptest.CallBridge{Bridge: apptest.NewBridgeOn(t, server, nil), Fake: fake}
	helper := b.Create(t, "/Users", `{"userName":"helper"}`)
	before := len(b.Calls(func() { b.Check(t) }))
	b.Permitting(t, server)
	policy := b.UserPolicy(t, server, "policy", helper)
	for i := range 200 {
		b.Permission(t, server, fmt.Sprintf(`"name":"permission %d","resourceType":"Users","scopes":["manage"]`, i), policy)
	}
	b.Check(t) // the client of the permissions has its own calls
	if got := len(b.Calls(func() { b.Check(t) })); got < 400 || got > before+2*200+3+1+2 {
		t.Errorf("with 200 permissions the look is %d calls, before %d: want two for each, three pages of them, one of policies, and the client's", got, before)
	}
	b.Refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+helper, "")
	b.Permission(t, server, `"name":"one more","resourceType":"Users","scopes":["manage"]`, policy)
	b.Check(t)
	b.Must(t, http.MethodGet, "/Users", "")
	b.Refused(t, http.StatusServiceUnavailable, http.MethodDelete, "/Users/"+helper, "")
	if got := b.App.Watcher.Tenants.All()[0].Fitness().Trouble(); got != "nothing is written: the realm has more than 200 fine-grained permissions or policies, which is more than the bridge reads" {
		t.Errorf("the tenant says %q", got)
	}
}

// TestSecurity_39_TheFirstVersionOfPermissions: the bridge cannot read such permissions, so nothing
// is written in a realm that has some.
func TestSecurity_39_TheFirstVersionOfPermissions(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) (keycloaktest.Server, func(apptest.Bridge), func()){
		"fake": func(t *testing.T) (keycloaktest.Server, func(apptest.Bridge), func()) {
			t.Helper()
			fake := keycloaktest.NewFake(t)
			return fake.Server(), func(b apptest.Bridge) { fake.FirstPermissions(b.Realm) }, fake.NoFirstPermissions
		},
		"real": func(t *testing.T) (keycloaktest.Server, func(apptest.Bridge), func()) {
			t.Helper()
			server := keycloaktest.Real(t)
			if !strings.Contains(os.Getenv("KEYCLOAK_FEATURES"), "admin-fine-grained-authz:v1") {
				t.Skip("make test-versions runs it on a server with that feature")
			}
			return server, func(b apptest.Bridge) {
				apptest.AdminPut(t, server, "/admin/realms/"+b.Realm+"/users-management-permissions", `{"enabled":true}`)
			}, nil // a server cannot be restarted without the feature
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, use, restart := start(t)
			b := apptest.NewBridgeOn(t, server, nil)
			b.Create(t, "/Users", `{"userName":"jane"}`)
			use(b)
			b.Check(t)
			b.Must(t, http.MethodGet, "/Users", "")
			b.Refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Users", `{"userName":"joe"}`)
			ill, code := apptest.Patient{Bridge: b, Server: server}.Diagnose(t)
			if code == 0 || len(ill) != 1 || ill[0].Severity != "FAIL" || !strings.Contains(ill[0].Fix, "admin-fine-grained-authz:v1") {
				t.Errorf("doctor ends with %d and says %v", code, ill)
			}
			config := apptest.ReadPage(t, b.File)
			p := apptest.Patient{Bridge: b, Server: server}
			p.EditFile(t, "config.yaml", func(text string) string { // the first remedy
				return strings.Replace(text, "    tenants:\n", "    protected: { users: [jane], policies: listed }\n    tenants:\n", 1)
			})
			ill, code = p.Diagnose(t)
			if code != 0 || len(ill) != 1 || ill[0].Severity != "WARN" || !strings.Contains(ill[0].Fix, "check that protected.users and protected.groups list these people") {
				t.Errorf("with the people listed doctor ends with %d and says %v", code, ill)
			}
			if restart == nil {
				return
			}
			p.EditFile(t, "config.yaml", func(string) string { return config })
			restart() // the other remedy
			if ill, code := p.Diagnose(t); code != 0 || len(ill) > 0 {
				t.Errorf("without the feature doctor ends with %d and says %v", code, ill)
			}
		})
	}
}

// TestSecurity_39_NoMappingMakesADelegate by a role, a default group or a parent. A role that was
// added to another role since the last read makes no delegate either.
func TestSecurity_39_NoMappingMakesADelegate(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewBridgeOn(t, server, nil)
			b.Permitting(t, server)
			helpdesk := b.MakeGroup(t, "helpdesk", keycloak.GroupID{})
			helper := b.MakeRole(t, server, "", "helper")
			b.MakeRole(t, server, "", "manager", keycloak.RoleName{Name: "helper"})
			clerk := b.MakeRole(t, server, "", "clerk")
			b.Permission(t, server, usersOf, groupPolicy(t, b, server, "members", helpdesk, false))
			b.Permission(t, server, `"name":"by role","resourceType":"Users","scopes":["reset-password"]`, b.RolePolicy(t, server, "helper", helper.ID))
			b.Check(t)
			for rules, want := range map[string]string{
				"groups: { parent: /helpdesk }":                                     `the group "/helpdesk" of the mapping has a right of realm-management or a permission`,
				"users: { defaultGroups: [/helpdesk] }":                             `the group "/helpdesk" of the mapping has a right of realm-management or a permission`,
				"grantableRoles: [helper]\nusers: { roles: [{ grant: [helper] }] }": `the role "helper" of the mapping contains the role helper of a fine-grained permission`,
				"grantableRoles: [manager]\ngroups: { roles: { X: [manager] } }":    `the role "manager" of the mapping contains the role manager of a fine-grained permission`,
			} {
				if got := b.Propose(t, b.Realm, "version: 1\n"+rules+"\n"); !strings.Contains(got, want) {
					t.Errorf("%s: the look finds %q", rules, got)
				}
			}
			b.UseMapping(t, b.Realm, "version: 1\ngrantableRoles: [clerk]\nusers: { roles: [{ grant: [clerk] }] }\n")
			b.Create(t, "/Users", `{"userName":"before"}`)
			b.Compose(t, server, clerk, keycloak.RoleName{Name: "helper"})
			b.Refused(t, http.StatusServiceUnavailable, http.MethodPost, "/Users", `{"userName":"after"}`)
			everybody := b.KnownRole(t, keycloak.RoleName{Name: "default-roles-" + b.Realm})
			composite, err := json.Marshal([]keycloak.Role{helper})
			if err != nil {
				t.Fatal(err)
			}
			apptest.AdminSend(t, server, http.MethodPost, "/admin/realms/"+b.Realm+"/roles-by-id/"+everybody.ID+"/composites", string(composite))
			b.App.Watcher.Check(t.Context())
			if got := b.App.Watcher.Tenants.All()[0].Fitness().Problem; !strings.Contains(got, "every user of the realm is an administrator") {
				t.Errorf("the look finds %q", got)
			}
			apptest.AdminSend(t, server, http.MethodDelete, "/admin/realms/"+b.Realm+"/roles-by-id/"+everybody.ID+"/composites", string(composite))
			apptest.AdminSend(t, server, http.MethodPut, "/admin/realms/"+b.Realm+"/default-groups/"+helpdesk.String(), "")
			b.App.Watcher.Check(t.Context())
			if got := b.App.Watcher.Tenants.All()[0].Fitness().Problem; !strings.Contains(got, `every new user of the realm becomes an administrator: the default group "/helpdesk"`) {
				t.Errorf("the look finds %q", got)
			}
		})
	}
}
