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

// Roles say which roles of Keycloak a user or a group shall have.
type Roles struct {
	Wanted []keycloak.RoleName
	// Managed are all that the rules speak of: one that is not wanted is taken away. Roles
	// that no rule names are left alone.
	Managed []keycloak.RoleName
}

// roleRule grants roles to the users for which an expression is true; nil is all.
type roleRule struct {
	when  *expression
	grant []keycloak.RoleName
}

// Roles are the names of all roles that the mapping grants; they must exist.
func (m *Mapping) Roles() []keycloak.RoleName {
	return distinct(append(slices.Clone(m.userManaged), m.groupManaged...))
}

// ManagesUserRoles reports whether rules speak of roles of users.
func (m *Mapping) ManagesUserRoles() bool { return len(m.userManaged) > 0 }

// GrantsGroupRoles reports whether rules grant roles to groups.
func (m *Mapping) GrantsGroupRoles() bool { return len(m.groupRoles) > 0 }

// RolesFollowGroups reports whether roles of users depend on the groups that they are in.
func (m *Mapping) RolesFollowGroups() bool {
	return slices.ContainsFunc(m.userRoles, func(r roleRule) bool { return r.when != nil && r.when.groups })
}

// UserRoles are the roles that the rules give to the user of a document who is in groups of
// some names. A rule that cannot be computed is a *scim.Error.
func (m *Mapping) UserRoles(doc scim.Document, groups []string) (Roles, error) {
	roles := Roles{Managed: m.userManaged}
	if !m.ManagesUserRoles() {
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

// rolesOfGroup are those of the group with a name, which Keycloak compares by case.
func (m *Mapping) rolesOfGroup(name string) Roles {
	return Roles{Wanted: m.groupRoles[name], Managed: m.groupManaged}
}

// distinct are the names sorted, each once.
func distinct(names []keycloak.RoleName) []keycloak.RoleName {
	slices.SortFunc(names, keycloak.RoleName.Compare)
	return slices.Compact(names)
}

// defaultRoles begins the name of the role that every user of a realm has.
const defaultRoles = "default-roles-"

// roles compiles what the file says of roles.
func (c compiler) roles(m *Mapping, file config.Mapping) {
	grantable := map[keycloak.RoleName]bool{}
	for i, r := range file.GrantableRoles {
		where := config.Where("").Key("grantableRoles").Item(i)
		switch {
		case r.Client == keycloak.RealmManagement:
			c.Add(where, "administers the realm", "Remove it: nobody becomes an administrator by SCIM")
		case r.Client == "" && strings.HasPrefix(r.Role, defaultRoles):
			c.Add(where, "is the role that every user of a realm has", "Remove it: a rule could only take it away")
		}
		grantable[roleName(r)] = true
	}
	users, groups := config.Where("users").Key("roles"), config.Where("groups").Key("roles")
	for i, r := range file.Users.Roles {
		rule := roleRule{grant: c.grants(grantable, users.Item(i).Key("grant"), r.Grant)}
		if r.When != "" {
			where := users.Item(i).Key("when")
			rule.when = c.compile(&m.roleLanguage, m.User, true, string(where), where, string(r.When), cel.BoolType)
		}
		m.userRoles = append(m.userRoles, rule)
		m.userManaged = append(m.userManaged, rule.grant...)
	}
	m.groupRoles = map[string][]keycloak.RoleName{}
	for _, e := range file.Groups.Roles {
		grant := c.grants(grantable, e.Where, e.Value)
		if len(e.Value) == 0 {
			c.Add(groups.Key(e.Name), "grants nothing", "List the roles of the group, or remove it")
		}
		m.groupRoles[e.Name] = distinct(grant)
		m.groupManaged = append(m.groupManaged, grant...)
	}
	for name := range grantable { // what no rule grants any more is taken away
		if !slices.Contains(m.userManaged, name) && !slices.Contains(m.groupManaged, name) {
			m.userManaged, m.groupManaged = append(m.userManaged, name), append(m.groupManaged, name)
		}
	}
	m.userManaged = distinct(m.userManaged)
	m.groupManaged = distinct(m.groupManaged)
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
