package bridge

import (
	"context"
	"errors"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Adoption is what became of one account when a tenant took over those that were there.
type Adoption struct {
	ID       string  `json:"id"`
	UserName string  `json:"userName"`
	Outcome  Outcome `json:"outcome"`
	Linked   bool    `json:"linked"`           // to the identity provider of the mapping
	Reason   string  `json:"reason,omitempty"` // why it is refused, or not linked
}

// Outcome is what an adoption comes to.
type Outcome string

// The outcomes.
const (
	Adopted Outcome = "adopted"
	Own     Outcome = "own" // the tenant's already
	Refused Outcome = "refused"
)

// Adopt takes over the accounts that no tenant owns: of all users of the realm or, for a
// tenant of an organization, of its members. Who the accounts are stays as it is. each is told
// of every account, in the order of the user names. With dryRun nothing is written.
func (s *Service) Adopt(ctx context.Context, t *tenant.Tenant, dryRun bool, each func(Adoption) error) error {
	r, err := s.begin(Call{Tenant: t, Endpoint: endpointUsers})
	if err == nil {
		err = r.writes()
	}
	if err != nil {
		return err
	}
	for first := 0; ; first += keycloak.MaxPage {
		list, err := r.everybody(ctx, first)
		if err != nil {
			return err
		}
		for _, u := range list {
			adoption, err := s.adoptOne(ctx, t, u, dryRun)
			if err == nil {
				err = each(adoption)
			}
			if err != nil {
				return err
			}
		}
		if len(list) < keycloak.MaxPage {
			return nil
		}
	}
}

// everybody is a page of those whom the tenant could adopt.
func (r *request) everybody(ctx context.Context, first int) ([]keycloak.User, error) {
	if !r.organization().IsZero() {
		return r.client.OrganizationMembers(ctx, r.organization(), first, keycloak.MaxPage)
	}
	return r.client.Users(ctx, keycloak.UserQuery{First: first})
}

// adoptOne adopts one account, which is locked and read again for it.
func (s *Service) adoptOne(ctx context.Context, t *tenant.Tenant, u keycloak.User, dryRun bool) (Adoption, error) {
	out := Adoption{ID: u.ID, UserName: u.Username}
	if t.Party.Owns(u) && !mapping.Unowned(u.Attributes) {
		out.Outcome = Own
		return out, nil
	}
	r, unlock, err := s.beginWrite(ctx, Call{Tenant: t, Endpoint: endpointUsers, ID: u.ID})
	if err != nil {
		return out, err
	}
	defer unlock()
	ch, err := userKind{s}.adoptAsItIs(ctx, r, &out)
	switch {
	case err != nil:
	case dryRun:
		err = guard.Allow(ctx, r.client, r.fitness, ch.plan)
	default:
		_, err = s.apply(ctx, r, ch.plan)
	}
	if refused, ok := refusalOf(err); ok {
		return Adoption{ID: u.ID, UserName: u.Username, Outcome: Refused, Reason: refused}, nil
	}
	return out, err
}

// adoptAsItIs plans the adoption of the request's account as it is now.
func (k userKind) adoptAsItIs(ctx context.Context, r *request, out *Adoption) (change, error) {
	id, err := keycloak.ParseUserID(r.ID)
	if err != nil {
		return change{}, err
	}
	user, err := r.client.User(ctx, id)
	if keycloak.KindOf(err) == keycloak.Denied && r.wall.ProtectsUser(r.ID) { // a permission forbids the bridge to read the user
		err = guard.ProtectedUsers(r.ID)
	}
	if err != nil {
		return change{}, err
	}
	eligible, err := guard.Adoptable(ctx, r.client, r.Tenant, r.fitness, id, user)
	if err != nil {
		return change{}, err
	}
	if eligible.Refusal != "" {
		out.Outcome, out.Reason = Refused, eligible.Refusal
		return change{}, nil
	}
	whole, err := asOwner(r, user)
	if err != nil {
		return change{}, err
	}
	link, reason, err := k.linkAsItIs(ctx, r, id, whole)
	if err != nil {
		return change{}, err
	}
	ch, err := k.adoptLinked(ctx, r, id, user, whole.Clone(), whole, link, eligible.Member)
	out.Outcome, out.Linked, out.Reason = Adopted, reason == "" && r.Tenant.Mapping.IdentityProvider() != "", reason
	return ch, err
}

// linkAsItIs is the link that an account gets, nil for none; reason is why it gets none.
func (k userKind) linkAsItIs(ctx context.Context, r *request, id keycloak.UserID, doc scim.Document) (link *keycloak.Link, reason string, err error) {
	_, err = k.link(ctx, r, doc)
	linked, taken := errors.AsType[takenError](err)
	missing, invalid := errors.AsType[*scim.Error](err)
	switch {
	case taken && linked.id != id.String():
		return nil, "not linked: another user is linked to the identity provider as this one", nil
	case !taken && invalid:
		return nil, "not linked: " + missing.Detail, nil
	case !taken && err != nil:
		return nil, "", err
	}
	link, refusal, err := k.newLink(ctx, r, id, doc)
	if refusal != "" {
		refusal = "not linked: " + refusal
	}
	return link, refusal, err
}

// refusalOf is why an account cannot be adopted, of an error that is about it alone.
func refusalOf(err error) (string, bool) {
	if protected, ok := errors.AsType[guard.ProtectedError](err); ok {
		return "it is protected: it " + protected.Why, true
	}
	if damaged, ok := errors.AsType[*mapping.DamagedError](err); ok {
		return damaged.Error(), true
	}
	if told, ok := errors.AsType[*scim.Error](err); ok && told.Status < 500 {
		return told.Detail, true
	}
	switch keycloak.KindOf(err) {
	case keycloak.Invalid:
		return "Keycloak refuses the change, as the account breaks the realm's user profile", true
	case keycloak.NotFound:
		return "it is gone", true
	case keycloak.Conflict, keycloak.NoOrganization, keycloak.Denied, keycloak.RateLimited, keycloak.Unavailable, keycloak.Unknown:
	}
	return "", false
}
