package bridge

import (
	"context"
	"errors"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
)

// Recover settles a change that was intended, and whose end is not known because the process ended. It reads Keycloak
// as the tenant sees it, and writes nothing. The result has an outcome:
//
//   - Done when Keycloak has all of the change.
//   - Failed when Keycloak has nothing of it.
//   - Unknown otherwise, with a reason. This is so for a half-made resource, and for a part that Keycloak does not
//     show, such as a password. A step that Keycloak shows proves the steps before it.
//
// After and the members are what Keycloak has now: the intended users who joined are members, and those who left are
// not. If Keycloak may not be asked, because the tenant is gone or the resource is protected, they stay as they were
// intended. Nobody else may write the resource through the bridge meanwhile; Recover holds its lock.
//
// An error says that Keycloak cannot be asked now: the caller tries again later.
func (s *Service) Recover(ctx context.Context, c change.Change) (change.Change, error) {
	c.Recovered, c.Outcome, c.Done, c.Reason = true, change.Unknown, 0, ""
	t, endpoint := s.tenantOf(c), endpointOf(c.Resource.Type)
	switch {
	case t == nil:
		c.Reason = tenantGone
		return c, nil
	case endpoint == "":
		c.Reason = typeUnknown
		return c, nil
	}
	r, err := s.begin(Call{By: t.System(), Endpoint: endpoint, ID: c.Resource.ID}, reading)
	if err != nil {
		return change.Change{}, err
	}
	defer r.end()
	v := recovery{s: s, r: r, c: c, steps: make([]plan.Said, len(c.Steps))}
	for i, text := range c.Steps {
		v.steps[i] = plan.Read(text)
	}
	err = v.settle(ctx)
	if why, ok := errors.AsType[unsettled](err); ok {
		v.c.Reason, err = string(why), nil
	}
	if err != nil {
		return change.Change{}, err
	}
	return v.c, nil
}

// tenantOf is the tenant of a change, or nil when it does not exist any longer. Another tenant may have its path now.
func (s *Service) tenantOf(c change.Change) *tenant.Tenant {
	t := s.options.Tenants.ByPath(c.Tenant)
	if t == nil || t.Realm != c.Realm || t.Organization.ID.String() != c.Organization.ID {
		return nil
	}
	return t
}

// endpointOf is the endpoint of a type of resource, or "".
func endpointOf(resourceType string) string {
	switch resourceType {
	case typeUser:
		return endpointUsers
	case typeGroup:
		return endpointGroups
	}
	return ""
}

// settle fills in how the change ended.
func (v *recovery) settle(ctx context.Context) error {
	if v.c.Resource.ID == "" {
		id, err := v.made(ctx)
		if err != nil {
			return err
		}
		if id == "" {
			v.c.After, v.c.MembersAdded, v.c.MembersRemoved = nil, nil, nil
			v.c.Outcome, v.c.Reason = change.Failed, interrupted
			return nil
		}
		v.r.ID, v.c.Resource.ID = id, id
	}
	names := []string{resourceLock(v.r, v.r.ID)}
	if v.r.Endpoint == endpointGroups {
		names = append(names, membersLock(v.r, v.r.ID))
	}
	if err := v.s.lock(ctx, v.r, names...); err != nil {
		return err
	}
	if err := v.look(ctx); err != nil {
		return err
	}
	found, err := v.weigh(ctx)
	if err != nil {
		return err
	}
	if !v.blind() {
		v.c.After = v.cur.resource.Document
	}
	v.conclude(found)
	return nil
}

// conclude says how the change ended.
func (v *recovery) conclude(found trace) {
	switch {
	case found.whole:
		v.c.Done, v.c.Outcome = len(v.c.Steps), change.Done
	case found.nothing:
		v.c.Outcome, v.c.Reason = change.Failed, interrupted
	case v.unfinished():
		v.c.Reason = halfMade
	case len(v.unsure) > 0:
		v.c.Reason = partsNotTold + strings.Join(v.unsure, ", ")
	case !v.seen:
		v.c.Reason = goneNow
	default:
		v.c.Reason = neitherState
	}
}
