package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/realm"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestFineGrainedPermissions in the place of manage-users: Keycloak itself keeps who has the
// bridge's secret away from named administrators, and the bridge works. Without the
// permissions, when Keycloak shows empty lists, the tenant is unfit, and on 26.4 with them.
func TestFineGrainedPermissions(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := newBridgeOn(t, server, nil)
	boss := b.account(t, "boss", true)
	b.grant(t, boss, b.known(t, right("realm-admin")))
	account := b.withoutManageUsers(t, server)
	b.app.Watcher.Look(t.Context())
	if problem := b.app.Watcher.Tenants.All()[0].Fitness().Problem; !strings.Contains(problem, "lacks the realm-management role manage-users, and no fine-grained permission") {
		t.Errorf("without permissions the look finds %q", problem)
	}
	b.permit(t, server, account, boss)
	if keycloaktest.OlderThan("26.6") { // it does not let the account see itself
		b.app.Watcher.Look(t.Context())
		b.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users", "")
		return
	}
	b.look(t)
	remembers := func([]string) ([]string, error) { return []string{"kept"}, nil }
	if err := realm.Remember(t.Context(), b.app.Watcher.Realms.Client(b.realm), mapping.AttrRevoked, remembers); err != nil {
		t.Errorf("the bridge cannot remember: %v", err)
	}
	jane := b.create(t, "/Users", `{"userName":"jane","externalId":"J","title":"t"}`)
	group := b.create(t, "/Groups", `{"displayName":"Team","members":[{"value":"`+jane+`"}]}`)
	b.must(t, http.MethodPatch, "/Users/"+jane, patchBody(`{"op":"replace","path":"title","value":"t2"},{"op":"replace","path":"active","value":false}`))
	b.must(t, http.MethodPatch, "/Groups/"+group, patchBody(`{"op":"remove","path":"members[value eq \"`+jane+`\"]"}`))
	wantNames(t, "users", b.names(t, "/Users"), "boss", "jane") // Keycloak lists whom it lets nobody read
	if found, err := b.Find(t.Context(), "/Users", `externalId eq "J"`, ""); err != nil || len(found) != 1 {
		t.Errorf("jane is found as %v, %v", found, err)
	}
	own := b.secretClient(t)
	name := "mine"
	if err := own.UpdateUser(t.Context(), boss, keycloak.UserUpdate{FirstName: &name}); keycloak.KindOf(err) != keycloak.Denied {
		t.Errorf("with the bridge's secret the administrator can be changed: %v", err)
	}
	if err := own.DeleteUser(t.Context(), boss); keycloak.KindOf(err) != keycloak.Denied {
		t.Errorf("with the bridge's secret the administrator can be deleted: %v", err)
	}
	b.refused(t, http.StatusConflict, http.MethodPost, "/Users", `{"userName":"boss"}`)
	b.must(t, http.MethodDelete, "/Groups/"+group, "")
	b.must(t, http.MethodDelete, "/Users/"+jane, "")
}

// permit gives the bridge's account what docs/explanation/security.md says, and takes
// administrators out of its reach.
func (b testBridge) permit(t *testing.T, server keycloaktest.Server, account keycloak.UserID, admins ...keycloak.UserID) {
	t.Helper()
	var names []string
	for _, id := range admins {
		names = append(names, id.String())
	}
	nobody := b.role(t, server, "", "nobody")
	is := b.policy(t, server, "user", `"name":"the bridge","users":["`+account.String()+`"]`)
	isNobody := b.policy(t, server, "role", `"name":"nobody","roles":[{"id":"`+nobody.ID+`"}]`)
	b.permission(t, server, `"name":"users","resourceType":"Users","scopes":["view","manage","manage-group-membership"]`, is)
	b.permission(t, server, `"name":"groups","resourceType":"Groups","scopes":["view","manage","view-members","manage-members","manage-membership"]`, is)
	b.permission(t, server, `"name":"administrators","resourceType":"Users","resources":["`+strings.Join(names, `","`)+`"],"scopes":`+userScopes, isNobody)
}

