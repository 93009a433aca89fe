package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
)

// What the bridge granted is recorded with who has it, in the attribute scim.roles, as
//
//	<tenant key>|<role>, <tenant key>|<client>/<role>
//
// so that it is taken back when no rule grants it any more, and what a person granted stays. The
// record is written before the grant and forgotten after the role was taken, so that a repetition
// finds what is left to do wherever the first try ended.

// maxRecorded is how long a name is recorded as it is: longer ones do not fit into the attribute of
// a group beside the key of a tenant, and are recorded by their hash.
const maxRecorded = 128

// record is the value for a role.
func (o Owner) record(name keycloak.RoleName) string {
	text := name.String()
	if length(text) > maxRecorded {
		sum := sha256.Sum256([]byte(text))
		text = "#" + hex.EncodeToString(sum[:16])
	}
	return o.Key + "|" + text
}

// granted reports whether the bridge granted one of some roles.
func (o Owner) granted(attributes map[string][]string, names []keycloak.RoleName) bool {
	recorded := attributes[AttrRoles]
	return len(recorded) > 0 && slices.ContainsFunc(names, func(n keycloak.RoleName) bool { return slices.Contains(recorded, o.record(n)) })
}

// RoleChange is what becomes of the roles of a user or group.
type RoleChange struct {
	Grant, Revoke []keycloak.RoleName // sorted
	// Before and After are the values of scim.roles that have to be stored before the roles are
	// changed, and afterwards.
	Before, After []string
}

// Change is what is left to do for one that has some roles and attributes.
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
	for _, record := range recorded { // of other tenants, and of roles that the file does not have any more
		if !ours[record] {
			out.Before, out.After = append(out.Before, record), append(out.After, record)
		}
	}
	return out
}

// WithRoles are attributes with some values of scim.roles.
func WithRoles(attributes map[string][]string, values []string) map[string][]string {
	return overlay(attributes, map[string][]string{AttrRoles: values})
}

// HoldsRoles reports whether attributes have these values of scim.roles.
func HoldsRoles(attributes map[string][]string, values []string) bool {
	return sameValues(attributes[AttrRoles], values)
}
