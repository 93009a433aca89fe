package directory_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// mailed is a person with e-mail addresses.
func mailed(id, primary string, further ...string) keycloak.User {
	u := person(id, "x-"+id, true)
	u.Email = primary
	if len(further) > 0 {
		u.Attributes[mapping.AttrEmails] = further
	}
	return u
}

// TestLookUps: what a filter finds, and with which calls. Each look-up is cheaper than an index.
func TestLookUps(t *testing.T) {
	t.Parallel()
	n, of := newNaive(), newTenant("one")
	n.put(mailed("a", "a@acme.test"))
	n.put(mailed("b", "b@acme.test", "second@acme.test"))
	n.put(titled("c", "Boss"))
	long := strings.Repeat("long", 100)
	for text, c := range map[string]struct {
		want  []string
		calls string
	}{
		`id eq "a"`:                                               {[]string{"a"}, "User"},
		`id eq "A"`:                                               {nil, "User"},
		`id eq "no/id"`:                                           {nil, ""},
		`userName eq "NAME-a"`:                                    {[]string{"a"}, "FindUsers by name"},
		`userName eq "nobody"`:                                    {nil, "FindUsers by name"},
		`externalId eq "x-a"`:                                     {[]string{"a"}, "FindUsers by scim.key"},
		`externalId eq "X-A"`:                                     {nil, "FindUsers by externalId, FindUsers by scim.key"},
		`emails.value eq "a@acme.test"`:                           {[]string{"a"}, "FindUsers by address, FindUsers by scim.emails"},
		`emails eq "second@acme.test"`:                            {[]string{"b"}, "FindUsers by address, FindUsers by scim.emails"},
		`emails[value eq "a@acme.test"]`:                          {[]string{"a"}, "FindUsers by address, FindUsers by scim.emails"},
		`displayName eq "Boss"`:                                   {[]string{"c"}, "FindUsers by displayName"},
		`userName eq "name-a" and active eq true`:                 {[]string{"a"}, "FindUsers by name"},
		`userName eq "name-a" and active eq false`:                {nil, "FindUsers by name"},
		`displayName eq "Boss" and id eq "c"`:                     {[]string{"c"}, "User"},
		`emails.value eq "a@acme.test" and userName eq "name-a"`:  {[]string{"a"}, "FindUsers by name"},
		`id eq "a" or userName eq "name-b"`:                       {[]string{"a", "b"}, "FindUsers by name, User"},
		`id eq "a" or id eq "a" or id eq "c"`:                     {[]string{"a", "c"}, "User, User"},
		`(id eq "a" or id eq "b") and externalId eq "x-b"`:        {[]string{"b"}, "User, User"},
		`id eq "a" and (id eq "b" or id eq "c")`:                  {nil, "User"},
		`userName eq "name%2Da"`:                                  {[]string{"a"}, "FindUsers by name, FindUsers by name"},
		`userName eq "name%"`:                                     {nil, "FindUsers by name"},
		`externalId eq "` + long + `"`:                            {nil, "FindUsers by externalId, FindUsers by scim.key"},
		`meta.resourceType eq "Group"`:                            {nil, ""},
		`emails[type eq "work" and value eq "a@acme.test"]`:       {[]string{"a"}, "FindUsers by address, FindUsers by scim.emails"},
		`emails[type eq "work" and value eq "none@acme.test"]`:    {nil, "FindUsers by address, FindUsers by scim.emails"},
		`emails[primary eq true and value eq "second@acme.test"]`: {[]string{}, "FindUsers by address, FindUsers by scim.emails"},
		`id eq "a" and not (userName eq "name-a")`:                {nil, "User"},
	} {
		d := directory.New(directory.Options{MaxMemory: 1 << 20})
		n.took()
		q := query(t, of.Mapping.User, text, "")
		got, err := d.Users(t.Context(), n.view(of, tenant.Fitness{}), q)
		if err != nil || !slices.Equal(idsOf(got.Resources), c.want) && len(got.Resources)+len(c.want) > 0 || got.Total != len(c.want) {
			t.Errorf("%s finds %q of %d, %v, want %q", text, idsOf(got.Resources), got.Total, err, c.want)
		}
		if calls := callsOf(n.took()); calls != c.calls {
			t.Errorf("%s calls %s, want %s", text, calls, c.calls)
		}
	}
}

// callsOf lists calls by their names, with the number of each.
func callsOf(took map[string]int) string {
	var out []string
	for _, op := range slices.Sorted(maps.Keys(took)) {
		for range took[op] {
			out = append(out, op)
		}
	}
	return strings.Join(out, ", ")
}

