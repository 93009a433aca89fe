package guard

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Eligibility says whether a tenant may take an account over.
type Eligibility struct {
	Refusal string // why not, for the operator; "" when it may
	Member  bool   // of the tenant's organization already
}

// Adoptable looks whether a tenant may take over an account as it was just read: one that no
// tenant owns, nobody protects and no federation keeps. For an organization its address must
// be in a verified domain of it and itself verified, since whoever registered the account
// keeps its password; and another organization must not own the account.
func Adoptable(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, f tenant.Fitness, id keycloak.UserID, u keycloak.User) (Eligibility, error) {
	if why := t.RefusesAdoption(f, u); why != "" {
		return Eligibility{Refusal: string(why) + why.Remedy()}, nil
	}
	user, err := people{c, f.Protected}.has(ctx, u)
	switch {
	case err != nil:
		return Eligibility{}, err
	case !user:
		return Eligibility{Refusal: string(tenant.IsServiceAccount)}, nil
	case t.Organization.ID.IsZero():
		return Eligibility{}, nil
	}
	_, err = c.OrganizationMember(ctx, t.Organization.ID, id)
	if keycloak.KindOf(err) != keycloak.NotFound {
		return Eligibility{Member: err == nil}, err
	}
	managed, err := managedElsewhere(ctx, c, id)
	if err == nil && managed {
		return Eligibility{Refusal: "it belongs to another organization"}, nil
	}
	return Eligibility{}, err
}

// managedElsewhere reports whether an account is that of an organization of which its user is
// a member.
func managedElsewhere(ctx context.Context, c *keycloak.Client, id keycloak.UserID) (bool, error) {
	organizations, err := c.OrganizationsOf(ctx, id)
	if err != nil {
		return false, err
	}
	for _, o := range organizations {
		other, err := keycloak.ParseOrganizationID(o.ID)
		if err != nil {
			return false, err
		}
		member, err := c.OrganizationMember(ctx, other, id)
		if err != nil || member.Managed {
			return member.Managed, err
		}
	}
	return false, nil
}
