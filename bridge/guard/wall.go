package guard

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// users are the users that one tenant may see. For every id or value that a client names, they
// return only the tenant's users. All others are absent: NotFound, or not in the list.
type users interface {
	// User reads a user.
	User(ctx context.Context, id keycloak.UserID) (keycloak.User, error)
	// FindUsers reads the users that match a query by user name, address or attributes. More than
	// most users are a *scim.Error with TooMany.
	FindUsers(ctx context.Context, q keycloak.UserQuery, most int) ([]keycloak.User, error)
	// UsersByID reads users by their ids, in no order. Ids that belong to no user are left out.
	UsersByID(ctx context.Context, ids []string) ([]keycloak.User, error)
	// ListUsers reads a page of Keycloak's list of users, by user name. It returns the users on the
	// page and the ids of all accounts on it, with service accounts, because offsets count these
	// too.
	ListUsers(ctx context.Context, first, limit int) (list []keycloak.User, all []string, err error)
	// CountUsers counts all accounts on the pages of ListUsers.
	CountUsers(ctx context.Context) (int, error)
	// Prove separates ids of users, in their order, from ids that belong to no user.
	Prove(ctx context.Context, ids []string) (known []Member, unknown []string, err error)
}

// groups are the groups that one tenant may see, by the same rule as users.
type groups interface {
	// GroupID makes an id from a hostile text, or fails with keycloak.ErrInvalidID.
	GroupID(text string) (keycloak.GroupID, error)
	// Group reads a group.
	Group(ctx context.Context, id keycloak.GroupID) (keycloak.Group, error)
	// FindGroups reads the groups that match a query, if ListGroups lists them too. More than most
	// groups are a *scim.Error with TooMany.
	FindGroups(ctx context.Context, q keycloak.GroupQuery, most int) ([]keycloak.Group, error)
	// ListGroups reads a page of the groups of the tenant's level by name.
	ListGroups(ctx context.Context, first, limit int) ([]keycloak.Group, error)
	// CountGroups counts the groups that ListGroups lists.
	CountGroups(ctx context.Context) (int, error)
	// Listed reports whether ListGroups lists a group that was read.
	Listed(g keycloak.Group) bool
	// HasSubGroups reports whether there are groups below a group that was read.
	HasSubGroups(ctx context.Context, g keycloak.Group) (bool, error)
	// DepartedGroup finds the group of a name that left the tenant; ok is false when there is no
	// such group.
	DepartedGroup(ctx context.Context, name string) (g keycloak.Group, ok bool, err error)
	// GroupsOf reads the groups that a user is a direct member of.
	GroupsOf(ctx context.Context, id keycloak.UserID) ([]keycloak.Group, error)
	// GroupMembers reads a page of Keycloak's list of the members of a group, by user name. It
	// returns the users on the page and the ids of all accounts on it. It does not check whose
	// group it is: the id must come from Group, ProveGroup or a list.
	GroupMembers(ctx context.Context, id keycloak.GroupID, first, limit int) (members []keycloak.User, all []string, err error)
	// ProveGroup reads a group before a change, when the tenant's calls could reach a group of
	// another tenant by its id. read is false when no check is needed, because no group of another
	// tenant can have the id.
	ProveGroup(ctx context.Context, id keycloak.GroupID) (g keycloak.Group, read bool, err error)
	// Shows reports whether a group that was read belongs to the tenant, in the list or below a
	// group of the list.
	Shows(g keycloak.Group) bool
	// GroupParent returns the group below which new groups are created, or fails with ErrNoGroups.
	GroupParent() (keycloak.GroupID, error)
}

// ErrNoGroups reports that a tenant cannot have groups.
var ErrNoGroups = errors.New("the tenant cannot have groups")

// Wall is all that one tenant can read of its realm. A Wall checks that the tenant may see each
// resource, so that its caller cannot forget the check; only GroupMembers does not check. Of a
// protected resource, a Wall shows only the name.
type Wall struct {
	shownUsers
	shownGroups
}

// For returns the Wall of a tenant that was found fit, over the client of its realm.
func For(t *tenant.Tenant, f tenant.Fitness, c *keycloak.Client) Wall {
	users, groups := reach(t, f, c)
	if !t.Policy.Deletes() {
		groups = presentGroups{groups, t.Owner}
	}
	return Wall{shownUsers{users, f.Protected}, shownGroups{groups, f.Protected, c}}
}

