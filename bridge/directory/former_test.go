package directory

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// slowSource finds nobody, and takes a second for a search by an attribute that is not the key.
type slowSource struct {
	Source

	running, most, searches *atomic.Int32
}

func (s slowSource) FindUsers(_ context.Context, q keycloak.UserQuery, _ int) ([]keycloak.User, error) {
	if q.Attributes[0].Name == mapping.AttrKey {
		return nil, nil
	}
	s.most.Store(max(s.most.Load(), s.running.Add(1)))
	s.searches.Add(1)
	<-time.After(time.Second) // of the bubble
	s.running.Add(-1)
	return nil, nil
}

// TestSearchesForFormerValuesAreOneAtATimeInARealm, for all its tenants. A request that gives up
// while it waits gets an error, and not an empty answer.
func TestSearchesForFormerValuesAreOneAtATimeInARealm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := New(Options{MaxMemory: 1 << 20})
		source := slowSource{running: &atomic.Int32{}, most: &atomic.Int32{}, searches: &atomic.Int32{}}
		rt := mapping.Default(scim.Tolerant)
		look := func(ctx context.Context, path string) error {
			view := View{Tenant: &tenant.Tenant{Path: path, Realm: "acme", Mapping: rt, Owner: mapping.Owner{Key: path}}, Source: source}
			e, err := filter.Parse(`externalId eq "X"`, rt.User)
			if err == nil {
				_, err = d.Users(ctx, view, Query{Filter: e, Start: 1, Count: 1})
			}
			return err
		}
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var done atomic.Int32
		for i := range 8 {
			go func() {
				if err := look(t.Context(), fmt.Sprint("tenant", i%2)); err != nil {
					t.Error(err)
				}
				done.Add(1)
			}()
		}
		synctest.Wait()
		if err := look(hasty, "tenant0"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who gives up is told %v", err)
		}
		<-time.After(8 * time.Second) // of the bubble
		synctest.Wait()
		if done.Load() != 8 || source.searches.Load() != 8 || source.most.Load() != 1 {
			t.Errorf("%d look-ups ended after %d searches, %d at once; want 8, 8, 1", done.Load(), source.searches.Load(), source.most.Load())
		}
	})
}
