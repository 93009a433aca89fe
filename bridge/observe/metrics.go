package observe

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the Prometheus metrics of the bridge, all named scim_bridge_*.
type Metrics struct {
	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	inFlight       *prometheus.GaugeVec
	tenantRequests *prometheus.CounterVec
	calls          *prometheus.CounterVec
	callSeconds    *prometheus.HistogramVec
	steps          *prometheus.CounterVec
	ignored        *prometheus.CounterVec
	reloads        *prometheus.CounterVec
	refused        *prometheus.CounterVec
	throttled      *prometheus.CounterVec
	held           *prometheus.CounterVec
	outage         *prometheus.GaugeVec
	config         *prometheus.GaugeVec
	configReloads  *prometheus.CounterVec
	scanSeconds    *prometheus.HistogramVec
	spans          *prometheus.CounterVec

	indexResources, indexBytes, indexAge, withoutKey, sharedIDs, feedAge, tokenExpiry, fit, mapping, lastRequest *prometheus.Desc

	tenants tenants

	set set
}

// Metric is what docs/reference/metrics.md says of a metric.
type Metric struct {
	Name, Type string
	Labels     []string
	Help       string
}

// set registers metrics and keeps what they are.
type set struct {
	registry prometheus.Registerer
	metrics  []Metric
}

func (s *set) add(kind, name, help string, labels []string) string {
	name = "scim_bridge_" + name
	s.metrics = append(s.metrics, Metric{Name: name, Type: kind, Labels: labels, Help: help})
	return name
}

func (s *set) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: s.add("counter", name, help, labels), Help: help}, labels)
	s.registry.MustRegister(v)
	return v
}

func (s *set) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: s.add("gauge", name, help, labels), Help: help}, labels)
	s.registry.MustRegister(v)
	return v
}

func (s *set) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: s.add("histogram", name, help, labels), Help: help, Buckets: buckets}, labels)
	s.registry.MustRegister(v)
	return v
}

// shown is a gauge that is asked for whenever the metrics are read; see collector.
func (s *set) shown(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(s.add("gauge", name, help, labels), help, labels, nil)
}

