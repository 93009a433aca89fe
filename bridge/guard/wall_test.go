package guard_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestEveryVerbAboutUsersSeesOnlyTheTenantsUsers: kinds of tenants × kinds of users × ways to ask. A
// user of another tenant answers like an absent user in each way.
func TestEveryVerbAboutUsersSeesOnlyTheTenantsUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, k := range w.kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wall := w.wall(k)
			want := slices.Sorted(slices.Values(k.users))
			asked := map[string][]string{} // the users that were found, by the way
			nobody := readError(t, wall, w, absent)
			for _, label := range sortedLabels(w.users) {
				u, err := wall.User(t.Context(), w.user(label))
				if err == nil {
					asked["User"] = append(asked["User"], label)
					if hides := u.FirstName == ""; u.ID != w.users[label] || u.Username != label || hides != wall.ProtectsUser(u.ID) {
						t.Errorf("%s is shown as %+v", label, u)
					}
				} else if !alike(err, nobody) {
					t.Errorf("%s answers %v, and nobody %v", label, err, nobody)
				}
				for way, q := range map[string]keycloak.UserQuery{
					"by name": {Username: nameOf(label)}, "by address": {Email: label + "@acme.test"}, "by attribute": {Attributes: []keycloak.AttributeQuery{{Name: "label", Value: label}}},
				} {
					list := try(wall.FindUsers(t.Context(), q, 1000)).must(t)
					for _, u := range list {
						asked[way] = append(asked[way], label)
						if u.ID != w.users[label] {
							t.Errorf("%s %s is %+v", label, way, u)
						}
					}
				}
			}
			ids := idsIn(w.users)
			list := try(wall.UsersByID(t.Context(), append(ids, "no/id"))).must(t)
			asked["UsersByID"] = labels(w.users, userIDs(list))
			known, unknown, err := wall.Prove(t.Context(), ids)
			if err != nil || len(known)+len(unknown) != len(ids) {
				t.Errorf("Prove = %v, %v, %v", known, unknown, err)
			}
			asked["Prove"] = labels(w.users, memberIDs(known))
			asked["ListUsers"] = labels(w.users, listed(t, wall))
			for way, got := range asked {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s finds others (-want +got)\n%s", way, diff)
				}
			}
			if len(asked) != 7 {
				t.Errorf("%d ways found somebody, want 7", len(asked))
			}
			if n, err := wall.CountUsers(t.Context()); err != nil || n < len(want) || !k.fitness.Protected.Mixes(k.tenant.Organization.ID.String()) && n != len(want)+w.mixed(k) {
				t.Errorf("CountUsers = %d, %v, want %d", n, err, len(want))
			}
		})
	}
}

// mixed counts the service accounts that Keycloak counts as members and the last read of the realm
// did not know.
func (*world) mixed(k kind) int {
	if k.tenant.Organization.ID.IsZero() {
		return 0
	}
	return 1
}

// nameOf is the user name of an account.
func nameOf(label string) string {
	if slices.Contains([]string{service, late, joined}, label) {
		return keycloak.ServiceAccountPrefix + label
	}
	return label
}

// alike reports whether a client gets the same answer for two errors. It compares the kinds of the
// errors; the log has more detail.
func alike(err, absent error) bool {
	return err != nil && keycloak.KindOf(err) == keycloak.KindOf(absent)
}

func readError(t *testing.T, wall guard.Wall, w *world, label string) error {
	t.Helper()
	_, err := wall.User(t.Context(), w.user(label))
	if keycloak.KindOf(err) != keycloak.NotFound {
		t.Fatalf("%s is %v", label, err)
	}
	return err
}

// listed returns all users that ListUsers lists, in pages of two.
func listed(t *testing.T, wall guard.Wall) []string {
	t.Helper()
	var out []string
	for first := 0; ; first += 2 {
		list, all, err := wall.ListUsers(t.Context(), first, 2)
		if err != nil {
			t.Fatal(err)
		}
		if out = append(out, userIDs(list)...); len(all) < 2 {
			return out
		}
	}
}

func userIDs(list []keycloak.User) []string {
	out := make([]string, len(list))
	for i, u := range list {
		out[i] = u.ID
	}
	return out
}

func memberIDs(list []guard.Member) []string {
	out := make([]string, len(list))
	for i, m := range list {
		out[i] = m.ID.String()
	}
	return out
}

func groupIDs(list []keycloak.Group) []string {
	out := make([]string, len(list))
	for i, g := range list {
		out[i] = g.ID
	}
	return out
}

func idsIn(names map[string]string) []string {
	var out []string
	for _, label := range sortedLabels(names) {
		out = append(out, names[label])
	}
	return out
}

