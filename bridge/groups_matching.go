package bridge

import (
	"context"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// matching are the ids of the members that the filters of a PATCH select, by what the group shows of its members.
// Members that the same request adds afterwards are left out (RFC 7644 section 3.5.2.2). A filter that no member
// matches gives a *scim.Error with NoTarget, because display is the user name and a client may mean another name. When
// the policy ignores unknown members, such a filter gives no error.
func (k groupKind) matching(ctx context.Context, r *request, id keycloak.GroupID, m patch.Members) ([]string, error) {
	if len(m.Matching) == 0 {
		return nil, nil
	}
	if !r.sees(endpointUsers) {
		return nil, scim.BadRequest(scim.CodeFilterUnsupported, scim.InvalidFilter, "members can only be selected by value, because the credential may not read users; send members[value eq \"…\"] with the id of each member")
	}
	present, err := members(ctx, r, id)
	if err != nil {
		return nil, err
	}
	shown := memberObjects(r, present)
	var out []string
	for _, e := range m.Matching {
		before := len(out)
		for i, object := range shown {
			if filter.MatchElement(e, object) {
				out = append(out, present[i].ID.String())
			}
		}
		switch {
		case len(out) > before:
		case r.Tenant.Policy.IgnoresUnknownMembers():
			k.ignored(r, 1)
		default:
			return nil, scim.BadRequest(code.UnknownMember, scim.NoTarget, "no member of the group matches the filter of the path, so nothing was changed; select a member by display, which is its userName, or by value, which is its id")
		}
	}
	added := make(map[string]bool, len(m.Add))
	for _, id := range m.Add {
		added[id] = true
	}
	return slices.DeleteFunc(patch.Distinct(out), func(id string) bool { return added[id] }), nil
}
