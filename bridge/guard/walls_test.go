package guard_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/server"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// victims are users and groups of other tenants, by their kind. No client of acme may be able to tell
// their ids from AbsentID.
type victims struct{ users, groups map[string]string }

// newVictims fills globex and the realm, and finds Keycloak's own users and groups.
func newVictims(t *testing.T, c apptest.Customers) victims {
	t.Helper()
	globex := c.Of["globex"]
	gus := globex.Create(t, "/Users", `{"userName":"gus@globex.test","externalId":"gus","title":"secret"}`)
	out := victims{
		users: map[string]string{
			"a member of another organization": gus,
			"a user of the realm":              c.Realm.Create(t, "/Users", `{"userName":"bob"}`),
		},
		groups: map[string]string{
			"a group of another organization": globex.Create(t, "/Groups", `{"displayName":"Victims","externalId":"victims","members":[{"value":"`+gus+`"}]}`),
			"a group of the realm":            c.Realm.Create(t, "/Groups", `{"displayName":"Realm"}`),
		},
	}
	admin := c.Realm.Admin
	administrator, err := admin.CreateUser(t.Context(), keycloak.NewUser{Username: "root", Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	c.Realm.Grant(t, administrator, c.Realm.KnownRole(t, apptest.ManagementRole("realm-admin")))
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

// addHiddenGroups adds the groups of an organization that no tenant of the organization may reach.
func addHiddenGroups(t *testing.T, c apptest.Customers, out victims) {
	t.Helper()
	admin, acme := c.Realm.Admin, c.IDs["acme"]
	if _, err := admin.OrganizationGroups(t.Context(), acme, 0, 1); err != nil {
		return // this Keycloak has no groups of organizations
	}
	top := c.Of["acme"].Create(t, "/Groups", `{"displayName":"Top"}`)
	apptest.AdminSend(t, c.Server, http.MethodPost, "/admin/realms/"+c.Realm.Realm+"/organizations/"+acme.String()+"/groups/"+top+"/children", `{"name":"Nested"}`)
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

// answerOf sends a request and returns status, headers and body. It replaces the id in them by an
// absent id.
func answerOf(t *testing.T, b apptest.Bridge, method, path, body, id string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.Base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.Token)
	req.Header.Set("Content-Type", "application/scim+json")
	status, header, answer := apptest.Exchange(t, req)
	header.Del("Date")
	header.Del("X-Request-Id")
	text := fmt.Sprint(status, header, answer)
	return strings.NewReplacer(id, apptest.AbsentID, url.QueryEscape(id), apptest.AbsentID).Replace(text)
}

// pathAttacks name an id in the path of every route that has an id, in every form of body.
func pathAttacks(endpoint, attribute string) []apptest.Request {
	var out []apptest.Request
	for _, route := range server.Routes() {
		if !strings.HasSuffix(route.Path, "/:id") || !strings.HasPrefix(route.Path, endpoint+"/") {
			continue
		}
		bodies := []string{`{"userName":"taken","displayName":"Taken","active":false}`}
		if route.Method == http.MethodPatch {
			bodies = []string{
				apptest.PatchBody(`{"op":"replace","path":"` + attribute + `","value":"x"}`), apptest.PatchBody(`{"op":"replace","value":{"` + attribute + `":"x"}}`),
				apptest.PatchBody(`{"op":"add","path":"members","value":[{"value":"$OWN"}]}`), apptest.PatchBody(`{"op":"remove","path":"members"}`),
				apptest.PatchBody(`{"op":"remove","path":"members[value eq \"$OWN\"]"}`), apptest.PatchBody(`{"op":"remove","path":"members[display eq \"x\"]"}`), apptest.PatchBody(`{"op":"replace","path":"members","value":[]}`),
				apptest.PatchBody(`{"op":"replace","path":"active","value":false}`), apptest.PatchBody(`{"op":"replace","value":{"active":"False"}}`), apptest.PatchBody(`{"op":"remove","path":"externalId"}`),
			}
		}
		for _, body := range bodies {
			path := strings.Replace(route.Path, ":id", "$ID", 1)
			out = append(out, apptest.Request{Method: route.Method, Path: path, Body: body}, apptest.Request{Method: route.Method, Path: path + "?attributes=id,members,groups", Body: body})
		}
	}
	return out
}

// valueAttacks name the id of a user everywhere else.
func valueAttacks() []apptest.Request {
	out := []apptest.Request{
		{Method: "POST", Path: "/Groups", Body: `{"displayName":"New","members":[{"value":"$ID"}]}`},
		{Method: "POST", Path: "/Groups", Body: `{"displayName":"New","members":[{"value":"$OWN"},{"value":"$ID","type":"User"}]}`},
		{Method: "PUT", Path: "/Groups/$GROUP", Body: `{"displayName":"Own","members":[{"value":"$OWN"},{"value":"$ID"}]}`},
		{Method: "POST", Path: "/Users", Body: `{"id":"$ID","userName":"gus@globex.test"}`},
	}
	for _, op := range []string{
		`{"op":"add","path":"members","value":[{"value":"$ID"}]}`, `{"op":"Add","path":"members","value":{"value":"$ID"}}`, `{"op":"add","path":"members","value":"$ID"}`,
		`{"op":"add","path":"members","value":["$ID"]}`, `{"op":"add","value":{"members":[{"value":"$ID"}]}}`, `{"op":"replace","path":"members","value":[{"value":"$OWN"},{"value":"$ID"}]}`,
		`{"op":"replace","value":{"members":[{"value":"$ID"}]}}`, `{"op":"add","path":"members[value eq \"$ID\"]","value":{"value":"$ID"}}`,
		`{"op":"remove","path":"members[value eq \"$ID\"]"}`, `{"op":"remove","path":"members","value":[{"value":"$ID"}]}`,
		`{"op":"add","path":"members","value":[{"value":"$OWN"},{"value":"$ID"}]}`, `{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:Group:members","value":[{"value":"$ID"}]}`,
	} {
		out = append(out, apptest.Request{Method: "PATCH", Path: "/Groups/$GROUP", Body: apptest.PatchBody(op)}, apptest.Request{Method: "PATCH", Path: "/Groups/$GROUP?attributes=members", Body: apptest.PatchBody(op)})
	}
	for _, filter := range []string{
		`id eq "$ID"`, `id eq "$ID" or id eq "$ID"`, `id eq "$ID" and userName pr`, `not (id ne "$ID")`, `id co "$ID"`, `id sw "$ID"`, `id ge "$ID" and id le "$ID"`,
		`meta.location ew "$ID"`,
	} {
		out = append(out, apptest.Request{Method: "GET", Path: "/Users?filter=" + url.QueryEscape(filter), Body: ""}, apptest.Request{Method: "GET", Path: "/Groups?filter=" + url.QueryEscape(strings.ReplaceAll(filter, "userName", "displayName")), Body: ""})
		body := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":` + client.Quote(filter) + `}`
		out = append(out, apptest.Request{Method: "POST", Path: "/Users/.search", Body: body}, apptest.Request{Method: "POST", Path: "/.search", Body: strings.ReplaceAll(body, "userName", "id")})
	}
	for _, filter := range []string{`members.value eq "$ID"`, `members[value eq "$ID"]`, `members eq "$ID"`} {
		out = append(out, apptest.Request{Method: "GET", Path: "/Groups?filter=" + url.QueryEscape(filter), Body: ""})
	}
	return out
}

// TestSecurity_2_EveryIdOfOthersIsAbsent attacks the wall: every credential of an organization is
// used with every id of another organization, of the realm and of its administrators, on every
// route, in every form. The answer is the same as for an absent id, byte for byte, and nothing
// changes.
func TestSecurity_2_EveryIdOfOthersIsAbsent(t *testing.T) {
	t.Parallel()
	for name, start := range apptest.BothServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, start(t), nil)
			acme := c.Of["acme"]
			own := acme.Create(t, "/Users", `{"userName":"own@acme.test"}`)
			group := acme.Create(t, "/Groups", `{"displayName":"Own","members":[{"value":"`+own+`"}]}`)
			v := newVictims(t, c)
			before := holdings(t, c, v)
			for _, a := range slices.Concat(pathAttacks("/Users", "title"), valueAttacks()) {
				strike(t, c, a, v.users, own, group)
			}
			for _, a := range slices.Concat(pathAttacks("/Groups", "displayName"), valueAttacks()) {
				strike(t, c, a, v.groups, own, group)
			}
			if diff := cmp.Diff(before, holdings(t, c, v)); diff != "" {
				t.Errorf("the attack changed something (-before +after):\n%s", diff)
			}
		})
	}
}

