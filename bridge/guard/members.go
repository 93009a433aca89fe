package guard

import (
	"context"
	"maps"
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
