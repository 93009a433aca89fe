package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Kind names what a step does, for logs and metrics.
type Kind string

// The kinds of steps.
const (
	KindCreateUser   Kind = "create_user"
	KindUpdateUser   Kind = "update_user"
	KindDeleteUser   Kind = "delete_user"
	KindEndSessions  Kind = "end_sessions"
	KindCreateGroup  Kind = "create_group"
	KindUpdateGroup  Kind = "update_group"
	KindDeleteGroup  Kind = "delete_group"
	KindAddMember    Kind = "add_member"
	KindRemoveMember Kind = "remove_member"
	KindAdmitUser    Kind = "admit_user"
	KindExpelUser    Kind = "expel_user"
	KindLinkUser     Kind = "link_user"
	KindGrantRoles   Kind = "grant_roles"
	KindRevokeRoles  Kind = "revoke_roles"
)

// Step is one change of Keycloak: one of the structs below. Each step is one call of the Admin API,
// except EndSessions: a logout, a list of the offline sessions, and a call for each offline
// session. A zero id means the user or group that the plan creates.
//
//sumtype:decl
type Step interface{ step() }

// CreateUser creates an account.
type CreateUser struct{ User *keycloak.NewUser }

// UpdateUser changes an account.
type UpdateUser struct {
	User   keycloak.UserID
	Update *keycloak.UserUpdate
	// Live says that the update could take the account over, or that it gives access. The rights of
	// the account are read again before such a step.
	Live bool
}

// DeleteUser deletes an account.
type DeleteUser struct{ User keycloak.UserID }

// EndSessions ends all sessions of a user.
type EndSessions struct {
	User keycloak.UserID
	// Always says that the step is carried out even when an earlier step failed: access ends even
	// when Keycloak refuses to disable the user.
	Always bool
}

// CreateGroup creates a group.
type CreateGroup struct{ Group *keycloak.NewGroup }

// UpdateGroup changes a group. The last step of a new group has New instead of Group.
type UpdateGroup struct {
	Group  *keycloak.Group
	New    *keycloak.NewGroup
	Update *keycloak.GroupUpdate
}

// DeleteGroup deletes a group.
type DeleteGroup struct{ Group keycloak.GroupID }

// AddMember adds a user to a group.
type AddMember struct {
	Group keycloak.GroupID
	User  keycloak.UserID
}

// RemoveMember removes a user from a group.
type RemoveMember struct {
	Group keycloak.GroupID
	User  keycloak.UserID
}

// AdmitUser makes a user a member of an organization.
type AdmitUser struct {
	Organization keycloak.OrganizationID
	User         keycloak.UserID
}

// ExpelUser ends a user's membership of an organization.
type ExpelUser struct {
	Organization keycloak.OrganizationID
	User         keycloak.UserID
}

// LinkUser links a user to an identity provider.
type LinkUser struct {
	User keycloak.UserID
	Link keycloak.Link
}

// Holder is the user or group whose roles a plan changes. With neither, it is the resource that the
// plan creates.
type Holder struct {
	User  keycloak.UserID
	Group keycloak.GroupID
}

// GrantRoles grants roles to a holder, either all of the realm or all of one client.
type GrantRoles struct {
	Holder

	Roles []keycloak.Role
}

// RevokeRoles revokes roles from a holder, either all of the realm or all of one client.
type RevokeRoles struct {
	Holder

	Roles []keycloak.Role
}

func (CreateUser) step()   {}
func (UpdateUser) step()   {}
func (DeleteUser) step()   {}
func (EndSessions) step()  {}
func (CreateGroup) step()  {}
func (UpdateGroup) step()  {}
func (DeleteGroup) step()  {}
func (AddMember) step()    {}
func (RemoveMember) step() {}
func (AdmitUser) step()    {}
func (ExpelUser) step()    {}
func (LinkUser) step()     {}
func (GrantRoles) step()   {}
func (RevokeRoles) step()  {}

// Is reports whether a step has the type T.
func Is[T Step](s Step) bool {
	_, is := s.(T)
	return is
}

// KindOf returns the kind of a step; "" for nil.
func KindOf(s Step) Kind {
	switch s.(type) {
	case CreateUser:
		return KindCreateUser
	case UpdateUser:
		return KindUpdateUser
	case DeleteUser:
		return KindDeleteUser
	case EndSessions:
		return KindEndSessions
	case CreateGroup:
		return KindCreateGroup
	case UpdateGroup:
		return KindUpdateGroup
	case DeleteGroup:
		return KindDeleteGroup
	case AddMember:
		return KindAddMember
	case RemoveMember:
		return KindRemoveMember
	case AdmitUser:
		return KindAdmitUser
	case ExpelUser:
		return KindExpelUser
	case LinkUser:
		return KindLinkUser
	case GrantRoles:
		return KindGrantRoles
	case RevokeRoles:
		return KindRevokeRoles
	}
	return ""
}

