package realm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	checkProtected = "protected"
	// protectParallel limits the calls that a check makes at a time.
	protectParallel = 4
)

// Protection is what a check found: the protected users and groups of a realm, and what the names
// of its tenants mean.
type Protection struct {
	protected *tenant.Protected
	findings  []Finding
	names     *resolver
}

// Protector finds the protected users and groups of a realm.
type Protector func(context.Context) (Protection, error)

// ProtectorOf returns a Protector for the realm of a tenant and other tenants of the realm. It
// finds the administrators with their roles and groups, the listed users and groups, and the groups
// that must keep their place. It needs view-realm and view-clients, and writes nothing.
func ProtectorOf(c *keycloak.Client, t *tenant.Tenant, others ...*tenant.Tenant) Protector {
	return subject{policy: t.Policy, tenants: append([]*tenant.Tenant{t}, others...), known: &Known{}}.protector(c)
}

// subject is what a check of a realm is about.
type subject struct {
	policy   tenant.Policy
	tenants  []*tenant.Tenant // all tenants of the realm except found ones
	proposed []*mapping.Mapping
	known    *Known
}

func (s subject) protector(c *keycloak.Client) Protector {
	return func(ctx context.Context) (Protection, error) { return protect(ctx, c, s) }
}

// mappings returns all mappings whose groups are looked up.
func (s subject) mappings() []*mapping.Mapping {
	out := slices.Clone(s.proposed)
	for _, t := range s.tenants {
		out = append(out, t.Mapping)
	}
	return out
}

// protector is one check for protected users and groups.
type protector struct {
	Report

	subject

	c        *keycloak.Client
	names    *resolver
	settings keycloak.RealmSettings

	mu        sync.Mutex // protects the following fields and the report
	roles     map[string]keycloak.Role
	within    map[string][]keycloak.Role // what a role contains, by the role's id
	protected *tenant.Protected
	parents   map[string]string // the parent of each group, by ids, as far as it was read; "" for the top level
	delegated delegation
}

func protect(ctx context.Context, c *keycloak.Client, s subject) (Protection, error) {
	p := &protector{
		Report: newReport(c, nil), c: c, subject: s, names: newResolver(c, s.known),
		roles: map[string]keycloak.Role{}, within: map[string][]keycloak.Role{}, parents: map[string]string{},
		protected: &tenant.Protected{
			At: time.Now(), Users: map[string]bool{}, Groups: map[string]bool{}, ServiceAccounts: map[string]bool{}, Mixed: map[string]bool{}, Dormant: map[string]bool{},
			Delegates: map[string]bool{}, Roles: map[string]bool{}, Kept: map[string]bool{}, Parents: map[string]tenant.Parent{}, Above: map[string][]string{},
		},
		delegated: newDelegation(),
	}
	for _, look := range []func(context.Context) error{p.remember, p.read, p.clients, p.permissions, p.composites, p.holders, p.delegates, p.defaults, p.list, p.places} {
		if err := look(ctx); err != nil {
			return Protection{}, fmt.Errorf("find the protected users and groups: %w", err)
		}
	}
	p.delegate()
	p.forget(ctx)
	if !slices.ContainsFunc(p.Findings, func(f Finding) bool { return !f.OK() }) {
		p.pass(checkProtected, "%s and %s are protected; no client sees the %s of the realm", counted(p.people(), "user"), counted(len(p.protected.Groups), "group"), counted(len(p.protected.ServiceAccounts), "service account"))
	}
	if ids := append(p.names.ids(kindUser, p.policy.Protected.Users), p.names.ids(kindGroup, p.policy.Protected.Groups)...); len(ids) > 0 {
		p.pass(checkProtected, "by the configuration: %s", strings.Join(ids, ", "))
	}
	return Protection{p.protected, p.Findings, p.names}, nil
}

