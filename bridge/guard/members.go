package guard

import (
	"context"
	"maps"
	"math"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// ProtectedMembers needs no call when the realm has no protected users. For a group of less than a
// hundred members it needs one call; for a larger group one for each protected user of the realm.
// When a permission hides the groups of such a user from the bridge, it needs one for every hundred
// members.
func (w shownGroups) ProtectedMembers(ctx context.Context, id keycloak.GroupID) ([]string, error) {
	users := w.protectedUsers()
	if len(users) == 0 {
		return nil, nil
	}
	list, err := w.c.Members(ctx, id, 0, keycloak.MaxPage)
	found := w.protectedAmong(list)
	if err != nil || len(list) < keycloak.MaxPage || len(found) > 0 {
		return found, err
	}
	var mu sync.Mutex
	g, tasks := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, user := range users {
		g.Go(func() error {
			in, err := w.isMember(tasks, id, user)
			if in {
				mu.Lock()
				defer mu.Unlock()
				found = append(found, user.String())
			}
			return err
		})
	}
	if err = g.Wait(); keycloak.KindOf(err) != keycloak.Denied {
		slices.Sort(found)
		return found, err
	}
	all, err := drain(1<<30, func(first, limit int) ([]keycloak.User, error) { return w.c.Members(ctx, id, first, limit) })
	return w.protectedAmong(all), err
}

// fewUsers is the greatest number of users that are looked up instead of reading more pages of
// members.
const fewUsers = 8

// MembersAmong returns which of some users are members of a group, by their ids. It does not check
// whose group it is: the id must come from Group, ProveGroup or a list. Nobody is a member of a
// group that is gone.
//
// For a single user it needs one call. For several users it reads the first hundred members. When
// the group has more members, it asks for each remaining user, or reads at most as many pages as
// there are users and then asks for the rest.
func (w shownGroups) MembersAmong(ctx context.Context, id keycloak.GroupID, users []keycloak.UserID) (map[string]bool, error) {
	members := make(map[string]bool, len(users))
	rest, pages := users, 0
	switch {
	case len(users) > fewUsers:
		pages = len(users)
	case len(users) > 1:
		pages = 1
	}
	for page := 0; page < pages && len(rest) > 0; page++ {
		list, err := w.c.Members(ctx, id, page*keycloak.MaxPage, keycloak.MaxPage)
		if keycloak.KindOf(err) == keycloak.NotFound {
			return members, nil
		}
		if err != nil {
			return nil, err
		}
		rest = w.found(list, rest, members)
		if len(list) < keycloak.MaxPage {
			return members, nil
		}
	}
	err := w.lookUp(ctx, id, rest, members)
	if keycloak.KindOf(err) != keycloak.Denied {
		return members, err
	}
	// A permission hides the groups of a user from the bridge, but not the members of the group.
	all, err := drain(math.MaxInt, func(first, limit int) ([]keycloak.User, error) { return w.c.Members(ctx, id, first, limit) })
	w.found(all, rest, members)
	return members, err
}

// found notes the users that are on a page of members, and returns the others.
func (shownGroups) found(list []keycloak.User, users []keycloak.UserID, members map[string]bool) []keycloak.UserID {
	on := make(map[string]bool, len(list))
	for _, u := range list {
		on[u.ID] = true
	}
	return keep(users, func(id keycloak.UserID) bool {
		if on[id.String()] {
			members[id.String()] = true
		}
		return !on[id.String()]
	})
}

// lookUp notes the users that are members, with a call for each.
func (w shownGroups) lookUp(ctx context.Context, id keycloak.GroupID, users []keycloak.UserID, members map[string]bool) error {
	in := make([]bool, len(users))
	g, tasks := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, user := range users {
		g.Go(func() (err error) {
			in[i], err = w.isMember(tasks, id, user)
			return err
		})
	}
	err := g.Wait()
	for i, user := range users {
		if in[i] {
			members[user.String()] = true
		}
	}
	return err
}

func (w shownGroups) protectedAmong(list []keycloak.User) []string {
	return ids(keep(list, func(u keycloak.User) bool { return w.protected.User(u.ID) || w.protected.Delegate(u.ID) }))
}

// protectedUsers are all protected users of the realm except service accounts, in no order.
func (w shownGroups) protectedUsers() []keycloak.UserID {
	if w.protected == nil {
		return nil
	}
	ids := slices.AppendSeq(slices.Collect(maps.Keys(w.protected.Users)), maps.Keys(w.protected.Delegates))
	return keycloak.ParseUserIDs(slices.DeleteFunc(ids, w.protected.ServiceAccount))
}

func (w shownGroups) isMember(ctx context.Context, id keycloak.GroupID, user keycloak.UserID) (bool, error) {
	groups, err := []keycloak.Group(nil), error(nil)
	if o := id.Organization(); o.IsZero() {
		groups, err = w.c.UserGroups(ctx, user)
	} else {
		groups, err = w.c.OrganizationGroupsOf(ctx, o, user)
	}
	if keycloak.KindOf(err) == keycloak.NotFound {
		err = nil
	}
	return slices.ContainsFunc(groups, func(g keycloak.Group) bool { return g.ID == id.String() }), err
}
