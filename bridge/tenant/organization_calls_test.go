package tenant_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestCallsPerOperationOfAnOrganization is the column "org" of the design's table "Minimal
// calls".
func TestCallsPerOperationOfAnOrganization(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	c := apptest.NewCustomers(t, fake.Server(), nil)
	b := apptest.CallBridge{Bridge: c.Of["acme"], Fake: fake}
	const get, put, look, members = "GET /organizations/{id}/members/{user}", "PUT /users/{id}", "GET /users", "GET /organizations/{id}/members"
	const admit, join, leave = "POST /organizations/{id}/members", "PUT /organizations/{id}/groups/{group}/members/{user}", "DELETE /organizations/{id}/groups/{group}/members/{user}"
	const getGroup, putGroup, groups = "GET /organizations/{id}/groups/{group}", "PUT /organizations/{id}/groups/{group}", "GET /organizations/{id}/groups"
	const readMembers = "GET /organizations/{id}/groups/{group}/members"
	ids := make([]string, 5)
	list := ""
	for i := range ids {
		ids[i] = b.Create(t, "/Users", fmt.Sprintf(`{"userName":"member%d","title":"t"}`, i))
		list += fmt.Sprintf(`,{"value":%q}`, ids[i])
	}
	list = "[" + list[1:] + "]"
	user := b.Create(t, "/Users", `{"userName":"jane@acme.test","externalId":"X1","displayName":"J","emails":[{"value":"jane@acme.test","primary":true},{"value":"j2@acme.test"}]}`)
	shared := b.Create(t, "/Users", `{"userName":"shared"}`)
	c.Admit(t, shared, "globex")
	group := b.Create(t, "/Groups", `{"displayName":"Team","externalId":"G1"}`)
	one := `[{"value":"` + ids[0] + `"}]`
	for _, call := range []struct {
		name, method, path, body string
		want                     []string
	}{
		{"GET user", "GET", "/Users/" + user, "", []string{get}},
		{"GET user with groups", "GET", "/Users/" + user + "?attributes=groups", "", []string{get, "GET /organizations/{id}/members/{user}/groups"}},
		{"filter by userName", "GET", `/Users?filter=userName+eq+%22jane@acme.test%22`, "", []string{members}},
		{"filter by externalId", "GET", `/Users?filter=externalId+eq+%22X1%22`, "", []string{look, get}},
		{"filter by externalId, no hit", "GET", `/Users?filter=externalId+eq+%22nobody%22`, "", []string{look}},
		{"filter by a mapped attribute: the tenant's own, and guests", "GET", `/Users?filter=displayName+eq+%22J%22`, "", []string{look, look, get}},
		{"filter by id", "GET", `/Users?filter=id+eq+%22` + user + `%22`, "", []string{get}},
		{"filter by e-mail: primary, further, guests", "GET", `/Users?filter=emails.value+eq+%22j2@acme.test%22`, "", []string{members, look, look, get}},
		{"list", "GET", "/Users?count=50", "", []string{members, "GET /organizations/{id}/members/count"}},
		{"POST user", "POST", "/Users", `{"userName":"new1","externalId":"N1"}`, []string{"POST /users", admit}},
		{"PATCH user", "PATCH", "/Users/" + user, apptest.PatchBody(`{"op":"replace","path":"title","value":"t2"}`), []string{get, put}},
		{"PUT user, no change", "PUT", "/Users/" + ids[1], `{"userName":"member1","title":"t"}`, []string{get}},
		{"deactivate", "PATCH", "/Users/" + ids[4], apptest.PatchBody(`{"op":"replace","path":"active","value":false}`), []string{get, "GET /users/{id}/role-mappings/clients/{client}/composite", put, "POST /users/{id}/logout", "GET /users/{id}/consents"}},
		{"DELETE user", "DELETE", "/Users/" + ids[4], "", []string{get, "GET /organizations/members/{user}/organizations", "GET /users/{id}/role-mappings/clients/{client}/composite", "DELETE /users/{id}"}},
		{"DELETE user of another organization too", "DELETE", "/Users/" + shared, "", []string{get, "GET /organizations/members/{user}/organizations", "GET /organizations/{id}/members/{user}/groups", "GET /users/{id}/role-mappings/clients/{client}/composite", "DELETE /organizations/{id}/members/{user}"}},
		{"GET group", "GET", "/Groups/" + group, "", []string{getGroup, readMembers}},
		{"GET group without members", "GET", "/Groups/" + group + "?excludedAttributes=members", "", []string{getGroup}},
		{"list groups", "GET", "/Groups?excludedAttributes=members", "", []string{groups, groups}},
		{"filter groups by displayName", "GET", "/Groups?excludedAttributes=members&filter=displayName+eq+%22team%22", "", []string{groups}},
		{"filter groups by member", "GET", "/Groups?excludedAttributes=members&filter=members+eq+%22" + user + "%22", "", []string{"GET /organizations/{id}/members/{user}/groups"}},
		{"POST group", "POST", "/Groups", `{"displayName":"Empty"}`, []string{"POST /organizations/{id}/groups"}},
		{"add one member", "PATCH", "/Groups/" + group, apptest.PatchBody(`{"op":"Add","path":"members","value":` + one + `}`), []string{getGroup, join}},
		{"remove one member", "PATCH", "/Groups/" + group, apptest.PatchBody(`{"op":"remove","path":"members[value eq \"` + ids[0] + `\"]"}`), []string{getGroup, leave}},
		{"add 4 members", "PATCH", "/Groups/" + group, apptest.PatchBody(`{"op":"add","path":"members","value":` + list[:len(list)-len(ids[4])-14] + `]}`), slices.Concat([]string{getGroup}, slices.Repeat([]string{get}, 4), slices.Repeat([]string{join}, 4))},
		{"replace members", "PATCH", "/Groups/" + group, apptest.PatchBody(`{"op":"replace","path":"members","value":` + one + `}`), []string{getGroup, readMembers, leave, leave, leave}},
		{"rename group", "PATCH", "/Groups/" + group, apptest.PatchBody(`{"op":"replace","value":{"displayName":"Team 2"}}`), []string{getGroup, putGroup}},
		{"DELETE group", "DELETE", "/Groups/" + group, "", []string{getGroup, "GET /organizations/{id}/groups/{group}/children", "DELETE /organizations/{id}/groups/{group}"}},
	} {
		got := b.Calls(func() { b.Must(t, call.method, call.path, call.body) })
		want := slices.Sorted(slices.Values(call.want))
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s makes other calls (-want +got):\n%s", call.name, diff)
		}
	}
}
