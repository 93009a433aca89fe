package realm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	checkPermissions = "permissions"
	// maxPolicies limits the permissions and policies that a check reads, and so its calls.
	maxPolicies = 200
)

// delegation holds the users, groups and roles that administer a realm by its fine-grained admin
// permissions.
type delegation struct {
	circle

	// first says that the realm has permissions of the first version.
	first bool
	// recent says that Keycloak is 26.7 or newer.
	recent bool
	// The users, roles and groups that policies name. Users and roles are named by their ids.
	named    []keycloak.User
	roles    map[string]bool
	policies []keycloak.PolicyGroup
	// permissions are the quoted names of the permissions that make administrators known to the
	// bridge.
	permissions []string
}

func newDelegation() delegation {
	return delegation{circle: circle{map[string]bool{}, map[string]bool{}}, roles: map[string]bool{}}
}

// permission is a fine-grained admin permission with its scopes and policies.
type permission struct {
	keycloak.Permission

	scopes   []string
	policies []keycloak.Policy
}

// administers reports whether the permission allows changes. Every scope except "view" and
// "view-members" does, also a scope of a later Keycloak.
func (p permission) administers() bool {
	return slices.ContainsFunc(p.scopes, func(s string) bool { return !strings.HasPrefix(s, "view") })
}

// isForEverybodyElse reports whether a Negative policy is enough to get the permission: the
// permission has no other policy, or does not require all of its policies.
func (p permission) isForEverybodyElse() bool {
	return slices.ContainsFunc(p.policies, isNegative) && (!p.Unanimous || !slices.ContainsFunc(p.policies, isPositive))
}

// isConfined reports whether a policy that the bridge can read limits the permission: only people
// that the policy names have the permission.
func (p permission) isConfined() bool {
	return p.Unanimous && !p.Negative && slices.ContainsFunc(p.policies, namesPeople)
}

func isNegative(p keycloak.Policy) bool { return p.Negative }
func isPositive(p keycloak.Policy) bool { return !p.Negative }

// namesPeople reports whether a policy itself names its people. With a groups claim it does not,
// because the token names the groups.
func namesPeople(p keycloak.Policy) bool {
	return !p.Negative && p.GroupsClaim == "" && slices.Contains([]string{"user", "group", "role"}, p.Type)
}

// permissions reads the realm's fine-grained admin permissions, if they are enabled.
func (p *protector) permissions(ctx context.Context) error {
	if p.delegated.first {
		first, err := p.c.FirstPermissions(ctx)
		if err != nil {
			return err
		}
		if first {
			p.unknown("start Keycloak without the feature admin-fine-grained-authz:v1; "+fixListed, "the realm has permissions of the first version of fine-grained admin permissions, which the bridge cannot read")
		}
	}
	if !p.settings.AdminPermissionsEnabled {
		return nil
	}
	client, err := keycloak.ParseClientUUID(p.settings.AdminPermissionsClient.ID)
	if err != nil {
		return fmt.Errorf("the client of the permissions: %w", err)
	}
	list, err := bounded(func(first int) ([]keycloak.Permission, error) {
		return p.c.Permissions(ctx, client, first, keycloak.MaxPage)
	})
	if err != nil {
		return err
	}
	policies, err := bounded(func(first int) ([]keycloak.Policy, error) {
		return p.c.Policies(ctx, client, first, keycloak.MaxPage)
	})
	if err != nil {
		return err
	}
	if len(list) > maxPolicies || len(policies) > maxPolicies {
		p.unknown("remove those that nobody needs; "+fixListed, "the realm has more than %d fine-grained permissions or policies, which is more than the bridge reads", maxPolicies)
		return nil
	}
	permissions, err := p.whole(ctx, client, list, policies)
	if err != nil {
		return err
	}
	for _, permission := range permissions {
		p.weigh(permission)
	}
	p.negative(permissions, policies)
	if len(p.delegated.permissions) > 0 {
		p.pass(checkPermissions, "these permissions make administrators, who are protected: %s", strings.Join(p.delegated.permissions, ", "))
	}
	return nil
}

