package keycloak

import (
	"context"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// DefaultBreakerDelay is how long no call is made after an outage, unless the configuration says otherwise.
const DefaultBreakerDelay = 5 * time.Second

// The breaker opens when 20 of 25 calls are unanswered. A short burst of errors does not open it.
const (
	breakerCalls    = 25
	breakerFailures = 20
)

// breaker stops calls to a Keycloak that does not answer. Otherwise all calls would wait, and Keycloak would have to
// answer all of them when it is back. After a delay one call tests whether Keycloak answers again.
type breaker struct {
	circuitbreaker.CircuitBreaker[any]
}

func newBreaker(delay time.Duration, observe func(open bool)) breaker {
	return breaker{circuitbreaker.NewBuilder[any]().
		WithFailureThresholdRatio(breakerFailures, breakerCalls).
		WithSuccessThreshold(1).
		WithDelay(delay).
		OnOpen(func(circuitbreaker.StateChangedEvent) { observe(true) }).
		OnClose(func(circuitbreaker.StateChangedEvent) { observe(false) }).
		Build()}
}

// admit refuses a call while the breaker is open. After an admitted call, record must follow.
func (b breaker) admit() *Error {
	if b.TryAcquirePermit() {
		return nil
	}
	e := unavailable("no call is made: most of the last %d were not answered", breakerCalls)
	e.RetryAfter = max(b.RemainingDelay(), time.Second)
	return e
}

// record notes the result of a call. A caller that left or had no time left says nothing about Keycloak, so such a call
// does not count as a failure. But it must not close the breaker either.
func (b breaker) record(ctx context.Context, e *Error) {
	switch {
	case e == nil || e.Kind != Unavailable:
		b.RecordSuccess()
	case ctx.Err() == nil || b.IsHalfOpen():
		b.RecordFailure()
	}
}
