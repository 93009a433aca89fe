package app

import (
	"maps"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// mappings are those that were compiled, so that one that did not change stays the same.
type mappings map[mappingKey]*mapping.Mapping

type mappingKey struct {
	file    config.Digest // zero for the built-in mapping
	profile config.Profile
}

// LoadMapping compiles the mapping of a tenant; without a file it is the built-in one.
func LoadMapping(t config.Tenant) (*mapping.Mapping, []config.Problem) { return mappings{}.load(t) }

// load is LoadMapping.
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

// MappingProblems are those of all mapping files that a configuration names.
func MappingProblems(c config.Config) []config.Problem {
	var out []config.Problem
	for _, name := range slices.Sorted(maps.Keys(c.Realms)) {
		var p tenant.Places
		for _, t := range tenantsOfRealm(name, c.Realms[name]) {
			m, problems := LoadMapping(t)
			out = append(out, problems...)
			if len(problems) == 0 {
				out = append(out, p.Take(t, m)...)
			}
		}
	}
	return out
}
