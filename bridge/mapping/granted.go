package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// The bridge records the roles that it granted in the attribute scim.roles of the user or group
// that has them:
//
//	<tenant key>|<role>, <tenant key>|<client>/<role>
//
// With this record, the bridge revokes a role when no rule grants the role any longer, and a role
// that a person granted stays. The record is written before the grant and removed after the role
// was revoked. A repetition therefore finds what is left to do, wherever the first attempt ended.

// maxRecorded is the longest name that is recorded unchanged. A longer name does not fit into the
// attribute of a group together with the key of a tenant, so its hash is recorded.
const maxRecorded = 128

// record returns the value for a role.
func (o Owner) record(name keycloak.RoleName) string {
	text := name.String()
	if length(text) > maxRecorded {
		sum := sha256.Sum256([]byte(text))
		text = "#" + hex.EncodeToString(sum[:16])
	}
	return o.Key + "|" + text
}

// granted reports whether the bridge granted at least one of some roles.
func (o Owner) granted(attributes map[string][]string, names []keycloak.RoleName) bool {
	recorded := attributes[AttrRoles]
	return len(recorded) > 0 && slices.ContainsFunc(names, func(n keycloak.RoleName) bool { return slices.Contains(recorded, o.record(n)) })
}

// RoleChange says which roles a user or group gains and loses.
type RoleChange struct {
	Grant, Revoke []keycloak.RoleName // sorted
	// Before are the values of scim.roles to store before the roles are changed, After the values
	// to store afterwards.
	Before, After []string
}

// Change returns the roles that a user or group must gain and lose. has are its roles in Keycloak.
func (r Roles) Change(o Owner, has []keycloak.RoleName, attributes map[string][]string) RoleChange {
	recorded := attributes[AttrRoles]
	var out RoleChange
	ours := map[string]bool{}
	for _, name := range r.Listed {
		record := o.record(name)
		ours[record] = true
		wanted, held, granted := slices.Contains(r.Wanted, name), slices.Contains(has, name), slices.Contains(recorded, record)
		switch {
		case wanted && !held:
			out.Grant = append(out.Grant, name)
			out.Before, out.After = append(out.Before, record), append(out.After, record)
		case wanted && granted:
			out.Before, out.After = append(out.Before, record), append(out.After, record)
		case held && !wanted && granted:
			out.Revoke = append(out.Revoke, name)
			out.Before = append(out.Before, record)
		case held && !wanted && slices.Contains(r.Owned, name):
			out.Revoke = append(out.Revoke, name)
		}
	}
	for _, record := range recorded { // records of other tenants, and of roles that the file no longer names
		if !ours[record] {
			out.Before, out.After = append(out.Before, record), append(out.After, record)
		}
	}
	return out
}

// WithRoles returns attributes with some values of scim.roles.
func WithRoles(attributes map[string][]string, values []string) map[string][]string {
	return overlay(attributes, map[string][]string{AttrRoles: values})
}

// HoldsRoles reports whether attributes have these values of scim.roles.
func HoldsRoles(attributes map[string][]string, values []string) bool {
	return sameValues(attributes[AttrRoles], values)
}
