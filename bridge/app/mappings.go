package app

import (
	"maps"
	"slices"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/mapping"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/tenant"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
)

// mappings are the compiled mappings, so that a file that did not change keeps its mapping.
type mappings map[mappingKey]*mapping.Mapping

type mappingKey struct {
	file    config.Digest // zero for the built-in mapping
	profile scim.Profile
}

// LoadMapping compiles the mapping of a tenant; without a file it returns the built-in mapping.
func LoadMapping(t config.Tenant) (*mapping.Mapping, []config.Problem) {
	return mappings{}.load(t.Mapping, profileOf(t))
}

// WithMapping returns a tenant with the mapping of another file, and the same profile.
func WithMapping(t *tenant.Tenant, file string) (*tenant.Tenant, []config.Problem) {
	m, problems := mappings{}.load(file, t.Mapping.Profile())
	if len(problems) > 0 {
		return nil, problems
	}
	return t.WithMapping(m, t.Fitness()), nil
}

// load compiles a mapping file for clients of a profile; without a file it returns the built-in mapping.
func (ms mappings) load(file string, p scim.Profile) (*mapping.Mapping, []config.Problem) {
	if file == "" {
		return ms.keep(mappingKey{profile: p}, mapping.Default(p)), nil
	}
	parsed, source := config.LoadMapping(file)
	m, problems := mapping.Compile(parsed, source, p)
	if len(problems) > 0 {
		return nil, problems
	}
	return ms.keep(mappingKey{source.Digest(), p}, m), nil
}

// profileOf is the profile of a tenant, without the tolerances that are switched off.
func profileOf(t config.Tenant) scim.Profile {
	if t.Profile == config.ProfileStrict {
		return scim.Strict
	}
	out := scim.Tolerant
	for _, rule := range scim.Tolerances() {
		if slices.Contains(t.Tolerances.Off, config.Tolerance(rule.Name)) {
			out = out.Without(rule.Tolerance)
		}
	}
	return out
}

// keep returns the mapping that was compiled earlier from the same file, or else stores the new mapping.
func (ms mappings) keep(key mappingKey, m *mapping.Mapping) *mapping.Mapping {
	if ms[key] == nil {
		ms[key] = m
	}
	return ms[key]
}

// MappingProblems are the problems of all mapping files that a configuration names.
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
