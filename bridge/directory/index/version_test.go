package index_test

import (
	"slices"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory/index"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestReplaceNamesWhatDiffers: by the version, which the case of letters changes too. Where a version is not known, the
// keys decide.
func TestReplaceNamesWhatDiffers(t *testing.T) {
	t.Parallel()
	table := index.New(scim.UserType(), "https://bridge.test/scim/v2")
	one := func(id, name string, version uint64) index.Resource {
		return index.Resource{ID: id, Object: map[string]any{"userName": name}, Version: version}
	}
	for _, step := range []struct {
		put  []index.Resource
		want []string
	}{
		{[]index.Resource{one("a", "ann", 1), one("b", "ben", 0)}, []string{"a", "b"}},
		{[]index.Resource{one("a", "ann", 1), one("b", "BEN", 0)}, nil},
		{[]index.Resource{one("a", "Ann", 2), one("b", "ben", 3)}, []string{"a"}},
		{[]index.Resource{one("b", "Ben", 4), one("c", "c", 5)}, []string{"b", "c"}},
		{[]index.Resource{one("b", "other", 0)}, []string{"b"}},
	} {
		if _, got := table.Replace(step.put...); !slices.Equal(got, step.want) {
			t.Errorf("%v differ, want %v", got, step.want)
		}
	}
	table.Delete("a")
	if _, got := table.Replace(one("d", "d", 6)); !slices.Equal(got, []string{"d"}) {
		t.Errorf("%v differ in the place of a deleted resource", got)
	}
}