// strike makes an attack with each id, and with an absent id.
func strike(t *testing.T, c apptest.Customers, a apptest.Request, ids map[string]string, own, group string) {
	t.Helper()
	send := func(id string) string {
		t.Helper()
		in := strings.NewReplacer("$ID", id, "$OWN", own, "$GROUP", group, url.QueryEscape("$ID"), id)
		got := answerOf(t, c.Of["acme"], a.Method, in.Replace(a.Path), in.Replace(a.Body), id)
		if strings.Contains(a.Body, `"New"`) && strings.HasPrefix(got, "201") {
			t.Errorf("%s %s %s = %s", a.Method, a.Path, a.Body, got)
		}
		return got
	}
	want := send(apptest.AbsentID)
	for what, id := range ids {
		if got := send(id); got != want {
			t.Errorf("%s in %s %s %s\n = %s\nof nobody\n = %s", what, a.Method, a.Path, a.Body, got, want)
		}
	}
}

// holdings are the resources of acme, globex and the realm, and what Keycloak holds of the victims.
func holdings(t *testing.T, c apptest.Customers, v victims) map[string]any {
	t.Helper()
	out := map[string]any{}
	for alias, b := range map[string]apptest.Bridge{"acme": c.Of["acme"], "globex": c.Of["globex"], "realm": c.Realm} {
		for _, endpoint := range []string{"/Users?attributes=groups", "/Groups"} {
			out[alias+endpoint] = b.Must(t, http.MethodGet, endpoint, "")
		}
	}
	for what, text := range v.users {
		id, _ := keycloak.ParseUserID(text)
		user, err := c.Realm.Admin.User(t.Context(), id)
		if err != nil {
			t.Errorf("%s = %v", what, err)
		}
		out[what] = user
	}
	return out
}

