package bridge

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// maintainEvery is the time between two checks of the indexes.
const maintainEvery = 10 * time.Second

// MaintainIndexes follows the feeds of the realms that have an index, until the context ends, so that no event is
// missed. With warm it makes and keeps indexes for all tenants. Otherwise it drops indexes that nobody uses.
func (s *Service) MaintainIndexes(ctx context.Context, tenants *tenant.Registry, warm bool) {
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		if !warm {
			s.directory.DropIdle()
		}
		s.maintain(ctx, tenants.All(), warm)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// maintain checks every tenant, and reads the feed of each realm once.
func (s *Service) maintain(ctx context.Context, tenants []*tenant.Tenant, warm bool) {
	followed, began := map[string]bool{}, s.directory.Now()
	for _, t := range tenants {
		f, client := t.Fitness(), s.realms.Client(t.Realm)
		if f.Problem != "" || client == nil || t.Policy.Paused() {
			continue
		}
		view := directory.View{Tenant: t, Fitness: f, Source: guard.For(t, f, client), Events: client, Began: began}
		if !followed[t.Realm] && (warm || s.directory.Knows(t.Realm)) { // first, because what is known is read again where a feed begins
			followed[t.Realm] = true
			if err := s.directory.Follow(ctx, view); err != nil && ctx.Err() == nil {
				s.options.Log.Warn("the admin events of a realm cannot be read", zap.String("realm", t.Realm), zap.Error(err))
			}
		}
		if warm {
			s.directory.Warm(view)
		}
	}
}
