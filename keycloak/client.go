package keycloak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/Nerzal/gocloak/v13"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/go-json-experiment/json"
)

// RealmManagement is the clientId of the client whose roles are the rights of the Admin API.
const RealmManagement = "realm-management"

// Config is what a Client needs.
type Config struct {
	BaseURL     string // of Keycloak, as "https://kc.example/auth"; a slash at its end is dropped
	Realm       Realm
	TokenRealm  Realm // where the credentials live; zero: Realm
	Credentials Credentials
	Transport   http.RoundTripper // see NewTransport
	MaxInFlight int               // calls under way at once; DefaultMaxInFlight

	// BreakerDelay is how long no call is made once most of the last were not answered;
	// DefaultBreakerDelay.
	BreakerDelay time.Duration

	// Wrap goes around every exchange with Keycloak, that of a token too; nil for nothing. Op says
	// what for, and its errors are *Error.
	Wrap func(http.RoundTripper) http.RoundTripper
	// Observe is told of every call, tokens aside; nil for nobody.
	Observe func(ctx context.Context, c Call)
	// ObserveOutage is told when calls are not made any more, and when they are again; nil for
	// nobody.
	ObserveOutage func(outage bool)
}

// Call is one call that was made.
type Call struct {
	Op       string // as "create user"
	Kind     Kind   // "" on success
	Duration time.Duration
}

// Client calls the Admin API of one realm. It is safe for concurrent use.
type Client struct {
	realm   Realm
	url     string // the root of Keycloak
	base    string // …/admin/realms/{realm}
	http    *http.Client
	tokens  *tokenSource
	cloak   *gocloak.GoCloak
	retry   failsafe.Executor[any]
	observe func(context.Context, Call)
	breaker breaker
	own     sync.Mutex // see ChangeOwnValues
}

// New makes a client. It makes no call.
func New(c Config) (*Client, error) {
	base := strings.TrimRight(c.BaseURL, "/")
	if u, err := url.Parse(base); err != nil || u.Scheme == "" || u.Host == "" {
		return nil, fmt.Errorf("%q is no URL of a Keycloak", c.BaseURL)
	}
	if c.Realm.IsZero() || c.Credentials == nil || c.Transport == nil {
		return nil, errors.New("a client needs a realm, credentials and a transport")
	}
	if c.TokenRealm.IsZero() {
		c.TokenRealm = c.Realm
	}
	if c.Observe == nil {
		c.Observe = func(context.Context, Call) {}
	}
	if c.ObserveOutage == nil {
		c.ObserveOutage = func(bool) {}
	}
	breaker := newBreaker(orDefault(c.BreakerDelay, DefaultBreakerDelay), c.ObserveOutage)
	plain := &http.Client{Transport: newGuard(c.Transport, c.MaxInFlight, breaker)}
	if c.Wrap != nil {
		plain.Transport = c.Wrap(plain.Transport)
	}
	return &Client{
		realm:   c.Realm,
		url:     base,
		base:    base + "/admin/realms/" + c.Realm.escaped(),
		http:    plain,
		tokens:  &tokenSource{http: plain, realmURL: base + "/realms/" + c.TokenRealm.escaped(), credentials: c.Credentials},
		cloak:   newGocloak(base, plain.Transport),
		retry:   failsafe.With(readPolicy()),
		observe: c.Observe,
		breaker: breaker,
	}, nil
}

// newGocloak puts gocloak on our transport, without its cookie jar, which would
// bind all calls to one node of a cluster.
func newGocloak(base string, transport http.RoundTripper) *gocloak.GoCloak {
	g := gocloak.NewClient(base)
	g.RestyClient().SetTransport(transport).SetCookieJar(nil).SetDisableWarn(true).SetLogger(silent{})
	return g
}

// silent drops resty's own log lines, which hold URLs; what matters is in errors.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// Of the reads under way at once, so many may be repetitions, or a few whatever the others are:
// repetitions by all are what keeps a server down that comes back.
const (
	retryShare = 0.2
	retryFew   = 4
)

// readPolicy repeats reads that Keycloak did not answer, twice. Nothing else is
// ever repeated.
func readPolicy() retrypolicy.RetryPolicy[any] {
	return retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return isOutage(err) }).
		WithMaxRetries(2).
		WithBackoff(50*time.Millisecond, 500*time.Millisecond).
		WithJitterFactor(0.2).
		WithBudget(budget.NewBuilder().WithMaxRate(retryShare).WithMinConcurrency(retryFew).Build()).
		ReturnLastFailure().
		Build()
}

