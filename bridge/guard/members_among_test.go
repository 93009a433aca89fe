package guard_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestMembersAmongUsersAreFound in groups of the realm and of an organization, by a look-up and by a page. Nobody is a
// member of a group that is gone.
func TestMembersAmongUsersAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wall := guard.For(&tenant.Tenant{Path: "one", Mapping: &mapping.Mapping{}}, tenant.Fitness{Protected: &tenant.Protected{}}, w.Client)
	ids := map[string]keycloak.UserID{}
	for _, name := range []string{free, member, employee, absent} {
		ids[name] = try(keycloak.ParseUserID(w.users[name])).must(t)
	}
	realm := func(name string) keycloak.GroupID { return try(keycloak.ParseGroupID(w.groups[name])).must(t) }
	acmes := try(w.acme.ParseGroupID(w.groups[guild])).must(t)
	noError(t, w.Client.AddMember(t.Context(), ids[free], realm(nested)))
	if err := w.Client.AddMember(t.Context(), ids[member], acmes); keycloak.KindOf(err) != keycloak.Conflict {
		noError(t, err)
	}
	for name, c := range map[string]struct {
		group keycloak.GroupID
		asked []string
		want  []string
	}{
		"nobody":                     {realm(nested), nil, nil},
		"a member":                   {realm(nested), []string{free}, []string{free}},
		"not a member":               {realm(nested), []string{employee}, nil},
		"a user who is gone":         {realm(nested), []string{absent}, nil},
		"several":                    {realm(nested), []string{employee, free, absent}, []string{free}},
		"of an organization":         {acmes, []string{member}, []string{member}},
		"several of an organization": {acmes, []string{free, member, absent}, []string{member}},
		"no member of it":            {acmes, []string{free}, nil},
		"a group that is gone":       {realm(absent), []string{free}, nil},
		"several in no group":        {realm(absent), []string{free, employee}, nil},
	} {
		var asked []keycloak.UserID
		for _, name := range c.asked {
			asked = append(asked, ids[name])
		}
		var want []string
		for _, name := range c.want {
			want = append(want, ids[name].String())
		}
		got, err := wall.MembersAmong(t.Context(), c.group, asked)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got)), cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for _, fault := range []keycloaktest.Fault{{Op: "GET /users/{id}/groups", Status: http.StatusServiceUnavailable}, {Op: "GET /groups/{id}/members", Status: http.StatusServiceUnavailable}} {
		w.fake.Inject(fault)
		for _, asked := range [][]keycloak.UserID{{ids[free]}, {ids[free], ids[member]}} {
			_, err := wall.MembersAmong(t.Context(), realm(nested), asked)
			if looks := len(asked) == 1; (err != nil) != (looks == (fault.Op == "GET /users/{id}/groups")) {
				t.Errorf("%s fails for %d users, and MembersAmong = %v", fault.Op, len(asked), err)
			}
		}
		w.fake.ClearFaults()
	}
}
