package directory_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// history is a sequence of changes to a realm and questions about it. seed is the seed for
// everything that is drawn within a step.
type history struct {
	feed  bool
	steps []step
}

type step struct {
	what string
	seed uint64
}

// Kinds of steps. The bridge writes, and tells the directory. Others write, and an event reports it
// where the realm has a feed. Something changes silently, as by a login or a synchronisation of
// LDAP: nothing reports it, and the index may be old for a time.
const (
	writes    = "the bridge writes"
	othersDo  = "others write"
	silently  = "something is written in silence"
	joinsUs   = "the bridge changes a member"
	joinsThem = "others change a member"
	askUsers  = "users are asked for"
	askGroups = "groups are asked for"
	askTeam   = "members are asked for"
	walkAll   = "all users are walked through"
	forgets   = "the tenant is forgotten"
	saves     = "a snapshot is saved"
	restarts  = "the bridge starts again"
	passes    = "time passes"
	fails     = "Keycloak fails"
)

func histories() *rapid.Generator[history] {
	one := rapid.Custom(func(t *rapid.T) step {
		return step{rapid.SampledFrom([]string{
			writes, writes, othersDo, othersDo, silently, joinsUs, joinsThem, askUsers, askUsers, askUsers, askUsers, askGroups, askGroups, askTeam, askTeam, walkAll, forgets, saves, restarts, passes, passes, fails,
		}).Draw(t, "step"), rapid.Uint64Range(0, 1<<20).Draw(t, "seed")}
	})
	return rapid.Custom(func(t *rapid.T) history {
		return history{rapid.Bool().Draw(t, "the realm has a feed"), rapid.SliceOfN(one, 1, 60).Draw(t, "steps")}
	})
}

