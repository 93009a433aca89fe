package directory

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// groups searches the groups of one tenant.
type groups struct{ View }

// Groups finds top-level groups, without their members. With neither a filter nor an order it lists
// all groups in Keycloak's order, by name; otherwise it lists the groups that match. Errors are as
// for Users.
func (d *Directory) Groups(ctx context.Context, v View, q Query) (Found, error) {
	g := groups{v}
	if err := g.checkMembers(q.Filter); err != nil {
		return Found{}, err
	}
	s := g.search(d)
	s.beside = mentions(q.Filter, scim.AttrMembers) > 0
	found, err := s.run(ctx, q)
	for i, r := range found.Resources {
		found.Resources[i].Document = r.Document.Without(scim.AttrMembers)
	}
	return found, err
}

func (g groups) search(d *Directory) search {
	return search{
		view: g.View, rt: g.Tenant.Mapping.Group, rank: g.rank, kept: d.indexesOf(g.Tenant).groups,
		lookUp: g.lookUp, count: g.Source.CountGroups, read: g.read, byID: g.byIDs,
	}
}

// checkMembers refuses a filter with terms on members that are not looked up. The documents that
// the filter is checked against hold only members that were looked up.
func (g groups) checkMembers(e filter.Expr) error {
	looked := 0
	terms, ok := ranking(g.rank).lookups(e, scim.AttrPath{})
	for _, t := range terms {
		if ok {
			looked += count(t.path, scim.AttrMembers)
		}
	}
	if looked != mentions(e, scim.AttrMembers) {
		return scim.BadRequest(scim.CodeFilterUnsupported, scim.InvalidFilter, "a filter may test members only by members.value eq, by itself or joined to other terms by \"and\"")
	}
	return nil
}

func (g groups) read(ctx context.Context, first, limit int) (part, error) {
	list, err := g.Source.ListGroups(ctx, first, limit)
	items := g.items(list)
	return part{items, idsOf(items)}, err
}

// byIDs needs a call for every id, because Keycloak finds no groups by a list of ids.
func (g groups) byIDs(ctx context.Context, ids []string) ([]item, error) {
	found := make([][]keycloak.Group, len(ids))
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(parallel)
	for i, id := range ids {
		eg.Go(func() (err error) {
			found[i], err = g.byID(ctx, id)
			return err
		})
	}
	err := eg.Wait()
	return g.items(slices.DeleteFunc(slices.Concat(found...), func(group keycloak.Group) bool { return !g.Source.Listed(group) })), err
}

func (g groups) items(list []keycloak.Group) []item {
	out := make([]item, len(list))
	for i, group := range list {
		out[i].resource, out[i].err = g.Tenant.Mapping.GroupResource(g.Tenant.Owner.Key, group)
		out[i].resource.ID = group.ID
	}
	return out
}

// rank puts members first, because only a look-up by members adds members to the documents that the
// filter is checked against.
func (g groups) rank(p scim.AttrPath) (int, bool) {
	switch {
	case p.URN != "":
	case p.Name == scim.AttrMembers && (p.Sub == scim.AttrValue || p.Sub == ""):
		return -100, true
	case p.Name == scim.AttrMembers: // the documents hold no such members
		return 0, false
	case p.Name == scim.AttrID:
		return 0, true
	case p.Name == scim.AttrDisplayName:
		return 1, true
	case p.Name == scim.AttrExternalID:
		return 2, true
	}
	_, ok := g.Tenant.Mapping.GroupLookup(p)
	return 8, ok
}

func (g groups) lookUp(ctx context.Context, t term) ([]item, error) {
	list, err := g.find(ctx, t)
	found := g.items(list)
	if t.path.URN == "" && t.path.Name == scim.AttrMembers {
		for i := range found {
			if found[i].err == nil {
				found[i].resource.Document[scim.AttrMembers] = []any{map[string]any{scim.AttrValue: t.text, scim.AttrType: "User"}}
			}
		}
	}
	return found, err
}

func (g groups) find(ctx context.Context, t term) ([]keycloak.Group, error) {
	switch {
	case t.path.URN != "":
	case t.path.Name == scim.AttrID:
		return g.byID(ctx, t.text)
	case t.path.Name == scim.AttrMembers:
		return g.byMember(ctx, t.text)
	case t.path.Name == scim.AttrExternalID:
		return g.query(ctx, keycloak.GroupQuery{Attribute: &keycloak.AttributeQuery{Name: g.Tenant.Mapping.GroupExternalID(), Value: t.text}})
	case t.path.Name == scim.AttrDisplayName:
		// Keycloak's exact search is case-sensitive, but displayName is not (RFC 7643 section
		// 8.7.1). The inexact search finds at least every match.
		return g.query(ctx, keycloak.GroupQuery{Search: t.text})
	}
	lookup, ok := g.Tenant.Mapping.GroupLookup(t.path)
	if !ok {
		return nil, nil
	}
	query, ok := lookup.Query(t.text)
	if !ok {
		return nil, nil
	}
	return g.query(ctx, keycloak.GroupQuery{Attribute: &query})
}

func (g groups) byID(ctx context.Context, text string) ([]keycloak.Group, error) {
	id, err := g.Source.GroupID(text)
	if err != nil {
		return nil, nil //nolint:nilerr // no resource has an invalid id
	}
	group, err := g.Source.Group(ctx, id)
	if isNotFound(err) {
		return nil, nil
	}
	return []keycloak.Group{group}, err
}

func (g groups) byMember(ctx context.Context, text string) ([]keycloak.Group, error) {
	id, err := keycloak.ParseUserID(text)
	if err != nil {
		return nil, nil //nolint:nilerr // no resource has an invalid id
	}
	list, err := g.Source.GroupsOf(ctx, id)
	if isNotFound(err) {
		return nil, nil
	}
	return slices.DeleteFunc(list, func(group keycloak.Group) bool { return !g.Source.Listed(group) }), err
}

func (g groups) query(ctx context.Context, q keycloak.GroupQuery) ([]keycloak.Group, error) {
	return g.Source.FindGroups(ctx, q, maxHits)
}
