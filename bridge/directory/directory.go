package directory

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// Query is a client's search (RFC 7644 sections 3.4.2.1 to 3.4.2.4, RFC 9865).
type Query struct {
	Filter filter.Expr // nil for everything
	Sort   filter.Sort // zero for no order
	Start  int         // index of the first resource, from 1
	Count  int         // the most resources on the page
	// Cursor asks for a page by cursor: the first page, or the page after After. Without a Sort the
	// order is by id, because only the id never changes.
	Cursor bool
	After  *filter.Position
}

// first is the offset of the page.
func (q Query) first() int { return q.Start - 1 }

// Found is a page of resources and the number of all resources that match.
type Found struct {
	Resources []scim.Resource
	Total     int
	// Next is the position after which the next page by cursor begins; nil for the last page.
	Next *filter.Position
}

// Source is what a search reads: all that a tenant may see and nothing else. The Wall of
// bridge/guard is a Source.
type Source interface {
	User(ctx context.Context, id keycloak.UserID) (keycloak.User, error)
	FindUsers(ctx context.Context, q keycloak.UserQuery, most int) ([]keycloak.User, error)
	UsersByID(ctx context.Context, ids []string) ([]keycloak.User, error)
	ListUsers(ctx context.Context, first, limit int) (list []keycloak.User, all []string, err error)
	CountUsers(ctx context.Context) (int, error)

	GroupID(text string) (keycloak.GroupID, error)
	Group(ctx context.Context, id keycloak.GroupID) (keycloak.Group, error)
	FindGroups(ctx context.Context, q keycloak.GroupQuery, most int) ([]keycloak.Group, error)
	ListGroups(ctx context.Context, first, limit int) ([]keycloak.Group, error)
	CountGroups(ctx context.Context) (int, error)
	Listed(g keycloak.Group) bool
	GroupsOf(ctx context.Context, id keycloak.UserID) ([]keycloak.Group, error)
	GroupMembers(ctx context.Context, id keycloak.GroupID, first, limit int) (members []keycloak.User, all []string, err error)
	ProtectsGroup(id string) bool
	ServiceAccount(id string) bool
}

// View is the part of a realm that a request sees.
type View struct {
	Tenant  *tenant.Tenant
	Fitness tenant.Fitness
	Source  Source          // the tenant's Wall
	Events  keycloak.Events // admin events of the realm
	// Began is when the request began. Where the realm has a feed, the answer contains what others
	// wrote before that time.
	Began time.Time
}

// Options are the limits and connections of a Directory.
type Options struct {
	MaxMemory int64            // the most bytes of all indexes together
	Now       func() time.Time // nil for time.Now
	// Invalidations tell the indexes what was written. With nil, the indexes learn only about
	// writes through this Directory.
	Invalidations Invalidations
	// ObserveScan gets the duration of each scan that filled an index; may be nil.
	ObserveScan func(tenant, resourceType string, took time.Duration, err error)
	// Snapshots keep the indexes over a restart; nil for none.
	Snapshots Snapshots
	// Program is the version of the program. A snapshot of another version is not used, because it may compare values in
	// another way.
	Program string
	// ObserveRestore gets the number of indexes that a snapshot of a realm brought back, and how long that took. With err
	// the snapshot of the realm, or the index of a tenant in it, is not used. It may be nil.
	ObserveRestore func(realmOrTenant string, indexes int, took time.Duration, err error)
	// Differs gets what a scan or a query found different from the index; may be nil. It must not
	// wait, and must not call the Directory.
	Differs func(Difference)
}

// Directory finds the resources of all tenants, and keeps indexes of them. It is safe for
// concurrent use.
type Directory struct {
	options Options
	used    atomic.Int64 // bytes

	mu      sync.Mutex
	tenants map[string]*tenantIndexes // by path
	realms  map[string]*realmState    // by name
}

// realmState is the state of a realm that all its tenants share.
type realmState struct {
	feed    feed
	members memberships
	former  chan struct{} // limits the searches for former values to one at a time

	restored atomic.Bool // the snapshot was read, or must not be used

	saving     sync.Mutex // held while a snapshot is written; it guards the fields below
	savedAt    time.Time
	savedState string // of the last snapshot, see savedRealm
}

func (d *Directory) realm(name string) *realmState {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.realms[name]
	if r == nil {
		r = &realmState{members: memberships{d: d, groups: map[string]*group{}}, former: make(chan struct{}, 1)}
		d.realms[name] = r
	}
	return r
}

// forgetRealm drops what is known about a realm, so that everything is read again.
func (d *Directory) forgetRealm(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.tenants {
		if s.realm == name {
			s.users.outdate()
			s.groups.outdate()
		}
	}
	if r := d.realms[name]; r != nil {
		r.members.dropIf(func(*group) bool { return true })
	}
}

// outdateGroups lets all groups of a realm's tenants be read again.
func (d *Directory) outdateGroups(realm string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.tenants {
		if s.realm == realm {
			s.groups.outdate()
		}
	}
}

// touchRealm records a write to users or groups of a realm, by any client or administrator.
func (d *Directory) touchRealm(realm string, users, groups []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.tenants {
		if s.realm == realm {
			s.users.touch(users, s.owner.Organization)
			s.groups.touch(groups, s.owner.Organization)
		}
	}
}

// touchMember records that a user joined or left an organization. An event without the user's id
// has the user's name.
func (d *Directory) touchMember(realm, organization, id, name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.tenants {
		switch {
		case s.realm != realm || s.organization.ID.String() != organization:
		case id != "":
			s.users.touch([]string{id}, false)
		default:
			s.users.touchName(name)
		}
	}
}

