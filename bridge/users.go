package bridge

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// userKind plugs users into the pipeline.
type userKind struct{ s *Service }

func (userKind) resourceType(t *tenant.Tenant) *scim.ResourceType { return t.Mapping.User }

func (userKind) read(ctx context.Context, r *request) (current, error) {
	id, err := keycloak.ParseUserID(r.ID)
	if err != nil {
		return current{}, scim.NotFound(r.rt.Name)
	}
	user, err := r.wall.User(ctx, id)
	if err != nil {
		return current{}, err
	}
	resource, err := r.Tenant.Mapping.UserResource(r.Tenant.Owner, user)
	return current{resource: resource, user: user, userID: id}, err
}

func (k userKind) find(ctx context.Context, r *request, q directory.Query) (directory.Found, error) {
	return k.s.directory.Users(ctx, r.view(), q)
}

func (k userKind) create(ctx context.Context, r *request, d desired) (planned, error) {
	doc := d.doc
	if err := proveManager(ctx, r, nil, doc); err != nil {
		return planned{}, err
	}
	unique, err := k.s.lockUnique(ctx, r, r.uniqueOfUsers(), nil, doc)
	if err != nil {
		return planned{}, err
	}
	state, err := checked(r, nil, d.user)
	if err != nil {
		return planned{}, err
	}
	link, err := k.link(ctx, r, doc)
	if err != nil {
		return planned{}, err
	}
	joining, err := k.joining(ctx, r, keycloak.UserID{}, nil, doc)
	if err != nil {
		return planned{}, err
	}
	k.countPassword(doc, !state.Password.IsZero())
	p, after := plan.ForNewUser(r.Tenant.Owner, state, joining, link, time.Now())
	check := func(ctx context.Context) error {
		if err := k.s.unused(ctx, r, unique, doc); err != nil {
			return err
		}
		return k.departed(ctx, r, doc)
	}
	return planned{plan: p, op: change.Created, after: current{user: after}, created: after.Created, check: check}, nil
}

// leaving reduces a PUT that deactivates a user to the deactivation, when nothing else of the user may be changed.
// Otherwise a client that sends whole users could not deactivate a user after an earlier change was refused.
func (k userKind) leaving(r *request, cur current, doc scim.Document) scim.Document {
	out := maps.Clone(cur.resource.Document)
	out[scim.AttrActive] = false
	var left []string
	for name, value := range doc {
		if !reflect.DeepEqual(value, out[name]) {
			left = append(left, name)
		}
	}
	for name := range out {
		if _, given := doc[name]; !given {
			left = append(left, name)
		}
	}
	if len(left) > 0 {
		k.s.ignored(left)
		k.s.options.Log.Warn("a PUT only deactivates the user, and its other attributes are ignored. The user may not be changed otherwise: an administrator by a fine-grained permission, or a user of a user federation",
			zap.String("tenant", r.Tenant.Path), zap.String("user", cur.userID.String()), zap.Int("attributes", len(left)))
	}
	return out
}

// change plans the new document of a user, and says whether the user is deactivated. When the account is foreign, a PUT
// keeps the identity of the user that the client leaves out. A PATCH cannot leave active unassigned: a user of Keycloak
// is either enabled or disabled, and a guess could enable or lock out a user.
func (k userKind) change(ctx context.Context, r *request, cur current, result patch.Result) (planned, error) {
	doc := result.Document
	switch {
	case !r.replacing && doc[scim.AttrActive] == nil:
		return planned{}, scim.BadRequest(scim.CodeNotEmptied, scim.MutabilityErr, "active cannot be removed; replace it with true or false")
	case r.replacing && !r.Tenant.Owner.Owns(cur.user):
		r.Tenant.Mapping.KeepAccount(cur.resource.Document, doc)
	}
	if r.replacing && doc[scim.AttrActive] == false && (r.wall.Deactivates(cur.userID.String()) || guard.KeepsAllBut(r.fitness, cur.user)) {
		doc = k.leaving(r, cur, doc)
	}
	ch, err := k.plan(ctx, r, cur, doc)
	ch.ends = deactivates(cur, doc)
	if err == nil && r.deactivatesAgain(cur, doc) { // the first request may have broken off before the sessions ended
		ch.plan = append(ch.plan, plan.EndSessions{User: cur.userID, Always: true})
	}
	switch {
	case ch.op != "":
	case ch.ends:
		ch.op = change.Deactivated
	case cur.resource.Document[scim.AttrActive] == false && doc[scim.AttrActive] == true:
		ch.op = change.Reactivated
	default:
		ch.op = change.Updated
	}
	return ch, err
}

