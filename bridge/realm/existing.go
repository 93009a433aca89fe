package realm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// Existing counts users and groups of a realm or an organization.
type Existing struct{ Users, Groups int }

// Any reports whether there are users or groups.
func (e Existing) Any() bool { return e != Existing{} }

// String returns the numbers for an operator.
func (e Existing) String() string {
	switch {
	case e.Groups == 0:
		return counted(e.Users, "user")
	case e.Users == 0:
		return counted(e.Groups, "group")
	}
	return counted(e.Users, "user") + " and " + counted(e.Groups, "group")
}

// counted returns a number and the thing that it counts.
func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// FindAllExisting adds up the results of FindExisting for all organizations of a realm.
func FindAllExisting(ctx context.Context, c *keycloak.Client) (Existing, error) {
	list, err := keycloak.Everything(func(first int) ([]keycloak.Organization, error) { return c.Organizations(ctx, first, keycloak.MaxPage) })
	if keycloak.KindOf(err) == keycloak.NoOrganization {
		return Existing{}, nil
	}
	var all Existing
	for _, o := range list {
		id, err := keycloak.ParseOrganizationID(o.ID)
		if err != nil {
			return Existing{}, err
		}
		found, err := FindExisting(ctx, c, id)
		if err != nil {
			return Existing{}, err
		}
		all.Users, all.Groups = all.Users+found.Users, all.Groups+found.Groups
	}
	return all, err
}

// FindExisting counts the users and groups that a realm, or the organization with an id, has before
// its first tenant. It counts all users, and the groups that no tenant created and that the
// tenant's client would see. It needs a call, and one for each hundred groups.
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
	return Existing{Users: users, Groups: len(groups)}, err
}

// unownedGroups returns the groups that no tenant created or adopted: the groups right below a
// parent, or of an organization, or of the realm's top level. Before Keycloak 26.6 an organization
// has no groups.
func unownedGroups(ctx context.Context, c *keycloak.Client, organization keycloak.OrganizationID, parent keycloak.GroupID) ([]keycloak.Group, error) {
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
		return nil, nil
	}
	return slices.DeleteFunc(list, func(g keycloak.Group) bool { return !mapping.Unowned(g.Attributes) }), err
}

// whoIsThere counts the users of a tenant that no tenant created or adopted, as far as they were
// read.
type whoIsThere struct {
	users   int
	refused map[tenant.AdoptionRefusal]int // the users that the tenant may not adopt, by the reason
	more    bool                           // whether there are users that were not read
}

// add counts a user. It leaves out protected users, because the client can change no such account.
func (w *whoIsThere) add(t *tenant.Tenant, f tenant.Fitness, u keycloak.User) {
	switch why := t.RefusesAdoption(f, u); why {
	case tenant.IsOwned, tenant.IsProtected, tenant.IsServiceAccount:
	case "":
		w.users++
	case tenant.IsFederated, tenant.OfNoDomain, tenant.IsUnverified:
		w.users++
		w.refused[why]++
	}
}

// cannot returns how many users cannot be adopted and why, with a leading full stop, and the
// remedies. Both are "" when all can be adopted.
func (w *whoIsThere) cannot() (text, fix string) {
	n := 0
	var why, fixes []string
	for _, one := range []struct {
		why       tenant.AdoptionRefusal
		text, fix string
	}{
		{tenant.IsUnverified, "whose address is not verified", "switch on Email verified in Keycloak for each user whose address is not verified, once you know whose account it is"},
		{tenant.OfNoDomain, "whose address is in no verified domain of the organization", "give users outside the verified domains an address in a verified domain, or add their domain to the organization and verify it"},
		{tenant.IsFederated, "that come from a user federation", ""},
	} {
		if w.refused[one.why] == 0 {
			continue
		}
		n += w.refused[one.why]
		why = append(why, fmt.Sprintf("%d %s", w.refused[one.why], one.text))
		if one.fix != "" {
			fixes = append(fixes, one.fix)
		}
	}
	if n == 0 {
		return "", ""
	}
	return fmt.Sprintf(". %d of the users cannot be taken over: %s", n, strings.Join(why, ", ")), strings.Join(fixes, ";\n")
}

// existing reports what the client can do with users and groups that no tenant created or adopted.
func (r *Report) existing(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, w whoIsThere) {
	list, err := unownedGroups(ctx, c, t.Organization.ID, r.Resolved.Groups[t.Mapping.GroupParent])
	if !r.could(err, checkExisting) {
		return
	}
	found, below := Existing{Users: w.users}, 0
	for _, g := range list {
		if !r.Protected.Group(g.ID) {
			found.Groups++
		}
		below += g.SubGroupCount
	}
	text := found.String()
	if w.more {
		text = "at least " + text
	}
	sight := ""
	if below > 0 {
		sight = ". The client does not see the groups below them"
	}
	cannot, verify := w.cannot()
	fix := "first check what an adoption would do, then take them over:\n{adopt} --dry-run\n{adopt}"
	if verify != "" {
		fix = verify + ";\n" + fix
	}
	switch {
	case t.Policy.OwnedOnly:
		r.pass(checkExisting, "the client sees only users that it made or took over (scope: owned), and neither renames nor deletes the %s that no endpoint made%s", counted(found.Groups, "group"), sight)
	case !found.Any():
		r.pass(checkExisting, "an endpoint made or took over all users and groups that the client may change%s", sight)
	case t.Policy.Adopts() && verify == "":
		r.pass(checkExisting, "%s that no endpoint made: the client may take them over (adopt: unowned), and can then change and delete them%s%s", text, sight, cannot)
	case t.Policy.Adopts():
		r.warn(checkExisting, fix, "%s that no endpoint made: the client may take them over (adopt: unowned), and can then change and delete them%s%s", text, sight, cannot)
	case t.Owner.Organization:
		r.warn(checkExisting, fix, "%s that no endpoint made: the client finds them. It deactivates only those whose accounts belong to the organization, a POST of a user is 409, and it deletes no account and no group%s%s", text, sight, cannot)
	default:
		r.warn(checkExisting, fix+"\nor set scope: owned in the configuration, so that the client does not see these users",
			"%s that no endpoint made: the client finds them, changes and disables these users, and changes the members of the groups. A POST of a user or group is 409, and it deletes none of them%s%s", text, sight, cannot)
	}
}

// checkExisting is the check of what was there before the tenant.
const checkExisting = "existing"
