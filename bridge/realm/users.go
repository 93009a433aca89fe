package realm

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

const (
	checkExternalIDs = "externalId"
	// maxLooked limits the users whose externalIds are read. Reading so many takes Keycloak half a
	// minute. The metrics count all users.
	maxLooked = 20_000
	// pagesAtOnce is how many pages are read in parallel.
	pagesAtOnce = 4
)

// users checks the users of a tenant, besides other tenants: whether a tenant owns them, and their
// externalIds.
func (r *Report) users(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, others []*tenant.Tenant) {
	if t.Owner.Organization && t.Organization.ID.IsZero() { // each organization has its own users
		return
	}
	looked, withoutKey := 0, 0
	there := whoIsThere{refused: map[tenant.AdoptionRefusal]int{}}
	fitness := r.Fitness()
	values, owners := map[string]int{}, owners{c: c, of: append([]*tenant.Tenant{t}, others...), every: t.Entry.Every}
	lost := map[string]int{}
	for first := 0; first < maxLooked; first += pagesAtOnce * keycloak.MaxPage {
		list, err := readUsers(ctx, c, t, first)
		if keycloak.KindOf(err) == keycloak.NoOrganization || !r.could(err, checkExternalIDs) { // reported already
			return
		}
		looked += len(list)
		for _, u := range list {
			id, keyed := r.externalID(t, u)
			if id != "" {
				values[id]++
			}
			if !keyed {
				withoutKey++
			}
			there.add(t, fitness, u)
			if key := mapping.FormerOwner(u.Attributes); key != "" && !owners.mayKnow(key) {
				lost[key]++
			}
		}
		if len(list) < pagesAtOnce*keycloak.MaxPage {
			break
		}
	}
	r.tellExternalIDs(t, looked, withoutKey, shared(values))
	if len(r.Problems()) == 0 {
		there.more = looked >= maxLooked
		r.existing(ctx, c, t, there)
		if t.Owner.Organization || t.Owner.Shared { // otherwise the tenant owns all accounts
			r.lostOwners(lost)
		}
		r.leavers(ctx, c, t, owners)
	}
}

// readUsers reads some pages of the users of a tenant.
func readUsers(ctx context.Context, c *keycloak.Client, t *tenant.Tenant, first int) ([]keycloak.User, error) {
	pages := make([][]keycloak.User, pagesAtOnce)
	g, ctx := errgroup.WithContext(ctx)
	for i := range pages {
		g.Go(func() (err error) {
			first := first + i*keycloak.MaxPage
			switch {
			case t.Owner.Organization:
				pages[i], err = c.OrganizationMembers(ctx, t.Organization.ID, first, keycloak.MaxPage)
			case t.Policy.OwnedOnly:
				pages[i], err = c.Users(ctx, keycloak.UserQuery{Attributes: []keycloak.AttributeQuery{{Name: mapping.AttrOwner, Value: t.Owner.Key}}, First: first})
			default:
				pages[i], err = c.Users(ctx, keycloak.UserQuery{First: first})
			}
			return err
		})
	}
	err := g.Wait()
	return slices.Concat(pages...), err
}

// externalID returns a user's externalId as the tenant shows it, or "", and whether a look-up finds
// the user by its key.
func (r *Report) externalID(t *tenant.Tenant, u keycloak.User) (id string, keyed bool) {
	if r.Protected.User(u.ID) || r.Protected.ServiceAccount(u.ID) {
		return "", true
	}
	return t.Mapping.ShownExternalID(t.Owner, u)
}

// shared counts the users whose value another user has too.
func shared(values map[string]int) int {
	n := 0
	for _, users := range values {
		if users > 1 {
			n += users
		}
	}
	return n
}

func (r *Report) tellExternalIDs(t *tenant.Tenant, looked, withoutKey, shared int) {
	of := "users"
	if looked >= maxLooked {
		of = "users that were read (the metrics scim_bridge_external_ids_without_key and scim_bridge_external_ids_shared count all)"
	}
	if withoutKey > 0 {
		r.warn(checkExternalIDs, "the next change of each user by the client writes the key. An adoption writes it too, and also takes over users without an owner; first check what it would do:\n{adopt} --dry-run\n{adopt}",
			"%d of %d %s have an externalId that another SCIM server or somebody in Keycloak wrote, without its look-up key: the client finds these users, but a look-up takes longer", withoutKey, looked, of)
	}
	if shared > 0 {
		fix := "list them side by side, and correct them at the identity provider:\n{users list} --filter 'externalId pr' --sort-by externalId --columns externalId,userName,id"
		if !t.Policy.OneExternalID() {
			fix += "\nand set externalId: unique if each id of the identity provider belongs to one person"
		}
		r.warn(checkExternalIDs, fix, "%d of %d %s share their externalId with another user: a client that looks it up finds several users, and Entra ID then stops with this user", shared, looked, of)
	}
	if withoutKey+shared == 0 {
		r.pass(checkExternalIDs, "each value belongs to one user and has its look-up key")
	}
}