// TestLookUpsOfGroups, also by members, which are in no document.
func TestLookUpsOfGroups(t *testing.T) {
	t.Parallel()
	n, of := newNaive(), newTenant("one")
	n.crowd(2)
	for _, g := range []keycloak.Group{
		{ID: "g", Name: "Group", Attributes: map[string][]string{mapping.AttrExternalID: {"x"}}}, {ID: "h", Name: "Group of others"}, {ID: "nested", Name: "Nested", ParentID: "g"},
	} {
		n.putGroup(g)
		n.members[g.ID]["u0000"] = true
	}
	for text, c := range map[string]struct {
		want  []string
		calls string
	}{
		`id eq "g"`:                                           {[]string{"g"}, "Group"},
		`id eq "none"`:                                        {nil, "Group"},
		`id eq "no/id"`:                                       {nil, ""},
		`displayName eq "GROUP"`:                              {[]string{"g"}, "FindGroups by name"},
		`externalId eq "x"`:                                   {[]string{"g"}, "FindGroups by externalId"},
		`externalId eq "X"`:                                   {nil, "FindGroups by externalId"},
		`members.value eq "u0000"`:                            {[]string{"g", "h"}, "GroupsOf"},
		`members eq "u0000"`:                                  {[]string{"g", "h"}, "GroupsOf"},
		`members.value eq "u0001"`:                            {nil, "GroupsOf"},
		`members.value eq "nobody"`:                           {nil, "GroupsOf"},
		`members.value eq "no/id"`:                            {nil, ""},
		`members[type eq "User" and value eq "u0000"]`:        {[]string{"g", "h"}, "GroupsOf"},
		`members[type eq "Group" and value eq "u0000"]`:       {nil, "GroupsOf"},
		`members[value eq "u0000"]`:                           {[]string{"g", "h"}, "GroupsOf"},
		`displayName eq "Group" and members.value eq "u0000"`: {[]string{"g"}, "GroupsOf"},
		`id eq "h" and members.value eq "u0000"`:              {[]string{"h"}, "GroupsOf"},
	} {
		d := directory.New(directory.Options{MaxMemory: 1 << 20})
		n.took()
		got, err := d.Groups(t.Context(), n.view(of, tenant.Fitness{}), query(t, of.Mapping.Group, text, ""))
		if err != nil || !slices.Equal(idsOf(got.Resources), c.want) && len(got.Resources)+len(c.want) > 0 {
			t.Errorf("%s finds %q, %v, want %q", text, idsOf(got.Resources), err, c.want)
		}
		if calls := callsOf(n.took()); calls != c.calls {
			t.Errorf("%s calls %s, want %s", text, calls, c.calls)
		}
		for _, r := range got.Resources {
			if r.Document[scim.AttrMembers] != nil {
				t.Errorf("%s: the document of %s has members", text, r.ID)
			}
		}
	}
}

// TestFiltersThatNothingCanAnswer are refused. No filter is answered by leaving out a term.
func TestFiltersThatNothingCanAnswer(t *testing.T) {
	t.Parallel()
	n, of := newNaive(), newTenant("one")
	d := directory.New(directory.Options{MaxMemory: 1 << 20})
	v := n.view(of, tenant.Fitness{})
	for _, text := range []string{
		`members.value eq "a" and members.value eq "b"`, `not (members.value eq "a")`, `members pr`, `members.display eq "x"`,
		`members.value sw "a"`, `displayName eq "x" or not (members.value eq "b")`, `members[display eq "x" and value eq "y"]`, `members[$ref eq "x" and value eq "y"]`,
	} {
		_, err := d.Groups(t.Context(), v, query(t, of.Mapping.Group, text, ""))
		if told := refusal(t, err); told.Type != scim.InvalidFilter {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{`groups.value eq "g"`, `groups pr`, `userName eq "x" and groups.display eq "y"`, `groups[value eq "g"]`} {
		_, err := d.Users(t.Context(), v, query(t, of.Mapping.User, text, ""))
		if told := refusal(t, err); told.Type != scim.InvalidFilter {
			t.Errorf("%s: %v", text, err)
		}
	}
	if calls := n.took(); len(calls) > 0 {
		t.Errorf("refusals called %v", calls)
	}
}

// TestTheIndexAnswersALookUpThatFindsTooMany: the index answers it, and also a look-up that Keycloak
// cannot make. With a term on members no index can answer.
func TestTheIndexAnswersALookUpThatFindsTooMany(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{"too many": scim.BadRequest("filter-too-wide", scim.TooMany, "many"), "no search": keycloak.ErrNotSearchable} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, of := newNaive(), newTenant("one")
				n.put(titled("a", "Boss"))
				n.putGroup(keycloak.Group{ID: "g", Name: "Group", Attributes: map[string][]string{mapping.AttrExternalID: {"x"}}})
				n.failing = func(op string) error {
					if op == "FindUsers by displayName" || op == "FindGroups by externalId" || op == "GroupsOf" {
						return fault
					}
					return nil
				}
				d := directory.New(directory.Options{MaxMemory: 1 << 20})
				v := n.view(of, tenant.Fitness{})
				if got := found(t, d, v, `displayName eq "Boss"`); !slices.Equal(got, []string{"a"}) {
					t.Errorf("users: %q", got)
				}
				list, err := d.Groups(t.Context(), v, query(t, of.Mapping.Group, `externalId eq "x"`, ""))
				if err != nil || len(list.Resources) != 1 {
					t.Errorf("groups: %v, %v", list, err)
				}
				_, err = d.Groups(t.Context(), v, query(t, of.Mapping.Group, `externalId eq "x" and members.value eq "a"`, ""))
				if told := refusal(t, err); told.Type != scim.InvalidFilter && told.Type != scim.TooMany {
					t.Errorf("beside members: %v", err)
				}
				later(time.Hour)
			})
		})
	}
}

