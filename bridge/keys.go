package bridge

import (
	"context"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// keyOwn gives an account that the tenant owns the look-up key of its externalId, when the key is missing because
// somebody wrote the externalId in Keycloak. It returns the result for the operator, or "" when no key was missing.
func (s *Service) keyOwn(ctx context.Context, c Call, u keycloak.User) (string, error) {
	t := c.By.Tenant
	if _, keyed := t.Mapping.ShownExternalID(t.Owner, u); keyed {
		return "", nil
	}
	r, unlock, err := s.beginWrite(ctx, c)
	if err != nil {
		return "", err
	}
	defer unlock()
	if r.wall.ProtectsUser(u.ID) { // the name is enough to show it
		return "", nil
	}
	err = s.writeKey(ctx, r)
	if refused, ok := r.refusalOf(err); ok {
		return "its externalId cannot get a look-up key: " + refused, nil
	}
	return "its externalId gets a look-up key", err
}

// writeKey writes the request's account again with its present values. This adds the missing look-up key.
func (s *Service) writeKey(ctx context.Context, r *request) error {
	cur, err := userKind{s}.read(ctx, r)
	if err != nil {
		return err
	}
	state, err := r.Tenant.Mapping.UserState(r.Tenant.Owner, cur.resource.Document)
	if err != nil {
		return err
	}
	r.before = cur.resource.Document
	p, after := plan.ForUser(r.Tenant.Owner, cur.userID, cur.user, state, time.Now())
	_, err = s.apply(ctx, r, &planned{plan: p, op: change.Updated, after: current{user: after, userID: cur.userID}})
	return err
}
