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
		for _, t := range c.Realms[name].Tenants {
			_, problems := loadMapping(t)
			out = append(out, problems...)
		}
	}
	return out
}

// watchMappings proposes every mapping file that changes to its tenants.
func (a *app) watchMappings(ctx context.Context) error {
	users := map[string][]config.Tenant{}
	for _, r := range a.config.Realms {
		for _, t := range r.Tenants {
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
