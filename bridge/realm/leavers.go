package realm

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	// checkLeavers checks users whose client deactivated them and whose accounts are still enabled.
	checkLeavers = "leavers"
	// checkOwners checks accounts whose owner is no longer a tenant.
	checkOwners = "owners"
)

// owners are the tenants of a realm that can own accounts.
type owners struct {
	c     *keycloak.Client
	of    []*tenant.Tenant // the tenants that the configuration names
	every bool             // whether the bridge also serves organizations that the configuration does not name
}

// named returns the tenant of the configuration that has a key, or nil.
func (o owners) named(key string) *tenant.Tenant {
	i := slices.IndexFunc(o.of, func(t *tenant.Tenant) bool { return t.Owner.Key == key })
	if i < 0 {
		return nil
	}
	return o.of[i]
}

// mayKnow reports whether a key may belong to a tenant, without a call: the key of an organization
// is its id, a UUID.
func (o owners) mayKnow(key string) bool {
	return o.named(key) != nil || o.every && len(key) == len("00000000-0000-0000-0000-000000000000")
}

// find returns the tenant of a key, or nil. It needs a call for an organization that the
// configuration does not name.
func (o owners) find(ctx context.Context, key string) (*tenant.Tenant, error) {
	if t := o.named(key); t != nil || !o.every {
		return t, nil
	}
	id, err := keycloak.ParseOrganizationID(key)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // no organization has such a key
	}
	found, err := o.c.Organization(ctx, id)
	switch {
	case keycloak.KindOf(err) == keycloak.NoOrganization, err == nil && len(found.Attributes[tenant.AttrCredentials]) == 0:
		return nil, nil //nolint:nilnil // the organization is no longer served
	case err != nil:
		return nil, err
	}
	return &tenant.Tenant{Owner: mapping.Owner{Key: key, Organization: true}, Organization: tenant.Organization{ID: id}}, nil
}

// answer reports whether a tenant still ends the access of an account's user.
func (o owners) answer(ctx context.Context, id keycloak.UserID, u keycloak.User) (bool, error) {
	return tenant.Answers(u.Attributes,
		func(key string) (*tenant.Tenant, error) { return o.find(ctx, key) },
		func(organization keycloak.OrganizationID) error {
			_, err := o.c.OrganizationMember(ctx, organization, id)
			return err
		})
}

// leavers finds users that a client deactivated and whose accounts are enabled, although no other
// tenant is responsible for them or Keycloak says that they belong to the organization. It needs a call
// for each hundred foreign accounts, and up to three calls for each such account. A user who is no
// longer a member is not reported.
func (r *Report) leavers(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, o owners) {
	if t.Policy.OwnedOnly || !t.Owner.Organization && !t.Owner.Shared { // such a tenant has no foreign accounts
		return
	}
	foreign, err := keycloak.Everything(func(first int) ([]keycloak.User, error) {
		return c.Users(ctx, keycloak.UserQuery{Attributes: []keycloak.AttributeQuery{{Name: mapping.AttrGuest, Value: t.Owner.Key}}, First: first})
	})
	if !r.could(err, checkLeavers) {
		return
	}
	n, named := 0, []string{}
	for _, u := range foreign {
		open, err := isOpen(ctx, c, t, o, u)
		if !r.could(err, checkLeavers) {
			return
		}
		if !open {
			continue
		}
		if n++; n <= maxNamed {
			named = append(named, u.ID)
		}
	}
	if n == 0 {
		r.pass(checkLeavers, "no user that the client deactivated can log in")
		return
	}
	r.failBeside(checkLeavers, r.fixLeavers(named),
		"the client deactivated %s whose accounts are enabled: they can log in, and no other tenant ends their access (an account has no owner, or its owner is gone or no longer has it): %s", counted(n, "user"), listed(named, n))
}

// isOpen reports whether the client deactivated the user of a foreign account, the user can log in,
// and no tenant is responsible for the account.
func isOpen(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, o owners, u keycloak.User) (bool, error) {
	id, err := keycloak.ParseUserID(u.ID)
	if err != nil || !t.Owner.LeftOpen(u) {
		return false, nil //nolint:nilerr // not an id of Keycloak
	}
	if t.Owner.Organization {
		member, err := c.OrganizationMember(ctx, t.Organization.ID, id)
		switch {
		case keycloak.KindOf(err) == keycloak.NotFound:
			return false, nil
		case err != nil || member.Managed:
			return member.Managed, err
		}
	}
	answered, err := o.answer(ctx, id, u)
	return err == nil && !answered, err
}

// fixLeavers returns the commands that disable accounts.
func (r *Report) fixLeavers(ids []string) string {
	lines := []string{"disable these accounts in Keycloak, unless the people should have access; with kcadm.sh, after kcadm.sh config credentials:"}
	for _, id := range ids {
		lines = append(lines, tenant.CommandLine("kcadm.sh", "update", "users/"+id, "-r", r.realm, "-s", "enabled=false"))
	}
	return strings.Join(lines, "\n")
}

// listed returns some names of n.
func listed(names []string, n int) string {
	out := strings.Join(names, ", ")
	if n > len(names) {
		out += " and others"
	}
	return out
}

// lostOwners reports users whose owners, by their keys, are not tenants.
func (r *Report) lostOwners(keys map[string]int) {
	if len(keys) == 0 {
		r.pass(checkOwners, "the owners of all users are endpoints of the configuration")
		return
	}
	names := slices.Sorted(maps.Keys(keys))
	n := 0
	for _, key := range names {
		n += keys[key]
	}
	if len(names) > maxNamed {
		names = append(names[:maxNamed], "and others")
	}
	r.warn(checkOwners, "write the key back into the configuration if that endpoint should continue, even if another bridge serves it; otherwise first check what an adoption would do, then take the users over:\n{adopt} --dry-run\n{adopt}",
		"%d users are owned by endpoints that the configuration does not have, with the keys %s: no client changes their names, and only the organization that the account belongs to in Keycloak deactivates them", n, strings.Join(names, ", "))
}