// withoutManageUsers switches permissions on and takes the role from the bridge's account.
func (b testBridge) withoutManageUsers(t *testing.T, server keycloaktest.Server) (account keycloak.UserID) {
	t.Helper()
	client, _, err := b.admin.FindClient(t.Context(), "scim-bridge")
	if err == nil {
		account, err = b.admin.ServiceAccount(t.Context(), client)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := patient{b, server}
	p.set(t, `{"adminPermissionsEnabled":true}`)
	p.right(t, "manage-users", false)
	p.right(t, "query-users", true)
	p.right(t, "query-groups", true)
	return account
}

// userScopes are all that a permission gives on a user.
const userScopes = `["view","manage","manage-group-membership","map-roles","impersonate","reset-password"]`

// policy makes a policy of the realm's fine-grained permissions and returns its id.
func (b testBridge) policy(t *testing.T, server keycloaktest.Server, kind, members string) string {
	t.Helper()
	return b.authorize(t, server, "/policy/"+kind, "{"+members+"}")
}

// permission makes a permission that is given by policies, and returns its id.
func (b testBridge) permission(t *testing.T, server keycloaktest.Server, members string, policies ...string) string {
	t.Helper()
	data, err := json.Marshal(append([]string{}, policies...))
	if err != nil {
		t.Fatal(err)
	}
	return b.authorize(t, server, "/permission/scope", "{"+members+`,"policies":`+string(data)+"}")
}

func (b testBridge) authorize(t *testing.T, server keycloaktest.Server, path, body string) (id string) {
	t.Helper()
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(adminCall(t, server, http.MethodPost, b.authorization(t)+path, body)), &made); err != nil {
		t.Fatal(err)
	}
	return made.ID
}

// authorization is where the realm's fine-grained permissions are.
func (b testBridge) authorization(t *testing.T) string {
	t.Helper()
	client, _, err := b.admin.FindClient(t.Context(), "admin-permissions")
	if err != nil {
		t.Fatal(err)
	}
	return "/admin/realms/" + b.realm + "/clients/" + client.String() + "/authz/resource-server"
}

// callsOn are the calls of the Admin API that read or change a user.
func callsOn(user, group string) []attack {
	at := "/users/" + user
	return []attack{
		{http.MethodGet, at, ""},
		{http.MethodPut, at, `{"firstName":"mine"}`},
		{http.MethodPut, at, `{"enabled":false}`},
		{http.MethodPut, at + "/reset-password", `{"type":"password","value":"Mine-of-the-attacker-1","temporary":false}`},
		{http.MethodPut, at + "/reset-password-email", ""},
		{http.MethodPut, at + "/execute-actions-email", `["UPDATE_PASSWORD"]`},
		{http.MethodPut, at + "/send-verify-email", ""},
		{http.MethodPut, at + "/disable-credential-types", `["password"]`},
		{http.MethodGet, at + "/credentials", ""},
		{http.MethodGet, at + "/sessions", ""},
		{http.MethodPost, at + "/logout", ""},
		{http.MethodPost, at + "/impersonation", "{}"},
		{http.MethodGet, at + "/groups", ""},
		{http.MethodPut, at + "/groups/" + group, "{}"},
		{http.MethodDelete, at + "/groups/" + group, ""},
		{http.MethodGet, at + "/role-mappings", ""},
		{http.MethodPost, at + "/role-mappings/realm", "[]"},
		{http.MethodGet, at + "/federated-identity", ""},
		{http.MethodPost, at + "/federated-identity/mine", `{"userId":"mine","userName":"mine"}`},
		{http.MethodGet, at + "/consents", ""},
		{http.MethodDelete, at, ""},
	}
}

