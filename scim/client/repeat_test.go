package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// answers is a service provider that gives answers one after the other, the last one for ever: a status, and what
// Retry-After says; 0 is no answer.
type answers struct {
	list  []answer
	calls int
}

type answer struct{ status, after int }

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	next := a.list[min(a.calls, len(a.list)-1)]
	a.calls++
	if next.status == 0 {
		return nil, errors.New("connection reset")
	}
	header := http.Header{}
	if next.after > 0 {
		header.Set("Retry-After", strconv.Itoa(next.after))
	}
	return &http.Response{StatusCode: next.status, Header: header, Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
}

// TestARequestIsRepeatedWhileItsFailureMayPass: how many calls there are, how long it waits in all, and with what it
// ends. The time is that of the bubble, so that nothing is waited for.
func TestARequestIsRepeatedWhileItsFailureMayPass(t *testing.T) {
	t.Parallel()
	growing := client.Repeat{Tries: 4, Pause: time.Second, Longest: 2 * time.Second, MostAsked: 30 * time.Second}
	steady := client.Repeat{Tries: 5, Pause: time.Second, MostAsked: time.Minute, Asked: func(err error) time.Duration {
		if client.StatusOf(err) == http.StatusTooManyRequests {
			return client.RetryAfter(err)
		}
		return 0
	}}
	endless := client.Repeat{Pause: time.Second}
	for _, c := range []struct {
		name   string
		repeat client.Repeat
		list   []answer
		calls  int
		waited time.Duration
		status int // of the failure; 0 for a success
		within time.Duration
	}{
		{"a success", growing, []answer{{200, 0}}, 1, 0, 0, time.Hour},
		{"no answer, then a success", growing, []answer{{0, 0}, {200, 0}}, 2, time.Second, 0, time.Hour},
		{"an outage that stays", growing, []answer{{502, 0}}, 4, 5 * time.Second, 502, time.Hour},
		{"a failure that would stay", growing, []answer{{503, 0}, {409, 9}}, 2, time.Second, 409, time.Hour},
		{"one that asks for more time", growing, []answer{{503, 10}, {200, 0}}, 2, 10 * time.Second, 0, time.Hour},
		{"one that asks for less time", growing, []answer{{503, 0}, {503, 0}, {503, 1}}, 4, 5 * time.Second, 503, time.Hour},
		{"one that asks for too much", growing, []answer{{429, 3600}, {200, 0}}, 2, 30 * time.Second, 0, time.Hour},
		{"steady pauses", steady, []answer{{503, 10}}, 5, 4 * time.Second, 503, time.Hour},
		{"429 with steady pauses", steady, []answer{{429, 10}, {503, 10}, {200, 0}}, 3, 11 * time.Second, 0, time.Hour},
		{"the time is over", endless, []answer{{500, 0}}, 11, 10*time.Second + time.Second/2, 500, 10*time.Second + time.Second/2},
		{"the time is over while it waits", growing, []answer{{429, 20}}, 1, 5 * time.Second, 429, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.within)
				defer cancel()
				provider := &answers{list: c.list}
				asked := client.Client{Base: "http://scim.test", HTTP: &http.Client{Transport: provider}}
				began := time.Now()
				err := c.repeat.Do(ctx, func(ctx context.Context, last bool) error {
					_, err := asked.Do(ctx, http.MethodGet, "/Users", nil)
					if want := provider.calls == c.repeat.Tries; last != want {
						t.Errorf("call %d is the last one: %v, want %v", provider.calls, last, want)
					}
					return err
				})
				if provider.calls != c.calls || time.Since(began) != c.waited || client.StatusOf(err) != c.status || (err == nil) != (c.status == 0) {
					t.Errorf("%d calls in %s, %v; want %d in %s, %d", provider.calls, time.Since(began), err, c.calls, c.waited, c.status)
				}
			})
		})
	}
}

// TestNothingIsTriedAfterTheTimeEnded: the client makes no call, and the result is an error.
func TestNothingIsTriedAfterTheTimeEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := 0
	err := client.Repeat{Tries: 3}.Do(ctx, func(context.Context, bool) error { calls++; return nil })
	if calls == 0 && !errors.Is(err, context.Canceled) || calls == 1 && err != nil || calls > 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}
