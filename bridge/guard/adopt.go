package guard

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
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
	return belongs(ctx, c, t, f, id, u)
}

// belongs is Adoptable for an account that its representation lets the tenant have.
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

// AdoptableByOperator is Adoptable where the operator asks for the adoption. It may then be of an account that had
// an owner who does not answer for it any more, as answered says. For an organization the address of a
// managed member need not be verified: Keycloak says that the account is the organization's.
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

// managedElsewhere reports whether an account is that of another organization of which its user is
// a member.
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
