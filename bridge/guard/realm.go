package guard

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// realmWall is the wall of a tenant that has all users of a realm but service accounts.
type realmWall struct {
	c        *keycloak.Client
	parent   keycloak.GroupID // below which the tenant's groups live; zero for the top level
	confined bool             // whether the mapping names a parent
}

func (w realmWall) User(ctx context.Context, id keycloak.UserID) (keycloak.User, error) {
	user, err := w.c.User(ctx, id)
	if err != nil {
		return keycloak.User{}, err
	}
	visible, err := w.visible(ctx, user)
	if err == nil && !visible {
		err = &keycloak.Error{Op: "get user", Kind: keycloak.NotFound, Missing: keycloak.MissingUser}
	}
	if err != nil {
		return keycloak.User{}, err
	}
	return user, nil
}

func (w realmWall) FindUsers(ctx context.Context, q keycloak.UserQuery, most int) ([]keycloak.User, error) {
	users, err := drain(most, func(first, limit int) ([]keycloak.User, error) {
		q.First, q.Max = first, limit
		return w.c.Users(ctx, q)
	})
	if err != nil {
		return nil, err
	}
	return w.visibleOnly(ctx, users)
}

func (w realmWall) ListUsers(ctx context.Context, first, limit int) ([]keycloak.User, error) {
	return w.c.Users(ctx, keycloak.UserQuery{First: first, Max: limit})
}

func (w realmWall) CountUsers(ctx context.Context) (int, error) { return w.c.CountUsers(ctx) }

func (w realmWall) Group(ctx context.Context, id keycloak.GroupID) (keycloak.Group, error) {
	group, err := w.c.Group(ctx, id)
	if err == nil && !w.inScope(group) {
		err = &keycloak.Error{Op: "get group", Kind: keycloak.NotFound, Missing: keycloak.MissingGroup}
	}
	if err != nil {
		return keycloak.Group{}, err
	}
	return group, nil
}

func (w realmWall) FindGroups(ctx context.Context, q keycloak.GroupQuery, most int) ([]keycloak.Group, error) {
	groups, err := drain(most, func(first, limit int) ([]keycloak.Group, error) {
		q.First, q.Max = first, limit
		return w.c.Groups(ctx, q)
	})
	return keep(groups, w.Listed), err
}

func (w realmWall) ListGroups(ctx context.Context, first, limit int) ([]keycloak.Group, error) {
	if w.parent.IsZero() {
		return w.c.TopGroups(ctx, first, limit)
	}
	return w.c.Children(ctx, w.parent, first, limit)
}

func (w realmWall) CountGroups(ctx context.Context) (int, error) {
	if w.parent.IsZero() {
		return w.c.CountTopGroups(ctx)
	}
	parent, err := w.c.Group(ctx, w.parent)
	return parent.SubGroupCount, err
}

// Listed: with a parent, the groups right below it, else those of the top level.
func (w realmWall) Listed(g keycloak.Group) bool { return g.ParentID == w.parent.String() }

// inScope: with a parent, the groups right below it; else all, though a list shows the top
// level alone.
func (w realmWall) inScope(g keycloak.Group) bool { return !w.confined || w.Listed(g) }

func (w realmWall) GroupsOf(ctx context.Context, id keycloak.UserID) ([]keycloak.Group, error) {
	groups, err := w.c.UserGroups(ctx, id)
	return keep(groups, w.inScope), err
}

func (w realmWall) GroupMembers(ctx context.Context, id keycloak.GroupID, first, limit int) ([]keycloak.User, error) {
	return w.c.Members(ctx, id, first, limit)
}

func (w realmWall) ConfinesGroups() bool          { return w.confined }
func (w realmWall) GroupParent() keycloak.GroupID { return w.parent }

// serviceAccountPrefix starts the name of every service account. A normal user may
// have such a name too, so that the name alone proves nothing.
const serviceAccountPrefix = "service-account-"

// visible reports whether SCIM may see the user. It costs a call only for users
// whose name looks like a service account's: no representation marks them.
func (w realmWall) visible(ctx context.Context, u keycloak.User) (bool, error) {
	if !strings.HasPrefix(u.Username, serviceAccountPrefix) {
		return true, nil
	}
	service, err := w.c.IsServiceAccount(ctx, u.Username)
	return !service, err
}

// visibleOnly are the users of a list that SCIM may see, in their order.
func (w realmWall) visibleOnly(ctx context.Context, users []keycloak.User) ([]keycloak.User, error) {
	out := make([]keycloak.User, 0, len(users))
	for _, u := range users {
		visible, err := w.visible(ctx, u)
		if err != nil {
			return nil, err
		}
		if visible {
			out = append(out, u)
		}
	}
	return out, nil
}

const (
	// batchSize is how many ids one existence check asks for: the cost of such a
	// call grows faster than its size on a cold cache of Keycloak.
	batchSize = 50
	// parallel bounds the checks under way at once.
	parallel = 4
)

// Prove costs a call for every 50 ids.
func (w realmWall) Prove(ctx context.Context, ids []string) (known []Member, unknown []string, err error) {
	valid := make([]keycloak.UserID, 0, len(ids))
	for _, id := range ids {
		if parsed, err := keycloak.ParseUserID(id); err == nil {
			valid = append(valid, parsed)
		}
	}
	found, err := w.lookUp(ctx, valid)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		if m, ok := found[id]; ok {
			known = append(known, m)
		} else {
			unknown = append(unknown, id)
		}
	}
	return known, unknown, nil
}

func (w realmWall) lookUp(ctx context.Context, ids []keycloak.UserID) (map[string]Member, error) {
	batches := make([][]keycloak.User, (len(ids)+batchSize-1)/batchSize)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range batches {
		g.Go(func() (err error) {
			part := ids[i*batchSize : min((i+1)*batchSize, len(ids))]
			users, err := w.c.Users(ctx, keycloak.UserQuery{IDs: part})
			if err == nil {
				batches[i], err = w.visibleOnly(ctx, users)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	found := make(map[string]Member, len(ids))
	for _, users := range batches {
		for _, u := range users {
			if id, err := keycloak.ParseUserID(u.ID); err == nil {
				found[u.ID] = Member{ID: id, Username: u.Username}
			}
		}
	}
	return found, nil
}
