package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/server"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// absentID is an id that nobody has.
const absentID = "00000000-0000-4000-8000-000000000000"

// victims are what belongs to others, by what it is: ids that no client of acme may be able to
// tell from absentID.
type victims struct{ users, groups map[string]string }

// newVictims fills globex and the realm, and finds what Keycloak has of its own.
func newVictims(t *testing.T, c customers) victims {
	t.Helper()
	globex := c.of["globex"]
	gus := globex.create(t, "/Users", `{"userName":"gus@globex.test","externalId":"gus","title":"secret"}`)
	out := victims{
		users: map[string]string{
			"a member of another organization": gus,
			"a user of the realm":              c.realm.create(t, "/Users", `{"userName":"bob"}`),
		},
		groups: map[string]string{
			"a group of another organization": globex.create(t, "/Groups", `{"displayName":"Victims","externalId":"victims","members":[{"value":"`+gus+`"}]}`),
			"a group of the realm":            c.realm.create(t, "/Groups", `{"displayName":"Realm"}`),
		},
	}
	admin := c.realm.admin
	administrator, err := admin.CreateUser(t.Context(), keycloak.NewUser{Username: "root", Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	management, err := admin.FindRole(t.Context(), keycloak.RoleName{Client: "realm-management", Name: "realm-admin"})
	if err == nil {
		err = admin.GrantRoles(t.Context(), administrator, []keycloak.Role{management})
	}
	if err != nil {
		t.Fatal(err)
	}
	out.users["an administrator of the realm"] = administrator.String()
	bridge, _, err := admin.FindClient(t.Context(), "scim-bridge")
	if err != nil {
		t.Fatal(err)
	}
	account, err := admin.ServiceAccount(t.Context(), bridge)
	if err != nil {
		t.Fatal(err)
	}
	out.users["the bridge's own account"] = account.String()
	addHiddenGroups(t, c, out)
	return out
}

// addHiddenGroups adds the groups of an organization that no tenant of it may reach.
func addHiddenGroups(t *testing.T, c customers, out victims) {
	t.Helper()
	admin, acme := c.realm.admin, c.ids["acme"]
	if _, err := admin.OrganizationGroups(t.Context(), acme, 0, 1); err != nil {
		return // this Keycloak has none
	}
	top := c.of["acme"].create(t, "/Groups", `{"displayName":"Top"}`)
	adminSend(t, c.server, http.MethodPost, "/admin/realms/"+c.realm.realm+"/organizations/"+acme.String()+"/groups/"+top+"/children", `{"name":"Nested"}`)
	id, _ := acme.ParseGroupID(top)
	group, err := admin.Group(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	nested, err := admin.Children(t.Context(), id, 0, 10)
	if err != nil || len(nested) != 1 {
		t.Fatalf("Children() = %v, %v", nested, err)
	}
	out.groups["a nested group of its own organization"], out.groups["the root of its own groups"] = nested[0].ID, group.ParentID
}

// answerOf sends a request as it is and returns status, headers and body, with an id in them
// replaced by that of nobody.
func answerOf(t *testing.T, b testBridge, method, path, body, id string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.Base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.Token)
	req.Header.Set("Content-Type", "application/scim+json")
	status, header, answer := exchange(t, req)
	header.Del("Date")
	header.Del("X-Request-Id")
	text := fmt.Sprint(status, header, answer)
	return strings.NewReplacer(id, absentID, url.QueryEscape(id), absentID).Replace(text)
}

// attack is a request that names an id, as $ID; of a form that changes something, what it
// would change first is $OWN, a user of acme's, or $GROUP.
type attack struct{ method, path, body string }

func patchBody(ops string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + ops + `]}`
}

// pathAttacks names an id in the path of every route that takes one, in every form of body.
func pathAttacks(endpoint, attribute string) []attack {
	var out []attack
	for _, route := range server.Routes() {
		if !strings.HasSuffix(route.Path, "/:id") || !strings.HasPrefix(route.Path, endpoint+"/") {
			continue
		}
		bodies := []string{`{"userName":"taken","displayName":"Taken","active":false}`}
		if route.Method == http.MethodPatch {
			bodies = []string{
				patchBody(`{"op":"replace","path":"` + attribute + `","value":"x"}`), patchBody(`{"op":"replace","value":{"` + attribute + `":"x"}}`),
				patchBody(`{"op":"add","path":"members","value":[{"value":"$OWN"}]}`), patchBody(`{"op":"remove","path":"members"}`),
				patchBody(`{"op":"remove","path":"members[value eq \"$OWN\"]"}`), patchBody(`{"op":"remove","path":"members[display eq \"x\"]"}`), patchBody(`{"op":"replace","path":"members","value":[]}`),
				patchBody(`{"op":"replace","path":"active","value":false}`), patchBody(`{"op":"replace","value":{"active":"False"}}`), patchBody(`{"op":"remove","path":"externalId"}`),
			}
		}
		for _, body := range bodies {
			path := strings.Replace(route.Path, ":id", "$ID", 1)
			out = append(out, attack{route.Method, path, body}, attack{route.Method, path + "?attributes=id,members,groups", body})
		}
	}
	return out
}

// valueAttacks names the id of a user everywhere else.
func valueAttacks() []attack {
	out := []attack{
		{"POST", "/Groups", `{"displayName":"New","members":[{"value":"$ID"}]}`},
		{"POST", "/Groups", `{"displayName":"New","members":[{"value":"$OWN"},{"value":"$ID","type":"User"}]}`},
		{"PUT", "/Groups/$GROUP", `{"displayName":"Own","members":[{"value":"$OWN"},{"value":"$ID"}]}`},
		{"POST", "/Users", `{"id":"$ID","userName":"gus@globex.test"}`},
	}
	for _, op := range []string{
		`{"op":"add","path":"members","value":[{"value":"$ID"}]}`, `{"op":"Add","path":"members","value":{"value":"$ID"}}`, `{"op":"add","path":"members","value":"$ID"}`,
		`{"op":"add","path":"members","value":["$ID"]}`, `{"op":"add","value":{"members":[{"value":"$ID"}]}}`, `{"op":"replace","path":"members","value":[{"value":"$OWN"},{"value":"$ID"}]}`,
		`{"op":"replace","value":{"members":[{"value":"$ID"}]}}`, `{"op":"add","path":"members[value eq \"$ID\"]","value":{"value":"$ID"}}`,
		`{"op":"remove","path":"members[value eq \"$ID\"]"}`, `{"op":"remove","path":"members","value":[{"value":"$ID"}]}`,
		`{"op":"add","path":"members","value":[{"value":"$OWN"},{"value":"$ID"}]}`, `{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:Group:members","value":[{"value":"$ID"}]}`,
	} {
		out = append(out, attack{"PATCH", "/Groups/$GROUP", patchBody(op)}, attack{"PATCH", "/Groups/$GROUP?attributes=members", patchBody(op)})
	}
	for _, filter := range []string{
		`id eq "$ID"`, `id eq "$ID" or id eq "$ID"`, `id eq "$ID" and userName pr`, `not (id ne "$ID")`, `id co "$ID"`, `id sw "$ID"`, `id ge "$ID" and id le "$ID"`,
		`meta.location ew "$ID"`,
	} {
		out = append(out, attack{"GET", "/Users?filter=" + url.QueryEscape(filter), ""}, attack{"GET", "/Groups?filter=" + url.QueryEscape(strings.ReplaceAll(filter, "userName", "displayName")), ""})
		body := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":` + client.Quote(filter) + `}`
		out = append(out, attack{"POST", "/Users/.search", body}, attack{"POST", "/.search", strings.ReplaceAll(body, "userName", "id")})
	}
	for _, filter := range []string{`members.value eq "$ID"`, `members[value eq "$ID"]`, `members eq "$ID"`} {
		out = append(out, attack{"GET", "/Groups?filter=" + url.QueryEscape(filter), ""})
	}
	return out
}

// TestSecurity_2_EveryIdOfOthersIsAbsent is the attack on a wall: every credential of an organization
// against every id of another one, of the realm, of its administrators, on every route, in
// every form. The answer is that about nobody, byte for byte, and nothing changes.
func TestSecurity_2_EveryIdOfOthersIsAbsent(t *testing.T) {
	t.Parallel()
	for name, start := range bothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCustomers(t, start(t), nil)
			acme := c.of["acme"]
			own := acme.create(t, "/Users", `{"userName":"own@acme.test"}`)
			group := acme.create(t, "/Groups", `{"displayName":"Own","members":[{"value":"`+own+`"}]}`)
			v := newVictims(t, c)
			before := holdings(t, c, v)
			for _, a := range slices.Concat(pathAttacks("/Users", "title"), valueAttacks()) {
				c.strike(t, a, v.users, own, group)
			}
			for _, a := range slices.Concat(pathAttacks("/Groups", "displayName"), valueAttacks()) {
				c.strike(t, a, v.groups, own, group)
			}
			if diff := cmp.Diff(before, holdings(t, c, v)); diff != "" {
				t.Errorf("the attack changed something (-before +after):\n%s", diff)
			}
		})
	}
}

