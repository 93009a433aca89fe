package tenant

import (
	"fmt"
	"strings"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
)

// Places records where the tenants of a realm store their values and groups. Two tenants with the
// same place would overwrite each other's values, and reach each other's groups.
type Places struct {
	taken   []territory
	userIDs map[string]string // paths of the entries of tenants
}

// territory is where one tenant stores its values and groups.
type territory struct {
	where  config.Problem // the tenant's entry in the configuration
	groups bool           // whether it has groups of the realm; an organization may have its own groups
	parent string         // parent of those groups; "" for the top level
	joined []string       // the groups that its new users join
}

// Take records where a tenant stores its values and groups, and returns the problems with other
// tenants. Tenants that share the mapping of all organizations also share these groups.
func (p *Places) Take(t config.Tenant, m *mapping.Mapping) []config.Problem {
	if t.SharesMapping {
		return nil
	}
	here := territory{t.Where, t.Organization == "" || m.GroupParent != "", m.GroupParent, m.DefaultGroups}
	var out []config.Problem
	for _, there := range p.taken {
		out = append(out, here.meets(there)...)
		out = append(out, here.joins(there)...)
		out = append(out, there.joins(here)...)
	}
	p.taken = append(p.taken, here)
	if t.Organization != "" {
		return out
	}
	if first, twice := p.userIDs[m.UserExternalID()]; twice {
		return append(out, here.problem("Name another attribute for externalId in the mapping of one of them", "stores the externalId of users in the attribute %s, as %s does", m.UserExternalID(), first))
	}
	if p.userIDs == nil {
		p.userIDs = map[string]string{}
	}
	p.userIDs[m.UserExternalID()] = t.Where.Path
	return out
}

// meets reports whether one of two tenants would reach groups of the other.
func (p territory) meets(other territory) []config.Problem {
	const own = "Name another group in groups.parent of the mapping of one of them"
	switch {
	case !p.groups || !other.groups:
		return nil
	case p.parent == "" && other.parent == "":
		return []config.Problem{p.problem("In the mapping of each of the two tenants, name a group in groups.parent, and give each tenant its own group", "has its groups at the top level of the realm, as %s has", other.where.Path)}
	case p.parent == other.parent:
		return []config.Problem{p.problem(own, "has its groups below %s, as %s has", p.parent, other.where.Path)}
	case p.parent == "":
		return []config.Problem{p.problem("Name a group in groups.parent of its mapping: where several tenants share a realm, each needs its own parent",
			"has no groups.parent, so it would reach the groups of %s, which are below %s", other.where.Path, other.parent)}
	case other.parent == "" || isBelow(other.parent, p.parent):
		return other.meets(p)
	case isBelow(p.parent, other.parent):
		return []config.Problem{p.problem(own, "has its groups below %s, which is among the groups of %s, below %s", p.parent, other.where.Path, other.parent)}
	}
	return nil
}

// joins reports whether users of a tenant would join groups of another tenant.
func (p territory) joins(other territory) []config.Problem {
	var out []config.Problem
	for _, group := range p.joined {
		if other.groups && other.parent != "" && (group == other.parent || isBelow(group, other.parent)) {
			out = append(out, p.problem("In users.defaultGroups of its mapping, name a group that belongs to no tenant",
				"has the default group %s, which is among the groups of %s, at or below %s", group, other.where.Path, other.parent))
		}
	}
	return out
}

func (p territory) problem(hint, format string, args ...any) config.Problem {
	out := p.where
	out.Text, out.Hint = fmt.Sprintf(format, args...), hint
	return out
}

// isBelow compares paths. For groups that are named by ids, bridge/realm checks this in Keycloak.
func isBelow(path, above string) bool { return strings.HasPrefix(path, above+"/") }
