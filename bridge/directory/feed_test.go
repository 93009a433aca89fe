package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// found returns the ids that a filter finds, in order.
func found(t *testing.T, d *directory.Directory, v directory.View, text string) []string {
	t.Helper()
	list, err := d.Users(t.Context(), v, query(t, v.Tenant.Mapping.User, text, ""))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return idsOf(list.Resources)
}

// titled is a person that a filter on displayName finds.
func titled(id, name string) keycloak.User {
	u := person(id, "", true)
	u.Attributes[mapping.AttrDisplayName] = []string{name}
	return u
}

// TestAFeedThatKeycloakRefusesIsNotReadForAWhile: meanwhile the index is read again as without a
// feed. An outage is an error.
func TestAFeedThatKeycloakRefusesIsNotReadForAWhile(t *testing.T) {
	t.Parallel()
	for kind, c := range map[keycloak.Kind]struct{ refused bool }{
		keycloak.Denied: {true}, keycloak.Invalid: {true}, keycloak.NotFound: {true}, keycloak.Unavailable: {false}, keycloak.Unknown: {false},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, of, fitness := newNaive(), newTenant("one"), tenant.Fitness{Feed: true}
				n.put(titled("a", "Boss"))
				d := directory.New(directory.Options{MaxMemory: 1 << 24})
				boss := `displayName eq "boss" or not (userName pr)`
				found(t, d, n.view(of, fitness), boss)
				later(time.Second)
				n.failing = func(op string) error {
					if op == "AdminEvents" {
						return &keycloak.Error{Op: op, Kind: kind}
					}
					return nil
				}
				_, err := d.Users(t.Context(), n.view(of, fitness), query(t, of.Mapping.User, boss, ""))
				if c.refused != (err == nil) || !c.refused && keycloak.KindOf(err) != kind {
					t.Errorf("while the feed answers %s: %v", kind, err)
				}
				if _, followed := d.Feeds()["acme"]; followed == c.refused {
					t.Errorf("the metrics show the feed: %t", followed)
				}
				n.took()
				later(10 * time.Second)
				_ = d.Follow(t.Context(), n.view(of, fitness))
				if asked := n.took()["AdminEvents"] > 0; asked == c.refused {
					t.Errorf("after ten seconds it is asked: %t", asked)
				}
				n.failing = nil
				n.put(titled("b", "Boss")) // no event reports this
				later(time.Minute)
				if got := found(t, d, n.view(of, fitness), boss); !slices.Equal(got, []string{"a", "b"}) {
					t.Errorf("after a minute %q is found", got)
				}
				if n.took()["AdminEvents"] == 0 || d.Feeds()["acme"] != 0 {
					t.Errorf("the feed is not followed again: %v", d.Feeds())
				}
				later(time.Hour)
			})
		})
	}
}

// TestWhatWasNotFollowedForLongIsReadAgain, because Keycloak may have deleted events meanwhile. The
// same holds for what was known while the realm had no feed.
func TestWhatWasNotFollowedForLongIsReadAgain(t *testing.T) {
	t.Parallel()
	for name, gap := range map[string]func(t *testing.T, d *directory.Directory, n *naive, of *tenant.Tenant){
		"nobody asked": func(*testing.T, *directory.Directory, *naive, *tenant.Tenant) { later(11 * time.Minute) },
		"it was off": func(t *testing.T, d *directory.Directory, n *naive, of *tenant.Tenant) {
			t.Helper()
			if err := d.Follow(t.Context(), n.view(of, tenant.Fitness{})); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, of, fitness := newNaive(), newTenant("one"), tenant.Fitness{Feed: true}
				n.crowd(20_000 / 25) // an index of this size may be minutes old
				d := directory.New(directory.Options{MaxMemory: 1 << 24})
				boss := `displayName eq "boss" or not (userName pr)`
				found(t, d, n.view(of, fitness), boss)
				later(time.Millisecond)
				n.put(titled("b", "Boss")) // no event of this is left
				if got := found(t, d, n.view(of, fitness), boss); len(got) > 0 {
					t.Errorf("what nobody told is found at once: %q", got)
				}
				gap(t, d, n, of)
				later(time.Millisecond)
				if got := found(t, d, n.view(of, fitness), boss); !slices.Equal(got, []string{"b"}) {
					t.Errorf("after the gap %q is found", got)
				}
				later(time.Hour)
			})
		})
	}
}

