package bridge

import (
	"context"
	"errors"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Observe reads which of some users are members of a group of the tenant at a path now. It is called after changes of
// the same memberships that ran at the same time, because nobody knows which of them Keycloak carried out last. It
// writes nothing. The result is an ended change with the operation Observed: MembersAdded are the members, and
// MembersRemoved the others. Nobody is a member of a group that is gone.
//
// The outcome is Unknown, with a reason and without members, when the tenant does not exist any longer or the group is
// protected. An error says that Keycloak cannot be asked now: the caller tries again later.
func (s *Service) Observe(ctx context.Context, path, group string, members []string) (change.Change, error) {
	c := change.Change{
		ID: change.NewID(), Begun: s.directory.Now(), Origin: change.Observation, Tenant: path,
		Op: change.Observed, Resource: change.Resource{Type: typeGroup, ID: group}, Outcome: change.Unknown,
	}
	t := s.options.Tenants.ByPath(path)
	if t == nil {
		by := (&tenant.Tenant{}).System().Actor
		c.Actor, c.Reason = change.Actor{Kind: string(by.Kind), Name: by.Name}, tenantGone
		return c, nil
	}
	by := t.System()
	c.Actor = change.Actor{Kind: string(by.Actor.Kind), Name: by.Actor.Name}
	c.Realm, c.Organization = t.Realm, change.Organization{ID: t.Organization.ID.String(), Alias: t.Organization.Alias}
	r, err := s.begin(Call{By: by, Endpoint: endpointGroups, ID: group}, reading)
	if err != nil {
		return change.Change{}, err
	}
	defer r.end()
	if err := s.lock(ctx, r, resourceLock(r, group), membersLock(r, group)); err != nil {
		return change.Change{}, err
	}
	v := recovery{s: s, r: r, c: c}
	v.c.MembersAdded, v.c.MembersRemoved = members, members
	err = v.look(ctx)
	if err == nil {
		_, err = v.members(ctx)
	}
	if why, ok := errors.AsType[unsettled](err); ok {
		c.Reason = string(why)
		return c, nil
	}
	if err != nil {
		return change.Change{}, err
	}
	v.c.Outcome = change.Done
	return v.c, nil
}
