package observe

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Health answers on the admin listener. /livez reports that the process runs. /readyz reports only on this bridge,
// not on Keycloak or on the fitness of tenants: an unready sidecar would remove Keycloak's pod from its Service.
type Health struct {
	draining atomic.Bool
	statusz  http.Handler
	gatherer prometheus.Gatherer
	hosts    []string
}

// NewHealth makes a Health. statusz answers /statusz. hosts are the accepted host names of the listener, in lower
// case.
func NewHealth(gatherer prometheus.Gatherer, statusz http.Handler, hosts ...string) *Health {
	return &Health{gatherer: gatherer, statusz: statusz, hosts: hosts}
}

// Drain makes /readyz answer 503, so that no new requests are sent to this bridge.
func (h *Health) Drain() { h.draining.Store(true) }

// Handler serves /livez, /readyz, /statusz and /metrics.
func (h *Health) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", h.ready)
	mux.HandleFunc("GET /statusz", h.called(h.statusz))
	mux.HandleFunc("GET /metrics", h.called(promhttp.HandlerFor(h.gatherer, promhttp.HandlerOpts{})))
	return mux
}

// called refuses a request with a host name that is not the listener's. The host name of an attacker can point to this
// address; a page with that name could then read the answer in an operator's browser (DNS rebinding). IP addresses and
// the names of the local machine are accepted: a page of an attacker cannot have them.
func (h *Health) called(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !h.named(r.Host) {
			http.Error(w, "this listener does not accept that host name: use its IP address, or add the name to admin.hosts in the configuration", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	}
}

func (h *Health) named(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(h.hosts, host)
}

func (h *Health) ready(w http.ResponseWriter, _ *http.Request) {
	if h.draining.Load() {
		say(w, http.StatusServiceUnavailable, "draining\n")
		return
	}
	say(w, http.StatusOK, "ok\n")
}

// say answers a probe. It ignores a probe that went away.
func say(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
