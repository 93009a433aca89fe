package outside

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Operations of admin events.
const (
	created = "CREATE"
	updated = "UPDATE"
	deleted = "DELETE"
)

// ofAdminEvent is the change of an admin event. ok is false for a change of the bridge itself, which the journal has
// already, and for a change of something that no tenant has.
func (r *round) ofAdminEvent(ctx context.Context, e keycloak.AdminEvent, id change.ID, hopeless bool) (c change.Change, ok bool, err error) {
	if e.By == r.own[r.realm] {
		return c, false, r.ownEvent(ctx, e)
	}
	c = r.begun(id, e.Time, change.Actor{Kind: string(tenant.ActorAdministrator), Name: e.By, KeyID: e.Client}, change.Updated, change.Resource{})
	c.Steps, c.Done = []string{e.Operation + " " + e.Resource + " " + e.Path}, 1
	ids := e.IDs()
	switch e.Resource {
	case "USER":
		c.Resource, c.Op = change.Resource{Type: typeUser, ID: ids["users"]}, opOf(e, "users/"+ids["users"])
	case "GROUP":
		if strings.HasSuffix(e.Path, "/children") { // the event does not say which group
			return r.ofChild(ctx, c, e, ids["groups"])
		}
		c.Resource, c.Op = change.Resource{Type: typeGroup, ID: ids["groups"]}, opOf(e, "groups/"+ids["groups"])
	case "REALM_ROLE_MAPPING", "CLIENT_ROLE_MAPPING": // they decide what a user or the members of a group can do
		c.Resource = change.Resource{Type: typeUser, ID: ids["users"]}
		if c.Resource.ID == "" {
			c.Resource = change.Resource{Type: typeGroup, ID: ids["groups"]}
		}
	case "GROUP_MEMBERSHIP":
		return r.ofMembership(ctx, c, e, ids["groups"], ids["users"], hopeless)
	case "ORGANIZATION", "ORGANIZATION_MEMBERSHIP", "ORGANIZATION_GROUP", "ORGANIZATION_GROUP_MEMBERSHIP":
		return r.ofOrganizationEvent(ctx, c, e, ids, hopeless)
	}
	if c.Resource.ID == "" {
		return c, false, nil
	}
	return r.ofAny(ctx, c, hopeless)
}

// opOf is the operation of an event about the resource with a path. An event with a longer path is about a part of the
// resource, such as its credentials.
func opOf(e keycloak.AdminEvent, path string) change.Op {
	switch {
	case e.Path != path:
	case e.Operation == created:
		return change.Created
	case e.Operation == deleted:
		return change.Deleted
	}
	return change.Updated
}

// ofChild is the change of a group that was made below another, or moved there.
func (r *round) ofChild(ctx context.Context, c change.Change, e keycloak.AdminEvent, parent string) (change.Change, bool, error) {
	c.Resource.Type = typeGroup
	if e.Operation == created {
		c.Op = change.Created
	}
	list := r.withWhole(r.below(parent))
	if len(list) == 0 {
		return c, false, nil
	}
	return in(list[0], c), true, ctx.Err()
}

// ofMembership is the change of a member of a group. Like a change of members by the bridge it has no documents.
func (r *round) ofMembership(ctx context.Context, c change.Change, e keycloak.AdminEvent, group, user string, hopeless bool) (change.Change, bool, error) {
	if group == "" || user == "" || e.Operation != created && e.Operation != deleted {
		return c, false, nil
	}
	c.Resource = change.Resource{Type: typeGroup, ID: group}
	c, ok, err := r.ofAny(ctx, c, hopeless)
	return membership(c, e, user), ok, err
}

func membership(c change.Change, e keycloak.AdminEvent, user string) change.Change {
	c.Before, c.After, c.Op = nil, nil, change.Updated
	if e.Operation == created {
		c.MembersAdded = []string{user}
	} else {
		c.MembersRemoved = []string{user}
	}
	return c
}

// skew is how much the clocks of Keycloak and of the bridge may differ before the order of an event and an entry is wrong.
const skew = 10 * time.Second

// recordAll records the change of an event, and what Keycloak has of a membership that the bridge changed too, after the
// event or about at the same time. The entry of the event is behind the entry of the bridge then, and would tell that the
// event was the last.
func (r *round) recordAll(ctx context.Context, c change.Change) error {
	crossed, err := r.crossed(ctx, c)
	if err != nil {
		return err
	}
	var seen change.Change
	if crossed {
		if seen, err = r.o.Looker.Observe(ctx, c.Tenant, c.Resource.ID, slices.Concat(c.MembersAdded, c.MembersRemoved)); err != nil {
			return err
		}
		seen.ID = change.IDOf(c.Begun, string(c.ID), "crossed")
	}
	if err := r.record(ctx, c); err != nil || !crossed {
		return err
	}
	return r.record(ctx, seen)
}

