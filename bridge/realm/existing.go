package realm

import (
	"context"
	"fmt"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Existing are users and groups of a realm or an organization.
type Existing struct{ Users, Groups int }

// Any reports whether there are some.
func (e Existing) Any() bool { return e != Existing{} }

// String counts them for an operator.
func (e Existing) String() string { return fmt.Sprintf("%d users and %d groups", e.Users, e.Groups) }

// FindExisting counts what a realm, or an organization with an id, has before its first tenant. It takes a call,
// and one for each hundred groups.
func FindExisting(ctx context.Context, c *keycloak.Client, organization keycloak.OrganizationID) (Existing, error) {
	count := func() (int, error) { return c.CountUsers(ctx) }
	if !organization.IsZero() {
		count = func() (int, error) { return c.CountOrganizationMembers(ctx, organization) }
	}
	users, err := count()
	if err != nil {
		return Existing{}, err
	}
	groups, err := unownedGroups(ctx, c, organization, keycloak.GroupID{})
	return Existing{Users: users, Groups: groups}, err
}

// unownedGroups counts the groups that no tenant made or took over: those right below a parent, else those of an
// organization, else those of the realm's top level. Before Keycloak 26.6 an organization has none.
func unownedGroups(ctx context.Context, c *keycloak.Client, organization keycloak.OrganizationID, parent keycloak.GroupID) (int, error) {
	list, err := keycloak.Everything(func(first int) ([]keycloak.Group, error) {
		switch {
		case !parent.IsZero():
			return c.Children(ctx, parent, first, keycloak.MaxPage)
		case !organization.IsZero():
			return c.OrganizationGroups(ctx, organization, first, keycloak.MaxPage)
		}
		return c.TopGroups(ctx, first, keycloak.MaxPage)
	})
	if !organization.IsZero() && keycloak.KindOf(err) == keycloak.NotFound {
		return 0, nil
	}
	n := 0
	for _, g := range list {
		if mapping.Unowned(g.Attributes) {
			n++
		}
	}
	return n, err
}

// existing says what holds for the users and groups that no tenant made or took over. users are those among the
// users that were looked at; more says that there are others.
func (r *Report) existing(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, users int, more bool) {
	groups, err := unownedGroups(ctx, c, t.Organization.ID, r.Resolved.Groups[t.Mapping.GroupParent])
	if !r.could(err, checkExisting) {
		return
	}
	found := Existing{Users: users, Groups: groups}
	text := found.String()
	if more {
		text = "at least " + text
	}
	// What an adoption refuses stays in the count: its lines say why.
	fix := "see first what an adoption would do, then take them over:\n{adopt} --dry-run\n{adopt}"
	if len(r.Federations) > 0 {
		fix += "\nUsers of a user federation are in the count, and nobody takes them over"
	}
	switch {
	case t.Policy.OwnedOnly:
		r.pass(checkExisting, "the client sees only users that it made or took over (scope: owned), and neither renames nor deletes %d groups that no endpoint made", groups)
	case !found.Any():
		r.pass(checkExisting, "an endpoint made or took over all users and groups")
	case t.Policy.Adopts():
		r.pass(checkExisting, "%s that no endpoint made: the client may take them over (adopt: unowned), and change and delete them then", text)
	case t.Party.Organization:
		r.warn(checkExisting, fix, "%s that no endpoint made: the client finds them. It deactivates only those whose accounts belong to the organization, a POST of a user is 409, and it deletes no account and no group", text)
	default:
		r.warn(checkExisting, fix+"\nor write scope: owned into the configuration, so that the client does not see these users",
			"%s that no endpoint made: the client finds them, changes and disables these users, and changes the members of the groups. A POST of a user or group is 409, and it deletes none of them", text)
	}
}

// leavers looks for members of an organization whom a client deactivated and whose accounts are open. It takes a call for
// each hundred guests, and one for each such account: who is no member any more is nobody's leaver.
func (r *Report) leavers(ctx context.Context, c *keycloak.Client, t *tenant.Tenant) {
	if !t.Party.Organization {
		return
	}
	guests, err := keycloak.Everything(func(first int) ([]keycloak.User, error) {
		return c.Users(ctx, keycloak.UserQuery{Attributes: []keycloak.AttributeQuery{{Name: mapping.AttrGuest, Value: t.Party.Key}}, First: first})
	})
	if !r.could(err, checkLeavers) {
		return
	}
	n, named := 0, []string{}
	for _, u := range guests {
		id, err := keycloak.ParseUserID(u.ID)
		if err != nil || !t.Party.LeftOpen(u) {
			continue
		}
		_, err = c.OrganizationMember(ctx, t.Organization.ID, id)
		if keycloak.KindOf(err) == keycloak.NotFound {
			continue
		}
		if !r.could(err, checkLeavers) {
			return
		}
		if n++; n <= maxNamed {
			named = append(named, u.ID)
		}
	}
	if n == 0 {
		r.pass(checkLeavers, "no account is open whose user the client deactivated")
		return
	}
	if n > maxNamed {
		named = append(named, "and others")
	}
	r.failBeside(checkLeavers, "disable these accounts in Keycloak", "an earlier version answered 200 to the deactivation of %d users and left their accounts enabled: %s", n, strings.Join(named, ", "))
}

const (
	// checkExisting is the check of what was there before the tenant.
	checkExisting = "existing"
	// checkLeavers is the check of users who were deactivated by an earlier version.
	checkLeavers = "leavers"
)
