package index_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory/index"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// TestMarksAndSharedValues change with each put and delete, also where a row is used again.
func TestMarksAndSharedValues(t *testing.T) {
	t.Parallel()
	const base = "https://bridge.test/scim/v2"
	rt := scim.UserType()
	table := index.New(rt, base)
	put := func(id, value string, mark bool) {
		doc := scim.Document{"userName": id}
		if value != "" {
			doc["externalId"] = value
		}
		table.Put(index.Resource{ID: id, Object: rt.Object(scim.Resource{ID: id, Document: doc}, base), Mark: mark})
	}
	path := scim.AttrPath{Name: "externalId", Attr: rt.Attribute("externalId")}
	want := func(when string, marks, shared int, of map[string][]string) {
		t.Helper()
		if table.Marks() != marks || table.Shared(path) != shared {
			t.Errorf("%s: %d are marked and %d share a value, want %d and %d", when, table.Marks(), table.Shared(path), marks, shared)
		}
		for value, ids := range of {
			e := &filter.Compare{Path: path, Op: filter.Eq, Value: value}
			if got := slices.Sorted(slices.Values(table.Marked(e))); !slices.Equal(got, ids) {
				t.Errorf("%s: marked with %s are %v, want %v", when, value, got, ids)
			}
		}
	}
	want("of nothing", 0, 0, map[string][]string{"A": nil})
	put("1", "A", true)
	put("2", "A", false)
	put("3", "B", true)
	put("4", "", false)
	put("5", "", false)
	want("at first", 2, 2, map[string][]string{"A": {"1"}, "B": {"3"}, "a": nil, "C": nil})
	put("1", "A", false)
	put("2", "B", true)
	want("after changes", 2, 2, map[string][]string{"A": nil, "B": {"2", "3"}})
	table.Delete("3")
	want("after a deletion", 1, 0, map[string][]string{"B": {"2"}})
	put("6", "B", false)
	want("in the place of another", 1, 2, map[string][]string{"B": {"2"}})
	for i := range 300 {
		put(fmt.Sprint("many", i), fmt.Sprint("V", i/3), i%2 == 0)
	}
	want("of many", 151, 302, map[string][]string{"V0": {"many0", "many2"}})
}
