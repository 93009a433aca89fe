package bridge

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/directory"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// keepEvery is how often indexes are looked at.
const keepEvery = 10 * time.Second

// KeepIndexes follows the feeds of the realms of which something is known, so that none of
// their events is missed, until the context ends. Warm indexes are made for all tenants and
// kept; others are dropped when nobody asks them.
func (s *Service) KeepIndexes(ctx context.Context, tenants *tenant.Registry, warm bool) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		if !warm {
			s.directory.DropIdle()
		}
		began := s.directory.Now()
		for _, t := range tenants.All() {
			s.keep(ctx, t, began, warm)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Service) keep(ctx context.Context, t *tenant.Tenant, began time.Time, warm bool) {
	f, client := t.Fitness(), s.realms.Client(t.Realm)
	if f.Problem != "" || client == nil || t.Policy.Paused() {
		return
	}
	view := directory.View{Tenant: t, Fitness: f, Source: guard.For(t, f, client), Events: client, Began: began}
	if err := s.directory.Keep(ctx, view, warm); err != nil && ctx.Err() == nil {
		s.options.Log.Warn("the admin events of the realm cannot be read", zap.String("tenant", t.Path), zap.Error(err))
	}
}
