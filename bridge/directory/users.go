package directory

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// users searches the users of one tenant.
type users struct {
	View

	d *Directory
}

// Users finds users. With neither a filter nor an order it lists all users in Keycloak's order, by
// user name; otherwise it lists the users that match. A refusal is a *scim.Error with InvalidFilter
// or TooMany. A user whose stored attributes cannot be read is a *mapping.DamagedError.
func (d *Directory) Users(ctx context.Context, v View, q Query) (Found, error) {
	u := users{v, d}
	if mentions(q.Filter, scim.AttrGroups) > 0 {
		return Found{}, scim.BadRequest(scim.CodeFilterUnsupported, scim.InvalidFilter, "users cannot be filtered by their groups; read the members of the group")
	}
	return u.search().run(ctx, q)
}

func (u users) search() search {
	return search{
		view: u.View, rt: u.Tenant.Mapping.User, rank: u.rank, kept: u.d.indexesOf(u.Tenant).users,
		lookUp: u.lookUp, count: u.Source.CountUsers, read: u.read, byID: u.byIDs, byName: u.byName,
		mixed: u.Fitness.Protected.Mixes(u.Tenant.Organization.ID.String()), federated: len(u.Fitness.Federations) > 0 && u.Tenant.Organization.ID.IsZero(),
	}
}

func (u users) byName(ctx context.Context, name string) ([]item, error) {
	list, err := u.Source.FindUsers(ctx, keycloak.UserQuery{Username: name}, maxHits)
	return u.items(list), err
}

func (u users) read(ctx context.Context, first, limit int) (part, error) {
	list, all, err := u.Source.ListUsers(ctx, first, limit)
	return part{u.items(list), all}, err
}

func (u users) byIDs(ctx context.Context, ids []string) ([]item, error) {
	list, err := u.Source.UsersByID(ctx, ids)
	return u.items(list), err
}

func (u users) items(list []keycloak.User) []item {
	out := make([]item, len(list))
	for i, user := range list {
		out[i].resource, out[i].err = u.Tenant.Mapping.UserResource(u.Tenant.Owner, user)
		out[i].resource.ID = user.ID
		out[i].unkeyed = out[i].err == nil && !u.Tenant.Owner.Keyed(out[i].resource.Document, user)
	}
	return out
}

// rank puts the id and indexed columns first, then attributes that need two calls, then attributes
// for which Keycloak reads every value.
func (u users) rank(p scim.AttrPath) (int, bool) {
	switch {
	case p.URN != "":
	case p.Name == scim.AttrID:
		return 0, true
	case p.Name == scim.AttrUserName:
		return 1, true
	case p.Name == scim.AttrExternalID:
		return 2, true
	case p.Name == scim.AttrEmails && (p.Sub == scim.AttrValue || p.Sub == ""):
		return 4, true
	}
	_, ok := u.Tenant.Mapping.UserLookup(p)
	return 8, ok
}

func (u users) lookUp(ctx context.Context, t term) ([]item, error) {
	list, err := u.find(ctx, t)
	found := u.items(list)
	if err != nil || !isExternalID(t.path) {
		return found, err
	}
	former, err := u.former(ctx, t, found)
	return append(found, former...), err
}

func (u users) find(ctx context.Context, t term) ([]keycloak.User, error) {
	switch {
	case t.path.URN != "":
	case t.path.Name == scim.AttrID:
		return u.byID(ctx, t.text)
	case t.path.Name == scim.AttrUserName:
		return u.Source.FindUsers(ctx, keycloak.UserQuery{Username: u.Tenant.Mapping.StoredUserName(t.text)}, maxHits)
	case isExternalID(t.path):
		key, ok := mapping.LookupKey(u.Tenant.Owner.Key, t.text)
		if !ok {
			return nil, nil
		}
		return u.byAttributes(ctx, keycloak.AttributeQuery{Name: mapping.AttrKey, Value: key})
	case t.path.Name == scim.AttrEmails:
		return u.byEmail(ctx, t.text)
	}
	lookup, ok := u.Tenant.Mapping.UserLookup(t.path)
	if !ok {
		return nil, nil
	}
	query, ok := lookup.Query(t.text)
	if !ok {
		return nil, nil
	}
	return u.byAttribute(ctx, query)
}

func (u users) byID(ctx context.Context, text string) ([]keycloak.User, error) {
	id, err := keycloak.ParseUserID(text)
	if err != nil {
		return nil, nil //nolint:nilerr // no user has an invalid id
	}
	user, err := u.Source.User(ctx, id)
	if isNotFound(err) {
		return nil, nil
	}
	return []keycloak.User{user}, err
}

func (u users) byAttributes(ctx context.Context, all ...keycloak.AttributeQuery) ([]keycloak.User, error) {
	return u.Source.FindUsers(ctx, keycloak.UserQuery{Attributes: all}, maxHits)
}

// byAttribute finds the users that have the attribute. In a realm of several tenants, the attribute
// of a foreign account may be another tenant's, and the tenant has its own value in its remainder.
// All foreign accounts are therefore results that must be checked.
func (u users) byAttribute(ctx context.Context, q keycloak.AttributeQuery) ([]keycloak.User, error) {
	p := u.Tenant.Owner
	if !p.Organization && !p.Shared {
		return u.byAttributes(ctx, q)
	}
	criteria := []keycloak.AttributeQuery{q}
	if p.Organization {
		criteria = append(criteria, keycloak.AttributeQuery{Name: mapping.AttrOwner, Value: p.Key})
	}
	return both(ctx, func(ctx context.Context) ([]keycloak.User, error) { return u.byAttributes(ctx, criteria...) },
		func(ctx context.Context) ([]keycloak.User, error) {
			return u.byAttributes(ctx, keycloak.AttributeQuery{Name: mapping.AttrGuest, Value: p.Key})
		})
}

// both makes two searches at the same time.
func both(ctx context.Context, one, two func(context.Context) ([]keycloak.User, error)) ([]keycloak.User, error) {
	var first, second []keycloak.User
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		first, err = one(ctx)
		return err
	})
	g.Go(func() (err error) {
		second, err = two(ctx)
		return err
	})
	err := g.Wait()
	return append(first, second...), err
}

// byEmail searches for the primary address and for the further addresses.
func (u users) byEmail(ctx context.Context, address string) ([]keycloak.User, error) {
	return both(ctx, func(ctx context.Context) ([]keycloak.User, error) {
		return u.Source.FindUsers(ctx, keycloak.UserQuery{Email: address}, maxHits)
	}, func(ctx context.Context) ([]keycloak.User, error) {
		return u.byAttribute(ctx, keycloak.AttributeQuery{Name: mapping.AttrEmails, Value: address})
	})
}

func isNotFound(err error) bool {
	var e *keycloak.Error
	return errors.As(err, &e) && e.Kind == keycloak.NotFound
}
