package keycloak

import (
	"context"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// DefaultBreakerDelay is how long no call is made after an outage when nobody says.
const DefaultBreakerDelay = 5 * time.Second

// Of so many calls so many must be unanswered for the breaker to open: a burst of errors does not.
const (
	breakerCalls    = 25
	breakerFailures = 20
)

// breaker keeps calls away from a Keycloak that does not answer: they would all wait for it, and it
// would have them all to answer when it comes back. After a delay one call finds out whether it is.
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

// admit refuses a call while the breaker is open. record has to follow when it does not.
func (b breaker) admit() *Error {
	if b.TryAcquirePermit() {
		return nil
	}
	e := unavailable("no call is made: most of the last %d were not answered", breakerCalls)
	e.RetryAfter = max(b.RemainingDelay(), time.Second)
	return e
}

// record takes how a call ended. One whose caller went away, or had no time left, says nothing of
// Keycloak, which has a time of its own to answer, but must not be what closes the breaker.
func (b breaker) record(ctx context.Context, e *Error) {
	switch {
	case e == nil || e.Kind != Unavailable:
		b.RecordSuccess()
	case ctx.Err() == nil || b.IsHalfOpen():
		b.RecordFailure()
	}
}
