package observe

import "time"

// Reasons why a change is made while the store does not answer.
const (
	EndsAccess = "ends_access" // it ends the access of a user
	Continues  = "continue"    // the configuration lets every change continue
)

// Journal makes the metrics of a bridge that has a store.
func (m *Metrics) Journal() {
	m.intentSeconds.WithLabelValues()
	for _, reason := range []string{EndsAccess, Continues} {
		for _, outcome := range []string{"late", "lost"} {
			m.unjournalled.WithLabelValues(reason, outcome)
		}
	}
}

// Intended records how long the store took to record a change before it was made, or to fail.
func (m *Metrics) Intended(took time.Duration) {
	m.intentSeconds.WithLabelValues().Observe(took.Seconds())
}

// Unjournalled counts a change that is made while the store does not answer. kept says whether the journal gets the
// change later.
func (m *Metrics) Unjournalled(reason string, kept bool) {
	outcome := "lost"
	if kept {
		outcome = "late"
	}
	m.unjournalled.WithLabelValues(reason, outcome).Inc()
}