// TestSecurity_2_AForeignIdCostsTheSameCalls, in the same order, so that their number and time show
// nothing.
func TestSecurity_2_AForeignIdCostsTheSameCalls(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := apptest.NewCustomers(t, fake.Server(), nil)
	own := c.Of["acme"].Create(t, "/Users", `{"userName":"own@acme.test"}`)
	group := c.Of["acme"].Create(t, "/Groups", `{"displayName":"Own","members":[{"value":"`+own+`"}]}`)
	v := newVictims(t, c)
	calls := func(a apptest.Request, id string) []string {
		in := strings.NewReplacer("$ID", id, "$OWN", own, "$GROUP", group, url.QueryEscape("$ID"), id)
		fake.ResetCalls()
		answerOf(t, c.Of["acme"], a.Method, in.Replace(a.Path), in.Replace(a.Body), id)
		return fake.Calls()
	}
	compare := func(attacks []apptest.Request, ids map[string]string) {
		for _, a := range attacks {
			want := calls(a, apptest.AbsentID)
			for what, id := range ids {
				got := calls(a, id)
				for i := range min(len(want), len(got)) { // for a protected id, the proof takes the place of the change
					if strings.HasSuffix(want[i], " /organizations/{id}/groups/{group}/members/{user}") && got[i] == "GET /organizations/{id}/members/{user}" {
						got[i] = want[i]
					}
				}
				if strings.Contains(a.Path+a.Body, "or id eq") || strings.Contains(a.Body, "$OWN") { // parallel calls have no order
					slices.Sort(got)
					slices.Sort(want)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s in %s %s %s makes other calls than nobody (-nobody +foreign):\n%s", what, a.Method, a.Path, a.Body, diff)
				}
			}
		}
	}
	compare(slices.Concat(pathAttacks("/Users", "title"), valueAttacks()), v.users)
	compare(pathAttacks("/Groups", "displayName"), v.groups)
	for _, filter := range []string{`userName eq "%s"`, `emails.value eq "%s"`, `externalId eq "%s"`, `title eq "%s"`} {
		a := func(text string) apptest.Request {
			return apptest.Request{Method: "GET", Path: "/Users?filter=" + url.QueryEscape(fmt.Sprintf(filter, text)), Body: ""}
		}
		want, got := calls(a("nobody"), apptest.AbsentID), calls(a("gus@globex.test"), apptest.AbsentID)
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s of another's user makes other calls than of nobody's:\n%s", filter, diff)
		}
	}
}
