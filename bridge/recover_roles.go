package bridge

import (
	"context"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// maxHolders is the greatest number of users whose roles are read to settle one change.
const maxHolders = 50

// roles compares the roles that the change grants and revokes. A step after them, which ends the change, proves them.
func (v *recovery) roles(ctx context.Context, so trace) (trace, error) {
	steps := slices.DeleteFunc(slices.Clone(v.steps), func(s plan.Said) bool {
		return s.Kind != plan.KindGrantRoles && s.Kind != plan.KindRevokeRoles
	})
	proved := so.whole && (v.joins() || v.c.Op == change.Deleted || v.c.Op == change.Left)
	marked := !so.whole && v.joins() && v.r.Endpoint == endpointUsers // the first step would have marked the account
	if len(steps) == 0 || proved || marked {
		return trace{whole: true, nothing: true}, nil
	}
	holders := map[string]*holder{}
	for _, s := range steps {
		if holders[s.Holder] == nil {
			holders[s.Holder] = &holder{}
		}
		holders[s.Holder].loses = holders[s.Holder].loses || s.Kind == plan.KindRevokeRoles
	}
	if len(holders) > maxHolders {
		return v.untold(rolesPart), nil
	}
	for id, h := range holders {
		if err := v.readHolder(ctx, id, h, so); err != nil {
			return trace{}, err
		}
	}
	out := trace{whole: true, nothing: true}
	for _, s := range steps {
		names, ok := v.named(s.Roles)
		if !ok {
			return v.untold(rolesPart), nil
		}
		out = out.and(holders[s.Holder].compared(s.Kind == plan.KindGrantRoles, names))
	}
	return out, nil
}

// holder is a user or a group whose roles the change grants or revokes.
type holder struct {
	loses    bool     // whether the change revokes a role
	roles    []string // that Keycloak has
	recorded []string // the roles that rules granted, by the record; nil when it was not read
	known    bool     // whether the record was read
}

// readHolder reads the roles of a holder, and the record if it matters: the record is written before a grant, and after
// roles were revoked. A user who is gone has no roles.
func (v *recovery) readHolder(ctx context.Context, id string, h *holder, so trace) error {
	list, attributes := v.cur.group.Roles, v.attributes()
	own := id == v.r.ID
	if !own || v.r.Endpoint == endpointUsers {
		user, err := keycloak.ParseUserID(id)
		if err != nil {
			return nil //nolint:nilerr // what the plan creates
		}
		list, err = v.r.client.UserRoles(ctx, user)
		if err == nil && !own && (h.loses || so.nothing) {
			var account keycloak.User
			account, err = v.r.client.User(ctx, user)
			attributes, own = account.Attributes, true
		}
		if err != nil && keycloak.KindOf(err) != keycloak.NotFound {
			return err
		}
	}
	for _, name := range list {
		h.roles = append(h.roles, name.String())
	}
	if h.known = own; own {
		h.recorded = v.r.Tenant.Mapping.GrantedRoles(v.r.Tenant.Owner, attributes)
	}
	return nil
}

// compared compares a step with the holder.
func (h *holder) compared(grants bool, names []string) trace {
	out := trace{whole: true, nothing: true}
	for _, name := range names {
		held := slices.Contains(h.roles, name) == grants
		out = out.and(trace{whole: held, nothing: !held})
		if h.known {
			kept := slices.Contains(h.recorded, name) == grants
			out = out.and(trace{whole: kept, nothing: !kept || !grants})
		}
	}
	return out
}

// named splits a text with the names of roles. A name may contain blanks, so the names are those that the mapping
// knows. ok is false for a text that the mapping explains in no way, or in several ways.
func (v *recovery) named(text string) (names []string, ok bool) {
	var known []string
	for _, name := range v.r.Tenant.Mapping.Roles() {
		known = append(known, name.String())
	}
	ways := splits(text, known)
	if len(ways) != 1 {
		return nil, false
	}
	return ways[0], true
}

// splits are the ways to read a text as names with a blank between two names; it finds at most two ways.
func splits(text string, known []string) [][]string {
	var out [][]string
	for _, name := range known {
		rest, ok := strings.CutPrefix(text, name)
		switch {
		case !ok:
		case rest == "":
			out = append(out, []string{name})
		case rest[0] == ' ':
			for _, way := range splits(rest[1:], known) {
				out = append(out, append([]string{name}, way...))
			}
		}
		if len(out) > 1 {
			return out[:2]
		}
	}
	return out
}