// TestEveryVerbAboutGroupsSeesOnlyTheTenantsGroups: kinds of tenants × kinds of groups × ways to ask.
func TestEveryVerbAboutGroupsSeesOnlyTheTenantsGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, k := range w.kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wall := w.wall(k)
			nothing := groupError(t, wall, w.groups[absent])
			var found, listedOnes, byName []string
			for _, label := range sortedLabels(w.groups) {
				id := try(wall.GroupID(w.groups[label])).must(t)
				g, err := wall.Group(t.Context(), id)
				if err == nil {
					found = append(found, label)
					if hides := len(g.Attributes) == 0; g.ID != w.groups[label] || g.Name != label || hides != wall.ProtectsGroup(g.ID) {
						t.Errorf("%s is shown as %+v", label, g)
					}
					if wall.Listed(g) {
						listedOnes = append(listedOnes, label)
					}
				} else if !alike(err, nothing) {
					t.Errorf("%s answers %v, and nothing %v", label, err, nothing)
				}
				for _, g := range try(wall.FindGroups(t.Context(), keycloak.GroupQuery{Search: label}, 1000)).must(t) {
					if g.Name == label {
						byName = append(byName, label)
					}
				}
			}
			wantListed := slices.Sorted(slices.Values(k.listed))
			all := try(wall.ListGroups(t.Context(), 0, 100)).must(t)
			pages := append(try(wall.ListGroups(t.Context(), 0, 1)).must(t), try(wall.ListGroups(t.Context(), 1, 100)).must(t)...)
			for way, got := range map[string][2][]string{
				"Group": {slices.Sorted(slices.Values(k.groups)), found}, "Listed": {wantListed, listedOnes}, "FindGroups": {wantListed, byName},
				"ListGroups": {wantListed, labels(w.groups, groupIDs(all))}, "ListGroups by pages": {wantListed, labels(w.groups, groupIDs(pages))},
			} {
				if diff := cmp.Diff(got[0], got[1], cmp.Transformer("set", setOf)); diff != "" {
					t.Errorf("%s finds others (-want +got)\n%s", way, diff)
				}
			}
			if n, err := wall.CountGroups(t.Context()); err != nil || n != len(wantListed) {
				t.Errorf("CountGroups = %d, %v, want %d", n, err, len(wantListed))
			}
			if len(pages) != len(all) {
				t.Errorf("pages list %d groups, and one page %d", len(pages), len(all))
			}
		})
	}
}

func setOf(list []string) map[string]bool {
	out := map[string]bool{}
	for _, v := range list {
		out[v] = true
	}
	return out
}

func groupError(t *testing.T, wall guard.Wall, text string) error {
	t.Helper()
	_, err := wall.Group(t.Context(), try(wall.GroupID(text)).must(t))
	if keycloak.KindOf(err) != keycloak.NotFound {
		t.Fatalf("nothing is %v", err)
	}
	return err
}

// TestMembershipsAreShownFromBothSides: the members of a group that the tenant may see, and the
// groups of the tenant's users.
func TestMembershipsAreShownFromBothSides(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, k := range w.kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wall := w.wall(k)
			groupsOf := map[string][]string{}
			for label, want := range k.members {
				id := try(wall.GroupID(w.groups[label])).must(t)
				list, _, err := wall.GroupMembers(t.Context(), id, 0, 100)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, labels(w.users, userIDs(list))); diff != "" {
					t.Errorf("%s has other members (-want +got)\n%s", label, diff)
				}
				for _, of := range want {
					groupsOf[of] = append(groupsOf[of], label)
				}
			}
			for _, label := range sortedLabels(w.users) {
				list, err := wall.GroupsOf(t.Context(), w.user(label))
				if label == late || label == joined { // a check costs a call, and a filter by a member does not make it: the next read of the realm knows these accounts
					continue
				}
				if !slices.Contains(k.users, label) {
					if len(list) > 0 || err != nil && keycloak.KindOf(err) != keycloak.NotFound {
						t.Errorf("the groups of %s, who is nobody, are %v, %v", label, groupIDs(list), err)
					}
					continue
				}
				want := groupsOf[label]
				if wall.ProtectsUser(w.users[label]) { // the groups of a protected user are not shown
					want = nil
				}
				if label == free && slices.Contains(k.groups, locked) {
					want = append(want, locked) // only its name is shown
				}
				if diff := cmp.Diff(setOf(want), setOf(labels(w.groups, groupIDs(list)))); err != nil || diff != "" {
					t.Errorf("the groups of %s are others, %v (-want +got)\n%s", label, err, diff)
				}
			}
		})
	}
}

// TestAProtectedGroupShowsNoMember.
func TestAProtectedGroupShowsNoMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wall := w.wall(w.kinds()["a realm"])
	w.fake.ResetCalls()
	list, all, err := wall.GroupMembers(t.Context(), w.realmGroup(locked), 0, 100)
	if err != nil || len(list)+len(all) > 0 || len(w.fake.Calls()) > 0 {
		t.Errorf("the members of a protected group are %v, %v, by %q", all, err, w.fake.Calls())
	}
}

