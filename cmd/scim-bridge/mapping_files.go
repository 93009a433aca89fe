package main

import (
	"maps"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// mappings are those that were compiled, so that one that did not change stays the same.
type mappings map[mappingKey]*mapping.Mapping

type mappingKey struct {
	file    config.Digest // zero for the built-in mapping
	profile config.Profile
}

// loadMapping compiles the mapping of a tenant; without a file it is the built-in one.
func loadMapping(t config.Tenant) (*mapping.Mapping, []config.Problem) { return mappings{}.load(t) }

// load is loadMapping.
func (ms mappings) load(t config.Tenant) (*mapping.Mapping, []config.Problem) {
	profile := scim.Profile(t.Profile)
	if t.Mapping == "" {
		return ms.keep(mappingKey{profile: t.Profile}, mapping.Default(profile)), nil
	}
	file, source := config.LoadMapping(t.Mapping)
	m, problems := mapping.Compile(file, source, profile)
	if len(problems) > 0 {
		return nil, problems
	}
	return ms.keep(mappingKey{source.Digest(), t.Profile}, m), nil
}

// keep is the mapping that was compiled before of the same file, or the one that was now.
func (ms mappings) keep(key mappingKey, m *mapping.Mapping) *mapping.Mapping {
	if ms[key] == nil {
		ms[key] = m
	}
	return ms[key]
}

// mappingProblems are those of all mapping files that a configuration names.
func mappingProblems(c config.Config) []config.Problem {
	var out []config.Problem
	for _, name := range slices.Sorted(maps.Keys(c.Realms)) {
		var p places
		for _, t := range tenantsOfRealm(name, c.Realms[name]) {
			m, problems := loadMapping(t)
			out = append(out, problems...)
			if len(problems) == 0 {
				out = append(out, p.take(t, m)...)
			}
		}
	}
	return out
}

// places are where the tenants of a realm store what is theirs, with the paths of their
// entries. Two with one place would overwrite each other's values, and see each other's
// groups.
type places struct{ parents, userIDs map[string]string }

// take takes the places of a tenant. An organization's own groups have none.
func (p *places) take(t config.Tenant, m *mapping.Mapping) []config.Problem {
	if p.parents == nil {
		p.parents, p.userIDs = map[string]string{}, map[string]string{}
	}
	var out []config.Problem
	add := func(text, hint string) {
		problem := t.Where
		problem.Text, problem.Hint = text, hint
		out = append(out, problem)
	}
	parent, where := m.GroupParent, "below "+m.GroupParent
	if parent == "" {
		where = "at the top level of the realm"
	}
	if first, twice := p.parents[parent]; twice && (t.Organization == "" || parent != "") {
		add("has its groups "+where+", as "+first+" has", "Name another group in groups.parent of the mapping of one of them")
	} else if t.Organization == "" || parent != "" {
		p.parents[parent] = t.Where.Path
	}
	if t.Organization != "" {
		return out
	}
	if first, twice := p.userIDs[m.UserExternalID()]; twice {
		add("stores the externalId of users in the attribute "+m.UserExternalID()+", as "+first+" does", "Name another one for externalId in the mapping of one of them")
	} else {
		p.userIDs[m.UserExternalID()] = t.Where.Path
	}
	return out
}
