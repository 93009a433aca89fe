package bridge

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// takenError says that another resource has a value of a new resource.
type takenError struct {
	refusal *scim.Error
	id      string // of the other
	link    bool   // whether the value is a link to the identity provider

	externalID bool // whether the value is the externalId, see rehire.go
}

// Error is the text for the client.
func (e takenError) Error() string { return e.refusal.Error() }

// Unwrap is the error for the client.
func (e takenError) Unwrap() error { return e.refusal }

// obstacles are the account with the externalId of the new user, and the account with its name, address or link.
func (k userKind) obstacles(d desired, failure error) []obstacle {
	taken, _ := errors.AsType[takenError](failure)
	return []obstacle{{
		find: func(_ context.Context, r *request) (string, error) {
			if !taken.externalID || !r.Tenant.Policy.Revives() {
				return "", nil
			}
			return taken.id, nil
		},
		takeUp: func(ctx context.Context, r *request) (planned, bool, error) {
			ch, ok, err := k.revive(ctx, r, d)
			if _, again := errors.AsType[takenError](err); again {
				err = failure
			}
			return ch, ok, err
		},
	}, {
		find:   func(ctx context.Context, r *request) (string, error) { return k.obstacle(ctx, r, d.user, taken) },
		takeUp: func(ctx context.Context, r *request) (planned, bool, error) { return k.takeUp(ctx, r, d) },
	}}
}

// takeUp plans that a creation uses the request's account. It resumes a creation that broke off, or rehires the user of
// an account that left the tenant. If the policy allows it, it adopts an account without an owner.
func (k userKind) takeUp(ctx context.Context, r *request, d desired) (planned, bool, error) {
	doc := d.doc
	id, err := keycloak.ParseUserID(r.ID)
	if err != nil {
		return planned{}, false, err
	}
	user, err := r.client.User(ctx, id)
	switch {
	case keycloak.KindOf(err) == keycloak.NotFound: // it was deleted meanwhile
		return planned{}, false, nil
	case err == nil && !r.mayTakeUp(user):
		return planned{}, false, nil
	case err == nil:
		err = k.s.checkUnique(ctx, r, r.uniqueOfUsers(), nil, doc)
	}
	if err != nil {
		return planned{}, false, err
	}
	ch, ok, err := k.restore(ctx, r, id, user, d)
	if !ok && err == nil && r.mayAdopt(user) {
		ch, ok, err = k.adopt(ctx, r, id, user, doc, nil)
	}
	ch.ends = mapping.Enabled(user) && doc[scim.AttrActive] == false
	return ch, ok, err
}

// obstacle is the id of the account that prevents a creation and that the creation could use, or "": the account with
// the new user's link, else the account with its name or address. A tenant that adopts no accounts uses the account with
// the link only if it also has the name. This is an account whose creation broke off.
func (k userKind) obstacle(ctx context.Context, r *request, state mapping.UserState, taken takenError) (string, error) {
	if taken.link && r.Tenant.Policy.Adopts() {
		return taken.id, nil
	}
	id, err := k.namesake(ctx, r, state)
	if taken.link && id != taken.id {
		id = ""
	}
	return id, err
}

// namesake is the id of the account with the user name of a state or, for an adoption, with its address. It is "" when
// the creation could not use such an account.
func (k userKind) namesake(ctx context.Context, r *request, state mapping.UserState) (string, error) {
	list, err := r.client.Users(ctx, keycloak.UserQuery{Username: state.Username, Max: 1})
	if err == nil && len(list) == 0 && r.Tenant.Policy.Adopts() && state.Email != "" {
		list, err = r.client.Users(ctx, keycloak.UserQuery{Email: state.Email, Max: 2})
	}
	if err != nil || len(list) != 1 {
		return "", err
	}
	if !r.mayTakeUp(list[0]) {
		return "", nil
	}
	return list[0].ID, nil
}

// mayTakeUp reports whether the creation could use an account that prevents it, as far as that is known without a call.
// No call is made about other accounts.
func (r *request) mayTakeUp(u keycloak.User) bool {
	p := r.Tenant.Owner
	return p.Departed(u.Attributes) || p.Unfinished(u.Attributes) || p.Organization && p.Owns(u) || r.mayAdopt(u)
}