// TestWhatATenantSeesOfItsGroups, for each kind of tenant.
func TestWhatATenantSeesOfItsGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scimID := w.realmGroup(scimRoot)
	type facts struct {
		Takes, Proves, ProvesMembers bool // whether it has groups, reads a group before a blind change, and whether Keycloak proves members
		Parent                       keycloak.GroupID
		Left                         bool // whether the tenant finds its departed group
		Nested                       []string
	}
	for name, want := range map[string]facts{
		"a realm":                              {Takes: true, ProvesMembers: true, Nested: []string{top, scimRoot, twoRoot, inScim}},
		"a realm, what it owns":                {Takes: true, Nested: []string{top, scimRoot, twoRoot, inScim}},
		"a realm, below a parent":              {Takes: true, Proves: true, ProvesMembers: true, Parent: scimID, Nested: []string{inScim}},
		"a realm, beside another tenant":       {Takes: true, Proves: true, ProvesMembers: true, Nested: []string{top, scimRoot}},
		"a realm whose groups leave":           {Takes: true, Proves: true, ProvesMembers: true, Left: true, Nested: []string{top, scimRoot, twoRoot, inScim}},
		"a realm whose parent is not known":    {Proves: true, ProvesMembers: true},
		"an organization":                      {Takes: true, Proves: true, ProvesMembers: true, Parent: w.acme.TopLevel(), Nested: []string{guild}},
		"an organization, groups of the realm": {Takes: true, Proves: true, Parent: scimID, Nested: []string{inScim}},
		"an organization without groups":       {Proves: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := w.kinds()[name]
			wall := w.wall(k)
			got := facts{ProvesMembers: k.fitness.ProvesMembers(k.tenant)}
			parent, err := wall.GroupParent()
			if got.Parent, got.Takes = parent, err == nil; err != nil && !errors.Is(err, guard.ErrNoGroups) {
				t.Error(err)
			}
			if _, got.Proves, err = wall.ProveGroup(t.Context(), try(wall.GroupID(absentID)).must(t)); got.Proves != (keycloak.KindOf(err) == keycloak.NotFound) {
				t.Errorf("ProveGroup of an absent one = %t, %v", got.Proves, err)
			}
			g, left, err := wall.DepartedGroup(t.Context(), departed)
			if got.Left = left; err != nil || left && g.ID != w.groups[departed] {
				t.Errorf("DepartedGroup = %+v, %v", g, err)
			}
			if _, other, err := wall.DepartedGroup(t.Context(), top); other || err != nil {
				t.Errorf("a group that stayed has left: %v", err)
			}
			for _, label := range k.groups {
				g := try(wall.Group(t.Context(), try(wall.GroupID(w.groups[label])).must(t))).must(t)
				if try(wall.HasSubGroups(t.Context(), g)).must(t) {
					got.Nested = append(got.Nested, label)
				}
			}
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b keycloak.GroupID) bool { return a == b }), cmp.Transformer("set", setOf)); diff != "" {
				t.Errorf("other facts (-want +got)\n%s", diff)
			}
		})
	}
	none := w.wall(w.kinds()["an organization without groups"])
	if nested, err := none.HasSubGroups(t.Context(), keycloak.Group{}); nested || err != nil {
		t.Errorf("who has no groups has nested ones: %v", err)
	}
	if _, _, err := none.GroupMembers(t.Context(), scimID, 0, 1); keycloak.KindOf(err) != keycloak.NotFound {
		t.Errorf("who has no groups reads members: %v", err)
	}
	for _, id := range []string{"", ".", "a/b", "..", "a\x00"} {
		for name, k := range w.kinds() {
			if _, err := w.wall(k).GroupID(id); !errors.Is(err, keycloak.ErrInvalidID) {
				t.Errorf("%s: %q is an id: %v", name, id, err)
			}
		}
	}
}

// TestAWallSaysWhatSCIMMayNotWrite, as of the last read of the realm, and nothing when the realm
// was not read.
func TestAWallSaysWhatSCIMMayNotWrite(t *testing.T) {
	t.Parallel()
	of := &tenant.Tenant{Mapping: mapping.Default(scim.Tolerant)}
	wall := guard.For(of, tenant.Fitness{Protected: &tenant.Protected{
		Users: map[string]bool{admin: true}, Delegates: map[string]bool{member: true}, ServiceAccounts: map[string]bool{service: true},
		Groups: map[string]bool{locked: true}, Kept: map[string]bool{scimRoot: true},
	}}, nil)
	blind := guard.For(of, tenant.Fitness{}, nil)
	for id, want := range map[string][5]bool{ // ProtectsUser, Deactivates, ServiceAccount, ProtectsGroup, KeepsGroup
		free: {}, admin: {true}, member: {true, true}, service: {false, false, true}, locked: {false, false, false, true}, scimRoot: {false, false, false, false, true},
	} {
		for wall, want := range map[guard.Wall][5]bool{wall: want, blind: {}} {
			if got := [5]bool{wall.ProtectsUser(id), wall.Deactivates(id), wall.ServiceAccount(id), wall.ProtectsGroup(id), wall.KeepsGroup(id)}; got != want {
				t.Errorf("of %s the wall says %v, want %v", id, got, want)
			}
		}
	}
}
