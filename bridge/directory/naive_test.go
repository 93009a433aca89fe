package directory_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// naive is a realm in maps: everything that a tenant may see, and the admin events of what others
// write.
type naive struct {
	mu      sync.Mutex
	users   map[string]keycloak.User
	groups  map[string]keycloak.Group
	members map[string]map[string]bool // ids of users by the id of their group
	events  []keycloak.AdminEvent
	calls   map[string]int

	// latency is called for each call and may sleep; failing returns the error of a call. Both may
	// be nil.
	latency func()
	failing func(op string) error
	// underWay is called after a call has read and before it returns; may be nil.
	underWay func(op string)
	// hidden are accounts on Keycloak's pages that are not users.
	hidden map[string]bool
}

func newNaive() *naive {
	return &naive{
		users: map[string]keycloak.User{}, groups: map[string]keycloak.Group{}, members: map[string]map[string]bool{}, calls: map[string]int{}, hidden: map[string]bool{},
	}
}

// called records a call, which takes its time and may fail.
func (n *naive) called(ctx context.Context, op string) error {
	if n.latency != nil {
		n.latency()
	}
	n.mu.Lock()
	n.calls[op]++
	n.mu.Unlock()
	if n.failing != nil {
		if err := n.failing(op); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// took returns the number of calls of each kind since the last took.
func (n *naive) took() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := n.calls
	n.calls = map[string]int{}
	return out
}

func notFound() error { return &keycloak.Error{Op: "get", Kind: keycloak.NotFound} }

func (n *naive) User(ctx context.Context, id keycloak.UserID) (keycloak.User, error) {
	if err := n.called(ctx, "User"); err != nil {
		return keycloak.User{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	u, ok := n.users[id.String()]
	if !ok || n.hidden[id.String()] {
		return keycloak.User{}, notFound()
	}
	return u, nil
}

func (n *naive) FindUsers(ctx context.Context, q keycloak.UserQuery, most int) ([]keycloak.User, error) {
	if err := n.called(ctx, "FindUsers "+criterion(q)); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []keycloak.User
	for _, u := range n.users {
		if !n.hidden[u.ID] && meets(u, q) {
			out = append(out, u)
		}
	}
	if len(out) > most {
		return nil, scim.BadRequest("filter-too-wide", scim.TooMany, "more than %d", most)
	}
	return byName(out), nil
}

func criterion(q keycloak.UserQuery) string {
	switch {
	case q.Username != "":
		return "by name"
	case q.Email != "":
		return "by address"
	}
	return "by " + q.Attributes[0].Name
}

func meets(u keycloak.User, q keycloak.UserQuery) bool {
	switch {
	case q.Username != "":
		return strings.EqualFold(u.Username, q.Username)
	case q.Email != "":
		return strings.EqualFold(u.Email, q.Email)
	}
	return !slices.ContainsFunc(q.Attributes, func(a keycloak.AttributeQuery) bool { return !holds(u.Attributes, a) })
}

// holds searches for an attribute, ignoring case.
func holds(attributes map[string][]string, a keycloak.AttributeQuery) bool {
	return slices.ContainsFunc(attributes[a.Name], func(v string) bool { return strings.EqualFold(v, a.Value) })
}

func byName(list []keycloak.User) []keycloak.User {
	slices.SortFunc(list, func(a, b keycloak.User) int { return cmp.Compare(a.Username, b.Username) })
	return list
}

func (n *naive) UsersByID(ctx context.Context, ids []string) ([]keycloak.User, error) {
	if err := n.called(ctx, "UsersByID"); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []keycloak.User
	for _, id := range ids {
		if u, ok := n.users[id]; ok && !n.hidden[id] {
			out = append(out, u)
		}
	}
	return out, nil
}

func page[T any](list []T, first, limit int) []T {
	first = min(first, len(list))
	return list[first:min(first+limit, len(list))]
}

// seen returns the users of a list without hidden accounts, and the ids of all.
func (n *naive) seen(list []keycloak.User) (users []keycloak.User, all []string) {
	for _, u := range list {
		all = append(all, u.ID)
		if !n.hidden[u.ID] {
			users = append(users, u)
		}
	}
	return users, all
}

func (n *naive) ListUsers(ctx context.Context, first, limit int) ([]keycloak.User, []string, error) {
	if err := n.called(ctx, "ListUsers"); err != nil {
		return nil, nil, err
	}
	n.mu.Lock()
	users, all := n.seen(page(byName(slices.Collect(maps.Values(n.users))), first, limit))
	n.mu.Unlock()
	if n.underWay != nil {
		n.underWay("ListUsers")
	}
	return users, all, nil
}

func (n *naive) CountUsers(ctx context.Context) (int, error) {
	if err := n.called(ctx, "CountUsers"); err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.users), nil
}

func (*naive) GroupID(text string) (keycloak.GroupID, error) { return keycloak.ParseGroupID(text) }

func (n *naive) Group(ctx context.Context, id keycloak.GroupID) (keycloak.Group, error) {
	if err := n.called(ctx, "Group"); err != nil {
		return keycloak.Group{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	g, ok := n.groups[id.String()]
	if !ok {
		return keycloak.Group{}, notFound()
	}
	return g, nil
}

func (n *naive) FindGroups(ctx context.Context, q keycloak.GroupQuery, _ int) ([]keycloak.Group, error) {
	what := "by name"
	if q.Attribute != nil {
		what = "by " + q.Attribute.Name
	}
	if err := n.called(ctx, "FindGroups "+what); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.groupsThat(func(g keycloak.Group) bool {
		if q.Attribute != nil {
			return holds(g.Attributes, *q.Attribute)
		}
		return strings.Contains(strings.ToLower(g.Name), strings.ToLower(q.Search))
	}), nil
}

// groupsThat returns the groups of the top level by name.
func (n *naive) groupsThat(wanted func(keycloak.Group) bool) []keycloak.Group {
	var out []keycloak.Group
	for _, g := range n.groups {
		if g.ParentID == "" && wanted(g) {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b keycloak.Group) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (n *naive) ListGroups(ctx context.Context, first, limit int) ([]keycloak.Group, error) {
	if err := n.called(ctx, "ListGroups"); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return page(n.groupsThat(func(keycloak.Group) bool { return true }), first, limit), nil
}

func (n *naive) CountGroups(ctx context.Context) (int, error) {
	if err := n.called(ctx, "CountGroups"); err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.groupsThat(func(keycloak.Group) bool { return true })), nil
}

func (*naive) Listed(g keycloak.Group) bool { return g.ParentID == "" }

func (n *naive) GroupsOf(ctx context.Context, id keycloak.UserID) ([]keycloak.Group, error) {
	if err := n.called(ctx, "GroupsOf"); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.users[id.String()]; !ok {
		return nil, notFound()
	}
	return n.groupsThat(func(g keycloak.Group) bool { return n.members[g.ID][id.String()] }), nil
}

func (n *naive) GroupMembers(ctx context.Context, id keycloak.GroupID, first, limit int) ([]keycloak.User, []string, error) {
	if err := n.called(ctx, "GroupMembers"); err != nil {
		return nil, nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.groups[id.String()]; !ok {
		return nil, nil, notFound()
	}
	var list []keycloak.User
	for user := range n.members[id.String()] {
		list = append(list, n.users[user])
	}
	users, all := n.seen(page(byName(list), first, limit))
	return users, all, nil
}

func (*naive) ProtectsGroup(id string) bool { return id == "locked" }

func (n *naive) ServiceAccount(id string) bool { return n.hidden[id] }

// AdminEvents implements keycloak.Events.
func (n *naive) AdminEvents(ctx context.Context, q keycloak.EventQuery) ([]keycloak.AdminEvent, error) {
	if err := n.called(ctx, "AdminEvents"); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []keycloak.AdminEvent
	for _, e := range n.events {
		if !e.Time.Before(q.Since) {
			out = append(out, e)
		}
	}
	return page(out, q.First, q.Max), nil
}

// tell adds an event.
func (n *naive) tell(operation, resource, path, username string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, keycloak.AdminEvent{
		ID: fmt.Sprint("event", len(n.events)), Time: time.Now().Truncate(time.Millisecond), Operation: operation, Resource: resource, Path: path, Username: username,
	})
}

// put creates or changes a user, and remove deletes a user with its memberships.
func (n *naive) put(u keycloak.User) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.users[u.ID] = u
}

func (n *naive) remove(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.users, id)
	for _, in := range n.members {
		delete(in, id)
	}
}

// person is a user of the tenant one. Without a key, the user's externalId came from elsewhere.
func person(id, externalID string, keyed bool) keycloak.User {
	u := keycloak.User{ID: id, Username: "name-" + id, FirstName: "First", Enabled: true, Created: time.Unix(1_700_000_000, 0), Attributes: map[string][]string{mapping.AttrOwner: {"one"}}}
	if externalID != "" {
		u.Attributes[mapping.AttrExternalID] = []string{externalID}
		if key, ok := mapping.LookupKey("one", externalID); ok && keyed {
			u.Attributes[mapping.AttrKey] = []string{key}
		}
	}
	return u
}

// newTenant is a tenant of the whole realm.
func newTenant(path string) *tenant.Tenant {
	return &tenant.Tenant{
		Path: path, Realm: "acme", Owner: mapping.Owner{Key: path}, BaseURL: "https://bridge.test/realms/" + path + "/scim/v2", Mapping: mapping.Default(scim.Tolerant),
	}
}

// view is the View of a request that begins now.
func (n *naive) view(t *tenant.Tenant, f tenant.Fitness) directory.View {
	return directory.View{Tenant: t, Fitness: f, Source: n, Events: n, Began: time.Now()}
}

type ctx = context.Context

// later waits for a time of the bubble.
func later(d time.Duration) { <-time.After(d) }

func withTimeout(c ctx, d time.Duration) (ctx, context.CancelFunc) { return context.WithTimeout(c, d) }

var background = context.Background()
