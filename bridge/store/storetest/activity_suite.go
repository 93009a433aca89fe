package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
)

// smallShare is the share of each tenant in RunShares.
var smallShare = store.Share{Rows: 20, Bytes: 40_000}

// RunShares runs the tests of the shares of tenants. open opens a new, empty store with a share. RunShares closes the
// store.
func RunShares(t *testing.T, open func(t *testing.T, now func() time.Time, share store.Share) store.Store) {
	t.Helper()
	for _, one := range shares() {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			one.test(newWorld(t, func(t *testing.T, now func() time.Time) store.Store {
				t.Helper()
				return open(t, now, smallShare)
			}))
		})
	}
}

// request is a request of the tenant acme that was answered.
func (w *world) request(status int) store.Activity {
	a := store.Activity{
		ID: string(change.NewID()), At: w.clock.now(), Took: 1234 * time.Microsecond, Tenant: "acme", Realm: "realm", Actor: change.Actor{Kind: "client", Name: "okta", KeyID: "k1"}, Origin: change.Request,
		Method: "PUT", Route: "/Users/:id", Resource: change.Resource{Type: userType, ID: anna}, Status: status, Calls: 2, Change: change.NewID(), Size: 300,
	}
	if status >= 400 {
		a.Code, a.Change = "conflict", ""
	}
	return a
}

// refused is a creation that was refused, of a user.
func (w *world) refused(document map[string]any) store.Activity {
	a := w.request(409)
	a.Method, a.Route, a.Resource.ID, a.Document, a.Detail = "POST", "/Users", "", document, "the userName is taken"
	return a
}

// act records requests, and waits until they are written.
func (w *world) act(all ...store.Activity) {
	w.Helper()
	for _, a := range all {
		w.store.Act(a)
	}
	w.flush()
}

// requests are the requests that a query selects, without their numbers.
func (w *world) requests(q store.ActivityQuery) []store.Activity {
	w.Helper()
	var out []store.Activity
	for a, err := range w.store.Activities(w.Context(), q) {
		w.must(err)
		a.Number = 0
		out = append(out, a)
	}
	return out
}

// ids are the ids of the requests that a query selects.
func (w *world) ids(q store.ActivityQuery) []string {
	w.Helper()
	var out []string
	for _, a := range w.requests(q) {
		out = append(out, a.ID)
	}
	return out
}

// idsOf are the ids of requests.
func idsOf(list ...store.Activity) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.ID)
	}
	return out
}

// concerns checks which requests are found for a person.
func (w *world) concerns(p store.Person, want ...store.Activity) {
	w.Helper()
	w.same("the requests of "+text(p), idsOf(want...), w.ids(store.ActivityQuery{Person: &p}))
}

func (w *world) counts(q store.CountQuery) []store.Count {
	w.Helper()
	out, err := w.store.Counts(w.Context(), q)
	w.must(err)
	return out
}

func activities() []behaviour {
	var out []behaviour
	for _, room := range [][]behaviour{rows(), requestDocuments(), erasures(), counts()} {
		out = append(out, room...)
	}
	return out
}