// TestAGuestsAttributesAreInTheRecordOfItsTenant: where tenants share a realm, an attribute may
// belong to another tenant.
func TestAGuestsAttributesAreInTheRecordOfItsTenant(t *testing.T) {
	t.Parallel()
	id, err := keycloak.ParseOrganizationID("o1")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		owner mapping.Owner
		want  []string
		calls string
	}{
		"the realm's only tenant":       {mapping.Owner{Key: "one"}, []string{"own", "theirs"}, "FindUsers by displayName"},
		"a tenant beside others":        {mapping.Owner{Key: "one", Shared: true}, []string{"own"}, "FindUsers by displayName, FindUsers by scim.guest"},
		"the tenant of an organization": {mapping.Owner{Key: "one", Organization: true}, []string{"own"}, "FindUsers by displayName, FindUsers by scim.guest"},
	} {
		n, of := newNaive(), newTenant("one")
		of.Owner = c.owner
		if c.owner.Organization {
			of.Organization = tenant.Organization{ID: id, Alias: "acme"}
		}
		n.put(titled("own", "Boss"))
		theirs := titled("theirs", "Boss")
		theirs.Attributes[mapping.AttrOwner] = []string{"two"}
		n.put(theirs)
		d := directory.New(directory.Options{MaxMemory: 1 << 20})
		if got := found(t, d, n.view(of, tenant.Fitness{}), `displayName eq "Boss"`); !slices.Equal(got, c.want) {
			t.Errorf("%s finds %q, want %q", name, got, c.want)
		}
		if calls := callsOf(n.took()); calls != c.calls {
			t.Errorf("%s calls %s, want %s", name, calls, c.calls)
		}
	}
}

// TestAPlainListIsKeycloaks: the order, the pages and the count of a list without a filter come from
// Keycloak, in parallel calls.
func TestAPlainListIsKeycloaks(t *testing.T) {
	t.Parallel()
	n, of := newNaive(), newTenant("one")
	n.crowd(250)
	d := directory.New(directory.Options{MaxMemory: 1 << 20})
	for _, c := range []struct{ start, count, want int }{{1, 10, 10}, {1, 250, 250}, {101, 120, 120}, {241, 100, 10}, {251, 5, 0}, {1, 0, 0}, {1000, 10, 0}} {
		n.took()
		got, err := d.Users(t.Context(), n.view(of, tenant.Fitness{}), directory.Query{Start: c.start, Count: c.count})
		if err != nil || got.Total != 250 || len(got.Resources) != c.want || c.want > 0 && got.Resources[0].ID != idAt(c.start-1) {
			t.Errorf("%d from %d: %d of %d, %v", c.count, c.start, len(got.Resources), got.Total, err)
		}
		if calls := n.took(); calls["CountUsers"] != 1 || calls["ListUsers"] != (c.count+99)/100 || len(calls) > 2 {
			t.Errorf("%d from %d takes %v", c.count, c.start, calls)
		}
	}
	n.failing = func(op string) error {
		if op == "CountUsers" {
			return errFault
		}
		return nil
	}
	if _, err := d.Users(t.Context(), n.view(of, tenant.Fitness{}), directory.Query{Start: 1, Count: 10}); !errors.Is(err, errFault) {
		t.Errorf("nobody can count, and the answer is %v", err)
	}
}

func idAt(i int) string {
	return "u" + string([]byte{'0' + byte(i/1000%10), '0' + byte(i/100%10), '0' + byte(i/10%10), '0' + byte(i%10)})
}

