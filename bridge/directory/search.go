package directory

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

const (
	// parallel limits the pages that one request reads at a time.
	parallel = 4
	// maxHits limits what one look-up may find, because an attribute that is not unique may match
	// all users. The index finds more.
	maxHits = 1000
)

// item is a resource that was read, or its id and the reason why it cannot be mapped.
type item struct {
	resource scim.Resource
	err      error
	unkeyed  bool // see former.go
}

// part is a page of Keycloak's list: what a tenant may see of it, and the ids of everything on it,
// because offsets count everything.
type part struct {
	items []item
	all   []string
}

// search is one query: how to look up terms for one resource type, and how to read all resources.
type search struct {
	view   View
	rt     *scim.ResourceType
	rank   ranking
	kept   *keptIndex
	lookUp func(context.Context, term) ([]item, error)
	count  func(context.Context) (int, error)
	read   func(ctx context.Context, first, limit int) (part, error)
	byID   func(ctx context.Context, ids []string) ([]item, error)
	byName func(ctx context.Context, name string) ([]item, error) // nil for groups
	// mixed says that read and count include resources that the tenant may not see, so pages cannot
	// be counted by them.
	mixed bool
	// federated says that the list may be longer than Keycloak's count, because Keycloak lists
	// users of a directory that it does not count.
	federated bool
	// beside says that the filter names something that no document contains, so no index has it.
	beside bool
}

// run finds a page of the resources that match the filter; nil matches everything.
func (s search) run(ctx context.Context, q Query) (Found, error) {
	if q.Filter != nil {
		q.Filter = filter.Simplify(q.Filter, s.rt)
	}
	if c, ok := q.Filter.(*filter.Constant); ok {
		if q.Filter = nil; !c.Value {
			return Found{}, nil
		}
	}
	if q.Filter == nil && q.Sort.Path.Attr == nil && !q.Cursor && !s.mixed {
		read := s.page
		if s.federated {
			read = s.federatedPage
		}
		found, pure, err := read(ctx, q)
		if pure || err != nil {
			return found, err
		}
	}
	found, err := s.filtered(ctx, q)
	if err != nil || found.Total > 0 || q.Filter == nil || !s.rt.Profile.Takes(scim.EncodedTwice) {
		return found, err
	}
	if again, ok := decodedTwice(q.Filter); ok {
		q.Filter = again
		return s.filtered(ctx, q)
	}
	return found, nil
}

// filtered answers by look-ups, if there are look-ups that do not find too much. When no resource
// matches the exact filter, the loose filter decides (scim.LoneUntyped), about the same resources.
func (s search) filtered(ctx context.Context, q Query) (Found, error) {
	exact, loose := q.Filter, filter.Expr(nil)
	if exact != nil && s.rt.Profile.Takes(scim.LoneUntyped) {
		if e, ok := filter.Loosen(exact); ok {
			loose = e
		}
	}
	if exact != nil {
		if terms, ok := s.rank.lookups(cmp.Or(loose, exact), scim.AttrPath{}); ok {
			hits, err := s.all(ctx, exact, loose, terms)
			switch unanswered := errors.Is(err, keycloak.ErrNotSearchable); {
			case !tooMany(err) && !unanswered:
				return s.cut(hits, q), err
			case s.beside && unanswered:
				return Found{}, scim.BadRequest(scim.CodeFilterUnsupported, scim.InvalidFilter, "a filter on members cannot also search for a value that ends in a backslash, contains a backslash before a quote, or is too long for a URL; leave out that value or the members")
			case s.beside:
				return Found{}, err
			}
		}
	}
	found, err := s.indexed(ctx, q)
	if err == nil && found.Total == 0 && loose != nil {
		q.Filter = loose
		return s.indexed(ctx, q)
	}
	return found, err
}

func tooMany(err error) bool {
	e, ok := errors.AsType[*scim.Error](err)
	return ok && e.Type == scim.TooMany
}

// all looks up the terms and keeps each resource that matches the whole filter, once. When none
// matches, it keeps the resources that match the loose filter, if loose is not nil.
func (s search) all(ctx context.Context, exact, loose filter.Expr, terms []term) ([]scim.Resource, error) {
	var hits, others []scim.Resource
	seen, looked := map[string]bool{}, map[term]bool{}
	for _, t := range terms {
		if looked[t] {
			continue
		}
		looked[t] = true
		items, err := s.lookUp(ctx, t)
		var found []scim.Resource
		if err == nil {
			found, err = resources(items)
		}
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if seen[r.ID] {
				continue
			}
			switch object := s.rt.Object(r, s.view.Tenant.BaseURL); {
			case filter.Match(exact, object):
				seen[r.ID] = true
				hits = append(hits, r)
			case loose != nil && filter.Match(loose, object):
				seen[r.ID] = true
				others = append(others, r)
			}
		}
	}
	if len(hits) == 0 {
		return others, nil
	}
	return hits, nil
}

