package bridge

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// answered reports whether an account has no owner, or an owner that is responsible for it: see tenant.Answers. It
// makes a call for an account that another organization owns.
func (s *Service) answered(ctx context.Context, r *request, id keycloak.UserID, u keycloak.User) (bool, error) {
	if mapping.Unowned(u.Attributes) {
		return true, nil
	}
	return tenant.Answers(u.Attributes,
		func(key string) (*tenant.Tenant, error) {
			if key == r.Tenant.Owner.Key {
				return r.Tenant, nil
			}
			return s.options.Tenants.OfKey(r.Tenant.Realm, key), nil
		},
		func(o keycloak.OrganizationID) error {
			_, err := r.client.OrganizationMember(ctx, o, id)
			return err
		})
}

// adoptable checks whether the operator may let the tenant adopt an account. former is the tenant that owned the
// account and released it, or "".
func (s *Service) adoptable(ctx context.Context, r *request, id keycloak.UserID, u keycloak.User) (eligible guard.Eligibility, former string, err error) {
	answered, err := s.answered(ctx, r, id, u)
	if err != nil {
		return guard.Eligibility{}, "", err
	}
	if !answered {
		former = mapping.FormerOwner(u.Attributes)
	}
	switch {
	case former == r.Tenant.Owner.Key:
		return guard.Eligibility{Refusal: "it left this tenant, and the tenant uses it again when the user comes back"}, "", nil
	case r.organization().IsZero() && !mapping.Enabled(u) && former != "" && s.options.Tenants.OfKey(r.Tenant.Realm, former) != nil:
		return guard.Eligibility{Refusal: "it is disabled, and the tenant that it left uses it again when the user comes back"}, "", nil
	}
	eligible, err = guard.AdoptableByOperator(ctx, r.client, r.Tenant, r.fitness, id, u, answered)
	return eligible, former, err
}

// ownerless reports whether no existing tenant owns a group with these attributes, or has released it.
func (s *Service) ownerless(r *request, attributes map[string][]string) bool {
	former := mapping.FormerOwner(attributes)
	return mapping.Unowned(attributes) || former != "" && former != r.Tenant.Owner.Key && s.options.Tenants.OfKey(r.Tenant.Realm, former) == nil
}

// formerly names, for the operator, the tenant that owned an account before an adoption.
func formerly(key string) []string {
	if key == "" {
		return nil
	}
	return []string{"belonged to the tenant with the key " + key}
}

// restored plans that a user who leaves the tenant loses the roles that the tenant's rules gave. It returns the account
// in its state after the plan. When the tenant owns the account (owns), the user also loses the other roles that the
// mapping owns.
func (userKind) restored(ctx context.Context, r *request, cur current, owns bool) (plan.Plan, keycloak.User, error) {
	rules, ok := r.Tenant.Mapping.TakenBack(r.Tenant.Owner, cur.user.Attributes, owns)
	if !ok {
		return nil, cur.user, nil
	}
	has, err := r.client.UserRoles(ctx, cur.userID)
	if err != nil {
		return nil, cur.user, err
	}
	p, after := plan.ForUserRoles(r.Tenant.Owner, cur.userID, nil, cur.user, plan.Roles{Has: has, Rules: rules, Known: r.fitness.Resolved.Roles})
	return p, after, nil
}
