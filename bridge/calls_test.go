package bridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
)

// TestCallsPerOperation is the contract of the design's table "Minimal calls", for a
// realm tenant.
func TestCallsPerOperation(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	members := make([]string, 60)
	for i := range members {
		members[i] = b.Create(t, "/Users", fmt.Sprintf(`{"userName":"member%02d"}`, i))
	}
	list := func(ids []string) string {
		return `[{"value":"` + strings.Join(ids, `"},{"value":"`) + `"}]`
	}
	user := b.Create(t, "/Users", `{"userName":"Jane@Acme.test","externalId":"X1","displayName":"J","title":"t","emails":[{"value":"jane@acme.test","primary":true},{"value":"j2@acme.test"}]}`)
	other := b.Create(t, "/Users", `{"userName":"other"}`)
	group := b.Create(t, "/Groups", `{"displayName":"Team","externalId":"G1"}`)

	const get, put, look = "GET /users/{id}", "PUT /users/{id}", "GET /users"
	const live = "GET /users/{id}/role-mappings/clients/{client}/composite"
	const join, leave = "PUT /users/{id}/groups/{group}", "DELETE /users/{id}/groups/{group}"
	const logout, consents = "POST /users/{id}/logout", "GET /users/{id}/consents"
	const getGroup, putGroup, readMembers = "GET /groups/{id}", "PUT /groups/{id}", "GET /groups/{id}/members"
	patchOf := func(op string) string { return `{"Operations":[` + op + `]}` }
	for _, c := range []struct {
		name, method, path, body string
		want                     []string
	}{
		{"GET user", "GET", "/Users/" + user, "", []string{get}},
		{"GET user with groups", "GET", "/Users/" + user + "?attributes=groups", "", []string{get, "GET /users/{id}/groups"}},
		{"filter by userName", "GET", `/Users?filter=userName+eq+%22jane@acme.test%22`, "", []string{look}},
		{"filter by externalId", "GET", `/Users?filter=externalId+eq+%22X1%22`, "", []string{look}},
		{"filter by externalId, no hit", "GET", `/Users?filter=externalId+eq+%22nobody%22`, "", []string{look, look}}, // there is no index: TestCallsOfFormerValues
		{"filter by displayName", "GET", `/Users?filter=displayName+eq+%22J%22`, "", []string{look}},
		{"filter by id", "GET", `/Users?filter=id+eq+%22` + user + `%22`, "", []string{get}},
		{"filter by id and more", "GET", `/Users?filter=title+eq+%22t%22+and+id+eq+%22` + user + `%22`, "", []string{get}},
		{"filter by e-mail", "GET", `/Users?filter=emails.value+eq+%22j2@acme.test%22`, "", []string{look, look}},
		{"filter by the work e-mail, no hit", "GET", `/Users?filter=emails[type+eq+%22work%22+and+value+eq+%22nobody@acme.test%22]`, "", []string{look, look}},
		{"list", "GET", "/Users?count=50", "", []string{look, "GET /users/count"}},
		{"list nothing", "GET", "/Users?count=0", "", []string{"GET /users/count"}},
		{"POST user", "POST", "/Users", `{"userName":"new1","externalId":"N1","title":"t"}`, []string{"POST /users"}},
		{"PATCH user", "PATCH", "/Users/" + user, patchOf(`{"op":"replace","path":"title","value":"t2"}`), []string{get, put}},
		{"PATCH user, no change", "PATCH", "/Users/" + user, patchOf(`{"op":"replace","path":"title","value":"t2"}`), []string{get}},
		{"PUT user", "PUT", "/Users/" + other, `{"userName":"other","title":"x"}`, []string{get, put}},
		{"PUT user, no change", "PUT", "/Users/" + other, `{"userName":"other","title":"x"}`, []string{get}},
		{"deactivate", "PATCH", "/Users/" + other, patchOf(`{"op":"replace","path":"active","value":"False"}`), []string{get, live, put, logout, consents}},
		{"deactivate again", "PATCH", "/Users/" + other, patchOf(`{"op":"replace","path":"active","value":false}`), []string{get, live, logout, consents}}, // the first one may have broken off
		{"activate", "PATCH", "/Users/" + other, patchOf(`{"op":"replace","path":"active","value":true}`), []string{logout, consents, get, live, put}},
		{"DELETE user", "DELETE", "/Users/" + other, "", []string{get, live, "DELETE /users/{id}"}},
		{"GET group without members", "GET", "/Groups/" + group + "?excludedAttributes=members", "", []string{getGroup}},
		{"GET group", "GET", "/Groups/" + group, "", []string{getGroup, readMembers}},
		{"filter groups by displayName", "GET", "/Groups?excludedAttributes=members&filter=displayName+eq+%22team%22", "", []string{"GET /groups"}},
		{"filter groups by externalId", "GET", "/Groups?excludedAttributes=members&filter=externalId+eq+%22G1%22", "", []string{"GET /groups"}},
		{"filter groups by member", "GET", "/Groups?excludedAttributes=members&filter=members+eq+%22" + user + "%22", "", []string{"GET /users/{id}/groups"}},
		{"POST group", "POST", "/Groups", `{"displayName":"Empty"}`, []string{"POST /groups"}},
		{"POST group with members", "POST", "/Groups", `{"displayName":"Two","members":` + list(members[:2]) + `}`, []string{look, "POST /groups", join, join, putGroup}},
		{"add one member", "PATCH", "/Groups/" + group, patchOf(`{"op":"Add","path":"members","value":` + list(members[:1]) + `}`), []string{join}},
		{"add a member that is one", "PATCH", "/Groups/" + group, patchOf(`{"op":"Add","path":"members","value":` + list(members[:1]) + `}`), []string{join}},
		{"remove one member", "PATCH", "/Groups/" + group, patchOf(`{"op":"remove","path":"members[value eq \"` + members[0] + `\"]"}`), []string{leave}},
		{"add 60 members", "PATCH", "/Groups/" + group, patchOf(`{"op":"add","path":"members","value":` + list(members) + `}`), slices.Concat([]string{look, look}, slices.Repeat([]string{join}, 60))},
		{"replace members", "PATCH", "/Groups/" + group, patchOf(`{"op":"replace","path":"members","value":` + list(members[1:]) + `}`), []string{readMembers, leave}},
		{"rename group", "PATCH", "/Groups/" + group, patchOf(`{"op":"replace","value":{"displayName":"Team 2"}}`), []string{getGroup, putGroup}},
		{"Okta renames to the same and adds", "PATCH", "/Groups/" + group, patchOf(`{"op":"replace","value":{"displayName":"Team 2"}},{"op":"add","path":"members","value":` + list(members[:1]) + `}`), []string{getGroup, join}},
		{"PUT group, no change", "PUT", "/Groups/" + group, `{"displayName":"Team 2","members":` + list(members) + `}`, []string{getGroup, readMembers}},
		{"DELETE group", "DELETE", "/Groups/" + group, "", []string{getGroup, "DELETE /groups/{id}"}},
		{"discovery", "GET", "/Schemas", "", nil},
	} {
		got := b.Calls(func() { b.Must(t, c.method, c.path, c.body) })
		want := slices.Sorted(slices.Values(c.want))
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s makes other calls (-want +got):\n%s", c.name, diff)
		}
	}
}
