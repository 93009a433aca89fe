package storetest

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// requests are the rows and the counts of requests.
type requests struct {
	share   store.Share
	rows    []request // oldest first
	last    int64     // the number of the newest row
	counts  map[counted]int64
	dropped int64
}

// request is a row with the identifiers that its document has.
type request struct {
	store.Activity

	named []store.Identifier
	size  int64 // of its tenant's share
}

// shown is what a reader gets of a row.
func (r request) shown() store.Activity {
	out := r.Activity
	out.Document = scim.Document(out.Document).Clone()
	return out
}

// counted is a count without its number.
type counted struct {
	at           time.Time
	span         time.Duration
	tenant, what string
}

func newRequests() requests {
	return requests{share: store.DefaultShare, counts: map[counted]int64{}}
}

// Act implements store.Activities.
func (m *Memory) Act(a store.Activity) {
	bounded, text, named := a.Bounded()
	m.mutex.Lock()
	defer m.mutex.Unlock()
	r := &m.requests
	if m.closed || m.away != nil || a.ID == "" {
		r.dropped++
		return
	}
	if text != nil { // a copy, as a store writes it
		if bounded.Document, bounded.Detail, _ = store.DocumentOf(text); bounded.Document == nil {
			r.dropped++
			return
		}
	}
	r.last++
	bounded.Number, bounded.At, bounded.Took = r.last, kept(bounded.At), bounded.Took.Truncate(time.Microsecond)
	r.rows = append(r.rows, request{bounded, named, store.RowSize + int64(len(text))})
	r.keepShare(a.Tenant)
}

// keepShare removes the oldest rows of a tenant that has more than its share.
func (r *requests) keepShare(tenant string) {
	var rows, size int64
	for _, one := range r.rows {
		if one.Tenant == tenant {
			rows++
			size += one.size
		}
	}
	r.rows = slices.DeleteFunc(r.rows, func(one request) bool {
		if one.Tenant != tenant || rows <= r.share.Rows && size <= r.share.Bytes {
			return false
		}
		rows--
		size -= one.size
		return true
	})
}

// bytes is the size of all rows.
func (r *requests) bytes() int64 {
	var out int64
	for _, one := range r.rows {
		out += one.size
	}
	return out
}

// prune removes rows and counts that are too old, and then the oldest rows of the tenant with the most while the rows
// use more than their part of a store that is too large. others is the size of everything else.
func (r *requests) prune(now time.Time, of store.Retention, others int64) int64 {
	before := len(r.rows)
	if of.Activity > 0 {
		oldest := now.Add(-of.Activity)
		r.rows = slices.DeleteFunc(r.rows, func(one request) bool { return one.At.Before(oldest) })
		maps.DeleteFunc(r.counts, func(c counted, _ int64) bool { return c.at.Add(c.span).Before(oldest) })
	}
	r.foldCounts(now)
	const quarter = 4
	for of.MaxBytes > 0 && others+r.bytes() > of.MaxBytes && r.bytes() > of.MaxBytes/quarter {
		most := r.largest()
		at := slices.IndexFunc(r.rows, func(one request) bool { return one.Tenant == most })
		r.rows = slices.Delete(r.rows, at, at+1)
	}
	return int64(before - len(r.rows))
}

// largest is the tenant whose rows are the largest.
func (r *requests) largest() string {
	sizes := map[string]int64{}
	most := ""
	for _, one := range r.rows {
		sizes[one.Tenant] += one.size
		if sizes[one.Tenant] > sizes[most] {
			most = one.Tenant
		}
	}
	return most
}

// foldCounts adds up the counts that are older than a day, by the hour.
func (r *requests) foldCounts(now time.Time) {
	const day = 24 * time.Hour
	for c, n := range r.counts {
		if c.span == time.Minute && c.at.Before(now.Add(-day).Truncate(time.Hour)) {
			delete(r.counts, c)
			r.counts[counted{c.at.Truncate(time.Hour), time.Hour, c.tenant, c.what}] += n
		}
	}
}

// Count implements store.Activities.
func (m *Memory) Count(at time.Time, tenant, what string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.requests.counts[counted{at.UTC().Truncate(time.Minute), time.Minute, tenant, what}]++
}

// Counts implements store.Activities.
func (m *Memory) Counts(ctx context.Context, q store.CountQuery) ([]store.Count, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mutex.Unlock()
	var out []store.Count
	for c, n := range m.requests.counts {
		if (q.Tenant == "" || q.Tenant == c.tenant) && (q.Since.IsZero() || c.at.Add(c.span).After(q.Since)) && (q.Until.IsZero() || c.at.Before(q.Until)) {
			out = append(out, store.Count{At: c.at, Span: c.span, Tenant: c.tenant, What: c.what, N: n})
		}
	}
	slices.SortFunc(out, store.Count.Compare)
	return out, nil
}

