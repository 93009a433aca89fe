package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// team is a realm with groups whose members the tests read.
type team struct {
	*naive

	t  *testing.T
	d  *directory.Directory
	of *tenant.Tenant
	f  tenant.Fitness
}

func newTeam(t *testing.T, members int, memory int64) *team {
	t.Helper()
	n := newNaive()
	n.crowd(members)
	n.putGroup(keycloak.Group{ID: "g", Name: "G"})
	for id := range n.users {
		n.members["g"][id] = true
	}
	return &team{n, t, directory.New(directory.Options{MaxMemory: memory}), newTenant("one"), tenant.Fitness{Feed: true}}
}

// has checks the members of the group g, and how many pages were read.
func (x *team) has(pages int, want ...string) {
	x.t.Helper()
	later(10 * time.Millisecond) // the feed is polled again
	x.took()
	list, err := x.d.Members(x.t.Context(), x.view(x.of, x.f), x.id("g"))
	var got []string
	for _, m := range list {
		got = append(got, m.Username)
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		x.t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if calls := x.took(); calls["GroupMembers"] != pages {
		x.t.Errorf("it took %v, want %d pages", calls, pages)
	}
}

func (x *team) id(text string) keycloak.GroupID {
	x.t.Helper()
	id, err := keycloak.ParseGroupID(text)
	if err != nil {
		x.t.Fatal(err)
	}
	return id
}

func names(size int) []string {
	out := make([]string, size)
	for i := range out {
		out[i] = fmt.Sprintf("name-u%04d", i)
	}
	return out
}

// TestMembersAreReadOnceAndFollowed: afterwards events report who joins, leaves, is renamed and is
// deleted.
func TestMembersAreReadOnceAndFollowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newTeam(t, 3, 1<<24)
		x.has(1, names(3)...)
		x.has(0, names(3)...)
		x.put(person("new", "", true))
		x.members["g"]["new"] = true
		x.tell("CREATE", "GROUP_MEMBERSHIP", "users/new/groups/g", "name-new")
		x.has(0, "name-new", "name-u0000", "name-u0001", "name-u0002")
		delete(x.members["g"], "u0000")
		x.tell("DELETE", "GROUP_MEMBERSHIP", "users/u0000/groups/g", "name-u0000")
		x.has(0, "name-new", "name-u0001", "name-u0002")
		renamed := person("u0001", "", true)
		renamed.Username = "zoe"
		x.put(renamed)
		x.tell("UPDATE", "USER", "users/u0001", "")
		x.has(0, "name-new", "name-u0002", "zoe")
		x.remove("u0002")
		x.tell("DELETE", "USER", "users/u0002", "")
		x.has(0, "name-new", "zoe")
		x.put(person("elsewhere", "", true))
		x.tell("CREATE", "GROUP_MEMBERSHIP", "users/elsewhere/groups/h", "name-elsewhere") // a group that no request asked for
		x.has(0, "name-new", "zoe")
		robot := person("robot", "", true)
		robot.Username = "service-account-robot"
		x.put(robot)
		x.hidden["robot"], x.members["g"]["robot"] = true, true
		x.tell("CREATE", "GROUP_MEMBERSHIP", "users/robot/groups/g", "service-account-robot")
		x.has(0, "name-new", "zoe")
		x.tell("DELETE", "GROUP", "groups/g", "")
		x.has(1, "name-new", "zoe")
		if !x.d.Knows("acme") {
			t.Error("the members are not known")
		}
		later(2 * time.Hour)
		x.d.DropIdle()
		if x.d.Knows("acme") {
			t.Error("the members are known for ever")
		}
	})
}

// TestTheIndexDropsTheGroupsOfWhoLeavesAnOrganization, because no event reports these memberships.
func TestTheIndexDropsTheGroupsOfWhoLeavesAnOrganization(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newTeam(t, 2, 1<<24)
		o, err := keycloak.ParseOrganizationID("o1")
		if err != nil {
			t.Fatal(err)
		}
		id, err := o.ParseGroupID("g")
		if err != nil {
			t.Fatal(err)
		}
		ask := func() []directory.Member {
			t.Helper()
			later(10 * time.Millisecond)
			list, err := x.d.Members(t.Context(), x.view(x.of, x.f), id)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		ask()
		x.took()
		x.tell("CREATE", "ORGANIZATION_GROUP_MEMBERSHIP", "organizations/o1/groups/g/members/u0009", "name-u0009")
		x.put(person("u0009", "", true))
		if got := ask(); len(got) != 3 {
			t.Errorf("who joined is not among %v", got)
		}
		x.tell("DELETE", "ORGANIZATION_MEMBERSHIP", "organizations/o2/members/u0000", "") // another organization
		x.tell("DELETE", "ORGANIZATION_MEMBERSHIP", "organizations/o1/members/u0001", "")
		if got := ask(); !slices.Equal(got, []directory.Member{{ID: "u0000", Username: "name-u0000"}, {ID: "u0009", Username: "name-u0009"}}) {
			t.Errorf("the members are %v", got)
		}
		x.tell("DELETE", "ORGANIZATION_GROUP", "organizations/o1/groups/g", "")
		if ask(); x.took()["GroupMembers"] != 1 {
			t.Error("the members of a group that was deleted are known")
		}
	})
}

