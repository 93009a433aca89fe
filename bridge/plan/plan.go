package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Kind is what a step does; it is also the step's name in logs and metrics.
type Kind string

// The kinds of steps, each one call of the Admin API but for EndSessions, which
// is a logout, a list of offline sessions and a call for each of them.
const (
	CreateUser   Kind = "create_user"
	UpdateUser   Kind = "update_user"
	DeleteUser   Kind = "delete_user"
	EndSessions  Kind = "end_sessions"
	CreateGroup  Kind = "create_group"
	UpdateGroup  Kind = "update_group"
	DeleteGroup  Kind = "delete_group"
	AddMember    Kind = "add_member"
	RemoveMember Kind = "remove_member"
	GrantRoles   Kind = "grant_roles"
	RevokeRoles  Kind = "revoke_roles"
	AdmitUser    Kind = "admit_user" // to an organization
	ExpelUser    Kind = "expel_user" // from an organization
	LinkUser     Kind = "link_user"  // to an identity provider
)

// Step is one change. Which fields it uses follows from its kind.
type Step struct {
	Kind Kind
	// User and Group are zero for the one that the plan creates. Changes of roles have one of the
	// two, or none for what the plan creates. The last step of a new group names it by NewGroup.
	User  keycloak.UserID
	Group keycloak.GroupID

	Organization keycloak.OrganizationID

	// Pointers, nil where the kind has none: a plan may be of many thousand memberships.
	NewUser     *keycloak.NewUser
	UserUpdate  *keycloak.UserUpdate
	NewGroup    *keycloak.NewGroup
	OldGroup    *keycloak.Group
	GroupUpdate *keycloak.GroupUpdate
	Roles       []keycloak.Role // all of the realm or all of one client
	Link        keycloak.Link

	// Live says that the step could take the user's account over, ends or gives its access, or
	// destroys it: who has it is looked at before.
	Live bool
	// Always says that the step is carried out even when one before it failed:
	// access is ended also when Keycloak refuses to disable the user.
	Always bool
}

// ChangedGroup is the id of the group that is changed, "" for one that the plan creates.
func (s Step) ChangedGroup() string {
	if s.Kind == UpdateGroup && s.OldGroup != nil {
		return s.OldGroup.ID
	}
	return s.Group.String()
}

// Enables reports whether the step enables an account.
func (s Step) Enables() bool {
	return s.UserUpdate != nil && s.UserUpdate.Enabled != nil && *s.UserUpdate.Enabled
}

// ChangesRoles reports whether the step grants or revokes roles.
func (s Step) ChangesRoles() bool { return s.Kind == GrantRoles || s.Kind == RevokeRoles }

// Deactivates reports whether the step takes its access from a user, or a part of that, and does
// nothing else.
func (s Step) Deactivates() bool {
	return s.Kind == EndSessions || s.Kind == UpdateUser && slices.Equal(written(*s.UserUpdate), []string{"enabled"}) && !*s.UserUpdate.Enabled
}

// Plan is a list of steps. They are carried out in order, consecutive changes of
// memberships in parallel.
type Plan []Step

// String names the steps and what they write, without any value: it may be
// logged.
func (p Plan) String() string {
	lines := make([]string, len(p))
	for i, s := range p {
		lines[i] = s.String()
	}
	return strings.Join(lines, "\n")
}

// String is the step's kind, its target and the names of what it writes.
func (s Step) String() string {
	switch s.Kind {
	case CreateUser:
		text := fmt.Sprintf("%s enabled=%t attributes=%v", s.Kind, s.NewUser.Enabled, scim.SortedNames(s.NewUser.Attributes))
		if s.NewUser.Link != nil {
			text += " link=" + s.NewUser.Link.IdentityProvider
		}
		return text
	case UpdateUser:
		return fmt.Sprintf("%s %s %v", s.Kind, s.User, written(*s.UserUpdate))
	case DeleteUser, EndSessions:
		return fmt.Sprintf("%s %s", s.Kind, s.User)
	case CreateGroup:
		return fmt.Sprintf("%s attributes=%v", s.Kind, scim.SortedNames(s.NewGroup.Attributes))
	case UpdateGroup:
		return fmt.Sprintf("%s %s name=%t attributes=%t", s.Kind, s.ChangedGroup(), s.GroupUpdate.Name != nil, s.GroupUpdate.Attributes != nil)
	case DeleteGroup:
		return fmt.Sprintf("%s %s", s.Kind, s.Group)
	case AddMember, RemoveMember:
		return fmt.Sprintf("%s %s %s", s.Kind, s.Group, s.User)
	case AdmitUser, ExpelUser:
		return fmt.Sprintf("%s %s %s", s.Kind, s.Organization, s.User)
	case LinkUser:
		return fmt.Sprintf("%s %s link=%s", s.Kind, s.User, s.Link.IdentityProvider)
	case GrantRoles, RevokeRoles:
		return fmt.Sprintf("%s %s%s %v", s.Kind, s.User, s.Group, s.Roles)
	}
	return string(s.Kind)
}

func written(u keycloak.UserUpdate) []string {
	var names []string
	add := func(name string, given bool) {
		if given {
			names = append(names, name)
		}
	}
	add("username", u.Username != nil)
	add("email", u.Email != nil)
	add("emailVerified", u.EmailVerified != nil)
	add("firstName", u.FirstName != nil)
	add("lastName", u.LastName != nil)
	add("enabled", u.Enabled != nil)
	add("attributes", u.Attributes != nil)
	add("password", !u.Password.IsZero())
	return names
}