// mayAdopt is mayTakeUp for an account without an owner.
func (r *request) mayAdopt(u keycloak.User) bool {
	return r.Tenant.Policy.Adopts() && r.Tenant.RefusesAdoption(r.fitness, u) == ""
}

// restore plans that an account which the tenant owns becomes its user, with the values of a document. It resumes a
// creation that broke off, or rehires the user of an account that left the tenant.
func (k userKind) restore(ctx context.Context, r *request, id keycloak.UserID, user keycloak.User, d desired) (planned, bool, error) {
	p := r.Tenant.Owner
	unfinished := p.Departed(user.Attributes) || p.Unfinished(user.Attributes)
	switch {
	case unfinished:
	case !p.Organization || !p.Owns(user):
		return planned{}, false, nil
	default:
		_, err := r.client.OrganizationMember(ctx, r.organization(), id)
		if keycloak.KindOf(err) != keycloak.NotFound {
			return planned{}, false, err
		}
	}
	state, err := k.restoredState(r, user, d)
	if err != nil {
		return planned{}, false, err
	}
	if unfinished {
		state = state.Owned()
	}
	enabled := state.Enabled == nil || *state.Enabled
	state.Enabled = &enabled
	joining, err := k.joining(ctx, r, id, user.Attributes, d.doc)
	steps, after := plan.ForUnfinished(p, id, user, state, joining, time.Now())
	op := change.Joined
	if p.Unfinished(user.Attributes) {
		op = change.Created
	}
	return planned{plan: steps, op: op, after: current{user: after, userID: id}}, true, err
}

// restoredState maps a document for an account that restore changes. An adoption that broke off is resumed: the account
// keeps its identity and the values that the document leaves out.
func (k userKind) restoredState(r *request, user keycloak.User, d desired) (mapping.UserState, error) {
	if p := r.Tenant.Owner; p.Adopted(user.Attributes) && p.Unfinished(user.Attributes) {
		whole, err := asOwner(r, user)
		if err != nil {
			return mapping.UserState{}, err
		}
		doc := d.doc.Clone()
		mapping.Merge(doc, whole)
		return k.keptState(r, user, doc, whole)
	}
	state := d.user
	return state, guard.Identifiers(r.Tenant, r.fitness, &user, &state)
}

// adopt plans that the tenant adopts an account without an owner and links it like a new user. ok is false when that is
// not allowed. seen is what the client could see of the account before, or nil.
func (k userKind) adopt(ctx context.Context, r *request, id keycloak.UserID, user keycloak.User, doc, seen scim.Document) (ch planned, ok bool, err error) {
	eligible, err := guard.Adoptable(ctx, r.client, r.Tenant, r.fitness, id, user)
	if err != nil || eligible.Refusal != "" {
		return planned{}, false, err
	}
	whole, err := asOwner(r, user)
	if err != nil {
		return planned{}, false, err
	}
	sent, doc := doc, doc.Clone()
	mapping.Merge(doc, mapping.Unseen(whole, seen))
	if err := k.s.checkUnique(ctx, r, r.uniqueOfUsers(), sent, doc); err != nil {
		return planned{}, false, keptBesideTaken(err)
	}
	link, refusal, err := k.linkAsItIs(ctx, r, id, doc)
	if err != nil || refusal != "" {
		return planned{}, false, err
	}
	ch, err = k.adoptLinked(ctx, r, id, user, doc, whole, link, eligible.Member)
	return ch, err == nil, err
}

// keptBesideTaken rewrites an error of checkUnique about a value that the client did not send, because the account has
// the value in Keycloak.
func keptBesideTaken(err error) error {
	taken, ok := errors.AsType[takenError](err)
	if !ok {
		return err
	}
	told := *taken.refusal
	told.Detail = "nothing was changed: the existing account has a value in Keycloak that another user has too, and the value must be unique; send another value, or ask the operator to change it in Keycloak: " + told.Detail
	return &told
}

// asOwner is the user as the tenant that owns the account sees it, or will see it after an adoption.
func asOwner(r *request, user keycloak.User) (scim.Document, error) {
	resource, err := r.Tenant.Mapping.OwnerResource(r.Tenant.Owner, user)
	return resource.Document, err
}