// TestAListWithOthersOnItIsTheIndexes: Keycloak's pages with service accounts on them cannot be
// counted.
func TestAListWithOthersOnItIsTheIndexes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, of := newNaive(), newTenant("one")
		n.crowd(30)
		n.hidden["u0000"], n.hidden["u0017"] = true, true
		d := directory.New(directory.Options{MaxMemory: 1 << 20})
		mixed := tenant.Fitness{Protected: &tenant.Protected{Mixed: map[string]bool{of.Organization.ID.String(): true}}}
		got, err := d.Users(t.Context(), n.view(of, mixed), directory.Query{Start: 11, Count: 10})
		want := []string{"u0011", "u0012", "u0013", "u0014", "u0015", "u0016", "u0018", "u0019", "u0020", "u0021"}
		if err != nil || got.Total != 28 || !slices.Equal(idsOf(got.Resources), want) {
			t.Errorf("%q of %d, %v", idsOf(got.Resources), got.Total, err)
		}
		later(time.Hour)
	})
}

// TestAListOfAFederationIsReadToItsEnd, past Keycloak's count.
func TestAListOfAFederationIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	n, of := newNaive(), newTenant("one")
	n.crowd(30)
	d := directory.New(directory.Options{MaxMemory: 1 << 20})
	v := n.view(of, tenant.Fitness{Federations: map[string]keycloak.Federation{"x": {}}})
	got, err := d.Users(t.Context(), v, directory.Query{Start: 21, Count: 20})
	if err != nil || got.Total != 30 || len(got.Resources) != 10 {
		t.Errorf("%d of %d, %v", len(got.Resources), got.Total, err)
	}
	n.failing = func(op string) error {
		if op == "ListUsers" {
			return errFault
		}
		return nil
	}
	for _, start := range []int{1, 500} {
		if _, err := d.Users(t.Context(), v, directory.Query{Start: start, Count: 20}); !errors.Is(err, errFault) {
			t.Errorf("from %d: %v", start, err)
		}
	}
}

// TestADamagedUserIsAnErrorWithItsId, by a look-up, on a list and by an index. Other users are
// found.
func TestADamagedUserIsAnErrorWithItsId(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, of := newNaive(), newTenant("one")
		n.crowd(3)
		broken := titled("broken", "Boss")
		broken.Attributes[mapping.AttrRemainder] = []string{`one|{"`}
		n.put(broken)
		d := directory.New(directory.Options{MaxMemory: 1 << 20})
		for _, c := range []struct{ text, by string }{{`id eq "broken"`, ""}, {`userName eq "name-broken"`, ""}, {"", ""}} {
			_, err := d.Users(t.Context(), n.view(of, tenant.Fitness{}), query(t, of.Mapping.User, c.text, c.by))
			damaged, is := errors.AsType[*mapping.DamagedError](err)
			if !is || damaged.ID != "broken" {
				t.Errorf("%q: %v", c.text, err)
			}
		}
		if got := found(t, d, n.view(of, tenant.Fitness{}), `id eq "u0001"`); len(got) != 1 {
			t.Errorf("another is found: %q", got)
		}
		_, err := d.Users(t.Context(), n.view(of, tenant.Fitness{}), query(t, of.Mapping.User, `displayName pr or active eq true`, ""))
		if _, is := errors.AsType[*mapping.DamagedError](err); !is {
			t.Errorf("a search: %v", err)
		}
		n.put(titled("broken", "Boss")) // somebody repairs the user
		later(time.Minute)
		if got := found(t, d, n.view(of, tenant.Fitness{}), `displayName pr and active eq true`); !slices.Equal(got, []string{"broken"}) {
			t.Errorf("once it is mended: %q", got)
		}
		later(time.Hour)
	})
}

// TestAWalkOfALookUpByCursor shows each resource once, with any page size.
func TestAWalkOfALookUpByCursor(t *testing.T) {
	t.Parallel()
	n, of := newNaive(), newTenant("one")
	for _, id := range []string{"c", "a", "d", "b"} {
		n.put(titled(id, "Boss"))
	}
	d := directory.New(directory.Options{MaxMemory: 1 << 20})
	for _, descending := range []bool{false, true} {
		q := query(t, of.Mapping.User, `displayName eq "Boss"`, "userName")
		q.Sort.Descending, q.Cursor, q.Count = descending, true, 3
		var got []string
		for pages := 0; pages == 0 || q.After != nil; pages++ {
			list, err := d.Users(t.Context(), n.view(of, tenant.Fitness{}), q)
			if err != nil || pages > 4 {
				t.Fatal(pages, err)
			}
			got = append(got, idsOf(list.Resources)...)
			q.After = list.Next
		}
		want := []string{"a", "b", "c", "d"}
		if descending {
			slices.Reverse(want)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("descending %t (-want +got)\n%s", descending, diff)
		}
	}
	never := query(t, of.Mapping.User, "", "")
	never.Filter = &filter.Constant{Value: false}
	if list, err := d.Users(t.Context(), n.view(of, tenant.Fitness{}), never); err != nil || list.Total != 0 {
		t.Errorf("what nobody matches: %v, %v", list, err)
	}
}
