package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

// Repeat says how often and how soon a request is sent again. It repeats only a request that got no answer, 429 or 5xx.
type Repeat struct {
	Tries   int           // at most; 0 for as long as the context lasts
	Pause   time.Duration // before the second try; twice as long before each further one
	Longest time.Duration // the longest pause that Repeat chooses by itself; at least Pause
	// Asked reads from a failure how long the service provider asks to wait; nil means RetryAfter. A pause is at least
	// that long, up to MostAsked.
	Asked     func(error) time.Duration
	MostAsked time.Duration
}

// Do calls try until it succeeds, fails for another reason, or was called Tries times. It returns the last failure.
// last tells try that no further call follows.
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
	const doubled = 20 // times: longer than any pause, and no overflow below a Pause of two hours
	asked := RetryAfter
	if r.Asked != nil {
		asked = r.Asked
	}
	growing := min(r.Pause<<min(exec.Retries(), doubled), max(r.Longest, r.Pause))
	return max(growing, min(asked(exec.LastError()), r.MostAsked))
}

// Passes reports whether a request may succeed when it is sent again after this status; 0 means no answer.
func Passes(status int) bool {
	return status == 0 || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// RetryAfter is how long the service provider asks to wait after a refusal; 0 when it does not say.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
