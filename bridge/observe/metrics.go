package observe

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the Prometheus metrics of the bridge, all named scim_bridge_*.
type Metrics struct {
	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	inFlight       prometheus.Gauge
	calls          *prometheus.CounterVec
	callSeconds    *prometheus.HistogramVec
	steps          *prometheus.CounterVec
	ignored        *prometheus.CounterVec
	fit            *prometheus.GaugeVec
	mapping        *prometheus.GaugeVec
	reloads        *prometheus.CounterVec
	refused        *prometheus.CounterVec
	throttled      *prometheus.CounterVec
	held           *prometheus.CounterVec
	outage         *prometheus.GaugeVec
	config         prometheus.Gauge
	configReloads  *prometheus.CounterVec
	scanSeconds    *prometheus.HistogramVec
}

// NewMetrics registers the metrics. version is the bridge's own.
func NewMetrics(registry prometheus.Registerer, version string) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "scim_bridge_requests_total", Help: "SCIM requests by route, method and status.",
		}, []string{"route", "method", "status"}),
		requestSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "scim_bridge_request_seconds", Help: "Time from the first byte of a SCIM request to the last of its answer.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 15),
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "scim_bridge_requests_in_flight", Help: "SCIM requests being answered now.",
		}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "scim_bridge_keycloak_calls_total", Help: "Calls of Keycloak by operation and outcome: ok or the kind of the error.",
		}, []string{"operation", "outcome"}),
		callSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "scim_bridge_keycloak_call_seconds", Help: "Time of one call of Keycloak.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 15),
		}, []string{"operation"}),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "scim_bridge_plan_steps_total", Help: "Steps of plans carried out, by kind and outcome: ok or failed.",
		}, []string{"kind", "outcome"}),
		ignored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "scim_bridge_ignored_values_total", Help: "Values that a policy or the mapping left out, by attribute: passwords, unknown members, attributes without a rule.",
		}, []string{"attribute"}),
		fit: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "scim_bridge_tenant_fit", Help: "1 when the realm offers what the tenant needs, else 0.",
		}, []string{"tenant"}),
	}
	m.more()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "scim_bridge_build_info", Help: "Always 1; the version of the bridge is a label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	registry.MustRegister(m.requests, m.requestSeconds, m.inFlight, m.calls, m.callSeconds, m.steps, m.ignored, m.fit, m.mapping, m.reloads, m.refused, m.throttled, m.held, m.outage, m.config, m.configReloads, m.scanSeconds, info)
	return m
}

// more makes the metrics of files, credentials and indexes.
func (m *Metrics) more() {
	m.mapping = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "scim_bridge_mapping_applied", Help: "1 when the tenant's mapping file is applied as it is now, 0 when the one before it still is.",
	}, []string{"tenant"})
	m.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_bridge_mapping_reloads_total", Help: "Changes of a mapping file, by tenant and outcome: applied or refused.",
	}, []string{"tenant", "outcome"})
	m.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_bridge_credentials_refused_total", Help: "Requests without a good credential, by reason: missing, malformed, invalid, expired, too many failures.",
	}, []string{"reason"})
	m.outage = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "scim_bridge_keycloak_outage", Help: "Whether no calls of a realm are made, as Keycloak did not answer most of the last.",
	}, []string{"realm"})
	m.held = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_bridge_removals_held_total", Help: "Removals and deactivations of users that the removal brake of their tenant held.",
	}, []string{"tenant"})
	m.throttled = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_bridge_throttled_total", Help: "Requests of clients beyond a limit of their tenant, by reason: rate or in_flight.",
	}, []string{"tenant", "reason"})
	m.config = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "scim_bridge_config_applied", Help: "1 when the configuration files are applied as they are now, 0 when those before them still are, or when a restart is needed for all of them.",
	})
	m.config.Set(1)
	for _, reason := range []string{"missing", "malformed", "invalid", "expired", "too many failures"} {
		m.refused.WithLabelValues(reason)
	}
	m.configReloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "scim_bridge_config_reloads_total", Help: "Changes of the configuration files, by outcome: applied or refused.",
	}, []string{"outcome"})
	for _, outcome := range []string{"applied", "refused"} {
		m.configReloads.WithLabelValues(outcome)
	}
	m.scanSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "scim_bridge_index_scan_seconds", Help: "Time to read all resources of a tenant into its index, by type and outcome: ok or failed.",
		Buckets: prometheus.ExponentialBuckets(0.01, 4, 10), //nolint:mnd // up to about three quarters of an hour
	}, []string{"tenant", "type", "outcome"})
}

// Request counts an answered request. route is the pattern, never the path.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.requestSeconds.WithLabelValues(route, method).Observe(took.Seconds())
}

// InFlight changes the number of requests being answered.
func (m *Metrics) InFlight(by float64) { m.inFlight.Add(by) }

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
	value := 0.0
	if fit {
		value = 1
	}
	m.fit.WithLabelValues(tenant).Set(value)
}

// Tenant makes the metrics of a tenant whose mapping file was just loaded.
func (m *Metrics) Tenant(tenant string) {
	m.mapping.WithLabelValues(tenant).Set(1)
	for _, outcome := range []string{"applied", "refused"} {
		m.reloads.WithLabelValues(tenant, outcome)
	}
	for _, reason := range []string{"rate", "in_flight"} {
		m.throttled.WithLabelValues(tenant, reason)
	}
	m.held.WithLabelValues(tenant)
}

