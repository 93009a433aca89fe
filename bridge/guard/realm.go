package guard

import (
	"context"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// realmUsers are all users of a realm but service accounts, or those that one tenant owns.
type realmUsers struct {
	people

	owner string // the tenant's key; "" for everybody
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

// ownOnly are the users of a list that are the tenant's, in their order.
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

// UsersByID costs a call for every 50 ids, and one for each user of a directory whose id holds a blank.
func (w realmUsers) UsersByID(ctx context.Context, ids []string) ([]keycloak.User, error) {
	return w.byID(ctx, ids, false)
}

// byID reads users by their ids; brief ones have no attributes, by which an owner is known.
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

// Prove costs what UsersByID does.
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
	people // who also know the parents of other tenants

	tenant string           // its path
	parent keycloak.GroupID // below which the tenant's groups live; zero for the top level
	named  bool             // whether the tenant's mapping names a parent
	users  users            // whose memberships are the tenant's; nil for everybody's
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

// nowhere reports whether a parent is meant and not known, so that no group is the tenant's.
func (w realmGroups) nowhere() bool { return w.named && w.parent.IsZero() }

// level reads a page of what Keycloak has at the tenant's level.
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

// hidden counts the groups of the tenant's level that are the parents of other tenants: the
// configuration is refused then, yet somebody may have moved a group.
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

// Listed: with a parent, the groups right below it, else those of the top level; none when a
// parent is meant and not known; never the parent of another tenant.
func (w realmGroups) Listed(g keycloak.Group) bool {
	return !w.nowhere() && g.ParentID == w.parent.String() && !w.protected.OthersParent(g.ID, w.tenant)
}

// Shows: who has the realm's groups alone has those of all levels, though a list shows the
// top level. Another tenant's groups are at no level of others.
func (w realmGroups) Shows(g keycloak.Group) bool { return !w.confined() || w.Listed(g) }

// confined reports whether the tenant's groups are only some of the realm's.
func (w realmGroups) confined() bool { return w.named || w.beside() }

// beside reports whether other tenants have groups of the realm below parents of theirs.
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

// DepartedGroup: no group is told from the others, see presentGroups.
func (realmGroups) DepartedGroup(context.Context, string) (keycloak.Group, bool, error) {
	return keycloak.Group{}, false, nil
}