// Activity implements store.Activities.
func (m *Memory) Activity(ctx context.Context, id string) (store.Activity, error) {
	if err := m.enter(ctx); err != nil {
		return store.Activity{}, err
	}
	defer m.mutex.Unlock()
	for _, one := range m.requests.rows {
		if one.ID == id {
			return one.shown(), nil
		}
	}
	return store.Activity{}, store.ErrNoActivity
}

// Activities implements store.Activities. It selects when the iteration begins, so the loop may use the store.
func (m *Memory) Activities(ctx context.Context, q store.ActivityQuery) iter.Seq2[store.Activity, error] {
	return func(yield func(store.Activity, error) bool) {
		selected, err := m.selectedRequests(ctx, q)
		if err != nil {
			yield(store.Activity{}, err)
			return
		}
		for _, one := range selected {
			if err := ctx.Err(); err != nil {
				yield(store.Activity{}, err)
				return
			}
			if !yield(one, nil) {
				return
			}
		}
	}
}

func (m *Memory) selectedRequests(ctx context.Context, q store.ActivityQuery) ([]store.Activity, error) {
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mutex.Unlock()
	about := m.requestsAbout(q.Person)
	rows := slices.Clone(m.requests.rows)
	if q.Newest {
		slices.Reverse(rows)
	}
	var out []store.Activity
	for _, one := range rows {
		if selectsRequest(q, one.Activity) && about(one) {
			out = append(out, one.shown())
		}
		if q.Limit > 0 && len(out) == q.Limit {
			break
		}
	}
	return out, nil
}

// selectsRequest reports whether a query selects a row, whomever the row names.
func selectsRequest(q store.ActivityQuery, a store.Activity) bool {
	const hundred = 100
	read := q.After > 0 && (a.Number == q.After || (a.Number < q.After) != q.Newest)
	return !read &&
		(q.Tenant == "" || q.Tenant == a.Tenant) &&
		(q.Resource == "" || q.Resource == a.Resource.ID) &&
		(q.Code == "" || q.Code == a.Code) &&
		(q.Of == "" || q.Of == a.Of) &&
		(q.Class == 0 || q.Class == a.Status/hundred) &&
		(!q.Failed || a.Status >= 4*hundred) &&
		(q.Since.IsZero() || !a.At.Before(q.Since)) &&
		(q.Until.IsZero() || a.At.Before(q.Until))
}

// requestsAbout returns whether a row is about a person: its document names the person, or it is a request about a user
// that the journal or a document names by one of the person's identifiers.
func (m *Memory) requestsAbout(p *store.Person) func(request) bool {
	if p == nil {
		return func(request) bool { return true }
	}
	given := p.Identifiers()
	names := func(list []store.Identifier) bool {
		return slices.ContainsFunc(list, func(one store.Identifier) bool { return slices.Contains(given, one) })
	}
	ids := map[string]bool{folded(p.ID): true}
	for _, e := range m.entries {
		if e.Resource.Type == userType && named(e.Change, given) {
			ids[folded(e.Resource.ID)] = true
		}
	}
	for _, one := range m.requests.rows {
		if one.Resource.Type == userType && names(one.named) {
			ids[folded(one.Resource.ID)] = true
		}
	}
	delete(ids, "")
	for id := range ids {
		given = append(given, store.Person{ID: id}.Identifiers()...)
	}
	return func(one request) bool { return names(one.named) || ids[folded(one.Resource.ID)] }
}

// forgetRequests erases a person from the rows, and returns their number. given are the identifiers by which the person
// is forgotten.
func (m *Memory) forgetRequests(given []store.Identifier, who store.Forgotten) int {
	given = append(slices.Clone(given), who.Names...)
	given = append(given, store.Person{ID: who.ID}.Identifiers()...)
	is := func(one store.Identifier) bool { return slices.Contains(given, one) }
	count := 0
	for i := range m.requests.rows {
		one := &m.requests.rows[i]
		about := slices.ContainsFunc(one.named, is) || slices.ContainsFunc(store.Person{ID: one.Resource.ID}.Identifiers(), is)
		if one.Document == nil || !about {
			continue
		}
		one.Erase()
		one.named, one.size = nil, store.RowSize
		count++
	}
	return count
}

// folded is an id as it is compared.
func folded(id string) string {
	for _, one := range (store.Person{ID: id}).Identifiers() {
		return one.Value
	}
	return ""
}
