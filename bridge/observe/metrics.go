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
	intentSeconds  *prometheus.HistogramVec
	unjournalled   *prometheus.CounterVec

	indexResources, indexBytes, indexAge, withoutKey, sharedIDs, feedAge, tokenExpiry, fit, mapping, lastRequest *prometheus.Desc
	storeAway, storeEntries, storeBytes, openChanges, oldestOpen, storeRequests, storeDropped                    *prometheus.Desc

	tenants tenants

	set set
}

// Metric is the description of a metric for docs/reference/metrics.md.
type Metric struct {
	Name, Type string
	Labels     []string
	Help       string
}

// set registers metrics and keeps their descriptions.
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

// shownTotal is shown for a counter.
func (s *set) shownTotal(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(s.add("counter", name, help, labels), help, labels, nil)
}

// shown describes a gauge whose value is computed when the metrics are read; see collector.
func (s *set) shown(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(s.add("gauge", name, help, labels), help, labels, nil)
}

// NewMetrics registers the metrics. version is the version of the bridge. named is how many tenants have their own
// label, or EveryTenant; all other tenants share the label OtherTenants.
func NewMetrics(registry prometheus.Registerer, version string, named int) *Metrics {
	s := set{registry: registry}
	m := &Metrics{
		tenants: tenants{places: named, known: map[string]*tenantState{}},

		requests:       s.counter("requests_total", "SCIM requests by route, method and status.", "route", "method", "status"),
		requestSeconds: s.histogram("request_seconds", "Time from the first byte of a SCIM request to the last byte of its answer.", prometheus.ExponentialBuckets(0.002, 2, 15), "route", "method"),
		inFlight:       s.gauge("requests_in_flight", "SCIM requests that run now."),
		tenantRequests: s.counter("tenant_requests_total", "SCIM requests of clients of a tenant, by the class of their status: 2xx, 3xx, 4xx or 5xx. Requests without a valid credential are in scim_bridge_credentials_refused_total.", "tenant", "status"),
		lastRequest:    s.shown("tenant_last_request_timestamp_seconds", "Time of the last answer to a client of a tenant, in seconds since 1970; 0 when there was no request since the start.", "tenant"),
		calls:          s.counter("keycloak_calls_total", "Calls to Keycloak by operation and outcome: ok or the kind of the error.", "operation", "outcome"),
		callSeconds:    s.histogram("keycloak_call_seconds", "Time of one call to Keycloak.", prometheus.ExponentialBuckets(0.001, 2, 15), "operation"),
		outage:         s.gauge("keycloak_outage", "1 while the bridge makes no calls to a realm, because Keycloak did not answer 20 of the last 25 calls; see `keycloak.breakerDelay`.", "realm"),
		steps:          s.counter("plan_steps_total", "Writes to Keycloak, by kind and outcome: ok or failed.", "kind", "outcome"),
		ignored:        s.counter("ignored_values_total", "Values that were left out because of a policy or the mapping, by attribute: passwords, unknown members, attributes without a rule, other changes in a PUT that deactivates an administrator by permission.", "attribute"),
		held:           s.counter("removals_held_total", "Removals and deactivations of users that the removal brake of their tenant stopped.", "tenant"),
		refused:        s.counter("credentials_refused_total", "Requests without a valid credential, by reason: missing, malformed, invalid, expired, from-browser, too many failures.", "reason"),
		throttled:      s.counter("throttled_total", "Requests of clients that exceeded a limit of their tenant, by reason: rate, in_flight or memory.", "tenant", "reason"),
		tokenExpiry:    s.shown("token_expiry_timestamp_seconds", "Time when a static token expires, in seconds since 1970. Tokens without an end have no value.", "tenant", "client", "key_id"),
		fit:            s.shown("tenant_fit", "1 when the realm offers what the tenant needs, else 0. All organizations with their own credentials share one value.", "tenant"),
		mapping:        s.shown("mapping_applied", "1 when the present mapping file of the tenant is applied, 0 while an older version is still in force.", "tenant"),
		reloads:        s.counter("mapping_reloads_total", "Changes of a mapping file, by tenant and outcome: applied or refused.", "tenant", "outcome"),
		config:         s.gauge("config_applied", "1 when the present configuration files are applied, 0 while older versions are still in force or when some changes need a restart."),
		configReloads:  s.counter("config_reloads_total", "Changes of the configuration files, by outcome: applied or refused.", "outcome"),
		indexResources: s.shown("index_resources", "Resources in an index.", "tenant", "type"),
		indexBytes:     s.shown("index_bytes", "Approximate memory of an index.", "tenant", "type"),
		indexAge:       s.shown("index_age_seconds", "Time since the start of the last complete scan of an index. Later changes by other programs and people are not in the index, unless the change feed reported them.", "tenant", "type"),
		scanSeconds:    s.histogram("index_scan_seconds", "Time to read all resources of a tenant into its index, by type and outcome: ok or failed.", prometheus.ExponentialBuckets(0.01, 4, 10), "tenant", "type", "outcome"), //nolint:mnd // up to about three quarters of an hour
		withoutKey:     s.shown("external_ids_without_key", "Users whose externalId has no look-up key, because another SCIM server or a person in Keycloak wrote it. Look-ups of these users take longer, until a write or `scim-bridge adopt` adds the key. Only known while the tenant has an index of its users.", "tenant"),
		sharedIDs:      s.shown("external_ids_shared", "Users who share their externalId with another user of the tenant. Only known while the tenant has an index of its users.", "tenant"),
		feedAge:        s.shown("feed_age_seconds", "Time since the admin events of a realm were last read. Only realms whose change feed was read have a value.", "realm"),
		spans:          s.counter("trace_spans_total", "Spans of traces, by outcome: sent or lost.", "outcome"),
		storeAway:      s.shown("store_away", "1 while the store does not answer, else 0. The metrics of the store only have values when the bridge has a store."),
		storeEntries:   s.shown("store_entries", "Changes in the journal."),
		storeBytes:     s.shown("store_bytes", "Size of the store."),
		openChanges:    s.shown("store_open_changes", "Changes that are in the store and not settled: those that run now, and those that a crash or an outage of the store interrupted."),
		oldestOpen:     s.shown("store_oldest_open_change_seconds", "Age of the oldest change that is not settled; 0 when all are settled."),
		storeRequests:  s.shown("store_activity_rows", "Requests in the activity."),
		storeDropped:   s.shownTotal("store_activity_dropped_total", "Requests that are missing in the activity, because too many of them waited for the store, or because the store could not write them."),
		intentSeconds:  s.histogram("store_intent_seconds", "Time to record a change durably before it is made. The client waits for it.", prometheus.ExponentialBuckets(0.0005, 2, 15)), //nolint:mnd // up to eight seconds
		unjournalled:   s.counter("store_unjournalled_changes_total", "Changes that were made while the store did not answer. The reason is ends_access, or continue (`store.onFailure`). The outcome is late if the journal gets the change when the store answers again, and lost if it never gets the change.", "reason", "outcome"),
	}
	s.gauge("build_info", "Always 1; the version of the bridge is a label.", "version").WithLabelValues(version).Set(1)
	m.set = s
	registry.MustRegister(tenantGauges{m})
	m.zero()
	return m
}

