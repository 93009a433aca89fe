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

// users are the users that one tenant may see. Whatever id or value a client names, what
// comes back is the tenant's; what is not is absent: NotFound, or not in the list.
type users interface {
	// User reads a user.
	User(ctx context.Context, id keycloak.UserID) (keycloak.User, error)
	// FindUsers reads the users that match a query by user name, address or attributes, most
	// at most, else a *scim.Error with TooMany.
	FindUsers(ctx context.Context, q keycloak.UserQuery, most int) ([]keycloak.User, error)
	// UsersByID reads users by their ids, in no order; those that are none are left out.
	UsersByID(ctx context.Context, ids []string) ([]keycloak.User, error)
	// ListUsers reads a page of Keycloak's list of users, by user name: the users on it, and the
	// ids of all who are, service accounts among them, by which offsets are counted.
	ListUsers(ctx context.Context, first, limit int) (list []keycloak.User, all []string, err error)
	// CountUsers counts all who are on the pages of ListUsers.
	CountUsers(ctx context.Context) (int, error)
	// Prove finds out which ids are those of users, in their order, and which are not.
	Prove(ctx context.Context, ids []string) (known []Member, unknown []string, err error)
}

// groups are the groups that one tenant may see, as users are its users.
type groups interface {
	// GroupID makes an id of hostile text, or fails with keycloak.ErrInvalidID.
	GroupID(text string) (keycloak.GroupID, error)
	// Group reads a group.
	Group(ctx context.Context, id keycloak.GroupID) (keycloak.Group, error)
	// FindGroups reads the groups that match a query and that ListGroups lists too, most
	// at most, else a *scim.Error with TooMany.
	FindGroups(ctx context.Context, q keycloak.GroupQuery, most int) ([]keycloak.Group, error)
	// ListGroups reads a page of the groups of the tenant's level by name.
	ListGroups(ctx context.Context, first, limit int) ([]keycloak.Group, error)
	// CountGroups counts those that ListGroups lists.
	CountGroups(ctx context.Context) (int, error)
	// Listed reports whether ListGroups lists a group that was read.
	Listed(g keycloak.Group) bool
	// HasSubGroups reports whether there are groups below a group that was read.
	HasSubGroups(ctx context.Context, g keycloak.Group) (bool, error)
	// DepartedGroup finds the group of a name that left the tenant; ok is false when there is none.
	DepartedGroup(ctx context.Context, name string) (g keycloak.Group, ok bool, err error)
	// GroupsOf reads the groups of which a user is a direct member.
	GroupsOf(ctx context.Context, id keycloak.UserID) ([]keycloak.Group, error)
	// GroupMembers reads a page of Keycloak's list of the members of a group, by user name: the
	// users on it, and the ids of all who are. It does not ask whose the group is: its id must
	// be one that Group, ProveGroup or a list gave.
	GroupMembers(ctx context.Context, id keycloak.GroupID, first, limit int) (members []keycloak.User, all []string, err error)
	// ProveGroup reads a group that is to be changed, where the tenant's calls would reach another's by its id; read is
	// false where none but a group of the tenant's can have it, or nobody has.
	ProveGroup(ctx context.Context, id keycloak.GroupID) (g keycloak.Group, read bool, err error)
	// Shows reports whether a group that was read is the tenant's, be it in the list or below one.
	Shows(g keycloak.Group) bool
	// GroupParent is below which new groups are made, or fails with ErrNoGroups.
	GroupParent() (keycloak.GroupID, error)
}

// ErrNoGroups is that a tenant can have no groups.
var ErrNoGroups = errors.New("the tenant has no place for groups")

// Wall is all that one tenant can read of its realm. Who reads through a Wall cannot forget
// to ask whose something is, GroupMembers apart, and sees of what is protected its name alone.
type Wall struct {
	shownUsers
	shownGroups
}

// For is the wall of a tenant that was found fit, over its realm's client.
func For(t *tenant.Tenant, f tenant.Fitness, c *keycloak.Client) Wall {
	users, groups := reach(t, f, c)
	if !t.Policy.Deletes() {
		groups = presentGroups{groups, t.Owner}
	}
	return Wall{shownUsers{users, f.Protected}, shownGroups{groups, f.Protected, c}}
}

// reach is what a tenant reaches, protected or not.
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

// Member is a user that may be a member of a group.
type Member struct {
	ID       keycloak.UserID
	Username string
}

// parallel bounds the calls of one question under way at once.
const parallel = 4

// drain reads pages until a short one: for what has no count. More than most resources are
// a *scim.Error with TooMany.
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

// proved are the users of a list that a tenant may see, as User reads them, in their order.
func proved(ctx context.Context, users users, list []keycloak.User) ([]keycloak.User, error) {
	found := make([]*keycloak.User, len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, u := range list {
		g.Go(func() error {
			id, err := keycloak.ParseUserID(u.ID)
			if err != nil {
				return nil //nolint:nilerr // nobody's
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

// sorted tells the ids of users that were found from the others.
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

// people tells the users of a realm from the service accounts of its clients, which no tenant
// sees: by their ids, as a person may have any name.
type people struct {
	c         *keycloak.Client
	protected *tenant.Protected
}

// has reports whether an account is a user. It costs calls only for an account that is called
// like a service account, was made lately, and is not known to be one.
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

// among are the users of a list, in their order.
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

// ownedBy is the criterion of what a tenant created.
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