// TestSecurity_38_NobodyGetsInByThePermissionThatLocksTheBridgeOut: what the documents say keeps
// who has the bridge's secret away from an administrator, and lets nobody else at it. With a policy
// of the logic Negative in its place every user of the realm could reset the administrator's
// password.
func TestSecurity_38_NobodyGetsInByThePermissionThatLocksTheBridgeOut(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	b := newBridgeOn(t, server, nil)
	boss := b.account(t, "boss", true)
	b.grant(t, boss, b.known(t, right("realm-admin")))
	b.account(t, "ordinary", true)
	group := b.group(t, "team", keycloak.GroupID{})
	account := b.withoutManageUsers(t, server)
	b.permit(t, server, account, boss)
	secret := b.config.Realms[b.realm].Credentials.Secret.Reveal()
	for who, form := range map[string]url.Values{
		"an ordinary user": {"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"ordinary"}, "password": {passwordBefore}},
		"the bridge":       {"grant_type": {"client_credentials"}, "client_id": {"scim-bridge"}, "client_secret": {secret}},
	} {
		for _, call := range callsOn(boss.String(), group.String()) {
			if got := b.adminAs(t, server, form, call); got != http.StatusForbidden {
				t.Errorf("%s: %s %s of the administrator = %d, want 403", who, call.method, call.path, got)
			}
		}
	}
	if !b.canLogIn(t, server, "boss", passwordBefore) {
		t.Error("the administrator's password was changed")
	}
}

// TestSecurity_38_DoctorFindsNegativePolicies: a permission with one alone is for every user of the
// realm, and one that has another policy too is near to that.
func TestSecurity_38_DoctorFindsNegativePolicies(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newBridgeOn(t, server, nil)
			p := patient{b, server}
			p.set(t, `{"adminPermissionsEnabled":true}`)
			user := b.create(t, "/Users", `{"userName":"helper"}`)
			is := b.policy(t, server, "user", `"name":"is","users":["`+user+`"]`)
			isNot := b.policy(t, server, "user", `"name":"is not","logic":"NEGATIVE","users":["`+user+`"]`)
			look := func(when string, want ...string) {
				t.Helper()
				var got []string
				ill, code := p.diagnose(t)
				for _, f := range ill {
					got = append(got, string(f.Severity)+" "+f.Check+" "+f.Text)
				}
				if diff := cmp.Diff(want, got); diff != "" || (code != 0) != strings.HasPrefix(strings.Join(want, ""), "FAIL") {
					t.Errorf("%s: doctor ends with %d: (-want +got)\n%s", when, code, diff)
				}
			}
			look("without a permission", `WARN permissions the policy "is not" has the logic Negative: a permission with no other policy is for every user of the realm but those that it names`)
			both := b.permission(t, server, `"name":"both","resourceType":"Users","scopes":["view"]`, isNot, is)
			look("beside a positive one", `WARN permissions the policy "is not" has the logic Negative: a permission with no other policy is for every user of the realm but those that it names`)
			b.permission(t, server, `"name":"alone","resourceType":"Users","resources":["`+user+`"],"scopes":["view"]`, isNot)
			look("alone", `FAIL permissions the permission "alone" is for every user of the realm but those of a policy: its policy "is not" has the logic Negative`)
			b.must(t, http.MethodGet, "/Users", "")
			adminSend(t, server, http.MethodDelete, b.authorization(t)+"/permission/scope/"+both, "")
			if name == "real" && keycloaktest.OlderThan("26.7") { // it lets any strategy in
				either := b.permission(t, server, `"name":"any","resourceType":"Users","resources":["`+user+`"],"scopes":["view"],"decisionStrategy":"AFFIRMATIVE"`, isNot, is)
				const alone = `FAIL permissions the permission "alone" is for every user of the realm but those of a policy: its policy "is not" has the logic Negative`
				look("beside a positive one, of which either will do", alone, strings.Replace(alone, "alone", "any", 1))
				adminSend(t, server, http.MethodDelete, b.authorization(t)+"/permission/scope/"+either, "")
			}
			adminSend(t, server, http.MethodDelete, b.authorization(t)+"/policy/user/"+isNot, "")
			look("gone")
			if name == "real" && keycloaktest.OlderThan("26.6") { // once they are off it lists no clients to an account without manage-clients
				return
			}
			b.permission(t, server, `"name":"off","resourceType":"Users","scopes":["manage"]`, b.policy(t, server, "user", `"name":"off for","logic":"NEGATIVE","users":["`+user+`"]`))
			p.set(t, `{"adminPermissionsEnabled":false}`)
			look("switched off")
		})
	}
}

