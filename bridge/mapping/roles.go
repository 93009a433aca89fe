package mapping

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/interpreter"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// Roles says which roles of Keycloak a user or a group must have.
type Roles struct {
	Wanted []keycloak.RoleName
	// Listed are all roles that the file may grant. A listed role is revoked when the bridge
	// granted it and it is not wanted. Other roles are not touched.
	Listed []keycloak.RoleName
	// Owned are the roles of Listed that are revoked whoever granted them.
	Owned []keycloak.RoleName
}

// roleRule grants roles to the users for which an expression is true; nil means all users.
type roleRule struct {
	when  *expression
	grant []keycloak.RoleName
}

// Roles returns the names of all roles that the mapping may grant; they must exist.
func (m *Mapping) Roles() []keycloak.RoleName { return m.listedRoles }

// ManagesUserRoles reports whether a user with some attributes may gain or lose a role: by a rule,
// because the file owns roles, or because the bridge granted the user a role.
func (m *Mapping) ManagesUserRoles(o Owner, attributes map[string][]string) bool {
	return m.grantsUserRoles() || o.granted(attributes, m.listedRoles)
}

// grantsUserRoles is ManagesUserRoles for a user without roles from the bridge.
func (m *Mapping) grantsUserRoles() bool { return len(m.userRoles) > 0 || len(m.ownedRoles) > 0 }

// GrantsGroupRoles reports whether rules grant roles to groups.
func (m *Mapping) GrantsGroupRoles() bool { return len(m.groupRoles) > 0 }

// RolesFollowGroups reports whether roles of users depend on the groups that they are in.
func (m *Mapping) RolesFollowGroups() bool {
	return slices.ContainsFunc(m.userRoles, func(r roleRule) bool { return r.when != nil && r.when.groups })
}

// UserRoles returns the roles that the rules grant to the user of a document who is in groups with
// some names. A rule that cannot be computed gives a *scim.Error.
func (m *Mapping) UserRoles(doc scim.Document, groups []string) (Roles, error) {
	roles := m.noRoles()
	if len(m.userRoles) == 0 {
		return roles, nil
	}
	doc = m.users.copied(doc)
	err := m.users.derive(doc)
	if err != nil {
		return Roles{}, err
	}
	var in interpreter.Activation
	if m.roleLanguage != nil {
		if in, err = m.roleLanguage.activation(doc, groups); err != nil {
			return Roles{}, err
		}
	}
	for _, r := range m.userRoles {
		holds := any(true)
		if r.when != nil {
			if holds, err = r.when.evaluate(in); err != nil {
				return Roles{}, err
			}
		}
		if holds == true {
			roles.Wanted = append(roles.Wanted, r.grant...)
		}
	}
	roles.Wanted = distinct(roles.Wanted)
	return roles, nil
}

// TakenBack returns the Roles of a user with some attributes who leaves the tenant. The user gets
// no role and loses the roles that rules of the tenant granted. For an account that the tenant
// owns, the user also loses the roles that the file owns. ok is false when there are no such roles.
func (m *Mapping) TakenBack(o Owner, attributes map[string][]string, owns bool) (roles Roles, ok bool) {
	roles = Roles{Listed: m.listedRoles}
	if owns {
		roles.Owned = m.ownedRoles
	}
	return roles, len(roles.Owned) > 0 || o.granted(attributes, m.listedRoles)
}

// GrantedRoles returns the roles that rules of the tenant granted to a user with some attributes,
// as texts.
func (m *Mapping) GrantedRoles(o Owner, attributes map[string][]string) []string {
	var out []string
	for _, name := range m.listedRoles {
		if o.granted(attributes, []keycloak.RoleName{name}) {
			out = append(out, name.String())
		}
	}
	return out
}

// rolesOfGroup returns the Roles of the group with a name. Keycloak compares group names
// case-sensitively.
func (m *Mapping) rolesOfGroup(name string) Roles {
	roles := m.noRoles()
	roles.Wanted = m.groupRoles[name]
	return roles
}

func (m *Mapping) noRoles() Roles { return Roles{Listed: m.listedRoles, Owned: m.ownedRoles} }