// crossed reports whether the bridge changed the memberships of a change after it, or about at the same time.
func (r *round) crossed(ctx context.Context, c change.Change) (crossed bool, err error) {
	members := slices.Concat(c.MembersAdded, c.MembersRemoved)
	if len(members) == 0 {
		return false, nil
	}
	seen := r.memberships[[2]string{c.Tenant, c.Resource.ID}]
	if seen == nil { // no later event of the round is earlier
		seen = &memberships{since: c.Begun.Add(-skew), changed: map[string]time.Time{}}
		r.memberships[[2]string{c.Tenant, c.Resource.ID}] = seen
	}
	err = r.call(ctx, func(ctx context.Context) error {
		if err := r.o.Store.Flush(ctx); err != nil {
			return err
		}
		for e, err := range r.o.Store.Entries(ctx, store.Query{Tenant: c.Tenant, Resource: c.Resource.ID, Since: seen.since, After: seen.after}) {
			if err != nil {
				return err
			}
			seen.add(e)
		}
		return nil
	})
	for _, id := range members {
		at, is := seen.changed[id]
		crossed = crossed || is && !at.Before(c.Begun.Add(-skew))
	}
	return crossed, err
}

// memberships are the members of a group that the bridge changed. A round reads each entry of the group once, however many
// events of the group it has.
type memberships struct {
	since   time.Time
	after   int64                // the number of the last entry that was read
	changed map[string]time.Time // by the id of the user: when the last change by the bridge was settled
}

func (m *memberships) add(e store.Entry) {
	m.after = e.Position.Number
	if e.Origin == change.Observation {
		return
	}
	for _, id := range slices.Concat(e.MembersAdded, e.MembersRemoved) {
		if e.Settled.After(m.changed[id]) {
			m.changed[id] = e.Settled
		}
	}
}

// ofOrganizationEvent is the change of an organization, of its members or of its groups.
func (r *round) ofOrganizationEvent(ctx context.Context, c change.Change, e keycloak.AdminEvent, ids map[string]string, hopeless bool) (out change.Change, ok bool, err error) {
	organization, group, member := ids["organizations"], ids["groups"], ids["members"]
	t := r.ofOrganization(organization)
	if t == nil {
		return c, false, nil
	}
	switch e.Resource {
	case "ORGANIZATION":
		c.Resource, c.Op = change.Resource{Type: typeOrganization, ID: organization}, opOf(e, "organizations/"+organization)
		return in(t, c), true, nil
	case "ORGANIZATION_MEMBERSHIP":
		return r.ofMember(ctx, t, c, e, member, hopeless)
	case "ORGANIZATION_GROUP_MEMBERSHIP":
		if group == "" || member == "" || e.Operation != created && e.Operation != deleted {
			return c, false, nil
		}
		c.Resource = change.Resource{Type: typeGroup, ID: group}
		return membership(in(t, c), e, member), true, nil
	}
	c.Resource = change.Resource{Type: typeGroup, ID: group}
	c.Op = opOf(e, pathOf("organizations", organization, "groups", group))
	if group == "" || strings.HasSuffix(e.Path, "/children") { // the event does not say which group
		c.Resource.ID = ""
		if e.Operation == created {
			c.Op = change.Created
		}
		return in(t, c), true, nil
	}
	return r.inTenant(ctx, t, c, c.Op != change.Deleted, hopeless)
}

// ofMember is the change of a member of an organization. The event of a user who joins has only the user's name.
func (r *round) ofMember(ctx context.Context, t *tenant.Tenant, c change.Change, e keycloak.AdminEvent, member string, hopeless bool) (change.Change, bool, error) {
	c.Resource = change.Resource{Type: typeUser, ID: member}
	switch e.Operation {
	case created:
		c.Op = change.Joined
	case deleted:
		c.Op = change.Left
	default:
		return c, false, nil
	}
	if member == "" && e.Username != "" {
		list, err := r.client.Users(ctx, keycloak.UserQuery{Username: e.Username, Max: 1})
		if err != nil {
			return c, false, err
		}
		if len(list) > 0 {
			c.Resource.ID = list[0].ID
		}
	}
	if c.Resource.ID == "" { // the user is gone, or has another name now
		return in(t, c), true, nil
	}
	out, ok, err := r.inTenant(ctx, t, c, c.Op == change.Joined, hopeless)
	if err == nil && !ok { // the user left again meanwhile
		return in(t, c), true, nil
	}
	return out, ok, err
}

func pathOf(segments ...string) string { return strings.Join(segments, "/") }
