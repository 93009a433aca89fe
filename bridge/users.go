package bridge

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// userKind plugs users into the pipeline.
type userKind struct{ s *Service }

func (userKind) resourceType(t *tenant.Tenant) *scim.ResourceType { return t.Mapping.User }

func (userKind) patchAnswers() bool { return true }

func (userKind) patchesBlind(context.Context, *request, []patch.Operation) (plan.Plan, bool, error) {
	return nil, false, nil
}

func (userKind) read(ctx context.Context, r *request) (current, error) {
	id, err := keycloak.ParseUserID(r.ID)
	if err != nil {
		return current{}, scim.NotFound(r.rt.Name)
	}
	user, err := r.wall.User(ctx, id)
	if err != nil {
		return current{}, err
	}
	resource, err := r.Tenant.Mapping.UserResource(r.Tenant.Key, user)
	return current{resource: resource, user: user, userID: id}, err
}

func (userKind) find(ctx context.Context, r *request, e filter.Expr, page directory.Page) (directory.Found, error) {
	return directory.Users(ctx, r.Tenant, r.wall, e, page)
}

func (k userKind) create(ctx context.Context, r *request, doc scim.Document) (change, error) {
	if err := proveManager(ctx, r, nil, doc); err != nil {
		return change{}, err
	}
	if err := k.s.checkUnique(ctx, r, r.Tenant.Mapping.UserUnique(), nil, doc); err != nil {
		return change{}, err
	}
	link, err := k.link(ctx, r, doc)
	if err != nil {
		return change{}, err
	}
	state, err := k.state(r, doc)
	if err != nil {
		return change{}, err
	}
	k.countPassword(doc, !state.Password.IsZero())
	p, after := plan.ForNewUser(r.Tenant.Key, state, defaultGroups(r), link, time.Now())
	p = append(p, plan.ForRoles(plan.Holder{}, nil, state.Roles, r.Tenant.Fitness().Resolved.Roles)...)
	return change{plan: p, after: current{user: after}}, nil
}

// link is the link of a new user to the mapping's identity provider, nil for none. One
// that another user has is refused: Keycloak would give one identity to both. Nobody else
// can make that link in this process until the request ends.
func (k userKind) link(ctx context.Context, r *request, doc scim.Document) (*keycloak.Link, error) {
	link, err := r.Tenant.Mapping.Link(doc)
	if err != nil || link == nil {
		return nil, err
	}
	unlock, err := k.s.applier.Locks.Lock(ctx, r.Tenant.Realm+" link "+link.IdentityProvider+" "+link.UserID)
	if err != nil {
		return nil, err
	}
	r.atEnd = append(r.atEnd, unlock)
	others, err := r.client.Users(ctx, keycloak.UserQuery{Link: link, Max: 1})
	if err == nil && len(others) > 0 {
		return nil, &scim.Error{
			Status: http.StatusConflict, Type: scim.UniqueValue,
			Detail: "another user is linked to the identity provider with this value of " + r.Tenant.Mapping.LinkAttribute() + "; give the user another one",
		}
	}
	return link, err
}

// state maps the document, and refuses what the realm would turn into something else.
func (k userKind) state(r *request, doc scim.Document) (mapping.UserState, error) {
	state, err := r.Tenant.Mapping.UserState(r.Tenant.Key, doc)
	k.s.dropped(r, state.Dropped)
	if err == nil && r.Tenant.Fitness().EmailAsUsername && !strings.EqualFold(state.Username, state.Email) {
		return state, scim.BadRequest(scim.InvalidValue, "userName must equal the primary e-mail address: this realm uses addresses as user names")
	}
	return state, err
}

// defaultGroups are the groups that a new user joins, as the last look at the realm found
// them; a tenant that lacks one is not fit.
func defaultGroups(r *request) []keycloak.GroupID {
	var out []keycloak.GroupID
	resolved := r.Tenant.Fitness().Resolved
	for _, path := range r.Tenant.Mapping.DefaultGroups {
		out = append(out, resolved.Groups[path])
	}
	return out
}