func rows() []behaviour {
	return []behaviour{
		{"a request is kept as it was recorded", func(w *world) {
			full, bare := w.request(409), store.Activity{ID: string(change.NewID()), Status: 404}
			full.Of, full.Failed, full.Password, full.Change = string(change.NewID()), 3, true, change.NewID()
			full.Document, full.Detail = map[string]any{"userName": "anna", "x": []any{true, nil, map[string]any{"y": ""}}}, "the userName is taken"
			w.act(full, bare)
			w.same("the requests", []store.Activity{full, bare}, w.requests(store.ActivityQuery{}))
			for _, want := range []store.Activity{full, bare} {
				got, err := w.store.Activity(w.Context(), want.ID)
				w.must(err)
				got.Number = 0
				w.same("the request", want, got)
			}
			w.same("the stats", int64(2), w.stats().Activities)
			w.same("the dropped requests", int64(0), w.stats().Dropped)
			w.same("the entries", 0, len(w.all(store.Query{})))
			w.verified()
		}},
		{"a request that is not there is not found", func(w *world) {
			w.act(w.request(200))
			for _, id := range []string{string(change.NewID()), "", "x"} {
				_, err := w.store.Activity(w.Context(), id)
				w.fails("the request "+id, err, store.ErrNoActivity)
			}
		}},
		{"a request without an id is dropped and counted", func(w *world) {
			a := w.request(200)
			a.ID = ""
			w.act(a)
			w.same("the requests", 0, len(w.requests(store.ActivityQuery{})))
			w.same("the dropped requests", int64(1), w.stats().Dropped)
		}},
		{"queries select by each condition", func(w *world) {
			var all []store.Activity
			for i := range 6 {
				a := w.request(200 + 100*(i%3))
				a.Code = []string{"", "", "not-found"}[i%3]
				if a.Tenant = []string{"acme", "globex"}[i%2]; i%2 == 1 {
					a.Resource.ID = bert
				}
				if i == 5 {
					a.Of, a.Status = all[0].ID, 503
				}
				all = append(all, a)
				w.clock.passes(time.Minute)
			}
			w.act(all...)
			at := func(i int) time.Time { return all[i].At }
			for name, c := range map[string]struct {
				query store.ActivityQuery
				want  []int
			}{
				"no condition":       {store.ActivityQuery{}, []int{0, 1, 2, 3, 4, 5}},
				"the tenant":         {store.ActivityQuery{Tenant: "globex"}, []int{1, 3, 5}},
				"another tenant":     {store.ActivityQuery{Tenant: "ACME"}, nil},
				"the resource":       {store.ActivityQuery{Resource: bert}, []int{1, 3, 5}},
				"the code":           {store.ActivityQuery{Code: "not-found"}, []int{2, 5}},
				"the class":          {store.ActivityQuery{Class: 3}, []int{1, 4}},
				"another class":      {store.ActivityQuery{Class: 5}, []int{5}},
				"what failed":        {store.ActivityQuery{Failed: true}, []int{2, 5}},
				"a bulk request":     {store.ActivityQuery{Of: all[0].ID}, []int{5}},
				"no bulk request":    {store.ActivityQuery{Of: "x"}, nil},
				"since":              {store.ActivityQuery{Since: at(4)}, []int{4, 5}},
				"until":              {store.ActivityQuery{Until: at(2)}, []int{0, 1}},
				"between":            {store.ActivityQuery{Since: at(1), Until: at(3)}, []int{1, 2}},
				"a limit":            {store.ActivityQuery{Limit: 2}, []int{0, 1}},
				"the newest":         {store.ActivityQuery{Newest: true, Limit: 3}, []int{5, 4, 3}},
				"several conditions": {store.ActivityQuery{Tenant: "acme", Failed: true, Newest: true}, []int{2}},
			} {
				var want []string
				for _, i := range c.want {
					want = append(want, all[i].ID)
				}
				w.same(name, want, w.ids(c.query))
			}
		}},
		{"rows can be read page by page, in both orders", func(w *world) {
			var all []store.Activity
			for range 7 {
				all = append(all, w.request(200))
			}
			w.act(all...)
			for _, newest := range []bool{false, true} {
				var got []string
				for after := int64(0); ; {
					n := 0
					for a, err := range w.store.Activities(w.Context(), store.ActivityQuery{After: after, Newest: newest, Limit: 3}) {
						w.must(err)
						got, after = append(got, a.ID), a.Number
						n++
					}
					if n < 3 {
						break
					}
				}
				w.same(fmt.Sprint("the pages, newest first: ", newest), w.ids(store.ActivityQuery{Newest: newest}), got)
			}
		}},
	}
}

