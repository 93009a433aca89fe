package main

import (
	"context"
	"maps"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// loadMapping compiles the mapping of a tenant; without a file it is the built-in one.
func loadMapping(t config.Tenant) (*mapping.Mapping, []config.Problem) {
	m, _, problems := loadMappingFile(t)
	return m, problems
}

// loadMappingFile is loadMapping, with the digest of the file.
func loadMappingFile(t config.Tenant) (*mapping.Mapping, config.Digest, []config.Problem) {
	if t.Mapping == "" {
		return mapping.Default(scim.Profile(t.Profile)), config.Digest{}, nil
	}
	file, source := config.LoadMapping(t.Mapping)
	m, problems := mapping.Compile(file, source, scim.Profile(t.Profile))
	return m, source.Digest(), problems
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

// watchMappings proposes every mapping file that changes to its tenants.
func (a *app) watchMappings(ctx context.Context) error {
	users := map[string][]config.Tenant{}
	for name, r := range a.config.Realms {
		for _, t := range tenantsOfRealm(name, r) {
			if t.Mapping != "" {
				users[t.Mapping] = append(users[t.Mapping], t)
			}
		}
	}
	if len(users) == 0 {
		return nil
	}
	return config.Watch(ctx, a.mappings, func(file string) {
		for _, t := range users[file] {
			m, problems := loadMapping(t)
			if len(problems) > 0 {
				a.watcher.Refuse(t.Path, problems[0].String())
				continue
			}
			a.watcher.Propose(t.Path, m)
		}
	})
}
