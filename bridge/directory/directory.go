package directory

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

const (
	// MaxPage is the most resources of one page of a list; a client that asks for
	// more gets this many.
	MaxPage = 200
	// DefaultPage is the page of a client that names no count.
	DefaultPage = 100
	// upstreamPage is the most that one call reads: on a cold cache Keycloak's cost
	// grows with the square of it.
	upstreamPage = 100
	// parallel bounds the pages of one request under way at once.
	parallel = 4
	// maxHits bounds what one look-up may find, as an attribute that is not unique
	// may match everybody.
	maxHits = 1000
)

// Page is what a client asks for (RFC 7644 section 3.4.2.4).
type Page struct {
	Start int // from 1
	Count int // 0 to MaxPage
}

// first is the offset of the page.
func (p Page) first() int { return p.Start - 1 }

// Found is a page of resources and the number of all that match.
type Found struct {
	Resources []scim.Resource
	Total     int
}

// Directory finds the resources of tenants.
type Directory struct {
	// Visible leaves out the users that SCIM may not see (bridge/guard).
	Visible func(context.Context, *keycloak.Client, []keycloak.User) ([]keycloak.User, error)
}

// search is one query: how to look up terms of one type of resource.
type search struct {
	rt     *scim.ResourceType
	base   string
	rank   ranking
	lookUp func(context.Context, term) ([]scim.Resource, error)
}

// run finds what matches the filter by look-ups, in the order of their first hits.
func (s search) run(ctx context.Context, e filter.Expr, page Page) (Found, error) {
	terms, ok := s.rank.lookups(e, scim.AttrPath{})
	if !ok {
		return Found{}, s.refuse()
	}
	hits, err := s.all(ctx, e, terms)
	if err != nil {
		return Found{}, err
	}
	if len(hits) == 0 {
		if again, ok := decodedTwice(e); ok {
			terms, _ = s.rank.lookups(again, scim.AttrPath{})
			if hits, err = s.all(ctx, again, terms); err != nil {
				return Found{}, err
			}
		}
	}
	start := min(page.first(), len(hits))
	end := min(start+page.Count, len(hits))
	return Found{Resources: hits[start:end], Total: len(hits)}, nil
}

// all looks up the terms and keeps what matches the whole filter, each once.
func (s search) all(ctx context.Context, e filter.Expr, terms []term) ([]scim.Resource, error) {
	var hits []scim.Resource
	seen := map[string]bool{}
	for _, t := range terms {
		found, err := s.lookUp(ctx, t)
		if errors.Is(err, keycloak.ErrNotSearchable) {
			return nil, scim.BadRequest(scim.InvalidFilter, "Keycloak cannot search %s for a value that ends in a backslash or holds a backslash before a quote", t.path)
		}
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			if !seen[r.ID] && filter.Match(e, s.rt.Object(r, s.base)) {
				seen[r.ID] = true
				hits = append(hits, r)
			}
		}
	}
	return hits, nil
}

// refuse says which filters work, so that nobody takes an empty list for an answer.
func (s search) refuse() error {
	names := "id, userName, externalId, emails.value and displayName"
	if s.rt.Schema.ID == scim.GroupURN {
		names = "id, displayName, externalId and members.value"
	}
	return scim.BadRequest(scim.InvalidFilter,
		"the filter needs a term that Keycloak can look up: eq on one of %s, alone or joined to others by \"and\"", names)
}

// decodedTwice is the filter with its texts percent-decoded once more, or false
// when that changes nothing: Entra's SCIM Validator encodes values twice.
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

// paged reads a page of all there is, and counts it, at once.
func paged[T any](
	ctx context.Context, page Page, count func(context.Context) (int, error),
	read func(ctx context.Context, first, limit int) ([]T, error), toResource func(T) (scim.Resource, error),
) (Found, error) {
	var found Found
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		found.Total, err = count(ctx)
		return err
	})
	g.Go(func() error {
		list, err := pages(ctx, page.first(), page.Count, read)
		if err == nil {
			found.Resources, err = resources(list, toResource)
		}
		return err
	})
	err := g.Wait()
	return found, err
}

// pages reads pages of upstreamPage at once from first, count of them in all,
// several in parallel, and joins them in order.
func pages[T any](ctx context.Context, first, count int, read func(ctx context.Context, first, limit int) ([]T, error)) ([]T, error) {
	parts := make([][]T, (count+upstreamPage-1)/upstreamPage)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range parts {
		g.Go(func() (err error) {
			offset := i * upstreamPage
			parts[i], err = read(ctx, first+offset, min(upstreamPage, count-offset))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var out []T
	for _, part := range parts {
		out = append(out, part...)
	}
	return out, nil
}

// drain reads pages until a short one: for what has no count.
func drain[T any](ctx context.Context, limit int, read func(ctx context.Context, first, limit int) ([]T, error)) ([]T, error) {
	var out []T
	for {
		part, err := read(ctx, len(out), upstreamPage)
		if err != nil {
			return nil, err
		}
		out = append(out, part...)
		if len(part) < upstreamPage {
			return out, nil
		}
		if len(out) >= limit {
			return nil, scim.BadRequest(scim.TooMany, "more than %d resources match one term of the filter; add a term that is unique", limit)
		}
	}
}

// resources maps what Keycloak holds to resources; the id of the one that cannot
// be mapped is part of the error.
func resources[T any](items []T, toResource func(T) (scim.Resource, error)) ([]scim.Resource, error) {
	out := make([]scim.Resource, len(items))
	for i, item := range items {
		r, err := toResource(item)
		if err != nil {
			return nil, err
		}
		out[i] = r
	}
	return out, nil
}
