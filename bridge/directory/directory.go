package directory

import (
	"context"
	"errors"
	"net/http"
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

// Source is what a search reads: all that a tenant may see, and nothing else (the Wall of
// bridge/guard).
type Source interface {
	User(ctx context.Context, id keycloak.UserID) (keycloak.User, error)
	FindUsers(ctx context.Context, q keycloak.UserQuery, most int) ([]keycloak.User, error)
	ListUsers(ctx context.Context, first, limit int) ([]keycloak.User, error)
	CountUsers(ctx context.Context) (int, error)

	GroupID(text string) (keycloak.GroupID, error)
	Group(ctx context.Context, id keycloak.GroupID) (keycloak.Group, error)
	FindGroups(ctx context.Context, q keycloak.GroupQuery, most int) ([]keycloak.Group, error)
	ListGroups(ctx context.Context, first, limit int) ([]keycloak.Group, error)
	CountGroups(ctx context.Context) (int, error)
	Listed(g keycloak.Group) bool
	GroupsOf(ctx context.Context, id keycloak.UserID) ([]keycloak.Group, error)
}

// search is one query: how to look up terms of one type of resource, and how to read
// all there is.
type search struct {
	rt     *scim.ResourceType
	base   string
	rank   ranking
	lookUp func(context.Context, term) ([]scim.Resource, error)
	count  func(context.Context) (int, error)
	read   func(ctx context.Context, first, limit int) ([]scim.Resource, error)
}

// run finds a page of what matches the filter; nil matches everything.
func (s search) run(ctx context.Context, e filter.Expr, page Page) (Found, error) {
	if e != nil {
		e = filter.Simplify(e, s.rt)
	}
	if c, ok := e.(*filter.Constant); ok {
		if e = nil; !c.Value {
			return Found{}, nil
		}
	}
	if e == nil {
		return s.page(ctx, page)
	}
	hits, err := s.hits(ctx, e)
	if again, ok := decodedTwice(e); ok && err == nil && len(hits) == 0 && s.rt.Profile.Takes(scim.EncodedTwice) {
		hits, err = s.hits(ctx, again)
	}
	start := min(page.first(), len(hits))
	end := min(start+page.Count, len(hits))
	return Found{Resources: hits[start:end], Total: len(hits)}, err
}

// hits are all resources that match: by look-ups, in the order of their first hits,
// else by reading everything.
func (s search) hits(ctx context.Context, e filter.Expr) ([]scim.Resource, error) {
	if terms, ok := s.rank.lookups(e, scim.AttrPath{}); ok {
		return s.all(ctx, e, terms)
	}
	return s.scan(ctx, e)
}

const (
	// maxScan bounds the resources that are read for one filter that Keycloak cannot
	// look up.
	maxScan = 1000
	// scanTries bounds how often a scan begins again because the realm changed.
	scanTries = 3
)

// scan reads everything and keeps what matches. Pages by offset skip and repeat
// resources while others are deleted and created; a scan that did begins again.
func (s search) scan(ctx context.Context, e filter.Expr) ([]scim.Resource, error) {
	for range scanTries {
		total, err := s.count(ctx)
		if err != nil {
			return nil, err
		}
		if total > maxScan {
			return nil, s.refuse(total)
		}
		list, err := pages(ctx, 0, total, s.read)
		if err != nil {
			return nil, err
		}
		if distinct(list) == total {
			return s.matching(e, list), nil
		}
	}
	return nil, &scim.Error{
		Status: http.StatusServiceUnavailable, RetryAfter: 1,
		Detail: "the realm changed while it was searched; try again",
	}
}

func distinct(list []scim.Resource) int {
	ids := make(map[string]bool, len(list))
	for _, r := range list {
		ids[r.ID] = true
	}
	return len(ids)
}

func (s search) matching(e filter.Expr, list []scim.Resource) []scim.Resource {
	var out []scim.Resource
	for _, r := range list {
		if filter.Match(e, s.rt.Object(r, s.base)) {
			out = append(out, r)
		}
	}
	return out
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
		for _, r := range s.matching(e, found) {
			if !seen[r.ID] {
				seen[r.ID] = true
				hits = append(hits, r)
			}
		}
	}
	return hits, nil
}

// refuse says which filters work among many resources, so that nobody takes an empty
// list for an answer.
func (s search) refuse(total int) error {
	names := "id, userName, externalId, emails.value and displayName"
	if s.rt.Schema.ID == scim.GroupURN {
		names = "id, displayName, externalId and members.value"
	}
	return scim.BadRequest(scim.TooMany,
		"among %d resources, more than %d, the filter needs a term that Keycloak can look up: eq on one of %s, alone or joined to others by \"and\"", total, maxScan, names)
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

// page reads a page of all there is, and counts it, at once.
func (s search) page(ctx context.Context, page Page) (Found, error) {
	var found Found
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		found.Total, err = s.count(ctx)
		return err
	})
	g.Go(func() (err error) {
		found.Resources, err = pages(ctx, page.first(), page.Count, s.read)
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
