package observe

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Health answers the admin listener. /livez is the process; /readyz is this bridge
// alone, neither Keycloak's health nor a tenant's fitness, because an unready
// sidecar would take Keycloak's pod out of its Service.
type Health struct {
	draining atomic.Bool
	look     func() Status
	gatherer prometheus.Gatherer
}

// NewHealth makes a Health; look tells what /statusz says.
func NewHealth(gatherer prometheus.Gatherer, look func() Status) *Health {
	return &Health{gatherer: gatherer, look: look}
}

// Drain makes /readyz answer 503, so that no new request is sent here.
func (h *Health) Drain() { h.draining.Store(true) }

// Handler serves /livez, /readyz, /statusz and /metrics.
func (h *Health) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", h.ready)
	mux.HandleFunc("GET /statusz", h.status)
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.gatherer, promhttp.HandlerOpts{}))
	return mux
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