// NewMetrics registers the metrics. version is the bridge's own. named is how many tenants have values of their own, or
// EveryTenant; all others share those of OtherTenants.
func NewMetrics(registry prometheus.Registerer, version string, named int) *Metrics {
	s := set{registry: registry}
	m := &Metrics{
		tenants: tenants{places: named, known: map[string]*tenantState{}},

		requests:       s.counter("requests_total", "SCIM requests by route, method and status.", "route", "method", "status"),
		requestSeconds: s.histogram("request_seconds", "Time from the first byte of a SCIM request to the last of its answer.", prometheus.ExponentialBuckets(0.002, 2, 15), "route", "method"),
		inFlight:       s.gauge("requests_in_flight", "SCIM requests being answered now."),
		tenantRequests: s.counter("tenant_requests_total", "SCIM requests of clients of a tenant, by the class of their status: 2xx, 3xx, 4xx or 5xx. Those without a good credential are in scim_bridge_credentials_refused_total.", "tenant", "status"),
		lastRequest:    s.shown("tenant_last_request_timestamp_seconds", "When a client of a tenant was last answered, in seconds since 1970; 0 for not since the start.", "tenant"),
		calls:          s.counter("keycloak_calls_total", "Calls of Keycloak by operation and outcome: ok or the kind of the error.", "operation", "outcome"),
		callSeconds:    s.histogram("keycloak_call_seconds", "Time of one call of Keycloak.", prometheus.ExponentialBuckets(0.001, 2, 15), "operation"),
		outage:         s.gauge("keycloak_outage", "1 while no calls of a realm are made, as Keycloak did not answer 20 of the last 25; see `keycloak.breakerDelay`.", "realm"),
		steps:          s.counter("plan_steps_total", "Writes to Keycloak, by kind and outcome: ok or failed.", "kind", "outcome"),
		ignored:        s.counter("ignored_values_total", "Values that a policy or the mapping left out, by attribute: passwords, unknown members, attributes without a rule, further changes of a PUT that deactivates an administrator by permission.", "attribute"),
		held:           s.counter("removals_held_total", "Removals and deactivations of users that the removal brake of their tenant held.", "tenant"),
		refused:        s.counter("credentials_refused_total", "Requests without a good credential, by reason: missing, malformed, invalid, expired, from-browser, too many failures.", "reason"),
		throttled:      s.counter("throttled_total", "Requests of clients beyond a limit of their tenant, by reason: rate, in_flight or memory.", "tenant", "reason"),
		tokenExpiry:    s.shown("token_expiry_timestamp_seconds", "When a static token that has an end ends, in seconds since 1970.", "tenant", "client", "key_id"),
		fit:            s.shown("tenant_fit", "1 when the realm offers what the tenant needs, else 0; one for all organizations that bring their own credentials.", "tenant"),
		mapping:        s.shown("mapping_applied", "1 when the tenant's mapping file is applied as it is now, 0 when the one before it still is.", "tenant"),
		reloads:        s.counter("mapping_reloads_total", "Changes of a mapping file, by tenant and outcome: applied or refused.", "tenant", "outcome"),
		config:         s.gauge("config_applied", "1 when the configuration files are applied as they are now, 0 when those before them still are, or when a restart is needed for all of them."),
		configReloads:  s.counter("config_reloads_total", "Changes of the configuration files, by outcome: applied or refused.", "outcome"),
		indexResources: s.shown("index_resources", "Resources in an index.", "tenant", "type"),
		indexBytes:     s.shown("index_bytes", "Memory that an index takes, about.", "tenant", "type"),
		indexAge:       s.shown("index_age_seconds", "Time since the last whole scan of an index began: what others write shows no later, unless a feed tells it.", "tenant", "type"),
		scanSeconds:    s.histogram("index_scan_seconds", "Time to read all resources of a tenant into its index, by type and outcome: ok or failed.", prometheus.ExponentialBuckets(0.01, 4, 10), "tenant", "type", "outcome"), //nolint:mnd // up to about three quarters of an hour
		withoutKey:     s.shown("external_ids_without_key", "Users whose externalId has no look-up key, as another SCIM server or somebody in Keycloak wrote it: look-ups take longer, until a write or `scim-bridge adopt` gives the user one. Known while the tenant has an index of its users.", "tenant"),
		sharedIDs:      s.shown("external_ids_shared", "Users whose externalId another user of the tenant has too. Known while the tenant has an index of its users.", "tenant"),
		feedAge:        s.shown("feed_age_seconds", "Time since the admin events of a realm were read, of realms with a change feed of which something is known.", "realm"),
		spans:          s.counter("trace_spans_total", "Spans of traces, by outcome: sent or lost.", "outcome"),
	}
	s.gauge("build_info", "Always 1; the version of the bridge is a label.", "version").WithLabelValues(version).Set(1)
	m.set = s
	registry.MustRegister(tenantGauges{m})
	m.zero()
	return m
}

// zero makes the metrics whose labels are known beforehand, so that a first count shows as an
// increase.
func (m *Metrics) zero() {
	m.inFlight.WithLabelValues()
	m.config.WithLabelValues().Set(1)
	for _, reason := range []string{"missing", "malformed", "invalid", "expired", "too many failures"} {
		m.refused.WithLabelValues(reason)
	}
	for _, outcome := range []string{"applied", "refused"} {
		m.configReloads.WithLabelValues(outcome)
	}
	for _, outcome := range []string{"sent", "lost"} {
		m.spans.WithLabelValues(outcome)
	}
}

// All are the metrics, by name.
func (m *Metrics) All() []Metric {
	return slices.SortedFunc(slices.Values(m.set.metrics), func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
}

// Request counts an answered request. route is the pattern, never the path.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.requestSeconds.WithLabelValues(route, method).Observe(took.Seconds())
}

// InFlight changes the number of requests being answered.
func (m *Metrics) InFlight(by float64) { m.inFlight.WithLabelValues().Add(by) }

// Call counts a call of Keycloak; outcome is "ok" or the kind of the error.
func (m *Metrics) Call(operation, outcome string, took time.Duration) {
	m.calls.WithLabelValues(operation, outcome).Inc()
	m.callSeconds.WithLabelValues(operation).Observe(took.Seconds())
}

// Step counts a step of a plan.
func (m *Metrics) Step(kind string, err error) {
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	m.steps.WithLabelValues(kind, outcome).Inc()
}

// Ignored counts values that a policy left out.
func (m *Metrics) Ignored(attribute string, n int) {
	m.ignored.WithLabelValues(attribute).Add(float64(n))
}

// Fit records whether a tenant's realm offers what it needs.
func (m *Metrics) Fit(tenant string, fit bool) {
	m.tenants.use(tenant, func(s *tenantState) { s.fit = new(oneIf(fit)) })
}

