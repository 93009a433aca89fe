package bridge

import (
	"context"
	"errors"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/change"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/guard"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Reasons of recovered changes.
const (
	interrupted    = "interrupted"
	tenantGone     = interrupted + "; the tenant does not exist any longer"
	typeUnknown    = interrupted + "; this version of the bridge does not know this type of resource"
	idUnknown      = interrupted + "; the id of the resource is not an id of this tenant"
	namesUnknown   = interrupted + "; the mapping cannot read the document any longer"
	namesTooMany   = interrupted + "; too many resources have the name"
	protectedNow   = interrupted + "; the resource is protected now, so only its name is read"
	damagedNow     = interrupted + "; a stored value of the resource cannot be read"
	disabledNow    = interrupted + "; the organization is disabled, and Keycloak shows its users differently"
	goneNow        = interrupted + "; the resource does not exist any longer"
	halfMade       = interrupted + "; the resource exists, but its creation has not ended. Repeat the request to finish it"
	neitherState   = interrupted + "; Keycloak has neither the state before the change nor the state after it"
	partsNotTold   = interrupted + "; Keycloak does not show whether it has this part of the change: "
	passwordPart   = "the new password"
	sessionsPart   = "the end of the sessions"
	rolesPart      = "the roles"
	attributesPart = "values that are not shown"
)

// unsettled is a reason why nobody can tell how a change ended.
type unsettled string

func (u unsettled) Error() string { return string(u) }

// recovery is one call of Recover.
type recovery struct {
	s     *Service
	r     *request
	c     change.Change
	steps []plan.Said // of the change

	cur    current
	seen   bool // whether the tenant sees the resource
	exists bool // whether the resource exists, as far as it was read
	unsure []string
}

// trace is what Keycloak shows of a part of a change. Both are true when there is no difference between the state
// before and the state after; both are false for another state, and for a part that Keycloak does not show.
type trace struct {
	whole   bool // Keycloak has the part
	nothing bool // Keycloak has the state before
}

func (t trace) and(other trace) trace {
	return trace{whole: t.whole && other.whole, nothing: t.nothing && other.nothing}
}

// untold is the trace of a part that Keycloak does not show.
func (v *recovery) untold(part string) trace {
	v.unsure = append(v.unsure, part)
	return trace{}
}

// made is the id of what a creation made, or "".
func (v *recovery) made(ctx context.Context) (string, error) {
	if v.c.Op != change.Created || v.c.After == nil {
		return "", unsettled(idUnknown)
	}
	id, err := v.r.kind.made(ctx, v.r, v.c)
	if told, ok := errors.AsType[*scim.Error](err); ok {
		if told.Type == scim.TooMany {
			return "", unsettled(namesTooMany)
		}
		return "", unsettled(namesUnknown)
	}
	return id, err
}

// blind reports whether the change was planned without reading the group, and changes only members.
func (v *recovery) blind() bool {
	op := v.c.Op == change.Updated || v.c.Op == change.Observed
	return v.r.Endpoint == endpointGroups && op && v.c.After == nil && !v.writes()
}

// look reads the resource.
func (v *recovery) look(ctx context.Context) error {
	read := v.r.kind.read
	if blind, may := v.r.kind.(blindPatcher); may && v.blind() {
		read = blind.proves
	}
	cur, err := read(ctx, v.r)
	if err := v.readable(cur, err); err != nil && keycloak.KindOf(err) != keycloak.NotFound {
		return err
	}
	if err == nil {
		v.cur, v.seen, v.exists = cur, true, true
		return nil
	}
	if !v.joins() {
		return nil
	}
	cur, err = v.r.kind.held(ctx, v.r) // the tenant may see the resource only after the last step
	if err := v.readable(cur, err); err != nil && keycloak.KindOf(err) != keycloak.NotFound {
		return err
	}
	if err == nil {
		cur.resource = scim.Resource{} // the tenant does not see it
		v.cur, v.exists = cur, true
	}
	return nil
}

// readable says why a resource that was read does not show how the change ended. Any other error is returned as it is.
func (v *recovery) readable(cur current, err error) error {
	told, isTold := errors.AsType[*scim.Error](err)
	_, damaged := errors.AsType[*mapping.DamagedError](err)
	_, refused := errors.AsType[guard.Error](err)
	wall := v.r.wall
	protected := wall.ProtectsGroup(v.r.ID) || wall.ProtectsUser(v.r.ID) && !wall.Deactivates(v.r.ID)
	switch {
	case refused, protected && (err == nil || keycloak.KindOf(err) == keycloak.Denied):
		return unsettled(protectedNow)
	case damaged:
		return unsettled(damagedNow)
	case isTold && told.Status < 500:
		return unsettled(idUnknown)
	case err == nil && v.r.fitness.Disabled && cur.user.Managed:
		return unsettled(disabledNow)
	}
	return err
}

// attributes are the attributes of the account or group.
func (v *recovery) attributes() map[string][]string {
	if v.r.Endpoint == endpointGroups {
		return v.cur.group.Attributes
	}
	return v.cur.user.Attributes
}

// unfinished reports whether the tenant's creation of the resource has not ended. A user of an organization belongs to
// it only with the last step.
func (v *recovery) unfinished() bool {
	return v.exists && (v.r.halfMade(v.cur) || v.c.Op == change.Created && !v.seen)
}

// owned reports whether the tenant owns the resource.
func (v *recovery) owned() bool {
	return slices.Contains(mapping.Owners(v.attributes()), v.r.Tenant.Owner.Key)
}

// visible reports whether the tenant sees the change in the document or the owner. A visible change of an account is
// one call together with its password.
func (v *recovery) visible() bool {
	return v.joins() || !same(v.c.Before, v.c.After)
}

// joins reports whether the resource becomes the tenant's with the last step.
func (v *recovery) joins() bool {
	return v.c.Op == change.Created || v.c.Op == change.Adopted || v.c.Op == change.Joined
}

// writes reports whether a step writes the resource itself.
func (v *recovery) writes() bool { return slices.ContainsFunc(v.steps, v.isWrite) }

func (v *recovery) isWrite(s plan.Said) bool {
	return s.Kind == plan.KindUpdateUser && s.User == v.r.ID || s.Kind == plan.KindUpdateGroup && s.Group == v.r.ID
}

// expels reports whether the change ends with the end of a membership of the organization.
func (v *recovery) expels() bool {
	return slices.ContainsFunc(v.steps, func(s plan.Said) bool { return s.Kind == plan.KindExpelUser })
}

// same compares two documents by the versions that clients see.
func same(a, b scim.Document) bool {
	return (a == nil) == (b == nil) && scim.Resource{Document: a}.Version() == scim.Resource{Document: b}.Version()
}
