package directory

import (
	"context"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// groups searches the groups of one tenant.
type groups struct {
	t   *tenant.Tenant
	src Source
}

// Groups finds top-level groups without their members: all in Keycloak's order, by
// name, when e is nil, else those that match. Errors are as for Users.
func Groups(ctx context.Context, t *tenant.Tenant, src Source, e filter.Expr, page Page) (Found, error) {
	g := groups{t: t, src: src}
	if err := g.checkMembers(e); err != nil {
		return Found{}, err
	}
	s := search{rt: t.Mapping.Group, base: t.BaseURL, rank: g.rank, lookUp: g.lookUp, count: src.CountGroups, read: g.read}
	found, err := s.run(ctx, e, page)
	for i, r := range found.Resources {
		found.Resources[i].Document = r.Document.Without(scim.AttrMembers)
	}
	return found, err
}

// checkMembers refuses a filter whose terms on members are not all looked up: the
// documents that it is checked against hold no other members than those.
func (g groups) checkMembers(e filter.Expr) error {
	looked := 0
	terms, _ := ranking(g.rank).lookups(e, scim.AttrPath{})
	for _, t := range terms {
		looked += count(t.path, scim.AttrMembers)
	}
	if looked != mentions(e, scim.AttrMembers) {
		return scim.BadRequest(scim.InvalidFilter, "a filter can name one member by members.value eq, alone or joined to others by \"and\"")
	}
	return nil
}

func (g groups) read(ctx context.Context, first, limit int) ([]scim.Resource, error) {
	list, err := g.src.ListGroups(ctx, first, limit)
	if err != nil {
		return nil, err
	}
	return resources(list, g.resource)
}

func (g groups) resource(group keycloak.Group) (scim.Resource, error) {
	return g.t.Mapping.GroupResource(g.t.Party.Key, group)
}

// rank puts members first, because only what is looked up by them has them to be
// checked against.
func (g groups) rank(p scim.AttrPath) (int, bool) {
	switch {
	case p.URN != "":
	case p.Name == scim.AttrMembers && (p.Sub == scim.AttrValue || p.Sub == ""):
		return -100, true
	case p.Name == scim.AttrID:
		return 0, true
	case p.Name == scim.AttrDisplayName:
		return 1, true
	case p.Name == scim.AttrExternalID:
		return 2, true
	}
	_, ok := g.t.Mapping.GroupLookup(p)
	return 8, ok
}

func (g groups) lookUp(ctx context.Context, t term) ([]scim.Resource, error) {
	list, err := g.find(ctx, t)
	if err != nil {
		return nil, err
	}
	found, err := resources(list, g.resource)
	if t.path.URN == "" && t.path.Name == scim.AttrMembers {
		for i := range found {
			found[i].Document[scim.AttrMembers] = []any{map[string]any{scim.AttrValue: t.text}}
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
		return g.search(ctx, keycloak.GroupQuery{Attribute: &keycloak.AttributeQuery{Name: g.t.Mapping.GroupExternalID(), Value: t.text}})
	case t.path.Name == scim.AttrDisplayName:
		// Keycloak's exact search is by case and a display name is not (RFC 7643 section
		// 8.7.1), so the search is the inexact one, which finds at least every match.
		return g.search(ctx, keycloak.GroupQuery{Search: t.text})
	}
	lookup, ok := g.t.Mapping.GroupLookup(t.path)
	if !ok {
		return nil, nil
	}
	query, ok := lookup.Query(t.text)
	if !ok {
		return nil, nil
	}
	return g.search(ctx, keycloak.GroupQuery{Attribute: &query})
}

func (g groups) byID(ctx context.Context, text string) ([]keycloak.Group, error) {
	id, err := g.src.GroupID(text)
	if err != nil {
		return nil, nil //nolint:nilerr // what is no id is nobody's
	}
	group, err := g.src.Group(ctx, id)
	if isNotFound(err) {
		return nil, nil
	}
	return []keycloak.Group{group}, err
}

func (g groups) byMember(ctx context.Context, text string) ([]keycloak.Group, error) {
	id, err := keycloak.ParseUserID(text)
	if err != nil {
		return nil, nil //nolint:nilerr // what is no id is nobody's
	}
	list, err := g.src.GroupsOf(ctx, id)
	if isNotFound(err) {
		return nil, nil
	}
	return byName(slices.DeleteFunc(list, func(group keycloak.Group) bool { return !g.src.Listed(group) })), err
}

func (g groups) search(ctx context.Context, q keycloak.GroupQuery) ([]keycloak.Group, error) {
	list, err := g.src.FindGroups(ctx, q, maxHits)
	return byName(list), err
}

// byName sorts groups as a list shows them.
func byName(list []keycloak.Group) []keycloak.Group {
	slices.SortStableFunc(list, func(a, b keycloak.Group) int { return strings.Compare(a.Name, b.Name) })
	return list
}