// whole reads the scopes and policies of each permission, with two calls for each.
func (p *protector) whole(ctx context.Context, client keycloak.ClientUUID, list []keycloak.Permission, policies []keycloak.Policy) ([]permission, error) {
	byID := map[string]keycloak.Policy{}
	for _, policy := range policies {
		byID[policy.ID] = policy
	}
	out := make([]permission, len(list))
	indexes := make([]int, len(list))
	for i := range indexes {
		indexes[i] = i
	}
	err := each(ctx, indexes, func(ctx context.Context, i int) (err error) {
		one := permission{Permission: list[i]}
		if one.scopes, err = p.c.PermissionScopes(ctx, client, list[i]); err != nil {
			return err
		}
		ids, err := p.c.PermissionPolicies(ctx, client, list[i])
		for _, id := range ids {
			if policy, ok := byID[id]; ok { // otherwise the policy is new, and the next check reads it
				one.policies = append(one.policies, policy)
			}
		}
		out[i] = one
		return err
	})
	return out, err
}

// weigh records the users, groups and roles that have a permission. When a policy does not name
// them, it records a finding.
func (p *protector) weigh(one permission) {
	if !one.administers() {
		return
	}
	if one.isConfined() || !one.Negative && !slices.ContainsFunc(one.policies, func(p keycloak.Policy) bool { return !namesPeople(p) }) {
		p.delegated.permissions = append(p.delegated.permissions, strconv.Quote(one.Name))
	}
	for _, policy := range one.policies {
		if namesPeople(policy) {
			for _, id := range policy.Users {
				p.delegated.named = append(p.delegated.named, keycloak.User{ID: id})
			}
			for _, id := range policy.Roles {
				p.delegated.roles[id] = true
			}
			p.delegated.policies = append(p.delegated.policies, policy.Groups...)
			continue
		}
		kind := "the type " + policy.Type
		if policy.GroupsClaim != "" {
			kind = "a claim of the token in place of groups"
		}
		switch {
		case policy.Negative && one.isConfined(): // negative reports this
		case policy.Negative:
			p.stop(fmt.Sprintf("the permission %q allows changes of the realm, and its policy %q has the logic Negative", one.Name, policy.Name))
		case one.isConfined():
			p.warn(checkPermissions, fixPolicies, "the permission %q has a policy %q with %s, which the bridge cannot read: all users that its other policies name count as administrators", one.Name, policy.Name, kind)
		default:
			p.unknown(fixPolicies+"; "+fixListed, "the permission %q allows changes of the realm, and the bridge cannot tell who has it: its policy %q has %s", one.Name, policy.Name, kind)
		}
	}
	if one.Negative {
		p.unknown(fixPolicies+"; "+fixListed, "the permission %q allows changes of the realm, and the bridge cannot tell who has it: it has the logic Negative itself", one.Name)
	}
}

const (
	fixPolicies = "use policies of the types user, group and role, with the logic Positive, to say who gets the permission"
	fixListed   = "or list the people in protected.users or protected.groups and write protected.policies: listed"
)

// unknown reports that the bridge cannot tell who administers the realm. Nothing is written then,
// unless the operator listed the people.
func (p *protector) unknown(fix, format string, args ...any) {
	if p.policy.Protected.Policies {
		p.warn(checkPermissions, "check that protected.users and protected.groups list these people", format, args...)
		return
	}
	p.failBeside(checkPermissions, fix, format+"; nothing is written", args...)
	p.stop(fmt.Sprintf(format, args...))
}

// stop prevents all writes, unless the operator listed the people.
func (p *protector) stop(why string) {
	switch {
	case p.policy.Protected.Policies:
	case p.protected.Unknown == "":
		p.protected.Unknown = why
	default:
		p.protected.Unknown += "; " + why
	}
}