// countPassword counts a password that the mapping leaves out.
func (k userKind) countPassword(doc scim.Document, taken bool) {
	if !taken && doc[scim.AttrPassword] != nil {
		k.s.options.ObserveIgnored(scim.AttrPassword, 1)
	}
}

func (userKind) created(after current, out apply.Outcome) current {
	after.userID = out.User
	after.user.ID = out.User.String()
	return after
}

func (k userKind) replace(ctx context.Context, r *request, cur current, doc scim.Document) (change, error) {
	return k.change(ctx, r, cur, doc)
}

// patch refuses to leave active unassigned: a user of Keycloak is enabled or it is not,
// and to guess which would enable or lock out somebody.
func (k userKind) patch(ctx context.Context, r *request, cur current, result patch.Result) (change, error) {
	if result.Document[scim.AttrActive] == nil {
		return change{}, scim.BadRequest(scim.MutabilityErr, "active cannot be removed; replace it with true or false")
	}
	return k.change(ctx, r, cur, result.Document)
}

// proveManager refuses a manager that is no user, unless the profile keeps any id.
func proveManager(ctx context.Context, r *request, before, after scim.Document) error {
	id := managerOf(after)
	if r.rt.Profile.Takes(scim.OpaqueManager) || id == "" || id == managerOf(before) {
		return nil
	}
	known, _, err := r.wall.Prove(ctx, []string{id})
	if err == nil && len(known) == 0 {
		return scim.BadRequest(scim.InvalidValue, "manager.value is no user's id, so nothing was changed")
	}
	return err
}

func managerOf(doc scim.Document) string {
	manager, _ := doc.Object(scim.EnterpriseUserURN)[scim.AttrManager].(map[string]any)
	id, _ := manager[scim.AttrValue].(string)
	return id
}

func (k userKind) change(ctx context.Context, r *request, cur current, doc scim.Document) (change, error) {
	if err := proveManager(ctx, r, cur.resource.Document, doc); err != nil {
		return change{}, err
	}
	if err := k.s.checkUnique(ctx, r, r.Tenant.Mapping.UserUnique(), cur.resource.Document, doc); err != nil {
		return change{}, err
	}
	state, err := k.state(r, doc)
	if err != nil {
		return change{}, err
	}
	k.countPassword(doc, !state.Password.IsZero() && !state.Password.Temporary())
	p, after := plan.ForUser(r.Tenant.Key, cur.userID, cur.user, state, time.Now())
	if r.Tenant.Mapping.ManagesUserRoles() {
		has, err := r.client.UserRoles(ctx, cur.userID)
		if err != nil {
			return change{}, err
		}
		p = append(p, plan.ForRoles(plan.Holder{User: cur.userID}, has, state.Roles, r.Tenant.Fitness().Resolved.Roles)...)
	}
	return change{plan: p, after: current{user: after, userID: cur.userID}}, nil
}

func (userKind) remove(_ *request, cur current) (plan.Plan, error) {
	return plan.ForDeletedUser(cur.userID), nil
}

func (userKind) resource(ctx context.Context, r *request, cur current) (scim.Resource, error) {
	resource := cur.resource
	if resource.ID == "" {
		var err error
		if resource, err = r.Tenant.Mapping.UserResource(r.Tenant.Key, cur.user); err != nil {
			return scim.Resource{}, err
		}
	}
	if !r.projection.Wants(r.rt.Attribute(scim.AttrGroups)) {
		return resource, nil
	}
	id, err := keycloak.ParseUserID(resource.ID)
	if err != nil {
		return scim.Resource{}, err
	}
	groups, err := r.wall.GroupsOf(ctx, id)
	resource.Derived = map[string]any{scim.AttrGroups: groupsOf(r, groups)}
	return resource, err
}

func groupsOf(r *request, groups []keycloak.Group) []any {
	out := make([]any, len(groups))
	for i, g := range groups {
		out[i] = map[string]any{
			scim.AttrValue: g.ID, scim.AttrDisplay: g.Name, scim.AttrType: "direct",
			scim.AttrRef: r.Tenant.Mapping.Group.Location(r.Tenant.BaseURL, g.ID),
		}
	}
	return out
}