// isOutage reports whether another try may find Keycloak again.
func isOutage(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == Unavailable && e.RetryAfter == 0 &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

type opKey struct{}

func withOp(ctx context.Context, op string) context.Context {
	return context.WithValue(ctx, opKey{}, op)
}

// Op is what an exchange with Keycloak is for, by the context of its request: "create user".
func Op(ctx context.Context) string {
	op, _ := ctx.Value(opKey{}).(string)
	return op
}

// Outage reports whether no calls are made, as Keycloak did not answer most of the last.
func (c *Client) Outage() bool { return c.breaker.IsOpen() }

// URL is the root of Keycloak, without a slash at its end.
func (c *Client) URL() string { return c.url }

// Realm is the realm of the client.
func (c *Client) Realm() Realm { return c.realm }

// call runs one call with a token: again with a new one when Keycloak does not know
// it any more, which it says before it does anything.
func (c *Client) call(ctx context.Context, op string, try func(ctx context.Context, token string) error) error {
	ctx = withOp(ctx, op)
	token, err := c.tokens.get(ctx, "")
	if err != nil {
		return named(op, err)
	}
	err = c.observed(ctx, op, token, try)
	if e := asError(err); e == nil || e.Status != http.StatusUnauthorized {
		return named(op, err)
	}
	if token, err = c.tokens.get(ctx, token); err != nil {
		return named(op, err)
	}
	return named(op, c.observed(ctx, op, token, try))
}

func (c *Client) observed(ctx context.Context, op, token string, try func(context.Context, string) error) error {
	start := time.Now()
	err := try(ctx, token)
	call := Call{Op: op, Duration: time.Since(start)}
	if e := asError(err); e != nil {
		call.Kind = e.Kind
	}
	c.observe(ctx, call)
	return err
}

// named completes an error with the operation.
func named(op string, err error) error {
	e := asError(err)
	if e == nil {
		return nil
	}
	if e.Op == "" {
		e.Op = op
	}
	return e
}

// asError is the *Error in the chain, or one made of the error.
func asError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: Unavailable, Err: err}
	}
	return &Error{Kind: Unknown, Err: err}
}

// viaGocloak runs a call of gocloak; the guard's error replaces gocloak's.
func (c *Client) viaGocloak(ctx context.Context, op string, try func(ctx context.Context, token string) error) error {
	return c.call(ctx, op, func(ctx context.Context, token string) error {
		var seen capture
		err := try(context.WithValue(ctx, captureKey{}, &seen), token)
		if seen.err != nil {
			return seen.err
		}
		return err
	})
}

// maxPath bounds a path with its query, in bytes: Keycloak answers 414 beyond 32 KiB (measured),
// and proxies in front of it take 8 KiB by default.
const maxPath = 6 << 10

// get reads path with query into out, and tries again during an outage. A value that a URL
// cannot hold is ErrNotSearchable.
func (c *Client) get(ctx context.Context, op, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if len(path) > maxPath {
		return &Error{Op: op, Kind: Invalid, Err: ErrNotSearchable}
	}
	var last error
	err := c.retry.WithContext(ctx).Run(func() error {
		last = c.call(ctx, op, func(ctx context.Context, token string) error {
			_, err := c.send(ctx, token, http.MethodGet, path, nil, out)
			return torn(err)
		})
		return last
	})
	if errors.Is(err, budget.ErrExceeded) {
		err = last
	}
	return named(op, err)
}

// torn tells an answer that Keycloak could not finish from one about the request: it says that
// it cannot parse JSON, of which a GET has none, when somebody is deleted while it lists the
// members of an organization (measured on 26.7.4).
func torn(err error) error {
	if e := asError(err); e != nil && e.Kind == Invalid && strings.Contains(e.Message, "Cannot parse the JSON") {
		e.Kind = Unavailable
	}
	return err
}

// write sends a body with a method that changes something.
func (c *Client) write(ctx context.Context, op, method, path string, body any) error {
	_, err := c.change(ctx, op, method, path, body)
	return err
}

// create posts a body and returns the last segment of the Location: the id of what was
// created, "" when the answer names none.
func (c *Client) create(ctx context.Context, op, path string, body any) (string, error) {
	header, err := c.change(ctx, op, http.MethodPost, path, body)
	if err != nil {
		return "", err
	}
	location := header.Get("Location")
	return location[strings.LastIndexByte(location, '/')+1:], nil
}

// bare sends a request without a body that changes something.
func (c *Client) bare(ctx context.Context, op, method, path string) error {
	return c.call(ctx, op, func(ctx context.Context, token string) error {
		_, err := c.send(ctx, token, method, path, nil, nil)
		return err
	})
}

func (c *Client) change(ctx context.Context, op, method, path string, body any) (header http.Header, err error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, &Error{Op: op, Kind: Invalid, Err: fmt.Errorf("encode: %w", err)}
	}
	err = c.call(ctx, op, func(ctx context.Context, token string) (err error) {
		header, err = c.send(ctx, token, method, path, data, nil)
		return err
	})
	return header, err
}

func (c *Client) send(ctx context.Context, token, method, path string, body []byte, out any) (http.Header, error) {
	req, err := newRequest(ctx, method, c.base+path, bodyReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // the guard read it
	if out == nil {
		return res.Header, nil
	}
	if err := json.UnmarshalRead(res.Body, out); err != nil {
		return nil, unavailable("decode answer: %w", err)
	}
	return res.Header, nil
}

// bodyReader keeps a nil body a nil reader.
func bodyReader(body []byte) io.Reader {
	if body == nil {
		return http.NoBody
	}
	return bytes.NewReader(body)
}

func newRequest(ctx context.Context, method, target string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, &Error{Kind: Invalid, Err: err}
	}
	return req, nil
}