// TestOneEventChangesTheIndexesOfAllTenants of its realm, and of no other.
func TestOneEventChangesTheIndexesOfAllTenants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, fitness := newNaive(), tenant.Fitness{Feed: true}
		n.put(titled("a", "x"))
		d := directory.New(directory.Options{MaxMemory: 1 << 24})
		one, two, other := newTenant("one"), newTenant("two"), newTenant("three")
		other.Realm = "other"
		boss := `displayName eq "boss" or not (userName pr)`
		for _, of := range []*tenant.Tenant{one, two, other} {
			found(t, d, n.view(of, fitness), boss)
		}
		later(100 * time.Millisecond) // no index is old
		n.put(titled("a", "Boss"))
		n.tell("UPDATE", "USER", "users/a", "")
		if err := d.Follow(t.Context(), n.view(one, fitness)); err != nil {
			t.Fatal(err)
		}
		off := tenant.Fitness{} // so that no request polls the feed of the third
		for of, want := range map[*tenant.Tenant]int{one: 1, two: 1, other: 0} {
			f := fitness
			if of == other {
				f = off
			}
			if got := found(t, d, n.view(of, f), boss); len(got) != want {
				t.Errorf("%s finds %q, want %d", of.Path, got, want)
			}
		}
		later(time.Hour)
	})
}

// TestEventsOfGroups: the event of a new group below another group, or of an organization, does not
// have the group's id.
func TestEventsOfGroups(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ operation, resource, path string }{
		"made at the top":              {"CREATE", "GROUP", "groups/new"},
		"made below another":           {"CREATE", "GROUP", "groups/parent/children"},
		"made in an organization":      {"CREATE", "ORGANIZATION_GROUP", "organizations/o/groups"},
		"changed":                      {"UPDATE", "GROUP", "groups/new"},
		"changed in an organization":   {"UPDATE", "ORGANIZATION_GROUP", "organizations/o/groups/new"},
		"of what nobody has heard yet": {"CREATE", "GROUP", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, of, fitness := newNaive(), newTenant("one"), tenant.Fitness{Feed: true}
				n.putGroup(keycloak.Group{ID: "old", Name: "Old"})
				d := directory.New(directory.Options{MaxMemory: 1 << 24})
				q := query(t, of.Mapping.Group, `displayName sw "n"`, "")
				names := func() []string {
					list, err := d.Groups(t.Context(), n.view(of, fitness), q)
					if err != nil {
						t.Fatal(err)
					}
					return idsOf(list.Resources)
				}
				names()
				later(100 * time.Millisecond)
				n.putGroup(keycloak.Group{ID: "new", Name: "New"})
				n.tell(c.operation, c.resource, c.path, "")
				want := []string{"new"}
				if c.path == "" {
					want = []string{}
				}
				if got := names(); !slices.Equal(got, want) {
					t.Errorf("%q is found, want %q", got, want)
				}
				later(time.Hour)
			})
		})
	}
}

// TestWhoJoinsAnOrganizationIsFound, even when the event has only the name; a user who leaves is
// not found.
func TestWhoJoinsAnOrganizationIsFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, fitness := newNaive(), tenant.Fitness{Feed: true}
		of := newTenant("one/organizations/acme")
		id, err := keycloak.ParseOrganizationID("o1")
		if err != nil {
			t.Fatal(err)
		}
		of.Owner, of.Organization = mapping.Owner{Key: "one", Organization: true}, tenant.Organization{ID: id, Alias: "acme"}
		n.put(titled("a", "Boss"))
		d := directory.New(directory.Options{MaxMemory: 1 << 24})
		look := func(want ...string) {
			t.Helper()
			later(10 * time.Millisecond)
			if got := found(t, d, n.view(of, fitness), `displayName ge "B" and not (displayName sw "x")`); !slices.Equal(got, want) {
				t.Errorf("%q is found, want %q", got, want)
			}
		}
		look("a")
		n.put(titled("b", "Boss"))
		n.tell("CREATE", "ORGANIZATION_MEMBERSHIP", "organizations/o1/members", "name-b")
		look("a", "b")
		n.put(titled("c", "Boss"))
		n.tell("CREATE", "ORGANIZATION_MEMBERSHIP", "organizations/o2/members", "name-c") // another organization
		n.tell("UPDATE", "USER", "users/c", "")                                           // this event makes nobody a member
		look("a", "b")
		n.remove("b")
		n.tell("DELETE", "ORGANIZATION_MEMBERSHIP", "organizations/o1/members/b", "")
		look("a")
		n.put(titled("a", "x"))
		n.tell("UPDATE", "USER", "users/a", "") // a known user
		look()
		n.failing = func(op string) error {
			if op == "FindUsers by name" {
				return errFault
			}
			return nil
		}
		n.tell("CREATE", "ORGANIZATION_MEMBERSHIP", "organizations/o1/members", "name-c")
		later(10 * time.Millisecond)
		if _, err := d.Users(t.Context(), n.view(of, fitness), query(t, of.Mapping.User, `displayName ge "B"`, "")); !errors.Is(err, errFault) {
			t.Errorf("who joined cannot be read, and the answer is %v", err)
		}
		n.failing = nil
		look("c") // and c is not forgotten
		later(time.Hour)
	})
}