// strike makes an attack with each id, and with that of nobody.
func (c customers) strike(t *testing.T, a attack, ids map[string]string, own, group string) {
	t.Helper()
	send := func(id string) string {
		t.Helper()
		in := strings.NewReplacer("$ID", id, "$OWN", own, "$GROUP", group, url.QueryEscape("$ID"), id)
		got := answerOf(t, c.of["acme"], a.method, in.Replace(a.path), in.Replace(a.body), id)
		if strings.Contains(a.body, `"New"`) && strings.HasPrefix(got, "201") {
			t.Errorf("%s %s %s = %s", a.method, a.path, a.body, got)
		}
		return got
	}
	want := send(absentID)
	for what, id := range ids {
		if got := send(id); got != want {
			t.Errorf("%s in %s %s %s\n = %s\nof nobody\n = %s", what, a.method, a.path, a.body, got, want)
		}
	}
}

// holdings are what acme, globex and the realm have, and what Keycloak holds of the victims.
func holdings(t *testing.T, c customers, v victims) map[string]any {
	t.Helper()
	out := map[string]any{}
	for alias, b := range map[string]testBridge{"acme": c.of["acme"], "globex": c.of["globex"], "realm": c.realm} {
		for _, endpoint := range []string{"/Users?attributes=groups", "/Groups"} {
			out[alias+endpoint] = b.must(t, http.MethodGet, endpoint, "")
		}
	}
	for what, text := range v.users {
		id, _ := keycloak.ParseUserID(text)
		user, err := c.realm.admin.User(t.Context(), id)
		if err != nil {
			t.Errorf("%s = %v", what, err)
		}
		out[what] = user
	}
	return out
}

