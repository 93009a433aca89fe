package guard

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Eligibility says whether a tenant may take an account over.
type Eligibility struct {
	Refusal string // why the tenant may not, for the operator; "" when it may
	Member  bool   // whether the account is a member of the tenant's organization already
}

// Adoptable decides whether a tenant may take over an account that was just read. No tenant may own
// the account, it must not be protected, and no user federation may keep it.
//
// An organization needs more. The address of the account must be verified and in a verified domain
// of the organization, because the person who registered the account keeps its password. No other
// organization may own the account.
func Adoptable(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, f tenant.Fitness, id keycloak.UserID, u keycloak.User) (Eligibility, error) {
	if why := t.RefusesAdoption(f, u); why != "" {
		return Eligibility{Refusal: string(why) + why.Remedy()}, nil
	}
	return belongs(ctx, c, t, f, id, u)
}

// belongs does the part of Adoptable that the representation of the account does not show.
func belongs(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, f tenant.Fitness, id keycloak.UserID, u keycloak.User) (Eligibility, error) {
	user, err := people{c, f.Protected}.has(ctx, u)
	switch {
	case err != nil:
		return Eligibility{}, err
	case !user:
		return Eligibility{Refusal: string(tenant.IsServiceAccount)}, nil
	case t.Organization.ID.IsZero():
		return Eligibility{}, nil
	}
	member, err := c.OrganizationMember(ctx, t.Organization.ID, id)
	is := err == nil
	if member.Managed || !is && keycloak.KindOf(err) != keycloak.NotFound {
		return Eligibility{Member: is}, err
	}
	managed, err := managedElsewhere(ctx, c, t.Organization.ID, id)
	if err == nil && managed {
		return Eligibility{Refusal: "it belongs to another organization"}, nil
	}
	return Eligibility{Member: is}, err
}

// AdoptableByOperator is Adoptable for an adoption that the operator asks for. Two more accounts
// are allowed. When answered is false, the account may have an owner, because that owner is no longer
// responsible for it. At an organization, the address of a managed member need not be verified, because
// Keycloak says that the account belongs to the organization.
func AdoptableByOperator(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, f tenant.Fitness, id keycloak.UserID, u keycloak.User, answered bool) (Eligibility, error) {
	if !answered {
		u.Attributes = mapping.Release(u.Attributes)
	}
	why := t.RefusesAdoption(f, u)
	if why == tenant.IsUnverified {
		member, err := c.OrganizationMember(ctx, t.Organization.ID, id)
		switch {
		case err != nil && keycloak.KindOf(err) != keycloak.NotFound:
			return Eligibility{}, err
		case member.Managed:
			why = ""
		}
	}
	if why != "" {
		return Eligibility{Refusal: string(why) + why.Remedy()}, nil
	}
	return belongs(ctx, c, t, f, id, u)
}

// managedElsewhere reports whether the user is a managed member of another organization, to which
// the account belongs then.
func managedElsewhere(ctx context.Context, c *keycloak.Client, than keycloak.OrganizationID, id keycloak.UserID) (bool, error) {
	organizations, err := c.OrganizationsOf(ctx, id)
	if err != nil {
		return false, err
	}
	for _, o := range organizations {
		if o.ID == than.String() {
			continue
		}
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
