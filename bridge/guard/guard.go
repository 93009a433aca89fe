package guard

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// serviceAccountPrefix starts the name of every service account. A normal user may
// have such a name too, so that the name alone proves nothing.
const serviceAccountPrefix = "service-account-"

// Visible reports whether SCIM may see the user. It costs a call only for users
// whose name looks like a service account's: no representation marks them.
func Visible(ctx context.Context, c *keycloak.Client, u keycloak.User) (bool, error) {
	if !strings.HasPrefix(u.Username, serviceAccountPrefix) {
		return true, nil
	}
	service, err := c.IsServiceAccount(ctx, u.Username)
	return !service, err
}

// VisibleOnly are the users of a list that SCIM may see, in their order.
func VisibleOnly(ctx context.Context, c *keycloak.Client, users []keycloak.User) ([]keycloak.User, error) {
	out := make([]keycloak.User, 0, len(users))
	for _, u := range users {
		visible, err := Visible(ctx, c, u)
		if err != nil {
			return nil, err
		}
		if visible {
			out = append(out, u)
		}
	}
	return out, nil
}

// ConfinesGroups reports whether the tenant's groups are only some of the realm's.
func ConfinesGroups(t *tenant.Tenant) bool { return t.Mapping.GroupParent != "" }

// GroupParent is the group below which the tenant's groups live, zero for the top level.
func GroupParent(t *tenant.Tenant) keycloak.GroupID {
	return t.Fitness().Resolved.Groups[t.Mapping.GroupParent]
}

// GroupInScope reports whether the tenant may see a group: with a parent, those right below
// it; else all, though a list shows the top level alone.
func GroupInScope(t *tenant.Tenant, g keycloak.Group) bool {
	return !ConfinesGroups(t) || g.ParentID == GroupParent(t).String()
}

// GroupsInScope are those of a list that the tenant may see.
func GroupsInScope(t *tenant.Tenant, groups []keycloak.Group) []keycloak.Group {
	var out []keycloak.Group
	for _, g := range groups {
		if GroupInScope(t, g) {
			out = append(out, g)
		}
	}
	return out
}

// Member is a user that may be a member of a group.
type Member struct {
	ID       keycloak.UserID
	Username string
}

const (
	// batchSize is how many ids one existence check asks for: the cost of such a
	// call grows faster than its size on a cold cache of Keycloak.
	batchSize = 50
	// parallel bounds the checks under way at once.
	parallel = 4
)

// Members proves which of the ids are users that SCIM may see, in their order, and
// which are not. It costs a call for every 50 ids.
func Members(ctx context.Context, c *keycloak.Client, ids []string) (known []Member, unknown []string, err error) {
	valid := make([]keycloak.UserID, 0, len(ids))
	for _, id := range ids {
		if parsed, err := keycloak.ParseUserID(id); err == nil {
			valid = append(valid, parsed)
		}
	}
	found, err := lookUp(ctx, c, valid)
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

func lookUp(ctx context.Context, c *keycloak.Client, ids []keycloak.UserID) (map[string]Member, error) {
	batches := make([][]keycloak.User, (len(ids)+batchSize-1)/batchSize)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range batches {
		g.Go(func() (err error) {
			part := ids[i*batchSize : min((i+1)*batchSize, len(ids))]
			users, err := c.Users(ctx, keycloak.UserQuery{IDs: part})
			if err == nil {
				batches[i], err = VisibleOnly(ctx, c, users)
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