// reach returns the users and groups that a tenant reaches, protected or not.
func reach(t *tenant.Tenant, f tenant.Fitness, c *keycloak.Client) (users, groups) {
	p, o := people{c, f.Protected}, t.Organization.ID
	var users users = realmUsers{people: p}
	switch {
	case !o.IsZero():
		users = organizationUsers{p, o}
	case t.Policy.OwnedOnly:
		users = realmUsers{p, t.Owner.Key}
	}
	switch f.GroupPlace(t) {
	case tenant.InTheOrganization:
		return users, organizationGroups{p, o}
	case tenant.Nowhere:
		return users, noGroups{}
	case tenant.InTheRealm:
	}
	groups := realmGroups{people: p, tenant: t.Path, parent: f.Resolved.Groups[t.Mapping.GroupParent], named: t.Mapping.GroupParent != ""}
	if !f.ProvesMembers(t) {
		groups.users = shownUsers{users, f.Protected}
	}
	return users, groups
}

// Member is a user who may be a member of a group.
type Member struct {
	ID       keycloak.UserID
	Username string
}

// parallel limits the calls that one question makes at a time.
const parallel = 4

// drain reads pages until a short page, for lists that Keycloak does not count. More than most
// resources are a *scim.Error with TooMany.
func drain[T any](most int, read func(first, limit int) ([]T, error)) ([]T, error) {
	var out []T
	for {
		part, err := read(len(out), keycloak.MaxPage)
		if err != nil {
			return nil, err
		}
		out = append(out, part...)
		switch {
		case len(part) < keycloak.MaxPage:
			return out, nil
		case len(out) >= most:
			return nil, scim.BadRequest(scim.CodeFilterTooWide, scim.TooMany, "more than %d resources match one term of the filter; add a term that is unique", most)
		}
	}
}

func keep[T any](list []T, wanted func(T) bool) []T {
	var out []T
	for _, v := range list {
		if wanted(v) {
			out = append(out, v)
		}
	}
	return out
}

// proved returns the users of a list that a tenant may see, as User reads them, in their order.
func proved(ctx context.Context, users users, list []keycloak.User) ([]keycloak.User, error) {
	found := make([]*keycloak.User, len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, u := range list {
		g.Go(func() error {
			id, err := keycloak.ParseUserID(u.ID)
			if err != nil {
				return nil //nolint:nilerr // not a user of the tenant
			}
			user, err := users.User(ctx, id)
			if keycloak.KindOf(err) == keycloak.NotFound {
				return nil
			}
			found[i] = &user
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var out []keycloak.User
	for _, user := range found {
		if user != nil {
			out = append(out, *user)
		}
	}
	return out, nil
}

// sorted separates the ids of users that were found from the other ids.
func sorted(ids []string, found []keycloak.User) (known []Member, unknown []string) {
	members := make(map[string]Member, len(found))
	for _, u := range found {
		if id, err := keycloak.ParseUserID(u.ID); err == nil {
			members[u.ID] = Member{ID: id, Username: u.Username}
		}
	}
	for _, id := range ids {
		if m, ok := members[id]; ok {
			known = append(known, m)
		} else {
			unknown = append(unknown, id)
		}
	}
	return known, unknown
}

// people separates the users of a realm from the service accounts of its clients, which no tenant
// sees. It decides by ids, because a person may have any name.
type people struct {
	c         *keycloak.Client
	protected *tenant.Protected
}

// has reports whether an account is a user. It makes calls only for a new account that has a name
// like a service account and is not known to be one.
func (p people) has(ctx context.Context, u keycloak.User) (bool, error) {
	switch {
	case p.protected.ServiceAccount(u.ID):
		return false, nil
	case p.protected.Covers(u):
		return true, nil
	}
	service, err := p.c.IsServiceAccount(ctx, u)
	return !service, err
}

// among returns the users of a list, in their order.
func (p people) among(ctx context.Context, list []keycloak.User) ([]keycloak.User, error) {
	out := make([]keycloak.User, 0, len(list))
	for _, u := range list {
		user, err := p.has(ctx, u)
		if err != nil {
			return nil, err
		}
		if user {
			out = append(out, u)
		}
	}
	return out, nil
}

func ids(list []keycloak.User) []string {
	out := make([]string, len(list))
	for i, u := range list {
		out[i] = u.ID
	}
	return out
}

// ownedBy is the search criterion for resources that a tenant created.
func ownedBy(key string) keycloak.AttributeQuery {
	return keycloak.AttributeQuery{Name: mapping.AttrOwner, Value: key}
}

func isOwnedBy(key string, u keycloak.User) bool {
	return slices.Contains(u.Attributes[mapping.AttrOwner], key)
}

func noUser(op string) error {
	return &keycloak.Error{Op: op, Kind: keycloak.NotFound, Missing: keycloak.MissingUser}
}

func noGroup() error {
	return &keycloak.Error{Op: "get group", Kind: keycloak.NotFound, Missing: keycloak.MissingGroup}
}