// adminAs is the status of a call of the Admin API with a token of its caller's own.
func (b testBridge) adminAs(t *testing.T, server keycloaktest.Server, form url.Values, call attack) int {
	t.Helper()
	status, answer := token(t, server, b.realm, form)
	if status != http.StatusOK {
		t.Fatalf("no token: %v", answer)
	}
	req, err := http.NewRequestWithContext(t.Context(), call.method, server.URL+"/admin/realms/"+b.realm+call.path, strings.NewReader(call.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+answer["access_token"].(string))
	req.Header.Set("Content-Type", "application/json")
	status, _, _ = exchange(t, req)
	return status
}

// secretClient is Keycloak as who holds the bridge's secret sees it.
func (b testBridge) secretClient(t *testing.T) *keycloak.Client {
	t.Helper()
	clients, err := app.Clients(b.config, http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	return clients[b.realm]
}

// TestSecurity_38_SetupKeepsTheBridgeWithoutManageUsers: run again, it does not give back what was
// taken, nor what else is there, and doctor finds it when somebody gave it back. What doctor says of
// an account that has no permissions yet helps.
func TestSecurity_38_SetupKeepsTheBridgeWithoutManageUsers(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			b := newBridgeOn(t, server, nil)
			p := patient{b, server}
			boss := b.account(t, "boss", true)
			b.grant(t, boss, b.known(t, right("realm-admin")))
			account := b.withoutManageUsers(t, server)
			setup := func() string {
				t.Helper()
				_, told, code := command(t, "", "setup", "--url", server.URL, "--realm", b.realm, "--admin-user", server.Admin, "--admin-password", server.Password, "--yes", "--allow-username-changes")
				if code != 0 {
					t.Fatalf("setup ended with %d: %s", code, told)
				}
				return told
			}
			has := func(role string) bool {
				t.Helper()
				roles, err := b.admin.EffectiveRoles(t.Context(), account, b.management(t))
				if err != nil {
					t.Fatal(err)
				}
				return slices.Contains(roles, role)
			}
			found := func(check string) (text, fix string) {
				t.Helper()
				ill, _ := p.diagnose(t)
				for _, f := range ill {
					if f.Check == check {
						return string(f.Severity) + " " + f.Text, f.Fix
					}
				}
				return fmt.Sprint(ill), ""
			}

			text, fix := found("rights")
			if !strings.Contains(text, "FAIL the service account lacks the realm-management role manage-users, and no fine-grained permission") ||
				!strings.Contains(fix, "the permissions of step 4") || !strings.Contains(fix, "take query-users and query-groups from it, and have manage-users granted:\nscim-bridge setup --url "+server.URL+" --realm "+b.realm) {
				t.Errorf("without permissions doctor says %s, and to %s", text, fix)
			}
			if told := setup(); !strings.Contains(told, "nothing to change") || has("manage-users") {
				t.Errorf("setup says %s, and the account has manage-users: %t", told, has("manage-users"))
			}
			recent := name == "real" && !keycloaktest.OlderThan("26.6")
			if recent { // the first remedy
				b.permit(t, server, account, boss)
				if ill, code := p.diagnose(t); len(ill) > 0 || code != 0 {
					t.Errorf("with the permissions doctor ends with %d: %+v", code, ill)
				}
				form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"scim-bridge"}, "client_secret": {b.config.Realms[b.realm].Credentials.Secret.Reveal()}}
				reset := attack{http.MethodPut, "/users/" + boss.String() + "/reset-password", `{"type":"password","value":"Mine-of-the-attacker-1","temporary":false}`}
				setup()
				if got := b.adminAs(t, server, form, reset); got != http.StatusForbidden {
					t.Errorf("after setup the bridge's secret sets an administrator's password: %d", got)
				}
			}

			p.right(t, "view-realm", false)
			if told := setup(); !strings.Contains(told, "grant it the realm-management roles view-realm\n") || !has("view-realm") || has("manage-users") {
				t.Errorf("setup of an account that lacks view-realm says %s", told)
			}

			p.right(t, "manage-users", true)
			text, fix = found("privileges")
			if !strings.Contains(text, "WARN the account has manage-users beside query-users and query-groups") || !strings.Contains(fix, "take manage-users from the service account") {
				t.Errorf("with manage-users again doctor says %s, and to %s", text, fix)
			}
			p.right(t, "manage-users", false)
			if ill, _ := p.diagnose(t); slices.ContainsFunc(ill, func(f realm.Finding) bool { return f.Check == "privileges" }) || recent && len(ill) > 0 {
				t.Errorf("without it doctor says %+v", ill)
			}

			p.right(t, "query-users", false) // the second remedy
			p.right(t, "query-groups", false)
			if told := setup(); !strings.Contains(told, "grant it the realm-management roles manage-users\n") {
				t.Errorf("setup of an account that lacks manage-users says %s", told)
			}
			if ill, code := p.diagnose(t); len(ill) > 0 || code != 0 {
				t.Errorf("with manage-users alone doctor ends with %d: %+v", code, ill)
			}
			p.right(t, "manage-users", false)
			p.right(t, "view-users", true) // which contains both, and asks no permission
			if setup(); !has("manage-users") {
				t.Error("setup takes view-users for permissions")
			}
		})
	}
}