// Forget drops the metrics of a tenant that is gone.
func (m *Metrics) Forget(tenant string) {
	label := prometheus.Labels{"tenant": tenant}
	m.fit.Delete(label)
	m.mapping.Delete(label)
	m.reloads.DeletePartialMatch(label)
	m.throttled.DeletePartialMatch(label)
	m.held.DeletePartialMatch(label)
	m.scanSeconds.DeletePartialMatch(label)
}

// Scan records that all resources of a type were read into an index, or why they were not.
func (m *Metrics) Scan(tenant, resourceType string, took time.Duration, err error) {
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	m.scanSeconds.WithLabelValues(tenant, resourceType, outcome).Observe(took.Seconds())
}

// Index is an index of a tenant, as the metrics show it.
type Index struct {
	Tenant, Type string
	Resources    int
	Bytes        int
	Age          time.Duration // since the last whole scan began
}

// Indexes shows the indexes, and by realm how long ago its feed was followed, as they are
// whenever the metrics are read.
func (m *Metrics) Indexes(registry prometheus.Registerer, indexes func() []Index, feeds func() map[string]time.Duration) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("scim_bridge_index_"+name, help, []string{"tenant", "type"}, nil)
	}
	registry.MustRegister(indexCollector{
		indexes, feeds, desc("resources", "Resources in an index."), desc("bytes", "Memory that an index takes, about."),
		desc("age_seconds", "Time since the last whole scan of an index began: what others write shows no later, unless a feed tells it."),
		prometheus.NewDesc("scim_bridge_feed_age_seconds", "Time since the admin events of a realm were read of which something is known.", []string{"realm"}, nil),
	})
}

type indexCollector struct {
	indexes                     func() []Index
	feeds                       func() map[string]time.Duration
	resources, bytes, age, feed *prometheus.Desc
}

func (c indexCollector) Describe(to chan<- *prometheus.Desc) {
	to <- c.resources
	to <- c.bytes
	to <- c.age
	to <- c.feed
}

func (c indexCollector) Collect(to chan<- prometheus.Metric) {
	for _, i := range c.indexes() {
		to <- prometheus.MustNewConstMetric(c.resources, prometheus.GaugeValue, float64(i.Resources), i.Tenant, i.Type)
		to <- prometheus.MustNewConstMetric(c.bytes, prometheus.GaugeValue, float64(i.Bytes), i.Tenant, i.Type)
		to <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, i.Age.Seconds(), i.Tenant, i.Type)
	}
	for realm, age := range c.feeds() {
		to <- prometheus.MustNewConstMetric(c.feed, prometheus.GaugeValue, age.Seconds(), realm)
	}
}

// Refused counts a request without a good credential.
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// Realm makes the metrics of a realm.
func (m *Metrics) Realm(realm string) { m.outage.WithLabelValues(realm) }

// Outage says whether calls of a realm are not made.
func (m *Metrics) Outage(realm string, outage bool) {
	value := 0.0
	if outage {
		value = 1
	}
	m.outage.WithLabelValues(realm).Set(value)
}

// Held counts a removal that the removal brake of a tenant held.
func (m *Metrics) Held(tenant string) { m.held.WithLabelValues(tenant).Inc() }

// Throttled counts a request beyond a limit of its tenant.
func (m *Metrics) Throttled(tenant, reason string) { m.throttled.WithLabelValues(tenant, reason).Inc() }

// Config records whether the configuration files are applied as they are now, after a change
// of them.
func (m *Metrics) Config(applied bool) {
	value, outcome := 0.0, "refused"
	if applied {
		value, outcome = 1, "applied"
	}
	m.config.Set(value)
	m.configReloads.WithLabelValues(outcome).Inc()
}

// Token is a static token with an end, as the metrics show it.
type Token struct {
	Tenant, Name, KeyID string
	Expires             time.Time
}

// Tokens shows the ends of the tokens that have one, as they are whenever the metrics are read.
func (m *Metrics) Tokens(registry prometheus.Registerer, tokens func() []Token) {
	registry.MustRegister(tokenCollector{tokens, prometheus.NewDesc(
		"scim_bridge_token_expiry_timestamp_seconds", "When a static token ends, in seconds since 1970.", []string{"tenant", "client", "key_id"}, nil,
	)})
}

type tokenCollector struct {
	tokens func() []Token
	desc   *prometheus.Desc
}

func (c tokenCollector) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

func (c tokenCollector) Collect(to chan<- prometheus.Metric) {
	shown := map[[3]string]bool{}
	for _, t := range c.tokens() {
		labels := [3]string{t.Tenant, t.Name, t.KeyID}
		if shown[labels] {
			continue // Prometheus would refuse all metrics for two of one name
		}
		shown[labels] = true
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(t.Expires.Unix()), t.Tenant, t.Name, t.KeyID)
	}
}

// Mapping records whether a tenant's mapping file is applied as it is now.
func (m *Metrics) Mapping(tenant string, applied bool) {
	value, outcome := 0.0, "refused"
	if applied {
		value, outcome = 1, "applied"
	}
	m.mapping.WithLabelValues(tenant).Set(value)
	m.reloads.WithLabelValues(tenant, outcome).Inc()
}