// deactivatesAgain reports whether the client sets active to false for an inactive user that the tenant may deactivate.
func (r *request) deactivatesAgain(cur current, doc scim.Document) bool {
	owner := r.Tenant.Owner
	return r.ending && doc[scim.AttrActive] == false && !mapping.Enabled(cur.user) && (owner.Ownership(cur.user) != mapping.Foreign || owner.Closes(cur.user))
}

func deactivates(cur current, doc scim.Document) bool {
	return cur.resource.Document[scim.AttrActive] == true && doc[scim.AttrActive] == false
}

// deactivation plans the deactivation of a user who may not be changed in any other way. The document equals the stored
// one except for active. Values that the bridge would otherwise repair are not written either.
func (userKind) deactivation(r *request, cur current, doc scim.Document) (planned, error) {
	refused := guard.Delegate(cur.userID.String())
	if doc[scim.AttrActive] != false || !r.Tenant.Owner.Owns(cur.user) {
		return planned{}, refused
	}
	held, err := r.Tenant.Mapping.UserState(r.Tenant.Owner, cur.resource.Document)
	if err != nil {
		return planned{}, err
	}
	state, err := r.Tenant.Mapping.UserState(r.Tenant.Owner, doc)
	if err != nil {
		return planned{}, err
	}
	held.Enabled, state.Enabled = nil, nil
	held.Dropped, state.Dropped = nil, nil
	switch {
	case !reflect.DeepEqual(held, state):
		return planned{}, refused
	case !mapping.Enabled(cur.user):
		return planned{after: cur}, nil
	}
	p, after := plan.ForLeaving(r.Tenant.Owner, cur.userID, cur.user, plan.End{Disable: true}, time.Now())
	return planned{plan: p, after: current{user: after, userID: cur.userID}}, nil
}

func (k userKind) plan(ctx context.Context, r *request, cur current, doc scim.Document) (planned, error) {
	if r.wall.Deactivates(cur.userID.String()) {
		return k.deactivation(r, cur, doc)
	}
	if err := proveManager(ctx, r, cur.resource.Document, doc); err != nil {
		return planned{}, err
	}
	if err := k.s.checkUnique(ctx, r, r.uniqueOfUsers(), cur.resource.Document, doc); err != nil {
		return planned{}, err
	}
	ownership := r.Tenant.Owner.Ownership(cur.user)
	if ownership != mapping.Owned {
		ch, ok, err := k.takeOver(ctx, r, cur, doc)
		if ok || err != nil {
			return ch, err
		}
	}
	if ownership == mapping.Foreign {
		return k.changeForeign(ctx, r, cur, doc)
	}
	state, err := k.state(r, &cur.user, doc)
	if err == nil && ownership == mapping.Managed {
		err = mapping.KeepsIdentifiers(cur.user, state)
	}
	if err != nil {
		return planned{}, err
	}
	k.countPassword(doc, !state.Password.IsZero() && !state.Password.Temporary())
	if r.Tenant.Owner.Unfinished(cur.user.Attributes) {
		joining, err := k.joining(ctx, r, cur.userID, cur.user.Attributes, doc)
		joining.Organization = keycloak.OrganizationID{} // the organization of the user
		p, after := plan.ForUnfinished(r.Tenant.Owner, cur.userID, cur.user, state.Owned(), joining, time.Now())
		return planned{plan: p, after: current{user: after, userID: cur.userID}}, err
	}
	roles, err := k.rolesOf(ctx, r, cur.userID, cur.user.Attributes, doc, nil)
	if err != nil {
		return planned{}, err
	}
	p, after := plan.ForUser(r.Tenant.Owner, cur.userID, cur.user, state, time.Now())
	p, after = plan.ForUserRoles(r.Tenant.Owner, cur.userID, p, after, roles)
	return planned{plan: p, after: current{user: after, userID: cur.userID}}, nil
}

