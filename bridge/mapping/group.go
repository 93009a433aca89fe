package mapping

import (
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// GroupState is what Keycloak must store of a group, as far as the bridge owns it. Members are not
// part of it.
type GroupState struct {
	Name       string
	Attributes map[string][]string // as in UserState
	Remainder  map[string]any
	text       string   // of the remainder
	Roles      Roles    // as in UserState
	Dropped    []string // as in UserState

	// owned and adopted are as in UserState.
	owned, adopted bool
}

// GroupState maps a document of a Group. A value that cannot be stored is a *scim.Error that names
// the attribute.
func (m *Mapping) GroupState(doc scim.Document) (GroupState, error) {
	rest := m.groups.copied(doc)
	delete(rest, scim.AttrMembers)
	if err := m.groups.derive(rest); err != nil {
		return GroupState{}, err
	}
	name := rest.String(scim.AttrDisplayName)
	delete(rest, scim.AttrDisplayName)
	if strings.TrimSpace(name) == "" {
		return GroupState{}, scim.BadRequest(scim.CodeValue, scim.InvalidValue, "displayName must not be blank")
	}
	if length(name) > maxGroupValue {
		return GroupState{}, scim.BadRequest(scim.CodeTooLong, scim.InvalidValue, "displayName can have at most %d characters", maxGroupValue)
	}
	if length(rest.String(scim.AttrExternalID)) > maxGroupValue {
		return GroupState{}, scim.BadRequest(scim.CodeTooLong, scim.InvalidValue, "externalId of a group can have at most %d characters", maxGroupValue)
	}
	s := GroupState{Name: name, Roles: m.rolesOfGroup(name), Attributes: map[string][]string{
		m.groups.externalID: extractText(rest, scim.AttrExternalID),
	}}
	taken, err := m.groups.extract(rest)
	if err != nil {
		return GroupState{}, err
	}
	for _, t := range taken {
		s.Attributes[t.rule.target] = t.values
	}
	if s.Dropped, err = m.groups.judge(rest); err != nil {
		return GroupState{}, err
	}
	s.Remainder = rest
	s.text, err = encodeRemainder(rest, maxGroupRemainder)
	return s, err
}

// GroupResource maps a group of Keycloak to a resource, without its members. An incomplete
// remainder is a *DamagedError.
func (m *Mapping) GroupResource(tenantKey string, g keycloak.Group) (scim.Resource, error) {
	doc, err := m.groups.rest(tenantKey, g.ID, g.Attributes[AttrRemainder])
	if err != nil {
		return scim.Resource{}, err
	}
	doc[scim.AttrDisplayName] = g.Name
	renderText(doc, scim.AttrExternalID, g.Attributes[m.groups.externalID])
	if err := m.groups.render(doc, g.ID, func(r *rule) []string { return g.Attributes[r.target] }); err != nil {
		return scim.Resource{}, err
	}
	created := CreatedAt(g)
	return scim.Resource{
		ID: g.ID, Document: m.Group.Gather(doc), Created: created,
		Modified: latest(created, g.Attributes[AttrModified]),
	}, nil
}

// CreatedAt returns when the bridge created a group; zero for a group that it did not create.
func CreatedAt(g keycloak.Group) time.Time { return latest(time.Time{}, g.Attributes[AttrCreated]) }

// GroupAttributes returns all attributes of a group for a POST (current is nil) or a PUT. stamp is
// the time of the change.
func (s GroupState) GroupAttributes(tenantKey string, current map[string][]string, stamp time.Time) map[string][]string {
	out := overlay(current, s.Attributes)
	setOrDelete(out, AttrRemainder, append(Owner{Key: tenantKey}.foreign(current[AttrRemainder]), pieces(tenantKey, s.text, stamp, maxGroupValue)...))
	out[AttrModified] = []string{stamp.UTC().Format(stampFormat)}
	if current == nil {
		out[AttrCreated] = out[AttrModified]
	}
	if current == nil || s.owned {
		out[AttrOwner] = Owner{Key: tenantKey}.owners(current, s.adopted)
	}
	return out
}

// Owned returns the state of a group whose owner is the tenant from this write on.
func (s GroupState) Owned() GroupState {
	s.owned = true
	return s
}

// BecomesOwned reports whether the tenant is the group's owner from the write of this state on.
func (s GroupState) BecomesOwned() bool { return s.owned }

// Adopted returns the state of a group that the tenant adopts with this write.
func (s GroupState) Adopted() GroupState {
	s.owned, s.adopted = true, true
	return s
}

// AttributesEqual reports whether a group's attributes hold the state already.
func (s GroupState) AttributesEqual(tenantKey string, current map[string][]string) bool {
	return !s.owned && attributesEqual(tenantKey, s.Attributes, s.text, current)
}
