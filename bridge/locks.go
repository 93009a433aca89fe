package bridge

import "context"

// userNameLock names the lock of whoever makes or finishes the account of a user name.
func userNameLock(stored string) string { return " userName " + stored }

// displayNameLock is userNameLock for the name of a group.
func displayNameLock(name string) string { return " displayName " + name }

// membersLock names the lock of a group's members. A request that adds or removes some members without reading the
// others shares the lock. A request that depends on all members holds it exclusively, and the group's own lock too.
func membersLock(r *request, id string) string { return resourceLock(r, id) + " members" }

// resourceLock names the lock of a resource, whatever tenant writes it.
func resourceLock(r *request, id string) string { return r.Endpoint + "/" + id }

// lock waits for a lock of the realm, which is held until the request ends.
func (s *Service) lock(ctx context.Context, r *request, name string) error {
	return s.hold(ctx, r, name, s.applier.Locks.Lock)
}

// share is lock for those that hold a lock together.
func (s *Service) share(ctx context.Context, r *request, name string) error {
	return s.hold(ctx, r, name, s.applier.Locks.Share)
}

func (s *Service) hold(ctx context.Context, r *request, name string, lock func(context.Context, string) (func(), error)) error {
	unlock, err := lock(ctx, r.Tenant.Realm+name)
	if err == nil {
		r.atEnd = append(r.atEnd, unlock)
	}
	return err
}

// await waits until nobody has a lock of the realm.
func (s *Service) await(ctx context.Context, r *request, name string) error {
	unlock, err := s.applier.Locks.Lock(ctx, r.Tenant.Realm+name)
	if err == nil {
		unlock()
	}
	return err
}