// zero makes the metrics whose labels are known at the start, so that their first count shows as an increase.
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

// All are the descriptions of the metrics, sorted by name.
func (m *Metrics) All() []Metric {
	return slices.SortedFunc(slices.Values(m.set.metrics), func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
}

// Request counts a request that was answered. route is the pattern, never the path.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.requestSeconds.WithLabelValues(route, method).Observe(took.Seconds())
}

// InFlight changes the number of running requests.
func (m *Metrics) InFlight(by float64) { m.inFlight.WithLabelValues().Add(by) }

// Call counts a call to Keycloak; outcome is "ok" or the kind of the error.
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

// Ignored counts values of an attribute that the bridge left out because of a policy or the mapping.
func (m *Metrics) Ignored(attribute string, n int) {
	m.ignored.WithLabelValues(attribute).Add(float64(n))
}

// Fit records whether a tenant's realm offers what it needs.
func (m *Metrics) Fit(tenant string, fit bool) {
	m.tenants.use(tenant, func(s *tenantState) { s.fit = new(oneIf(fit)) })
}

// oneIf is the value of a gauge for a state.
func oneIf(state bool) float64 {
	if state {
		return 1
	}
	return 0
}

// Tenant makes the metrics of a tenant after its mapping file was loaded.
func (m *Metrics) Tenant(tenant string) {
	m.tenants.use(tenant, func(s *tenantState) {
		s.applied = new(1.0)
		if s.lastRequest == nil {
			s.lastRequest = new(0.0)
		}
		m.zeroTenant(s.label())
	})
}

// zeroTenant makes the counters of a tenant, so that their first count shows as an increase.
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

// Answered counts an answer to a client of a tenant. at is the time of the request.
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

// Forget drops the metrics of a tenant that was removed.
func (m *Metrics) Forget(tenant string) {
	m.tenants.forget(tenant)
	m.dropTenant(tenant)
}

// dropTenant drops the counters of a tenant that lost its own label.
func (m *Metrics) dropTenant(tenant string) {
	label := prometheus.Labels{"tenant": tenant}
	m.reloads.DeletePartialMatch(label)
	m.throttled.DeletePartialMatch(label)
	m.held.DeletePartialMatch(label)
	m.tenantRequests.DeletePartialMatch(label)
	m.scanSeconds.DeletePartialMatch(label)
}

// Scan records that all resources of a type were read into an index, or that this failed.
func (m *Metrics) Scan(tenant, resourceType string, took time.Duration, err error) {
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	m.tenants.use(tenant, func(s *tenantState) {
		m.scanSeconds.WithLabelValues(s.label(), resourceType, outcome).Observe(took.Seconds())
	})
}

// Refused counts a request without a valid credential.
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// Spans counts spans of traces that were sent or lost.
func (m *Metrics) Spans(outcome string, n int) {
	m.spans.WithLabelValues(outcome).Add(float64(n))
}

// Realm makes the metrics of a realm.
func (m *Metrics) Realm(realm string) { m.outage.WithLabelValues(realm) }

// Outage records whether the bridge stopped its calls to a realm.
func (m *Metrics) Outage(realm string, outage bool) {
	m.outage.WithLabelValues(realm).Set(oneIf(outage))
}

// Held counts a removal that the removal brake of a tenant stopped.
func (m *Metrics) Held(tenant string) {
	m.tenants.use(tenant, func(s *tenantState) { m.held.WithLabelValues(s.label()).Inc() })
}

// Throttled counts a request that exceeded a limit of its tenant.
func (m *Metrics) Throttled(tenant, reason string) {
	m.tenants.use(tenant, func(s *tenantState) { m.throttled.WithLabelValues(s.label(), reason).Inc() })
}

// Config records, after a change of the configuration files, whether they are applied now.
func (m *Metrics) Config(applied bool) {
	value, outcome := 0.0, "refused"
	if applied {
		value, outcome = 1, "applied"
	}
	m.config.WithLabelValues().Set(value)
	m.configReloads.WithLabelValues(outcome).Inc()
}

// Mapping records whether the present mapping file of a tenant is applied.
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
