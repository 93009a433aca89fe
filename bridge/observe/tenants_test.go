package observe

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// newBounded makes metrics with a limited number of tenant labels, and a function that reads them.
func newBounded(t *testing.T, tenants int, s State) (*Metrics, func() string) {
	t.Helper()
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry, "test", tenants)
	if s.Indexes == nil {
		s.Indexes = func() []Index { return nil }
	}
	if s.Tokens == nil {
		s.Tokens = func() []Token { return nil }
	}
	if s.Exists == nil {
		s.Exists = func(string) bool { return true }
	}
	s.Feeds = func() map[string]time.Duration { return nil }
	m.Show(s)
	return m, func() string {
		w := httptest.NewRecorder()
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if w.Code != http.StatusOK {
			t.Errorf("/metrics = %d %s", w.Code, w.Body)
		}
		return w.Body.String()
	}
}

// named returns the values of the label tenant.
func named(metrics string) []string {
	seen := map[string]bool{}
	for _, found := range regexp.MustCompile(`tenant="([^"]*)"`).FindAllStringSubmatch(metrics, -1) {
		seen[found[1]] = true
	}
	out := make([]string, 0, len(seen))
	for name := range seen {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// wantLines fails the test unless the metrics contain these lines. The last word of a line is the value.
func wantLines(t *testing.T, metrics string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("the metrics lack %s:\n%s", line, metrics)
		}
	}
}

// everyEvent changes each metric with the label tenant.
func everyEvent(m *Metrics, tenant string, at time.Time) {
	m.Tenant(tenant)
	m.Answered(tenant, http.StatusOK, at)
	m.Answered(tenant, http.StatusNotFound, at)
	m.Fit(tenant, true)
	m.Mapping(tenant, true)
	m.Held(tenant)
	m.Throttled(tenant, "memory")
	m.Scan(tenant, "User", time.Second, nil)
	m.Scan(tenant, "Group", time.Second, errors.New("x"))
}

// tenantsOf returns the paths of n tenants.
func tenantsOf(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("acme/organizations/%03d", i)
	}
	return out
}

// stateOf has an index of users and an expiring token for each tenant.
func stateOf(tenants []string) State {
	return State{
		Indexes: func() (out []Index) {
			for i, tenant := range tenants {
				out = append(out, Index{Tenant: tenant, Type: "User", Resources: 10, Bytes: 100, Age: float64(i + 1), WithoutKey: 2, SharedID: 1})
			}
			return out
		},
		Tokens: func() (out []Token) {
			for i, tenant := range tenants {
				out = append(out, Token{Tenant: tenant, Name: "idp", KeyID: fmt.Sprintf("key%05d", i), Expires: time.Unix(int64(5000-i), 0)})
			}
			return out
		},
	}
}

// TestTheMetricsNameNoMoreTenantsThanTheyMay: this holds for each metric with the label, however many tenants have
// events.
func TestTheMetricsNameNoMoreTenantsThanTheyMay(t *testing.T) {
	t.Parallel()
	all := tenantsOf(20)
	for bound, want := range map[int][]string{EveryTenant: all, 0: {OtherTenants}, 3: append(slices.Clone(all[:3]), OtherTenants), 20: all, 30: all} {
		m, read := newBounded(t, bound, stateOf(all))
		var wg sync.WaitGroup
		for i, tenant := range all {
			m.Tenant(tenant)
			wg.Go(func() { everyEvent(m, tenant, time.Unix(int64(1000+i), 0)) })
		}
		wg.Wait()
		text := read()
		if diff := cmp.Diff(want, named(text)); diff != "" {
			t.Errorf("with %d (-want +got):\n%s", bound, diff)
		}
		labelled := 0
		for _, metric := range m.All() {
			if slices.Contains(metric.Labels, "tenant") {
				labelled++
				if !strings.Contains(text, "\n"+metric.Name) {
					t.Errorf("with %d: the metric %s has no value", bound, metric.Name)
				}
			}
		}
		if labelled < 12 {
			t.Errorf("%d metrics have the label", labelled)
		}
	}
}

