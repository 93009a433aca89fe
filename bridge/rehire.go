package bridge

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// When a person comes back, the identity provider creates the user again, often under another name, but with the same
// externalId. If the policy says rehire: revive, the creation uses the account that the tenant deactivated, or that left
// the tenant, under its old id:
//
//	create   finds the externalId: at a user whom the tenant sees (checkUnique), or at an account
//	         that left it (departed), and fails with a takenError
//	takeUp   locks that account and calls revive, which reads it again and plans its changes
//
// A creation never rehires by an account of another tenant, an account without an owner, or a protected account.

// departed makes a creation fail when exactly one account with its externalId left the tenant and could be used again.
// It makes a call only if accounts can leave the tenant.
func (k userKind) departed(ctx context.Context, r *request, doc scim.Document) error {
	if !r.Tenant.Policy.Revives() || !r.Tenant.Policy.OwnedOnly && r.organization().IsZero() || doc.String(scim.AttrExternalID) == "" {
		return nil
	}
	list, err := k.holders(ctx, r, doc)
	if err != nil || len(list) != 1 {
		return err
	}
	return takenError{id: list[0].ID, externalID: true, refusal: &scim.Error{
		Code: code.ExternalIDTaken, Status: http.StatusConflict, Type: scim.UniqueValue,
		Detail: "the account with this externalId left this endpoint and could not be used again; repeat the request, or ask the operator to check the account in Keycloak",
	}}
}

// holders are the accounts with the externalId of a document that a creation could use again, whether they are users of
// the tenant or not. The search uses the key of the externalId, which is exact.
func (userKind) holders(ctx context.Context, r *request, doc scim.Document) ([]keycloak.User, error) {
	key, ok := mapping.LookupKey(r.Tenant.Owner.Key, doc.String(scim.AttrExternalID))
	if !ok {
		return nil, nil
	}
	list, err := r.client.Users(ctx, keycloak.UserQuery{Attributes: []keycloak.AttributeQuery{{Name: mapping.AttrKey, Value: key}}})
	return slices.DeleteFunc(list, func(u keycloak.User) bool {
		return !slices.Contains(u.Attributes[mapping.AttrKey], key) || !r.mayRevive(u)
	}), err
}

// mayRevive reports whether an account could be used again, as far as that is known without a call.
func (r *request) mayRevive(u keycloak.User) bool {
	p := r.Tenant.Owner
	switch {
	case r.wall.ProtectsUser(u.ID) || r.wall.ServiceAccount(u.ID) || u.FederationLink != "":
		return false
	case p.Departed(u.Attributes) || p.Unfinished(u.Attributes):
		return true
	case mapping.Enabled(u): // with onDelete: leave the account of an organization stays enabled
		return p.Organization && slices.Contains(u.Attributes[mapping.AttrOwner], p.Key)
	}
	return p.EndedAccess(u.Attributes) // not when an administrator ended it
}

// revive plans that the request's account is a user of the tenant again, with the values of the document. The creation
// failed because the account has the new user's externalId. ok is false when this is not allowed.
func (k userKind) revive(ctx context.Context, r *request, d desired) (planned, bool, error) {
	id, err := keycloak.ParseUserID(r.ID)
	if err != nil {
		return planned{}, false, err
	}
	user, err := r.client.User(ctx, id)
	switch {
	case keycloak.KindOf(err) == keycloak.NotFound, err == nil && !r.mayRevive(user):
		return planned{}, false, nil
	case err != nil:
		return planned{}, false, err
	}
	away, err := r.isAway(ctx, id, user)
	if err == nil && away && mapping.Enabled(user) {
		away, err = r.inactive(ctx, id)
	}
	if err != nil || !away && mapping.Enabled(user) {
		return planned{}, false, err
	}
	if err := k.s.checkUnique(ctx, r, r.uniqueOfUsers(), nil, d.doc); err != nil {
		return planned{}, false, err
	}
	others, err := k.holders(ctx, r, d.doc)
	if err != nil || slices.ContainsFunc(others, func(u keycloak.User) bool { return u.ID != user.ID }) {
		return planned{}, false, err // it is not certain which account is meant
	}
	if !away {
		if r.before, err = shownOf(r, user); err != nil {
			return planned{}, false, err
		}
	}
	ch, err := k.planRevival(ctx, r, id, user, d, away)
	if _, refused := errors.AsType[linkRefused](err); refused {
		return planned{}, false, nil
	}
	return ch, err == nil, err
}

