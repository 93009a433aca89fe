package bridge

import (
	"fmt"
	"slices"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/growth"
)

func userIDs(tb testing.TB, n int) []keycloak.UserID {
	tb.Helper()
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("%08d", i)
	}
	return keycloak.ParseUserIDs(texts)
}

// TestTheGroupsOfMembersAreLinear in the number of users who join a group and leave it.
func TestTheGroupsOfMembersAreLinear(t *testing.T) {
	growth.Linear(t, 4000, func(n int) func() {
		ids := userIDs(t, n)
		g := regrouping{name: "team", add: ids[:n/2], remove: ids[n/2:]}
		return func() {
			for range 10 { // so that it can be measured
				sides, in := g.sides(), 0
				for _, id := range ids {
					in += len(g.after(sides, id, nil))
				}
				if in != n/2 {
					t.Fatalf("%d are in the group", in)
				}
			}
		}
	})
}

// TestTheGroupsOfAMember afterwards: for users who stay, join or leave, under the name that the group then has.
func TestTheGroupsOfAMember(t *testing.T) {
	t.Parallel()
	group, err := keycloak.ParseGroupID("team")
	if err != nil {
		t.Fatal(err)
	}
	ids := userIDs(t, 4)
	g := regrouping{id: group, name: "new", add: ids[:1], remove: ids[1:2]}
	team, other := keycloak.Group{ID: "team", Name: "old"}, keycloak.Group{ID: "other", Name: "other"}
	for i, c := range []struct {
		before []keycloak.Group
		want   []string
	}{
		{[]keycloak.Group{other}, []string{"other", "new"}}, {[]keycloak.Group{team, other}, []string{"other"}}, {[]keycloak.Group{team}, []string{"new"}}, {nil, nil},
	} {
		if got := g.after(g.sides(), ids[i], c.before); !slices.Equal(got, c.want) {
			t.Errorf("user %d is in %v, want %v", i, got, c.want)
		}
	}
}
