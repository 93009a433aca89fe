package config

import (
	"encoding/json"
	"testing"
)

// TestTenantsOfTheMetrics are all, none, or a number of tenants, and are written as they are read.
func TestTenantsOfTheMetrics(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		tenants NamedTenants
		json    string
	}{
		"":                                   {NamedTenants{Top: 1000}, `{"top":1000}`},
		"metrics: {}\n":                      {NamedTenants{Top: 1000}, `{"top":1000}`},
		"metrics: { tenants: all }\n":        {NamedTenants{All: true}, `"all"`},
		"metrics: { tenants: none }\n":       {NamedTenants{}, `"none"`},
		"metrics: { tenants: { top: 7 } }\n": {NamedTenants{Top: 7}, `{"top":7}`},
	} {
		c, problems := load(newDir(t, text+readGood(t, "minimal.yaml")), testEnv)
		if len(problems) > 0 || c.Metrics.Tenants != want.tenants {
			t.Errorf("%q: %+v, %v", text, c.Metrics.Tenants, problems)
		}
		if data, err := json.Marshal(c.Metrics.Tenants); err != nil || string(data) != want.json {
			t.Errorf("%q is written as %s, %v", text, data, err)
		}
	}
}