// adoptLinked plans that the tenant adopts an account with the values of a document. The identity of the account does
// not change. whole is the user as its owner sees it; link is the link that the account gets, or nil.
func (k userKind) adoptLinked(ctx context.Context, r *request, id keycloak.UserID, user keycloak.User, doc, whole scim.Document, link *keycloak.Link, member bool) (planned, error) {
	state, err := k.keptState(r, user, doc, whole)
	if err != nil {
		return planned{}, err
	}
	joining, err := k.joining(ctx, r, id, user.Attributes, doc)
	if member {
		joining.Organization = keycloak.OrganizationID{}
	}
	p, after := plan.ForAdopted(r.Tenant.Owner, id, user, state, link, joining, time.Now())
	return planned{plan: p, op: change.Adopted, after: current{user: after, userID: id}}, err
}

// keptState maps a document for an account that keeps its identity, as whole shows it.
func (k userKind) keptState(r *request, user keycloak.User, doc, whole scim.Document) (mapping.UserState, error) {
	state, err := r.Tenant.Mapping.UserState(r.Tenant.Owner, doc)
	if err != nil {
		return state, err
	}
	k.countPassword(doc, false)
	mapping.KeepIdentifiers(mapping.Identifiers(user, state), whole, doc)
	return r.Tenant.Mapping.UserState(r.Tenant.Owner, doc)
}

// takeOver adopts, with a change, a member of the organization whose account has no owner. ok is false when that is not
// allowed; the account then stays foreign.
func (k userKind) takeOver(ctx context.Context, r *request, cur current, doc scim.Document) (planned, bool, error) {
	if !r.Tenant.Policy.Adopts() || !mapping.Unowned(cur.user.Attributes) {
		return planned{}, false, nil
	}
	state, err := r.Tenant.Mapping.UserState(r.Tenant.Owner, doc)
	if err != nil {
		return planned{}, false, err
	}
	seen := cur.resource.Document
	if r.replacing { // a PUT that leaves a value out does not ask to clear it
		seen = nil
	}
	ch, ok, err := k.adopt(ctx, r, cur.userID, cur.user, doc, seen)
	if differing := mapping.Identifiers(cur.user, state); ok && len(differing) > 0 {
		return planned{}, false, scim.Forbidden(code.Adoption, "nothing was changed: the first change of this account cannot change its %s; send the other attributes first and then these, or ask the operator to let this endpoint take the account over",
			strings.Join(differing, ", "))
	}
	return ch, ok, err
}

// account reads the account of the request, with any owner.
func (r *request) account(ctx context.Context) (keycloak.UserID, keycloak.User, error) {
	id, err := keycloak.ParseUserID(r.ID)
	if err != nil {
		return id, keycloak.User{}, err
	}
	user, err := r.client.User(ctx, id)
	if keycloak.KindOf(err) == keycloak.Denied && r.wall.ProtectsUser(r.ID) { // a permission forbids the bridge to read the user
		err = guard.ProtectedUsers(r.ID)
	}
	return id, user, err
}

// refusalOf is the reason why an account or a group cannot be adopted. ok is false for an error that is not only about
// this resource, such as an outage.
func (r *request) refusalOf(err error) (string, bool) {
	if protected, ok := errors.AsType[guard.ProtectedError](err); ok {
		return "it is protected: it " + protected.Why, true
	}
	if damaged, ok := errors.AsType[*mapping.DamagedError](err); ok {
		return damaged.Error(), true
	}
	told, ok := errors.AsType[*scim.Error](err)
	if refused, is := errors.AsType[guard.Error](err); is {
		told, ok = r.refusedByWall(refused), true
	}
	if ok && told.Status < 500 {
		return told.Detail, true
	}
	switch keycloak.KindOf(err) {
	case keycloak.Invalid:
		return "Keycloak refuses the change, because the account breaks the realm's user profile", true
	case keycloak.NotFound:
		return "it is gone", true
	case keycloak.Conflict, keycloak.NoOrganization, keycloak.Denied, keycloak.RateLimited, keycloak.Unavailable, keycloak.Unknown:
	}
	return "", false
}