// shownOf is the user before a change, as the tenant sees it, or nil when the user's values cannot be read.
func shownOf(r *request, user keycloak.User) (scim.Document, error) {
	resource, err := r.Tenant.Mapping.UserResource(r.Tenant.Owner, user)
	if _, damaged := errors.AsType[*mapping.DamagedError](err); damaged {
		return nil, nil //nolint:nilnil // a document that cannot be read counts as absent
	}
	return resource.Document, err
}

// isAway reports whether an account that the tenant owns is currently not a user of the tenant.
func (r *request) isAway(ctx context.Context, id keycloak.UserID, u keycloak.User) (bool, error) {
	if r.organization().IsZero() {
		return r.Tenant.Owner.Departed(u.Attributes), nil
	}
	_, err := r.client.OrganizationMember(ctx, r.organization(), id)
	if keycloak.KindOf(err) == keycloak.NotFound {
		return true, nil
	}
	return false, err
}

// inactive reports whether nobody uses an enabled account that left the tenant, because no other organization has its
// user.
func (r *request) inactive(ctx context.Context, id keycloak.UserID) (bool, error) {
	if !r.Tenant.Policy.Organizations {
		return true, nil
	}
	list, err := r.client.OrganizationsOf(ctx, id)
	return len(list) == 0, err
}

// linkRefused says that an account is linked to the identity provider as another user.
type linkRefused string

func (e linkRefused) Error() string { return string(e) }

// planRevival plans that an account is a user of the tenant again, with the values of the document and with the groups
// and roles of a new user.
func (k userKind) planRevival(ctx context.Context, r *request, id keycloak.UserID, user keycloak.User, d desired, away bool) (planned, error) {
	doc := d.doc
	state, err := checked(r, &user, d.user)
	if err != nil {
		return planned{}, err
	}
	enabled := state.Enabled == nil || *state.Enabled
	state.Enabled = &enabled
	k.countPassword(doc, !state.Password.IsZero() && !state.Password.Temporary())
	link, refusal, err := k.linkAsItIs(ctx, r, id, doc)
	if refusal != "" {
		err = linkRefused(refusal)
	}
	if err != nil {
		return planned{}, err
	}
	leave, err := k.planLeaveAll(ctx, r, id)
	if err != nil {
		return planned{}, err
	}
	joining := plan.Joining{Groups: defaultGroups(r)}
	if away {
		joining.Organization = r.organization()
	}
	if joining.Roles, err = k.rolesAmong(ctx, r, id, user.Attributes, doc, shownDefaultGroups(r)); err != nil {
		return planned{}, err
	}
	p, after := plan.ForRehired(r.Tenant.Owner, id, user, state, link, leave, joining, time.Now())
	op := change.Reactivated
	if away {
		op = change.Joined
	}
	return planned{plan: p, op: op, after: current{user: after, userID: id}, ends: mapping.Enabled(user) && !enabled}, nil
}

// planLeaveAll plans that an account leaves all groups that the tenant shows of its users, except the groups that a new
// user joins.
func (userKind) planLeaveAll(ctx context.Context, r *request, id keycloak.UserID) (plan.Plan, error) {
	groups, err := r.wall.GroupsOf(ctx, id)
	if keycloak.KindOf(err) == keycloak.NotFound { // it is not a user of the tenant now
		groups, err = r.client.UserGroups(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	var p plan.Plan
	for _, g := range groups {
		if !r.wall.Shows(g) {
			continue
		}
		group, err := r.wall.GroupID(g.ID)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(defaultGroups(r), group) {
			p = append(p, plan.ForMembers(group, nil, []keycloak.UserID{id})...)
		}
	}
	return p, nil
}
