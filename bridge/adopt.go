package bridge

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// linkedError is that a user is linked already to the identity provider as the one that was
// to be created.
type linkedError struct {
	told *scim.Error
	user string // its id
}

// Error is what the client is told.
func (e linkedError) Error() string { return e.told.Error() }

// Unwrap is what the client is told.
func (e linkedError) Unwrap() error { return e.told }

// resume takes up the account that stands in the way of a creation: one of the tenant's own
// that left it or whose creation broke off or, where the policy says so, one that no tenant
// owns. Whatever else exists stays a conflict, in the words of failure.
func (k userKind) resume(ctx context.Context, r *request, doc scim.Document, failure error) (change, bool, error) {
	linked, isLinked := errors.AsType[linkedError](failure)
	if !isLinked && keycloak.KindOf(failure) != keycloak.Conflict || isLinked && !r.Tenant.Policy.Adopts() {
		return change{}, false, failure
	}
	state, err := r.Tenant.Mapping.UserState(r.Tenant.Party, doc) // looked at and counted once already
	if err != nil {
		return change{}, false, err
	}
	text := linked.user
	if !isLinked {
		if text, err = k.namesake(ctx, r, state); err != nil || text == "" {
			return change{}, false, cmp.Or(err, failure)
		}
	}
	id, err := keycloak.ParseUserID(text)
	if err != nil {
		return change{}, false, err
	}
	if err := k.s.lock(ctx, r, resourceLock(r, text)); err != nil { // until the request ends
		return change{}, false, err
	}
	user, err := r.client.User(ctx, id)
	if err != nil {
		return change{}, false, cmp.Or(err, failure)
	}
	ch, ok, err := k.restore(ctx, r, id, user, doc)
	if !ok && err == nil && r.Tenant.Policy.Adopts() && mapping.Unowned(user.Attributes) {
		ch, ok, err = k.adopt(ctx, r, id, user, doc)
	}
	if err == nil && !ok {
		err = failure
	}
	return ch, ok, err
}

// namesake is the id of the account that has the user name of a state or, to be adopted, its
// address; "" for none that could be taken up.
func (k userKind) namesake(ctx context.Context, r *request, state mapping.UserState) (string, error) {
	list, err := r.client.Users(ctx, keycloak.UserQuery{Username: state.Username, Max: 1})
	if err == nil && len(list) == 0 && r.Tenant.Policy.Adopts() && state.Email != "" {
		list, err = r.client.Users(ctx, keycloak.UserQuery{Email: state.Email, Max: 2})
	}
	if err != nil || len(list) != 1 {
		return "", err
	}
	p, attributes := r.Tenant.Party, list[0].Attributes
	if p.Left(attributes) || p.Organization && p.Owns(attributes) || r.Tenant.Policy.Adopts() && mapping.Unowned(attributes) {
		return list[0].ID, nil
	}
	return "", nil
}

// restore plans that an account of the tenant's own that is not its user becomes one again, as
// a document says.
func (k userKind) restore(ctx context.Context, r *request, id keycloak.UserID, user keycloak.User, doc scim.Document) (change, bool, error) {
	p, left := r.Tenant.Party, r.Tenant.Party.Left(user.Attributes)
	switch {
	case left:
	case !p.Organization || !p.Owns(user.Attributes):
		return change{}, false, nil
	default:
		_, err := r.client.OrganizationMember(ctx, r.organization(), id)
		if keycloak.KindOf(err) != keycloak.NotFound {
			return change{}, false, err
		}
	}
	state, err := k.stateWithGroups(ctx, r, id, doc)
	if err == nil {
		err = guard.Address(r.Tenant, r.fitness, &user, &state)
	}
	if err != nil {
		return change{}, false, err
	}
	if left {
		state = state.Adopted()
	}
	enabled := state.Enabled == nil || *state.Enabled
	state.Enabled = &enabled
	steps, after := plan.ForUser(p, id, user, state, time.Now())
	steps = append(steps, plan.ForAdmitted(r.organization(), id, defaultGroups(r))...)
	if len(steps) > 0 {
		steps[0].Live = true // who it is may have changed while nobody of the tenant looked
	}
	roles, err := k.planRoles(ctx, r, id, state.Roles)
	return change{plan: append(steps, roles...), after: current{user: after, userID: id}}, true, err
}

// adopt plans that an account which no tenant owns becomes the tenant's own; ok is false when
// it may not. That nobody else has its link was looked at before.
func (k userKind) adopt(ctx context.Context, r *request, id keycloak.UserID, user keycloak.User, doc scim.Document) (ch change, ok bool, err error) {
	link, refusal, err := k.newLink(ctx, r, id, doc)
	if err == nil && refusal == "" {
		ch, refusal, err = k.adoptLinked(ctx, r, id, user, doc, link)
	}
	return ch, refusal == "" && err == nil, err
}

