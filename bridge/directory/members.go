package directory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Member is a user who is a direct member of a group.
type Member struct{ ID, Username string }

// Members returns the direct members of a group that was just read, by user name. They come from
// memory where the realm has a feed that reports joining and leaving, otherwise from Keycloak.
func (d *Directory) Members(ctx context.Context, v View, id keycloak.GroupID) ([]Member, error) {
	if !v.Fitness.ProvesMembers(v.Tenant) || v.Source.ProtectsGroup(id.String()) {
		return ReadMembers(ctx, v.Source, id) // such a tenant does not see all members
	}
	ok, err := d.follow(ctx, v)
	if err != nil {
		return nil, err
	}
	if !ok {
		return ReadMembers(ctx, v.Source, id)
	}
	m := &d.realm(v.Tenant.Realm).members
	if g := m.get(id.String(), d.options.Now()); g != nil {
		return m.mended(ctx, v.Source, g)
	}
	g := m.begin(id)
	list, err := ReadMembers(ctx, v.Source, id)
	if g != nil {
		m.end(id.String(), g, list, err == nil, d.options.Now())
	}
	return list, err
}

const (
	// memberBytes is roughly the memory of a member.
	memberBytes = 160
	// minMembersAge is how old the members of any group may become.
	minMembersAge = time.Minute
)

// ReadMembers reads all members of a group from Keycloak, by user name, in pages that overlap: when
// a member is removed meanwhile, the later members move up.
func ReadMembers(ctx context.Context, src Source, id keycloak.GroupID) ([]Member, error) {
	var out []Member
	w := newWalk(keycloak.MaxPage)
	for {
		page, all, err := src.GroupMembers(ctx, id, w.first, keycloak.MaxPage)
		if err != nil {
			return nil, err
		}
		for _, u := range page {
			if !w.seen(u.ID) {
				out = append(out, Member{u.ID, u.Username})
			}
		}
		if w.join(all, len(all) < keycloak.MaxPage) {
			return byUsername(out), nil
		}
		if !w.steady(0) {
			return nil, UnsteadyError{"members were removed faster than they could be read"}
		}
	}
}

func byUsername(list []Member) []Member {
	slices.SortFunc(list, func(a, b Member) int { return cmp.Compare(a.Username, b.Username) })
	return list
}

// memberships keeps the members of groups of a realm that a request asked for. They are read once
// and then changed by the admin events, so a group costs the same however many members it has.
type memberships struct {
	d      *Directory
	mu     sync.Mutex
	groups map[string]*group
	size   int64 // in bytes, roughly
}

// group holds the members of one group.
type group struct {
	organization string            // id of the group's organization, "" for a group of the realm
	names        map[string]string // user names by id
	// dirty are members who may have another name, or may be gone, until they are read again. The
	// value counts the changes reported about each.
	dirty   map[string]int
	readAt  time.Time
	usedAt  time.Time
	reading bool
	events  []membership // events that came while the members were read
}

// membership is a change of a membership.
type membership struct {
	user, name string
	gone       bool
}

// change applies an event about a member.
func (m *memberships) change(id, user, name string, gone bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if g := m.groups[id]; g != nil {
		g.record(membership{user, name, gone})
	}
	m.account()
}

// leave records that a user left an organization, and with it all groups of the organization.
func (m *memberships) leave(organization, user string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range m.groups {
		if g.organization == organization {
			g.record(membership{user: user, gone: true})
		}
	}
	m.account()
}

// record applies a change, or keeps it until the members are read.
func (g *group) record(c membership) {
	if g.reading {
		g.events = append(g.events, c)
	} else {
		g.apply(c)
	}
}

func (g *group) apply(c membership) {
	if c.gone {
		delete(g.names, c.user)
		return
	}
	g.names[c.user] = c.name
	if strings.HasPrefix(c.name, keycloak.ServiceAccountPrefix) { // an event does not say whether the user is a service account
		g.dirty[c.user]++
	}
}

// touch records that a user was changed or is gone.
func (m *memberships) touch(user string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range m.groups {
		if _, ok := g.names[user]; ok || g.reading {
			g.dirty[user]++
		}
	}
}

// drop forgets the members of a group.
func (m *memberships) drop(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.groups, id)
	m.account()
}

// dropIf forgets the groups for which gone returns true.
func (m *memberships) dropIf(gone func(*group) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.groups, func(_ string, g *group) bool { return gone(g) })
	m.account()
}

func (m *memberships) known() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.groups) > 0
}

// account counts the memory. The caller holds m.mu.
func (m *memberships) account() {
	var size int64
	for _, g := range m.groups {
		size += int64(len(g.names)) * memberBytes
	}
	m.d.used.Add(size - m.size)
	m.size = size
}

// get returns a group whose members are known, or nil.
func (m *memberships) get(id string, now time.Time) *group {
	m.mu.Lock()
	defer m.mu.Unlock()
	g := m.groups[id]
	if g == nil || g.reading || now.Sub(g.readAt) > max(minMembersAge, feedFactor*ageEach*time.Duration(len(g.names))) {
		return nil
	}
	g.usedAt = now
	return g
}

// begin records that the members of a group are being read. It returns nil when another request
// reads them already.
func (m *memberships) begin(id keycloak.GroupID) *group {
	m.mu.Lock()
	defer m.mu.Unlock()
	if g := m.groups[id.String()]; g != nil && g.reading {
		return nil
	}
	g := &group{organization: id.Organization().String(), names: map[string]string{}, dirty: map[string]int{}, reading: true}
	m.groups[id.String()] = g
	return g
}

// end stores what was read, with the changes that events reported meanwhile. The result may be too
// large to keep.
func (m *memberships) end(id string, g *group, list []Member, ok bool, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.groups[id] != g {
		return // dropped meanwhile
	}
	g.reading, g.readAt, g.usedAt = false, now, now
	for _, member := range list {
		g.names[member.ID] = member.Username
	}
	for _, c := range g.events {
		g.apply(c)
	}
	g.events = nil
	if m.account(); !ok || m.d.used.Load() > m.d.options.MaxMemory {
		delete(m.groups, id)
		m.account()
	}
}

// mended returns the members of a group, after the changed members were read again.
func (m *memberships) mended(ctx context.Context, src Source, g *group) ([]Member, error) {
	m.mu.Lock()
	dirty := maps.Clone(g.dirty)
	m.mu.Unlock()
	names := map[string]string{}
	if len(dirty) > 0 {
		users, err := src.UsersByID(ctx, slices.Collect(maps.Keys(dirty)))
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			names[u.ID] = u.Username
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, told := range dirty {
		name, found := names[id]
		_, member := g.names[id]
		switch {
		case member && found:
			g.names[id] = name
		case member:
			delete(g.names, id)
		}
		if g.dirty[id] == told {
			delete(g.dirty, id)
		}
	}
	out := make([]Member, 0, len(g.names))
	for id, name := range g.names {
		if !src.ServiceAccount(id) {
			out = append(out, Member{id, name})
		}
	}
	return byUsername(out), nil
}