// changeForeign changes what the tenant stores in a foreign account. When it deactivates the user and cannot disable
// the account, the user leaves its groups.
func (k userKind) changeForeign(ctx context.Context, r *request, cur current, doc scim.Document) (planned, error) {
	owner, answered := r.Tenant.Owner, true
	if doc[scim.AttrActive] == false && mapping.Enabled(cur.user) && !owner.Closes(cur.user) {
		var err error
		if answered, err = k.s.answered(ctx, r, cur.userID, cur.user); err != nil {
			return planned{}, err
		}
	}
	state, err := r.Tenant.Mapping.ForeignState(owner, cur.user, doc, answered)
	k.s.dropped(r, state.Dropped)
	if err != nil {
		return planned{}, err
	}
	k.countPassword(doc, false)
	p, after := plan.ForUser(owner, cur.userID, cur.user, state, time.Now())
	if deactivates(cur, doc) && !owner.Closes(cur.user) {
		leave, err := k.planLeave(ctx, r, cur.userID)
		if err != nil {
			return planned{}, err
		}
		p = append(p, leave...)
	}
	return planned{plan: p, after: current{user: after, userID: cur.userID}}, nil
}

// planLeave plans that a user leaves the groups that the tenant lists. A tenant of the realm could also reach other
// groups by their ids, but they may belong to another tenant.
func (userKind) planLeave(ctx context.Context, r *request, id keycloak.UserID) (plan.Plan, error) {
	groups, err := r.wall.GroupsOf(ctx, id)
	if err != nil {
		return nil, err
	}
	var p plan.Plan
	for _, g := range groups {
		if !r.wall.Listed(g) {
			continue
		}
		group, err := r.wall.GroupID(g.ID)
		if err != nil {
			return nil, err
		}
		p = append(p, plan.ForMembers(group, nil, []keycloak.UserID{id})...)
	}
	return p, nil
}

// remove removes a user from the tenant. The policy says whether an account that the tenant owns is deleted too. The
// account stays while another organization has the user too.
func (k userKind) remove(ctx context.Context, r *request, cur current) (plan.Plan, error) {
	if r.wall.Deactivates(cur.userID.String()) {
		return nil, guard.Delegate(cur.userID.String())
	}
	owns := r.Tenant.Owner.Owns(cur.user) && !mapping.Unowned(cur.user.Attributes)
	shared, err := k.shared(ctx, r, cur, owns)
	if err != nil {
		return nil, err
	}
	policy := r.Tenant.Policy
	switch {
	case owns && !shared && policy.Deletes():
		return plan.ForDeletedUser(cur.userID), nil
	case !r.organization().IsZero():
		return k.planExpulsion(ctx, r, cur, owns, owns && !shared && policy.Disables())
	case mapping.Unowned(cur.user.Attributes):
		return nil, scim.Forbidden(code.NotCreatedHere, "nothing was changed: the account existed before this endpoint, which did not create it and cannot delete it; deactivate the user, or ask the operator to let this endpoint take the account over")
	case !owns:
		return nil, scim.Forbidden(code.NotCreatedHere, "this endpoint did not create the user's account and cannot delete it; delete the account where it was created")
	case !policy.OwnedOnly:
		return nil, scim.Forbidden(code.SharedAccount, "nothing was changed: the account cannot be deleted while the user is a member of an organization; deactivate the user, or ask the operator to end the membership first")
	}
	return k.planParting(ctx, r, cur, policy.Disables() && !shared)
}