func requestDocuments() []behaviour {
	return []behaviour{
		{"a person is found by every identifier of a document, as the client wrote it", func(w *world) {
			create := w.refused(map[string]any{"UserName": "Anna", "externalid": "E-1", "emails": []any{map[string]any{"value": "anna@example.org", "type": "work"}, "second@example.org"}})
			patch := w.request(400)
			patch.Method, patch.Document = "PATCH", map[string]any{"Operations": []any{
				map[string]any{"op": "replace", "Path": "userName", "Value": "anna.b"},
				map[string]any{"op": "add", "path": `emails[type eq "work"].value`, "value": "third@example.org"},
				map[string]any{"op": "replace", "value": map[string]any{"urn:ietf:params:scim:schemas:core:2.0:User:externalId": "e-2"}},
			}}
			group := w.request(400)
			group.Resource, group.Route = change.Resource{Type: groupType, ID: team}, "/Groups/:id"
			group.Document = map[string]any{"Operations": []any{map[string]any{"op": "remove", "path": `members[value eq "` + bert + `"]`}, map[string]any{"op": "add", "path": "members", "value": []any{map[string]any{"value": carla}}}}}
			bulk := w.request(400)
			bulk.Resource, bulk.Route = change.Resource{}, "/Bulk"
			bulk.Document = map[string]any{"Operations": []any{map[string]any{"method": "POST", "path": "/Users", "data": map[string]any{"userName": "dora"}}}}
			w.act(create, patch, group, bulk)
			for _, c := range []struct {
				person store.Person
				want   []store.Activity
			}{
				{store.Person{UserName: "ANNA"}, []store.Activity{create}},
				{store.Person{ExternalID: "e-1"}, []store.Activity{create}},
				{store.Person{Address: "anna@example.org"}, []store.Activity{create}},
				{store.Person{Address: "second@example.org"}, []store.Activity{create}},
				{store.Person{UserName: "anna.b"}, []store.Activity{patch}},
				{store.Person{Address: "third@example.org"}, []store.Activity{patch}},
				{store.Person{ExternalID: "e-2"}, []store.Activity{patch}},
				{store.Person{ID: strings.ToUpper(anna)}, []store.Activity{patch}},
				{store.Person{ID: bert}, []store.Activity{group}},
				{store.Person{ID: carla}, []store.Activity{group}},
				{store.Person{UserName: "dora"}, []store.Activity{bulk}},
				{store.Person{UserName: "anna@example.org"}, nil},
				{store.AnyOf("anna@example.org"), []store.Activity{create}},
				{store.Person{UserName: "nobody"}, nil},
			} {
				w.concerns(c.person, c.want...)
			}
		}},
		{"a person is found by the names that the journal and other documents have of the user", func(w *world) {
			w.made(w.user(change.Created, anna, nil, person("anna", "e-1", "anna@example.org")))
			ok, other := w.request(200), w.request(200)
			other.Resource.ID = bert
			named := w.request(409)
			named.Resource.ID, named.Document = bert, map[string]any{"userName": "bert"}
			w.act(ok, other, named)
			w.concerns(store.Person{UserName: "anna"}, ok)
			w.concerns(store.Person{Address: "anna@example.org"}, ok)
			w.concerns(store.Person{UserName: "bert"}, other, named)
		}},
		{"a document beyond the bounds is not kept, and the request says so", func(w *world) {
			large := w.refused(map[string]any{"userName": "anna", "title": strings.Repeat("x", store.MaxDocument+8000)})
			var members []any
			for i := range store.MaxNamed + 1 {
				members = append(members, map[string]any{"value": fmt.Sprint("id-", i)})
			}
			many := w.refused(map[string]any{"displayName": "Team", "members": members})
			nobody := w.refused(map[string]any{"displayName": "Anna"})
			group := w.refused(map[string]any{"displayName": "Team"})
			group.Resource.Type = groupType
			w.act(large, many, nobody, group)
			for i, lack := range []store.Lack{store.LacksSize, store.LacksPeople, store.LacksNobody, ""} {
				got := w.requests(store.ActivityQuery{})[i]
				w.same("what is missing", lack, got.Lacks)
				w.same("the document is missing", lack != "", got.Document == nil)
				w.same("the detail is missing", lack != "", got.Detail == "")
			}
			w.concerns(store.Person{UserName: "anna"})
		}},
		{"a long detail is cut", func(w *world) {
			a := w.refused(map[string]any{"userName": "anna"})
			a.Detail = strings.Repeat("é", 3000)
			w.act(a)
			got := w.requests(store.ActivityQuery{})[0].Detail
			if len(got) > 2010 || !strings.HasSuffix(got, "é…") {
				w.Errorf("the detail has %d bytes and ends with %q", len(got), got[len(got)-6:])
			}
		}},
		{"a new key opens every document, and still finds its people", func(w *world) {
			a := w.refused(map[string]any{"userName": "anna"})
			w.act(a, w.request(200))
			before := w.requests(store.ActivityQuery{})
			w.must(w.store.Rekey(w.Context()))
			w.same("the requests", before, w.requests(store.ActivityQuery{}))
			w.concerns(store.Person{UserName: "anna"}, a)
		}},
	}
}