// TestTheOthersShareValuesThatStillTell: counters are sums, and a state is the worst state.
func TestTheOthersShareValuesThatStillTell(t *testing.T) {
	t.Parallel()
	all := tenantsOf(5)
	m, read := newBounded(t, 2, stateOf(all))
	for i, tenant := range all {
		everyEvent(m, tenant, time.Unix(int64(1000+i), 0))
	}
	m.Fit(all[3], false)
	m.Mapping(all[4], false)
	wantLines(t, read(),
		`scim_bridge_tenant_requests_total{status="2xx",tenant="acme/organizations/000"} 1`,
		`scim_bridge_tenant_requests_total{status="2xx",tenant="other tenants"} 3`,
		`scim_bridge_tenant_requests_total{status="5xx",tenant="other tenants"} 0`,
		`scim_bridge_removals_held_total{tenant="other tenants"} 3`,
		`scim_bridge_throttled_total{reason="memory",tenant="other tenants"} 3`,
		`scim_bridge_mapping_reloads_total{outcome="applied",tenant="other tenants"} 3`,
		`scim_bridge_mapping_reloads_total{outcome="refused",tenant="other tenants"} 1`,
		`scim_bridge_index_scan_seconds_count{outcome="failed",tenant="other tenants",type="Group"} 3`,
		`scim_bridge_tenant_fit{tenant="acme/organizations/000"} 1`,
		`scim_bridge_tenant_fit{tenant="other tenants"} 0`,
		`scim_bridge_mapping_applied{tenant="other tenants"} 0`,
		`scim_bridge_tenant_last_request_timestamp_seconds{tenant="other tenants"} 1004`,
		`scim_bridge_index_resources{tenant="other tenants",type="User"} 30`,
		`scim_bridge_index_bytes{tenant="other tenants",type="User"} 300`,
		`scim_bridge_index_age_seconds{tenant="other tenants",type="User"} 5`,
		`scim_bridge_external_ids_without_key{tenant="other tenants"} 6`,
		`scim_bridge_external_ids_shared{tenant="other tenants"} 3`,
		`scim_bridge_token_expiry_timestamp_seconds{client="idp",key_id="key00000",tenant="acme/organizations/000"} 5000`,
		`scim_bridge_token_expiry_timestamp_seconds{client="",key_id="",tenant="other tenants"} 4996`,
	)
	m.Fit(all[3], true)
	for _, tenant := range all[2:] {
		m.Forget(tenant)
	}
	if got := named(strings.Join(fitLines(read()), "\n")); !slices.Equal(got, all[:2]) {
		t.Errorf("removed tenants still have the metric of fitness: %v", got)
	}
}

// fitLines returns the lines of the metric tenant_fit.
func fitLines(metrics string) []string {
	return slices.DeleteFunc(strings.Split(metrics, "\n"), func(line string) bool { return !strings.HasPrefix(line, "scim_bridge_tenant_fit{") })
}

// requests counts n answers for a tenant.
func requests(m *Metrics, tenant string, n int) {
	for range n {
		m.Answered(tenant, http.StatusOK, time.Unix(1, 0))
	}
}

// TestTheBusiestTenantsAreNamed: a tenant takes the place of the tenant with the fewest requests when it has at least
// 1024 requests and twice as many. With a lower limit, the labels would change all the time.
func TestTheBusiestTenantsAreNamed(t *testing.T) {
	t.Parallel()
	m, read := newBounded(t, 2, State{})
	for _, tenant := range []string{"first", "second", "third"} {
		m.Tenant(tenant)
	}
	wantNamed := func(when string, want ...string) {
		t.Helper()
		if got := named(read()); !slices.Equal(got, want) {
			t.Errorf("%s the metrics name %q, want %q", when, got, want)
		}
	}
	requests(m, "first", 700)
	requests(m, "second", 500)
	requests(m, "third", 1023)
	wantNamed("before the third has had enough requests", "first", OtherTenants, "second")
	requests(m, "third", 1)
	wantNamed("with twice as many requests as the second", "first", OtherTenants, "third")
	wantLines(t, read(),
		`scim_bridge_tenant_requests_total{status="2xx",tenant="third"} 1`,
		`scim_bridge_removals_held_total{tenant="third"} 0`,
		`scim_bridge_tenant_requests_total{status="2xx",tenant="other tenants"} 1023`,
	)
	requests(m, "second", 700)
	wantNamed("when the second had more requests, and not twice as many as the first", "first", OtherTenants, "third")
	m.Forget("first")
	m.Answered("second", http.StatusOK, time.Unix(1, 0))
	wantNamed("when the first is gone", OtherTenants, "second", "third")
}

// TestATenantThatIsGoneUsesNoLabel: a request and a scan may end after their tenant was removed.
func TestATenantThatIsGoneUsesNoLabel(t *testing.T) {
	t.Parallel()
	exists := map[string]bool{"gone": true, "acme": true}
	m, read := newBounded(t, 1, State{Exists: func(path string) bool { return exists[path] }})
	everyEvent(m, "gone", time.Unix(1, 0))
	delete(exists, "gone")
	m.Forget("gone")
	m.Answered("gone", http.StatusOK, time.Unix(2, 0))
	m.Scan("gone", "User", time.Second, errors.New("the tenant is gone"))
	everyEvent(m, "acme", time.Unix(3, 0))
	if got := named(read()); !slices.Contains(got, "acme") || slices.Contains(got, "gone") {
		t.Errorf("the metrics name %v", got)
	}
}