// TestMembersWithoutAFeedAreReadEachTime. The same holds for groups that have members of other
// tenants, and for a protected group.
func TestMembersWithoutAFeedAreReadEachTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		feed, strangers bool
		group           string
	}{"no feed": {false, false, "g"}, "others are in it": {true, true, "g"}, "protected": {true, false, "locked"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x := newTeam(t, 2, 1<<24)
				x.putGroup(keycloak.Group{ID: "locked", Name: "L"})
				x.f.Feed, x.of.Policy.OwnedOnly = c.feed, c.strangers
				for range 3 {
					later(time.Millisecond)
					x.took()
					_, err := x.d.Members(t.Context(), x.view(x.of, x.f), x.id(c.group))
					if calls := x.took()["GroupMembers"]; err != nil || calls != 1 {
						t.Errorf("it is read by %d pages, %v", calls, err)
					}
				}
				if x.d.Knows("acme") {
					t.Error("they are kept")
				}
			})
		})
	}
}

// TestMembersAreReadWholeOrNotAtAll: many pages, members that do not fit into the memory, and
// errors of Keycloak.
func TestMembersAreReadWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newTeam(t, 250, 1<<24)
		x.has(3, names(250)...)
		x.has(0, names(250)...)
		later(time.Hour) // changes without an event, such as a login that changed a name
		x.has(3, names(250)...)
		small := newTeam(t, 250, 1000)
		small.has(3, names(250)...)
		small.has(3, names(250)...)
		x.failing = func(op string) error {
			if op == "GroupMembers" || op == "UsersByID" {
				return errFault
			}
			return nil
		}
		x.tell("UPDATE", "USER", "users/u0001", "")
		later(time.Millisecond)
		if _, err := x.d.Members(t.Context(), x.view(x.of, x.f), x.id("g")); !errors.Is(err, errFault) {
			t.Errorf("who changed cannot be read: %v", err)
		}
		x.putGroup(keycloak.Group{ID: "h", Name: "H"})
		if _, err := x.d.Members(t.Context(), x.view(x.of, x.f), x.id("h")); !errors.Is(err, errFault) {
			t.Errorf("nobody can be read: %v", err)
		}
		x.failing = nil
		x.has(0, names(250)...)
		x.failing = func(op string) error {
			if op == "AdminEvents" {
				return errFault
			}
			return nil
		}
		later(time.Millisecond)
		if _, err := x.d.Members(t.Context(), x.view(x.of, x.f), x.id("g")); !errors.Is(err, errFault) {
			t.Errorf("nobody can tell who joined: %v", err)
		}
	})
}

// TestWhoJoinsWhileMembersAreReadIsAmongThem afterwards: events from the time of the read are added
// to the result. Another request meanwhile reads too, and stores nothing.
func TestWhoJoinsWhileMembersAreReadIsAmongThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newTeam(t, 3, 1<<24)
		x.has(1, names(3)...) // the feed begins
		x.tell("DELETE", "GROUP", "groups/g", "")
		later(time.Millisecond)
		hold := make(chan struct{})
		x.failing = func(op string) error {
			if op == "GroupMembers" {
				<-hold
			}
			return nil
		}
		ask := func(view directory.View) []directory.Member {
			list, err := x.d.Members(t.Context(), view, x.id("g"))
			if err != nil {
				t.Error(err)
			}
			return list
		}
		first, second := make(chan int), make(chan int)
		go func() { first <- len(ask(x.view(x.of, x.f))) }()
		synctest.Wait()
		x.tell("DELETE", "GROUP_MEMBERSHIP", "users/u0000/groups/g", "name-u0000") // before the page is read
		x.tell("UPDATE", "USER", "users/u0001", "")
		later(time.Millisecond)
		go func() { second <- len(ask(x.view(x.of, x.f))) }()
		synctest.Wait()
		delete(x.members["g"], "u0000")
		renamed := person("u0001", "", true)
		renamed.Username = "zoe"
		x.put(renamed)
		close(hold)
		if a, b := <-first, <-second; a != 2 || b != 2 {
			t.Errorf("they saw %d and %d members, want 2", a, b)
		}
		x.failing = nil
		x.has(0, "name-u0002", "zoe")
	})
}

// TestManyMissesOfFormerValuesMakeAnIndex, except after an index was refused lately.
func TestManyMissesOfFormerValuesMakeAnIndex(t *testing.T) {
	t.Parallel()
	for memory, made := range map[int64]bool{1 << 24: true, 1: false} {
		t.Run(fmt.Sprint(memory, " bytes"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, of := newNaive(), newTenant("one")
				n.crowd(60)
				n.put(person("old", "F", false))
				d := directory.New(directory.Options{MaxMemory: memory})
				miss := func(times int) {
					t.Helper()
					for range times {
						if got := found(t, d, n.view(of, tenant.Fitness{}), `externalId eq "none"`); len(got) > 0 {
							t.Fatalf("%q is found", got)
						}
					}
				}
				miss(99)
				if d.Knows("acme") {
					t.Error("99 misses make an index")
				}
				miss(1)
				later(10 * time.Millisecond)
				if d.Knows("acme") != made {
					t.Errorf("an index is there: %t", d.Knows("acme"))
				}
				n.took()
				if got := found(t, d, n.view(of, tenant.Fitness{}), `externalId eq "F"`); !slices.Equal(got, []string{"old"}) {
					t.Errorf("the former value finds %q", got)
				}
				if search := n.took()["FindUsers by externalId"] > 0; search == made {
					t.Errorf("Keycloak is searched: %t", search)
				}
				miss(200)
				if calls := n.took(); calls["ListUsers"] > 0 {
					t.Errorf("an index is made again by %v", calls)
				}
				later(time.Hour)
			})
		})
	}
}
