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

// Health answers the admin listener. /livez is the process; /readyz is this bridge
// alone, neither Keycloak's health nor a tenant's fitness, because an unready
// sidecar would take Keycloak's pod out of its Service.
type Health struct {
	draining atomic.Bool
	statusz  http.Handler
	gatherer prometheus.Gatherer
	hosts    []string
}

// NewHealth makes a Health, which answers /statusz by a handler. hosts are names by which the
// listener is called, in lower case.
func NewHealth(gatherer prometheus.Gatherer, statusz http.Handler, hosts ...string) *Health {
	return &Health{gatherer: gatherer, statusz: statusz, hosts: hosts}
}

// Drain makes /readyz answer 503, so that no new request is sent here.
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

// called refuses a request by a name that is not the listener's: it may be that of somebody who
// has the name lead here, so that a page of theirs reads the answer in an operator's browser (DNS
// rebinding). An address is no name, and no page has a name of this machine.
func (h *Health) called(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !h.named(r.Host) {
			http.Error(w, "this listener is not called by that name: use its address, or write the name into admin.hosts of the configuration", http.StatusMisdirectedRequest)
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

// say answers a probe. A probe that went away is nobody's concern.
func say(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