// TestSecurity_38_WhomAPermissionKeepsFromTheBridge is answered as any other protected user, whatever
// Keycloak says of him.
func TestSecurity_38_WhomAPermissionKeepsFromTheBridge(t *testing.T) {
	t.Parallel()
	server := keycloaktest.Real(t)
	if keycloaktest.OlderThan("26.6") {
		t.Skip("before 26.6 the bridge cannot work by permissions in place of manage-users")
	}
	b := newBridgeOn(t, server, nil)
	reconfigure := func(edit func(*config.Tenant)) {
		t.Helper()
		b.reconfigure(t, func(c *config.Config) {
			for name, r := range c.Realms {
				r.Protected.Users = []string{"listed"}
				c.Realms[name] = r
				edit(&r.Tenants[0])
			}
		})
	}
	boss, listed, helper := b.account(t, "boss", true), b.account(t, "listed", true), b.account(t, "helper", true)
	free, named, nobodys := b.account(t, "free", true), b.account(t, "named", true), b.account(t, "nobodys", true)
	b.grant(t, boss, b.known(t, right("realm-admin")))
	helpers, team := b.group(t, "helpers", keycloak.GroupID{}), b.group(t, "team", keycloak.GroupID{})
	for user, group := range map[keycloak.UserID]keycloak.GroupID{helper: helpers, boss: team} {
		if err := b.admin.AddMember(t.Context(), user, group); err != nil {
			t.Fatal(err)
		}
	}
	b.permit(t, server, b.withoutManageUsers(t, server), boss, listed, helper, named, nobodys)
	b.permission(t, server, `"name":"helpdesk","resourceType":"Users","resources":["`+free.String()+`"],"scopes":["reset-password"]`,
		b.policy(t, server, "group", `"name":"helpers","groups":[{"id":"`+helpers.String()+`"}]`))
	b.permission(t, server, `"name":"another helpdesk","resourceType":"Users","resources":["`+free.String()+`"],"scopes":["manage"]`,
		b.policy(t, server, "user", `"name":"named","users":["`+named.String()+`"]`))
	reconfigure(func(*config.Tenant) {})
	b.look(t) // by what it remembers
	if ill, code := (patient{b, server}).diagnose(t); code != 0 {
		t.Errorf("doctor ends with %d: %+v", code, ill)
	}
	own := b.create(t, "/Users", `{"userName":"own","externalId":"O"}`)
	member := func(ids ...string) string {
		var out []string
		for _, id := range ids {
			out = append(out, `{"value":"`+id+`"}`)
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	off := patchBody(`{"op":"replace","path":"active","value":false}`)
	for name, id := range map[string]string{"boss": boss.String(), "listed": listed.String(), "helper": helper.String()} {
		at := "/Users/" + id
		shown := b.must(t, http.MethodGet, at, "")
		if shown["id"] != id || shown["userName"] != name || shown["active"] != true || (shown["emails"] != nil) != (name == "helper") {
			t.Errorf("%s shows %v", name, shown)
		}
		for _, filter := range []string{`id eq "` + id + `"`, `userName eq "` + name + `"`, `userName sw "` + name + `"`} {
			if got, err := b.Find(t.Context(), "/Users", filter, ""); err != nil || len(got) != 1 || got[0]["id"] != id {
				t.Errorf("%s finds %v, %v", filter, got, err)
			}
		}
		for _, call := range []attack{
			{http.MethodPatch, at, off},
			{http.MethodPut, at, `{"userName":"` + name + `","active":false}`},
			{http.MethodDelete, at, ""},
			{http.MethodPost, "/Groups", `{"displayName":"New","members":` + member(own, id) + `}`},
			{http.MethodPatch, "/Groups/" + team.String(), patchBody(`{"op":"add","path":"members","value":` + member(own, id) + `}`)},
			{http.MethodPatch, "/Groups/" + team.String(), patchBody(`{"op":"remove","path":"members","value":` + member(id) + `}`)},
		} {
			if detail := b.refused(t, http.StatusForbidden, call.method, call.path, call.body); !strings.Contains(detail, id) {
				t.Errorf("%s: %s %s says %q", name, call.method, call.path, detail)
			}
		}
		b.must(t, http.MethodPatch, "/Users/"+own, patchBody(`{"op":"replace","path":"manager","value":{"value":"`+id+`"}}`))
	}
	b.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users/"+named.String(), "") // nothing tells its name
	b.refused(t, http.StatusForbidden, http.MethodDelete, "/Users/"+named.String(), "")
	b.refused(t, http.StatusServiceUnavailable, http.MethodGet, "/Users/"+nobodys.String(), "") // nobody says that it is protected
	b.refused(t, http.StatusServiceUnavailable, http.MethodDelete, "/Users/"+nobodys.String(), "")
	if err := b.admin.DeleteUser(t.Context(), nobodys); err != nil {
		t.Fatal(err)
	}
	file := b.controlled(t)
	adoptions := b.adoptions(t, file, b.app.Watcher.Tenants.All()[0].Path, "--dry-run")
	for name, want := range map[string]bridge.Outcome{"boss": bridge.Refused, "listed": bridge.Refused, "helper": bridge.Refused, "free": bridge.Adopted} {
		if got := adoptions[name]; got.Outcome != want {
			t.Errorf("adopt says of %s %+v, want %s", name, got, want)
		}
	}
	reconfigure(func(t *config.Tenant) { t.UnknownMembers = config.UnknownMembersIgnore })
	group := b.create(t, "/Groups", `{"displayName":"New","members":`+member(own, boss.String())+`}`)
	if got := b.must(t, http.MethodGet, "/Groups/"+group, ""); len(got["members"].([]any)) != 1 {
		t.Errorf("the group has %v", got["members"])
	}
	b.refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+absentID, "")
	reconfigure(func(t *config.Tenant) { t.Scope = config.ScopeOwned })
	b.refused(t, http.StatusNotFound, http.MethodGet, "/Users/"+boss.String(), "")
	b.refused(t, http.StatusNotFound, http.MethodDelete, "/Users/"+boss.String(), "")
	b.must(t, http.MethodGet, "/Groups/"+team.String(), "")
}