// TestTheIndexAnswersAsKeycloakDoes over random histories of writes, events, scans, faults and
// questions: each answer is the same as of a search through all resources. A failure prints the
// shortest history that rapid finds.
func TestTheIndexAnswersAsKeycloakDoes(t *testing.T) { //nolint:paralleltest // a bubble after the other
	rapid.Check(t, func(rt *rapid.T) {
		h := histories().Draw(rt, "history")
		var err error
		synctest.Test(t, func(*testing.T) { // rapid must not end its check inside the bubble
			err = play(h)
			later(time.Hour) // until scans end
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// model is a realm, the directory over it, and a tenant that asks.
type model struct {
	*naive

	d       *directory.Directory
	kept    *keptSnapshots
	tenant  *tenant.Tenant
	fitness tenant.Fitness
	r       *rand.Rand
	made    int         // number of users and groups
	broken  atomic.Bool // every third call to Keycloak fails
	asked   atomic.Int64
	ours    bool // the bridge writes, so every user has a key
}

// errFault is the error of a failing Keycloak.
var errFault = &keycloak.Error{Op: "any", Kind: keycloak.Unavailable}

func play(h history) error {
	m := &model{naive: newNaive(), kept: &keptSnapshots{}, tenant: newTenant("one"), fitness: tenant.Fitness{Feed: h.feed}}
	m.start()
	m.latency = func() { later(time.Millisecond) }
	m.failing = func(string) error {
		if m.broken.Load() && m.asked.Add(1)%3 == 0 {
			return errFault
		}
		return nil
	}
	m.r = rand.New(rand.NewPCG(1, 1))
	for range 12 {
		m.put(m.randomUser(""))
		m.putGroup(m.randomGroup(""))
	}
	for i, s := range h.steps {
		later(time.Second)
		synctest.Wait()
		m.r = rand.New(rand.NewPCG(s.seed, 2))
		if err := m.step(s.what); err != nil {
			return fmt.Errorf("step %d, %s (seed %d, feed %t): %w", i, s.what, s.seed, h.feed, err)
		}
	}
	return nil
}

func (m *model) start() {
	m.d = directory.New(directory.Options{MaxMemory: 1 << 24, Snapshots: m.kept})
}

// long is the time after which any index of these sizes is read again.
const long = time.Minute

func (m *model) step(what string) error {
	switch what {
	case writes:
		m.ours = true
		users, groups := m.write()
		m.ours = false
		m.events(users, groups)
		m.d.Touch(m.tenant, users, groups)
	case othersDo:
		users, groups := m.write()
		m.events(users, groups)
		unkeyed := func(id string) bool {
			return len(m.users[id].Attributes[mapping.AttrExternalID]) > len(m.users[id].Attributes[mapping.AttrKey])
		}
		if !m.fitness.Feed || slices.ContainsFunc(users, unkeyed) { // such a value is found once the index is read again
			later(long)
		}
	case silently:
		m.write()
		later(long)
	case joinsUs, joinsThem:
		m.membership()
	case askUsers:
		return m.ask(m.d.Users, m.tenant.Mapping.User, m.allUsers(), userFilters, userOrders)
	case askGroups:
		return m.ask(m.d.Groups, m.tenant.Mapping.Group, m.allGroups(), groupFilters, groupOrders)
	case askTeam:
		return m.askMembers()
	case walkAll:
		return m.walk()
	case forgets:
		m.d.Forget(m.tenant.Path)
	case saves:
		return m.d.Save(background, 0)
	case restarts:
		m.start()
	case passes:
		later(time.Duration(m.r.IntN(30)) * time.Minute)
		m.d.DropIdle()
		m.d.Warm(m.view(m.tenant, m.fitness))
	case fails:
		m.broken.Store(true)
		err := m.step([]string{askUsers, askGroups, askTeam}[m.r.IntN(3)])
		m.broken.Store(false)
		if errors.Is(err, errFault) {
			err = nil
		}
		return err
	}
	return nil
}

// events adds the events of writes.
func (m *model) events(users, groups []string) {
	for _, id := range users {
		operation := "UPDATE"
		if _, ok := m.users[id]; !ok {
			operation = "DELETE"
		}
		m.tell(operation, "USER", "users/"+id, "")
	}
	for _, id := range groups {
		operation := "UPDATE"
		if _, ok := m.groups[id]; !ok {
			operation = "DELETE"
		}
		m.tell(operation, "GROUP", "groups/"+id, "")
	}
}

// write creates, changes or deletes some users and groups, and returns their ids.
func (m *model) write() (users, groups []string) {
	for range 1 + m.r.IntN(3) {
		id := m.someone(slices.Sorted(maps.Keys(m.users)))
		switch m.r.IntN(6) {
		case 0:
			u := m.randomUser("")
			m.put(u)
			users = append(users, u.ID)
		case 1:
			m.remove(id)
			users = append(users, id)
		case 2:
			g := m.randomGroup(m.someone(slices.Sorted(maps.Keys(m.groups))))
			m.putGroup(g)
			groups = append(groups, g.ID)
		case 3:
			g := m.someone(slices.Sorted(maps.Keys(m.groups)))
			m.dropGroup(g)
			groups = append(groups, g)
		default:
			m.put(m.randomUser(id))
			users = append(users, id)
		}
	}
	return users, groups
}

func (m *model) someone(ids []string) string {
	if len(ids) == 0 {
		return m.newID("none-")
	}
	return ids[m.r.IntN(len(ids))]
}

func (m *model) newID(prefix string) string {
	m.made++
	return fmt.Sprintf("%s%03d", prefix, m.made)
}

func (m *model) oneOf(values ...string) string { return values[m.r.IntN(len(values))] }

// randomUser is a new user or a changed user.
func (m *model) randomUser(id string) keycloak.User {
	if id == "" {
		id = m.newID("user-")
	}
	u := person(id, m.oneOf("", "", "x1", "x2", "X1"), true)
	if !m.ours && m.r.IntN(4) == 0 { // as another server left the user; no user with a key has the same value, because a search would find only that user (former.go)
		u = person(id, m.oneOf("f1", "F2"), false)
	}
	u.Username = m.oneOf("anna", "bert", "cleo", "Dora") + "-" + id
	u.FirstName, u.LastName = m.oneOf("Ann", "Bob", ""), m.oneOf("Lee", "Ray", "")
	u.Enabled = m.r.IntN(3) > 0
	if m.r.IntN(2) == 0 {
		u.Email = u.Username + "@acme.test"
	}
	if m.r.IntN(2) == 0 {
		u.Attributes[mapping.AttrDisplayName] = []string{m.oneOf("Zed", "Yan")}
	}
	return u
}

func (m *model) randomGroup(id string) keycloak.Group {
	if id == "" {
		id = m.newID("group-")
	}
	name := m.oneOf("Alpha", "Beta", "gamma") + "-" + id
	g := keycloak.Group{ID: id, Name: name, Path: "/" + name, Attributes: map[string][]string{}}
	if m.r.IntN(2) == 0 {
		g.Attributes[mapping.AttrExternalID] = []string{m.oneOf("g1", "g2")}
	}
	return g
}

func (n *naive) putGroup(g keycloak.Group) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.groups[g.ID] = g
	if n.members[g.ID] == nil {
		n.members[g.ID] = map[string]bool{}
	}
}

func (n *naive) dropGroup(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.groups, id)
	delete(n.members, id)
}

// membership changes a membership; an event reports it whoever did it.
func (m *model) membership() {
	group, user := m.someone(slices.Sorted(maps.Keys(m.groups))), m.someone(slices.Sorted(maps.Keys(m.users)))
	in, u := m.members[group], m.users[user]
	if in == nil || u.ID == "" {
		return
	}
	operation := "CREATE"
	if in[user] {
		operation = "DELETE"
		delete(in, user)
	} else {
		in[user] = true
	}
	m.tell(operation, "GROUP_MEMBERSHIP", "users/"+user+"/groups/"+group, u.Username)
}

func (m *model) allUsers() []scim.Resource {
	var out []scim.Resource
	for _, u := range byName(slices.Collect(maps.Values(m.users))) {
		if r, err := m.tenant.Mapping.UserResource(m.tenant.Owner, u); err == nil { // no user is damaged here
			out = append(out, r)
		}
	}
	return out
}

func (m *model) allGroups() []scim.Resource {
	var out []scim.Resource
	for _, g := range m.groupsThat(func(keycloak.Group) bool { return true }) {
		if r, err := m.tenant.Mapping.GroupResource(m.tenant.Owner.Key, g); err == nil {
			out = append(out, r)
		}
	}
	return out
}

var (
	userFilters = []string{
		"", "", `userName sw "a"`, `userName co "-user-00"`, `active eq false`, `name.familyName eq "Lee"`, `name.givenName pr`, `not (name.familyName pr)`, `displayName eq "zed"`, `displayName ge "Z"`,
		`active eq true and name.familyName ne "Lee"`, `name.givenName eq "Ann" or displayName eq "Yan"`, `externalId eq "x1"`, `externalId eq "X1" and active eq true`, `externalId pr`, `externalId eq "nobody"`, `externalId eq "f1"`, `externalId eq "F2" and name.familyName pr`, `externalId eq "f2"`,
		`emails.value ew "acme.test"`, `emails pr and userName sw "d"`, `id eq "user-003"`, `id eq "user-003" or id eq "user-005"`, `userName eq "anna-user-004"`, `userName eq "anna-user-004" or displayName sw "Y"`,
		`emails.value eq "bert-user-007@acme.test"`, `meta.resourceType eq "Group"`, `meta.resourceType eq "User" and active eq true`,
	}
	userOrders   = []string{"", "", "userName", "name.familyName", "active", "displayName", "emails"}
	groupFilters = []string{"", `displayName sw "A"`, `displayName eq "alpha-group-001"`, `displayName co "GROUP"`, `externalId eq "g1"`, `externalId pr`, `not (displayName sw "b")`, `id eq "group-002"`, `id eq "group-002" or externalId eq "g2"`}
	groupOrders  = []string{"", "displayName", "externalId"}
)

// ask asks for a page by index, and compares it with a search through all resources.
func (m *model) ask(find func(ctx ctx, v directory.View, q directory.Query) (directory.Found, error), rt *scim.ResourceType, all []scim.Resource, filters, orders []string) error {
	text, by, order := m.oneOf(filters...), m.oneOf(orders...), m.oneOf("", "descending")
	q, err := parse(rt, text, by, order)
	if err != nil {
		return err
	}
	q.Start, q.Count = 1+m.r.IntN(6), m.r.IntN(12)
	found, err := find(background, m.view(m.tenant, m.fitness), q)
	if err != nil {
		return fmt.Errorf("filter %s by %q %q: %w", text, by, order, err)
	}
	want := m.sought(rt, all, q)
	shown := page(want, q.Start-1, q.Count)
	if diff := gocmp.Diff(idsOf(shown), idsOf(found.Resources)); diff != "" || found.Total != len(want) {
		return fmt.Errorf("filter %s by %q %q from %d, %d of them: %d of all, want %d (-want +got)\n%s", text, by, order, q.Start, q.Count, found.Total, len(want), diff)
	}
	for i, r := range found.Resources {
		if diff := gocmp.Diff(shown[i].Document, r.Document); diff != "" {
			return fmt.Errorf("filter %s: %s is shown as it was (-want +got)\n%s", text, r.ID, diff)
		}
	}
	return nil
}

func parse(rt *scim.ResourceType, text, by, order string) (q directory.Query, err error) {
	if text != "" {
		if q.Filter, err = filter.Parse(text, rt); err != nil {
			return q, err
		}
	}
	q.Sort, err = filter.ParseSort(by, order, rt)
	if by == "" {
		q.Sort = filter.Sort{}
	}
	return q, err
}

// sought returns all resources that match, in the requested order. Without an order, a list of
// everything has Keycloak's order, and other results are ordered by id.
func (m *model) sought(rt *scim.ResourceType, all []scim.Resource, q directory.Query) []scim.Resource {
	var out []scim.Resource
	for _, r := range all {
		if q.Filter == nil || filter.Match(q.Filter, rt.Object(r, m.tenant.BaseURL)) {
			out = append(out, r)
		}
	}
	if q.Filter == nil && q.Sort.Path.Attr == nil && !q.Cursor {
		return out
	}
	sorter := q.Sort.Sorter()
	at := map[string]filter.Placed{}
	for _, r := range out {
		at[r.ID] = sorter.Place(q.Sort.Position(rt.Object(r, m.tenant.BaseURL)))
	}
	slices.SortFunc(out, func(a, b scim.Resource) int {
		if q.Sort.Descending {
			a, b = b, a
		}
		return at[a.ID].Compare(at[b.ID])
	})
	return out
}

func idsOf(list []scim.Resource) []string {
	out := make([]string, len(list))
	for i, r := range list {
		out[i] = r.ID
	}
	return out
}

// walk walks by cursor through all resources that match, while others write to some of them.
func (m *model) walk() error {
	text, by := m.oneOf(userFilters...), m.oneOf(userOrders...)
	q, err := parse(m.tenant.Mapping.User, text, by, "")
	if err != nil {
		return err
	}
	q.Cursor, q.Count = true, 1+m.r.IntN(5)
	want := idsOf(m.sought(m.tenant.Mapping.User, m.allUsers(), q))
	var got []string
	for {
		found, err := m.d.Users(background, m.view(m.tenant, m.fitness), q)
		if err != nil {
			return err
		}
		got = append(got, idsOf(found.Resources)...)
		if found.Next == nil {
			break
		}
		if len(got) > len(want) {
			return fmt.Errorf("the walk does not end: %q", got)
		}
		q.After = found.Next
	}
	if diff := gocmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
		return fmt.Errorf("filter %s by %q, by cursor (-want +got)\n%s", text, by, diff)
	}
	return nil
}

func (m *model) askMembers() error {
	id, err := keycloak.ParseGroupID(m.someone(slices.Sorted(maps.Keys(m.groups))))
	if err != nil {
		return err
	}
	got, err := m.d.Members(background, m.view(m.tenant, m.fitness), id)
	if keycloak.KindOf(err) == keycloak.NotFound && m.members[id.String()] == nil {
		return nil
	}
	if err != nil {
		return err
	}
	want := []directory.Member{}
	for user := range m.members[id.String()] {
		want = append(want, directory.Member{ID: user, Username: m.users[user].Username})
	}
	slices.SortFunc(want, func(a, b directory.Member) int {
		if a.Username < b.Username {
			return -1
		}
		return 1
	})
	if diff := gocmp.Diff(want, append([]directory.Member{}, got...)); diff != "" {
		return fmt.Errorf("the members of %s (-want +got)\n%s", id, diff)
	}
	return nil
}
