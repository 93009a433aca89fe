package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/store"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// filled makes twelve entries, a minute from each other.
func (w *world) filled() {
	w.Helper()
	for i := range 12 {
		c := w.user([]change.Op{change.Created, change.Updated, change.Deleted}[i%3], []string{anna, bert}[i%2], nil, person("u", ""))
		c.Tenant = []string{"/acme", "/acme/sub", "/a", "/acme"}[i%4]
		c.Outcome = []change.Outcome{change.Done, change.Done, change.Failed, change.Refused, change.Unknown}[i%5]
		w.made(c)
		w.clock.passes(time.Minute)
	}
}

func queries() []behaviour {
	until := func(minutes int) time.Time { return start().Add(time.Duration(minutes) * time.Minute) }
	list := []behaviour{
		{"an empty journal has no entries", func(w *world) {
			w.same("the entries", []int64(nil), w.numbers(store.Query{}))
			w.same("newest first", []int64(nil), w.numbers(store.Query{Newest: true, Limit: 3}))
			w.same("about a person", []int64(nil), w.numbers(store.Query{Person: &store.Person{ID: anna}}))
		}},
		{"after, newest and limit are pages of one order", everyPage},
		{"pages visit every entry once while writers add entries", pagesUnderWriters},
		{"a loop over entries may use the store", func(w *world) {
			w.filled()
			var seen int
			for e, err := range w.store.Entries(w.Context(), store.Query{Limit: 12}) {
				w.must(err)
				seen++
				w.made(w.user(change.Updated, carla, nil, nil))
				again, err := w.store.Entry(w.Context(), e.ID)
				w.must(err)
				w.same("the entry", e, again)
				w.numbers(store.Query{Tenant: "/acme"})
			}
			w.same("the entries in the loop", 12, seen)
			w.gapless(24)
		}},
		{"a loop over entries may end early", func(w *world) {
			w.filled()
			for range 20 {
				for e, err := range w.store.Entries(w.Context(), store.Query{Newest: true}) {
					w.must(err)
					if e.Position.Number == 10 {
						break
					}
				}
			}
			w.made(w.full())
			w.gapless(13)
		}},
		{"a loop over entries ends with the error when its context ends", func(w *world) {
			w.filled()
			ctx, cancel := context.WithCancel(w.Context())
			defer cancel()
			var seen, failed int
			for _, err := range w.store.Entries(ctx, store.Query{}) {
				seen++
				if err != nil {
					failed++
					w.fails("the loop", err, context.Canceled)
				}
				cancel()
			}
			if seen != 2 || failed != 1 {
				w.Errorf("the loop ran %d times, %d times with an error", seen, failed)
			}
		}},
		{"a query can be used again", func(w *world) {
			w.filled()
			entries := w.store.Entries(w.Context(), store.Query{Limit: 3})
			for range 2 {
				var seen int
				for _, err := range entries {
					w.must(err)
					seen++
				}
				w.same("the entries", 3, seen)
			}
		}},
	}
	for name, one := range map[string]struct {
		query store.Query
		want  []int64
	}{
		"no condition":                  {store.Query{}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
		"the tenant, by its whole path": {store.Query{Tenant: "/acme"}, []int64{1, 4, 5, 8, 9, 12}},
		"a tenant without entries":      {store.Query{Tenant: "/ACME"}, nil},
		"the resource":                  {store.Query{Resource: bert}, []int64{2, 4, 6, 8, 10, 12}},
		"a part of a resource's id":     {store.Query{Resource: bert[:8]}, nil},
		"the operation":                 {store.Query{Op: change.Deleted}, []int64{3, 6, 9, 12}},
		"the outcome":                   {store.Query{Outcome: change.Done}, []int64{1, 2, 6, 7, 11, 12}},
		"an outcome that nothing has":   {store.Query{Outcome: "odd"}, nil},
		"since, included":               {store.Query{Since: until(10)}, []int64{11, 12}},
		"since, a moment later":         {store.Query{Since: until(10).Add(time.Microsecond)}, []int64{12}},
		"until, not included":           {store.Query{Until: until(2)}, []int64{1, 2}},
		"until, a moment later":         {store.Query{Until: until(2).Add(time.Microsecond)}, []int64{1, 2, 3}},
		"since and until":               {store.Query{Since: until(3), Until: until(6)}, []int64{4, 5, 6}},
		"since and until in a zone":     {store.Query{Since: until(3).In(time.FixedZone("", 7200)), Until: until(6).In(time.FixedZone("", -7200))}, []int64{4, 5, 6}},
		"no time at all":                {store.Query{Since: until(5), Until: until(5)}, nil},
		"until before since":            {store.Query{Since: until(6), Until: until(3)}, nil},
		"a person":                      {store.Query{Person: &store.Person{ID: anna}}, []int64{1, 3, 5, 7, 9, 11}},
		"a person without identifiers":  {store.Query{Person: &store.Person{}}, nil},
		"every condition together": {
			store.Query{Tenant: "/acme", Resource: bert, Person: &store.Person{UserName: "u"}, Op: change.Updated, Outcome: change.Failed, Since: until(7), Until: until(8), After: 7, Limit: 1}, []int64{8},
		},
		"conditions before the limit": {store.Query{Tenant: "/acme", Newest: true, After: 10, Limit: 2}, []int64{9, 8}},
		"newest first":                {store.Query{Tenant: "/acme", Newest: true}, []int64{12, 9, 8, 5, 4, 1}},
	} {
		list = append(list, behaviour{"a query selects by " + name, func(w *world) {
			w.filled()
			w.same("the entries", one.want, w.numbers(one.query))
		}})
	}
	return list
}

// everyPage compares every page with a part of the whole list.
func everyPage(w *world) {
	w.filled()
	for after := range int64(15) {
		for limit := range 15 {
			for _, newest := range []bool{false, true} {
				var want []int64
				for number := int64(1); number <= 12; number++ {
					if after == 0 || !newest && number > after || newest && number < after {
						want = append(want, number)
					}
				}
				if newest {
					slices.Reverse(want)
				}
				if limit > 0 {
					want = want[:min(limit, len(want))]
				}
				if len(want) == 0 {
					want = nil
				}
				q := store.Query{After: after, Limit: limit, Newest: newest}
				w.same(fmt.Sprintf("%+v", q), want, w.numbers(q))
			}
		}
	}
}

func pagesUnderWriters(w *world) {
	w.filled()
	var done atomic.Bool
	together(w, 5, func(i int) error {
		if i > 0 {
			for !done.Load() {
				c := w.full()
				if err := w.store.Intend(w.Context(), c); err != nil {
					return err
				}
				if err := w.store.Settle(w.Context(), c); err != nil {
					return err
				}
			}
			return w.store.Flush(w.Context())
		}
		defer done.Store(true)
		for _, newest := range []bool{false, true, false, true} {
			var last int64
			for range 12 {
				next := last
				for e, err := range w.store.Entries(w.Context(), store.Query{After: last, Newest: newest, Limit: 3}) {
					if err != nil {
						return err
					}
					number := e.Position.Number
					if !newest && number != next+1 || newest && next > 0 && number != next-1 {
						return fmt.Errorf("entry %d came after entry %d (newest first: %t)", number, next, newest)
					}
					next = number
				}
				last = next
				if last == 1 {
					break
				}
			}
		}
		return nil
	})
	w.verified()
}

func people() []behaviour {
	return []behaviour{
		{"a person is found by each identifier, in any case", func(w *world) {
			c := w.user(change.Created, anna, nil, person("Anna.Ångström", "E-ß1", "Anna@Example.org", "AA@example.org"))
			w.made(c, w.user(change.Updated, bert, person("bert", "e-2", "bert@example.org"), person("bert", "e-2", "bert@example.org")))
			for _, p := range []store.Person{
				{ID: anna},
				{ID: "0A6C6E9F-0000-4000-8000-00000000A00A"},
				{UserName: "Anna.Ångström"},
				{UserName: "ANNA.ÅNGSTRÖM"},
				{UserName: "  anna.a\u030angstro\u0308m\t"}, // decomposed
				{Address: "anna@example.ORG"},
				{Address: "aa@example.org"},
				{ExternalID: "e-SS1"},
				store.AnyOf("AA@EXAMPLE.org"),
				store.AnyOf(anna),
				{UserName: "nobody", Address: "aa@example.org"}, // any identifier
			} {
				w.finds(p, 1)
			}
			for _, p := range []store.Person{
				{},
				{UserName: "Anna"},
				{UserName: "Anna.Ångström%"},
				{UserName: "_nna.Ångström"},
				{ID: "anna.ångström"},
				{UserName: anna},
				{Address: "Anna.Ångström"},
				{ExternalID: "AA@example.org"},
				{UserName: " "},
			} {
				w.finds(p)
			}
			w.finds(store.Person{UserName: "bert", ExternalID: "e-ss1"}, 1, 2)
		}},
		{"a person is found by a name from before a change", func(w *world) {
			w.made(
				w.user(change.Created, anna, nil, person("anna", "e-1", "anna@example.org")),
				w.user(change.Updated, bert, nil, person("bert", "e-2")),
				w.user(change.Updated, anna, person("anna", "e-1", "anna@example.org"), person("anna.b", "e-1", "ab@example.org")),
				w.user(change.Deactivated, anna, nil, nil),
			)
			for _, p := range []store.Person{{UserName: "anna"}, {UserName: "anna.b"}, {Address: "anna@example.org"}, {Address: "ab@example.org"}, {ExternalID: "e-1"}} {
				w.finds(p, 1, 3, 4)
			}
		}},
		{"a person is found after the deletion", func(w *world) {
			w.made(w.user(change.Deleted, anna, person("anna", "e-1", "anna@example.org"), nil))
			for _, p := range []store.Person{{ID: anna}, {UserName: "anna"}, {Address: "anna@example.org"}, {ExternalID: "e-1"}} {
				w.finds(p, 1)
			}
		}},
		{"changes of groups are found for their members", func(w *world) {
			w.made(
				w.user(change.Created, anna, nil, person("anna", "e-1")),
				w.user(change.Created, bert, nil, person("bert", "e-2")),
				w.group(team, []string{bert, anna}, nil),
				w.group(team, nil, []string{anna, carla}),
				w.group(crew, []string{bert}, []string{carla}),
			)
			for _, p := range []store.Person{{ID: anna}, {UserName: "anna"}, {ExternalID: "e-1"}} {
				w.finds(p, 1, 3, 4)
			}
			w.finds(store.Person{UserName: "bert"}, 2, 3, 5)
			w.finds(store.Person{ID: carla}, 4, 5)
		}},
		{"a group is no person", func(w *world) {
			c := w.group(team, []string{anna}, nil)
			c.After = person("team", "e-1", "team@example.org")
			w.made(c)
			for _, p := range []store.Person{{ID: team}, {UserName: "team"}, {ExternalID: "e-1"}, {Address: "team@example.org"}} {
				w.finds(p)
			}
		}},
		{"a creation that failed is found by what it should have made", func(w *world) {
			failed := w.user(change.Created, "", nil, person("anna", "e-1", "anna@example.org"))
			failed.Outcome = change.Failed
			w.made(failed, w.user(change.Created, anna, nil, person("anna", "e-9")))
			w.finds(store.Person{UserName: "anna"}, 1, 2)
			w.finds(store.Person{ExternalID: "e-1"}, 1) // no user is named there
			w.finds(store.Person{ID: anna}, 2)
		}},
		{"people who share an identifier are both found", func(w *world) {
			w.made(
				w.user(change.Created, anna, nil, person("anna", "", "sales@example.org")),
				w.user(change.Created, bert, nil, person("bert", "", "sales@example.org")),
				w.user(change.Updated, anna, person("anna", ""), person("anna", "")),
				w.user(change.Updated, bert, person("bert", ""), person("bert", "")),
			)
			w.finds(store.Person{Address: "sales@example.org"}, 1, 2, 3, 4)
			w.finds(store.Person{UserName: "anna"}, 1, 3)
		}},
		{"a person with many changes is found in pages", func(w *world) {
			const n = 450 // more than two pages of a store
			var changes []change.Change
			for i := range n {
				changes = append(changes, w.user(change.Updated, anna, nil, person(fmt.Sprint("anna", i), "")), w.user(change.Updated, bert, nil, person(fmt.Sprint("bert", i), "")))
			}
			w.intend(changes...)
			w.settle(changes...)
			p := &store.Person{UserName: "ANNA300"}
			w.same("the number of changes", n, len(w.numbers(store.Query{Person: p})))
			w.same("a page", []int64{501, 503}, w.numbers(store.Query{Person: p, After: 500, Limit: 2}))
			w.same("the newest", []int64{899, 897}, w.numbers(store.Query{Person: p, Newest: true, Limit: 2}))
		}},
		{"an address is found in any form of the document", func(w *world) {
			w.made(w.user(change.Created, anna, nil, scim.Document{scim.AttrEmails: []any{"odd", map[string]any{"value": 7}, map[string]any{}, nil, map[string]any{"value": "a@example.org"}}}))
			w.finds(store.Person{Address: "a@example.org"}, 1)
			w.finds(store.Person{Address: "odd"})
		}},
	}
}
