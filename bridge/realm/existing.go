package realm

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Existing are the users and groups of a realm or an organization that no tenant made or took over.
type Existing struct{ Users, Groups int }

// Any reports whether there are some.
func (e Existing) Any() bool { return e != Existing{} }

// String counts them for an operator.
func (e Existing) String() string { return fmt.Sprintf("%d users and %d groups", e.Users, e.Groups) }

// place is where a tenant has its users and groups.
type place struct {
	organization keycloak.OrganizationID // zero for the realm
	// groups is the group below which the groups are: zero for the top level of the realm.
	groups keycloak.GroupID
	none   bool // whether there are no groups
	keys   []string
	// protected are users who are nobody's to adopt.
	protected []keycloak.UserID
}

// FindExisting counts what a realm, or an organization with an id, has before the first tenant.
func FindExisting(ctx context.Context, c *keycloak.Client, organization keycloak.OrganizationID) (Existing, error) {
	return place{organization: organization, none: !organization.IsZero()}.existing(ctx, c)
}

// existing costs one call, one for each key and each protected user, and one for each hundred groups.
func (p place) existing(ctx context.Context, c *keycloak.Client) (Existing, error) {
	users, err := p.users(ctx, c)
	if err != nil || p.none {
		return Existing{Users: users}, err
	}
	out := Existing{Users: users}
	for first := 0; ; first += keycloak.MaxPage {
		list, err := p.page(ctx, c, first)
		if err != nil {
			return Existing{}, err
		}
		for _, g := range list {
			if mapping.Unowned(g.Attributes) {
				out.Groups++
			}
		}
		if len(list) < keycloak.MaxPage {
			return out, nil
		}
	}
}

// users are all without those that are owned: Keycloak counts who has a value of an attribute, and not
// who has none.
func (p place) users(ctx context.Context, c *keycloak.Client) (int, error) {
	n, err := 0, error(nil)
	if p.organization.IsZero() {
		n, err = c.CountUsers(ctx)
	} else {
		n, err = c.CountOrganizationMembers(ctx, p.organization)
	}
	for _, key := range p.keys {
		owned := 0
		if err == nil {
			owned, err = c.CountUsers(ctx, keycloak.AttributeQuery{Name: mapping.AttrOwner, Value: key})
		}
		n -= owned
	}
	for _, id := range p.protected {
		var user keycloak.User
		switch {
		case err != nil:
		case p.organization.IsZero():
			user, err = c.User(ctx, id)
		default:
			user, err = c.OrganizationMember(ctx, p.organization, id)
		}
		switch kind := keycloak.KindOf(err); {
		case kind == keycloak.NotFound || kind == keycloak.Denied:
			err = nil
		case err == nil && mapping.Unowned(user.Attributes):
			n--
		}
	}
	return max(0, n), err
}

func (p place) page(ctx context.Context, c *keycloak.Client, first int) ([]keycloak.Group, error) {
	switch {
	case !p.groups.IsZero():
		return c.Children(ctx, p.groups, first, keycloak.MaxPage)
	case !p.organization.IsZero():
		return c.OrganizationGroups(ctx, p.organization, first, keycloak.MaxPage)
	}
	return c.TopGroups(ctx, first, keycloak.MaxPage)
}

// existing looks for what was there before the tenant, and says what holds for it.
func (r *Report) existing(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, others []*tenant.Tenant) {
	if t.Party.Organization && t.Organization.ID.IsZero() { // of every organization
		return
	}
	p := place{organization: t.Organization.ID, groups: r.Resolved.Groups[t.Mapping.GroupParent], keys: []string{t.Party.Key, t.Party.LeftMark()}}
	p.none = t.Party.Organization && !r.OrganizationGroups && p.groups.IsZero()
	if !t.Party.Organization {
		for _, other := range others {
			p.keys = append(p.keys, other.Party.Key, other.Party.LeftMark())
		}
	}
	if r.Protected != nil { // no list has service accounts
		ids := slices.DeleteFunc(slices.Sorted(maps.Keys(r.Protected.Users)), r.Protected.ServiceAccount)
		p.protected = keycloak.ParseUserIDs(ids)
	}
	found, err := p.existing(ctx, c)
	if !r.could(err, checkExisting) {
		return
	}
	// What an adoption refuses stays in the count: its lines say why.
	fix := "see first what an adoption would do, then take them over:\n{adopt} --dry-run\n{adopt}"
	if len(r.Federations) > 0 {
		fix += "\nUsers of a user federation are in the count, and nobody takes them over"
	}
	switch {
	case !found.Any():
		r.pass(checkExisting, "an endpoint made or took over all users and groups")
	case t.Policy.Adopts():
		r.pass(checkExisting, "%s that no endpoint made: the client may take them over (adopt: unowned), and change and delete them then", found)
	case t.Party.Organization:
		r.warn(checkExisting, fix, "%s that no endpoint made: the client finds them. It deactivates only those whose accounts belong to the organization, a POST of a user is 409, and it deletes no account and no group", found)
	case t.Policy.OwnedOnly:
		r.pass(checkExisting, "%s that no endpoint made: the client does not see these users (scope: owned), and neither renames nor deletes these groups", found)
	default:
		r.warn(checkExisting, fix+"\nor write scope: owned into the configuration, so that the client does not see these users",
			"%s that no endpoint made: the client finds them, changes and disables these users, and changes the members of the groups. A POST of a user or group is 409, and it deletes none of them", found)
	}
}

// leavers looks for users whom a client deactivated and whose accounts are open.
func (r *Report) leavers(ctx context.Context, c *keycloak.Client, t *tenant.Tenant) {
	if !t.Party.Organization || t.Organization.ID.IsZero() {
		return
	}
	var open []string
	for first := 0; ; first += keycloak.MaxPage {
		q := keycloak.UserQuery{Attributes: []keycloak.AttributeQuery{{Name: mapping.AttrGuest, Value: t.Party.Key}}, First: first}
		list, err := c.Users(ctx, q)
		if !r.could(err, checkLeavers) {
			return
		}
		for _, u := range list {
			if t.Party.LeftOpen(u) {
				open = append(open, u.ID)
			}
		}
		if len(list) < keycloak.MaxPage {
			break
		}
	}
	if len(open) == 0 {
		r.pass(checkLeavers, "no account is open whose user the client deactivated")
		return
	}
	r.fail(checkLeavers, "disable these accounts in Keycloak, or have the client deactivate their users again", "%d users whom the client deactivated have accounts that are enabled: %s", len(open), strings.Join(open, ", "))
	r.Findings[len(r.Findings)-1].Beside = true
}

// checkLeavers is the check of users who were deactivated by an earlier version.
const checkLeavers = "leavers"

// checkExisting is the check of what was there before the tenant.
const checkExisting = "existing"