// adoptLinked plans that an account which no tenant owns becomes the tenant's own, as a
// document says: all but who the account is, which no adoption changes. link is the one that
// it gets, nil for none. refusal is why it may not, for the operator.
func (k userKind) adoptLinked(ctx context.Context, r *request, id keycloak.UserID, user keycloak.User, doc scim.Document, link *keycloak.Link) (ch change, refusal string, err error) {
	eligible, err := guard.Adoptable(ctx, r.client, r.Tenant, r.fitness, id, user)
	if err != nil || eligible.Refusal != "" {
		return change{}, eligible.Refusal, err
	}
	state, err := k.keptState(ctx, r, id, user, doc)
	if err != nil {
		return change{}, "", err
	}
	organization := r.organization()
	if eligible.Member {
		organization = keycloak.OrganizationID{}
	}
	p, after := plan.ForAdopted(r.Tenant.Party, id, user, state, link, organization, defaultGroups(r), time.Now())
	roles, err := k.planRoles(ctx, r, id, state.Roles)
	return change{plan: append(p, roles...), after: current{user: after, userID: id}}, "", err
}

// keptState maps a document for an account that stays who it is.
func (k userKind) keptState(ctx context.Context, r *request, id keycloak.UserID, user keycloak.User, doc scim.Document) (mapping.UserState, error) {
	state, err := r.Tenant.Mapping.UserState(r.Tenant.Party, doc)
	if err != nil {
		return state, err
	}
	shown, err := r.Tenant.Mapping.UserResource(mapping.Party{Key: r.Tenant.Party.Key}, user)
	if err != nil {
		return state, err
	}
	k.countPassword(doc, false)
	mapping.KeepIdentifiers(mapping.Identifiers(user, state), shown.Document, doc)
	return k.stateWithGroups(ctx, r, id, doc)
}

// stateWithGroups maps a document for an account that is there; its values were looked at and
// counted already.
func (userKind) stateWithGroups(ctx context.Context, r *request, id keycloak.UserID, doc scim.Document) (mapping.UserState, error) {
	// groups of an organization are those of its members alone
	if err := setGroups(ctx, r, id, doc); err != nil && keycloak.KindOf(err) != keycloak.NotFound {
		return mapping.UserState{}, err
	}
	return r.Tenant.Mapping.UserState(r.Tenant.Party, doc)
}

// newLink is the link that an account gets, nil for none or one that it has. refusal is why
// it cannot have it.
func (k userKind) newLink(ctx context.Context, r *request, id keycloak.UserID, doc scim.Document) (link *keycloak.Link, refusal string, err error) {
	link, err = r.Tenant.Mapping.Link(doc)
	if err != nil || link == nil {
		return nil, "", err
	}
	links, err := r.client.Links(ctx, id)
	if err != nil {
		return nil, "", err
	}
	i := slices.IndexFunc(links, func(l keycloak.Link) bool { return l.IdentityProvider == link.IdentityProvider })
	switch {
	case i < 0:
		return link, "", nil
	case links[i].UserID == link.UserID:
		return nil, "", nil
	}
	return nil, "it is linked to the identity provider as somebody else", nil
}

// takeOver adopts a member of the organization whom no tenant owns with a change of it; ok is
// false when it may not, and the user stays a guest's.
func (k userKind) takeOver(ctx context.Context, r *request, cur current, doc scim.Document) (change, bool, error) {
	if !r.Tenant.Policy.Adopts() || !mapping.Unowned(cur.user.Attributes) {
		return change{}, false, nil
	}
	link, unlinked, err := k.linkAsItIs(ctx, r, cur.userID, doc)
	if err != nil || unlinked != "" { // a new user would be linked
		return change{}, false, err
	}
	state, err := r.Tenant.Mapping.UserState(r.Tenant.Party, doc)
	if err != nil {
		return change{}, false, err
	}
	ch, refusal, err := k.adoptLinked(ctx, r, cur.userID, cur.user, maps.Clone(doc), link)
	if differing := mapping.Identifiers(cur.user, state); refusal == "" && err == nil && len(differing) > 0 {
		return change{}, false, scim.Forbidden("nothing was changed: with its first change the account becomes this endpoint's own, and that cannot change its %s; send the other attributes first, then these",
			strings.Join(differing, ", "))
	}
	return ch, refusal == "" && err == nil, err
}
