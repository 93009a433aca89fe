package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

// Repeat says how something is tried again that failed for a reason that may pass: no answer, 429 or 5xx.
type Repeat struct {
	Tries   int           // at most; 0 for as long as the context lasts
	Pause   time.Duration // before the second try; twice as long before each further one
	Longest time.Duration // of the pauses that grow, Pause when it is less
	// Asked is how long the service provider asks to wait; nil for what RetryAfter says. A pause is as long as that,
	// but not longer than MostAsked.
	Asked     func(error) time.Duration
	MostAsked time.Duration
}

// Do tries until there is a success, a failure that would stay, or no try left, and returns the last failure. last
// says that nothing is tried after a failure.
func (r Repeat) Do(ctx context.Context, try func(ctx context.Context, last bool) error) error {
	policy := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return err != nil && Passes(StatusOf(err)) }).
		WithMaxAttempts(r.attempts()).
		WithDelayFunc(r.pause).
		ReturnLastFailure().
		Build()
	tried, failure := false, error(nil)
	err := failsafe.With(policy).WithContext(ctx).RunWithExecution(func(exec failsafe.Execution[any]) error {
		tried, failure = true, try(ctx, exec.Attempts() == r.Tries)
		return failure
	})
	if !tried {
		return err
	}
	return failure // it says more than that the time ended
}

func (r Repeat) attempts() int {
	if r.Tries == 0 {
		return -1
	}
	return r.Tries
}

// pause is how long to wait after a failure.
func (r Repeat) pause(exec failsafe.ExecutionAttempt[any]) time.Duration {
	const doubled = 30 // is longer than any pause
	asked := RetryAfter
	if r.Asked != nil {
		asked = r.Asked
	}
	growing := min(r.Pause<<min(exec.Retries(), doubled), max(r.Longest, r.Pause))
	return max(growing, min(asked(exec.LastError()), r.MostAsked))
}

// Passes reports whether a status may be another one the next time; 0 is no answer.
func Passes(status int) bool {
	return status == 0 || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// RetryAfter is how long the service provider that refused a request asks to wait, 0 when it does not say.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
