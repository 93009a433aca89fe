package bridge

import (
	"context"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// weigh compares all parts of the change with Keycloak. A part that needs further calls is compared only while the
// result is open.
func (v *recovery) weigh(ctx context.Context) (trace, error) {
	all, err := v.members(ctx)
	if err != nil {
		return trace{}, err
	}
	all = all.and(v.resource())
	for _, part := range []func(context.Context, trace) (trace, error){v.password, v.sessions, v.groups, v.roles} {
		if !all.whole && !all.nothing {
			break
		}
		more, err := part(ctx, all)
		if err != nil {
			return trace{}, err
		}
		all = all.and(more)
	}
	return all, nil
}

// members compares the memberships, and names those that Keycloak has.
func (v *recovery) members(ctx context.Context) (trace, error) {
	added, removed := v.c.MembersAdded, v.c.MembersRemoved
	if len(added)+len(removed) == 0 {
		return trace{whole: true, nothing: true}, nil
	}
	in := map[string]bool{}
	if v.exists {
		var err error
		if in, err = v.r.wall.MembersAmong(ctx, v.cur.groupID, keycloak.ParseUserIDs(patch.Distinct(slices.Concat(added, removed)))); err != nil {
			return trace{}, err
		}
	}
	v.c.MembersAdded, v.c.MembersRemoved = membersOf(in, added, true), membersOf(in, removed, false)
	return trace{
		whole:   len(v.c.MembersAdded) == len(added) && len(v.c.MembersRemoved) == len(removed),
		nothing: v.c.MembersAdded == nil && v.c.MembersRemoved == nil,
	}, nil
}

// membersOf are the users of a list who are members, or those who are not.
func membersOf(in map[string]bool, ids []string, members bool) []string {
	var out []string
	for _, id := range ids {
		if in[id] == members {
			out = append(out, id)
		}
	}
	return out
}

// resource compares the resource itself: its document, its owner, and whether it exists.
func (v *recovery) resource() trace {
	c, doc := v.c, v.cur.resource.Document
	after, before := v.seen && same(doc, c.After), v.seen && same(doc, c.Before)
	switch {
	case v.blind():
		return trace{whole: true, nothing: true}
	case v.exists && v.r.halfMade(v.cur) && c.Op != change.Deleted:
		return trace{}
	}
	switch c.Op {
	case change.Created:
		return trace{whole: after}
	case change.Adopted:
		return trace{whole: after && v.owned(), nothing: v.exists && !v.owned()}
	case change.Joined:
		return trace{whole: after && v.owned(), nothing: v.exists && v.away()}
	case change.Deleted:
		return trace{whole: !v.seen, nothing: v.seen && (c.Before == nil || before)}
	case change.Left:
		left := !v.seen || !v.expels() && (v.r.Tenant.Owner.Departed(v.attributes()) || mapping.Unowned(v.attributes()))
		return trace{whole: left, nothing: !left && (c.Before == nil || before)}
	case change.Updated, change.Deactivated, change.Reactivated, change.Observed, change.Erased:
	}
	if v.visible() || !v.writes() {
		return trace{whole: after, nothing: before}
	}
	holds, told := false, false
	if after {
		holds, told = v.r.kind.holds(v.r, v.cur, c.After)
	}
	switch {
	case !after:
		return trace{}
	case !told:
		return v.untold(attributesPart)
	}
	return trace{whole: holds, nothing: !holds}
}

// away reports whether the resource that should join the tenant is as it was before: it left the tenant, or it is not
// in the tenant's organization and has not got the new values. Its values before are not known.
func (v *recovery) away() bool {
	if v.r.Tenant.Owner.Departed(v.attributes()) {
		return true
	}
	account, err := v.r.kind.stored(v.r, v.cur)
	return err == nil && !v.seen && (!v.writes() || !same(account.Document, v.c.After))
}

// password: Keycloak does not show passwords.
func (v *recovery) password(context.Context, trace) (trace, error) {
	if !slices.Contains(v.c.Unseen, change.Password) || v.visible() {
		return trace{whole: true, nothing: true}, nil
	}
	return v.untold(passwordPart), nil
}

// sessions: a step after the end of the sessions proves it. Otherwise the sessions have ended if the user has no
// session.
func (v *recovery) sessions(ctx context.Context, so trace) (trace, error) {
	last := -1
	for i, s := range v.steps {
		if s.Kind == plan.KindEndSessions {
			last = i
		}
	}
	proof := func(s plan.Said) bool { return v.isWrite(s) || s.Kind == plan.KindExpelUser }
	switch {
	case last < 0, so.whole && slices.ContainsFunc(v.steps[last:], proof):
		return trace{whole: true, nothing: true}, nil
	case !so.whole:
		return trace{nothing: true}, nil
	}
	id, err := keycloak.ParseUserID(v.steps[last].User)
	if err != nil {
		return v.untold(sessionsPart), nil //nolint:nilerr // a text that is not an id
	}
	ended, err := endedSessions(ctx, v.r.client, id)
	kind := keycloak.KindOf(err)
	switch {
	case kind == keycloak.NotFound, err == nil && ended: // nobody is logged in as a user who is gone
		return trace{whole: true}, nil
	case kind == keycloak.Denied, err == nil:
		return v.untold(sessionsPart), nil
	}
	return trace{}, err
}

// endedSessions reports whether a user has no session, neither online nor offline.
func endedSessions(ctx context.Context, c *keycloak.Client, id keycloak.UserID) (bool, error) {
	online, err := c.OnlineSessions(ctx, id)
	if err != nil || online > 0 {
		return false, err
	}
	clients, err := c.OfflineClients(ctx, id)
	return len(clients) == 0, err
}

// groups compares the groups that a user should leave with the change of the user. A user who joins the tenant changes
// groups before the last step.
func (v *recovery) groups(ctx context.Context, so trace) (trace, error) {
	var leaves []string
	for _, s := range v.steps {
		if s.Kind == plan.KindRemoveMember && v.r.Endpoint == endpointUsers {
			leaves = append(leaves, s.Group)
		}
	}
	first := v.joins() || v.c.Op == change.Reactivated // an earlier step shows that the change began
	if len(leaves) == 0 || first || so.whole && v.c.Op == change.Left {
		return trace{whole: true, nothing: true}, nil
	}
	list, err := v.r.wall.GroupsOf(ctx, v.cur.userID)
	if err != nil {
		return trace{}, err
	}
	in := make(map[string]bool, len(list))
	for _, g := range list {
		in[g.ID] = true
	}
	stay := len(membersOf(in, leaves, true))
	return trace{whole: stay == 0, nothing: stay == len(leaves)}, nil
}
