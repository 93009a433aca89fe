package realm

import (
	"context"
	"fmt"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	checkPermissions = "permissions"
	// maxPolicies bounds the permissions and the policies that a look reads, and so its calls.
	maxPolicies = 200
)

// permission is a fine-grained admin permission, with whom it is given to.
type permission struct {
	keycloak.Permission

	policies []keycloak.Policy
}

// permissions reads the realm's fine-grained admin permissions, where they are on.
func (p *protector) permissions(ctx context.Context) error {
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
		p.fail(checkPermissions, "take out those that nobody needs", "the realm has more than %d fine-grained permissions or policies, which nobody can look through every minute", maxPolicies)
		return nil
	}
	byID := map[string]keycloak.Policy{}
	for _, policy := range policies {
		byID[policy.ID] = policy
	}
	permissions := make([]permission, len(list))
	err = each(ctx, indexes(list), func(ctx context.Context, i int) error {
		permissions[i].Permission = list[i]
		ids, err := p.c.PermissionPolicies(ctx, client, list[i])
		for _, id := range ids {
			if policy, ok := byID[id]; ok { // else it was made just now, and the next look has it
				permissions[i].policies = append(permissions[i].policies, policy)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	p.negative(permissions, policies)
	return nil
}

// negative looks for policies that name whom a permission is not for. Such a permission is for
// everybody else: Keycloak gives it to each user of the realm (measured on 26.4, 26.6 and 26.7).
func (p *protector) negative(permissions []permission, policies []keycloak.Policy) {
	failed := map[string]bool{}
	for _, permission := range permissions {
		if !permission.isForEverybodyElse() {
			continue
		}
		for _, policy := range permission.policies {
			if policy.Negative {
				failed[policy.ID] = true
			}
		}
		p.failBeside(checkPermissions, fixNegative, "the permission %q is for every user of the realm but those of a policy: its policy %q has the logic Negative", permission.Name, negativeOf(permission.policies).Name)
	}
	for _, policy := range policies {
		if policy.Negative && !failed[policy.ID] {
			p.warn(checkPermissions, fixNegative, "the policy %q has the logic Negative: a permission with no other policy is for every user of the realm but those that it names", policy.Name)
		}
	}
}

const fixNegative = "take the policy out of the permission and give it one that names whom the permission is for; for nobody, a role policy of a realm role that nobody has"

// isForEverybodyElse reports whether a Negative policy alone lets users in: it has no other, or
// does not ask all of them.
func (p permission) isForEverybodyElse() bool {
	return slices.ContainsFunc(p.policies, isNegative) && (!p.Unanimous || !slices.ContainsFunc(p.policies, isPositive))
}

func isNegative(p keycloak.Policy) bool { return p.Negative }
func isPositive(p keycloak.Policy) bool { return !p.Negative }

func negativeOf(policies []keycloak.Policy) keycloak.Policy {
	return policies[slices.IndexFunc(policies, isNegative)]
}

// bounded reads pages of a list, and not much more of it than maxPolicies.
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

func indexes[T any](list []T) []int {
	out := make([]int, len(list))
	for i := range list {
		out[i] = i
	}
	return out
}
