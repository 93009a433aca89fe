package observe

import (
	"math/bits"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// EveryTenant is the bound with which the metrics name all tenants.
	EveryTenant = -1
	// OtherTenants is the value of the label tenant that all tenants share which are not named. No tenant is called so: no
	// path of a tenant of a realm has a blank, and that of an organization has slashes.
	OtherTenants = "other tenants"
	// leastRequests are those after which a tenant can take the place of another one.
	leastRequests = 1024
)

// tenants knows the state of each tenant, and which of them the metrics name: as many as there are places. The first
// tenants get them. A tenant that has twice as many requests as the one with the fewest then takes its place; see challenge.
type tenants struct {
	mu     sync.Mutex
	places int // EveryTenant for no bound
	taken  int
	known  map[string]*tenantState // by path
}

// tenantState is what the gauges show of a tenant, each nil while nothing is known.
type tenantState struct {
	path        string
	named       bool
	requests    uint64
	fit         *float64
	applied     *float64
	lastRequest *float64
}

// label is the value of the label tenant.
func (s *tenantState) label() string {
	if s.named {
		return s.path
	}
	return OtherTenants
}

// use has f work with the state of a tenant, and nobody else meanwhile: a label that f takes names the tenant to f's end.
func (t *tenants) use(path string, f func(*tenantState)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.known[path]
	if s == nil {
		s = &tenantState{path: path}
		t.known[path] = s
	}
	if !s.named && (t.places == EveryTenant || t.taken < t.places) {
		s.named = true
		t.taken++
	}
	f(s)
}

// label is the value of the label tenant for a path.
func (t *tenants) label(path string) (label string) {
	t.use(path, func(s *tenantState) { label = s.label() })
	return label
}

// forget drops a tenant, whose place is free then.
func (t *tenants) forget(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.known[path]; s != nil && s.named {
		t.taken--
	}
	delete(t.known, path)
}

// challenge gives a tenant the place of the one with the fewest requests, when it has at least twice as many. It is
// looked at when its requests have doubled, so that few names come and go however many tenants there are. The
// path is that of the tenant that lost its place, "" for none. The caller is in use.
func (t *tenants) challenge(s *tenantState) (lost string) {
	if s.named || s.requests < leastRequests || bits.OnesCount64(s.requests) != 1 {
		return ""
	}
	var least *tenantState
	for _, other := range t.known {
		if other.named && (least == nil || other.requests < least.requests) {
			least = other
		}
	}
	if least == nil || s.requests < 2*least.requests {
		return ""
	}
	least.named, s.named = false, true
	return least.path
}

// tenantGauges shows the states of tenants whenever the metrics are read. Of the tenants that share a label it shows
// the worst state and the latest request.
type tenantGauges struct{ m *Metrics }

// Describe implements prometheus.Collector.
func (g tenantGauges) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{g.m.fit, g.m.mapping, g.m.lastRequest} {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (g tenantGauges) Collect(to chan<- prometheus.Metric) {
	fit, applied, last := map[string]float64{}, map[string]float64{}, map[string]float64{}
	g.m.tenants.mu.Lock()
	for _, s := range g.m.tenants.known {
		merge(fit, s.label(), s.fit, func(a, b float64) float64 { return min(a, b) })
		merge(applied, s.label(), s.applied, func(a, b float64) float64 { return min(a, b) })
		merge(last, s.label(), s.lastRequest, func(a, b float64) float64 { return max(a, b) })
	}
	g.m.tenants.mu.Unlock()
	for desc, values := range map[*prometheus.Desc]map[string]float64{g.m.fit: fit, g.m.mapping: applied, g.m.lastRequest: last} {
		for label, value := range values {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, label)
		}
	}
}

// merge puts a value, nil for none, under a label beside those that are there.
func merge(values map[string]float64, label string, value *float64, both func(a, b float64) float64) {
	if value == nil {
		return
	}
	if before, ok := values[label]; ok {
		values[label] = both(before, *value)
		return
	}
	values[label] = *value
}
