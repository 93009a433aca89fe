package observe

import (
	"math/bits"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// EveryTenant as the number of named tenants gives every tenant its own label.
	EveryTenant = -1
	// OtherTenants is the value of the label tenant for all tenants without their own label. No tenant can have this
	// path: the path of a realm's tenant contains no blank, and the path of an organization's tenant contains
	// slashes.
	OtherTenants = "other tenants"
	// leastRequests is how many requests a tenant needs before it can take the place of another tenant.
	leastRequests = 1024
)

// tenants knows the state of each tenant, and which tenants have their own label. The number of labels is limited by
// places. The first tenants get a place. Later, a busier tenant can take the place of the tenant with the fewest
// requests; see challenge.
type tenants struct {
	exists func(path string) bool // nil before Show
	mu     sync.Mutex
	places int // EveryTenant for no limit
	taken  int
	known  map[string]*tenantState // by path
}

// tenantState are the values of a tenant's gauges. A value is nil while nothing is known.
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

// use calls f with the state of a tenant under the lock. A label that f reads is valid until f ends. A request or a
// scan of a tenant that was removed meanwhile takes no place, because nothing would free the place again.
func (t *tenants) use(path string, f func(*tenantState)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.known[path]
	if s == nil && t.exists != nil && !t.exists(path) {
		f(&tenantState{path: path, named: t.places == EveryTenant})
		return
	}
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

// forget drops a tenant and frees its place.
func (t *tenants) forget(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.known[path]; s != nil && s.named {
		t.taken--
	}
	delete(t.known, path)
}

// challenge gives a tenant the place of the tenant with the fewest requests, when it has at least twice as many. It
// only acts when the number of the tenant's requests is a power of two, so labels change rarely, however many tenants
// there are. lost is the path of the tenant that lost its place, "" for no change. Call it only inside use.
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

// tenantGauges shows the states of tenants when the metrics are read. For the tenants that share a label it shows the
// worst state and the latest request.
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

// merge adds a value under a label, combined with the value that is already there. A nil value is ignored.
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
