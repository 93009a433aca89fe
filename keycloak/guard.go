package keycloak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
)

// maxBody bounds the body of an answer. A page of 100 users with everything that the bridge stores is smaller.
const maxBody = 16 << 20

// guard passes proper answers of Keycloak and makes an *Error of everything else: no answer, a redirect, a page of
// HTML, a torn or endless body, an error status. It bounds the calls at the same time, and makes no call during an
// outage.
type guard struct {
	base    http.RoundTripper
	slots   chan struct{}
	breaker breaker
}

func newGuard(base http.RoundTripper, inFlight int, b breaker) *guard {
	if inFlight <= 0 {
		inFlight = DefaultMaxInFlight
	}
	return &guard{base: base, slots: make(chan struct{}, inFlight), breaker: b}
}

// captureKey is where the guard leaves its error for calls through gocloak, because gocloak's errors do not unwrap.
type captureKey struct{}

type capture struct{ err *Error }

// RoundTrip implements http.RoundTripper. Its errors are *Error.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := g.roundTrip(req)
	if err == nil {
		return res, nil
	}
	if c, ok := req.Context().Value(captureKey{}).(*capture); ok {
		c.err = err
	}
	return nil, err
}

func (g *guard) roundTrip(req *http.Request) (*http.Response, *Error) {
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
	case <-req.Context().Done():
		return nil, unavailable("all %d calls to Keycloak are in use, and the request stopped waiting: %w", cap(g.slots), req.Context().Err())
	}
	if err := req.Context().Err(); err != nil { // a request without time left may still have thousands of calls to make
		return nil, unavailable("the time of the request has ended: %w", err)
	}
	if refused := g.breaker.admit(); refused != nil {
		return nil, refused
	}
	res, err := g.exchange(req)
	g.breaker.record(req.Context(), err)
	return res, err
}

func (g *guard) exchange(req *http.Request) (*http.Response, *Error) {
	res, err := g.base.RoundTrip(req)
	if err != nil {
		return nil, &Error{Kind: Unavailable, Err: hideURL(err)}
	}
	body, err := readBody(res)
	if err != nil {
		return nil, &Error{Kind: Unavailable, Status: res.StatusCode, Err: err}
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return nil, fromStatus(res.StatusCode, res.Header, body)
	}
	if len(body) > 0 && !isJSON(res.Header) {
		return nil, &Error{Kind: Unavailable, Status: res.StatusCode, Err: fmt.Errorf("the answer is %q, not JSON: another program answers in place of Keycloak", res.Header.Get("Content-Type"))}
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// hideURL removes the URL, so that the log has no search terms.
func hideURL(err error) error {
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}

func readBody(res *http.Response) ([]byte, error) {
	defer res.Body.Close() //nolint:errcheck // it was read, nothing can be lost
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("the answer is larger than %d bytes", maxBody)
	}
	return body, nil
}

func isJSON(h http.Header) bool {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && media == "application/json"
}