// New makes a Directory without indexes.
func New(o Options) *Directory {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ObserveScan == nil {
		o.ObserveScan = func(string, string, time.Duration, error) {}
	}
	if o.ObserveRestore == nil {
		o.ObserveRestore = func(string, int, time.Duration, error) {}
	}
	if o.Invalidations == nil {
		o.Invalidations = &MemoryInvalidations{}
	}
	d := &Directory{options: o, tenants: map[string]*tenantIndexes{}, realms: map[string]*realmState{}}
	o.Invalidations.Hear(d.written)
	return d
}

// Now returns the time by the clock of the indexes.
func (d *Directory) Now() time.Time { return d.options.Now() }

// tenantIndexes are the indexes of one tenant with one configuration.
type tenantIndexes struct {
	realm, base  string
	owner        mapping.Owner
	mapping      *mapping.Mapping
	ownedOnly    bool
	organization tenant.Organization

	restored string // what identity returns, of indexes of a snapshot whose tenant has not asked yet; "" else

	users, groups *keptIndex
}

// indexesOf returns the indexes of a tenant. It drops indexes that were made for another
// configuration of the tenant.
func (d *Directory) indexesOf(t *tenant.Tenant) *tenantIndexes {
	d.mu.Lock()
	defer d.mu.Unlock()
	want := tenantIndexes{
		realm: t.Realm, base: t.BaseURL, owner: t.Owner, mapping: t.Mapping, ownedOnly: t.Policy.OwnedOnly, organization: t.Organization,
	}
	s := d.tenants[t.Path]
	if s != nil {
		want.users, want.groups = s.users, s.groups
		if *s == want {
			return s
		}
		if s.restored != "" && s.restored == want.identity(d.options.Program) {
			s.users.belong(t, t.Mapping.User)
			s.groups.belong(t, t.Mapping.Group)
			d.tenants[t.Path] = &want
			return &want
		}
		d.drop(s)
	}
	want.users, want.groups = newKeptIndex(d, t.Realm, t.Path), newKeptIndex(d, t.Realm, t.Path)
	want.users.belong(t, t.Mapping.User)
	want.groups.belong(t, t.Mapping.Group)
	d.tenants[t.Path] = &want
	return &want
}

func (d *Directory) drop(s *tenantIndexes) {
	s.users.drop()
	s.groups.drop()
}

// Forget drops the indexes of a tenant that is gone.
func (d *Directory) Forget(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.tenants[path]; s != nil {
		d.drop(s)
		delete(d.tenants, path)
	}
}

const (
	// idle is how long an index is kept without a query.
	idle = time.Hour
	// warmAge is the least age at which Warm makes an index again.
	warmAge = 5 * time.Minute
)

// DropIdle drops the indexes that were not used for some time.
func (d *Directory) DropIdle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.tenants {
		s.users.dropIdle()
		s.groups.dropIdle()
	}
	long := d.options.Now().Add(-idle)
	for _, r := range d.realms {
		r.members.dropIf(func(g *group) bool { return !g.reading && g.usedAt.Before(long) })
	}
}

// Warm begins to make the indexes of a tenant that are missing or getting old.
func (d *Directory) Warm(v View) {
	for _, s := range []search{(users{v, d}).search(), (groups{v}).search(d)} {
		s.kept.warm(s)
	}
}

// Follow applies what others wrote to a realm, if the realm has a feed.
func (d *Directory) Follow(ctx context.Context, v View) error {
	_, err := d.follow(ctx, v)
	return err
}

// Knows reports whether the directory has any resources of a realm in memory.
func (d *Directory) Knows(realm string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.tenants {
		if s.realm == realm && (s.users.known() || s.groups.known()) {
			return true
		}
	}
	r := d.realms[realm]
	return r != nil && r.members.known()
}

// Touch records a write of a tenant to users or groups, whether or not it succeeded. Indexes of the
// realm read these resources again before they answer.
func (d *Directory) Touch(t *tenant.Tenant, users, groups []string) {
	d.options.Invalidations.Tell(Written{Realm: t.Realm, Tenant: t.Path, Users: users, Groups: groups})
}

// written applies a write that any directory reported.
func (d *Directory) written(w Written) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for path, s := range d.tenants {
		if s.realm != w.Realm {
			continue
		}
		// A write of one tenant makes nobody a member of another tenant's organization.
		known := path != w.Tenant && s.owner.Organization
		s.users.touch(w.Users, known)
		s.groups.touch(w.Groups, known)
	}
}

// Status describes an index for the metrics.
type Status struct {
	Tenant, Type string
	Resources    int
	Bytes        int
	Age          time.Duration // since the last complete scan began
	// WithoutKey counts the users whose externalId has no look-up key, and SharedID the users whose
	// externalId another user has too.
	WithoutKey, SharedID int
}

// Feeds returns the realms whose admin events the directory follows, with the time since the last
// poll.
func (d *Directory) Feeds() map[string]time.Duration {
	d.mu.Lock()
	realms := maps.Clone(d.realms)
	d.mu.Unlock()
	out := map[string]time.Duration{}
	for name, r := range realms {
		if at := r.feed.polled(); !at.IsZero() && d.Knows(name) {
			out[name] = d.options.Now().Sub(at)
		}
	}
	return out
}

// Status describes all indexes that have been filled.
func (d *Directory) Status() []Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Status
	for path, s := range d.tenants {
		for _, x := range []*keptIndex{s.users, s.groups} {
			if status, ok := x.status(); ok {
				status.Tenant = path
				out = append(out, status)
			}
		}
	}
	return out
}