func erasures() []behaviour {
	return []behaviour{
		{"a forgotten person is in no document any more", func(w *world) {
			w.made(w.user(change.Created, anna, nil, person("anna", "e-1", "anna@example.org")), w.user(change.Created, bert, nil, person("bert", "")))
			put, renamed, ok, others := w.request(409), w.refused(map[string]any{"userName": "ANNA", "title": "Boss"}), w.request(200), w.refused(map[string]any{"userName": "bert"})
			put.Document, put.Detail = map[string]any{"title": "Boss"}, "a detail"
			group := w.request(400)
			group.Resource, group.Document = change.Resource{Type: groupType, ID: team}, map[string]any{"members": []any{map[string]any{"value": anna, "display": "Anna"}}}
			w.act(put, renamed, ok, others, group)
			w.forgets(store.Person{UserName: "anna"}, 1+3) // an entry and three documents
			for _, a := range w.requests(store.ActivityQuery{}) {
				erased := a.ID != ok.ID && a.ID != others.ID
				w.same("the request is erased", erased, a.Erased)
				w.same("it has a document", a.ID == others.ID, a.Document != nil)
				w.same("it has a detail", a.ID == others.ID, a.Detail != "")
			}
			w.concerns(store.Person{UserName: "anna"})
			w.concerns(store.Person{Address: "anna@example.org"})
			w.concerns(store.Person{ID: anna}, put, ok) // by the id of the user, as in the journal
			w.concerns(store.Person{UserName: "bert"}, others)
			w.forgets(store.Person{ID: anna}, 0)
			w.verified()
		}},
		{"a person that only a refused request names is forgotten", func(w *world) {
			w.act(w.refused(map[string]any{"userName": "anna", "emails": []any{map[string]any{"value": "anna@example.org"}}}))
			w.forgets(store.Person{Address: "bert@example.org"}, 0)
			w.forgets(store.Person{Address: "Anna@example.org"}, 1)
			w.concerns(store.Person{UserName: "anna"})
			w.same("the entries", 0, len(w.all(store.Query{})))
		}},
		{"rows are removed when they are older than their retention", func(w *world) {
			day := 24 * time.Hour
			var all []store.Activity
			for range 130 {
				all = append(all, w.request(200))
				w.clock.passes(time.Minute)
			}
			old := w.refused(map[string]any{"userName": "dora"})
			old.At = all[0].At
			w.made(w.full())
			w.act(append(all, old)...)
			w.clock.passes(day)
			w.prunes(store.Retention{}, 0)
			w.prunes(store.Retention{Activity: 2 * day, Changes: 2 * day}, 0)
			w.prunes(store.Retention{Activity: day + 10*time.Minute}, 121)
			w.same("the rest", idsOf(all[120:]...), w.ids(store.ActivityQuery{}))
			w.same("the stats", int64(10), w.stats().Activities)
			w.concerns(store.Person{UserName: "dora"})
			w.gapless(1)
			next := w.request(200)
			w.act(next)
			w.same("with a new one", append(idsOf(all[120:]...), next.ID), w.ids(store.ActivityQuery{}))
		}},
	}
}

