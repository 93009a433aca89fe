package bridge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// releaseUser plans that the request's account has no owner any longer. It refuses that when another tenant deactivated
// the user. That tenant could only mark the user as inactive, and the mark counts only while the account has an owner,
// so the user would be active again.
func (a adopter) releaseUser(ctx context.Context, r *request, out *Adoption) (planned, error) {
	id, user, err := r.account(ctx)
	if err != nil || !r.Tenant.Owner.Adopted(user.Attributes) {
		return planned{}, err
	}
	by, err := a.deactivatedBy(ctx, r, id, user)
	if err != nil {
		return planned{}, err
	}
	if len(by) > 0 {
		out.Outcome = Refused
		out.Reason = fmt.Sprintf("its user was deactivated at %s, and would be active there again; disable the account in Keycloak first, or activate or remove the user there", strings.Join(by, " and "))
		return planned{}, nil
	}
	out.Outcome = Released
	if roles := r.Tenant.Mapping.GrantedRoles(r.Tenant.Owner, user.Attributes); len(roles) > 0 {
		out.Reason = "keeps the roles that rules gave: " + strings.Join(roles, ", ")
	}
	return planned{plan: plan.ForReleasedUser(id, user), op: change.Left}, nil
}

// deactivatedBy names the other tenants whose clients deactivated the user of an enabled account. An organization that
// the user left does not count. It makes a call for each organization that marked the user.
func (a adopter) deactivatedBy(ctx context.Context, r *request, id keycloak.UserID, user keycloak.User) ([]string, error) {
	var out []string
	all := a.s.options.Tenants.All()
	for _, key := range user.Attributes[mapping.AttrGuest] {
		if key == r.Tenant.Owner.Key || !(mapping.Owner{Key: key}).Deactivated(user) {
			continue
		}
		name := "the tenant with the key " + key
		organization, _ := keycloak.ParseOrganizationID(key) // the key of an organization's tenant, unless the configuration says otherwise
		if i := slices.IndexFunc(all, func(t *tenant.Tenant) bool { return t.Realm == r.Tenant.Realm && t.Owner.Key == key }); i >= 0 {
			name, organization = "the tenant "+all[i].Path, all[i].Organization.ID
		}
		if !organization.IsZero() {
			_, err := r.client.OrganizationMember(ctx, organization, id)
			if kind := keycloak.KindOf(err); kind == keycloak.NotFound || kind == keycloak.NoOrganization {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		out = append(out, name)
	}
	return out, nil
}
