package bridge

import (
	"context"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// keepEvery is how often indexes are looked at.
const keepEvery = 10 * time.Second

// KeepIndexes drops indexes that nobody asks, or when they shall be warm makes and keeps those
// of all tenants, until the context ends.
func (s *Service) KeepIndexes(ctx context.Context, tenants *tenant.Registry, warm bool) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		if warm {
			s.warm(tenants)
		} else {
			s.directory.DropIdle()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Service) warm(tenants *tenant.Registry) {
	for _, t := range tenants.All() {
		f, client := t.Fitness(), s.realms.Client(t.Realm)
		if f.Problem == "" && client != nil && !t.Policy.Paused() {
			s.directory.Warm(t, f, guard.For(t, f, client))
		}
	}
}