// planParting plans that an account stays and its user leaves a tenant of the realm. The user keeps the roles if the
// policy says that the account stays unchanged.
func (k userKind) planParting(ctx context.Context, r *request, cur current, disable bool) (plan.Plan, error) {
	var roles plan.Plan
	user := cur.user
	if !r.Tenant.Policy.Leaves() {
		var err error
		if roles, user, err = k.restored(ctx, r, cur, true); err != nil { // before the tenant stops finding the user
			return nil, err
		}
	}
	leave, _ := plan.ForLeaving(r.Tenant.Owner, cur.userID, user, plan.End{Disable: disable, Leave: true}, time.Now())
	return append(roles, leave...), nil
}

// shared reports whether another organization also has a user whose account the tenant owns.
func (k userKind) shared(ctx context.Context, r *request, cur current, owns bool) (bool, error) {
	if !owns || !r.Tenant.Policy.Organizations {
		return false, nil
	}
	organizations, err := r.client.OrganizationsOf(ctx, cur.userID)
	return slices.ContainsFunc(organizations, func(o keycloak.Organization) bool { return o.ID != r.organization().String() }), err
}

// planExpulsion plans that a user leaves the tenant's organization and its groups, and loses the roles that
// the tenant's rules gave.
func (k userKind) planExpulsion(ctx context.Context, r *request, cur current, owns, disable bool) (plan.Plan, error) {
	switch {
	case cur.user.Managed && owns:
		return nil, scim.Forbidden(code.ManagedMember, "nothing was changed: Keycloak would delete the account, which belongs to the organization; deactivate the user, or ask the operator to end its memberships of other organizations and to let this endpoint delete accounts")
	case r.Tenant.Owner.Closes(cur.user):
		return nil, scim.Forbidden(code.ManagedMember, "nothing was changed: Keycloak would delete the account, which belongs to the organization, although another endpoint owns it; deactivate the user, or delete the account where it was created")
	case cur.user.Managed:
		return nil, scim.Forbidden(code.ManagedMember, "nothing was changed: Keycloak would delete the account, which belongs to the organization; deactivate the user, or ask the operator to let this endpoint take the account over, and then delete it")
	}
	var p plan.Plan
	p, cur.user = plan.ForLeaving(r.Tenant.Owner, cur.userID, cur.user, plan.End{Disable: disable, Mark: r.Tenant.Policy.Revives()}, time.Now())
	roles, _, err := k.restored(ctx, r, cur, owns)
	if err != nil {
		return nil, err
	}
	groups, err := k.planLeave(ctx, r, cur.userID)
	return append(slices.Concat(p, roles, groups), plan.ExpelUser{Organization: r.organization(), User: cur.userID}), err
}

// stored shows an account as its resource.
func (userKind) stored(r *request, cur current) (scim.Resource, error) {
	if cur.resource.Document != nil {
		return cur.resource, nil
	}
	return r.Tenant.Mapping.UserResource(r.Tenant.Owner, cur.user)
}

func (k userKind) resource(ctx context.Context, r *request, cur current) (scim.Resource, error) {
	resource, err := k.stored(r, cur)
	if err != nil {
		return scim.Resource{}, err
	}
	if resource.ID == "" || !r.projection.Wants(r.rt.Attribute(scim.AttrGroups)) { // without an id the user does not exist, and has no groups
		return resource, nil
	}
	id, err := keycloak.ParseUserID(resource.ID)
	if err != nil {
		return scim.Resource{}, err
	}
	groups, err := r.wall.GroupsOf(ctx, id)
	resource.Derived, resource.Linked = map[string]any{scim.AttrGroups: groupsOf(r, groups)}, versionOfGroups(r, groups)
	return resource, err
}

func groupsOf(r *request, groups []keycloak.Group) []any {
	out := make([]any, len(groups))
	for i, g := range groups {
		object := map[string]any{scim.AttrValue: g.ID, scim.AttrType: "direct", scim.AttrRef: r.Tenant.Mapping.Group.Location(r.Tenant.BaseURL, g.ID)}
		if r.sees(endpointGroups) {
			object[scim.AttrDisplay] = g.Name
		}
		out[i] = object
	}
	return out
}