// oneIf is a state as gauges show it.
func oneIf(state bool) float64 {
	if state {
		return 1
	}
	return 0
}

// Tenant makes the metrics of a tenant whose mapping file was just loaded.
func (m *Metrics) Tenant(tenant string) {
	m.tenants.use(tenant, func(s *tenantState) {
		s.applied = new(1.0)
		if s.lastRequest == nil {
			s.lastRequest = new(0.0)
		}
		m.zeroTenant(s.label())
	})
}

// zeroTenant makes the counters of a tenant, so that a first count shows as an increase.
func (m *Metrics) zeroTenant(label string) {
	for _, outcome := range []string{"applied", "refused"} {
		m.reloads.WithLabelValues(label, outcome)
	}
	for _, reason := range []string{"rate", "in_flight"} {
		m.throttled.WithLabelValues(label, reason)
	}
	m.held.WithLabelValues(label)
	for _, class := range []string{"2xx", "3xx", "4xx", "5xx"} {
		m.tenantRequests.WithLabelValues(label, class)
	}
}

// Answered counts an answer to a client of a tenant, at a time.
func (m *Metrics) Answered(tenant string, status int, at time.Time) {
	m.tenants.use(tenant, func(s *tenantState) {
		s.requests++
		s.lastRequest = new(float64(at.Unix()))
		if lost := m.tenants.challenge(s); lost != "" {
			m.dropTenant(lost)
			m.zeroTenant(s.label())
		}
		m.tenantRequests.WithLabelValues(s.label(), strconv.Itoa(status/100)+"xx").Inc() //nolint:mnd // the class of a status
	})
}

// Forget drops the metrics of a tenant that is gone.
func (m *Metrics) Forget(tenant string) {
	m.tenants.forget(tenant)
	m.dropTenant(tenant)
}

// dropTenant drops the counters of a tenant that has no values of its own any more.
func (m *Metrics) dropTenant(tenant string) {
	label := prometheus.Labels{"tenant": tenant}
	m.reloads.DeletePartialMatch(label)
	m.throttled.DeletePartialMatch(label)
	m.held.DeletePartialMatch(label)
	m.tenantRequests.DeletePartialMatch(label)
	m.scanSeconds.DeletePartialMatch(label)
}

// Scan records that all resources of a type were read into an index, or why they were not.
func (m *Metrics) Scan(tenant, resourceType string, took time.Duration, err error) {
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	m.tenants.use(tenant, func(s *tenantState) {
		m.scanSeconds.WithLabelValues(s.label(), resourceType, outcome).Observe(took.Seconds())
	})
}

// Refused counts a request without a good credential.
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// Spans counts spans of traces that were sent, or lost.
func (m *Metrics) Spans(outcome string, n int) {
	m.spans.WithLabelValues(outcome).Add(float64(n))
}

// Realm makes the metrics of a realm.
func (m *Metrics) Realm(realm string) { m.outage.WithLabelValues(realm) }

// Outage says whether calls of a realm are not made.
func (m *Metrics) Outage(realm string, outage bool) {
	m.outage.WithLabelValues(realm).Set(oneIf(outage))
}

// Held counts a removal that the removal brake of a tenant held.
func (m *Metrics) Held(tenant string) {
	m.tenants.use(tenant, func(s *tenantState) { m.held.WithLabelValues(s.label()).Inc() })
}

// Throttled counts a request beyond a limit of its tenant.
func (m *Metrics) Throttled(tenant, reason string) {
	m.tenants.use(tenant, func(s *tenantState) { m.throttled.WithLabelValues(s.label(), reason).Inc() })
}

// Config records whether the configuration files are applied as they are now, after a change
// of them.
func (m *Metrics) Config(applied bool) {
	value, outcome := 0.0, "refused"
	if applied {
		value, outcome = 1, "applied"
	}
	m.config.WithLabelValues().Set(value)
	m.configReloads.WithLabelValues(outcome).Inc()
}

// Mapping records whether a tenant's mapping file is applied as it is now.
func (m *Metrics) Mapping(tenant string, applied bool) {
	outcome := "refused"
	if applied {
		outcome = "applied"
	}
	m.tenants.use(tenant, func(s *tenantState) {
		s.applied = new(oneIf(applied))
		m.reloads.WithLabelValues(s.label(), outcome).Inc()
	})
}
