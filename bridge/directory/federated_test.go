package directory

import (
	"context"
	"fmt"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// TestTotalsOfAFederation: the list is longer than Keycloak's count. No page has a total that would
// end a walk early, and the last total is right. counted is Keycloak's count.
func TestTotalsOfAFederation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ all, counted, first, count, want int }{
		{all: 0, counted: 0, count: 5, want: 0},
		{all: 16, counted: 1, count: 5, want: 16},
		{all: 16, counted: 1, first: 15, count: 5, want: 16},
		{all: 16, counted: 1, first: 500, count: 5, want: 16},
		{all: 16, counted: 1, count: 0, want: 16},
		{all: 16, counted: 16, count: 16, want: 16},
		{all: 100, counted: 0, count: 100, want: 100},
		{all: 1000, counted: 1000, first: 500, count: 100, want: 1000},
		{all: 1000, counted: 3, count: 5, want: 100},
		{all: 1000, counted: 3, count: 100, want: 200},
		{all: 1000, counted: 3, first: 900, count: 100, want: 1000},
		{all: 90, counted: 100, first: 85, count: 20, want: 90}, // Keycloak counts a user who left the directory until it reads the user again
	} {
		s := search{
			count: func(context.Context) (int, error) { return c.counted, nil },
			read: func(_ context.Context, first, limit int) (part, error) {
				var p part
				for i := first; i < min(first+limit, c.all); i++ {
					p.items, p.all = append(p.items, item{resource: scim.Resource{ID: fmt.Sprint(i)}}), append(p.all, fmt.Sprint(i))
				}
				return p, nil
			},
		}
		found, pure, err := s.federatedPage(t.Context(), Query{Start: c.first + 1, Count: c.count})
		if shown := max(0, min(c.count, c.all-c.first)); err != nil || !pure || found.Total != c.want || len(found.Resources) != shown {
			t.Errorf("%+v: %d of %d, %v, want %d of %d", c, len(found.Resources), found.Total, err, shown, c.want)
		}
	}
}