// distinct returns the names sorted and without duplicates.
func distinct(names []keycloak.RoleName) []keycloak.RoleName {
	slices.SortFunc(names, keycloak.RoleName.Compare)
	return slices.Compact(names)
}

// defaultRoles begins the name of the role that every user of a realm has.
const defaultRoles = "default-roles-"

// roles compiles the parts of the file about roles.
func (c compiler) roles(m *Mapping, file config.Mapping) {
	grantable := map[keycloak.RoleName]bool{}
	for key, list := range map[string][]config.RoleName{"grantableRoles": file.GrantableRoles, "managedRoles": file.ManagedRoles} {
		for i, r := range list {
			where := config.Where("").Key(key).Item(i)
			switch {
			case r.Client == keycloak.RealmManagement:
				c.Add(where, "administers the realm", "Remove it: nobody becomes an administrator by SCIM")
			case r.Client == "" && strings.HasPrefix(r.Role, defaultRoles):
				c.Add(where, "is the role that every user of a realm has", "Remove it: a rule could only revoke it")
			}
			grantable[roleName(r)] = true
		}
	}
	users, groups := config.Where("users").Key("roles"), config.Where("groups").Key("roles")
	for i, r := range file.Users.Roles {
		rule := roleRule{grant: c.grants(grantable, users.Item(i).Key("grant"), r.Grant)}
		if r.When != "" {
			where := users.Item(i).Key("when")
			rule.when = c.compile(&m.roleLanguage, m.User, true, string(where), where, string(r.When), cel.BoolType)
		}
		m.userRoles = append(m.userRoles, rule)
	}
	m.groupRoles = map[string][]keycloak.RoleName{}
	for _, e := range file.Groups.Roles {
		grant := c.grants(grantable, e.Where, e.Value)
		if len(e.Value) == 0 {
			c.Add(groups.Key(e.Name), "grants nothing", "List the roles of the group, or remove it")
		}
		m.groupRoles[e.Name] = distinct(grant)
	}
	m.listedRoles = distinct(slices.Collect(maps.Keys(grantable)))
	for _, r := range file.ManagedRoles {
		m.ownedRoles = append(m.ownedRoles, roleName(r))
	}
	m.ownedRoles = distinct(m.ownedRoles)
}

// Takes reports roles that the file revokes although nobody granted them by the file. It returns a
// sentence for each role of managedRoles that no rule grants to users, or no rule grants to groups.
func (m *Mapping) Takes() []string {
	var ofUsers, ofGroups []keycloak.RoleName
	for _, r := range m.userRoles {
		ofUsers = append(ofUsers, r.grant...)
	}
	for _, grant := range m.groupRoles {
		ofGroups = append(ofGroups, grant...)
	}
	var out []string
	for _, name := range m.ownedRoles {
		toUsers, toGroups := slices.Contains(ofUsers, name), slices.Contains(ofGroups, name)
		which, from := "which no rule grants", "every group and user"
		switch {
		case toUsers && toGroups:
			continue
		case toUsers:
			which, from = "which no rule grants to a group", "every group"
		case toGroups:
			which, from = "which no rule grants to a user", "every user"
		}
		out = append(out, "managedRoles has "+name.String()+", "+which+": the bridge revokes it from "+from+" at the next write")
	}
	return out
}

func roleName(r config.RoleName) keycloak.RoleName {
	return keycloak.RoleName{Client: r.Client, Name: r.Role}
}

// grants checks a list of roles against the allow-list.
func (c compiler) grants(grantable map[keycloak.RoleName]bool, where config.Where, list []config.RoleName) []keycloak.RoleName {
	var out []keycloak.RoleName
	for i, r := range list {
		name := roleName(r)
		if at := where.Item(i); !grantable[name] && !c.Failed(at) {
			hint := "Add it to grantableRoles"
			var names []string
			for known := range maps.Keys(grantable) {
				names = append(names, known.String())
			}
			slices.Sort(names)
			if meant := config.Nearest(name.String(), names); meant != "" {
				hint = "Did you mean " + strconv.Quote(meant) + "?"
			}
			c.Add(at, strconv.Quote(name.String())+" is not in grantableRoles", hint)
		}
		out = append(out, name)
	}
	return out
}
