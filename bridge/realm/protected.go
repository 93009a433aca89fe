package realm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	checkProtected = "protected"
	// protectParallel bounds the calls of one look under way at once.
	protectParallel = 4
)

// Protection is what one look found of who is protected in a realm.
type Protection struct {
	protected *tenant.Protected
	findings  []Finding
}

// Protector looks who is protected in a realm.
type Protector func(context.Context) (Protection, error)

// ProtectorOf looks at the realm of a tenant: who administers it, by which roles and groups,
// and what is listed. It needs view-realm and view-clients.
func ProtectorOf(c *keycloak.Client, t *tenant.Tenant) Protector {
	return func(ctx context.Context) (Protection, error) { return protect(ctx, c, t.Policy) }
}

// protector is one look.
type protector struct {
	Report

	c             *keycloak.Client
	listed        tenant.Listed
	organizations bool // whether the realm has tenants of organizations

	mu        sync.Mutex // of what follows, and of the report
	roles     map[string]keycloak.Role
	within    map[string][]keycloak.Role // what a role contains, by its id
	protected *tenant.Protected
}

func protect(ctx context.Context, c *keycloak.Client, policy tenant.Policy) (Protection, error) {
	p := &protector{
		Report: newReport(c), c: c, listed: policy.Protected, organizations: policy.Organizations,
		roles: map[string]keycloak.Role{}, within: map[string][]keycloak.Role{},
		protected: &tenant.Protected{
			At: time.Now(), Users: map[string]bool{}, Groups: map[string]bool{}, ServiceAccounts: map[string]bool{}, Mixed: map[string]bool{},
		},
	}
	for _, look := range []func(context.Context) error{p.clients, p.composites, p.holders, p.defaults, p.list} {
		if err := look(ctx); err != nil {
			return Protection{}, fmt.Errorf("look who is protected: %w", err)
		}
	}
	if len(p.Findings) == 0 {
		p.pass(checkProtected, "%d users and %d groups are, and %d service accounts", len(p.protected.Users), len(p.protected.Groups), len(p.protected.ServiceAccounts))
	}
	return Protection{p.protected, p.Findings}, nil
}

// clients reads the roles of the realm and of its clients, and the service accounts.
func (p *protector) clients(ctx context.Context) error {
	clients, err := keycloak.Everything(func(first int) ([]keycloak.ClientInfo, error) { return p.c.Clients(ctx, first, keycloak.MaxPage) })
	if err != nil {
		return err
	}
	for _, c := range clients {
		if c.ClientID == keycloak.RealmManagement {
			p.protected.Management = c.UUID
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
		}
		return nil
	})
}

// serviceAccount reads which user a client is, and of which organizations that is a member.
func (p *protector) serviceAccount(ctx context.Context, c keycloak.ClientInfo) error {
	account, err := p.c.ServiceAccount(ctx, c.UUID)
	if err != nil {
		return err
	}
	var organizations []keycloak.Organization
	if p.organizations {
		organizations, err = p.c.OrganizationsOf(ctx, account)
	}
	switch keycloak.KindOf(err) { //nolint:exhaustive // the others are outages
	case "", keycloak.NotFound, keycloak.NoOrganization, keycloak.Denied: // of what the tenants of organizations lack their own checks tell
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

// composites reads what the roles contain, and keeps those that contain a right however deep.
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
		if !p.administers(id, map[string]bool{}) {
			delete(p.roles, id)
		}
	}
	return nil
}

func (p *protector) isRight(r keycloak.Role) bool {
	return r.ContainerID == p.protected.Management.String()
}

func (p *protector) administers(id string, seen map[string]bool) bool {
	if p.isRight(p.roles[id]) {
		return true
	}
	seen[id] = true
	for _, r := range p.within[id] {
		if p.isRight(r) || !seen[r.ID] && p.administers(r.ID, seen) {
			return true
		}
	}
	return false
}

// holders reads who has a role that administers, by itself or by a group.
func (p *protector) holders(ctx context.Context) error {
	settings, err := p.c.RealmSettings(ctx)
	if err != nil {
		return err
	}
	if everybody, administers := p.roles[settings.DefaultRole.ID]; administers {
		p.fail(checkProtected, "take that out of the role", "every user of the realm is an administrator: the role %q, which each has, contains a right of realm-management", everybody.Name)
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
			p.fail(checkProtected, "give the role another name", "nobody can find out who has the role %q, which contains a right of realm-management: Keycloak looks no such name up", r)
			return nil
		}
		if err != nil {
			return err
		}
		p.users(users)
		groups, err := keycloak.Everything(func(first int) ([]keycloak.Group, error) { return p.c.RoleGroups(ctx, r, first, keycloak.MaxPage) })
		if err != nil {
			return err
		}
		for _, g := range groups {
			if err := p.group(ctx, g.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *protector) users(users []keycloak.User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range users {
		p.protected.Users[u.ID] = true
	}
}

// group protects a group with its members, and all groups below it, which have its roles.
func (p *protector) group(ctx context.Context, text string) error {
	p.mu.Lock()
	known := p.protected.Groups[text]
	p.protected.Groups[text] = true
	p.mu.Unlock()
	if known {
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
	p.users(members)
	below, err := keycloak.Everything(func(first int) ([]keycloak.Group, error) { return p.c.Children(ctx, id, first, keycloak.MaxPage) })
	for _, g := range below {
		if err == nil {
			err = p.group(ctx, g.ID)
		}
	}
	return err
}

// defaults looks whether who is created becomes an administrator.
func (p *protector) defaults(ctx context.Context) error {
	groups, err := p.c.DefaultGroups(ctx)
	for _, g := range groups {
		if p.protected.Groups[g.ID] {
			p.fail(checkProtected, "take it out of the default groups, or the role out of it", "every new user of the realm becomes an administrator: the default group %q has a right of realm-management", g.Path)
		}
	}
	return err
}

// list looks up what the operator listed.
func (p *protector) list(ctx context.Context) error {
	for _, name := range p.listed.Users {
		users, err := p.c.Users(ctx, keycloak.UserQuery{Username: name, Max: 1})
		if err != nil {
			return err
		}
		if p.users(users); len(users) == 0 {
			p.warn(checkProtected, "correct the name in protected.users, or remove it", "no user is called %q", name)
		}
	}
	for _, path := range p.listed.Groups {
		group, err := p.c.GroupByPath(ctx, path)
		switch {
		case keycloak.KindOf(err) == keycloak.NotFound:
			p.warn(checkProtected, "correct the path in protected.groups, or remove it", "no group has the path %q", path)
		case err != nil:
			return err
		default:
			if err := p.group(ctx, group.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// each does something with every item, some at once.
func each[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(protectParallel)
	for _, item := range items {
		g.Go(func() error { return do(ctx, item) })
	}
	return g.Wait()
}
