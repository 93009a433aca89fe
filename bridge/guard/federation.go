package guard

import (
	"fmt"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/plan"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// FederatedError refuses a write to a user of a user federation that does not accept the write.
// Nothing was changed.
type FederatedError struct {
	ID         string // the id of the user
	Federation keycloak.Federation
	// Refused lists the parts of the plan that the federation does not accept.
	Refused []Refusal
}

// Refusal is a part of a user that SCIM cannot change, because it comes from a user federation.
type Refusal string

// Parts of a user that may come from a user federation.
const (
	KeepsUsername   Refusal = "user name"
	KeepsEmail      Refusal = "email"
	KeepsFirstName  Refusal = "first name"
	KeepsLastName   Refusal = "last name"
	KeepsEnabled    Refusal = "enabled"
	KeepsAttributes Refusal = "attributes"
	KeepsPassword   Refusal = "password"
	KeepsAccount    Refusal = "account" // the account: a deletion would not last
	KeepsGroups     Refusal = "groups"
	KeepsMembership Refusal = "membership" // the membership of an organization
	KeepsRoles      Refusal = "roles"
)

// Error returns the text for the log. The id is not in it, because the id may contain the user
// name.
func (e FederatedError) Error() string {
	return fmt.Sprintf("the user federation %q (%s) does not accept a change of %v", e.Federation.Name, e.Federation.EditMode, e.Refused)
}

// Keeps reports whether the federation refuses at least one of some parts.
func (e FederatedError) Keeps(parts ...Refusal) bool {
	return slices.ContainsFunc(parts, func(r Refusal) bool { return slices.Contains(e.Refused, r) })
}

// Federated refuses a plan about a user that the user's federation would not carry out in full,
// with a FederatedError. docs/guides/user-federation.md has the measurements of what an LDAP
// federation accepts. For any other provider, the bridge learns only from the write whether it works.
//
// The check is needed because Keycloak answers 204 to some of these writes although the change does
// not last.
func Federated(f tenant.Fitness, u keycloak.User, p plan.Plan) error {
	federation, ok := f.Federations[u.FederationLink]
	if !ok || federation.Enabled && !federation.LDAP {
		return nil
	}
	t := takes{federation, u}
	var refused []Refusal
	for _, step := range p {
		for _, r := range t.refuses(step) {
			if !slices.Contains(refused, r) {
				refused = append(refused, r)
			}
		}
	}
	if len(refused) == 0 {
		return nil
	}
	return FederatedError{ID: u.ID, Federation: federation, Refused: refused}
}

// FederatedMember refuses a member of a group with a FederatedError when Keycloak has no copy of
// the user that could hold the membership. The id is enough to decide this.
func FederatedMember(f tenant.Fitness, id keycloak.UserID) error {
	federation, ok := f.Federations[id.Federation()]
	if !ok || !federation.LDAP || federation.Joins {
		return nil
	}
	return FederatedError{ID: id.String(), Federation: federation, Refused: []Refusal{KeepsGroups}}
}

// takes describes what the provider of a user lets Keycloak write.
type takes struct {
	keycloak.Federation

	user keycloak.User
}

// fields reports whether Keycloak may write what the directory has.
func (t takes) fields() bool { return t.Enabled && t.EditMode != keycloak.EditReadOnly }

// copies reports whether Keycloak may write what it keeps only in its own copy of the user.
func (t takes) copies() bool { return t.Enabled && t.Imports }

func (t takes) refuses(s plan.Step) []Refusal {
	kept := func(taken bool, what Refusal) []Refusal {
		if taken {
			return nil
		}
		return []Refusal{what}
	}
	switch s := s.(type) {
	case plan.UpdateUser:
		return t.keeps(*s.Update)
	case plan.DeleteUser: // in the other modes the next read finds the user again, with another id
		return kept(t.copies() && t.EditMode == keycloak.EditWritable, KeepsAccount)
	case plan.AddMember:
		return kept(t.copies() || t.Enabled && t.Joins, KeepsGroups)
	case plan.AdmitUser:
		return kept(t.copies(), KeepsMembership)
	case plan.GrantRoles, plan.RevokeRoles:
		return kept(t.copies(), KeepsRoles)
	case plan.CreateUser, plan.EndSessions, plan.CreateGroup, plan.UpdateGroup, plan.DeleteGroup, plan.RemoveMember, plan.ExpelUser, plan.LinkUser:
	}
	return nil
}

// keeps lists the parts of an update that the federation does not accept. An update of attributes
// always changes the time of the change, which no directory has, so it needs both the copy and the
// right to write. With the attributes, Keycloak gets all fields, changed or not. The id of a user
// without a copy contains the user name, so a new name would make another user.
func (t takes) keeps(u keycloak.UserUpdate) []Refusal {
	var out []Refusal
	field := func(sent *string, held string, taken bool, what Refusal) {
		if sent != nil && *sent != held && !taken {
			out = append(out, what)
		}
	}
	field(u.Username, t.user.Username, t.fields() && t.copies(), KeepsUsername)
	field(u.FirstName, t.user.FirstName, t.fields(), KeepsFirstName)
	field(u.LastName, t.user.LastName, t.fields(), KeepsLastName)
	field(u.Email, t.user.Email, t.fields() && (t.copies() || u.EmailVerified == nil || *u.EmailVerified == t.user.EmailVerified), KeepsEmail)
	for what, asked := range map[Refusal]bool{
		KeepsEnabled:    u.Enabled != nil && !t.copies(),
		KeepsAttributes: u.Attributes != nil && (!t.fields() || !t.copies()),
		KeepsPassword:   !u.Password.IsZero() && !t.fields(),
	} {
		if asked {
			out = append(out, what)
		}
	}
	slices.Sort(out)
	return out
}

// KeepsAllBut reports whether the user's federation refuses every change of attributes, so that a
// client that sends whole users could not deactivate the user.
func KeepsAllBut(f tenant.Fitness, u keycloak.User) bool {
	federation, ok := f.Federations[u.FederationLink]
	return ok && federation.LDAP && (!federation.Imports || federation.EditMode == keycloak.EditReadOnly)
}
