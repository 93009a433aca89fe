package guard

import (
	"context"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// realmUsers are all users of a realm without service accounts, or only the users that one tenant
// owns.
type realmUsers struct {
	people

	owner string // the tenant's key; "" for the users of all owners
}

func (w realmUsers) User(ctx context.Context, id keycloak.UserID) (keycloak.User, error) {
	user, err := w.c.User(ctx, id)
	if err != nil {
		return keycloak.User{}, err
	}
	own, err := w.ownOnly(ctx, []keycloak.User{user})
	if err == nil && len(own) == 0 {
		err = noUser("get user")
	}
	if err != nil {
		return keycloak.User{}, err
	}
	return user, nil
}

// ownOnly returns the users of a list that belong to the tenant, in their order.
func (w realmUsers) ownOnly(ctx context.Context, list []keycloak.User) ([]keycloak.User, error) {
	return w.among(ctx, keep(list, func(u keycloak.User) bool { return w.owner == "" || isOwnedBy(w.owner, u) }))
}

func (w realmUsers) FindUsers(ctx context.Context, q keycloak.UserQuery, most int) ([]keycloak.User, error) {
	if len(q.Attributes) > 0 {
		q.Attributes = append(slices.Clip(q.Attributes), w.criteria()...)
	}
	users, err := drain(most, func(first, limit int) ([]keycloak.User, error) {
		q.First, q.Max = first, limit
		return w.c.Users(ctx, q)
	})
	if err != nil {
		return nil, err
	}
	return w.ownOnly(ctx, users)
}

func (w realmUsers) criteria() []keycloak.AttributeQuery {
	if w.owner == "" {
		return nil
	}
	return []keycloak.AttributeQuery{ownedBy(w.owner)}
}

func (w realmUsers) ListUsers(ctx context.Context, first, limit int) ([]keycloak.User, []string, error) {
	list, err := w.c.Users(ctx, keycloak.UserQuery{Attributes: w.criteria(), First: first, Max: limit})
	if err != nil {
		return nil, nil, err
	}
	own, err := w.ownOnly(ctx, list)
	return own, ids(list), err
}

func (w realmUsers) CountUsers(ctx context.Context) (int, error) {
	return w.c.CountUsers(ctx, w.criteria()...)
}

// UsersByID needs a call for every 50 ids, and one for each user of a directory whose id contains a
// blank.
func (w realmUsers) UsersByID(ctx context.Context, ids []string) ([]keycloak.User, error) {
	return w.byID(ctx, ids, false)
}

// byID reads users by their ids. Brief users have no attributes, so their owner is not known.
func (w realmUsers) byID(ctx context.Context, ids []string, brief bool) ([]keycloak.User, error) {
	var together []keycloak.UserID
	var single []keycloak.User
	for _, id := range keycloak.ParseUserIDs(ids) {
		if id.IsListed() {
			together = append(together, id)
		} else {
			single = append(single, keycloak.User{ID: id.String()})
		}
	}
	batches := keycloak.Batches(together, keycloak.MaxIDs)
	found := make([][]keycloak.User, len(batches))
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, batch := range batches {
		g.Go(func() (err error) {
			users, err := w.c.Users(within, keycloak.UserQuery{IDs: batch, Brief: brief})
			if err == nil {
				found[i], err = w.ownOnly(within, users)
			}
			return err
		})
	}
	err := g.Wait()
	if err == nil {
		single, err = proved(ctx, w, single)
	}
	return append(slices.Concat(found...), single...), err
}

// Prove needs as many calls as UsersByID.
func (w realmUsers) Prove(ctx context.Context, ids []string) (known []Member, unknown []string, err error) {
	found, err := w.byID(ctx, ids, w.owner == "")
	if err != nil {
		return nil, nil, err
	}
	known, unknown = sorted(ids, found)
	return known, unknown, nil
}

// realmGroups are groups of a realm.
type realmGroups struct {
	people // these also know the parents of other tenants

	tenant string           // the path of the tenant
	parent keycloak.GroupID // below which the tenant's groups live; zero for the top level
	named  bool             // whether the tenant's mapping names a parent
	users  users            // the users whose memberships the tenant may see; nil for all users
}

func (realmGroups) GroupID(text string) (keycloak.GroupID, error) { return keycloak.ParseGroupID(text) }

func (w realmGroups) Group(ctx context.Context, id keycloak.GroupID) (keycloak.Group, error) {
	group, err := w.c.Group(ctx, id)
	if err == nil && !w.Shows(group) {
		err = noGroup()
	}
	if err != nil {
		return keycloak.Group{}, err
	}
	return group, nil
}

func (w realmGroups) FindGroups(ctx context.Context, q keycloak.GroupQuery, most int) ([]keycloak.Group, error) {
	groups, err := drain(most, func(first, limit int) ([]keycloak.Group, error) {
		q.First, q.Max = first, limit
		return w.c.Groups(ctx, q)
	})
	return keep(groups, w.Listed), err
}

func (w realmGroups) ListGroups(ctx context.Context, first, limit int) ([]keycloak.Group, error) {
	if w.hidden() == 0 {
		return w.level(ctx, first, limit)
	}
	all, err := drain(math.MaxInt, func(first, limit int) ([]keycloak.Group, error) { return w.level(ctx, first, limit) })
	all = keep(all, w.Listed)
	return all[min(first, len(all)):min(first+limit, len(all))], err
}

// nowhere reports whether the mapping names a parent that is not known, so that the tenant has no
// groups.
func (w realmGroups) nowhere() bool { return w.named && w.parent.IsZero() }

// level reads a page of Keycloak's groups at the tenant's level.
func (w realmGroups) level(ctx context.Context, first, limit int) ([]keycloak.Group, error) {
	switch {
	case w.nowhere():
		return nil, nil
	case w.parent.IsZero():
		return w.c.TopGroups(ctx, first, limit)
	}
	return w.c.Children(ctx, w.parent, first, limit)
}

func (w realmGroups) CountGroups(ctx context.Context) (int, error) {
	switch {
	case w.nowhere():
		return 0, nil
	case w.parent.IsZero():
		n, err := w.c.CountTopGroups(ctx)
		return max(0, n-w.hidden()), err
	}
	parent, err := w.c.Group(ctx, w.parent)
	return max(0, parent.SubGroupCount-w.hidden()), err
}

// hidden counts the groups of the tenant's level that are parents of other tenants. The
// configuration is refused in that case, but an administrator may have moved a group since.
func (w realmGroups) hidden() int {
	if w.protected == nil {
		return 0
	}
	n := 0
	for id, p := range w.protected.Parents {
		level := "" // the top one
		if above := w.protected.Above[id]; len(above) > 0 {
			level = above[0]
		}
		if level == w.parent.String() && p.Others(w.tenant) {
			n++
		}
	}
	return n
}

// Listed reports whether a group is right below the tenant's parent, or at the top level when the
// mapping names no parent. When a named parent is not known, no group is listed. The parent of
// another tenant is never listed.
func (w realmGroups) Listed(g keycloak.Group) bool {
	return !w.nowhere() && g.ParentID == w.parent.String() && !w.protected.OthersParent(g.ID, w.tenant)
}

// Shows: a tenant that shares the realm's groups with no other tenant has the groups of all levels,
// although a list shows only the top level. The groups of another tenant are below that tenant's
// parent.
func (w realmGroups) Shows(g keycloak.Group) bool { return !w.confined() || w.Listed(g) }

// confined reports whether the tenant has only a part of the realm's groups.
func (w realmGroups) confined() bool { return w.named || w.beside() }

// beside reports whether other tenants have groups of the realm below their own parents.
func (w realmGroups) beside() bool {
	if w.protected == nil {
		return false
	}
	for _, p := range w.protected.Parents {
		if p.Others(w.tenant) {
			return true
		}
	}
	return false
}

func (realmGroups) HasSubGroups(_ context.Context, g keycloak.Group) (bool, error) {
	return g.SubGroupCount > 0, nil
}

func (w realmGroups) GroupsOf(ctx context.Context, id keycloak.UserID) ([]keycloak.Group, error) {
	if w.users != nil {
		if _, err := w.users.User(ctx, id); err != nil {
			return nil, err
		}
	}
	groups, err := w.c.UserGroups(ctx, id)
	if err == nil && w.protected.ServiceAccount(id.String()) {
		return nil, noUser("list groups of user")
	}
	return keep(groups, w.Shows), err
}

func (w realmGroups) GroupMembers(ctx context.Context, id keycloak.GroupID, first, limit int) ([]keycloak.User, []string, error) {
	list, err := w.c.Members(ctx, id, first, limit)
	if err != nil {
		return nil, nil, err
	}
	members, err := w.among(ctx, list)
	if err == nil && w.users != nil {
		members, err = proved(ctx, w.users, members)
	}
	return members, ids(list), err
}

func (w realmGroups) ProveGroup(ctx context.Context, id keycloak.GroupID) (g keycloak.Group, read bool, err error) {
	if !w.confined() {
		return keycloak.Group{}, false, nil
	}
	g, err = w.Group(ctx, id)
	return g, true, err
}

func (w realmGroups) GroupParent() (keycloak.GroupID, error) {
	if w.nowhere() {
		return keycloak.GroupID{}, ErrNoGroups
	}
	return w.parent, nil
}

// DepartedGroup finds nothing: only presentGroups knows which groups left the tenant.
func (realmGroups) DepartedGroup(context.Context, string) (keycloak.Group, bool, error) {
	return keycloak.Group{}, false, nil
}
