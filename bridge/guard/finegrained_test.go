package guard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestFineGrainedPermissions in place of manage-users: Keycloak itself keeps named administrators
// safe from anybody who has the bridge's secret, and the bridge works. Without the permissions
// Keycloak shows empty lists and the tenant is unfit. On 26.4 the tenant is unfit even with the
// permissions.
func TestFineGrainedPermissions(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, server, nil)
	boss := b.MakeAccount(t, "boss", true)
	b.Grant(t, boss, b.KnownRole(t, apptest.ManagementRole("realm-admin")))
	account := b.WithoutManageUsers(t, server)
	b.App.Watcher.Check(t.Context())
	if problem := b.App.Watcher.Tenants.All()[0].Fitness().Problem; !strings.Contains(problem, "lacks the realm-management role manage-users, and no fine-grained permission") {
		t.Errorf("without permissions the look finds %q", problem)
	}
	b.Permit(t, server, account, boss)
	if keycloaktest.OlderThan("26.6") { // it does not let the account see itself
		b.App.Watcher.Check(t.Context())
		b.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
		return
	}
	b.Check(t)
	remembers := func([]string) ([]string, error) { return []string{"kept"}, nil }
	if err := realm.Remember(t.Context(), b.App.Watcher.Realms.Client(b.Realm), mapping.AttrRevoked, remembers); err != nil {
		t.Errorf("the bridge cannot remember: %v", err)
	}
	jane := b.Create(t, "/Users", `{"userName":"jane","externalId":"J","title":"t"}`)
	group := b.Create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+jane+`"}]}`)
	b.Must(t, http.MethodPatch, "/Users/"+jane, apptest.PatchBody(`{"op":"replace","path":"title","value":"t2"},{"op":"replace","path":"active","value":false}`))
	b.Must(t, http.MethodPatch, "/Groups/"+group, apptest.PatchBody(`{"op":"remove","path":"members[value eq \"`+jane+`\"]"}`))
	apptest.WantNames(t, "users", b.Names(t, "/Users"), "boss", "jane") // Keycloak lists also users that nobody may read
	if found, err := b.Find(t.Context(), "/Users", `externalId eq "J"`, ""); err != nil || len(found) != 1 {
		t.Errorf("jane is found as %v, %v", found, err)
	}
	own := secretClient(t, b)
	name := "mine"
	if err := own.UpdateUser(t.Context(), boss, keycloak.UserUpdate{FirstName: &name}); keycloak.KindOf(err) != keycloak.Denied {
		t.Errorf("with the bridge's secret the administrator can be changed: %v", err)
	}
	if err := own.DeleteUser(t.Context(), boss); keycloak.KindOf(err) != keycloak.Denied {
		t.Errorf("with the bridge's secret the administrator can be deleted: %v", err)
	}
	b.Refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"boss"}`)
	b.Must(t, http.MethodDelete, "/Groups/"+group, "")
	b.Must(t, http.MethodDelete, "/Users/"+jane, "")
}

// callsOn are the calls of the Admin API that read or change a user.
func callsOn(user, group string) []apptest.Request {
	at := "/users/" + user
	return []apptest.Request{
		{Method: http.MethodGet, Path: at, Body: ""},
		{Method: http.MethodPut, Path: at, Body: `{"firstName":"mine"}`},
		{Method: http.MethodPut, Path: at, Body: `{"enabled":false}`},
		{Method: http.MethodPut, Path: at + "/reset-password", Body: `{"type":"password","value":"Mine-of-the-attacker-1","temporary":false}`},
		{Method: http.MethodPut, Path: at + "/reset-password-email", Body: ""},
		{Method: http.MethodPut, Path: at + "/execute-actions-email", Body: `["UPDATE_PASSWORD"]`},
		{Method: http.MethodPut, Path: at + "/send-verify-email", Body: ""},
		{Method: http.MethodPut, Path: at + "/disable-credential-types", Body: `["password"]`},
		{Method: http.MethodGet, Path: at + "/credentials", Body: ""},
		{Method: http.MethodGet, Path: at + "/sessions", Body: ""},
		{Method: http.MethodPost, Path: at + "/logout", Body: ""},
		{Method: http.MethodPost, Path: at + "/impersonation", Body: "{}"},
		{Method: http.MethodGet, Path: at + "/groups", Body: ""},
		{Method: http.MethodPut, Path: at + "/groups/" + group, Body: "{}"},
		{Method: http.MethodDelete, Path: at + "/groups/" + group, Body: ""},
		{Method: http.MethodGet, Path: at + "/role-mappings", Body: ""},
		{Method: http.MethodPost, Path: at + "/role-mappings/realm", Body: "[]"},
		{Method: http.MethodGet, Path: at + "/federated-identity", Body: ""},
		{Method: http.MethodPost, Path: at + "/federated-identity/mine", Body: `{"userId":"mine","userName":"mine"}`},
		{Method: http.MethodGet, Path: at + "/consents", Body: ""},
		{Method: http.MethodDelete, Path: at, Body: ""},
	}
}

// TestSecurity_38_NobodyGetsInByThePermissionThatLocksTheBridgeOut: the documented permission keeps
// anybody with the bridge's secret away from an administrator, and gives nobody else a right over
// the administrator. With a policy of the logic Negative instead, every user of the realm could
// reset the administrator's password.
func TestSecurity_38_NobodyGetsInByThePermissionThatLocksTheBridgeOut(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := apptest.NewBridgeOn(t, server, nil)
	boss := b.MakeAccount(t, "boss", true)
	b.Grant(t, boss, b.KnownRole(t, apptest.ManagementRole("realm-admin")))
	b.MakeAccount(t, "ordinary", true)
	group := b.MakeGroup(t, "team", keycloak.GroupID{})
	account := b.WithoutManageUsers(t, server)
	b.Permit(t, server, account, boss)
	secret := b.Config.Realms[b.Realm].Credentials.Secret.Reveal()
	for who, form := range map[string]url.Values{
		"an ordinary user": {"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"ordinary"}, "password": {apptest.PasswordBefore}},
		"the bridge":       {"grant_type": {"client_credentials"}, "client_id": {"scim-bridge"}, "client_secret": {secret}},
	} {
		for _, call := range callsOn(boss.String(), group.String()) {
			if got := b.AdminAs(t, server, form, call); got != http.StatusForbidden {
				t.Errorf("%s: %s %s of the administrator = %d, want 403", who, call.Method, call.Path, got)
			}
		}
	}
	if !b.CanLogIn(t, server, "boss", apptest.PasswordBefore) {
		t.Error("the administrator's password was changed")
	}
}

// TestSecurity_38_DoctorFindsNegativePolicies: a permission that has only such a policy applies to
// every user of the realm. A permission that has another policy too may apply to too many users.
func TestSecurity_38_DoctorFindsNegativePolicies(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := apptest.NewBridgeOn(t, server, nil)
			p := apptest.Patient{Bridge: b, Server: server}
			p.Set(t, `{"adminPermissionsEnabled":true}`)
			user := b.Create(t, "/Users", `{"userName":"helper"}`)
			is := b.Policy(t, server, "user", `"name":"is","users":["`+user+`"]`)
			isNot := b.Policy(t, server, "user", `"name":"is not","logic":"NEGATIVE","users":["`+user+`"]`)
			look := func(when string, want ...string) {
				t.Helper()
				var got []string
				ill, code := p.Diagnose(t)
				for _, f := range ill {
					got = append(got, string(f.Severity)+" "+f.Check+" "+f.Text)
				}
				if diff := cmp.Diff(want, got); diff != "" || (code != 0) != strings.HasPrefix(strings.Join(want, ""), "FAIL") {
					t.Errorf("%s: doctor ends with %d: (-want +got)\n%s", when, code, diff)
				}
			}
			look("without a permission", `WARN permissions the policy "is not" has the logic Negative: a permission with no other policy is for every user of the realm except those that the policy names`)
			both := b.Permission(t, server, `"name":"both","resourceType":"Users","scopes":["view"]`, isNot, is)
			look("beside a positive one", `WARN permissions the policy "is not" has the logic Negative: a permission with no other policy is for every user of the realm except those that the policy names`)
			b.Permission(t, server, `"name":"alone","resourceType":"Users","resources":["`+user+`"],"scopes":["view"]`, isNot)
			look("alone", `FAIL permissions the permission "alone" is for every user of the realm except those of a policy: its policy "is not" has the logic Negative`)
			b.Must(t, http.MethodGet, "/Users", "")
			apptest.AdminSend(t, server, http.MethodDelete, b.Authorization(t)+"/permission/scope/"+both, "")
			if name == "real" && keycloaktest.OlderThan("26.7") { // it accepts any strategy
				either := b.Permission(t, server, `"name":"any","resourceType":"Users","resources":["`+user+`"],"scopes":["view"],"decisionStrategy":"AFFIRMATIVE"`, isNot, is)
				const alone = `FAIL permissions the permission "alone" is for every user of the realm except those of a policy: its policy "is not" has the logic Negative`
				look("beside a positive one, of which either will do", alone, strings.Replace(alone, "alone", "any", 1))
				apptest.AdminSend(t, server, http.MethodDelete, b.Authorization(t)+"/permission/scope/"+either, "")
			}
			apptest.AdminSend(t, server, http.MethodDelete, b.Authorization(t)+"/policy/user/"+isNot, "")
			look("gone")
			if name == "real" && keycloaktest.OlderThan("26.6") { // once permissions are off, it lists no clients to an account without manage-clients
				return
			}
			b.Permission(t, server, `"name":"off","resourceType":"Users","scopes":["manage"]`, b.Policy(t, server, "user", `"name":"off for","logic":"NEGATIVE","users":["`+user+`"]`))
			p.Set(t, `{"adminPermissionsEnabled":false}`)
			look("switched off")
		})
	}
}

// secretClient is Keycloak as somebody sees it who has the bridge's secret.
func secretClient(t *testing.T, b apptest.Bridge) *keycloak.Client {
	t.Helper()
	clients, err := app.Clients(b.Config, http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	return clients[b.Realm]
}

// TestSecurity_38_AUserThatAPermissionHidesFromTheBridge: the user answers like any other protected
// user, whatever Keycloak says about the user.
func TestSecurity_38_AUserThatAPermissionHidesFromTheBridge(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	if keycloaktest.OlderThan("26.6") {
		t.Skip("before 26.6 the bridge cannot work by permissions in place of manage-users")
	}
	b := apptest.NewBridgeOn(t, server, nil)
	reconfigure := func(edit func(*config.Tenant)) {
		t.Helper()
		b.Reconfigure(t, func(c *config.Config) {
			for name, r := range c.Realms {
				r.Protected.Users = []string{"listed"}
				c.Realms[name] = r
				edit(&r.Tenants[0])
			}
		})
	}
	boss, listed, helper := b.MakeAccount(t, "boss", true), b.MakeAccount(t, "listed", true), b.MakeAccount(t, "helper", true)
	free, named, nobodys := b.MakeAccount(t, "free", true), b.MakeAccount(t, "named", true), b.MakeAccount(t, "nobodys", true)
	b.Grant(t, boss, b.KnownRole(t, apptest.ManagementRole("realm-admin")))
	helpers, team := b.MakeGroup(t, "helpers", keycloak.GroupID{}), b.MakeGroup(t, "team", keycloak.GroupID{})
	for user, group := range map[keycloak.UserID]keycloak.GroupID{helper: helpers, boss: team} {
		if err := b.Admin.AddMember(t.Context(), user, group); err != nil {
			t.Fatal(err)
		}
	}
	b.Permit(t, server, b.WithoutManageUsers(t, server), boss, listed, helper, named, nobodys)
	b.Permission(t, server, `"name":"helpdesk","resourceType":"Users","resources":["`+free.String()+`"],"scopes":["reset-password"]`,
		b.Policy(t, server, "group", `"name":"helpers","groups":[{"id":"`+helpers.String()+`"}]`))
	b.Permission(t, server, `"name":"another helpdesk","resourceType":"Users","resources":["`+free.String()+`"],"scopes":["manage"]`,
		b.Policy(t, server, "user", `"name":"named","users":["`+named.String()+`"]`))
	reconfigure(func(*config.Tenant) {})
	b.Check(t) // from memory
	if ill, code := (apptest.Patient{Bridge: b, Server: server}).Diagnose(t); code != 0 {
		t.Errorf("doctor ends with %d: %+v", code, ill)
	}
	own := b.Create(t, "/Users", `{"userName":"own","externalId":"O"}`)
	member := func(ids ...string) string {
		var out []string
		for _, id := range ids {
			out = append(out, `{"value":"`+id+`"}`)
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	off := apptest.PatchBody(`{"op":"replace","path":"active","value":false}`)
	for name, id := range map[string]string{"boss": boss.String(), "listed": listed.String(), "helper": helper.String()} {
		at := "/Users/" + id
		shown := b.Must(t, http.MethodGet, at, "")
		if shown["id"] != id || shown["userName"] != name || shown["active"] != true || (shown["emails"] != nil) != (name == "helper") {
			t.Errorf("%s shows %v", name, shown)
		}
		for _, filter := range []string{`id eq "` + id + `"`, `userName eq "` + name + `"`, `userName sw "` + name + `"`} {
			if got, err := b.Find(t.Context(), "/Users", filter, ""); err != nil || len(got) != 1 || got[0]["id"] != id {
				t.Errorf("%s finds %v, %v", filter, got, err)
			}
		}
		for _, call := range []apptest.Request{
			{Method: http.MethodPatch, Path: at, Body: off},
			{Method: http.MethodPut, Path: at, Body: `{"userName":"` + name + `","active":false}`},
			{Method: http.MethodDelete, Path: at, Body: ""},
			{Method: http.MethodPost, Path: "/Groups", Body: `{"displayName":"New","members":` + member(own, id) + `}`},
			{Method: http.MethodPatch, Path: "/Groups/" + team.String(), Body: apptest.PatchBody(`{"op":"add","path":"members","value":` + member(own, id) + `}`)},
			{Method: http.MethodPatch, Path: "/Groups/" + team.String(), Body: apptest.PatchBody(`{"op":"remove","path":"members","value":` + member(id) + `}`)},
		} {
			if detail := b.Refused(t, http.StatusForbidden, call.Method, call.Path, call.Body); !strings.Contains(detail, id) {
				t.Errorf("%s: %s %s says %q", name, call.Method, call.Path, detail)
			}
		}
		b.Must(t, http.MethodPatch, "/Users/"+own, apptest.PatchBody(`{"op":"replace","path":"manager","value":{"value":"`+id+`"}}`))
	}
	b.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users/"+named.String(), "") // no answer shows the name
	b.Refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+named.String(), "")
	b.Refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users/"+nobodys.String(), "") // no answer says that the user is protected
	b.Refused(t, http.StatusServiceUnavailable, http.MethodDelete, "/Users/"+nobodys.String(), "")
	if err := b.Admin.DeleteUser(t.Context(), nobodys); err != nil {
		t.Fatal(err)
	}
	file := b.Controlled(t)
	adoptions := b.Adoptions(t, file, b.App.Watcher.Tenants.All()[0].Path, "--dry-run")
	for name, want := range map[string]bridge.Outcome{"boss": bridge.Refused, "listed": bridge.Refused, "helper": bridge.Refused, "free": bridge.Adopted} {
		if got := adoptions[name]; got.Outcome != want {
			t.Errorf("adopt says of %s %+v, want %s", name, got, want)
		}
	}
	reconfigure(func(t *config.Tenant) { t.UnknownMembers = config.UnknownMembersIgnore })
	group := b.Create(t, "/Groups", `{"displayName":"New","members":`+member(own, boss.String())+`}`)
	if got := b.Must(t, http.MethodGet, "/Groups/"+group, ""); len(got["members"].([]any)) != 1 {
		t.Errorf("the group has %v", got["members"])
	}
	b.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+apptest.AbsentID, "")
	reconfigure(func(t *config.Tenant) { t.Scope = config.ScopeOwned })
	b.Refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+boss.String(), "")
	b.Refused(t, http.StatusNotFound, http.MethodDelete, "/Users/"+boss.String(), "")
	b.Must(t, http.MethodGet, "/Groups/"+team.String(), "")
}