// negative finds policies that name the people who do not get a permission. Keycloak gives such a
// permission to every other user of the realm (measured on 26.4, 26.6 and 26.7).
func (p *protector) negative(permissions []permission, policies []keycloak.Policy) {
	failed := map[string]bool{}
	for _, one := range permissions {
		if !one.isForEverybodyElse() {
			continue
		}
		for _, policy := range one.policies {
			if policy.Negative {
				failed[policy.ID] = true
				p.failBeside(checkPermissions, fixNegative, "the permission %q is for every user of the realm except those of a policy: its policy %q has the logic Negative%s", one.Name, policy.Name, p.stopped(one))
			}
		}
	}
	for _, policy := range policies {
		if policy.Negative && !failed[policy.ID] {
			p.warn(checkPermissions, fixNegative, "the policy %q has the logic Negative: a permission with no other policy is for every user of the realm except those that the policy names", policy.Name)
		}
	}
}

// stopped returns what weigh did about a permission with such a policy, for a finding.
func (p *protector) stopped(one permission) string {
	if one.administers() && !p.policy.Protected.Policies {
		return "; nothing is written"
	}
	return ""
}

const fixNegative = "remove the policy from the permission and add a policy that names who gets the permission (for nobody: a role policy of a realm role that nobody has); then delete the policy"

// isDelegated reports whether a policy names a role.
func (p *protector) isDelegated(r keycloak.Role) bool { return p.delegated.roles[r.ID] }

// circleOf returns the circle of the holders of a role.
func (p *protector) circleOf(r keycloak.Role) circle {
	if p.protected.Roles[r.ID] {
		return p.delegated.circle
	}
	return p.all()
}

// delegates reads the members of the groups in policies. Policies may name groups that are gone.
func (p *protector) delegates(ctx context.Context) error {
	p.add(p.delegated.circle, p.delegated.named)
	return each(ctx, p.delegated.policies, func(ctx context.Context, g keycloak.PolicyGroup) error {
		err := p.enter(ctx, p.delegated.circle, g.ID, g.Children)
		if err == nil {
			var at entity
			at, err = p.names.groupByID(ctx, g.ID)
			p.place(g.ID, at.parent)
			if err == nil {
				err = p.lookalikes(ctx, g, at.name)
			}
		}
		if keycloak.KindOf(err) == keycloak.NotFound || errors.Is(err, keycloak.ErrInvalidID) {
			return nil
		}
		return err
	})
}

// lookalikes adds the groups that Keycloak mistakes for a group of a policy. Keycloak compares
// paths as texts, and a name may contain slashes: a top-level group "ops/helpdesk" has the same
// path as the group "helpdesk" below "ops" (measured on 26.4, 26.6 and 26.7).
//
// When the policy includes the groups below, every group counts whose path begins with the path of
// the policy. Before 26.7 not even a slash must follow: the members of /helpdesk-berlin then count
// as members of /helpdesk.
func (p *protector) lookalikes(ctx context.Context, g keycloak.PolicyGroup, path string) error {
	alike := tenant.Alike{Path: path, Below: g.Children, Prefix: g.Children && !p.delegated.recent}
	p.mu.Lock()
	p.protected.Alike = append(p.protected.Alike, alike)
	p.mu.Unlock()
	list, err := keycloak.Everything(func(first int) ([]keycloak.Group, error) {
		return p.c.Groups(ctx, keycloak.GroupQuery{Search: path[strings.LastIndex(path, "/")+1:], First: first})
	})
	for _, other := range list {
		if err == nil && other.ID != g.ID && alike.Has(other.Path) {
			p.place(other.ID, other.ParentID)
			err = p.enter(ctx, p.delegated.circle, other.ID, g.Children)
		}
	}
	return err
}

// delegate adds the users, groups and roles that administer by permissions to the protected ones.
func (p *protector) delegate() {
	for id := range p.delegated.groups {
		p.protected.Groups[id] = true
	}
	for id := range p.delegated.users {
		switch {
		case p.protected.Users[id], p.protected.ServiceAccounts[id]:
		case p.policy.Protected.Delegated:
			p.protected.Users[id] = true
		default:
			p.protected.Delegates[id] = true
		}
	}
}

// bounded reads pages of a list until it has more than maxPolicies entries.
func bounded[T any](read func(first int) ([]T, error)) ([]T, error) {
	var out []T
	for len(out) <= maxPolicies {
		part, err := read(len(out))
		if err != nil {
			return nil, err
		}
		if out = append(out, part...); len(part) < keycloak.MaxPage {
			break
		}
	}
	return out, nil
}
