package config

import (
	"encoding/json"
	"reflect"
)

// Metrics bounds the metrics.
type Metrics struct {
	// Tenants is `tenants`: how many tenants have [their own values](metrics.md#tenants) in the metrics with a
	// label `tenant`: all, none, or those with the most requests. All others share the label `other tenants`.
	// Default: `top: 1000`.
	// Refused: any other value.
	Tenants NamedTenants `json:"tenants"`
}

// NamedTenants says how many tenants have their own values of the metrics with a tenant label. The
// other tenants share one value of this label. The zero value names no tenant.
type NamedTenants struct {
	// Top is `top`: the number of these tenants.
	// Default: `1000`.
	// Refused: missing in a section; not from 1 to 10000.
	Top int `json:"top"`

	// All says that every tenant has its own values.
	All bool `json:"-"`
}

// The words that may replace a number of tenants.
const (
	tenantsAll  = "all"
	tenantsNone = "none"
)

// decodeNode accepts a word instead of keys.
func (n *NamedTenants) decodeNode(d decoder, path string, v node) {
	type keys NamedTenants
	switch {
	case v.kind == kindText && (v.text == tenantsAll || v.text == tenantsNone):
		*n = NamedTenants{All: v.text == tenantsAll}
	case v.kind == kindMapping:
		*n = NamedTenants{}
		d.record(path, v, reflect.ValueOf((*keys)(n)).Elem())
		d.r.missing(path, "top", "Write a number of tenants, like tenants: { top: 100 }")
	default:
		d.r.add(path, "must be all, none, or top with a number", "Write tenants: all, tenants: none, or tenants: { top: 100 }")
	}
}

// MarshalJSON returns the value as in the file.
func (n NamedTenants) MarshalJSON() ([]byte, error) {
	type keys NamedTenants
	switch {
	case n.All:
		return json.Marshal(tenantsAll)
	case n.Top == 0:
		return json.Marshal(tenantsNone)
	}
	return json.Marshal(keys(n))
}

// metrics refuses a number of tenants that does not bound the metrics.
func (k checker) metrics(m Metrics) {
	const top, most = "metrics.tenants.top", 10_000
	if k.given(top) && !k.failed(top) {
		within(k, top, m.Tenants.Top, 1, most)
	}
}
