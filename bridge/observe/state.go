package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Index is an index of a tenant in the form that the metrics show.
type Index struct {
	Tenant, Type string
	Resources    int
	Bytes        int
	Age          float64 // in seconds, since the start of the last complete scan
	// WithoutKey and SharedID are only for users; see the metrics.
	WithoutKey, SharedID int
}

// Token is a static token that expires, in the form that the metrics show.
type Token struct {
	Tenant, Name, KeyID string
	Expires             time.Time
}

// Store is the store in the form that the metrics show.
type Store struct {
	Away  bool // whether the last call of the store failed
	Known bool // whether the fields below could be read
	// Entries are the settled changes, Open the changes that are not settled, and Oldest the age of the oldest open
	// change.
	Entries, Bytes, Open int64
	Oldest               time.Duration
	// Requests are the rows of requests, and Dropped the rows that could not be written since the start.
	Requests, Dropped int64
}

// State are values that are read when the metrics are read. It has its own types because this package imports no
// other package of the bridge. bridge/app fills them from the views of bridge/admin.
type State struct {
	// Exists reports whether there is a tenant at a path.
	Exists  func(path string) bool
	Indexes func() []Index
	// Feeds returns, by realm, how long ago its admin events were read.
	Feeds func() map[string]time.Duration
	// Tokens returns the tokens that expire.
	Tokens func() []Token
	// Store returns the state of the store; nil for a bridge without a store.
	Store func() Store
}

// Show adds the values of a state to the metrics.
func (m *Metrics) Show(s State) {
	m.tenants.exists = s.Exists
	m.set.registry.MustRegister(collector{m, s})
}

// usersType is the Type of an index of users.
const usersType = "User"

type collector struct {
	m     *Metrics
	state State
}

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{c.m.indexResources, c.m.indexBytes, c.m.indexAge, c.m.withoutKey, c.m.sharedIDs, c.m.feedAge, c.m.tokenExpiry, c.m.storeAway, c.m.storeEntries, c.m.storeBytes, c.m.openChanges, c.m.oldestOpen, c.m.storeRequests, c.m.storeDropped} {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, i := range c.indexes() {
		gauge(c.m.indexResources, float64(i.Resources), i.Tenant, i.Type)
		gauge(c.m.indexBytes, float64(i.Bytes), i.Tenant, i.Type)
		gauge(c.m.indexAge, i.Age, i.Tenant, i.Type)
		if i.Type == usersType {
			gauge(c.m.withoutKey, float64(i.WithoutKey), i.Tenant)
			gauge(c.m.sharedIDs, float64(i.SharedID), i.Tenant)
		}
	}
	for realm, age := range c.state.Feeds() {
		gauge(c.m.feedAge, age.Seconds(), realm)
	}
	for _, t := range c.tokens() {
		gauge(c.m.tokenExpiry, float64(t.Expires.Unix()), t.Tenant, t.Name, t.KeyID)
	}
	if c.state.Store == nil {
		return
	}
	s := c.state.Store()
	gauge(c.m.storeAway, oneIf(s.Away))
	if s.Known {
		gauge(c.m.storeEntries, float64(s.Entries))
		gauge(c.m.storeBytes, float64(s.Bytes))
		gauge(c.m.openChanges, float64(s.Open))
		gauge(c.m.oldestOpen, s.Oldest.Seconds())
		gauge(c.m.storeRequests, float64(s.Requests))
		to <- prometheus.MustNewConstMetric(c.m.storeDropped, prometheus.CounterValue, float64(s.Dropped))
	}
}

// indexes returns the indexes by label and type. For tenants that share a label it returns sums, and the age of the
// oldest index.
func (c collector) indexes() map[[2]string]Index {
	out := map[[2]string]Index{}
	for _, i := range c.state.Indexes() {
		i.Tenant = c.m.tenants.label(i.Tenant)
		key := [2]string{i.Tenant, i.Type}
		sum := out[key]
		out[key] = Index{
			Tenant: i.Tenant, Type: i.Type, Resources: sum.Resources + i.Resources, Bytes: sum.Bytes + i.Bytes, Age: max(sum.Age, i.Age),
			WithoutKey: sum.WithoutKey + i.WithoutKey, SharedID: sum.SharedID + i.SharedID,
		}
	}
	return out
}

// tokens returns the tokens that expire, one for each set of labels: with two, Prometheus would refuse all metrics.
// For tenants that share a label it returns the token that expires first.
func (c collector) tokens() map[[3]string]Token {
	out := map[[3]string]Token{}
	for _, t := range c.state.Tokens() {
		if t.Tenant = c.m.tenants.label(t.Tenant); t.Tenant == OtherTenants {
			t.Name, t.KeyID = "", ""
		}
		key := [3]string{t.Tenant, t.Name, t.KeyID}
		if first, ok := out[key]; !ok || t.Expires.Before(first.Expires) {
			out[key] = t
		}
	}
	return out
}