func counts() []behaviour {
	count := func(at time.Time, tenant, what string, n int64) store.Count {
		return store.Count{At: at, Span: time.Minute, Tenant: tenant, What: what, N: n}
	}
	return []behaviour{
		{"requests without a row are counted by minute, tenant and reason", func(w *world) {
			at := start().Truncate(time.Minute)
			for i := range 5 {
				w.store.Count(at.Add(time.Duration(i)*20*time.Second), "acme", store.Reads)
			}
			w.store.Count(at, "", "credential-missing")
			w.store.Count(at, "globex", store.Reads)
			w.same("the counts", []store.Count{
				count(at, "", "credential-missing", 1), count(at, "acme", store.Reads, 3), count(at, "globex", store.Reads, 1), count(at.Add(time.Minute), "acme", store.Reads, 2),
			}, w.counts(store.CountQuery{}))
			w.store.Count(at.Add(time.Minute), "acme", store.Reads)
			w.same("with a later one", []store.Count{count(at, "acme", store.Reads, 3), count(at.Add(time.Minute), "acme", store.Reads, 3)}, w.counts(store.CountQuery{Tenant: "acme"}))
			w.same("since", 1, len(w.counts(store.CountQuery{Since: at.Add(time.Minute)})))
			w.same("since, within a minute", 4, len(w.counts(store.CountQuery{Since: at.Add(time.Second)})))
			w.same("until", 3, len(w.counts(store.CountQuery{Until: at.Add(time.Minute)})))
			w.same("the requests", 0, len(w.requests(store.ActivityQuery{})))
		}},
		{"counts of former days are those of hours, until they are too old", func(w *world) {
			day := 24 * time.Hour
			hour := start().Truncate(time.Hour)
			for _, minute := range []int{1, 2, 59, 60} {
				w.store.Count(hour.Add(time.Duration(minute)*time.Minute), "acme", store.Reads)
			}
			before := w.counts(store.CountQuery{})
			w.prunes(store.Retention{Activity: 30 * day}, 0)
			w.same("the counts", before, w.counts(store.CountQuery{}))
			w.clock.passes(day + 35*time.Minute)
			w.prunes(store.Retention{Activity: 30 * day}, 0)
			want := []store.Count{{At: hour, Span: time.Hour, Tenant: "acme", What: store.Reads, N: 3}, count(hour.Add(time.Hour), "acme", store.Reads, 1)}
			w.same("the counts a day later", want, w.counts(store.CountQuery{}))
			w.store.Count(hour.Add(3*time.Minute), "acme", store.Reads) // late, as after an outage
			w.prunes(store.Retention{}, 0)
			want[0].N++
			w.same("with a late one", want, w.counts(store.CountQuery{}))
			w.clock.passes(30 * day)
			w.prunes(store.Retention{Activity: 30 * day}, 0)
			w.same("the counts a month later", 0, len(w.counts(store.CountQuery{})))
		}},
	}
}

func shares() []behaviour {
	return []behaviour{
		{"a tenant with too many rows loses its own oldest rows", func(w *world) {
			other := w.request(409)
			other.Tenant = "globex"
			w.act(other)
			var all []store.Activity
			for i := range 60 {
				a := w.refused(map[string]any{"userName": fmt.Sprint("user-", i)})
				all = append(all, a)
				w.act(a)
			}
			w.same("the rows", idsOf(all[40:]...), w.ids(store.ActivityQuery{Tenant: "acme"}))
			w.same("the rows of another tenant", idsOf(other), w.ids(store.ActivityQuery{Tenant: "globex"}))
			w.same("the stats", int64(21), w.stats().Activities)
			w.concerns(store.Person{UserName: "user-39"})
			w.concerns(store.Person{UserName: "user-40"}, all[40])
			w.act(all[:1]...)
			w.same("the rows after one more", append(idsOf(all[41:]...), all[0].ID), w.ids(store.ActivityQuery{Tenant: "acme"}))
		}},
		{"a tenant with too many bytes loses its own oldest rows", func(w *world) {
			other := w.request(409)
			other.Tenant = "globex"
			w.act(other)
			var all []store.Activity
			for i := range 12 {
				a := w.refused(map[string]any{"userName": fmt.Sprint("user-", i), "title": noise(i, 8000)})
				all = append(all, a)
				w.act(a)
			}
			got := w.ids(store.ActivityQuery{Tenant: "acme"})
			if len(got) < 3 || len(got) > 7 {
				w.Errorf("%d documents of 8,000 bytes are kept in 40,000 bytes", len(got))
			}
			w.same("the newest", idsOf(all[12-len(got):]...), got)
			w.same("the rows of another tenant", idsOf(other), w.ids(store.ActivityQuery{Tenant: "globex"}))
		}},
	}
}
