package plan

import (
	"strings"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// ForNewUser plans the creation of a user in groups, who is admitted to an organization unless
// it is zero, and linked to an identity provider unless link is nil. It tells what Keycloak
// will hold then, id aside. The time of creation is sent along, so that nobody has to ask for it.
// Groups are joined by id after it: a wrong path in the creation is a 500.
func ForNewUser(party mapping.Party, s mapping.UserState, o keycloak.OrganizationID, groups []keycloak.GroupID, link *keycloak.Link, now time.Time) (Plan, keycloak.User) {
	attributes := s.UserAttributes(party, nil, now)
	enabled := s.Enabled == nil || *s.Enabled // a POST without active means active
	verified := s.EmailVerified && s.Email != ""
	created := now.Truncate(time.Millisecond)
	after := keycloak.User{
		Username: s.Username, Email: s.Email, FirstName: s.FirstName, LastName: s.LastName,
		Enabled: enabled, EmailVerified: verified, Created: created, Attributes: attributes,
	}
	step := Step{Kind: CreateUser, NewUser: keycloak.NewUser{
		Username: s.Username, Email: s.Email, FirstName: s.FirstName, LastName: s.LastName,
		Enabled: enabled, EmailVerified: verified, Created: created, Attributes: attributes, Password: s.Password, Link: link,
	}}
	return append(Plan{step}, ForAdmitted(o, keycloak.UserID{}, groups)...), after
}

// ForAdmitted plans that a user joins an organization, unless it is zero, and groups. A zero
// user is the one that the plan creates.
func ForAdmitted(o keycloak.OrganizationID, user keycloak.UserID, groups []keycloak.GroupID) Plan {
	var p Plan
	if !o.IsZero() {
		p = append(p, Step{Kind: AdmitUser, Organization: o, User: user})
	}
	for _, group := range groups {
		p = append(p, Step{Kind: AddMember, Group: group, User: user})
	}
	return p
}

// ForUser plans the change of a user and tells what Keycloak will hold then.
//
// A change of fields alone is a PUT without attributes, which cannot overwrite
// what others changed meanwhile. Any other sends all attributes as just read, with
// all fields, because Keycloak clears those that are missing then.
func ForUser(party mapping.Party, id keycloak.UserID, current keycloak.User, s mapping.UserState, now time.Time) (Plan, keycloak.User) {
	update, after := changedFields(current, s)
	identifies := update.Username != nil || update.Email != nil
	if !s.Password.Temporary() { // a temporary one is for the creation
		update.Password = s.Password
	}
	cleared := update.Email != nil && *update.Email == "" // see keycloak.UserUpdate
	if cleared || !s.AttributesEqual(party, current.Attributes) {
		attributes := s.UserAttributes(party, orEmpty(current.Attributes), now)
		update.Attributes, after.Attributes = attributes, attributes
		update.Username, update.Email = &after.Username, &after.Email
		update.FirstName, update.LastName = &after.FirstName, &after.LastName
	}
	var p Plan
	if len(written(update)) > 0 {
		p = append(p, Step{Kind: UpdateUser, User: id, UserUpdate: update, Live: identifies || !update.Password.IsZero()})
	}
	if update.Enabled != nil && !*update.Enabled {
		p = append(p, Step{Kind: EndSessions, User: id, Always: true})
	}
	return p, after
}

// changedFields compares the fields. Names of users of a federation keep their
// case, so user names and addresses are compared without it.
func changedFields(current keycloak.User, s mapping.UserState) (keycloak.UserUpdate, keycloak.User) {
	var update keycloak.UserUpdate
	after := current
	if !strings.EqualFold(current.Username, s.Username) {
		after.Username = s.Username
		update.Username = &after.Username
	}
	if !strings.EqualFold(current.Email, s.Email) {
		after.Email, after.EmailVerified = s.Email, s.EmailVerified && s.Email != ""
		update.Email, update.EmailVerified = &after.Email, &after.EmailVerified
	}
	if current.FirstName != s.FirstName {
		after.FirstName = s.FirstName
		update.FirstName = &after.FirstName
	}
	if current.LastName != s.LastName {
		after.LastName = s.LastName
		update.LastName = &after.LastName
	}
	if s.Enabled != nil && *s.Enabled != mapping.Enabled(current) {
		enabled := *s.Enabled
		after.Enabled, after.Attributes = enabled, mapping.WithoutLock(current.Attributes)
		update.Enabled = &enabled
	}
	return update, after
}

// ForAdopted plans that an account becomes the tenant's own: it is changed to a state, linked
// to an identity provider unless link is nil, and joins an organization, unless it is zero,
// and groups. It tells what Keycloak will hold then.
func ForAdopted(party mapping.Party, id keycloak.UserID, current keycloak.User, s mapping.UserState, link *keycloak.Link, o keycloak.OrganizationID, groups []keycloak.GroupID, now time.Time) (Plan, keycloak.User) {
	p, after := ForUser(party, id, current, s.Adopted(), now)
	p[0].Live = true
	if link != nil {
		p = append(p, Step{Kind: LinkUser, User: id, Link: *link, Live: true})
	}
	return append(p, ForAdmitted(o, id, groups)...), after
}

// ForLeaving plans that an account of the tenant's own stays and is no longer its user:
// disabled, and its sessions ended, when disable says so. leave says that it is marked as one
// that left.
func ForLeaving(party mapping.Party, id keycloak.UserID, current keycloak.User, disable, leave bool, now time.Time) Plan {
	var update keycloak.UserUpdate
	if disable && mapping.Enabled(current) {
		update.Enabled = new(false)
	}
	if leave {
		update.Attributes = party.Leave(current.Attributes, now)
		update.Username, update.Email = &current.Username, &current.Email
		update.FirstName, update.LastName = &current.FirstName, &current.LastName
	}
	var p Plan
	if len(written(update)) > 0 {
		p = append(p, Step{Kind: UpdateUser, User: id, UserUpdate: update, Live: true})
	}
	if disable {
		p = append(p, Step{Kind: EndSessions, User: id, Always: true})
	}
	return p
}

// ForDeletedUser plans the deletion of a user.
func ForDeletedUser(id keycloak.UserID) Plan {
	return Plan{{Kind: DeleteUser, User: id, Live: true}}
}