// people returns the number of protected users without service accounts.
func (p *protector) people() int {
	n := len(p.protected.Delegates) // these are not service accounts
	for id := range p.protected.Users {
		if !p.protected.ServiceAccounts[id] {
			n++
		}
	}
	return n
}

// remember reads from Keycloak which users and groups the names of the configuration meant before the
// bridge was started. Without them the bridge does not know what is protected, so the check fails
// when they cannot be read.
func (p *protector) remember(ctx context.Context) error { return p.known.load(ctx, p.c) }

// forget stores in Keycloak which users and groups the names mean, and forgets other names. When this
// fails, the bridge still knows the names until the next restart.
func (p *protector) forget(ctx context.Context) {
	err := p.known.keep(ctx, p.c, wanted(p.policy.Protected.Users, p.policy.Protected.Groups, p.mappings()))
	if err != nil {
		p.warn(checkProtected, "let the bridge write its own service account, or name groups and users by their ids",
			"after a restart the names of the configuration could mean other groups and users than now: %v", err)
	}
}

// read reads the settings of the realm.
func (p *protector) read(ctx context.Context) (err error) {
	granted, err := p.c.OwnRoles(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(granted, manageUsers) {
		p.protected.Names = map[string]string{}
	}
	p.settings, err = p.c.RealmSettings(ctx)
	return err
}

// clients reads the roles of the realm and of its clients, and the service accounts.
func (p *protector) clients(ctx context.Context) error {
	clients, err := keycloak.Everything(func(first int) ([]keycloak.ClientInfo, error) { return p.c.Clients(ctx, first, keycloak.MaxPage) })
	if err != nil {
		return err
	}
	for _, c := range clients {
		if c.ClientID == keycloak.RealmManagement {
			p.protected.Management, p.delegated.first = c.UUID, c.Authorization
		}
	}
	if p.protected.Management.IsZero() {
		return errors.New("the realm has no client " + keycloak.RealmManagement)
	}
	return each(ctx, append(clients, keycloak.ClientInfo{}), func(ctx context.Context, c keycloak.ClientInfo) error {
		roles, err := p.c.Roles(ctx, c)
		if err != nil {
			return err
		}
		if c.ServiceAccount {
			if err := p.serviceAccount(ctx, c); err != nil {
				return err
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, r := range roles {
			p.roles[r.ID] = r
			p.delegated.recent = p.delegated.recent || r.Name == manageOrganizations && p.isRight(r)
		}
		if !c.ServiceAccount && !c.Public {
			p.protected.Dormant[keycloak.ServiceAccountPrefix+strings.ToLower(c.ClientID)] = true
		}
		return nil
	})
}

// serviceAccount reads the user of a client, and the organizations that the user is a member of.
func (p *protector) serviceAccount(ctx context.Context, c keycloak.ClientInfo) error {
	account, err := p.c.ServiceAccount(ctx, c.UUID)
	if err != nil {
		return err
	}
	var organizations []keycloak.Organization
	if p.policy.Organizations {
		organizations, err = p.c.OrganizationsOf(ctx, account)
	}
	switch keycloak.KindOf(err) {
	case "", keycloak.NotFound, keycloak.NoOrganization, keycloak.Denied: // the tenants of organizations report in their own checks what they lack
	default:
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.protected.ServiceAccounts[account.String()] = true
	for _, o := range organizations {
		p.protected.Mixed[o.ID] = true
	}
	return nil
}

// composites reads what the roles contain, and keeps the roles that contain a right at any depth.
func (p *protector) composites(ctx context.Context) error {
	var composite []keycloak.Role
	for _, r := range p.roles {
		if r.Composite && !p.isRight(r) {
			composite = append(composite, r)
		}
	}
	err := each(ctx, composite, func(ctx context.Context, r keycloak.Role) error {
		within, err := p.c.Composites(ctx, r)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.within[r.ID] = within
		return err
	})
	if err != nil {
		return err
	}
	for id := range p.roles {
		switch {
		case p.contains(id, p.isRight, map[string]bool{}):
		case p.contains(id, p.isDelegated, map[string]bool{}):
			p.protected.Roles[id] = true
		default:
			delete(p.roles, id)
		}
	}
	return nil
}

func (p *protector) isRight(r keycloak.Role) bool {
	return r.ContainerID == p.protected.Management.String()
}

// contains reports whether a role is of some kind or contains a role of that kind.
func (p *protector) contains(id string, wanted func(keycloak.Role) bool, seen map[string]bool) bool {
	if wanted(p.roles[id]) {
		return true
	}
	seen[id] = true
	for _, r := range p.within[id] {
		if wanted(r) || !seen[r.ID] && p.contains(r.ID, wanted, seen) {
			return true
		}
	}
	return false
}

// holders reads the users that have an administrating role, directly or by a group.
func (p *protector) holders(ctx context.Context) error {
	if everybody, administers := p.roles[p.settings.DefaultRole.ID]; administers {
		p.fail(checkProtected, "remove the right or the permission from the role", "every user of the realm is an administrator: all users have the role %q, which contains a right of realm-management or has a permission", everybody.Name)
		delete(p.roles, everybody.ID)
	}
	var roles []keycloak.Role
	for _, r := range p.roles {
		roles = append(roles, r)
	}
	return each(ctx, roles, func(ctx context.Context, r keycloak.Role) error {
		users, err := keycloak.Everything(func(first int) ([]keycloak.User, error) { return p.c.RoleUsers(ctx, r, first, keycloak.MaxPage) })
		if errors.Is(err, keycloak.ErrInvalidID) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.fail(checkProtected, "give the role another name", "the bridge cannot find out who has the role %q, which contains a right of realm-management or has a permission: Keycloak cannot look up such a name", r)
			return nil
		}
		if err != nil {
			return err
		}
		c := p.circleOf(r)
		p.add(c, users)
		groups, err := keycloak.Everything(func(first int) ([]keycloak.Group, error) { return p.c.RoleGroups(ctx, r, first, keycloak.MaxPage) })
		if err != nil {
			return err
		}
		for _, g := range groups {
			p.place(g.ID, g.ParentID)
			if err := p.enter(ctx, c, g.ID, true); err != nil {
				return err
			}
		}
		return nil
	})
}

// place records where a group is.
func (p *protector) place(id, parent string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parents[id] = parent
}

// circle is a set of users and groups with the same protection. The value of a group says whether
// the groups below it are in the circle too.
type circle struct{ users, groups map[string]bool }

// all is the circle of users and groups that SCIM may not write at all.
func (p *protector) all() circle { return circle{p.protected.Users, p.protected.Groups} }

func (p *protector) users(users []keycloak.User) { p.add(p.all(), users) }

func (p *protector) add(c circle, users []keycloak.User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range users {
		c.users[u.ID] = true
		if p.protected.Names != nil && u.Username != "" {
			p.protected.Names[u.ID] = u.Username
		}
	}
}

// group protects a group with its members, and all groups below it, because they inherit its roles.
func (p *protector) group(ctx context.Context, text string) error {
	return p.enter(ctx, p.all(), text, true)
}

// enter adds a group and its members to a circle, and all groups below it when below is true.
func (p *protector) enter(ctx context.Context, c circle, text string, below bool) error {
	p.mu.Lock()
	was, known := c.groups[text]
	c.groups[text] = was || below
	p.mu.Unlock()
	if known && (was || !below) {
		return nil
	}
	id, err := keycloak.ParseGroupID(text)
	if err != nil {
		return err
	}
	members, err := keycloak.Everything(func(first int) ([]keycloak.User, error) { return p.c.Members(ctx, id, first, keycloak.MaxPage) })
	if err != nil {
		return err
	}
	p.add(c, members)
	if !below {
		return nil
	}
	children, err := keycloak.Everything(func(first int) ([]keycloak.Group, error) { return p.c.Children(ctx, id, first, keycloak.MaxPage) })
	for _, g := range children {
		if err == nil {
			err = p.enter(ctx, c, g.ID, true)
		}
	}
	return err
}

// defaults checks whether every new user becomes an administrator.
func (p *protector) defaults(ctx context.Context) error {
	groups, err := p.c.DefaultGroups(ctx)
	for _, g := range groups {
		if _, delegated := p.delegated.groups[g.ID]; delegated || p.protected.Groups[g.ID] {
			p.fail(checkProtected, "remove it from the default groups, or remove its role or permission", "every new user of the realm becomes an administrator: the default group %q has a right of realm-management or a permission", g.Path)
		}
	}
	return err
}

// list looks up the users and groups that the operator listed.
func (p *protector) list(ctx context.Context) error {
	for _, name := range p.policy.Protected.Users {
		user, err := p.names.user(ctx, name)
		if err != nil {
			return err
		}
		if p.judge(user, "correct the entry of protected.users, or remove it", "the user %q of protected.users", name); user.id != "" {
			p.users([]keycloak.User{{ID: user.id, Username: user.name}})
		}
	}
	for _, name := range p.policy.Protected.Groups {
		group, err := p.names.group(ctx, name)
		if err != nil {
			return err
		}
		if p.judge(group, "correct the entry of protected.groups, or remove it", "the group %q of protected.groups", name); group.id == "" {
			continue
		}
		p.place(group.id, group.parent)
		if err := p.group(ctx, group.id); err != nil {
			return err
		}
	}
	return nil
}

// judge reports what is wrong with a listed name.
func (p *protector) judge(n named, fix, format, name string) {
	what := fmt.Sprintf(format, name)
	switch {
	case n.problem != "":
		p.fail(checkProtected, cmp.Or(n.fix, fix), "%s %s", what, n.problem)
	case n.warning != "":
		p.warn(checkProtected, n.fix, "%s %s", what, n.warning)
	}
}

// places finds the groups that must keep their place: groups that mappings name, and all groups
// above such a group or above a protected group. It needs a call for each of those groups. A name
// that means nothing is a finding about the tenant of the mapping.
func (p *protector) places(ctx context.Context) error {
	for _, t := range p.tenants {
		for _, name := range t.Mapping.Groups() {
			group, err := p.names.group(ctx, name)
			if err != nil {
				return err
			}
			if group.id == "" {
				continue
			}
			p.place(group.id, group.parent)
			p.protected.Kept[group.id] = true
			if name == t.Mapping.GroupParent {
				parent := p.protected.Parents[group.id]
				parent.Tenants = append(parent.Tenants, t.Path)
				p.protected.Parents[group.id] = parent
			}
		}
	}
	for _, m := range p.proposed { // for the findings about its tenant
		for _, name := range m.Groups() {
			if group, err := p.names.group(ctx, name); err != nil {
				return err
			} else if group.id != "" {
				p.place(group.id, group.parent)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.parents)) {
		above, err := p.above(ctx, id)
		if err != nil {
			return err
		}
		p.protected.Above[id] = above
		for _, higher := range above {
			p.protected.Kept[higher] = true
		}
	}
	return nil
}

// above returns the groups above a group, the nearest first. A group that is moved meanwhile could
// make a cycle.
func (p *protector) above(ctx context.Context, id string) ([]string, error) {
	var out []string
	for id = p.parents[id]; id != "" && !slices.Contains(out, id); id = p.parents[id] {
		out = append(out, id)
		if _, known := p.parents[id]; known {
			continue
		}
		group, err := p.names.groupByID(ctx, id)
		if err != nil {
			return nil, err
		}
		p.parents[id] = group.parent
	}
	return out, nil
}

// each calls do for every item, for several items at a time.
func each[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(protectParallel)
	for _, item := range items {
		g.Go(func() error { return do(ctx, item) })
	}
	return g.Wait()
}