// Target returns the user, or the id of the group, that a step changes, or both. A part that the
// step does not change, or that the plan creates, is zero.
func Target(s Step) (user keycloak.UserID, group string) {
	switch s := s.(type) {
	case CreateUser, CreateGroup:
	case UpdateUser:
		user = s.User
	case DeleteUser:
		user = s.User
	case EndSessions:
		user = s.User
	case UpdateGroup:
		if s.Group != nil {
			group = s.Group.ID
		}
	case DeleteGroup:
		group = s.Group.String()
	case AddMember:
		user, group = s.User, s.Group.String()
	case RemoveMember:
		user, group = s.User, s.Group.String()
	case AdmitUser:
		user = s.User
	case ExpelUser:
		user = s.User
	case LinkUser:
		user = s.User
	case GrantRoles:
		user, group = s.User, s.Group.String()
	case RevokeRoles:
		user, group = s.User, s.Group.String()
	}
	return user, group
}

// Describe returns a step's kind, its target and the names of what it writes, without values, so it
// may be logged.
func Describe(s Step) string {
	return string(KindOf(s)) + strings.TrimRight(" "+details(s), " ")
}

func details(s Step) string {
	switch s := s.(type) {
	case CreateUser:
		text := "enabled=" + strconv.FormatBool(s.User.Enabled) + " " + attributes(s.User.Attributes)
		if s.User.Link != nil {
			text += " link=" + s.User.Link.IdentityProvider
		}
		return text
	case UpdateUser:
		return fmt.Sprint(s.User, " ", written(*s.Update))
	case DeleteUser:
		return s.User.String()
	case EndSessions:
		return s.User.String()
	case CreateGroup:
		return attributes(s.Group.Attributes)
	case UpdateGroup:
		_, id := Target(s)
		return fmt.Sprintf("%s name=%t attributes=%t", id, s.Update.Name != nil, s.Update.Attributes != nil)
	case DeleteGroup:
		return s.Group.String()
	case AddMember:
		return s.Group.String() + " " + s.User.String()
	case RemoveMember:
		return s.Group.String() + " " + s.User.String()
	case AdmitUser:
		return s.Organization.String() + " " + s.User.String()
	case ExpelUser:
		return s.Organization.String() + " " + s.User.String()
	case LinkUser:
		return s.User.String() + " link=" + s.Link.IdentityProvider
	case GrantRoles:
		return fmt.Sprintf("%s%s %v", s.User, s.Group, s.Roles)
	case RevokeRoles:
		return fmt.Sprintf("%s%s %v", s.User, s.Group, s.Roles)
	}
	return ""
}

// attributes returns the names of the attributes that a step writes, in brackets.
func attributes[V any](values map[string]V) string {
	return "attributes=[" + strings.Join(scim.SortedNames(values), " ") + "]"
}

// Enables reports whether a step enables an account.
func Enables(s Step) bool {
	u, is := s.(UpdateUser)
	return is && u.Update.Enabled != nil && *u.Update.Enabled
}

// ChangesRoles reports whether a step grants or revokes roles.
func ChangesRoles(s Step) bool { return Is[GrantRoles](s) || Is[RevokeRoles](s) }

// ChangesMembers reports whether a step changes a membership of a group.
func ChangesMembers(s Step) bool { return Is[AddMember](s) || Is[RemoveMember](s) }

// Deactivates reports whether a step only ends a user's access, or part of the access.
func Deactivates(s Step) bool {
	switch s := s.(type) {
	case EndSessions:
		return true
	case UpdateUser:
		return slices.Equal(written(*s.Update), []string{"enabled"}) && !*s.Update.Enabled
	case AddMember, AdmitUser, CreateGroup, CreateUser, DeleteGroup, DeleteUser, ExpelUser, GrantRoles,
		LinkUser, RemoveMember, RevokeRoles, UpdateGroup:
	}
	return false
}

// WritesPassword reports whether a step gives a user a password.
func WritesPassword(s Step) bool {
	switch s := s.(type) {
	case CreateUser:
		return !s.User.Password.IsZero()
	case UpdateUser:
		return !s.Update.Password.IsZero()
	case AddMember, AdmitUser, CreateGroup, DeleteGroup, DeleteUser, EndSessions, ExpelUser, GrantRoles,
		LinkUser, RemoveMember, RevokeRoles, UpdateGroup:
	}
	return false
}

// Value returns what a step writes into a field of the user, by Keycloak's name (username, email,
// firstName or lastName), or "".
func Value(s Step, field string) string {
	var values map[string]*string
	switch s := s.(type) {
	case CreateUser:
		n := s.User
		values = map[string]*string{"username": &n.Username, "email": &n.Email, "firstName": &n.FirstName, "lastName": &n.LastName}
	case UpdateUser:
		u := s.Update
		values = map[string]*string{"username": u.Username, "email": u.Email, "firstName": u.FirstName, "lastName": u.LastName}
	case AddMember, AdmitUser, CreateGroup, DeleteGroup, DeleteUser, EndSessions, ExpelUser, GrantRoles,
		LinkUser, RemoveMember, RevokeRoles, UpdateGroup:
	}
	if value := values[field]; value != nil {
		return *value
	}
	return ""
}
