package bridge

import (
	"context"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/apply"
)

// userNameLock names the lock for creating or finishing the account of a user name.
func userNameLock(stored string) string { return " userName " + stored }

// displayNameLock is userNameLock for the name of a group.
func displayNameLock(name string) string { return " displayName " + name }

// membersLock names the lock of a group's members. A request that adds or removes some members without reading the
// others shares the lock. A request that depends on all members holds it exclusively, and the group's own lock too.
func membersLock(r *request, id string) string { return resourceLock(r, id) + " members" }

// resourceLock names the lock of a resource; all tenants share it.
func resourceLock(r *request, id string) string { return r.Endpoint + "/" + id }

// lock waits for several locks of the realm together. They are held until the request ends.
func (s *Service) lock(ctx context.Context, r *request, names ...string) error {
	return s.hold(ctx, r, false, names)
}

// share is lock for requests that can hold a lock together.
func (s *Service) share(ctx context.Context, r *request, names ...string) error {
	return s.hold(ctx, r, true, names)
}

func (s *Service) hold(ctx context.Context, r *request, shared bool, names []string) error {
	if len(names) == 0 {
		return nil
	}
	keys := make([]apply.Key, len(names))
	for i, name := range names {
		keys[i] = apply.Key{Name: r.Tenant.Realm + name, Shared: shared}
	}
	return s.applier.Lock(ctx, &r.held, keys...)
}

// await waits until no request holds a lock of the realm. The creation that held the name has then ended.
func (s *Service) await(ctx context.Context, r *request, name string) error {
	return s.applier.Await(ctx, r.Tenant.Realm+name)
}
