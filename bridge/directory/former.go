package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// A former value is an externalId that an account shows and that no look-up key finds
// (mapping.Owner.Keyed). Another SCIM server wrote it, or an administrator in Keycloak. The next
// write of the bridge to the account adds a key. Until then, there are two ways to find the
// account:
//
//	the index    knows the users without a key, and proposes them: no call when no user matches
//	a search     for the attribute, when there is no fresh index and the key found nobody.
//	             Keycloak reads every value of the attribute for it, which takes a second for
//	             100,000 users, so a realm has at most one such search at a time
//
// formerSearches is the number of searches after which an index is made: in a realm of any size, a
// scan costs Keycloak about as much as some hundreds of such searches.
const formerSearches = 100

func isExternalID(p scim.AttrPath) bool { return p.URN == "" && p.Name == scim.AttrExternalID }

// externalID returns the path of the attribute; ok is false for groups.
func (x *keptIndex) externalID() (path scim.AttrPath, ok bool) {
	return scim.AttrPath{Name: scim.AttrExternalID, Attr: x.rt.Attribute(scim.AttrExternalID)}, x.rt.Schema.ID == scim.UserURN
}

// former finds users by a value that a former SCIM server wrote. found are the users that the
// look-up key found; former does not return them again.
func (u users) former(ctx context.Context, t term, found []item) ([]item, error) {
	s := u.search()
	ids, known := s.kept.former(u.eq(s, t), u.follows())
	if known {
		ids = slices.DeleteFunc(ids, func(id string) bool {
			return slices.ContainsFunc(found, func(i item) bool { return i.resource.ID == id })
		})
		if len(ids) == 0 {
			return nil, nil
		}
		return u.byIDs(ctx, ids)
	}
	shows := func(i item) bool { return i.err == nil && i.resource.Document.String(scim.AttrExternalID) == t.text }
	if u.Tenant.Owner.Organization || slices.ContainsFunc(found, shows) { // at an organization, the values are in no attribute of their own
		return nil, nil
	}
	return u.searchFormer(ctx, s, t)
}

// eq turns a term into a filter.
func (users) eq(s search, t term) filter.Expr {
	path, _ := s.kept.externalID()
	return &filter.Compare{Path: path, Op: filter.Eq, Value: t.text}
}

// follows reports whether a feed reports changes. It does not poll the feed.
func (u users) follows() bool {
	polled := u.d.realm(u.Tenant.Realm).feed.polled()
	return u.Fitness.Feed && !polled.IsZero() && u.d.options.Now().Sub(polled) <= maxGap
}

// searchFormer searches for the attribute in Keycloak, when no other such search of the realm is
// running.
func (u users) searchFormer(ctx context.Context, s search, t term) ([]item, error) {
	turn := u.d.realm(u.Tenant.Realm).former
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for other searches: %w", ctx.Err())
	}
	defer func() { <-turn }()
	list, err := u.byAttributes(ctx, keycloak.AttributeQuery{Name: u.Tenant.Mapping.UserExternalID(), Value: t.text})
	if !errors.Is(err, keycloak.ErrNotSearchable) { // otherwise the index is made, and answers
		s.kept.searched(s)
	}
	found := slices.DeleteFunc(u.items(list), func(i item) bool { return !i.unkeyed })
	return found, err
}

// former returns the ids of matching users without a key, from the index; known is false when the
// index is too old for an answer.
func (x *keptIndex) former(e filter.Expr, follows bool) (ids []string, known bool) {
	x.mu.Lock()
	table, now, most := x.table, x.d.options.Now(), x.mostAge()
	if follows {
		most *= feedFactor
	}
	known = !x.scannedAt.IsZero() && now.Sub(x.scannedAt) <= most
	if known {
		x.usedAt = now
	}
	x.mu.Unlock()
	if !known {
		return nil, false
	}
	return table.Marked(e), true
}

// searched counts a search, and starts a scan after many searches.
func (x *keptIndex) searched(s search) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.searches++; x.searches < formerSearches || x.scan != nil {
		return
	}
	now := x.d.options.Now()
	if x.searches = 0; x.refusedAt.IsZero() || now.Sub(x.refusedAt) >= refusedFor {
		x.usedAt, x.scan = now, newScan(x, s)
	}
}