// TestTwoDirectoriesTellEachOther what they wrote, when they share Invalidations.
func TestTwoDirectoriesTellEachOther(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprint("shared ", shared), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, of := newNaive(), newTenant("one")
				n.crowd(200) // an index of this size may be seconds old
				n.put(titled("a", "x"))
				bus := &directory.MemoryInvalidations{}
				here := directory.New(directory.Options{MaxMemory: 1 << 24, Invalidations: bus})
				if !shared {
					bus = nil
				}
				options := directory.Options{MaxMemory: 1 << 24}
				if shared {
					options.Invalidations = bus
				}
				there := directory.New(options)
				boss := `displayName eq "boss" or not (userName pr)`
				for _, d := range []*directory.Directory{here, there} {
					found(t, d, n.view(of, tenant.Fitness{}), boss)
				}
				later(time.Second)
				n.put(titled("a", "Boss"))
				there.Touch(of, []string{"a", ""}, nil)
				want := 0
				if shared {
					want = 1
				}
				if got := found(t, there, n.view(of, tenant.Fitness{}), boss); len(got) != 1 {
					t.Errorf("who wrote finds %q", got)
				}
				if got := found(t, here, n.view(of, tenant.Fitness{}), boss); len(got) != want {
					t.Errorf("the other one finds %q, want %d", got, want)
				}
				later(time.Hour)
			})
		})
	}
}

// TestATenantLearnsWhatAnotherOneCreates in its realm. A tenant of an organization does not need
// this: another tenant's write adds nobody to the organization.
func TestATenantLearnsWhatAnotherOneCreates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		organization bool   // whether the searching tenant is an organization's
		by, realm    string // the tenant that creates a user, and its realm
		want         int
	}{
		"another tenant of the realm":              {false, "two", "acme", 1},
		"itself":                                   {false, "one", "acme", 1},
		"a tenant of another realm":                {false, "two", "other", 0},
		"an organization, by a tenant beside it":   {true, "two", "acme", 0},
		"an organization, by the tenant that asks": {true, "one", "acme", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, of, by := newNaive(), newTenant("one"), newTenant(c.by)
				n.crowd(200)
				of.Realm, of.Owner.Organization, by.Realm = "acme", c.organization, c.realm
				d := directory.New(directory.Options{MaxMemory: 1 << 24})
				boss := `displayName eq "boss" or not (userName pr)`
				if got := found(t, d, n.view(of, tenant.Fitness{}), boss); len(got) != 0 {
					t.Fatalf("%q are found", got)
				}
				later(time.Second)
				n.put(titled("new", "Boss"))
				d.Touch(by, []string{"new"}, nil)
				if got := found(t, d, n.view(of, tenant.Fitness{}), boss); len(got) != c.want {
					t.Errorf("%q are found, want %d", got, c.want)
				}
				later(time.Hour)
			})
		})
	}
}

// TestWhatBecomesProtectedIsReadAgain, because the Wall shows it differently from then on. The same
// holds when the protection ends.
func TestWhatBecomesProtectedIsReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, of := newNaive(), newTenant("one")
		n.crowd(200)
		for _, id := range []string{"boss", "group", "client", "parent", "same"} {
			n.put(titled(id, "Boss"))
		}
		d := directory.New(directory.Options{MaxMemory: 1 << 24})
		p := func(users, groups, clients, parents []string) *tenant.Protected {
			set := func(ids []string) map[string]bool {
				out := map[string]bool{"same": true, "nobody": true}
				for _, id := range ids {
					out[id] = true
				}
				return out
			}
			out := &tenant.Protected{Users: set(users), Groups: set(groups), ServiceAccounts: set(clients), Parents: map[string]tenant.Parent{}}
			for _, id := range parents {
				out.Parents[id] = tenant.Parent{}
			}
			return out
		}
		bosses := func(p *tenant.Protected) []string {
			later(time.Millisecond)
			return found(t, d, n.view(of, tenant.Fitness{Protected: p}), `displayName eq "boss" or not (userName pr)`)
		}
		none := p(nil, nil, nil, nil)
		if got := bosses(none); len(got) != 5 {
			t.Fatalf("%q are found", got)
		}
		all := p([]string{"boss"}, []string{"group"}, []string{"client"}, []string{"parent"})
		for _, c := range []struct {
			look *tenant.Protected
			want []string
		}{{all, []string{"same"}}, {none, []string{"boss", "client", "group", "parent", "same"}}} {
			for _, id := range []string{"boss", "group", "client", "parent"} {
				u := titled(id, "Boss")
				if c.look == all { // the Wall shows only the name
					delete(u.Attributes, mapping.AttrDisplayName)
				}
				n.put(u)
			}
			if got := bosses(c.look); !slices.Equal(got, c.want) {
				t.Errorf("%q are found, want %q", got, c.want)
			}
		}
		later(time.Hour)
	})
}