// resources returns the resources of items, or the error of the first item that cannot be mapped.
func resources(items []item) ([]scim.Resource, error) {
	out := make([]scim.Resource, len(items))
	for i, found := range items {
		if found.err != nil {
			return nil, found.err
		}
		out[i] = found.resource
	}
	return out, nil
}

// cut returns the page of what was found.
func (s search) cut(hits []scim.Resource, q Query) Found {
	type hit struct {
		at       filter.Placed
		resource scim.Resource
	}
	sorter := q.Sort.Sorter()
	all := make([]hit, len(hits))
	for i, r := range hits {
		all[i] = hit{sorter.Place(q.Sort.Position(s.rt.Object(r, s.view.Tenant.BaseURL))), r}
	}
	compare := func(a, b filter.Placed) int {
		if q.Sort.Descending {
			a, b = b, a
		}
		return a.Compare(b)
	}
	slices.SortFunc(all, func(a, b hit) int { return compare(a.at, b.at) })
	start := min(q.first(), len(all))
	if q.Cursor {
		start = 0
	}
	if q.After != nil {
		after := sorter.Place(*q.After)
		for start < len(all) && compare(all[start].at, after) <= 0 {
			start++
		}
	}
	end := min(start+q.Count, len(all))
	found := Found{Total: len(all)}
	for _, h := range all[start:end] {
		found.Resources = append(found.Resources, h.resource)
	}
	if q.Cursor && start < end && end < len(all) {
		found.Next = &all[end-1].at.Position
	}
	return found
}

// decodedTwice percent-decodes the texts of a filter once more, because Entra's SCIM Validator
// encodes values twice. It returns false when this changes nothing.
func decodedTwice(e filter.Expr) (filter.Expr, bool) {
	changed := false
	out := filter.MapText(e, func(text string) string {
		if !strings.Contains(text, "%") {
			return text
		}
		decoded, err := url.PathUnescape(text)
		if err != nil || decoded == text || strings.ContainsRune(decoded, 0) {
			return text
		}
		changed = true
		return decoded
	})
	return out, changed
}

// page reads a page of all resources and counts them at the same time. It is pure when it holds
// only what the tenant may see.
func (s search) page(ctx context.Context, q Query) (found Found, pure bool, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		found.Total, err = s.count(ctx)
		return err
	})
	g.Go(func() error {
		parts, err := pages(ctx, q.first(), q.Count, s.read)
		if err != nil {
			return err
		}
		items, whole := joined(parts)
		pure = whole
		found.Resources, err = resources(items)
		return err
	})
	if err = g.Wait(); err == nil && len(found.Resources) > 0 { // a resource may have been created between the two calls
		found.Total = max(found.Total, q.first()+len(found.Resources))
	}
	return found, pure, err
}

// pages reads count entries from first, in order, by pages of keycloak.MaxPage, several in
// parallel.
func pages(ctx context.Context, first, count int, read func(ctx context.Context, first, limit int) (part, error)) ([]part, error) {
	parts := make([]part, (count+keycloak.MaxPage-1)/keycloak.MaxPage)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range parts {
		g.Go(func() (err error) {
			offset := i * keycloak.MaxPage
			parts[i], err = read(ctx, first+offset, min(keycloak.MaxPage, count-offset))
			return err
		})
	}
	err := g.Wait()
	return parts, err
}

// indexTries limits how often the index proposes another page because Keycloak had other resources
// than the index.
const indexTries = 4

// indexed reads the page that the index proposes. It corrects the index where Keycloak differs, and
// asks the index again, so that a changed resource does not displace another resource.
func (s search) indexed(ctx context.Context, q Query) (Found, error) {
	if err := s.kept.fresh(ctx, s); err != nil {
		return Found{}, err
	}
	got := map[string]scim.Resource{}
	for range indexTries {
		proposed := s.kept.find(q)
		var missing []string
		for _, p := range proposed.Page {
			if _, ok := got[p.ID]; !ok {
				missing = append(missing, p.ID)
			}
		}
		changed, err := s.kept.reread(ctx, s, missing, got)
		if err != nil {
			return Found{}, err
		}
		if changed {
			continue
		}
		found := Found{Total: proposed.Total}
		for _, p := range proposed.Page {
			found.Resources = append(found.Resources, got[p.ID])
		}
		if n := len(proposed.Page); q.Cursor && proposed.More && n > 0 {
			found.Next = &proposed.Page[n-1]
		}
		return found, nil
	}
	return Found{}, UnsteadyError{"the resources changed during the search"}
}
