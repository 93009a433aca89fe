package outside

import (
	"context"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Types of resources.
const (
	typeUser         = "User"
	typeGroup        = "Group"
	typeOrganization = "Organization"
	typeRealm        = "Realm"
)

// owners are the tenants that can have a resource, the first of them first: its owner, the tenants of its organizations,
// the tenant of the whole realm. exists is false when Keycloak does not have the resource any more.
func (r *round) owners(ctx context.Context, of change.Resource) (list []*tenant.Tenant, exists bool, err error) {
	find := r.ownersOfUser
	if of.Type == typeGroup {
		find = r.ownersOfGroup
	}
	list, err = find(ctx, of.ID)
	if keycloak.KindOf(err) != keycloak.NotFound {
		return list, true, err
	}
	k, err := r.last(ctx, "", of)
	if err != nil {
		return nil, false, err
	}
	if t := r.first(func(t *tenant.Tenant) bool { return t.Path == k.tenant }); t != nil {
		list = append(list, t)
	} else if whole := r.whole(); whole != nil {
		list = append(list, whole)
	}
	return list, false, nil
}

func (r *round) ownersOfUser(ctx context.Context, text string) ([]*tenant.Tenant, error) {
	id, err := keycloak.ParseUserID(text)
	if err != nil {
		return nil, nil //nolint:nilerr // the id of nothing that a tenant has
	}
	user, err := r.client.User(ctx, id)
	if err != nil {
		return nil, err
	}
	out := r.marked(user.Attributes)
	organizations := r.first(func(t *tenant.Tenant) bool { return !t.Organization.ID.IsZero() }) != nil
	if organizations && len(out) == 0 {
		list, err := r.client.OrganizationsOf(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, t := range r.tenants {
			if slices.ContainsFunc(list, func(o keycloak.Organization) bool { return o.ID == t.Organization.ID.String() }) {
				out = append(out, t)
			}
		}
	}
	return r.withWhole(out), nil
}

func (r *round) ownersOfGroup(ctx context.Context, text string) ([]*tenant.Tenant, error) {
	id, err := keycloak.ParseGroupID(text)
	if err != nil {
		return nil, nil //nolint:nilerr // the id of nothing that a tenant has
	}
	group, err := r.client.Group(ctx, id)
	if err != nil {
		return nil, err
	}
	return r.withWhole(append(r.marked(group.Attributes), r.below(group.ParentID)...)), nil
}

// marked are the tenants that own a resource with some attributes.
func (r *round) marked(attributes map[string][]string) (out []*tenant.Tenant) {
	keys := mapping.Owners(attributes)
	for _, t := range r.tenants {
		if slices.Contains(keys, t.Owner.Key) {
			out = append(out, t)
		}
	}
	return out
}

// below are the tenants whose groups are below a group.
func (r *round) below(parent string) (out []*tenant.Tenant) {
	for _, t := range r.tenants {
		place := t.Fitness().Resolved.Groups[t.Mapping.GroupParent]
		if parent != "" && t.Mapping.GroupParent != "" && place.String() == parent {
			out = append(out, t)
		}
	}
	return out
}

// withWhole adds the tenant of the whole realm, and leaves each tenant once.
func (r *round) withWhole(list []*tenant.Tenant) []*tenant.Tenant {
	if whole := r.whole(); whole != nil {
		list = append(list, whole)
	}
	var out []*tenant.Tenant
	for _, t := range list {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// ofOrganization is the tenant of an organization, or nil.
func (r *round) ofOrganization(id string) *tenant.Tenant {
	return r.first(func(t *tenant.Tenant) bool { return id != "" && t.Organization.ID.String() == id })
}
