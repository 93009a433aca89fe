package storetest

import (
	"context"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// Types of resources.
const (
	userType  = "User"
	groupType = "Group"
)

// selected are copies of the entries that a query selects.
func (m *Memory) selected(ctx context.Context, q store.Query) ([]store.Entry, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mutex.Unlock()
	about := m.about(q.Person)
	var out []store.Entry
	for i := range m.entries {
		e := m.entries[i]
		if q.Newest {
			e = m.entries[len(m.entries)-1-i]
		}
		if selects(q, e.Entry) && about(e.Change) {
			out = append(out, shown(e))
		}
		if q.Limit > 0 && len(out) == q.Limit {
			break
		}
	}
	return out, nil
}

// selects reports whether a query selects an entry, whomever the entry is about.
func selects(q store.Query, e store.Entry) bool {
	number := e.Position.Number
	read := q.After > 0 && (number == q.After || (number < q.After) != q.Newest)
	return !read &&
		(q.Tenant == "" || q.Tenant == e.Tenant) &&
		(q.Resource == "" || q.Resource == e.Resource.ID) &&
		(q.Op == "" || q.Op == e.Op) &&
		(q.Outcome == "" || q.Outcome == e.Outcome) &&
		(q.Since.IsZero() || !e.Settled.Before(q.Since)) &&
		(q.Until.IsZero() || e.Settled.Before(q.Until))
}

// about returns whether a change is about a person: it has one of the person's identifiers, or it is about a user that a
// change with such an identifier changed.
func (m *Memory) about(p *store.Person) func(change.Change) bool {
	if p == nil {
		return func(change.Change) bool { return true }
	}
	given := p.Identifiers()
	all := slices.Clone(given)
	for _, e := range m.entries {
		if e.Resource.Type == userType && named(e.Change, given) {
			all = append(all, store.Person{ID: e.Resource.ID}.Identifiers()...)
		}
	}
	return func(c change.Change) bool { return named(c, all) }
}

// named reports whether a change has one of the identifiers.
func named(c change.Change, by []store.Identifier) bool {
	return slices.ContainsFunc(store.IdentifiersOf(c), func(one store.Identifier) bool { return slices.Contains(by, one) })
}
