package bridge

import (
	"context"
	"errors"
	"slices"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/patch"
)

// federatedMembers are the members that can be written. The others are refused or left out, as the tenant's policy says
// for members that SCIM may not write.
func (k groupKind) federatedMembers(r *request, members []guard.Member) ([]guard.Member, error) {
	var first *guard.FederatedError
	var ids []string
	out := slices.DeleteFunc(members, func(m guard.Member) bool {
		refused, ok := errors.AsType[guard.FederatedError](guard.FederatedMember(r.fitness, m.ID))
		if !ok {
			return false
		}
		if first == nil {
			first = &refused
		}
		ids = append(ids, refused.ID)
		return true
	})
	switch {
	case first == nil:
	case r.Tenant.Policy.IgnoresUnknownMembers():
		k.ignored(r, len(ids))
	default:
		told := r.federationKeeps(*first, nil, "")
		told.Detail += ": " + r.shownAll(ids, scim.UserType().Name)
		return nil, told
	}
	return out, nil
}

// proven are the members of a document, after a check that each exists.
func (k groupKind) proven(ctx context.Context, r *request, value any) ([]guard.Member, error) {
	ids, err := patch.MemberIDs(value)
	if err != nil {
		return nil, err
	}
	return k.prove(ctx, r, patch.Distinct(ids))
}

// prove looks the ids up. Unknown ids are refused or left out, as the tenant's policy says.
func (k groupKind) prove(ctx context.Context, r *request, ids []string) ([]guard.Member, error) {
	known, unknown, err := r.wall.Prove(ctx, ids)
	if err != nil {
		return nil, err
	}
	r.readsMembers(known)
	if len(unknown) > 0 {
		if !r.Tenant.Policy.IgnoresUnknownMembers() {
			return nil, unknownMembers(unknown)
		}
		k.ignored(r, len(unknown))
	}
	if err := k.refuse(r, known); err != nil {
		return nil, err
	}
	return k.federatedMembers(r, slices.DeleteFunc(known, func(m guard.Member) bool { return r.wall.ProtectsUser(m.ID.String()) }))
}

// refuse refuses members that SCIM may not write, or counts them as ignored.
func (k groupKind) refuse(r *request, members []guard.Member) error {
	var ids []string
	for _, m := range members {
		if id := m.ID.String(); r.wall.ProtectsUser(id) {
			ids = append(ids, id)
		}
	}
	switch {
	case len(ids) == 0:
		return nil
	case !r.Tenant.Policy.IgnoresUnknownMembers():
		return guard.ProtectedUsers(ids...)
	}
	k.ignored(r, len(ids))
	return nil
}

// removable are the ids of members that may be removed. Protected users may not. An id that is not a user of the tenant
// is left out, as if it did not exist. Where all members are the tenant's users, only the protected ones are looked up.
func (k groupKind) removable(ctx context.Context, r *request, texts []string) ([]keycloak.UserID, error) {
	var out []keycloak.UserID
	var asked []string
	for _, id := range keycloak.ParseUserIDs(texts) { // a text that is not an id is not a member
		if wantsMember(r, id) {
			asked = append(asked, id.String())
		} else {
			out = append(out, id)
		}
	}
	if len(asked) == 0 {
		return out, nil
	}
	known, _, err := r.wall.Prove(ctx, asked)
	if err == nil {
		r.readsMembers(known)
		err = k.refuse(r, known)
	}
	for _, m := range known {
		if !r.wall.ProtectsUser(m.ID.String()) {
			out = append(out, m.ID)
		}
	}
	return out, err
}

// wantsMember reports whether a member's id must be looked up before the change of the membership. Otherwise the change
// itself shows an unknown id: Keycloak answers 404.
func wantsMember(r *request, id keycloak.UserID) bool {
	return !id.IsCanonical() || !r.fitness.ProvesMembers(r.Tenant) || r.wall.ProtectsUser(id.String()) || r.wall.ServiceAccount(id.String())
}

// ignored records members that the policy leaves as they are. They are counted and logged, never silent.
func (k groupKind) ignored(r *request, n int) {
	k.s.options.Observer.Ignored(scim.AttrMembers, n)
	k.s.options.Log.Warn("unknown or protected members were left as they are, because the tenant has unknownMembers: ignore",
		zap.String("tenant", r.Tenant.Path), zap.Int("members", n))
}

func idsOf(members []guard.Member) []keycloak.UserID {
	ids := make([]keycloak.UserID, len(members))
	for i, m := range members {
		ids[i] = m.ID
	}
	return ids
}

// members reads all members of a group from Keycloak, because a change is planned from them.
func members(ctx context.Context, r *request, id keycloak.GroupID) ([]guard.Member, error) {
	list, err := directory.ReadMembers(ctx, r.wall, id)
	return proven(list), err
}

// proven are the members of a group in the form of a plan.
func proven(list []directory.Member) []guard.Member {
	out := make([]guard.Member, 0, len(list))
	for _, m := range list {
		if id, err := keycloak.ParseUserID(m.ID); err == nil {
			out = append(out, guard.Member{ID: id, Username: m.Username})
		}
	}
	return out
}

func memberObjects(r *request, list []guard.Member) []any {
	out := make([]any, len(list))
	for i, m := range list {
		id := m.ID.String()
		object := map[string]any{scim.AttrValue: id, scim.AttrType: "User", scim.AttrRef: r.Tenant.Mapping.User.Location(r.Tenant.BaseURL, id)}
		if r.sees(endpointUsers) {
			object[scim.AttrDisplay] = m.Username
		}
		out[i] = object
	}
	return out
}

// versionOfMembers is the version of the members that memberObjects shows.
func versionOfMembers(r *request, list []guard.Member) string {
	sees := r.sees(endpointUsers)
	return scim.LinkedVersion(func(yield func(value, display string) bool) {
		for _, m := range list {
			display := ""
			if sees {
				display = m.Username
			}
			if !yield(m.ID.String(), display) {
				return
			}
		}
	})
}