// TestSecurity_2_AForeignIdCostsTheSameCalls, in the same order: their number and time tell nothing.
func TestSecurity_2_AForeignIdCostsTheSameCalls(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := newCustomers(t, fake.Server(), nil)
	own := c.of["acme"].create(t, "/Users", `{"userName":"own@acme.test"}`)
	group := c.of["acme"].create(t, "/Groups", `{"displayName":"Own","members":[{"value":"`+own+`"}]}`)
	v := newVictims(t, c)
	calls := func(a attack, id string) []string {
		in := strings.NewReplacer("$ID", id, "$OWN", own, "$GROUP", group, url.QueryEscape("$ID"), id)
		fake.ResetCalls()
		answerOf(t, c.of["acme"], a.method, in.Replace(a.path), in.Replace(a.body), id)
		return fake.Calls()
	}
	compare := func(attacks []attack, ids map[string]string) {
		for _, a := range attacks {
			want := calls(a, absentID)
			for what, id := range ids {
				got := calls(a, id)
				for i := range min(len(want), len(got)) { // who is protected is proved in the place of the change
					if strings.HasSuffix(want[i], " /organizations/{id}/groups/{group}/members/{user}") && got[i] == "GET /organizations/{id}/members/{user}" {
						got[i] = want[i]
					}
				}
				if strings.Contains(a.path+a.body, "or id eq") || strings.Contains(a.body, "$OWN") { // parallel ones have no order
					slices.Sort(got)
					slices.Sort(want)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s in %s %s %s makes other calls than nobody (-nobody +foreign):\n%s", what, a.method, a.path, a.body, diff)
				}
			}
		}
	}
	compare(slices.Concat(pathAttacks("/Users", "title"), valueAttacks()), v.users)
	compare(pathAttacks("/Groups", "displayName"), v.groups)
	for _, filter := range []string{`userName eq "%s"`, `emails.value eq "%s"`, `externalId eq "%s"`, `title eq "%s"`} {
		a := func(text string) attack {
			return attack{"GET", "/Users?filter=" + url.QueryEscape(fmt.Sprintf(filter, text)), ""}
		}
		want, got := calls(a("nobody"), absentID), calls(a("gus@globex.test"), absentID)
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s of another's user makes other calls than of nobody's:\n%s", filter, diff)
		}
	}
}
