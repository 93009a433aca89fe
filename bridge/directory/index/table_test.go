package index_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory/index"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter/filtertest"
)

// userType is a User with an extension that has an attribute of every type.
func userType() *scim.ResourceType {
	var all []*scim.Attribute
	for _, typ := range []scim.Type{scim.TypeString, scim.TypeBoolean, scim.TypeDecimal, scim.TypeInteger, scim.TypeDateTime, scim.TypeReference, scim.TypeBinary} {
		all = append(all, &scim.Attribute{Name: "one" + string(typ), Type: typ}, &scim.Attribute{Name: "many" + string(typ), Type: typ, MultiValued: true},
			&scim.Attribute{Name: "exact" + string(typ), Type: typ, CaseExact: true})
	}
	all = append(all, &scim.Attribute{Name: "nested", Type: scim.TypeComplex, MultiValued: true, SubAttributes: []*scim.Attribute{
		{Name: "texts", Type: scim.TypeString, MultiValued: true}, {Name: "number", Type: scim.TypeDecimal},
	}})
	return scim.UserType().With(scim.NewSchema("urn:acme:ext", "Ext", "", all...))
}

// model answers queries the slow way: by filter.Match and filter.Sort on every resource.
type model map[string]map[string]any

func (m model) find(q index.Query) index.Found {
	sorter := q.Sort.Sorter()
	var matching []filter.Placed
	for _, object := range m {
		if q.Filter == nil || filter.Match(q.Filter, object) {
			matching = append(matching, sorter.Place(q.Sort.Position(object)))
		}
	}
	compare := func(a, b filter.Placed) int {
		if q.Sort.Descending {
			a, b = b, a
		}
		return a.Compare(b)
	}
	slices.SortFunc(matching, compare)
	out := index.Found{Total: len(matching)}
	if q.After != nil {
		after := sorter.Place(*q.After)
		matching = slices.DeleteFunc(matching, func(p filter.Placed) bool { return compare(p, after) <= 0 })
	}
	matching = matching[min(q.Skip, len(matching)):]
	out.More = len(matching) > q.Count
	for _, p := range matching[:min(q.Count, len(matching))] {
		out.Page = append(out.Page, p.Position)
	}
	return out
}

// TestTableAnswersAsTheResourcesDo puts, replaces and deletes random resources, and compares random
// queries with a search of all resources. The queries have filters of every operator and type,
// orders by every attribute, pages by offset and pages after a position.
func TestTableAnswersAsTheResourcesDo(t *testing.T) {
	t.Parallel()
	seeds := uint64(40)
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r, rt := rand.New(rand.NewPCG(seed, 0)), userType()
			table, m := index.New(rt, filtertest.Base), model{}
			for range 40 {
				change(r, rt, table, m)
				if table.Len() != len(m) {
					t.Fatalf("the table has %d resources, want %d", table.Len(), len(m))
				}
				query(t, r, rt, table, m)
			}
		})
	}
}

// change puts and deletes some resources.
func change(r *rand.Rand, rt *scim.ResourceType, table *index.Table, m model) {
	var put []index.Resource
	for range r.IntN(8) {
		id := fmt.Sprintf("id-%02d", r.IntN(60))
		object := filtertest.Object(r, rt, id)
		put, m[id] = append(put, index.Resource{ID: id, Object: object}), object
	}
	table.Put(put...)
	if r.IntN(3) == 0 {
		gone := slices.Collect(maps.Keys(m))
		gone = gone[:r.IntN(min(4, len(gone)+1))]
		table.Delete(append(gone, "nobody")...)
		for _, id := range gone {
			delete(m, id)
		}
	}
}

func query(t *testing.T, r *rand.Rand, rt *scim.ResourceType, table *index.Table, m model) {
	t.Helper()
	for range 20 {
		text, by, order := filtertest.Filter(r, rt), filtertest.SortBy(r, rt), []string{"", "descending"}[r.IntN(2)]
		q := index.Query{Skip: r.IntN(5), Count: 1 + r.IntN(20)}
		var err error
		if r.IntN(5) > 0 {
			if q.Filter, err = filter.Parse(text, rt); err != nil {
				t.Fatalf("filter %s: %v", text, err)
			}
			if loose, ok := filter.Loosen(q.Filter); ok && r.IntN(3) > 0 {
				q.Filter, text = loose, text+" loosely"
			}
		}
		if q.Sort, err = filter.ParseSort(by, order, rt); err != nil {
			t.Fatalf("sort by %s: %v", by, err)
		}
		got, want := table.Find(q), m.find(q)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("filter %s, sort by %s %s (-want +got):\n%s", text, by, order, diff)
		}
		if !got.More {
			continue
		}
		q.Skip, q.After = 0, &got.Page[len(got.Page)-1]
		if diff := cmp.Diff(m.find(q), table.Find(q)); diff != "" {
			t.Fatalf("filter %s, sort by %s %s behind %+v (-want +got):\n%s", text, by, order, q.After, diff)
		}
	}
}
